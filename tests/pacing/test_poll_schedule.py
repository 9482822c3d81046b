from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.poll_schedule import PollSchedule


@pytest.mark.parametrize(
    ("quickest_s", "accepted_s", "next_s"),
    [
        # Nothing is known of how long jobs take, or there is nothing to wait for.
        (0.0, [100.0], 105.0),
        (60.0, [], 130.0),
        # Something may have ended since long ago.
        (60.0, [-math.inf, 100.0], 105.0),
        (60.0, [41.0, 100.0], 105.0),
        # The first that can end is the one to wait for.
        (60.0, [52.0, 100.0], 112.0),
        (60.0, [45.5], 105.5),
        # But not for ever: what is known may be of longer media.
        (600.0, [100.0], 130.0),
    ],
)
def test_the_next_round_is_due_when_something_may_have_ended(
    quickest_s: float, accepted_s: list[float], next_s: float
) -> None:
    """Rounds come every 5 s at most, and the last one began at 100."""
    assert PollSchedule(5.0, quickest_s).next_s(100.0, accepted_s) == next_s


@pytest.mark.parametrize(
    ("spans_s", "quickest_s"),
    [([], 0.0), ([60.0] * 4, 0.0), ([60.0] * 5, 48.0), ([200.0, 100.0, 300.0, 400.0, 500.0], 80.0), ([0.0] * 9, 0.0)],
)
def test_a_little_less_than_the_quickest_of_enough_jobs_is_expected(spans_s: list[float], quickest_s: float) -> None:
    assert PollSchedule(5.0, 7.0).learned(spans_s) == PollSchedule(5.0, quickest_s)


@given(
    interval_s=st.floats(0.1, 600),
    quickest_s=st.floats(0, 1e5),
    begun_s=st.floats(-1e6, 1e6),
    accepted_s=st.lists(st.floats(-1e6, 1e6) | st.just(-math.inf), max_size=20),
)
def test_rounds_are_never_closer_than_the_interval_nor_further_apart_than_six(
    interval_s: float, quickest_s: float, begun_s: float, accepted_s: list[float]
) -> None:
    next_s = PollSchedule(interval_s, quickest_s).next_s(begun_s, accepted_s)

    assert interval_s * (1 - 1e-6) <= next_s - begun_s + 1e-6
    assert next_s - begun_s <= 6 * interval_s * (1 + 1e-6) + 1e-6
