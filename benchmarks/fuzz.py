"""Loads thousands of spoilt manifests and counts what must never happen: ``make fuzz``.

Each input is a file of ``tests/data/manifests`` with a few mutations: bytes, lines, cells and headers of texts; of
workbooks mostly the XML inside, zipped again. Loading it must end within seconds, in jobs and problems that have
a place, or in a ManifestError with a hint. The same seed and number make the same input.

    python -m benchmarks.fuzz --inputs 20000 --seed 1
    python -m benchmarks.fuzz --seed 1 --only 4711 --keep spoilt

Exits with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from benchmarks.spoil import Input, make_input
from dubbatch.errors import ManifestError
from dubbatch.manifest import Manifest, Problem, load, parse_address, read_head

CORPUS = Path(__file__).parents[1] / "tests" / "data" / "manifests"
#: An input that takes longer, in seconds, is a finding: each is a few kilobytes.
SLOW_S = 5.0
#: What no signal interrupts ends the process after this, with a traceback; the input stays in its folder.
_HUNG_S = 60.0
#: Problems about a file as a whole, which have no row: how it is encoded, and what a parser can't place.
_WHOLE_FILE = ("the file is not UTF-8", "not YAML")
#: Longest value that a problem shows, in characters.
_VALUE_MAX = 120

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True)
class Finding:
    number: int
    origin: str
    #: Equal for findings of one cause, as far as can be told.
    what: str
    details: str


class TooSlow(Exception):
    """Loading took more than ``SLOW_S``."""


def main() -> int:
    options = _options()
    numbers = [options.only] if options.only is not None else range(options.inputs)
    started = time.monotonic()
    with TemporaryDirectory(prefix="fuzz-") as name:
        folder = prepare(Path(name))
        corpus = read_corpus()
        found = []
        for finding in run(corpus, options.seed, numbers, folder):
            found.append(finding)
            print(f"input {finding.number} of seed {options.seed}, made of {finding.origin}: {finding.what}")
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                spoilt = make_input(corpus, options.seed, finding.number)
                (options.keep / spoilt.name).write_bytes(spoilt.data)
    print(f"{len(numbers)} inputs, seed {options.seed}, {(time.monotonic() - started) / 60:.1f} minutes")
    for what, count in Counter(finding.what for finding in found).most_common():
        first = next(finding for finding in found if finding.what == what)
        print(f"{count:>6}  {what} (first: input {first.number})\n{first.details}")
    print(f"{len(found)} findings")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="The same seed spoils in the same way.")
    parser.add_argument("--only", type=int, help="The number of one input, to repeat it.")
    parser.add_argument("--keep", type=Path, help="Folder for the inputs that gave findings; default: nowhere.")
    return parser.parse_args()


def prepare(folder: Path) -> Path:
    """``folder`` with the media and the included table that the corpus names."""
    shutil.copytree(CORPUS / "media", folder / "media")
    shutil.copy(CORPUS / "included.csv", folder)
    return folder


def read_corpus() -> dict[str, bytes]:
    """The corpus: name -> bytes."""
    files = (path for path in CORPUS.iterdir() if path.is_file() and path.suffix != ".py")
    return {path.name: path.read_bytes() for path in sorted(files) if not path.name.endswith(".expected.json")}


def run(corpus: Mapping[str, bytes], seed: int, numbers: Sequence[int], folder: Path) -> Iterator[Finding]:
    """Load the inputs of these numbers in ``folder`` (see ``prepare``); yields what must not happen."""
    for number in numbers:
        spoilt = make_input(corpus, seed, number)
        faulthandler.dump_traceback_later(_HUNG_S, exit=True)
        path = folder / spoilt.name
        path.write_bytes(spoilt.data)
        finding = try_input(spoilt, path)
        faulthandler.cancel_dump_traceback_later()
        path.unlink()
        if finding:
            yield finding


def try_input(spoilt: Input, path: Path) -> Finding | None:
    """What is wrong with how ``path``, which holds ``spoilt``, is loaded; None: nothing."""

    def finding(what: str, details: str = "") -> Finding:
        return Finding(spoilt.number, spoilt.origin, what, details)

    try:
        with time_limit(SLOW_S):
            manifest = load_input(spoilt, path)
    except ManifestError as error:
        return None if error.hint else finding("a ManifestError without a hint", error.message)
    except TooSlow:
        return finding("slow", traceback.format_exc(limit=-3))
    except Exception as error:  # noqa: BLE001  (whatever it is: it is what we look for)
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        return finding(what, traceback.format_exc(limit=-4))
    wrong = next(iter(faults(manifest, spoilt)), None)
    return finding(*wrong) if wrong else None


def load_input(spoilt: Input, path: Path) -> Manifest:
    data = spoilt.data if spoilt.is_piped else None
    origin = parse_address("-" if spoilt.is_piped else str(path))
    read_head(origin, data)
    return load(
        origin,
        batch="fuzz",
        output_template="{id}.mp4",
        columns=spoilt.columns,
        include_hidden=spoilt.include_hidden,
        data=data,
    )


def faults(manifest: Manifest, spoilt: Input) -> Iterator[tuple[str, str]]:
    """What no manifest may have, whatever its file: a sentence, and details."""
    lines = len(_LINE.findall(spoilt.data)) if spoilt.data[:2] != b"PK" else None
    for problem in manifest.problems:
        if what := _fault(problem, lines):
            yield what, f"    {problem!r}"
    ids = Counter(job.id for job in manifest.jobs)
    if ids and max(ids.values()) > 1:
        yield "two jobs of one id", f"    {ids.most_common(1)}"
    if any(job.blocked and not job.skip for job in manifest.jobs) and not manifest.errors:
        yield "a job is blocked and nothing says why", ""
    if not manifest.jobs and not manifest.problems:
        yield "neither jobs nor problems", ""


def _fault(problem: Problem, lines: int | None) -> str:
    """``lines``: of the file, as far as rows are lines; an included table and UTF-16 have other numbers."""
    place = problem.place
    if not place.file:
        return "a problem without a file"
    if place.row is None and not problem.message.startswith(_WHOLE_FILE):
        return f"a problem without a row: {problem.message.partition(':')[0][:40]}"
    if place.row is not None and place.row < 1:
        return "a row before the first"
    if lines is not None and (place.row or 1) > lines + 1 and "fuzz-" in place.file:
        return "a row after the last"
    if not problem.message or not problem.remedy:
        return f"no message or no remedy: {problem.message[:40]}"
    if len(problem.value) > _VALUE_MAX:
        return "a value that is not shortened"
    try:
        json.dumps(problem.as_json(), allow_nan=False).encode("ascii")
        str(problem).encode()
    except ValueError:
        return "a problem that can't be printed"
    return ""


@contextmanager
def time_limit(limit_s: float) -> Iterator[None]:
    """Raises TooSlow in the block after ``limit_s``."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    # pytest's own limit runs on the same clock.
    rest_s, _ = signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, rest_s)


if __name__ == "__main__":
    sys.exit(main())
