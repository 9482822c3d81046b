"""Permits against simulated services, in virtual time."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from dubbatch.pacing.permits import MemoryPermitLog, Permits
from dubbatch.pacing.rate import Blame
from dubbatch.pacing.stop import Stopped

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def permits_of(log: MemoryPermitLog, limit: int = 60, window_s: float = 60.0) -> Permits:
    return Permits(limit, window_s, log, clock=asyncio.get_running_loop().time, jitter=lambda: 1.0)


def memory_log() -> MemoryPermitLog:
    return MemoryPermitLog(clock=asyncio.get_running_loop().time)


def most_in_any_window(times_s: Sequence[float], window_s: float) -> int:
    ordered = sorted(times_s)
    return max(bisect_right(ordered, at_s + window_s - 1e-9) - index for index, at_s in enumerate(ordered))


class Bucket:
    """A service with a token bucket: ``depth`` at once, refilled at ``per_s``."""

    def __init__(self, *, depth: float, per_s: float, level: float, retry_after_s: float | None = None) -> None:
        self.depth, self.per_s, self.level = depth, per_s, level
        self.retry_after_s = retry_after_s
        self.seen_s = 0.0
        self.accepted_s: list[float] = []
        self.refused_s: list[float] = []

    def post(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        self.level = min(self.depth, self.level + (now_s - self.seen_s) * self.per_s)
        self.seen_s = now_s
        if self.level < 1:
            self.refused_s.append(now_s)
            return False
        self.level -= 1
        self.accepted_s.append(now_s)
        return True


async def send_all(permits: Permits, service: Bucket, jobs: int) -> None:
    """Many senders at once, each repeating until it is accepted; answers take 50 ms."""

    async def send(name: str) -> None:
        while True:
            await permits.take(name)
            await asyncio.sleep(0.025)
            accepted = service.post()
            await asyncio.sleep(0.025)
            if accepted:
                permits.accepted()
                return
            await permits.refused(service.retry_after_s)

    await asyncio.gather(*(send(f"job-{number}") for number in range(jobs)))


@pytest.mark.parametrize("seed", range(5))
def test_the_server_never_sees_more_than_the_limit_in_any_window(run_virtually: Run, seed: int) -> None:
    """With a network that delays each POST by up to 50 ms, over thousands of permits."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        permits, dice, arrivals = permits_of(memory_log()), random.Random(seed), []

        async def send(number: int) -> None:
            await permits.take(str(number))
            await asyncio.sleep(dice.uniform(0, 0.05))
            arrivals.append(loop.time())

        await asyncio.gather(*(send(number) for number in range(1200)))
        return arrivals

    arrivals = run_virtually(main())

    assert most_in_any_window(arrivals, 60.0) <= 60


def test_ten_windows_use_98_percent_of_the_allowed_throughput(run_virtually: Run) -> None:
    async def main() -> float:
        permits = permits_of(memory_log())
        for number in range(660):
            await permits.take(str(number))
        return asyncio.get_running_loop().time()

    # The first 60 come at once, so 660 permits are worth ten windows.
    assert run_virtually(main()) <= 600 / 0.98


def test_those_who_wait_are_served_in_their_order(run_virtually: Run) -> None:
    async def main() -> list[str]:
        log = memory_log()
        permits = permits_of(log, limit=3)
        await asyncio.gather(*(permits.take(str(number)) for number in range(50)))
        return [granted.reference for granted in await log.recent()]

    assert run_virtually(main()) == [str(number) for number in range(50)]


def test_retry_after_pauses_all_runs_on_the_log_exactly(run_virtually: Run) -> None:
    async def main() -> tuple[float, float]:
        loop, log = asyncio.get_running_loop(), memory_log()
        first, second = permits_of(log), permits_of(log)
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
        permits = permits_of(memory_log())
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
        loop, permits, pauses = asyncio.get_running_loop(), permits_of(memory_log()), []
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

    assert run_virtually(main()) == pytest.approx([0, 1, 2, 4, 8, 0, 1])


def test_answers_to_sends_that_left_before_a_429_came_back_are_one_refusal(run_virtually: Run) -> None:
    async def main() -> float:
        permits = permits_of(memory_log())
        for _ in range(8):
            await permits.refused()
        await permits.take("a")
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(1.0)


def test_a_429_with_free_permits_is_blamed_on_the_slots_and_leaves_the_rate_alone(run_virtually: Run) -> None:
    async def main() -> tuple[Blame, bool, Blame, bool]:
        permits = permits_of(memory_log(), limit=10)
        for _ in range(8):
            await permits.take("a")
        early = await permits.refused(0.0)
        early_paced = permits.statistics().paced
        await permits.take("a")
        return early, early_paced, await permits.refused(0.0), permits.statistics().paced

    assert run_virtually(main()) == (Blame.SLOTS, False, Blame.RATE, True)


@pytest.mark.parametrize(
    ("depth", "level", "retry_after_s"), [(60, 60, None), (60, 54, None), (57, 57, None), (57, 57, 1.0)]
)
def test_a_token_bucket_refuses_a_few_sends_and_is_then_followed(
    run_virtually: Run, depth: float, level: float, retry_after_s: float | None
) -> None:
    service = Bucket(depth=depth, per_s=1.0, level=level, retry_after_s=retry_after_s)

    async def main() -> None:
        await send_all(permits_of(memory_log()), service, 1200)

    run_virtually(main())

    assert len(service.refused_s) <= 10
    assert len(service.accepted_s) / max(service.accepted_s) >= 0.95


def test_on_a_shared_account_the_rate_falls_to_what_is_left_and_grows_back(run_virtually: Run) -> None:
    """Someone else uses half of the account for a while, then stops."""
    service = Bucket(depth=60, per_s=0.5, level=60)

    async def main() -> tuple[int, int]:
        permits = permits_of(memory_log())
        await send_all(permits, service, 600)
        while_shared = permits.statistics().limit
        service.per_s = 1.0
        await send_all(permits, service, 1800)
        return while_shared, permits.statistics().limit

    while_shared, alone = run_virtually(main())

    assert 20 <= while_shared <= 40
    assert alone == 60
    assert len(service.refused_s) <= 40


def test_a_cancelled_take_keeps_no_permit_and_lets_the_next_one_pass(run_virtually: Run) -> None:
    async def main() -> list[str]:
        log = memory_log()
        permits = permits_of(log, limit=2)
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
        permits = permits_of(log, limit=2)
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
        permits = permits_of(memory_log(), limit=1)
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
        permits = permits_of(log)
        for name in ("old", "young", "new"):
            await permits.take(name)
            await asyncio.sleep(1500)
        return [(granted.reference, granted.age_s) for granted in await log.recent()]

    assert run_virtually(main()) == [("young", 3000.0), ("new", 1500.0)]
