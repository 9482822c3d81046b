"""Why and how far a run stops before its work is done.

Two stages: no more sends (what is at the service is still followed and fetched), and
leaving (what is at the service stays there for a later run).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class StopReason(StrEnum):
    """What stopped a run; ``dubbatch.cli.exit_codes`` gives each its number."""

    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    KEY = "key refused"
    TOKENS = "tokens used up"
    DISK = "disk"
    LEDGER = "ledger"
    ADDRESS = "wrong address"
    AWAY = "service away"
    ANOTHER_MACHINE = "another machine"
    TIME = "max-time"
    LIMIT = "limit"
    CAP = "cap"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason, in words for a person."""

    reason: StopReason
    message: str
    hint: str = ""


class Stop:
    """The run's one flag. Set from anywhere on the event loop; never unset."""

    def __init__(self) -> None:
        self.reasons: list[Cause] = []
        self._sending = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def sends_no_more(self) -> bool:
        return self._sending.is_set()

    @property
    def leaves(self) -> bool:
        return self._leaving.is_set()

    def sending(self, reason: StopReason, message: str, hint: str = "") -> bool:
        """No more sends. True the first time this reason is given."""
        is_new = all(known.reason is not reason for known in self.reasons)
        if is_new:
            self.reasons.append(Cause(reason, message, hint))
        self._sending.set()
        return is_new

    def everything(self, reason: StopReason, message: str, hint: str = "") -> bool:
        """No more sends, and leave what runs at the service to a later run."""
        is_new = self.sending(reason, message, hint)
        self._leaving.set()
        return is_new

    async def unless_sending_stops(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The work's result, or None (and the work cancelled) where sending stops first."""
        return await _unless(self._sending, work)

    async def unless_leaving(self, work: Coroutine[Any, Any, T]) -> T | None:
        return await _unless(self._leaving, work)

    async def wait_leaving(self) -> None:
        await self._leaving.wait()


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    if event.is_set():
        work.close()
        return None
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
