"""The rate limit, as each kind of window counts it.

The vendor does not say which kind it has, so the sandbox can be any of them. Each object is told the
times of the POSTs and answers how long the caller must wait; it never waits itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from dubbatch.sandbox.settings import SandboxSettings


class Quota(Protocol):
    def admit(self, now: float) -> float:
        """0.0 if a POST at ``now`` is within the limit (it counts from then on), else the seconds until one is."""


class SlidingQuota:
    """At most ``limit`` POSTs in any ``window_s`` seconds."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: deque[float] = deque(maxlen=limit)

    def admit(self, now: float) -> float:
        if len(self._times) == self._limit and now - self._times[0] < self._window_s:
            return self._times[0] + self._window_s - now
        self._times.append(now)
        return 0.0


class FixedQuota:
    """At most ``limit`` POSTs between two multiples of ``window_s``: twice as many around the border."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._number = -1.0
        self._count = 0

    def admit(self, now: float) -> float:
        number = now // self._window_s
        if number != self._number:
            self._number, self._count = number, 0
        if self._count >= self._limit:
            return (number + 1) * self._window_s - now
        self._count += 1
        return 0.0


class BucketQuota:
    """A bucket that holds ``depth`` POSTs, into which ``limit`` flow evenly in ``window_s`` seconds."""

    def __init__(self, limit: int, window_s: float, depth: int | None = None) -> None:
        """``depth`` None: as deep as ``limit``."""
        self._depth = float(depth or limit)
        self._per_second = limit / window_s
        self._level = self._depth
        self._at = 0.0

    def admit(self, now: float) -> float:
        level = min(self._depth, self._level + (now - self._at) * self._per_second)
        if level < 1:
            return (1 - level) / self._per_second
        self._level, self._at = level - 1, now
        return 0.0


def make_quota(settings: SandboxSettings, counted: Iterable[float]) -> Quota:
    """The account's rate limit, with the POSTs that it has ``counted`` so far (times, ascending)."""
    kinds: dict[str, Callable[[int, float], Quota]]
    kinds = {"sliding": SlidingQuota, "fixed": FixedQuota, "bucket": partial(BucketQuota, depth=settings.bucket)}
    quota = kinds[settings.window](settings.rate_limit, settings.rate_window_s)
    for at in counted:
        quota.admit(at)
    return quota
