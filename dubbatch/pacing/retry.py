"""Retries of one HTTP call that costs nothing: GETs and downloads, never a POST.

The only importer of tenacity; none of its types, and not its RetryError, leave this
module: what the last try raised is what the caller gets.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from dubbatch.errors import DubbatchError, RateLimited
from dubbatch.pacing.backoff import delay_s

T = TypeVar("T")

#: Hears of an error and of the pause in seconds that follows it.
RetryHook = Callable[[Exception, float], None]


def _unheard(error: Exception, pause_s: float) -> None:
    """The hook of those who don't want to know."""


def is_retryable(error: Exception) -> bool:
    """Whether the same call, made again, can succeed."""
    return isinstance(error, DubbatchError) and error.retryable


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one call is tried."""

    tries: int = 5
    #: No try begins later than this after the first began; None: no such bound.
    deadline_s: float | None = None
    #: The pause after the first failure; it doubles up to ``cap_s``.
    base_s: float = 0.5
    cap_s: float = 30.0

    def pause_s(self, failures: int, error: Exception, jitter: float) -> float:
        """Seconds to wait after ``failures`` failures, of which ``error`` was the last."""
        retry_after_s = error.retry_after_s if isinstance(error, RateLimited) else None
        return delay_s(failures, base_s=self.base_s, cap_s=self.cap_s, jitter=jitter, retry_after_s=retry_after_s)

    def is_over(self, failures: int, next_try_s: float) -> bool:
        """Whether there is no further try, which would begin ``next_try_s`` seconds after the first."""
        return failures >= self.tries or (self.deadline_s is not None and next_try_s > self.deadline_s)


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    patience: Patience = Patience(),
    on: Callable[[Exception], bool] = is_retryable,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
    on_retry: RetryHook = _unheard,
) -> T:
    """Return what ``call()`` returns; call it again, after a pause, while it raises what ``on`` accepts.

    The Retry-After of RateLimited is the pause then, exactly. ``on_retry`` hears the error and the
    pause in seconds before each pause. Raises what the last try raised; a cancellation passes at once.
    """
    started_s = clock()

    async def one_try() -> T:
        # tenacity awaits only what it knows for a coroutine function: a lambda or a partial is none.
        return await call()

    async def pause(seconds: float) -> None:
        await sleep(seconds)

    engine = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, Exception) and on(error)),
        wait=lambda state: patience.pause_s(state.attempt_number, _error(state), jitter()),
        stop=lambda state: patience.is_over(state.attempt_number, clock() - started_s + state.upcoming_sleep),
        sleep=pause,
        before_sleep=lambda state: on_retry(_error(state), state.upcoming_sleep),
        reraise=True,
    )
    return await engine(one_try)


def _error(state: tenacity.RetryCallState) -> Exception:
    """What the last try raised: tenacity asks for pauses only after an error that ``on`` accepted."""
    raised = state.outcome.exception() if state.outcome else None
    if not isinstance(raised, Exception):
        raise TypeError("a pause without an error") from raised
    return raised
