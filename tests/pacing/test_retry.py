from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dubbatch.errors import (
    DubbatchError,
    KeyRefused,
    RateLimited,
    ServiceFault,
    ServiceUnreachable,
)
from dubbatch.pacing.retry import Patience, retrying

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Calls:
    """A call that raises the given errors in turn and then answers."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.times_s: list[float] = []

    async def __call__(self) -> str:
        self.times_s.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def retry(calls: Calls, **options: Any) -> str:
    return await retrying(calls, clock=asyncio.get_running_loop().time, jitter=lambda: 1.0, **options)


def test_a_call_is_repeated_with_growing_pauses_until_it_answers(run_virtually: Run) -> None:
    calls = Calls(ServiceFault("500"), ServiceUnreachable("gone"), ServiceFault("500"))

    assert run_virtually(retry(calls)) == "answer"
    assert calls.times_s == pytest.approx([0, 0.5, 1.5, 3.5])


def test_the_retry_after_of_the_service_wins(run_virtually: Run) -> None:
    calls = Calls(RateLimited("429", retry_after_s=45.0), RateLimited("429"))

    run_virtually(retry(calls))

    assert calls.times_s == pytest.approx([0, 45, 46])


def test_the_last_error_is_raised_as_it_is_after_the_last_try(run_virtually: Run) -> None:
    errors = [ServiceFault(str(number)) for number in range(9)]
    calls = Calls(*errors)

    with pytest.raises(ServiceFault) as caught:
        run_virtually(retry(calls, patience=Patience(tries=3)))

    assert caught.value is errors[2]
    assert len(calls.times_s) == 3


@pytest.mark.parametrize("error", [KeyRefused("401"), ValueError("ours"), asyncio.CancelledError()])
def test_what_can_not_succeed_next_time_is_raised_at_once(run_virtually: Run, error: BaseException) -> None:
    calls = Calls(error)

    with pytest.raises(type(error)):
        run_virtually(retry(calls))

    assert len(calls.times_s) == 1


def test_no_try_begins_after_the_deadline(run_virtually: Run) -> None:
    calls = Calls(*[ServiceFault("500")] * 99)

    with pytest.raises(ServiceFault):
        run_virtually(retry(calls, patience=Patience(tries=99, deadline_s=10.0)))

    assert calls.times_s == pytest.approx([0, 0.5, 1.5, 3.5, 7.5])


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(run_virtually: Run) -> None:
    calls = Calls(RateLimited("429", retry_after_s=3600.0))

    with pytest.raises(RateLimited):
        run_virtually(retry(calls, patience=Patience(deadline_s=60.0)))


def test_the_caller_decides_what_is_retried_and_hears_of_each_pause(run_virtually: Run) -> None:
    heard: list[tuple[str, float]] = []
    calls = Calls(KeyRefused("one"), KeyRefused("two"))

    run_virtually(
        retry(
            calls,
            on=lambda error: isinstance(error, DubbatchError),
            on_retry=lambda error, pause_s: heard.append((str(error), pause_s)),
        )
    )

    assert heard == [("one", 0.5), ("two", 1.0)]


def test_any_callable_that_gives_an_awaitable_will_do(run_virtually: Run) -> None:
    calls = Calls(ServiceFault("500"))

    assert run_virtually(retrying(lambda: calls(), jitter=lambda: 1.0)) == "answer"
