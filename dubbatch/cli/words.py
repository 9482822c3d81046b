"""Stretches of time, hours of the day and numbers of jobs, as a person says them."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Calendars end somewhere; nobody plans further than ten years.
_FAR_S = 10 * 365 * 86_400.0


def span(seconds: float) -> str:
    """A stretch of time as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def hour(now: datetime, seconds: float) -> str:
    """When something is over that ends in so many seconds: the hour, with the day where it is another one."""
    end = now + timedelta(seconds=min(seconds, _FAR_S))
    if end.date() == now.date():
        return f"{end:%H:%M}"
    return f"{end:%H:%M} on {end:%A}, {end:%Y-%m-%d}"


def jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
