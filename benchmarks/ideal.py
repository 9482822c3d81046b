"""An ideal client as a pure simulation: what the poll interval alone costs, were everything else free.

It knows the account's slots from the start, sends in no time, and makes one list call at every
multiple of the poll interval; that tells it everything that has ended since, and it fills up at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from statistics import median


@dataclass(frozen=True)
class Ideal:
    """When the last job has ended at the service, and when the client knows (seconds); its status requests."""

    ended_s: float
    noticed_s: float
    asked: int
    #: From the median job's end to the poll that tells it.
    late_s: float


def simulate(
    durations_s: Sequence[float],
    *,
    slots: int,
    poll_interval_s: float,
    ahead: int = 0,
    rate_limit: int | None = None,
    rate_window_s: float = 1.0,
) -> Ideal:
    """A batch with ``ahead`` jobs that wait at the service, within ``rate_limit`` sends in any window."""
    free_at = [0.0] * slots
    heapify(free_at)
    sent_at: list[float] = []
    ends: list[float] = []
    polls = 0
    while len(sent_at) < len(durations_s) or polls * poll_interval_s < max(ends):
        now = polls * poll_interval_s
        running = sum(end > now for end in ends)
        for duration_s in durations_s[len(sent_at) : len(sent_at) + slots + ahead - running]:
            send_at = now
            if rate_limit is not None and len(sent_at) >= rate_limit:
                send_at = max(now, sent_at[-rate_limit] + rate_window_s)
            end = max(send_at, free_at[0]) + duration_s
            heapreplace(free_at, end)
            sent_at.append(send_at)
            ends.append(end)
        polls += 1
    late_s = median(-end % poll_interval_s for end in ends)
    return Ideal(max(ends), polls * poll_interval_s, polls, late_s)


def lower_bound_s(
    durations_s: Sequence[float], *, slots: int, rate_limit: int, rate_window_s: float, burst: int
) -> float:
    """No client is faster: the slots are never idle, or the rate is used up (``burst`` at once), or one job is long."""
    by_rate = (len(durations_s) - burst) * rate_window_s / rate_limit
    return max(sum(durations_s) / slots, by_rate, max(durations_s))
