"""A clock for tests."""

from __future__ import annotations


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s
