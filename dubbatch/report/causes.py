"""What keeps jobs from being done, by cause: a person mends a cause once, however many jobs have it.

Jobs share a cause if they share state, remedy and error but for the particulars of each job (its names,
numbers, ids, addresses). Memory does not grow with the batch: beyond ``KINDS_MAX`` causes of one urgency
the rest is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.particulars import GAP, without_particulars
from dubbatch.report.rows import ReportRow, report_rows

#: Causes of one urgency that are kept apart.
KINDS_MAX: Final = 2_000
#: Jobs that are named for each.
EXAMPLES_MAX: Final = 5
#: More causes than so many are not even counted apart.
_COUNTED_MAX = 200_000
#: Characters of a text by which it is compared, and of which a cause shows no more.
_TEXT_MAX = 1_000
#: Shorter names of a job would be found inside of words.
_NAME_MIN = 3


class Urgency(IntEnum):
    """Who has to do something about a cause; the most urgent first."""

    #: Nothing more happens to these jobs without a person.
    PERSON = 0
    #: A later run goes on with them by itself.
    WAITS = 1
    #: Done or on its way, and odd: worth a look.
    ODD = 2


#: The states that need a person, the most severe first: paid for, doubtful, not sent.
PERSON: Final = (JobState.FAILED, JobState.SUSPECT, JobState.BLOCKED)
#: States that are told also where there is no error: money may be on its way.
_OPEN = (JobState.UNSURE, JobState.SUBMITTING, JobState.STALLED)
_SETTLED = frozenset({JobState.DOWNLOADED, JobState.SKIPPED})
_SEVERITY = {state: rank for rank, state in enumerate([*PERSON, *_OPEN])}


class Example(NamedTuple):
    """A job, and where its row stands among the rows, from 0."""

    job: str
    nth: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What some jobs have in common that a person mends in one go."""

    urgency: Urgency
    #: None: jobs in any state, which have a warning in common.
    state: JobState | None
    #: In full where all jobs have the same words, else with … where they differ. May be empty.
    error: str
    hint: str
    #: The error in the words of the first job.
    first_error: str
    jobs: int
    #: The first jobs that have it.
    examples: tuple[Example, ...]
    #: How many of the jobs the service has accepted: those may be billed.
    accepted: int = 0


class Unlisted(NamedTuple):
    """What there was no room for: how many causes (at least), of how many jobs."""

    kinds: int
    jobs: int


class _Kind(NamedTuple):
    state: JobState | None
    error: str
    hint: str


@dataclass(slots=True)
class _Group:
    error: str
    hint: str
    first_error: str
    jobs: int = 0
    accepted: int = 0
    examples: list[Example] = field(default_factory=list)


class Causes:
    """Takes rows one by one, and then tells their causes."""

    def __init__(self) -> None:
        self._groups: dict[Urgency, dict[_Kind, _Group]] = {urgency: {} for urgency in Urgency}
        self._unlisted_kinds: dict[Urgency, set[int]] = {urgency: set() for urgency in Urgency}
        self._unlisted_jobs = dict.fromkeys(Urgency, 0)

    def add(self, row: ReportRow, nth: int) -> None:
        """``nth``: where the row stands among all rows, from 0."""
        example = Example(row.id, nth)
        urgency = urgency_of(row)
        if urgency is not None:
            self._count(urgency, row.state, row, (row.error, row.hint), example)
        if row.warning:
            self._count(Urgency.ODD, None, row, (row.warning, ""), example)

    @classmethod
    def of(cls, rows: Iterable[ReportRow]) -> Causes:
        causes = cls()
        for nth, row in enumerate(rows):
            causes.add(row, nth)
        return causes

    def ranked(self, urgency: Urgency) -> list[Cause]:
        """The causes of one urgency: the most severe first, and of those the most frequent."""
        every = [_cause(urgency, kind, group) for kind, group in self._groups[urgency].items()]
        return sorted(every, key=_rank)

    def unlisted(self, urgency: Urgency) -> Unlisted:
        return Unlisted(len(self._unlisted_kinds[urgency]), self._unlisted_jobs[urgency])

    def _count(
        self, urgency: Urgency, state: JobState | None, row: ReportRow, texts: tuple[str, str], example: Example
    ) -> None:
        error, hint = (text[:_TEXT_MAX] for text in texts)
        kind = _Kind(state, _common(error, row), _common(hint, row))
        groups = self._groups[urgency]
        group = groups.get(kind)
        if group is None:
            if len(groups) >= KINDS_MAX:
                self._leave_out(urgency, kind)
                return
            group = groups[kind] = _Group(error, hint, first_error=error)
        group.jobs += 1
        group.accepted += row.attempts > 0
        # Words that not all of its jobs have are no cause's.
        group.error = error if group.error == error else kind.error
        group.hint = hint if group.hint == hint else kind.hint
        if len(group.examples) < EXAMPLES_MAX:
            group.examples.append(example)

    def _leave_out(self, urgency: Urgency, kind: _Kind) -> None:
        kinds = self._unlisted_kinds[urgency]
        if len(kinds) < _COUNTED_MAX:
            kinds.add(hash(kind))
        self._unlisted_jobs[urgency] += 1


def troubles(ledger: Ledger, batch: str) -> Iterator[Cause]:
    """What keeps the batch's selected jobs from being done, the most urgent first."""
    causes = Causes.of(report_rows(ledger, batch, troubled_only=True))
    for urgency in (Urgency.PERSON, Urgency.WAITS):
        yield from causes.ranked(urgency)


def urgency_of(row: ReportRow) -> Urgency | None:
    """Whether a person has to do something about a job, or it waits with a reason; None: neither."""
    if row.state in PERSON:
        return Urgency.PERSON
    if row.state in _OPEN or (row.error and row.state not in _SETTLED):
        return Urgency.WAITS
    return None


def _common(text: str, row: ReportRow) -> str:
    """``text`` without what is this job's alone."""
    for name in _names(row):
        if name in text:
            text = text.replace(name, GAP)
    return without_particulars(text)


def _names(row: ReportRow) -> list[str]:
    """What a job's own message may call it by; the longest first, as one may be part of another."""
    names = {row.video, row.audio, row.output, row.request_id, row.reference_id, row.id}
    names |= {name.rpartition("/")[2] for name in names}
    return sorted((name for name in names if len(name) >= _NAME_MIN), key=len, reverse=True)


def _cause(urgency: Urgency, kind: _Kind, group: _Group) -> Cause:
    return Cause(
        urgency,
        kind.state,
        group.error,
        group.hint,
        group.first_error,
        group.jobs,
        tuple(group.examples),
        group.accepted,
    )


def _rank(cause: Cause) -> tuple[int, int, int]:
    severity = len(_SEVERITY) if cause.state is None else _SEVERITY.get(cause.state, len(_SEVERITY))
    return severity, -cause.jobs, cause.examples[0].nth
