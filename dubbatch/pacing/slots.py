"""Slots: the places among the jobs that the account's plan lets run at once.

An attempt holds a slot from before its send until it has finished at the service.
``slot_estimate`` learns how many there are; :class:`Slots` lets callers wait for a
place, first-in first-out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dubbatch.pacing.slot_estimate import SlotEstimate
from dubbatch.pacing.stop import Stopped


@dataclass(eq=False, slots=True)
class Slot:
    """A place that was given for one send, and what was known when that was free to leave."""

    #: Jobs that the service held.
    at_service: int = 0
    #: Refusals that had taught something.
    heard: int = 0
    #: What became of the send is known: the slot is an attempt's now, or free.
    answered: bool = False


@dataclass(frozen=True, slots=True)
class SlotStatistics:
    """``used`` of ``limit`` slots; ``capacity`` if the service queues; ``learned`` is for the next run."""

    used: int
    limit: int
    capacity: int | None
    learned: int | None


class Slots:
    """Gives out slots, first-in first-out. Every slot taken ends in exactly one of these ways:

    ``acquire`` -> ``depart`` -> ``accepted`` or ``unsure`` -> ``release``, when the job has finished at the
    service or was found never to have got there; ``acquire`` -> ``depart`` -> ``refused`` (429, not for a
    rate that is used up); ``acquire`` -> ``withdraw`` (any other refusal, or not sent at all). Not for use
    by several event loops.
    """

    def __init__(self, ceiling: int | None = None, *, remembered: int | None = None, queue_ahead: int = 2) -> None:
        self._estimate = SlotEstimate.start(ceiling, remembered=remembered, queue_ahead=queue_ahead)
        self._used = 0
        self._unanswered = 0
        #: Sends that have left, or are about to, and have no answer yet.
        self._departed: set[Slot] = set()
        self._stopped = False
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def acquire(self) -> Slot:
        """Wait for a slot for one send. Cancelling it takes none. Raises Stopped after :meth:`stop`."""
        async with self._turn:
            while not self._has_room():
                await self._change()
            self._used += 1
            self._unanswered += 1
            return Slot()

    async def depart(self, slot: Slot) -> None:
        """Wait until the send of ``slot`` may leave: there is still room for it, and no refusal to be explained first.

        While it is not known what a refusal was for, sends leave one at a time. Call it right before the
        permit is taken, each time that was waited for. Raises Stopped after :meth:`stop`.
        """
        self._departed.discard(slot)
        while not self._may_depart():
            await self._change()
        self._departed.add(slot)
        slot.at_service, slot.heard = self._at_service, self._estimate.heard

    def _may_depart(self) -> bool:
        if self._stopped:
            raise Stopped
        if self._estimate.unexplained is not None:
            return not self._departed
        # The limit may have fallen since the slot was given.
        return self._at_service + len(self._departed) < self._estimate.limit

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

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

    def accepted(self, slot: Slot) -> bool:
        """A send was accepted: its attempt keeps the slot. Whether that shows an earlier refusal to be the rate's."""
        self._answer(slot)
        before = self._estimate
        self._learn(before.after_accepted(self._at_service, heard_then=slot.heard))
        return self._estimate.for_rate > before.for_rate

    def unsure(self, slot: Slot) -> None:
        """A send's answer was lost: its attempt keeps the slot, and nothing is learned."""
        self._answer(slot)

    def refused(self, slot: Slot) -> None:
        """A send was refused, although the rate was not used up."""
        self._answer(slot)
        self._free()
        at_service = max(slot.at_service, self._at_service)
        self._learn(self._estimate.after_refused(at_service, heard_then=slot.heard))

    def withdraw(self, slot: Slot) -> None:
        """A send was refused for another reason, or never made: its slot is free, nothing is learned."""
        self._answer(slot)
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

    def _answer(self, slot: Slot) -> None:
        if slot.answered or self._unanswered < 1:
            raise RuntimeError("an answer came for a send that holds no slot")
        slot.answered = True
        self._unanswered -= 1
        self._departed.discard(slot)
        self._changed.set()

    def _free(self) -> None:
        if self._used <= self._unanswered:
            raise RuntimeError("a slot was released that no attempt holds")
        self._used -= 1
        self._changed.set()

    def _learn(self, estimate: SlotEstimate) -> None:
        self._estimate = estimate
        self._changed.set()
