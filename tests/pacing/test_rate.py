from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.rate import MARGIN, Rate, RateEstimate, is_used_up


@pytest.mark.parametrize(
    ("used", "limit", "is_rate"),
    [
        (0, 60, False),
        (53, 60, False),
        (54, 60, True),
        (60, 60, True),
        (75, 60, True),
        (0, 1, False),
        (1, 1, True),
        (9, 10, True),
    ],
)
def test_a_429_is_surely_about_the_rate_from_90_percent_of_the_permits_on(used: int, limit: int, is_rate: bool) -> None:
    assert is_used_up(used, limit) is is_rate


@given(limit=st.integers(1, 10_000), used=st.integers(0, 20_000))
def test_more_used_permits_never_clear_the_rate(limit: int, used: int) -> None:
    assert is_used_up(used, limit) == (10 * used >= 9 * limit)
    assert is_used_up(used + 1, limit) >= is_used_up(used, limit)


@pytest.mark.parametrize(
    ("rate", "last_of_burst_s", "last_of_limit_s", "paused_until_s", "wait_s"),
    [
        (Rate(60, 61.0), None, None, 0.0, 0.0),
        (Rate(60, 61.0), 50.0, 50.0, 0.0, 11.0),
        (Rate(60, 61.0), 39.0, 39.0, 0.0, 0.0),
        (Rate(60, 61.0), 50.0, 50.0, 120.0, 20.0),
        (Rate(60, 60.0, 2), 99.0, None, 0.0, 1.0),
        (Rate(60, 60.0, 2), 98.0, 50.0, 0.0, 10.0),
        (Rate(60, 60.0, 2), 97.0, 39.0, 0.0, 0.0),
        (Rate(60, 61.0), None, 39.0000001, 0.0, 0.001),
    ],
)
def test_the_wait_is_the_longest_of_window_burst_and_pause(
    rate: Rate, last_of_burst_s: float | None, last_of_limit_s: float | None, paused_until_s: float, wait_s: float
) -> None:
    waits_s = rate.wait_s(
        100.0, last_of_burst_s=last_of_burst_s, last_of_limit_s=last_of_limit_s, paused_until_s=paused_until_s
    )
    assert waits_s == wait_s


def test_the_window_has_a_margin_and_the_first_refusals_shorten_the_bursts() -> None:
    estimate = RateEstimate.start(60, 60.0)
    bursts = []
    assert (estimate.rate, estimate.rate.at_once) == (Rate(60, 60.0 * (1 + MARGIN)), 60)

    for _ in range(4):
        estimate = estimate.after_refused(used=34)
        bursts.append(estimate.rate.at_once)

    assert bursts == [8, 4, 2, 1]
    assert estimate.limit == 60
    assert estimate.rate.burst_window_s == pytest.approx(61 / 60)


@given(limit=st.integers(1, 200), burst=st.none() | st.integers(1, 200), window_s=st.floats(0.1, 600))
def test_a_burst_is_never_a_faster_rate(limit: int, burst: int | None, window_s: float) -> None:
    rate = Rate(limit, window_s, burst)

    assert 1 <= rate.at_once <= limit
    assert rate.at_once / rate.burst_window_s == pytest.approx(limit / window_s)


def test_further_refusals_shrink_the_limit_but_never_below_one() -> None:
    estimate = RateEstimate.start(60, 60.0).after_refused(used=4)
    limits = []
    for _ in range(20):
        estimate = estimate.after_refused(used=4)
        limits.append(estimate.limit)

    assert limits[:3] == [45, 33, 24]
    assert limits[-1] == 1


def test_each_window_of_accepted_sends_lets_the_limit_grow_a_little_up_to_the_setting() -> None:
    estimate = RateEstimate.start(60, 60.0).after_refused(used=4).after_refused(used=4)
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
    answers=st.lists(st.none() | st.integers(0, 600), max_size=300),
)
def test_the_limit_stays_between_one_and_the_setting(ceiling: int, window_s: float, answers: list[int | None]) -> None:
    """Whatever is accepted (None) or refused, and however many permits were used then."""
    estimate = RateEstimate.start(ceiling, window_s)
    for used in answers:
        estimate = estimate.after_accepted() if used is None else estimate.after_refused(used)

        assert 1 <= estimate.limit <= ceiling
        assert 1 <= estimate.rate.at_once <= estimate.limit


@pytest.mark.parametrize(("limit", "window_s"), [(0, 60.0), (60, 0.0), (-1, 60.0)])
def test_a_rate_that_allows_nothing_is_refused(limit: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        RateEstimate.start(limit, window_s)
