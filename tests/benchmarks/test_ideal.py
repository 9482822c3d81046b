"""The yardstick of ``benchmarks.pace``: an ideal client as a simulation, and figures from a service's books."""

from __future__ import annotations

import pytest

from benchmarks.figures import idle
from benchmarks.ideal import lower_bound_s, simulate
from benchmarks.pace import _SERVICES
from dubbatch.sandbox.books import Kind, Request


@pytest.mark.parametrize(("ahead", "total", "asked"), [(0, 1.18, 0.47), (4, 1.07, 0.43)])
def test_it_needs_what_the_issue_measured(ahead: int, total: float, asked: float) -> None:
    """Ten slots, 120 jobs of 1 to 3 s, polls every 0.5 s: total by the lower bound, list calls a job."""
    work = _SERVICES[0]
    ideal = work.ideal(ahead)
    assert ideal.noticed_s / work.bound_s == pytest.approx(total, abs=0.01)
    assert ideal.asked / work.jobs == pytest.approx(asked, abs=0.01)


def test_it_learns_of_an_end_at_the_next_poll() -> None:
    """Two slots, three jobs: the third waits for a poll, or, sent ahead, only for a slot."""
    alone = simulate([1.2, 3.0, 1.0], slots=2, poll_interval_s=0.5)
    assert (alone.ended_s, alone.noticed_s, alone.asked) == (3.0, 3.0, 6)
    ahead = simulate([1.2, 1.4, 1.0], slots=2, poll_interval_s=0.5, ahead=1)
    assert (ahead.ended_s, ahead.noticed_s, ahead.asked) == (2.2, 2.5, 5)


def test_it_keeps_the_rate() -> None:
    """Two sends in any 10 s, as many slots as one likes."""
    slow = simulate([1.0] * 5, slots=9, poll_interval_s=1.0, rate_limit=2, rate_window_s=10.0)
    assert slow.ended_s == 21.0
    assert lower_bound_s([1.0] * 5, slots=9, rate_limit=2, rate_window_s=10.0, burst=2) == 15.0


def test_idle_slots_are_counted_until_the_last_start() -> None:
    """One slot of two is idle for 3 s until both are busy; then one for 2 s, until the last job starts."""
    times = [(0.0, 5.0), (3.0, 9.0), (7.0, 8.0)]
    requests = [
        Request(
            id=str(number), kind=Kind.GENERATE, number=number, created_at=0.0, started_at=started, finished_at=finished
        )
        for number, (started, finished) in enumerate(times, 1)
    ]
    assert idle(requests, 2, 0.0) == (3.0, 2.0)
