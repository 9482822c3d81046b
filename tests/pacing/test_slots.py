"""Slots against simulated services: one that refuses a job too many, one that lets it queue."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.slots import SlotEstimate, Slots
from dubbatch.pacing.stop import Stopped

Run = Callable[[Coroutine[Any, Any, Any]], Any]
JOB_S = 120.0
LOOK_S = 5.0


@dataclass
class Service:
    """``plan`` jobs at once; one too many is refused, or waits if it ``queues``."""

    plan: int
    queues: bool = False
    #: A job stays queued at least so long, room or not.
    lag_s: float = 2.0
    refused: int = 0
    queued: int = 0
    processing: int = 0
    #: The most jobs beyond the plan after the first hour.
    overfull: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def post(self) -> bool:
        if not self.queues and self.queued + self.processing >= self.plan:
            self.refused += 1
            return False
        self.queued += 1
        return True

    async def work(self) -> None:
        await asyncio.sleep(self.lag_s)
        async with self.freed:
            await self.freed.wait_for(lambda: self.processing < self.plan)
            self.queued -= 1
            self.processing += 1
        await asyncio.sleep(self.dice.uniform(0.8, 1.2) * JOB_S)
        async with self.freed:
            self.processing -= 1
            self.freed.notify_all()


async def dub(slots: Slots, service: Service, jobs: int) -> float:
    """Send ``jobs`` jobs as a scheduler does, look every few seconds; the seconds that it took."""

    async def one() -> None:
        while True:
            slot = await slots.acquire()
            await asyncio.sleep(0.1)
            accepted = service.post()
            await asyncio.sleep(0.1)
            if accepted:
                break
            slots.refused(slot)
            await asyncio.sleep(1.0)  # the permits back off
        slots.accepted()
        await service.work()
        slots.release()

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            slots.observe(queued=service.queued, processing=service.processing)
            if asyncio.get_running_loop().time() > 3600:
                service.overfull = max(service.overfull, service.queued + service.processing - service.plan)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(one() for _ in range(jobs)))
    looking.cancel()
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("plan", [1, 2, 3, 4, 5, 8, 13, 20])
def test_a_service_that_refuses_does_so_at_most_twice_as_often_as_it_has_slots(run_virtually: Run, plan: int) -> None:
    service, jobs = Service(plan), 20 * plan + 20

    took_s = run_virtually(dub(Slots(), service, jobs))

    assert service.refused <= 2 * plan
    assert took_s <= 1.2 * JOB_S * (jobs / plan + 1)


@pytest.mark.parametrize(("remembered", "ceiling"), [(40, None), (None, 40), (2, None)])
def test_a_wrong_guess_to_start_with_costs_as_little(
    run_virtually: Run, remembered: int | None, ceiling: int | None
) -> None:
    service = Service(plan=8)

    took_s = run_virtually(dub(Slots(ceiling, remembered=remembered), service, 160))

    assert service.refused <= 16
    assert took_s <= 1.25 * JOB_S * 21


@pytest.mark.parametrize("plan", [1, 2, 4, 7, 20])
def test_where_jobs_queue_only_those_ahead_wait_and_no_slot_idles(run_virtually: Run, plan: int) -> None:
    service, slots, jobs = Service(plan, queues=True), Slots(), 60 * plan

    took_s = run_virtually(dub(slots, service, jobs))

    assert service.overfull <= 2 + 1  # one growing look may be under way
    assert slots.statistics().capacity in (plan, plan - 1, None)
    assert took_s <= 1.1 * JOB_S * (jobs / plan + 1)


def test_a_service_slow_to_start_jobs_is_not_taken_for_a_full_one(run_virtually: Run) -> None:
    """Jobs stay queued for two looks, though there is room for all of them."""
    service = Service(plan=16, queues=True, lag_s=11.0)

    took_s = run_virtually(dub(Slots(), service, 320))

    assert took_s <= 1.1 * (JOB_S + 11) * 21


@pytest.mark.parametrize("queues", [False, True])
@pytest.mark.parametrize(("before", "after"), [(8, 3), (3, 8)])
def test_a_plan_that_changes_is_followed(run_virtually: Run, queues: bool, before: int, after: int) -> None:
    service, slots = Service(before, queues=queues), Slots()

    async def main() -> int:
        asyncio.get_running_loop().call_later(3000, setattr, service, "plan", after)
        dubbing = asyncio.create_task(dub(slots, service, 1000))
        await asyncio.sleep(14_000)
        limit = slots.statistics().limit
        dubbing.cancel()
        return limit

    limit = run_virtually(main())

    expected = after + 2 if queues else after
    assert expected <= limit <= expected + 1
    assert service.refused <= 3 * (before + after)


def test_a_number_from_the_user_is_never_exceeded(run_virtually: Run) -> None:
    slots, most = Slots(3), []

    async def main() -> None:
        service = Service(plan=50)
        dubbing = asyncio.create_task(dub(slots, service, 60))
        while not dubbing.done():
            await asyncio.sleep(1)
            most.append(slots.statistics().used)
        await dubbing

    run_virtually(main())

    assert max(most) == 3


def test_attempts_that_an_earlier_run_left_at_the_service_take_slots(run_virtually: Run) -> None:
    async def main() -> tuple[bool, bool]:
        slots = Slots(4)
        slots.occupy(5)
        waiting = asyncio.create_task(slots.acquire())
        await asyncio.sleep(1)
        slots.release()
        await asyncio.sleep(1)
        full = waiting.done()
        slots.release()
        await asyncio.sleep(1)
        return full, waiting.done()

    assert run_virtually(main()) == (False, True)


def test_what_was_learned_is_where_the_next_run_starts(run_virtually: Run) -> None:
    async def main() -> tuple[int | None, int, int]:
        first, second = Service(6), Service(6)
        slots = Slots()
        await dub(slots, first, 40)
        learned = slots.statistics().learned
        await dub(Slots(remembered=learned), second, 40)
        return learned, first.refused, second.refused

    learned, _, refused = run_virtually(main())

    assert learned == 6
    assert refused <= 3


def test_those_who_wait_get_their_slots_in_their_order_even_if_some_give_up(run_virtually: Run) -> None:
    async def main() -> list[int]:
        slots, order = Slots(1), []

        async def one(number: int) -> None:
            await slots.acquire()
            slots.accepted()
            order.append(number)
            await asyncio.sleep(1)
            slots.release()

        tasks = [asyncio.create_task(one(number)) for number in range(8)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks[4].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    assert run_virtually(main()) == [0, 2, 3, 5, 6, 7]


def test_stop_wakes_those_who_wait_and_refuses_those_who_come(run_virtually: Run) -> None:
    async def main() -> list[Any]:
        slots = Slots(1)
        await slots.acquire()
        waiting = [asyncio.create_task(slots.acquire()) for _ in range(3)]
        await asyncio.sleep(1)
        slots.stop()
        results = await asyncio.gather(*waiting, slots.acquire(), return_exceptions=True)
        return [type(result) for result in results]

    assert run_virtually(main()) == [Stopped] * 4


def test_a_lost_answer_and_another_refusal_teach_nothing(run_virtually: Run) -> None:
    async def main() -> tuple[int, int, int | None]:
        slots = Slots()
        await slots.acquire()
        await slots.acquire()
        slots.unsure()
        slots.withdraw()
        statistics = slots.statistics()
        return statistics.used, statistics.limit, statistics.learned

    assert run_virtually(main()) == (1, 4, None)


def test_ending_a_slot_that_nobody_holds_is_a_mistake_that_shows() -> None:
    slots = Slots()

    with pytest.raises(RuntimeError, match="released"):
        slots.release()
    with pytest.raises(RuntimeError, match="answer"):
        slots.accepted()


@pytest.mark.parametrize(("ceiling", "queue_ahead"), [(0, 2), (-3, 2), (4, -1)])
def test_numbers_that_allow_nothing_are_refused(ceiling: int, queue_ahead: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        Slots(ceiling, queue_ahead=queue_ahead)


def accept(estimate: SlotEstimate, *held: int) -> SlotEstimate:
    for at_service in held:
        estimate = estimate.after_accepted(at_service)
    return estimate


def test_each_accepted_round_doubles_the_limit() -> None:
    estimate = SlotEstimate.start()
    assert estimate.limit == 4

    estimate = accept(estimate, 1, 2, 3, 4)
    assert estimate.limit == 8

    estimate = accept(estimate, 5, 6, 7, 8, 8, 8, 8, 8)
    assert estimate.limit == 16


def test_a_round_that_never_filled_the_limit_proves_nothing() -> None:
    assert accept(SlotEstimate.start(), *[2] * 50).limit == 4


def test_a_refusal_sets_the_limit_to_what_was_in_use_and_patience_tries_one_more() -> None:
    estimate = accept(SlotEstimate.start(), 1, 2, 3, 4, 5).after_refused(5, 8)
    assert estimate.limit == 5

    assert accept(estimate, *[5] * 19).limit == 5
    assert accept(estimate, *[5] * 20).limit == 6


def test_refusals_of_one_burst_count_once_and_a_late_acceptance_counts() -> None:
    estimate = accept(SlotEstimate.start(), 1, 2, 3, 4)
    burst = estimate.after_refused(4, 8)

    assert burst.after_refused(4, 8).after_refused(3, 8) == burst
    assert burst.after_accepted(5).limit == 5


def test_no_conclusion_is_drawn_from_jobs_that_are_about_to_start() -> None:
    estimate = SlotEstimate.start()
    for processing in (0, 0, 0, 0, 1, 2, 3):
        estimate = estimate.after_observed(queued=2, processing=processing)

    assert (estimate.limit, estimate.capacity) == (4, None)


def test_jobs_that_go_on_waiting_show_the_capacity() -> None:
    estimate = SlotEstimate.start(remembered=20)
    for processing in (5, 6, 5, 6):
        estimate = estimate.after_observed(queued=10, processing=processing)

    assert (estimate.limit, estimate.capacity, estimate.learned) == (8, 6, 8)


news = st.one_of(
    st.tuples(st.just("accepted"), st.integers(1, 100), st.just(0)),
    st.tuples(st.just("refused"), st.integers(0, 100), st.integers(1, 100)),
    st.tuples(st.just("observed"), st.integers(0, 100), st.integers(0, 100)),
)


@given(
    ceiling=st.none() | st.integers(1, 50),
    remembered=st.none() | st.integers(0, 500),
    queue_ahead=st.integers(0, 5),
    story=st.lists(news, max_size=200),
)
def test_the_limit_is_at_least_one_and_at_most_the_ceiling_whatever_happens(
    ceiling: int | None, remembered: int | None, queue_ahead: int, story: list[tuple[str, int, int]]
) -> None:
    estimate = SlotEstimate.start(ceiling, remembered=remembered, queue_ahead=queue_ahead)
    for what, one, other in story:
        if what == "accepted":
            estimate = estimate.after_accepted(one)
        elif what == "refused":
            estimate = estimate.after_refused(one, other)
        else:
            estimate = estimate.after_observed(queued=one, processing=other)

        assert estimate.limit >= 1
        assert ceiling is None or estimate.limit <= ceiling
        assert estimate.unanswered_limit >= 1
        assert estimate.learned is None or estimate.learned >= 1
