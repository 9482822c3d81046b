"""A day at the limit in virtual time: the product's own scheduler, look-up, poller and ledger, one POST a second.

``make day`` brings 86,400 jobs through it; without DAY_JOBS in the environment it is a quarter of an hour of that.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dubbatch.events import Event
from dubbatch.jobs import Job, JobState, Media
from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.quota import SlidingQuota
from dubbatch.settings import Settings
from tests.pacing.client import most_in_any_window
from tests.pacing.service import EPOCH_S, Accepted, Service, durations
from tests.protocol.loop import VirtualLoop
from tests.protocol.pieces import Pieces
from tests.protocol.service import Service as Scripted

JOBS = int(os.environ.get("DAY_JOBS", "900"))
#: More than the rate can keep busy: 120 jobs of two minutes end in two minutes.
PLAN = 150


class Forgetful(dict[str, Any]):
    """Keeps nothing: the memory that grows must be the product's."""

    def __setitem__(self, key: str, value: Any) -> None:
        pass

    def setdefault(self, key: str, default: Any = None) -> Any:
        return default


@dataclass
class Account(Service):
    """Told of permits as the scripted service is."""

    permits: dict[str, dict[str, float]] = field(default_factory=Forgetful)
    ended: dict[str, Accepted] = field(default_factory=Forgetful)


def test_a_day_at_the_limit_uses_the_rate_and_costs_little(tmp_path: Path) -> None:
    """No refusal, hardly a question, no memory that grows; figures on standard output."""
    loop = VirtualLoop(0.0, longest_s=7 * 86_400.0, most_moments=10**9)
    service = Account(PLAN, queues=True, quota=SlidingQuota(60, 60.0), job_s=durations(1, 60, 180))
    watch = Watch()
    pieces = Pieces(tmp_path, tmp_path / "ledger.db", cast(Scripted, service), lambda: EPOCH_S + loop.time(), watch)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(pieces.run("day", jobs(), Settings()))

    with Ledger(tmp_path / "ledger.db") as ledger:
        counts = ledger.jobs.counts("day")
    bound_s = (JOBS - 60) * 1.0
    sys.stdout.write(
        f"\n{JOBS:,} jobs: {service.arrivals_s[-1]:,.0f} s, {service.arrivals_s[-1] / bound_s:.3f} times the bound;"
        f" {service.refused} refused; {service.questions / JOBS:.3f} questions a job;"
        f" {1000 * watch.cpu_s / JOBS:.1f} ms of CPU a job; {watch.grown_mb:.0f} MB more at the end\n"
    )
    assert counts == {JobState.COMPLETED: JOBS}
    assert service.accepted == JOBS
    assert service.refused == 0
    assert most_in_any_window(service.arrivals_s, 60.0) == 60
    # A minute to learn the slots, and the margin of the window.
    assert service.arrivals_s[-1] <= 60 + 1.02 * bound_s
    assert service.questions <= 0.45 * JOBS
    assert watch.grown_mb <= 50


class Watch:
    """Hears the events; how much time and memory the run has taken since its first."""

    def __init__(self) -> None:
        self._begun: tuple[float, float] | None = None
        self.cpu_s = self.grown_mb = 0.0

    def __call__(self, event: Event) -> None:
        now = time.process_time(), _peak_mb()
        self._begun = self._begun or now
        self.cpu_s, self.grown_mb = now[0] - self._begun[0], now[1] - self._begun[1]


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def jobs() -> list[Job]:
    addresses = [(f"https://cdn.example.com/{n}.mp4", f"https://cdn.example.com/{n}.wav") for n in range(JOBS)]
    return [
        Job(id=f"job-{n}", video=Media(video, url=video), audio=Media(audio, url=audio), output=f"{n}.mp4", position=n)
        for n, (video, audio) in enumerate(addresses)
    ]
