"""Why and how far a run stops."""

from __future__ import annotations

import asyncio

import pytest

from dubbatch.stop import Cause, Stop, StopReason


async def forever(seen: list[str]) -> int:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    return 1


async def quick() -> int:
    await asyncio.sleep(0)
    return 7


async def failing() -> int:
    await asyncio.sleep(0)
    raise ZeroDivisionError


def test_a_fresh_run_goes_on() -> None:
    """No reason, no flag."""
    stop = Stop()

    assert not stop.sends_no_more
    assert not stop.leaves
    assert stop.reasons == []


def test_the_two_stages() -> None:
    """No more sends leaves what runs to be followed; leaving includes no more sends."""
    sends, leaves = Stop(), Stop()
    sends.sending(StopReason.TOKENS, "m")
    leaves.everything(StopReason.KEY, "m")

    assert (sends.sends_no_more, sends.leaves) == (True, False)
    assert (leaves.sends_no_more, leaves.leaves) == (True, True)


def test_each_reason_is_kept_once_in_the_order_they_came() -> None:
    """The first words of a reason are the ones to tell; a later stage still counts."""
    stop = Stop()

    assert stop.sending(StopReason.TOKENS, "first", "hint") is True
    assert stop.sending(StopReason.TOKENS, "again") is False
    assert stop.everything(StopReason.TOKENS, "again") is False
    assert stop.everything(StopReason.DISK, "full") is True
    assert stop.leaves
    assert stop.reasons == [Cause(StopReason.TOKENS, "first", "hint"), Cause(StopReason.DISK, "full")]


async def test_work_that_ends_first_gives_its_result_or_its_error() -> None:
    """As if nobody could stop it."""
    stop = Stop()

    assert await stop.unless_sending_stops(quick()) == 7
    assert await stop.unless_leaving(quick()) == 7
    with pytest.raises(ZeroDivisionError):
        await stop.unless_sending_stops(failing())


async def test_work_is_cancelled_and_waited_for_when_the_run_stops() -> None:
    """It has let go of what it held by the time the waiter goes on."""
    stop, seen = Stop(), list[str]()
    waiting = asyncio.create_task(stop.unless_sending_stops(forever(seen)))
    await asyncio.sleep(0)
    stop.sending(StopReason.LIMIT, "enough")

    assert await waiting is None
    assert seen == ["cancelled"]


async def test_work_does_not_even_begin_in_a_run_that_has_stopped() -> None:
    """And leaves no coroutine behind that was never awaited."""
    stop, seen = Stop(), list[str]()
    stop.everything(StopReason.INTERRUPTED, "once")

    assert await stop.unless_sending_stops(forever(seen)) is None
    assert await stop.unless_leaving(quick()) is None
    assert seen == []


async def test_what_is_followed_goes_on_when_only_sending_stops() -> None:
    """Until the run leaves."""
    stop, seen = Stop(), list[str]()
    waiting = asyncio.create_task(stop.unless_leaving(forever(seen)))
    await asyncio.sleep(0)
    stop.sending(StopReason.TOKENS, "used up")
    await asyncio.sleep(0)
    assert not waiting.done()

    stop.everything(StopReason.TERMINATED, "twice")

    assert await waiting is None
    await stop.wait_leaving()


async def test_a_waiter_that_is_cancelled_takes_its_work_with_it() -> None:
    """Nothing is left running."""
    stop, seen = Stop(), list[str]()
    waiting = asyncio.create_task(stop.unless_sending_stops(forever(seen)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert seen == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_on_the_way_out_of_cancelled_work_is_not_the_runs_end() -> None:
    """The run stops for its own reason."""

    async def stubborn() -> bool:
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    stop = Stop()
    waiting = asyncio.create_task(stop.unless_sending_stops(stubborn()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stop.sending(StopReason.LIMIT, "enough")

    assert await waiting is None
