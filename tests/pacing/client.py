"""A client that is nothing but the pacing objects, in virtual time.

It does what the scheduler and the poller do with slots, permits and looks, and nothing else, so thousands
of jobs take moments.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from dubbatch.pacing.permits import MemoryPermitLog, PermitLog, Permits
from dubbatch.pacing.slots import Slot, Slots
from tests.pacing.service import Service


@dataclass
class Client:
    """Sends jobs in their order and looks every ``poll_s`` seconds."""

    service: Service
    permits: Permits
    slots: Slots
    poll_s: float = 5.0
    #: From a job's end to the look that told of it.
    late_s: list[float] = field(default_factory=list)
    #: The most jobs at the service at once, after ``settled_s``.
    most: int = 0
    settled_s: float = 0.0

    async def dub(self, references: Sequence[str]) -> float:
        """Bring all jobs to their end; when that was."""
        looking = asyncio.ensure_future(self._look(references))
        waiting = iter(references)
        async with asyncio.TaskGroup() as group:
            for _ in range(len(references)):
                slot = await self.slots.acquire()
                group.create_task(self._send(next(waiting), slot))
        await looking
        return _now()

    async def _send(self, reference: str, slot: Slot) -> None:
        while True:
            await self.permits.take(reference, partial(self.slots.depart, slot))
            refused_s = await self.service.post(reference)
            if refused_s is None:
                self.permits.accepted()
                if self.slots.accepted(slot):
                    await self.permits.was_rate()
                return
            if await self.permits.refused(refused_s or None):
                self.slots.withdraw(slot)
            else:
                self.slots.refused(slot)
            slot = await self.slots.acquire()

    async def _look(self, references: Sequence[str]) -> None:
        left = len(references)
        while left:
            begun_s = _now()
            for ended_s in await self.service.look(references):
                self.late_s.append(_now() - ended_s)
                self.slots.release()
                left -= 1
            self.slots.observe(queued=self.service.queued, processing=self.service.processing)
            if _now() >= self.settled_s:
                self.most = max(self.most, self.service.queued + self.service.processing)
            await asyncio.sleep(max(0.0, begun_s + self.poll_s - _now()))


def permits_of(limit: int = 60, window_s: float = 60.0, log: PermitLog | None = None) -> Permits:
    """Permits on the loop's clock, without dice."""
    clock = asyncio.get_running_loop().time
    return Permits(limit, window_s, log or MemoryPermitLog(clock=clock), clock=clock, jitter=lambda: 1.0)


def most_in_any_window(times_s: Sequence[float], window_s: float) -> int:
    ordered = sorted(times_s)
    return max(bisect_right(ordered, at_s + window_s - 1e-9) - index for index, at_s in enumerate(ordered))


def _now() -> float:
    return asyncio.get_running_loop().time()
