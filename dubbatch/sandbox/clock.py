"""The time that the sandbox lives in: the real one, which a test can move forward.

Seconds since the epoch, because books outlive the process; driven by the monotonic clock, because
nothing here may run backwards.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any


class Clock:
    """Tells the time and waits for it. Belongs to one event loop, from its first wait on."""

    def __init__(self, not_before: float = 0.0) -> None:
        """``not_before``: the last time in the books; a clock that was moved forward stays so after a restart."""
        self._offset = max(time.time(), not_before) - time.monotonic()
        self._moved = asyncio.Event()
        self._stopping = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time forward; whoever waits is woken if its time has come."""
        self._offset += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, at: float) -> None:
        while (left := at - self.now()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the service runs: for answers that are late."""
        sleeping = asyncio.ensure_future(self.sleep_until(self.now() + seconds))
        await self.unless_stopping(sleeping)

    async def unless_stopping(self, waiting: asyncio.Future[None]) -> None:
        """Wait for ``waiting``, or give it up when the service stops."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        either: set[asyncio.Future[Any]] = {waiting, stopping}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            stopping.cancel()

    def stop(self) -> None:
        """Let go of everybody who pauses."""
        self._stopping.set()
