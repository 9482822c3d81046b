from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pacing.backoff import Away, delay_s

fractions = st.floats(0, 1)


@pytest.mark.parametrize(
    ("failures", "jitter", "expected_s"),
    [(0, 1.0, 0.0), (1, 1.0, 1.0), (2, 1.0, 2.0), (4, 1.0, 8.0), (7, 1.0, 60.0), (1, 0.0, 0.5), (3, 0.5, 3.0)],
)
def test_the_pause_doubles_up_to_the_cap_and_jitter_takes_up_to_half(
    failures: int, jitter: float, expected_s: float
) -> None:
    assert delay_s(failures, base_s=1.0, cap_s=60.0, jitter=jitter) == expected_s


@given(failures=st.integers(1, 10**9), jitter=fractions, base_s=st.floats(0.01, 10), cap_s=st.floats(0.01, 1000))
def test_no_number_of_failures_exceeds_the_cap_or_overflows(
    failures: int, jitter: float, base_s: float, cap_s: float
) -> None:
    pause_s = delay_s(failures, base_s=base_s, cap_s=cap_s, jitter=jitter)

    assert min(base_s, cap_s) / 2 <= pause_s <= cap_s


@given(failures=st.integers(0, 100), jitter=fractions, retry_after_s=st.floats(0, 10**6))
def test_retry_after_wins_exactly(failures: int, jitter: float, retry_after_s: float) -> None:
    assert delay_s(failures, base_s=1, cap_s=60, jitter=jitter, retry_after_s=retry_after_s) == retry_after_s


def test_a_negative_retry_after_is_no_pause() -> None:
    assert delay_s(3, base_s=1, cap_s=60, retry_after_s=-5) == 0


def test_a_service_never_reached_is_given_up_after_30_seconds() -> None:
    away = Away().failed(100.0, 101.0).failed(110.0, 111.0)

    assert not away.give_up(129.9)
    assert away.give_up(130.0)


def test_a_service_reached_before_is_given_up_after_30_minutes_without_one_answer() -> None:
    away = Away().answered().failed(100.0, 101.0)

    assert not away.give_up(100 + 1799.9)
    assert away.give_up(100 + 1800.0)


def test_one_answer_ends_the_silence() -> None:
    away = Away().answered().failed(100.0, 101.0).failed(900.0, 901.0).answered()

    assert not away.give_up(10**6)
    assert away.pause_s() == 0
    assert not away.failed(5000.0, 5001.0).give_up(5000.0 + 1799)


def test_hours_without_a_question_are_no_silence() -> None:
    away = Away().answered().failed(36_000.0, 36_001.0)

    assert not away.give_up(36_060.0)


def test_calls_that_were_made_at_once_are_one_try() -> None:
    """Eight sends under way when the network breaks are not eight tries: the pause would be a minute at once."""
    away = Away().answered()
    for noticed_s in range(101, 109):
        away = away.failed(100.0, noticed_s)
    assert (away.failures, away.since_s) == (1, 100.0)

    assert away.failed(102.0, 110.0).failures == 2


@pytest.mark.parametrize(("reached", "cap_s"), [(False, 5.0), (True, 60.0)])
def test_pauses_grow_to_a_minute_once_reached_and_stay_short_before(reached: bool, cap_s: float) -> None:
    away = Away(reached=reached)
    pauses = []
    for try_s in range(10):
        away = away.failed(try_s, try_s)
        pauses.append(away.pause_s())

    assert pauses[0] == 1.0
    assert pauses == sorted(pauses)
    assert pauses[-1] == cap_s
