"""What a run leaves: where its batch stands then, what it has cost, what is not done and why; and its reports."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dubbatch.batch import backups_folder, fetched_folder, timestamp
from dubbatch.budget import Budget
from dubbatch.errors import DiskError, ManifestError
from dubbatch.events import BatchStarted
from dubbatch.jobs import JobState
from dubbatch.ledger.attempts import NOTHING, Bought, Lengths
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.lock import is_locked
from dubbatch.report.causes import Cause as Trouble
from dubbatch.report.causes import troubles
from dubbatch.report.file import write_reports
from dubbatch.report.place import clear_leftovers
from dubbatch.stop import Cause, Stop, StopReason
from dubbatch.writeback.rows import TeamFile
from dubbatch.writeback.writeback import Written, write_back

_NO_LENGTHS = Lengths(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended. ``counts`` are of the jobs that it was asked for, whatever run did them."""

    batch: str
    counts: Mapping[JobState, int]
    causes: tuple[Cause, ...]
    output_dir: Path
    reports: tuple[Path, ...]
    removed: tuple[str, ...] = ()
    lengths: Lengths = _NO_LENGTHS
    #: What became of the team's sheet; None: it was not to be written.
    sheet: Written | None = None
    #: Jobs that were downloaded before this run.
    done_before: int = 0
    #: What this run's own sends have bought, and what the batch has in all, in seconds of media.
    bought: Bought = NOTHING
    bought_in_all_s: float = 0.0
    #: What keeps jobs from being done, the most urgent first.
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run began: what was done already, and when, in seconds since the epoch."""

    done: int
    at_s: float


def beginning_of(started: BatchStarted) -> Beginning:
    """The beginning of a run, which is now."""
    return Beginning(dict(started.counts).get(JobState.DOWNLOADED, 0), time.time())


def finish(
    name: str,
    output_dir: Path,
    reports: tuple[Path, ...],
    ledger: Ledger,
    stop: Stop,
    beginning: Beginning,
    *,
    delimiter: str,
) -> RunResult:
    """Close the books of this run: the reports, and then its end.

    A report that can't be written is one more cause, told beside the others. The end stays open
    then, as after a kill, and the next run writes the reports. ``delimiter`` is CSV's.
    """
    now = timestamp()
    if ledger.path is not None:
        # Also of batches whose run was killed and whose manifest has another name since.
        for batch in ledger.jobs.batches():
            if batch == name or not is_locked(ledger.path, batch):
                _clear_fetched(fetched_folder(ledger.path, batch))
    failed = rewrite(name, reports, ledger, delimiter, finished_at=now)
    stop.reasons += [Cause(StopReason.DISK, error.message, error.hint) for error in failed.values()]
    if not failed:
        ledger.jobs.finish_batch(name, now)
    written = tuple(path for path in reports if path not in failed)
    return result_of(name, output_dir, written, ledger, stop, beginning)


def fill_in(result: RunResult, team: TeamFile | None, ledger: Ledger) -> RunResult:
    """Write where the batch stands into the team's sheet. That it can't be written is one more cause."""
    if team is None or not result.counts or ledger.path is None:
        return result
    try:
        sheet = write_back(team, ledger, result.batch, backups_folder(ledger.path), datetime.now(UTC))
    except (DiskError, ManifestError) as error:
        return replace(result, causes=(*result.causes, Cause(StopReason.DISK, error.message, error.hint)))
    return replace(result, sheet=sheet)


def rewrite(
    name: str, reports: Sequence[Path], ledger: Ledger, delimiter: str, *, finished_at: str = ""
) -> dict[Path, DiskError]:
    """Write a batch's reports from the ledger; those that could not be written, and why.

    ``finished_at``: of the run that has ended; empty: it has not, or not by itself. For the holder of the batch's lock.
    """
    for path in reports:
        clear_leftovers(path)
    return write_reports(reports, ledger, name, delimiter=delimiter, finished_at=finished_at)


def _clear_fetched(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # Another batch's may be there still.
    with suppress(OSError):
        folder.parent.rmdir()


def result_of(
    name: str,
    output_dir: Path,
    reports: tuple[Path, ...],
    ledger: Ledger,
    stop: Stop,
    beginning: Beginning | None = None,
) -> RunResult:
    """Where the batch stands now. ``beginning``: of this run; None: there was nothing to do for it."""
    counts = ledger.jobs.counts(name, selected_only=True)
    return RunResult(
        name,
        counts,
        tuple(stop.reasons),
        output_dir,
        reports,
        tuple(ledger.jobs.removed(name)),
        ledger.attempts.lengths(name),
        done_before=beginning.done if beginning else counts.get(JobState.DOWNLOADED, 0),
        bought=ledger.attempts.bought_since(name, beginning.at_s) if beginning else NOTHING,
        bought_in_all_s=Budget((), ledger, name).spent_s(),
        troubles=tuple(troubles(ledger, name)),
    )
