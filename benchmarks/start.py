"""How long the short commands take, beside a Python that does nothing.

    python -m benchmarks.start [--rounds 15] [--jobs 10000]

Each command is a process of its own; all take turns, and each figure is the median of ``rounds``. On a machine that
is busy the time of a core says more. ``status`` is of a
ledger of ``jobs`` jobs in all their states, every hundredth of them failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory

from dubbatch.jobs import Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger

_HELP, _STATUS_S = 6.0, 1.0
_STATES = (JobState.DOWNLOADED, JobState.COMPLETED, JobState.PROCESSING, JobState.QUEUED, JobState.PENDING)
_NOTHING, _HELP_NAME, _STATUS = "python -c pass", "dubbatch --help", "dubbatch status"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=10_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="start-") as name:
        manifest = make_batch(Path(name), options.jobs)
        dubbatch = [str(Path(sys.executable).with_name("dubbatch"))]
        commands = {
            _NOTHING: [sys.executable, "-c", "pass"],
            _HELP_NAME: [*dubbatch, "--help"],
            "dubbatch --version": [*dubbatch, "--version"],
            "dubbatch run --help": [*dubbatch, "run", "--help"],
            _STATUS: [*dubbatch, "status", str(manifest)],
        }
        show(measure(commands, options.rounds), options.jobs)


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds that passed, and seconds of a core."""

    wall_s: float
    cpu_s: float


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, Cost]:
    """The median cost of each command."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost_of(command))
    return {name: Cost(median(c.wall_s for c in each), median(c.cpu_s for c in each)) for name, each in costs.items()}


def cost_of(command: list[str]) -> Cost:
    started, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=_plain_environment())
    passed, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    return Cost(passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DUBBATCH_", "CHAMELAION_"))}


def make_batch(folder: Path, jobs: int) -> Path:
    """A manifest of so many rows, and the ledger of a run over it."""
    manifest = folder / "batch.csv"
    rows = [
        f"job-{number},https://cdn.example.com/{number}.mp4,https://cdn.example.com/{number}.wav"
        for number in range(jobs)
    ]
    manifest.write_text("\n".join(["id,video,audio", *rows, ""]))
    with Ledger(folder / ".dubbatch" / "ledger.db") as ledger:
        batch = BatchRow("batch", str(manifest), str(folder / "batch-dubs"), "[]", "2026-01-01T00:00:00Z")
        ledger.jobs.begin_batch(batch, (_record(number) for number in range(jobs)))
    return manifest


def _record(number: int) -> JobRecord:
    video, audio = (
        Media(url, url=url) for url in (f"https://cdn.example.com/{number}.{kind}" for kind in ("mp4", "wav"))
    )
    job = Job(id=f"job-{number}", video=video, audio=audio, output=f"job-{number}.mp4", position=number)
    if number % 100 == 0:
        error, hint = "the service could not read the video", "mend the file and run again"
        return JobRecord(batch="batch", job=job, state=JobState.FAILED, fingerprint=str(number), error=error, hint=hint)
    return JobRecord(batch="batch", job=job, state=_STATES[number % len(_STATES)], fingerprint=str(number))


def show(costs: dict[str, Cost], jobs: int) -> None:
    nothing = costs[_NOTHING]
    print(f"{'':<24}{'ms':>8}{'ms of a core':>16}{'times ' + _NOTHING:>24}")
    for name, cost in costs.items():
        print(f"{name:<24}{cost.wall_s * 1000:>8.0f}{cost.cpu_s * 1000:>16.0f}{cost.wall_s / nothing.wall_s:>24.1f}")
    print()
    ratio = costs[_HELP_NAME].wall_s / nothing.wall_s
    print(f"{_HELP_NAME}: {ratio:.1f} times {_NOTHING}, at most {_HELP:.0f}: {_said(ratio <= _HELP)}")
    status_s = costs[_STATUS].wall_s
    print(f"{_STATUS} of {jobs:,} jobs: {status_s:.2f} s, under {_STATUS_S:.0f} s: {_said(status_s < _STATUS_S)}")


def _said(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
