"""Permits: leave to send one POST now, under the account's rate limit.

Every POST takes one permit right before it leaves. The log of permits says when the last
ones were taken; it may be shared by all runs on the host (``ledger.permit_log``), so a
permit of one run counts for the others, and for the next run. A permit can't be given
back: once a POST may have left, the server may have counted it.

What the service answers comes back here: :meth:`Permits.accepted` and
:meth:`Permits.refused`, which also says whether a 429 is surely about the rate.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from dubbatch.pacing.backoff import delay_s
from dubbatch.pacing.rate import MARGIN, Rate, RateEstimate, is_used_up
from dubbatch.pacing.stop import Stopped


async def _nothing_else() -> None:
    pass


#: How long a log remembers references (design, section 5, point 5).
KEPT_S = 3600.0

#: Of the pause after a 429 without Retry-After, in sends spread evenly: a bucket has one more by then.
_BACKOFF_SENDS = 2
#: Share of the margin between permit and POST that is let go.
_LATE = 1 / 5


@dataclass(frozen=True, slots=True)
class Granted:
    """A permit that was granted ``age_s`` seconds ago for a POST of ``reference``."""

    reference: str
    age_s: float


class PermitLog(Protocol):
    """When permits were granted, and until when nobody may send. Each store reads its own clock.

    The clock is the store's because a shared log needs the wall clock, and because the moment that
    counts is the one inside the transaction, not the one before a wait for the lock.
    All methods may raise LedgerError.
    """

    async def grant(self, rate: Rate, reference: str) -> float:
        """Grant a permit now and return 0.0, or return the seconds to wait; one atomic step.

        If the caller is cancelled, nothing was granted.
        """

    async def renew(self, reference: str) -> None:
        """The POST of the last permit for ``reference`` leaves only now: it counts from now."""

    async def pause(self, seconds: float) -> None:
        """Grant nothing to anyone for ``seconds`` from now; a longer pause in force stays."""

    async def used(self, window_s: float) -> int:
        """How many permits were granted in the last ``window_s`` seconds."""

    async def recent(self, within_s: float = KEPT_S) -> tuple[Granted, ...]:
        """The permits of the last ``within_s`` seconds (an hour's are kept), oldest first."""


class MemoryPermitLog:
    """The log of a single run, forgotten with it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._grants: deque[tuple[float, str]] = deque()
        self._paused_until_s = 0.0

    async def grant(self, rate: Rate, reference: str) -> float:
        now_s = self._clock()
        while self._grants and self._grants[0][0] < now_s - max(KEPT_S, rate.window_s):
            self._grants.popleft()
        wait_s = rate.wait_s(
            now_s,
            last_of_burst_s=self._last(rate.at_once),
            last_of_limit_s=self._last(rate.limit),
            paused_until_s=self._paused_until_s,
        )
        if wait_s == 0:
            self._grants.append((now_s, reference))
        return wait_s

    async def renew(self, reference: str) -> None:
        granted = next((grant for grant in reversed(self._grants) if grant[1] == reference), None)
        if granted is not None:
            self._grants.remove(granted)
            self._grants.append((self._clock(), reference))

    def _last(self, number: int) -> float | None:
        """When the ``number``-th last permit was granted."""
        return self._grants[-number][0] if len(self._grants) >= number else None

    async def pause(self, seconds: float) -> None:
        self._paused_until_s = max(self._paused_until_s, self._clock() + seconds)

    async def used(self, window_s: float) -> int:
        return len(await self.recent(window_s))

    async def recent(self, within_s: float = KEPT_S) -> tuple[Granted, ...]:
        now_s = self._clock()
        return tuple(Granted(reference, now_s - at_s) for at_s, reference in self._grants if now_s - at_s < within_s)


@dataclass(frozen=True, slots=True)
class PermitStatistics:
    """What is believed about the rate now, and how long the first in the queue still waits."""

    #: So many in each window.
    limit: int
    window_s: float
    #: How many may leave at the same moment.
    at_once: int
    waiting_s: float


class Permits:
    """Hands out permits, first-in first-out inside this process.

    ``clock`` is monotonic and ``sleep`` waits by it; ``jitter`` draws from 0..1. Not for use by
    several event loops.
    """

    def __init__(
        self,
        rate_limit: int,
        rate_window_s: float,
        log: PermitLog,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._estimate = RateEstimate.start(rate_limit, rate_window_s)
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        #: 429s in a row.
        self._refusals = 0
        self._backing_off_until_s = clock()
        self._due_s = clock()
        #: When permits were granted whose POSTs have not left yet.
        self._granted_s: dict[str, float] = {}

    async def take(self, reference: str, ready: Callable[[], Awaitable[object]] = _nothing_else) -> None:
        """Wait for a permit to POST ``reference`` now. Take it last, right before the POST.

        ``ready`` is awaited first, and again after each wait: what else must hold when the POST leaves.
        Cancelling it is safe: no permit was taken then. Raises Stopped after :meth:`stop`, LedgerError
        if the log can't be used.
        """
        async with self._turn:
            await ready()
            while (wait_s := await self._ask(reference)) > 0:
                self._due_s = self._clock() + wait_s
                await self._rest(wait_s)
                await ready()
            self._granted_s[reference] = self._clock()

    async def leaves(self, reference: str) -> None:
        """The POST of ``reference`` leaves now. Call it right before: its permit counts from then.

        The margin is for the network. What was done between permit and POST may have taken as long, on a
        busy host. May raise LedgerError.
        """
        kept_s = self._clock() - self._granted_s.pop(reference, self._clock())
        if kept_s > _LATE * MARGIN * self._estimate.window_s:
            await self._log.renew(reference)

    async def _ask(self, reference: str) -> float:
        if self._stopping.is_set():
            raise Stopped
        backing_off_s = self._backing_off_until_s - self._clock()
        return backing_off_s if backing_off_s > 0 else await self._log.grant(self._estimate.rate, reference)

    async def _rest(self, seconds: float) -> None:
        """Sleep, but wake for a stop."""
        naps = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(naps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for nap in naps:
                nap.cancel()

    def accepted(self) -> None:
        """The service accepted a send."""
        self._refusals = 0
        self._estimate = self._estimate.after_accepted()

    async def refused(self, retry_after_s: float | None = None) -> bool:
        """The service answered 429: pause. Whether it is surely about the rate, because that is used up.

        Else the slots find out what it was about, and :meth:`was_rate` is told if it was the rate all the
        same. Retry-After pauses all runs on the host, for exactly that long from now. Without it this run
        backs off, longer each time, until a send is accepted. May raise LedgerError.
        """
        now_s = self._clock()
        # A send that left before an earlier 429 came back tells nothing new.
        is_news = now_s >= self._backing_off_until_s
        if is_news:
            self._refusals += 1
        if is_news or retry_after_s is not None:
            self._backing_off_until_s = now_s + delay_s(
                self._refusals,
                base_s=_BACKOFF_SENDS * self._estimate.spacing_s,
                cap_s=self._estimate.window_s,
                jitter=self._jitter(),
                retry_after_s=retry_after_s,
            )
        if retry_after_s is not None:
            await self._log.pause(retry_after_s)
        rate = self._estimate.rate
        used = await self._log.used(rate.window_s)
        if not is_used_up(used, rate.limit):
            return False
        if is_news:
            self._estimate = self._estimate.after_refused(used)
        return True

    async def was_rate(self) -> None:
        """A refusal inside our own limit turned out to be about the rate. May raise LedgerError."""
        self._estimate = self._estimate.after_refused(await self._log.used(self._estimate.rate.window_s))

    def stop(self) -> None:
        """Grant nothing more: those who wait, and those who come, get Stopped."""
        self._stopping.set()

    def statistics(self) -> PermitStatistics:
        """A snapshot."""
        waiting_s = max(0.0, self._due_s - self._clock()) if self._turn.locked() else 0.0
        estimate = self._estimate
        return PermitStatistics(estimate.limit, estimate.window_s, estimate.rate.at_once, waiting_s)
