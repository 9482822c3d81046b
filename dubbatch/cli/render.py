"""Texts for people that several commands have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dubbatch.cli.speech import say
from dubbatch.cli.words import jobs
from dubbatch.jobs import JobState

if TYPE_CHECKING:
    # For their names only: ``dubbatch status`` starts without what plans and runs.
    from dubbatch.report.causes import Cause
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


#: States of which nobody knows yet whether they were charged.
_DOUBTFUL = (JobState.UNSURE, JobState.SUBMITTING)
_SETTLED_NEXT = "run again: the account is asked for it before anything is sent"
#: More causes are in the report.
_CAUSES_MAX = 8


def show_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}", err=True)


def trouble_lines(causes: Sequence[Cause]) -> Iterator[str]:
    """What keeps jobs from being done: each cause once, with whether it cost anything and what to do."""
    if not causes:
        return
    yield "Not done:"
    for cause in causes[:_CAUSES_MAX]:
        state = cause.state.value if cause.state else "odd"
        names = ", ".join(example.job for example in cause.examples)
        more = ", …" if cause.jobs > len(cause.examples) else ""
        yield f"  {cause.jobs} {state}: {cause.error or 'no reason is on record'}"
        yield f"      {'job' if cause.jobs == 1 else 'jobs'} {names}{more}; {_charge(cause)}"
        if hint := cause.hint or (_SETTLED_NEXT if cause.state in _DOUBTFUL else ""):
            yield f"      {hint}"
    if len(causes) > _CAUSES_MAX:
        rest = sum(cause.jobs for cause in causes[_CAUSES_MAX:])
        yield f"  and {len(causes) - _CAUSES_MAX} more causes, of {jobs(rest)}: see the report"


def _charge(cause: Cause) -> str:
    """Whether the jobs of a cause have cost anything, as far as it can be known here."""
    if cause.state in _DOUBTFUL:
        return "whether it was charged is not known yet"
    if not cause.accepted:
        return "not charged"
    if cause.state is JobState.FAILED:
        many = "it was" if cause.accepted == cause.jobs == 1 else f"{cause.accepted} of {cause.jobs} were"
        return f"{many} accepted by the service, and may have been billed"
    return "paid" if cause.accepted == cause.jobs else f"{cause.accepted} of {cause.jobs} paid"


def show_sheet(sheet: Written) -> None:
    """What became of the team's sheet."""
    for line in sheet_lines(sheet):
        say(line)


def sheet_lines(sheet: Written) -> Iterable[str]:
    """What became of the team's sheet."""
    name = sheet.path.name
    if sheet.put is None:
        yield f"Sheet {name}: nothing to write" if sheet.notes else f"Sheet {name} is up to date"
    elif sheet.put.reason:
        place = f"{sheet.put.path.name} beside it"
        yield f"Sheet {name} {sheet.put.reason}: the results of {jobs(sheet.jobs)} are in {place}."
        yield "  The next run with --write-back puts them into the sheet itself; so does `dubbatch report`."
    else:
        yield f"Sheet {name}: the results of {jobs(sheet.jobs)} are in it; as it was before: {sheet.put.backup}"
    if sheet.cleared:
        yield f"  {sheet.cleared} row{' has' if sheet.cleared == 1 else 's have'} lost results that were not their own"
    for note in sheet.notes:
        yield f"  {note}"


def counted(counts: Mapping[JobState, int], *, done_before: int = 0) -> str:
    """How many jobs stand where; of those that are done, how many an earlier run has done."""
    total = sum(counts.values())
    told = ", ".join(f"{counts[state]} {state}{_before(state, done_before)}" for state in _STATES if counts.get(state))
    return f"{jobs(total)}: {told}" if total else "no jobs"


def _before(state: JobState, done_before: int) -> str:
    return f" ({done_before} by earlier runs)" if state is JobState.DOWNLOADED and done_before else ""
