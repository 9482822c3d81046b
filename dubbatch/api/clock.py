"""The service's own clock, as its answers show it: what it says of times is measured by that.

A machine's clock may be hours off, or be set while a batch runs. The age of a request, and a
Retry-After that is a date, must not change by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime


class ServiceClock:
    """``wall`` (seconds since the epoch) counts as long as the service has told no time; ``ticks`` is monotonic."""

    def __init__(self, wall: Callable[[], float] = time.time, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._ticks = ticks
        self._told: tuple[float, float] | None = None

    def hear(self, date: str | None) -> None:
        """An answer came, with this ``Date`` header (RFC 9110, 6.6.1)."""
        if (epoch_s := http_date_s(date)) is not None:
            self._told = epoch_s, self._ticks()

    def now(self) -> float:
        """Seconds since the epoch at the service, to a second or so."""
        if self._told is None:
            return self._wall()
        epoch_s, heard_at = self._told
        return epoch_s + self._ticks() - heard_at


def http_date_s(text: str | None) -> float | None:
    """Seconds since the epoch of an HTTP date (RFC 9110, 5.6.7); None if it is none."""
    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
