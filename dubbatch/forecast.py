"""What a plan comes to: jobs and media minutes, in all and by any column, and how long it takes. Pure."""

from __future__ import annotations

import heapq
import statistics
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dubbatch.budget import Shortage, Tally
from dubbatch.plan import Action, Planned, minutes_of, urgency
from dubbatch.selection import value_in

#: What a job is taken to need before this account's own times are known ("most take 1 to 3 minutes", api.md).
_USUAL_S = 120.0
#: Concurrent jobs before the account's own number is known (design, section 6).
_SLOTS = 4
#: With fewer jobs, or jobs of much the same length, their times say nothing of how time grows with length.
_FITTED_MIN = 8
_SPREAD_MIN = 1.5


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a job takes at the service: so many seconds, and so many more for each second of media."""

    fixed_s: float = _USUAL_S
    per_media_s: float = 0.0

    def of(self, length_s: float | None, default_s: float) -> float:
        return self.fixed_s + self.per_media_s * (default_s if length_s is None else length_s)


def usual(history: Sequence[tuple[float, float | None]]) -> Usual:
    """Learned from this account's latest jobs: (seconds at the service, seconds of media if known).

    A line through them where their lengths differ enough; else their median.
    """
    if not history:
        return Usual()
    median = Usual(statistics.median(took for took, _ in history))
    known = [(took, length) for took, length in history if length is not None]
    lengths = sorted(length for _, length in known)
    if len(known) < _FITTED_MIN or lengths[-1] < _SPREAD_MIN * max(lengths[0], 1.0):
        return median
    line = statistics.linear_regression([length for _, length in known], [took for took, _ in known])
    if line.slope < 0:
        return median
    # Long jobs do not take less than nothing, whatever a few odd times make of the line.
    return Usual(max(0.0, line.intercept), line.slope)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast jobs can go."""

    rate_limit: int
    rate_window_s: float
    #: None: not learned yet.
    slots: int | None
    usual: Usual = field(default_factory=Usual)


def eta_s(lengths_s: Sequence[float | None], pace: Pace) -> float:
    """Seconds until jobs of these lengths, sent in this order, are done: each waits for a permit and for a slot."""
    known = [length for length in lengths_s if length is not None]
    default_s = statistics.median(known) if known else 0.0
    free_at = [0.0] * (pace.slots or _SLOTS)
    window: deque[float] = deque(maxlen=pace.rate_limit)
    done_s = 0.0
    for length in lengths_s:
        permit_s = window[0] + pace.rate_window_s if len(window) == pace.rate_limit else 0.0
        sent_s = max(permit_s, heapq.heappop(free_at))
        window.append(sent_s)
        ends_s = sent_s + pace.usual.of(length, default_s)
        heapq.heappush(free_at, ends_s)
        done_s = max(done_s, ends_s)
    return done_s


@dataclass(frozen=True, slots=True)
class Sum:
    """Some rows of a plan together. Minutes are of what is to be sent, as far as they are known."""

    jobs: int = 0
    to_send: int = 0
    minutes: float = 0.0
    unknown_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a whole plan comes to."""

    all: Sum
    #: Jobs by what is done with them; every action is a key.
    actions: Mapping[Action, int]
    #: What caps keep from being sent now.
    held: Sum
    eta_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows of a plan are sent in this run, in their order, and which a cap holds back."""

    sent: tuple[Planned, ...]
    held: Mapping[str, Shortage]


def choose(rows: Iterable[Planned], *, limit: int | None = None, tally: Tally | None = None) -> Choice:
    """Take rows in the order of sending, as long as they fit: at most ``limit``, and under the caps of ``tally``.

    One that does not fit is passed over; a shorter one may. ``tally`` has what was bought before, and is added to.
    """
    sent: list[Planned] = []
    held: dict[str, Shortage] = {}
    for row in sorted((row for row in rows if row.sends), key=urgency):
        if limit is not None and len(sent) >= limit:
            break
        job, length_s = row.record.job, row.record.length_s
        shortage = tally.shortage(job, length_s or 0.0) if tally is not None else None
        if shortage is not None:
            held[job.id] = shortage
            continue
        if tally is not None:
            tally.add(job, length_s or 0.0)
        sent.append(row)
    return Choice(tuple(sent), held)


def totals(rows: Sequence[Planned], choice: Choice, pace: Pace) -> Totals:
    """Jobs, minutes and time of ``rows``, of which ``choice`` is sent."""
    counts = Counter(row.action for row in rows)
    return Totals(
        all=_sum(rows, choice.sent),
        actions={action: counts[action] for action in Action},
        held=_sum([], [row for row in rows if row.record.job.id in choice.held]),
        eta_s=eta_s([row.record.length_s for row in choice.sent], pace),
    )


def by_column(rows: Sequence[Planned], choice: Choice, column: str) -> dict[str, Sum]:
    """The same by what stands in a column, in the order of the rows."""
    groups: dict[str, tuple[list[Planned], list[Planned]]] = {}
    sent = {row.record.job.id for row in choice.sent}
    for row in rows:
        every, sending = groups.setdefault(value_in(row.record.job, column), ([], []))
        every.append(row)
        if row.record.job.id in sent:
            sending.append(row)
    return {value: _sum(*group) for value, group in groups.items()}


def _sum(rows: Sequence[Planned], sent: Sequence[Planned]) -> Sum:
    lengths = [minutes_of(row.record) for row in sent]
    known = [length for length in lengths if length is not None]
    return Sum(len(rows), len(sent), sum(known), len(lengths) - len(known))
