"""Ctrl-C, SIGTERM and a closed terminal: once to stop in good order, twice to stop at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from dubbatch.interrupts import handled
from dubbatch.stop import Stop, StopReason

#: What each run under way does on a signal. Handlers belong to the process, so all its runs share them.
_leaving: list[Callable[[int], None]] = []
_before: dict[signal.Signals, Any] = {}


@contextmanager
def stopping_on_signals(stop: Stop, work: asyncio.Future[Any]) -> Iterator[None]:
    """The first signal lets the run leave in good order; the second cancels ``work``.

    ``signal.signal`` rather than the loop's own handlers: those are missing on Windows. In another
    thread than the main one nothing is done: a program that runs batches in threads handles its
    signals itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def leave(number: int) -> None:
        reason = StopReason.INTERRUPTED if number == signal.SIGINT else StopReason.TERMINATED
        was_leaving = stop.leaves
        stop.everything(reason, str(reason), "run again to go on")
        # A shell passes a hang-up on, and the system sends another when the shell is gone: that is one.
        if was_leaving and number != getattr(signal, "SIGHUP", None):
            work.cancel()

    def tell(number: int) -> None:
        loop.call_soon_threadsafe(leave, number)

    if not _leaving:
        _before.update({number: signal.signal(number, _handle) for number in handled()})
    _leaving.append(tell)
    try:
        yield
    finally:
        _leaving.remove(tell)
        if not _leaving:
            for number, handler in _before.items():
                signal.signal(number, handler)
            _before.clear()


def _handle(number: int, frame: FrameType | None) -> None:
    for tell in tuple(_leaving):
        tell(number)
