"""An event loop whose time is a number: it jumps to the next timer as soon as nothing else is to do.

What the product hands to threads (the ledger, the log of permits) is carried out on the loop itself, one
turn later: the awaiting task is suspended as it would be, and the order of everything is the same in
every run. Libraries for such time leave the threads real, and with them the order to chance.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: A run that goes on for so long, or through so many moments, never ends.
LONGEST_S = 24 * 3600.0
MOST_MOMENTS = 10_000


class Endless(Exception):
    """Nothing can ever happen again, or things happen for days without an end."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at ``now`` seconds; ``time()`` moves only when all that is ready has been done."""

    def __init__(self, now: float, *, longest_s: float = LONGEST_S, most_moments: int = MOST_MOMENTS) -> None:
        self.now = now
        self._deadline = now + longest_s
        self._moments = 0
        self._most_moments = most_moments
        super().__init__(_NoFiles(self._jump))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        self.call_soon(_carry_out, future, func, args)
        return future

    def _jump(self, seconds: float | None) -> None:
        # Told once: closing the loop takes some turns more.
        deadline, self._deadline = self._deadline, math.inf
        if seconds is None:
            raise Endless("everybody waits, and for nothing")
        self._moments += 1
        if self.now + seconds > deadline or self._moments == self._most_moments:
            raise Endless(f"no end at {self.now:.0f} s")
        self.now += seconds
        self._deadline = deadline


class _NoFiles(selectors.SelectSelector):
    """Waits for no file: a pause is passed to ``jump``."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._jump(timeout)
        return []


def _carry_out(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    # Like a worker thread, it goes on when nobody waits for the result any more.
    try:
        result = func(*args)
    except BaseException as error:  # noqa: BLE001 - it is the awaiting task's
        if not future.cancelled():
            future.set_exception(error)
    else:
        if not future.cancelled():
            future.set_result(result)
