"""Permits in virtual time: their order, their pauses, and how they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dubbatch.pacing.permits import MemoryPermitLog
from dubbatch.pacing.stop import Stopped
from tests.pacing.client import permits_of

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def memory_log() -> MemoryPermitLog:
    return MemoryPermitLog(clock=asyncio.get_running_loop().time)


def test_those_who_wait_are_served_in_their_order(run_virtually: Run) -> None:
    async def main() -> list[str]:
        log = memory_log()
        permits = permits_of(3, log=log)
        await asyncio.gather(*(permits.take(str(number)) for number in range(50)))
        return [granted.reference for granted in await log.recent()]

    assert run_virtually(main()) == [str(number) for number in range(50)]


def test_retry_after_pauses_all_runs_on_the_log_exactly(run_virtually: Run) -> None:
    async def main() -> tuple[float, float]:
        loop, log = asyncio.get_running_loop(), memory_log()
        first, second = permits_of(log=log), permits_of(log=log)
        await first.take("a")
        await asyncio.sleep(1)
        await first.refused(7.5)
        await second.take("b")
        by_second = loop.time()
        await first.take("c")
        return by_second, loop.time()

    assert run_virtually(main()) == pytest.approx((8.5, 8.5))


def test_retry_after_replaces_a_longer_backoff(run_virtually: Run) -> None:
    async def main() -> float:
        permits = permits_of()
        for _ in range(4):
            await permits.refused()
            await asyncio.sleep(10)
        await permits.refused()
        await permits.refused(2.0)
        await permits.take("a")
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(42.0)


def test_without_retry_after_each_refusal_doubles_the_pause_until_a_send_is_accepted(run_virtually: Run) -> None:
    async def main() -> list[float]:
        loop, permits, pauses = asyncio.get_running_loop(), permits_of(), []
        for accepted in (False, False, False, False, True, False):
            before_s = loop.time()
            await permits.take("a")
            pauses.append(loop.time() - before_s)
            if accepted:
                permits.accepted()
            else:
                await permits.refused()
        before_s = loop.time()
        await permits.take("a")
        return [*pauses, loop.time() - before_s]

    assert run_virtually(main()) == pytest.approx([0, 2, 4, 8, 16, 0, 2])


def test_answers_to_sends_that_left_before_a_429_came_back_are_one_refusal(run_virtually: Run) -> None:
    async def main() -> float:
        permits = permits_of()
        for _ in range(8):
            await permits.refused()
        await permits.take("a")
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(2.0)


def test_a_429_with_free_permits_leaves_the_rate_alone_until_it_is_explained(run_virtually: Run) -> None:
    async def main() -> list[tuple[bool, int]]:
        permits, story = permits_of(10), []
        for _ in range(8):
            await permits.take("a")
        story.append((await permits.refused(0.0), permits.statistics().at_once))
        await permits.was_rate()
        story.append((False, permits.statistics().at_once))
        await permits.take("a")
        story.append((await permits.refused(0.0), permits.statistics().at_once))
        return story

    assert run_virtually(main()) == [(False, 10), (False, 2), (True, 1)]


@pytest.mark.parametrize(("kept_s", "next_s"), [(0.1, 61.0), (7.0, 68.0)])
def test_a_permit_counts_from_when_its_post_leaves(run_virtually: Run, kept_s: float, next_s: float) -> None:
    """A moment more or less is what the margin is for."""

    async def main() -> float:
        permits = permits_of(1)
        await permits.take("a")
        await asyncio.sleep(kept_s)
        await permits.leaves("a")
        await permits.take("b")
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(next_s)


def test_what_else_must_hold_is_asked_for_again_after_each_wait(run_virtually: Run) -> None:
    """It holds when the permit is granted, whatever came up while that was waited for."""

    async def main() -> tuple[list[float], float]:
        loop, permits, asked = asyncio.get_running_loop(), permits_of(1), []

        async def ready() -> None:
            asked.append(loop.time())
            if len(asked) == 2:
                await asyncio.sleep(7)

        await permits.take("a")
        await permits.take("b", ready)
        return asked, loop.time()

    asked, granted_s = run_virtually(main())

    assert asked == pytest.approx([0, 61])
    assert granted_s == pytest.approx(68)


def test_a_cancelled_take_keeps_no_permit_and_lets_the_next_one_pass(run_virtually: Run) -> None:
    async def main() -> list[str]:
        log = memory_log()
        permits = permits_of(2, log=log)
        takes = [asyncio.create_task(permits.take(str(number))) for number in range(6)]
        await asyncio.sleep(1)
        takes[2].cancel()
        takes[4].cancel()
        await asyncio.gather(*takes, return_exceptions=True)
        return [granted.reference for granted in await log.recent()]

    assert run_virtually(main()) == ["0", "1", "3", "5"]


def test_stop_wakes_those_who_wait_and_refuses_those_who_come(run_virtually: Run) -> None:
    async def main() -> tuple[list[Any], float, int]:
        log = memory_log()
        permits = permits_of(2, log=log)
        takes = [asyncio.create_task(permits.take(str(number))) for number in range(5)]
        await asyncio.sleep(1)
        permits.stop()
        results = await asyncio.gather(*takes, return_exceptions=True)
        with pytest.raises(Stopped):
            await permits.take("late")
        return results, asyncio.get_running_loop().time(), await log.used(60)

    results, ended_s, used = run_virtually(main())

    assert [type(result) for result in results] == [type(None), type(None), Stopped, Stopped, Stopped]
    assert (ended_s, used) == (1.0, 2)


def test_the_wait_of_the_first_in_the_queue_can_be_seen(run_virtually: Run) -> None:
    async def main() -> tuple[float, float]:
        permits = permits_of(1)
        await permits.take("a")
        idle_s = permits.statistics().waiting_s
        waiting = asyncio.create_task(permits.take("b"))
        await asyncio.sleep(21)
        waiting_s = permits.statistics().waiting_s
        waiting.cancel()
        return idle_s, waiting_s

    assert run_virtually(main()) == pytest.approx((0.0, 40.0))


def test_the_log_in_memory_knows_the_references_of_the_last_hour(run_virtually: Run) -> None:
    async def main() -> list[tuple[str, float]]:
        log = memory_log()
        permits = permits_of(log=log)
        for name in ("old", "young", "new"):
            await permits.take(name)
            await asyncio.sleep(1500)
        return [(granted.reference, granted.age_s) for granted in await log.recent()]

    assert run_virtually(main()) == [("young", 3000.0), ("new", 1500.0)]
