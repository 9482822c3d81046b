"""The simulated service, in virtual time: what it counts, refuses, lets wait, processes and lists.

POSTs are counted as they arrive: a network that delays each differently lies between. The pacing objects
alone are tried with ``post`` and ``look``; the scheduler, the look-up and the poller call the methods of the client.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from dubbatch.api.answers import Answer, Verdict, error_of, judge
from dubbatch.api.wire import Page, Request
from dubbatch.sandbox.quota import Quota, SlidingQuota

#: Where the service's clock stands at second 0.
EPOCH_S = 1_700_000_000.0
#: Requests that ended longer ago than so many others are counted, and no longer told.
_TOLD = 2_000


class Unlimited:
    """No rate limit at all."""

    def admit(self, now: float) -> float:
        return 0.0


class SharedQuota(SlidingQuota):
    """A sliding window of which somebody else uses ``share`` all the time."""

    def __init__(self, limit: int, window_s: float, share: float) -> None:
        super().__init__(limit, window_s)
        self.share = share
        self._per_s = limit / window_s
        self._next_s = 0.0

    def admit(self, now: float) -> float:
        while self.share and self._next_s <= now:
            super().admit(self._next_s)
            self._next_s += 1 / (self.share * self._per_s)
        return super().admit(now)


@dataclass(slots=True)
class Accepted:
    """One request. Times are the loop's; None: not yet."""

    number: int
    reference: str
    created_s: float
    started_s: float | None = None
    ended_s: float | None = None

    @property
    def id(self) -> str:
        return f"00000000-0000-4000-8000-{self.number:012}"

    @property
    def status(self) -> str:
        return "completed" if self.ended_s is not None else "queued" if self.started_s is None else "processing"

    def told(self) -> Request:
        return Request(
            id=self.id,
            status=self.status,
            created_at=_iso(self.created_s),
            started_at=_iso(self.started_s),
            finished_at=_iso(self.ended_s),
            reference_id=self.reference,
            output_url=f"https://cdn.example.com/{self.number}.mp4" if self.ended_s is not None else "",
        )


@dataclass
class Service:
    """``plan`` jobs at once; one too many is refused, or waits if it ``queues``."""

    plan: int = 10**6
    queues: bool = False
    quota: Quota = field(default_factory=Unlimited)
    #: How long the next job is processed.
    job_s: Callable[[], float] = lambda: 120.0
    #: A job stays queued at least so long, room or not.
    lag_s: float = 0.0
    #: The longest that a call is on its way, there and back.
    delay_s: float = 0.05
    tells_retry_after: bool = False
    seed: int = 1
    #: When POSTs that the rate allowed came in.
    arrivals_s: list[float] = field(default_factory=list)
    refused_for_rate: int = 0
    refused_for_slots: int = 0
    queued: int = 0
    processing: int = 0
    #: Questions so far: looks, pages of the list, single requests.
    questions: int = 0
    accepted: int = 0
    last_end_s: float = 0.0
    #: Of the list, oldest first; the very old ones are counted only.
    requests: deque[Accepted] = field(default_factory=lambda: deque(maxlen=_TOLD))
    #: Those of ``requests`` that ended and were not looked at since.
    ended: dict[str, Accepted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._freed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def refused(self) -> int:
        return self.refused_for_rate + self.refused_for_slots

    # For the pacing objects alone.

    async def post(self, reference: str) -> float | None:
        """Send one job: None if it was accepted, else the seconds to wait that the service names (0: it doesn't)."""
        await self._travel()
        answer = self._admit(reference)
        await self._travel()
        return None if isinstance(answer, Accepted) else answer

    async def look(self, references: Iterable[str]) -> list[float]:
        """When those jobs ended that have ended since they were last asked for."""
        self.questions += 1
        await self._travel()
        told = [self.ended.pop(reference).ended_s for reference in references if reference in self.ended]
        await self._travel()
        return [ended_s for ended_s in told if ended_s is not None]

    # The client's methods.

    async def generate(
        self, video_url: str, audio_url: str, *, reference_id: str, disable_active_speaker_detection: bool = False
    ) -> Verdict:
        await self._travel()
        answer = self._admit(reference_id)
        await self._travel()
        if isinstance(answer, Accepted):
            body = json.dumps({"status": "success", "request_id": answer.id}).encode()
            return judge(Answer(status=200, body=body))
        return judge(Answer(status=429, body=b'{"error": "rate limit exceeded"}', retry_after_s=answer or None))

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        """Newest first, up to 100 a page."""
        self.questions += 1
        await self._travel()
        if reference_id is None:
            total, size = self.accepted, min(limit, 100)
            page = list(islice(reversed(self.requests), offset, offset + size))
        else:
            page = [request for request in self.requests if request.reference == reference_id]
            total, size = len(page), 100
        await self._travel()
        return Page(tuple(request.told() for request in page), size, offset, total, len(page))

    async def get_request(self, id_or_reference: str) -> Request:
        self.questions += 1
        await self._travel()
        found = [request for request in self.requests if id_or_reference in (request.id, request.reference)]
        await self._travel()
        if not found:
            raise error_of(404, b'{"error": "not found"}', None, "GET", one=True)
        return found[-1].told()

    def _admit(self, reference: str) -> Accepted | float:
        now_s = _now()
        if (wait_s := self.quota.admit(now_s)) > 0:
            self.refused_for_rate += 1
            return wait_s if self.tells_retry_after else 0.0
        self.arrivals_s.append(now_s)
        if not self.queues and self.queued + self.processing >= self.plan:
            self.refused_for_slots += 1
            return 0.0
        self.queued += 1
        self.accepted += 1
        request = Accepted(self.accepted, reference, now_s)
        self.requests.append(request)
        task = asyncio.ensure_future(self._work(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return request

    async def _work(self, request: Accepted) -> None:
        await asyncio.sleep(self.lag_s)
        async with self._freed:
            await self._freed.wait_for(lambda: self.processing < self.plan)
            self.queued -= 1
            self.processing += 1
        request.started_s = _now()
        await asyncio.sleep(self.job_s())
        async with self._freed:
            self.processing -= 1
            request.ended_s = self.last_end_s = _now()
            self.ended[request.reference] = request
            self._freed.notify_all()

    async def _travel(self) -> None:
        await asyncio.sleep(self._dice.uniform(0, self.delay_s))


def durations(seed: int, shortest_s: float, longest_s: float) -> Callable[[], float]:
    dice = random.Random(seed)
    return lambda: dice.uniform(shortest_s, longest_s)


def _iso(loop_s: float | None) -> str:
    if loop_s is None:
        return ""
    return datetime.fromtimestamp(EPOCH_S + loop_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> float:
    return asyncio.get_running_loop().time()
