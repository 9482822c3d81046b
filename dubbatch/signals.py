"""Ctrl-C, SIGTERM and a closed terminal: once to stop in good order, twice to stop at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from dubbatch.stop import Stop, StopReason

_REASONS = {signal.SIGINT: StopReason.INTERRUPTED, signal.SIGTERM: StopReason.TERMINATED}
# The terminal, or the ssh session, is gone; Windows has no such signal.
if hasattr(signal, "SIGHUP"):
    _REASONS[signal.SIGHUP] = StopReason.TERMINATED


def handled() -> tuple[signal.Signals, ...]:
    """The signals that end a command. Under ``nohup`` a closed terminal is none of them."""
    hung_up = getattr(signal, "SIGHUP", None)
    is_deaf = hung_up is not None and signal.getsignal(hung_up) is signal.SIG_IGN
    return tuple(number for number in _REASONS if not (is_deaf and number == hung_up))


#: What each run under way does on a signal. Handlers belong to the process, so all its runs share them.
_leaving: list[Callable[[int], None]] = []
_before: dict[signal.Signals, Any] = {}


@contextmanager
def stopping_on_signals(stop: Stop, work: asyncio.Future[None]) -> Iterator[None]:
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
        reason = _REASONS[signal.Signals(number)]
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
