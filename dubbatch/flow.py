"""Jobs on their way, from being sent to being on disk: how long each takes, and when the last will be done.

The account's own history says what a job takes before this run has ended any; then the run's own jobs do. What is
learned here counts from the send to the file on disk, so a service that lets jobs wait and a line that is slow
are in it. Memory grows with the slots, not with the batch.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dubbatch.jobs import OPEN, JobState

#: Sent, and not on disk yet. A stalled job is left to a later run.
ON_THEIR_WAY = OPEN - {JobState.PENDING, JobState.STALLED}
#: Of this run's latest jobs so many are remembered, ...
_REMEMBERED = 50
#: ... and the account's history weighs as much as so many of them.
_HISTORY_WEIGHT = 3
#: A job that takes longer than usual takes this part of the usual time still.
_OVERDUE = 0.1
#: Jobs at the service at once, before it is known (design, section 6).
_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to be done. Times in seconds."""

    waiting: int
    #: Of each job on its way: how long ago it was sent.
    ages_s: tuple[float, ...]
    took_s: float
    #: 0: not known yet.
    slots: int = 0
    #: So many permits in each window, of which so many are free now; 0: no bound.
    permits: int = 0
    permits_free: int = 0
    window_s: float = 60.0


def remaining_s(ahead: Ahead) -> float:
    """How long until the last job is done: each waits for a slot and for a permit. Pure."""
    left_s = [max(ahead.took_s - age_s, _OVERDUE * ahead.took_s) for age_s in ahead.ages_s]
    if not ahead.waiting:
        return max(left_s, default=0.0)
    slots = max(ahead.slots or _SLOTS, len(left_s))
    # While the last jobs run, slots fall idle one after another: half a job's time of each.
    idle_s = ahead.took_s * (slots - 1) / 2 if ahead.waiting + len(left_s) >= slots else 0.0
    by_slots_s = (sum(left_s) + ahead.waiting * ahead.took_s + idle_s) / slots
    beyond = max(0, ahead.waiting - ahead.permits_free) if ahead.permits else 0
    by_permits_s = beyond * ahead.window_s / max(1, ahead.permits) + ahead.took_s
    return max(by_slots_s, by_permits_s)


@dataclass(slots=True)
class Flow:
    """Follows jobs by their changes of state. ``clock`` is monotonic, in seconds."""

    clock: Callable[[], float]
    #: What the account's history says that a job takes; None: it says nothing.
    usual_s: float | None = None
    _sent_s: dict[str, float] = field(default_factory=dict)
    _took_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def move(self, job: str, after: JobState) -> None:
        """A job's state has changed."""
        if after in ON_THEIR_WAY:
            # One that was found in the account is nearer to its end than one that is sent now.
            if after is JobState.SUBMITTING:
                self._sent_s.setdefault(job, self.clock())
            return
        sent_s = self._sent_s.pop(job, None)
        if sent_s is not None and after is JobState.DOWNLOADED:
            self._took_s.append(self.clock() - sent_s)

    @property
    def took_s(self) -> float | None:
        """What a job takes, as far as it is known; None: nothing is."""
        if self.usual_s is None:
            return statistics.fmean(self._took_s) if self._took_s else None
        weight = max(0, _HISTORY_WEIGHT - len(self._took_s))
        return statistics.fmean([*self._took_s, *[self.usual_s] * weight])

    def ages_s(self, jobs: int) -> tuple[float, ...]:
        """How long ago each of so many jobs on their way was sent; those of earlier runs are half done, say."""
        now_s = self.clock()
        known = [now_s - sent_s for sent_s in self._sent_s.values()][:jobs]
        earlier = [(self.took_s or 0.0) / 2] * (jobs - len(known))
        return (*known, *earlier)
