from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.rate import MARGIN, Blame, Rate, RateEstimate, blame


@pytest.mark.parametrize(
    ("used", "limit", "culprit"),
    [
        (0, 60, Blame.SLOTS),
        (53, 60, Blame.SLOTS),
        (54, 60, Blame.RATE),
        (60, 60, Blame.RATE),
        (75, 60, Blame.RATE),
        (0, 1, Blame.SLOTS),
        (1, 1, Blame.RATE),
        (9, 10, Blame.RATE),
    ],
)
def test_a_429_counts_as_rate_from_90_percent_of_the_permits_on(used: int, limit: int, culprit: Blame) -> None:
    assert blame(used, limit) is culprit


@given(limit=st.integers(1, 10_000), used=st.integers(0, 20_000))
def test_more_used_permits_never_turn_the_blame_from_rate_to_slots(limit: int, used: int) -> None:
    if blame(used, limit) is Blame.RATE:
        assert blame(used + 1, limit) is Blame.RATE
    assert (blame(used, limit) is Blame.RATE) == (10 * used >= 9 * limit)


@pytest.mark.parametrize(
    ("rate", "newest_s", "oldest_s", "paused_until_s", "wait_s"),
    [
        (Rate(60, 61.0), None, None, 0.0, 0.0),
        (Rate(60, 61.0), 99.9, None, 0.0, 0.0),
        (Rate(60, 61.0), 99.9, 50.0, 0.0, 11.0),
        (Rate(60, 61.0), 99.9, 39.0, 0.0, 0.0),
        (Rate(60, 61.0), 99.9, 50.0, 120.0, 20.0),
        (Rate(60, 61.0, 2.0), 99.0, None, 0.0, 1.0),
        (Rate(60, 61.0), 99.9, 39.0000001, 0.0, 0.001),
    ],
)
def test_the_wait_is_the_longest_of_window_spacing_and_pause(
    rate: Rate, newest_s: float | None, oldest_s: float | None, paused_until_s: float, wait_s: float
) -> None:
    assert rate.wait_s(100.0, newest_s=newest_s, oldest_s=oldest_s, paused_until_s=paused_until_s) == wait_s


def test_the_window_has_a_margin_and_the_first_refusal_spreads_the_permits() -> None:
    estimate = RateEstimate.start(60, 60.0)
    refused = estimate.after_refused()

    assert estimate.rate == Rate(60, 60.0 * (1 + MARGIN))
    assert refused.limit == 60
    assert refused.rate.spacing_s == pytest.approx(61 / 60)


def test_further_refusals_shrink_the_limit_but_never_below_one() -> None:
    estimate = RateEstimate.start(60, 60.0).after_refused()
    limits = []
    for _ in range(20):
        estimate = estimate.after_refused()
        limits.append(estimate.limit)

    assert limits[:3] == [45, 33, 24]
    assert limits[-1] == 1


def test_each_window_of_accepted_sends_lets_the_limit_grow_a_little_up_to_the_setting() -> None:
    estimate = RateEstimate.start(60, 60.0).after_refused().after_refused()
    for _ in range(44):
        estimate = estimate.after_accepted()
    assert estimate.limit == 45

    estimate = estimate.after_accepted()
    assert estimate.limit == 47

    for _ in range(1000):
        estimate = estimate.after_accepted()
    assert estimate.limit == 60


@given(
    ceiling=st.integers(1, 500),
    window_s=st.floats(0.1, 3600),
    answers=st.lists(st.booleans(), max_size=300),
)
def test_the_limit_stays_between_one_and_the_setting(ceiling: int, window_s: float, answers: list[bool]) -> None:
    estimate = RateEstimate.start(ceiling, window_s)
    for accepted in answers:
        estimate = estimate.after_accepted() if accepted else estimate.after_refused()

        assert 1 <= estimate.limit <= ceiling


@pytest.mark.parametrize(("limit", "window_s"), [(0, 60.0), (60, 0.0), (-1, 60.0)])
def test_a_rate_that_allows_nothing_is_refused(limit: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        RateEstimate.start(limit, window_s)
