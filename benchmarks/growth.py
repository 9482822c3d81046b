"""What a large manifest costs: from the file to the ledger, memory while the run goes on, CPU a job.

    python -m benchmarks.growth [--rows 100000] [--jobs 300]

Each row is one ``dubbatch run`` of a CSV (id, two addresses, language, two columns of the team's own) in
a process of its own (``benchmarks.weighed``), against the sandbox in another. Loading ends when the plan
is committed; what the run holds is its resident memory when the first POST leaves. CPU a job is what a
run of many jobs used beyond a run of few, divided by the jobs that it had more; checks of media are left
out, since they cost what the media are worth. The service grants every POST and takes no time, so
nothing but our own work is measured. Seconds are CPU seconds: the machine may have other work.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.stage import media_server

#: What issue 4 demands.
_LOAD_S, _PEAK_MB, _GROWTH_MB, _JOB_MS = 20.0, 400.0, 50.0, 10.0
_SMALL = 1_000
#: Jobs of the short run, whose CPU is that of starting, ending and importing.
_FEW = 20
_MANY = "100000"
#: Media of rows that are only loaded: nobody fetches them.
_NOWHERE = "https://cdn.example.com/show"


@dataclass(frozen=True)
class Service:
    """Where runs send to, and where the media are that they name."""

    base_url: str
    media: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=300)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="growth-") as name, _service(Path(name)) as service:
        print(f"{'rows':>9} {'to the ledger':>14} {'peak':>8} {'held by the run':>16}")
        few, many = (_loaded(Path(name), service, rows) for rows in (_SMALL, options.rows))
        growth = many["sending"]["now_mb"] - few["sending"]["now_mb"]
        print(f"held for {options.rows:,} rows beyond {_SMALL:,}: {growth:.0f} MB")
        job_ms = _cpu_ms(Path(name), service, options.jobs)
        print(f"CPU a job: {job_ms:.1f} ms without checks of media, over {options.jobs} jobs\n")
    planned = many["planned"]
    _tell(f"under {_LOAD_S:.0f} s to the ledger", planned["cpu_s"] < _LOAD_S)
    _tell(f"under {_PEAK_MB:.0f} MB on the way there", planned["peak_mb"] < _PEAK_MB)
    _tell(f"the same memory within {_GROWTH_MB:.0f} MB", growth < _GROWTH_MB)
    _tell(f"under {_JOB_MS:.0f} ms of CPU a job", job_ms < _JOB_MS)


def _tell(target: str, is_met: bool) -> None:
    print(f"{'met   ' if is_met else 'MISSED'}  {target}")


def _loaded(folder: Path, service: Service, rows: int) -> Mapping[str, Any]:
    """One run that loads so many rows and sends one of them."""
    nowhere = [(f"{_NOWHERE}/{n}.mp4", f"{_NOWHERE}/{n}-ja.wav") for n in range(rows)]
    weights = _run(folder / f"rows-{rows}", service, nowhere, limit=1)
    planned, sending = weights["planned"], weights["sending"]
    print(f"{rows:>9,} {planned['cpu_s']:>12.1f} s {planned['peak_mb']:>5.0f} MB {sending['now_mb']:>13.0f} MB")
    return weights


def _cpu_ms(folder: Path, service: Service, jobs: int) -> float:
    few, many = (_run(folder / f"jobs-{n}", service, _media(service, n), limit=n)["ended"] for n in (_FEW, jobs))
    used_s = [weight["cpu_s"] - weight["checks_s"] for weight in (few, many)]
    return float(1000 * (used_s[1] - used_s[0]) / (jobs - _FEW))


def _media(service: Service, jobs: int) -> list[tuple[str, str]]:
    """Work that no other run bought (identical work would be adopted), though it is the same file each time."""
    names = [f"?job={n}of{jobs}" for n in range(jobs)]
    return [(f"{service.media}/video.mp4{name}", f"{service.media}/voice.wav{name}") for name in names]


def _run(folder: Path, service: Service, media: Sequence[tuple[str, str]], *, limit: int) -> Mapping[str, Any]:
    """One ``dubbatch run`` with a new ledger; its weights by moment."""
    folder.mkdir()
    manifest, figures = folder / "jobs.csv", folder / "weights.json"
    _write(manifest, media)
    pace = [
        "--concurrency",
        "64",
        "--rate-limit",
        _MANY,
        "--poll-interval",
        "0.5",
        "--limit",
        str(limit),
        "--no-probe-urls",
    ]
    own = {
        "CHAMELAION_BASE_URL": service.base_url,
        "CHAMELAION_API_KEY": "sandbox",
        "XDG_STATE_HOME": str(folder / "state"),
    }
    subprocess.run(
        [sys.executable, "-m", "benchmarks.weighed", figures, "run", manifest, "--yes", "--no-progress", *pace],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    weights: Mapping[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    return weights


def _write(manifest: Path, media: Sequence[tuple[str, str]]) -> None:
    with manifest.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "video", "audio", "language", "Team", "Note"])
        for n, (video, voice) in enumerate(media):
            sheet.writerow([f"ep{n:06}", video, voice, "ja", f"team {n % 17}", f"note for row {n}"])


@contextmanager
def _service(folder: Path) -> Iterator[Service]:
    (folder / "media").mkdir()
    plan = ["--concurrency", "1000", "--rate-limit", _MANY, "--seconds", "0", "--time-scale", "0"]
    command = [sys.executable, "-m", "dubbatch", "sandbox", "--port", "0", "--books", str(folder / "books"), *plan]
    with (
        media_server(folder / "media") as media,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving,
    ):
        told = (line.strip().partition("CHAMELAION_BASE_URL=") for line in serving.stdout or ())
        yield Service(next(url for _, _, url in told if url), media)
        serving.terminate()


if __name__ == "__main__":
    main()
