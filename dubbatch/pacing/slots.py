"""Slots: the places among the jobs that the account's plan lets run at once.

An attempt holds a slot from before its send until it has finished at the service. How
many there are is not published, and neither is what happens to one job too many: some
services refuse it, others let it queue. :class:`SlotEstimate` learns the number from
both signs, sends that were refused and jobs that wait; it is pure and counts sends and
observations instead of time. :class:`Slots` lets callers wait for a place, first-in
first-out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from dubbatch.pacing.stop import Stopped

_START = 4
#: Sends without an answer at once, before any was accepted. See :attr:`SlotEstimate.unanswered_limit`.
_FIRST_UNANSWERED = 2
#: Accepted sends, in rounds and at least, between a refusal and the next try for one slot more ...
_ROUNDS_TO_PROBE = 4
_SENDS_TO_PROBE = 16
#: ... and how much longer each failed try makes that, how often.
_PROBE_BACKOFF = 4
_PROBE_BACKOFFS = 2
#: Looks in a row that must find jobs waiting and no more of them processing than before. The first
#: ones may only show jobs that the service is about to start.
_LOOKS_TO_BELIEVE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEstimate:
    """How many jobs to keep at the service.

    - Every round (as many accepted sends as there are slots) adds ``step``, and doubles ``step``.
      Without a remembered number ``step`` starts as large as the limit: that doubles it.
    - A refusal sets the limit to what was in use; later tries add one, ever more rarely.
    - Where jobs wait and no more of them get processed, the limit is what gets processed plus
      ``queue_ahead``; it grows again when a full limit is seen processing.
    """

    limit: int
    #: What the user allows at most; None: no bound.
    ceiling: int | None = None
    #: Jobs that wait at a service that queues, so that it never idles until we look again.
    queue_ahead: int = 2
    #: What the next growth adds.
    step: int
    #: Accepted sends that make the limit grow.
    patience: int
    #: Sends accepted since the limit last changed.
    accepted: int = 0
    #: The most jobs that the service was seen to hold since the last refusal.
    proven: int = 0
    #: Tries for a higher limit that were refused, since one last went well.
    refusals: int = 0
    #: The most jobs processed at once while others waited; None: it doesn't queue, as far as we know.
    capacity: int | None = None
    #: Looks in a row that found jobs waiting without progress, and the most that were processing.
    waiting_looks: int = 0
    busiest: int = 0

    @classmethod
    def start(cls, ceiling: int | None = None, *, remembered: int | None = None, queue_ahead: int = 2) -> SlotEstimate:
        """The first guess: the user's number, else the remembered one, else 4.

        Raises ValueError for a ceiling below 1 or a negative ``queue_ahead``.
        """
        if (ceiling is not None and ceiling < 1) or queue_ahead < 0:
            raise ValueError("at least one slot, and no fewer than 0 jobs ahead")
        limit = max(1, ceiling or remembered or _START)
        # A remembered number was learned: trying for twice as much would be refused once again.
        step = 1 if remembered else limit
        return cls(limit=limit, ceiling=ceiling, queue_ahead=queue_ahead, step=step, patience=limit)

    @property
    def unanswered_limit(self) -> int:
        """How many sends may be without an answer at once.

        Never more than the service was seen to hold: so the first tries, a stale remembered number
        and every doubling are refused at most as often as the plan has slots.
        """
        return max(_FIRST_UNANSWERED, self.proven)

    @property
    def learned(self) -> int | None:
        """The number to remember for the next run; None: nothing was learned."""
        if self.capacity is not None:
            return self.capacity + self.queue_ahead
        return min(self.proven, self.limit) or None

    def after_accepted(self, at_service: int) -> SlotEstimate:
        """A send was accepted; the service now holds ``at_service`` jobs, that one included."""
        late = at_service > self.limit
        probed = at_service > self.proven and not late
        news = replace(
            self,
            # A send from before the limit fell, accepted after all: there is room for it.
            limit=self._bounded(at_service) if late and self.capacity is None else self.limit,
            accepted=self.accepted + 1,
            proven=max(self.proven, at_service),
            refusals=0 if probed else self.refusals,
        )
        round_done = news.accepted >= news.patience and news.proven >= news.limit
        waits = news.capacity is not None or news.waiting_looks > 0
        return news._grown() if round_done and not waits else news

    def after_refused(self, at_service: int, limit_then: int) -> SlotEstimate:
        """A send was refused while the service held ``at_service`` jobs; its slot was given at ``limit_then``."""
        if limit_then > self.limit:
            return self  # it left before the limit fell: the same news once more
        limit = max(1, min(self.limit, at_service))
        # Below what was held before, or with none at all, someone else uses the plan: try again after one round.
        shared = at_service < self.proven or at_service == 0
        refusals = self.refusals + 1
        backoff = _PROBE_BACKOFF ** min(refusals - 1, _PROBE_BACKOFFS)
        return replace(
            self,
            limit=limit,
            step=1,
            patience=limit if shared else max(_SENDS_TO_PROBE, _ROUNDS_TO_PROBE * limit) * backoff,
            accepted=0,
            proven=at_service,
            refusals=refusals,
        )

    def after_observed(self, *, queued: int, processing: int) -> SlotEstimate:
        """A look at the account found so many of our jobs waiting and being processed."""
        if queued <= 0:
            calm = replace(self, waiting_looks=0, busiest=0)
            full = processing >= self.limit
            return replace(calm, capacity=None)._grown() if full and self._may_grow_by_looks else calm
        looks = 1 if processing > self.busiest else self.waiting_looks + 1
        busiest = max(self.busiest, processing)
        if looks < _LOOKS_TO_BELIEVE or busiest == 0:
            return replace(self, waiting_looks=looks, busiest=busiest)
        limit = self._bounded(busiest + self.queue_ahead)
        if self.refusals:
            limit = min(limit, self.limit)
        return replace(self, limit=limit, capacity=busiest, step=1, accepted=0, waiting_looks=0, busiest=0)

    @property
    def _may_grow_by_looks(self) -> bool:
        # A service that refuses always shows a full limit: there, only patience tries for more.
        return self.refusals == 0 or self.capacity is not None

    def _grown(self) -> SlotEstimate:
        limit = self._bounded(self.limit + self.step)
        return replace(self, limit=limit, step=min(2 * self.step, limit), patience=limit, accepted=0)

    def _bounded(self, limit: int) -> int:
        return limit if self.ceiling is None else min(limit, self.ceiling)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that was given for one send, and what was known then."""

    #: Jobs that the service held.
    at_service: int
    limit: int


@dataclass(frozen=True, slots=True)
class SlotStatistics:
    """``used`` of ``limit`` slots; ``capacity`` if the service queues; ``learned`` is for the next run."""

    used: int
    limit: int
    capacity: int | None
    learned: int | None


class Slots:
    """Gives out slots, first-in first-out. Every slot taken ends in exactly one of these ways:

    ``acquire`` -> ``accepted`` or ``unsure`` -> ``release``, when the job has finished at the service or
    was found never to have got there; ``acquire`` -> ``refused`` (429 for slots) or ``withdraw`` (any
    other refusal, or not sent at all). Not for use by several event loops.
    """

    def __init__(self, ceiling: int | None = None, *, remembered: int | None = None, queue_ahead: int = 2) -> None:
        self._estimate = SlotEstimate.start(ceiling, remembered=remembered, queue_ahead=queue_ahead)
        self._used = 0
        self._unanswered = 0
        self._stopped = False
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def acquire(self) -> Slot:
        """Wait for a slot for one send. Cancelling it takes none. Raises Stopped after :meth:`stop`."""
        async with self._turn:
            while not self._has_room():
                self._changed.clear()
                await self._changed.wait()
            slot = Slot(self._at_service, self._estimate.limit)
            self._used += 1
            self._unanswered += 1
            return slot

    def _has_room(self) -> bool:
        if self._stopped:
            raise Stopped
        return self._used < self._estimate.limit and self._unanswered < self._estimate.unanswered_limit

    @property
    def _at_service(self) -> int:
        return self._used - self._unanswered

    def occupy(self, count: int) -> None:
        """Count attempts that are already at the service: adopted, or left there by an earlier run."""
        self._used += count
        self._changed.set()

    def accepted(self) -> None:
        """A send was accepted: its attempt keeps the slot."""
        self._answer()
        self._learn(self._estimate.after_accepted(self._at_service))

    def unsure(self) -> None:
        """A send's answer was lost: its attempt keeps the slot, and nothing is learned."""
        self._answer()

    def refused(self, slot: Slot) -> None:
        """A send was refused for want of slots."""
        self._answer()
        self._free()
        at_service = max(slot.at_service, self._at_service)
        self._learn(self._estimate.after_refused(at_service, slot.limit))

    def withdraw(self) -> None:
        """A send was refused for another reason, or never made: its slot is free, nothing is learned."""
        self._answer()
        self._free()

    def release(self) -> None:
        """An attempt has finished at the service, or was found never to have got there."""
        self._free()

    def observe(self, *, queued: int, processing: int) -> None:
        """A look at the account: how many of our jobs wait there and how many are being processed."""
        self._learn(self._estimate.after_observed(queued=queued, processing=processing))

    def stop(self) -> None:
        """Give out no more slots: those who wait, and those who come, get Stopped."""
        self._stopped = True
        self._changed.set()

    def statistics(self) -> SlotStatistics:
        """A snapshot."""
        estimate = self._estimate
        return SlotStatistics(self._used, estimate.limit, estimate.capacity, estimate.learned)

    def _answer(self) -> None:
        if self._unanswered < 1:
            raise RuntimeError("an answer came for a send that holds no slot")
        self._unanswered -= 1
        self._changed.set()

    def _free(self) -> None:
        if self._used <= self._unanswered:
            raise RuntimeError("a slot was released that no attempt holds")
        self._used -= 1
        self._changed.set()

    def _learn(self, estimate: SlotEstimate) -> None:
        self._estimate = estimate
        self._changed.set()
