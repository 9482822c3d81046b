"""When to ask for the states next. Pure: times come in, a time goes out.

Rounds come at most every ``interval_s``, counted from beginning to beginning, so that the time a round
takes doesn't make ends be noticed later. While nothing that is followed can have ended yet, judging by
how quick this account's jobs were, no round is due: it would only be told what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Fewer finished jobs than this say nothing of how quick the next may be.
_ENOUGH = 5
#: A job may be somewhat quicker than the quickest so far.
_QUICKER = 0.8
#: Intervals after which is asked all the same: today's media may be shorter, and what waits is to be seen.
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """``quickest_s``: the shortest time from acceptance to end that is to be expected; 0.0: not known."""

    interval_s: float
    quickest_s: float = 0.0

    def learned(self, spans_s: Sequence[float]) -> PollSchedule:
        """The schedule that knows how long the latest jobs took, from acceptance to end."""
        quickest_s = _QUICKER * min(spans_s) if len(spans_s) >= _ENOUGH else 0.0
        return PollSchedule(self.interval_s, quickest_s)

    def next_s(self, begun_s: float, accepted_s: Iterable[float]) -> float:
        """When the next round is due, on the clock of its arguments.

        ``begun_s`` is when the last round began, ``accepted_s`` when each attempt that is followed was
        accepted; one that may have ended long ago comes as minus infinity.
        """
        likely_s = min(accepted_s, default=begun_s) + self.quickest_s
        return begun_s + min(max(self.interval_s, likely_s - begun_s), _LONGEST * self.interval_s)
