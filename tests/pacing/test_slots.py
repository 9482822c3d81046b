"""Slots in virtual time: their order, how they end, and what each answer teaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.slot_estimate import SlotEstimate
from dubbatch.pacing.slots import Slot, Slots
from dubbatch.pacing.stop import Stopped

Run = Callable[[Coroutine[Any, Any, Any]], Any]


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


def test_those_who_wait_get_their_slots_in_their_order_even_if_some_give_up(run_virtually: Run) -> None:
    async def main() -> list[int]:
        slots, order = Slots(1), []

        async def one(number: int) -> None:
            slots.accepted(await slots.acquire())
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
        slots.unsure(await slots.acquire())
        slots.withdraw(await slots.acquire())
        statistics = slots.statistics()
        return statistics.used, statistics.limit, statistics.learned

    assert run_virtually(main()) == (1, 4, None)


def test_ending_a_slot_that_nobody_holds_is_a_mistake_that_shows() -> None:
    slots = Slots()

    with pytest.raises(RuntimeError, match="released"):
        slots.release()
    with pytest.raises(RuntimeError, match="answer"):
        slots.accepted(Slot())


@pytest.mark.parametrize(("ceiling", "queue_ahead"), [(0, 2), (-3, 2), (4, -1)])
def test_numbers_that_allow_nothing_are_refused(ceiling: int, queue_ahead: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        Slots(ceiling, queue_ahead=queue_ahead)


def accept(estimate: SlotEstimate, *held: int) -> SlotEstimate:
    for at_service in held:
        estimate = estimate.after_accepted(at_service, heard_then=estimate.heard)
    return estimate


def refuse(estimate: SlotEstimate, *held: int) -> SlotEstimate:
    """Refused, tried again, and refused again."""
    for at_service in held:
        estimate = estimate.after_refused(at_service, heard_then=estimate.heard)
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


def test_a_refusal_that_nothing_explains_is_tried_again_by_one_send_at_a_time() -> None:
    estimate = refuse(accept(SlotEstimate.start(), 1, 2, 3, 4, 5), 5)

    assert (estimate.limit, estimate.unanswered_limit, estimate.unexplained) == (8, 1, 5)


def test_accepted_beside_as_many_jobs_as_before_it_was_the_rate() -> None:
    """The slots have learned nothing then; a job more or less since teaches nothing either."""
    before = accept(SlotEstimate.start(), 1, 2, 3, 4, 5)
    tried = accept(refuse(before, 5), 4, 5)
    explained = accept(tried, 6)

    assert (tried.unexplained, tried.for_rate) == (5, 0)
    assert (explained.unexplained, explained.for_rate, explained.limit, explained.refusals) == (None, 1, 8, 0)


def test_refused_again_it_is_the_slots_and_patience_tries_one_more() -> None:
    estimate = refuse(accept(SlotEstimate.start(), 1, 2, 3, 4, 5), 5, 5)
    assert (estimate.limit, estimate.unexplained, estimate.for_rate) == (5, None, 0)

    assert accept(estimate, *[5] * 79).limit == 5
    assert accept(estimate, *[5] * 80).limit == 6


def test_where_the_plan_is_known_to_be_full_one_refusal_says_so() -> None:
    estimate = accept(refuse(accept(SlotEstimate.start(), 1, 2, 3, 4, 5), 5, 5), *[5] * 80)

    assert (refuse(estimate, 5).limit, refuse(estimate, 5).unexplained) == (5, None)
    assert refuse(estimate, 2).unexplained == 2


def test_many_more_jobs_than_were_refused_show_that_it_was_the_rate_after_all() -> None:
    """A few more don't: of those that we count, some may have ended."""
    estimate = refuse(SlotEstimate.start(remembered=12), 6, 6)

    assert accept(estimate, 7, 8, 9).for_rate == 0
    assert accept(estimate, 7, 8, 9, 10).for_rate == 1


def test_refusals_of_one_burst_count_once_and_a_late_acceptance_counts() -> None:
    estimate = accept(SlotEstimate.start(), 1, 2, 3, 4)
    then = estimate.heard
    burst = refuse(estimate, 4)

    assert burst.after_refused(4, heard_then=then).after_refused(3, heard_then=then) == burst
    assert burst.after_accepted(5, heard_then=then).unexplained == 5
    assert refuse(burst, 4).after_accepted(5, heard_then=then).limit == 5


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
    st.tuples(st.sampled_from(["accepted", "refused"]), st.integers(1, 100), st.integers(0, 3)),
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
            estimate = estimate.after_accepted(one, heard_then=max(0, estimate.heard - other))
        elif what == "refused":
            estimate = estimate.after_refused(one, heard_then=max(0, estimate.heard - other))
        else:
            estimate = estimate.after_observed(queued=one, processing=other)

        assert estimate.limit >= 1
        assert ceiling is None or estimate.limit <= ceiling
        assert estimate.unanswered_limit >= 1
        assert estimate.learned is None or estimate.learned >= 1
