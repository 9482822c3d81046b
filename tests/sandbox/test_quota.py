"""The three kinds of rate limit, as pure counting."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.sandbox.quota import BucketQuota, FixedQuota, Quota, SlidingQuota, make_quota
from dubbatch.sandbox.settings import SandboxSettings, Window

STEPS = st.lists(st.integers(min_value=0, max_value=500), min_size=1, max_size=80)


def admitted(quota: Quota, times: Sequence[float]) -> list[float]:
    return [at for at in times if quota.admit(at) == 0]


def times_of(steps: list[int]) -> list[float]:
    # Sixteenths are exact in binary, so that the tests' own arithmetic is.
    at, times = 1600.0, []
    for step in steps:
        at += step / 16
        times.append(at)
    return times


@pytest.mark.parametrize(
    ("quota", "admitted_at"),
    [
        (SlidingQuota(3, 10), [0, 1, 9, 10, 11, 19]),
        (FixedQuota(3, 10), [0, 1, 9, 10, 11, 12]),
        (BucketQuota(2, 8), [0, 1, 4, 8]),
        (BucketQuota(2, 8, depth=1), [0, 4, 8]),
    ],
)
def test_each_kind_admits_its_own_pattern(quota: Quota, admitted_at: list[int]) -> None:
    """Three in ten seconds (two in eight; a bucket may hold less), asked at once, near the border, and every second."""
    asked: list[int] = {
        SlidingQuota: [0, 1, 9, 9, 10, 11, 12, 19],
        FixedQuota: [0, 1, 9, 9, 10, 11, 12, 13, 19],
        BucketQuota: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    }[type(quota)]
    assert admitted(quota, asked) == admitted_at


@given(STEPS)
def test_a_sliding_window_never_has_too_many(steps: list[int]) -> None:
    """No window of ten seconds, wherever it begins, has more than five."""
    good = admitted(SlidingQuota(5, 10), times_of(steps))
    assert all(later - sooner >= 10 for sooner, later in zip(good, good[5:], strict=False))


@given(STEPS, st.sampled_from(["sliding", "fixed", "bucket"]), st.sampled_from([None, 1, 3]))
def test_who_waits_as_told_is_admitted(steps: list[int], window: Window, bucket: int | None) -> None:
    """The wait that a refusal names is long enough, whatever came before."""
    quota = make_quota(SandboxSettings(rate_limit=5, rate_window_s=10, window=window, bucket=bucket), ())
    for at in times_of(steps):
        wait_s = quota.admit(at)
    assert wait_s == 0 or quota.admit(at + wait_s + 1e-6) == 0


@given(STEPS, st.sampled_from(["sliding", "fixed", "bucket"]))
def test_a_restart_forgets_nothing(steps: list[int], window: Window) -> None:
    """A quota made anew from what was counted decides as the old one does."""
    settings = SandboxSettings(rate_limit=5, rate_window_s=10, window=window)
    times = times_of(steps)
    quota = make_quota(settings, ())
    counted = [at for at in times[:-1] if quota.admit(at) == 0]
    assert make_quota(settings, counted).admit(times[-1]) == quota.admit(times[-1])
