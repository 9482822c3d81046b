"""A loop that leaps: virtual time passes at once whenever every task waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class LeapingSelector(selectors.DefaultSelector):
    """Where a real selector would sleep, its clock leaps."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits, and nothing will ever happen")
        self.now_s += max(0.0, timeout)
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    """``asyncio.sleep`` and ``loop.time`` in virtual time; without threads and sockets."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


@pytest.fixture
def run_virtually() -> Run:
    """Runs a coroutine to its end in virtual time, which starts at 0."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            return runner.run(main)

    return run
