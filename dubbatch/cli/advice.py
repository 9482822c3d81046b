"""What to type next, after a run or from what the ledger knows. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dubbatch.cli.shell import as_typed
from dubbatch.cli.words import jobs
from dubbatch.jobs import OPEN, JobState
from dubbatch.stop import StopReason

#: What has to be done first; a run that is started again without it stops at the same place.
_FIRST: Mapping[StopReason, str] = {
    StopReason.KEY: "with a key that the service takes, ",
    StopReason.TOKENS: "once the account has tokens again, ",
    StopReason.DISK: "once the disk can be written to, ",
    StopReason.LEDGER: "once the ledger can be written to, ",
    StopReason.ADDRESS: "with the right --base-url, ",
    StopReason.AWAY: "once the service answers, ",
    StopReason.ANOTHER_MACHINE: "once the other machine has ended, ",
}


class Step(NamedTuple):
    """A command as it is typed, and what it is for."""

    command: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Call:
    """A command as it was called: ``words`` of all, ``record`` those that name the manifest and its ledger."""

    words: Sequence[str]
    record: Sequence[str]

    def of(self, command: str) -> Call:
        """As if another command had been called for the same batch."""
        return Call([command, *self.record], self.record)

    def again(self, *more: str, without: Collection[str] = ()) -> str:
        """The same call, ``without`` some options that have a value, and with ``more`` words."""
        return f"dubbatch {as_typed([*_without(self.words, without), *more])}"

    def other(self, command: str, *more: str) -> str:
        """Another command for the same batch."""
        return f"dubbatch {as_typed([command, *self.record, *more])}"


@dataclass(frozen=True, slots=True)
class Left:
    """What a run has left undone."""

    counts: Mapping[JobState, int]
    reasons: Collection[StopReason] = ()
    #: Media minutes of what waits to be sent, as far as they are known.
    pending_minutes: float = 0.0
    #: Media minutes that are bought, and of what waits; None: there is no cap on the whole batch.
    minutes_to_allow: float | None = None
    is_sandbox: bool = False


def steps(left: Left, call: Call) -> Iterator[Step]:
    """What to type next, the most useful first; nothing where nothing is to be done."""
    counts = left.counts
    waiting = sum(counts.get(state, 0) for state in OPEN)
    failed, suspect = counts.get(JobState.FAILED, 0), counts.get(JobState.SUSPECT, 0)
    to_mend = failed + counts.get(JobState.BLOCKED, 0)
    if waiting:
        yield _go_on(left, call, waiting)
    if suspect:
        yield Step(call.other("collect"), f"fetches {jobs(suspect)} once more, free")
    if to_mend:
        yield Step(call.again(without=("--limit",)), f"once the rows are mended: {jobs(to_mend)}")
    if failed:
        purpose = f"buys {jobs(failed + suspect)} again as they are, after showing the minutes"
        yield Step(call.other("redo", "--failed"), purpose)
    if left.is_sandbox and not waiting + suspect + to_mend and call.record:
        manifest = [word for word in call.record if word != "--sandbox"]
        yield Step(f"dubbatch {as_typed(['plan', *manifest])}", "what it is for real: minutes, money, time")


def step_lines(found: Sequence[Step]) -> Iterator[str]:
    """The commands one under another, as they can be copied: a shell passes over what is behind the #."""
    width = max((len(step.command) for step in found), default=0)
    for number, step in enumerate(found):
        yield f"{'Next:' if not number else '  or:'} {step.command:<{width}}  # {step.purpose}"


def _go_on(left: Left, call: Call, waiting: int) -> Step:
    if StopReason.CAP in left.reasons and left.minutes_to_allow is not None:
        cap = f"{math.ceil(left.minutes_to_allow):g}"
        command = call.again("--max-minutes", cap, without=("--limit", "--max-minutes"))
        return Step(command, f"with a higher cap, goes on with {jobs(waiting)}")
    first = next((text for reason, text in _FIRST.items() if reason in left.reasons), "")
    if StopReason.CAP in left.reasons:
        first = "with a higher cap, "
    if StopReason.LIMIT in left.reasons:
        first = "if the outputs are as you want them, "
    pending = left.counts.get(JobState.PENDING, 0)
    minutes = f"{left.pending_minutes:.2f} media minutes" if left.pending_minutes else ""
    if minutes and pending < waiting:
        minutes = f"{pending} of them still to be bought: {minutes}"
    # What is wrong is not repeated.
    without = ("--limit", "--base-url") if StopReason.ADDRESS in left.reasons else ("--limit",)
    told = ", ".join(filter(None, (f"{first}goes on with {jobs(waiting)}", minutes)))
    return Step(call.again(without=without), told)


def _without(words: Sequence[str], options: Collection[str]) -> Iterator[str]:
    """A command's words but for ``--option VALUE`` and ``--option=VALUE``."""
    is_value = False
    for word in words:
        if not is_value and word not in options and word.partition("=")[0] not in options:
            yield word
        is_value = word in options
