"""The pacing objects together against simulated services: what the server counts, and how long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from benchmarks.ideal import simulate
from dubbatch.pacing.permits import MemoryPermitLog
from dubbatch.pacing.slots import Slots
from dubbatch.sandbox.quota import BucketQuota, FixedQuota, Quota, SlidingQuota
from tests.pacing.client import Client, most_in_any_window, permits_of
from tests.pacing.service import Service, SharedQuota, durations

Run = Callable[[Coroutine[Any, Any, Any]], Any]

KINDS: dict[str, Callable[[], Quota]] = {
    "sliding": lambda: SlidingQuota(60, 60.0),
    "fixed": lambda: FixedQuota(60, 60.0),
}
#: More sends than ten windows allow.
MANY = 700


def names(count: int, batch: str = "a") -> list[str]:
    return [f"{batch}{number}" for number in range(count)]


def sends_in_ten_windows(service: Service) -> int:
    return sum(at_s <= 600 for at_s in service.arrivals_s)


async def dub(service: Service, jobs: int, slots: Slots | None = None, **client: Any) -> Client:
    """Bring ``jobs`` jobs to their end."""
    work = Client(service, permits_of(), slots or Slots(), **client)
    await work.dub(names(jobs))
    return work


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_alone_there_is_no_refusal_and_98_percent_of_the_allowed_rate(run_virtually: Run, kind: str, seed: int) -> None:
    """With 50 ms of random delay, as the server counts; the rate is all that bounds."""
    service = Service(quota=KINDS[kind](), job_s=lambda: 2.0, seed=seed)

    run_virtually(dub(service, MANY, Slots(1000)))

    assert service.refused == 0
    assert most_in_any_window(service.arrivals_s, 60.0) == 60
    assert sends_in_ten_windows(service) >= 0.98 * 600


@pytest.mark.parametrize("tells_retry_after", [False, True])
@pytest.mark.parametrize("depth", [2, 3, 5, 10, 30, 57, 60])
def test_a_token_bucket_is_learned_with_few_refusals(run_virtually: Run, depth: int, tells_retry_after: bool) -> None:
    """Of any depth, from the very first sends on; those refused are lost, the others use the rate."""
    quota = BucketQuota(60, 60.0, depth)
    service = Service(quota=quota, job_s=lambda: 20.0, tells_retry_after=tells_retry_after)

    run_virtually(dub(service, MANY, Slots(1000)))

    assert service.refused <= 10
    assert sends_in_ten_windows(service) >= 0.97 * 600


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_on_a_shared_account_the_rate_falls_to_what_is_left(run_virtually: Run, share: float) -> None:
    """Somebody else sends all the time."""
    service = Service(quota=SharedQuota(60, 60.0, share), job_s=durations(1, 60, 180))

    run_virtually(dub(service, 600))

    assert 600 / max(service.arrivals_s) >= 0.8 * (1 - share)
    assert service.refused <= 0.2 * 600


def test_alone_again_the_rate_grows_back(run_virtually: Run) -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        quota = SharedQuota(60, 60.0, 0.5)
        client = await dub(Service(quota=quota, job_s=lambda: 5.0), 300)
        shared_s = loop.time()
        quota.share = 0.0
        await client.dub(names(1800, "b"))
        begun_s = loop.time()
        await client.dub(names(300, "c"))
        return 300 / shared_s, 300 / (loop.time() - begun_s)

    shared, alone = run_virtually(main())

    assert shared <= 0.55
    assert alone >= 0.9


def test_two_runs_on_one_host_share_the_rate(run_virtually: Run) -> None:
    """With one log of permits, the server sees no more than it allows, and both get on."""
    service = Service(quota=SlidingQuota(60, 60.0), job_s=lambda: 2.0)

    async def main() -> list[float]:
        log = MemoryPermitLog(clock=asyncio.get_running_loop().time)
        runs = [Client(service, permits_of(log=log), Slots(500)) for _ in range(2)]
        halves = [names(MANY // 2, "a"), names(MANY // 2, "b")]
        return await asyncio.gather(*(run.dub(half) for run, half in zip(runs, halves, strict=True)))

    run_virtually(main())

    assert service.refused == 0
    assert most_in_any_window(service.arrivals_s, 60.0) == 60
    assert sends_in_ten_windows(service) >= 0.97 * 600


@pytest.mark.parametrize("plan", [1, 2, 3, 4, 5, 8, 13, 20])
def test_a_service_that_refuses_does_so_at_most_twice_as_often_as_it_has_slots(run_virtually: Run, plan: int) -> None:
    service, jobs = Service(plan, job_s=durations(1, 96, 144)), 20 * plan + 20

    run_virtually(dub(service, jobs))

    assert service.refused <= 2 * plan
    assert service.last_end_s <= 1.1 * 120 * (jobs / plan + 1)


@pytest.mark.parametrize(("remembered", "ceiling"), [(40, None), (None, 40), (2, None)])
def test_a_wrong_guess_to_start_with_costs_as_little(
    run_virtually: Run, remembered: int | None, ceiling: int | None
) -> None:
    service = Service(plan=8, job_s=durations(1, 96, 144))

    run_virtually(dub(service, 160, Slots(ceiling, remembered=remembered)))

    assert service.refused <= 16
    assert service.last_end_s <= 1.25 * 120 * 21


@pytest.mark.parametrize("plan", [1, 2, 4, 7, 20])
def test_where_jobs_queue_only_those_ahead_wait_and_no_slot_idles(run_virtually: Run, plan: int) -> None:
    service, slots, jobs = Service(plan, queues=True, lag_s=2.0, job_s=durations(1, 96, 144)), Slots(), 60 * plan

    client = run_virtually(dub(service, jobs, slots, settled_s=3600.0))

    assert client.most <= plan + 2 + 1  # one growing look may be under way
    assert slots.statistics().capacity in (plan, plan - 1, None)
    assert service.last_end_s <= 1.05 * 122 * (jobs / plan + 1)


def test_a_service_slow_to_start_jobs_is_not_taken_for_a_full_one(run_virtually: Run) -> None:
    """Jobs stay queued for two looks, though there is room for all of them."""
    service = Service(plan=16, queues=True, lag_s=11.0, job_s=durations(1, 96, 144))

    run_virtually(dub(service, 320))

    assert service.last_end_s <= 1.1 * 131 * 21


@pytest.mark.parametrize("queues", [False, True])
@pytest.mark.parametrize(("before", "after"), [(8, 3), (3, 8)])
def test_a_plan_that_changes_is_followed(run_virtually: Run, queues: bool, before: int, after: int) -> None:
    service, slots = Service(before, queues=queues, job_s=durations(1, 96, 144)), Slots()

    async def main() -> int:
        asyncio.get_running_loop().call_later(3000, setattr, service, "plan", after)
        dubbing = asyncio.create_task(dub(service, 1000, slots))
        await asyncio.sleep(14_000)
        limit = slots.statistics().limit
        dubbing.cancel()
        return limit

    limit = run_virtually(main())

    expected = after + 2 if queues else after
    assert expected <= limit <= expected + 1
    assert service.refused <= 3 * (before + after)


def test_a_number_from_the_user_is_never_exceeded(run_virtually: Run) -> None:
    service = Service(plan=50)

    client = run_virtually(dub(service, 60, Slots(3), poll_s=1.0))

    assert client.most == 3


def test_what_was_learned_is_where_the_next_run_starts(run_virtually: Run) -> None:
    async def main() -> tuple[int | None, int]:
        slots = Slots()
        await dub(Service(6), 40, slots)
        learned, again = slots.statistics().learned, Service(6)
        await dub(again, 40, Slots(remembered=learned))
        return learned, again.refused

    learned, refused = run_virtually(main())

    assert learned == 6
    assert refused <= 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("queues", "slots", "ahead"), [(True, 10, 0), (False, 10, 0), (False, None, 0), (True, None, 2), (True, None, 4)]
)
def test_the_time_is_an_ideal_clients(
    run_virtually: Run, queues: bool, slots: int | None, ahead: int, seed: int
) -> None:
    """120 jobs of 1 to 3 s, 10 slots, limit 60 per 6 s, polls every 0.5 s: within 3 %, also while slots are learned."""
    length_s = durations(seed, 1, 3)
    lengths_s = [length_s() for _ in range(120)]
    service = Service(10, queues, SlidingQuota(60, 6.0), job_s=iter(lengths_s).__next__, delay_s=0.01)

    async def main() -> None:
        chosen = Slots(slots, queue_ahead=ahead)
        await Client(service, permits_of(60, 6.0), chosen, poll_s=0.5).dub(names(120))

    run_virtually(main())
    ideal = simulate(lengths_s, slots=10, poll_interval_s=0.5, ahead=ahead, rate_limit=60, rate_window_s=6.0)
    assert service.last_end_s <= 1.03 * ideal.ended_s
    assert service.questions <= 0.6 * 120
