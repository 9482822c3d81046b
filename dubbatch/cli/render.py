"""Texts for people: problems, plans, states and the last lines of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dubbatch.cli.speech import say
from dubbatch.jobs import JobState

if TYPE_CHECKING:
    # For their names only: ``dubbatch status`` starts without what plans and runs.
    from dubbatch.batch import RunResult
    from dubbatch.ledger.jobs import BatchRow
    from dubbatch.ledger.ledger import Ledger
    from dubbatch.writeback.writeback import Written

#: The order in which states are listed: what is done first, what needs a person next.
_STATES = (
    JobState.DOWNLOADED,
    JobState.FAILED,
    JobState.SUSPECT,
    JobState.BLOCKED,
    JobState.UNSURE,
    JobState.SUBMITTING,
    JobState.STALLED,
    JobState.COMPLETED,
    JobState.PROCESSING,
    JobState.QUEUED,
    JobState.PENDING,
    JobState.SKIPPED,
)


def show_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}", err=True)


def show_status(ledger: Ledger, batch: BatchRow) -> None:
    counts = ledger.jobs.counts(batch.name)
    ended = f", ended {batch.finished_at}" if batch.finished_at else ", not ended (running, or interrupted)"
    say(f"Batch {batch.name}: {_counted(counts)}")
    say(f"last run started {batch.started_at}{ended}")
    for trouble in ledger.jobs.troubles(batch.name):
        say(f"  {trouble.job}  {trouble.state}: {trouble.error}")
        if trouble.hint:
            say(f"      {trouble.hint}")
    if removed := ledger.jobs.removed(batch.name):
        say(f"  no longer in the manifest: {', '.join(removed)}")
    say(f"outputs in {batch.output_dir}")


def show_end(result: RunResult, *, quiet: bool) -> None:
    """The last lines of a run; ``quiet`` leaves why it stopped, and the very last."""
    lines = list(_closing_lines(result))
    for line in [*lines[: len(result.causes)], lines[-1]] if quiet else lines:
        say(line)


def _closing_lines(result: RunResult) -> Iterable[str]:
    """How a run ended: why it stopped, what is done, where the files are. The files come last."""
    if not result.counts:
        yield "Nothing was sent."
        return
    for cause in result.causes:
        yield f"stopped: {cause.message}" + (f" ({cause.hint})" if cause.hint else "")
    yield f"Batch {result.batch}: {_counted(result.counts)}"
    if result.removed:
        yield f"No longer in the manifest, left out of the numbers: {', '.join(result.removed)}"
    if result.lengths.actual_s:
        estimated, actual = result.lengths.estimated_s / 60, result.lengths.actual_s / 60
        yield f"Media minutes of the outputs: {actual:.2f}, estimated were {estimated:.2f}"
    if result.sheet is not None:
        yield from _sheet_lines(result.sheet)
    if result.reports:
        yield f"Outputs in {result.output_dir}, reports: {', '.join(path.name for path in result.reports)}"


def show_sheet(sheet: Written) -> None:
    """What became of the team's sheet."""
    for line in _sheet_lines(sheet):
        say(line)


def _sheet_lines(sheet: Written) -> Iterable[str]:
    name, jobs = sheet.path.name, f"{sheet.jobs} job{'' if sheet.jobs == 1 else 's'}"
    if sheet.put is None:
        yield f"Sheet {name}: nothing to write" if sheet.notes else f"Sheet {name} is up to date"
    elif sheet.put.reason:
        yield f"Sheet {name} {sheet.put.reason}: the results of {jobs} are in {sheet.put.path.name} beside it."
        yield "  The next run with --write-back puts them into the sheet itself; so does `dubbatch report`."
    else:
        yield f"Sheet {name}: the results of {jobs} are in it; as it was before: {sheet.put.backup}"
    if sheet.cleared:
        yield f"  {sheet.cleared} row{' has' if sheet.cleared == 1 else 's have'} lost results that were not their own"
    for note in sheet.notes:
        yield f"  {note}"


def _counted(counts: Mapping[JobState, int]) -> str:
    total = sum(counts.values())
    told = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    return f"{total} jobs: {told}" if total else "no jobs"
