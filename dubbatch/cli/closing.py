"""The last lines of a run: what was done, what it cost, what was not done and why, where the files are, what next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dubbatch.cli.advice import Call, Left, step_lines, steps
from dubbatch.cli.entries import end_entry
from dubbatch.cli.journal import Journal
from dubbatch.cli.outlook import amount
from dubbatch.cli.project import Project
from dubbatch.cli.render import counted, sheet_lines, trouble_lines
from dubbatch.cli.speech import say
from dubbatch.cli.words import jobs
from dubbatch.forecast import Sum
from dubbatch.forms import Price
from dubbatch.jobs import JobState
from dubbatch.result import RunResult
from dubbatch.settings import Settings
from dubbatch.stop import StopReason

#: Minutes that are not told apart in two decimals.
_ROUNDED = 0.005


def tell_end(result: RunResult, code: int, project: Project, journal: Journal, words: Sequence[str]) -> None:
    """How a run ended, to people and to the log. ``words``: as the command was called."""
    if journal.speaks:
        show_end(result, project.settings, project.call(words))
    journal.enter(end_entry(result, code))


def show_end(result: RunResult, settings: Settings, call: Call) -> None:
    """Print it; with ``quiet`` only why it stopped, how the jobs stand if not all are done, where the files are."""
    for line in _closing_lines(result, settings, call):
        say(line)


def _closing_lines(result: RunResult, settings: Settings, call: Call) -> Iterable[str]:
    if not result.counts:
        yield "Nothing was sent."
        return
    for cause in result.causes:
        yield f"stopped: {cause.message}" + (f" ({cause.hint})" if cause.hint else "")
    is_done = all(state in (JobState.DOWNLOADED, JobState.SKIPPED) for state, n in result.counts.items() if n)
    if not (settings.quiet and is_done):
        yield f"Batch {result.batch}: {counted(result.counts, done_before=result.done_before)}"
    if not settings.quiet:
        yield from _cost(result, settings.price_per_minute)
        yield from trouble_lines(result.troubles)
        if result.removed:
            yield f"No longer in the manifest, left out of the numbers: {', '.join(result.removed)}"
        if result.sheet is not None:
            yield from sheet_lines(result.sheet)
    if result.reports:
        yield f"Outputs in {result.output_dir}, reports: {', '.join(path.name for path in result.reports)}"
    if not settings.quiet:
        yield from step_lines(list(steps(_left(result, settings), call)))


def _cost(result: RunResult, price: Price | None) -> Iterator[str]:
    """Minutes that were paid, and how long what came of them is."""
    if not result.bought_in_all_s and not result.bought.jobs:
        return
    now, in_all = Sum(minutes=result.bought.length_s / 60), Sum(minutes=result.bought_in_all_s / 60)
    bought = f"{jobs(result.bought.jobs)}, {amount(now, price)}" if result.bought.jobs else "nothing"
    line = f"Bought in this run: {bought}"
    is_all = abs(in_all.minutes - now.minutes) < _ROUNDED
    yield line if is_all else f"{line}; in all: {amount(in_all, price)}"
    if result.lengths.actual_s:
        estimated, actual = result.lengths.estimated_s / 60, result.lengths.actual_s / 60
        yield f"Media minutes of the outputs: {actual:.2f}, estimated were {estimated:.2f}"


def _left(result: RunResult, settings: Settings) -> Left:
    reasons = [cause.reason for cause in result.causes]
    pending = result.lengths.pending_s / 60
    minutes = result.bought_in_all_s / 60 + pending
    has_cap_of_all = StopReason.CAP in reasons and settings.max_minutes is not None and not settings.max_minutes_by
    return Left(result.counts, reasons, pending, minutes if has_cap_of_all else None, settings.sandbox)
