"""One thread that an event loop hands calls to, cheaply.

A job takes some thirty calls of the ledger, and the futures of an ordinary executor cost more than most
of the calls themselves: they can be waited for by threads, which nobody does here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerThread(Executor):
    """For ``run_in_executor`` alone, which takes a future of its loop as it is. Every call is made."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._has_ended = False
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(  # type: ignore[override]
        self, method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        if self._has_ended:
            # Nobody would ever answer.
            raise RuntimeError("the thread has ended")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put(partial(_answer, answer, partial(method, *args, **kwargs)))
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was asked for. Nothing is ever taken back."""
        self._has_ended = True
        self._calls.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            # What a call was given and gave must not stay until the next one.
            del call


def _answer(answer: asyncio.Future[T], method: Callable[[], T]) -> None:
    give: Callable[[], None]
    try:
        give = partial(_give, answer, answer.set_result, method())
    except StopIteration as error:
        # A future refuses to carry it, and who asked would wait for ever.
        stopped = RuntimeError("the call raised StopIteration")
        stopped.__cause__ = error
        give = partial(_give, answer, answer.set_exception, stopped)
    except BaseException as error:  # noqa: BLE001  (who asked hears of it)
        give = partial(_give, answer, answer.set_exception, error)
    # A loop that is closed has nobody left who waits.
    with suppress(RuntimeError):
        answer.get_loop().call_soon_threadsafe(give)


def _give(answer: asyncio.Future[Any], give: Callable[[Any], None], what: object) -> None:
    """On the event loop: a caller that was cancelled meanwhile hears no more."""
    if not answer.cancelled():
        give(what)
