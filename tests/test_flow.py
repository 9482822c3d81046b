"""How long a run still takes: learned from its own jobs, bounded by slots and by permits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.flow import Ahead, Flow, remaining_s
from dubbatch.jobs import JobState
from tests.clock import Clock


@pytest.mark.parametrize(
    ("ahead", "expected_s"),
    [
        # Nothing waits: the job that was sent last ends last.
        (Ahead(0, (), 60.0), 0.0),
        (Ahead(0, (20.0, 50.0), 60.0), 40.0),
        # One that is overdue is not taken for done.
        (Ahead(0, (600.0,), 60.0), 6.0),
        # One after another.
        (Ahead(3, (), 60.0, slots=1), 180.0),
        (Ahead(3, (30.0,), 60.0, slots=1), 210.0),
        # Four at a time, which end one after another.
        (Ahead(8, (), 60.0, slots=4), (8 * 60 + 60 * 3 / 2) / 4),
        # Fewer jobs than slots end together.
        (Ahead(2, (), 60.0, slots=4), 60.0),
        # 120 more jobs through 60 permits a minute, whatever the slots could do.
        (Ahead(120, (), 10.0, slots=1000, permits=60, permits_free=0, window_s=60.0), 130.0),
        (Ahead(120, (), 10.0, slots=1000, permits=60, permits_free=60, window_s=60.0), 70.0),
    ],
)
def test_what_is_left_takes_so_long(ahead: Ahead, expected_s: float) -> None:
    """Worked out by hand."""
    assert remaining_s(ahead) == pytest.approx(expected_s)


@given(
    st.integers(0, 100_000),
    st.lists(st.floats(0, 1e5), max_size=50),
    st.floats(0.1, 1e5),
    st.integers(0, 50),
    st.integers(0, 60),
)
def test_more_work_never_takes_less_and_more_slots_never_more(
    waiting: int, ages: list[float], took_s: float, slots: int, permits: int
) -> None:
    """Whatever stands in a ledger."""
    some = Ahead(waiting, tuple(ages), took_s, slots + 1, permits, 0)
    more_jobs = Ahead(waiting + 1, tuple(ages), took_s, slots + 1, permits, 0)

    assert 0 <= remaining_s(some) <= remaining_s(more_jobs) + 1e-6 * took_s + took_s
    if waiting > 2 * (slots + 2):
        more_slots = Ahead(waiting, tuple(ages), took_s, slots + 2, permits, 0)
        assert remaining_s(more_slots) <= remaining_s(some) + took_s


def done(flow: Flow, clock: Clock, job: str, took_s: float) -> None:
    flow.move(job, JobState.SUBMITTING)
    clock.now_s += took_s
    for state in (JobState.QUEUED, JobState.PROCESSING, JobState.COMPLETED, JobState.DOWNLOADED):
        flow.move(job, state)


def test_nothing_is_known_before_a_job_has_ended() -> None:
    """A guess would be shown as if it were learned."""
    clock = Clock()
    flow = Flow(clock)
    flow.move("ep01", JobState.SUBMITTING)

    assert flow.took_s is None


def test_the_accounts_history_counts_until_the_run_has_its_own() -> None:
    """Three jobs of this run say more than what was last week."""
    clock = Clock()
    flow = Flow(clock, usual_s=100.0)
    learned = [flow.took_s]
    for number in range(3):
        done(flow, clock, f"ep{number}", 40.0)
        learned.append(flow.took_s)

    assert learned == [100.0, 80.0, 60.0, 40.0]


def test_what_was_found_in_the_account_says_nothing_of_how_long_a_job_takes() -> None:
    """A lost ledger adopts hundreds that were finished long ago."""
    clock = Clock()
    flow = Flow(clock)
    for state in (JobState.COMPLETED, JobState.DOWNLOADED):
        flow.move("ep01", state)

    assert flow.took_s is None


def test_a_job_that_failed_or_went_back_says_nothing_either() -> None:
    """It may have ended at once."""
    clock = Clock()
    flow = Flow(clock)
    for job, end in (("ep01", JobState.FAILED), ("ep02", JobState.PENDING), ("ep03", JobState.STALLED)):
        flow.move(job, JobState.SUBMITTING)
        clock.now_s += 5
        flow.move(job, end)

    assert flow.took_s is None
    assert flow.ages_s(0) == ()


def test_ages_are_of_what_was_sent_and_half_a_job_for_what_an_earlier_run_sent() -> None:
    """Nobody knows when those set out."""
    clock = Clock()
    flow = Flow(clock, usual_s=100.0)
    flow.move("ep01", JobState.SUBMITTING)
    clock.now_s += 30

    assert flow.ages_s(2) == (30.0, 50.0)


def test_memory_is_bounded_by_what_is_on_its_way() -> None:
    """100,000 jobs leave nothing behind."""
    clock = Clock()
    flow = Flow(clock)
    for number in range(1_000):
        done(flow, clock, f"ep{number}", 1.0)

    assert not flow._sent_s
    assert len(flow._took_s) == 50
