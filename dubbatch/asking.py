"""Asking the service: every GET goes through here, and what its silence means for the run.

One object keeps the run's view of the service: reached or never reached, away since when.
A refused key or a wrong address ends the run from whichever corner it is noticed in; but an address
that was right in this run is not wrong now: what says so is a proxy while the service restarts.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dubbatch.api.answers import Then, Verdict
from dubbatch.errors import KeyRefused, RateLimited, ServiceError, ServiceFault, ServiceUnreachable, WrongAddress
from dubbatch.pacing.backoff import Away, delay_s
from dubbatch.stop import Stop, StopReason

T = TypeVar("T")

_BASE_S = 0.5
_CAP_S = 60.0
_PATIENCE_S = 30 * 60.0
_PROXY = "is there a proxy in between, or does the service restart? dubbatch asks again"
#: A person hears of a question that has had no answer of use for so long.
_TROUBLE_S = 10.0

Tell = Callable[[str, str], None]


def _nobody(message: str, hint: str) -> None:
    pass


class Asking:
    """Makes calls, and keeps count of the service's silence (design, section 6, "Away")."""

    def __init__(
        self,
        stop: Stop,
        *,
        tell: Tell = _nobody,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``tell`` is given a sentence and what to do about it, once for each trouble that lasts."""
        self._stop = stop
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._away = Away()
        self._quiet_until = clock()
        #: Whether an answer in this run was what the contract says.
        self._spoke_sense = False
        self._told = False

    async def once(self, call: Callable[[], Awaitable[T]]) -> T:
        """One call. Raises what it raises; where that leaves no sense in going on, the run stops too."""
        await self._wait_for_quiet()
        started = self._clock()
        try:
            answer = await call()
        except ServiceUnreachable as error:
            self._silent(started, error)
            raise
        except ServiceError as error:
            self._away = self._away.answered()
            if isinstance(error, WrongAddress) and self._spoke_sense:
                raise ServiceFault(f"not the service's answer: {error.message}", hint=_PROXY) from error
            self._judge(error)
            raise
        self._away = self._away.answered()
        self._spoke_sense = True
        return answer

    async def until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer, however long it takes. Raises the last error where it is final, or the run stops.

        A service that answers, but for half an hour nothing that can be used, is as good as away.
        """
        failures, since = 0, self._clock()
        while True:
            try:
                answer = await self.once(call)
            except ServiceError as error:
                failures += 1
                if not error.retryable or self._stop.leaves:
                    raise
                if self._clock() - since >= _PATIENCE_S:
                    self._stop.everything(StopReason.AWAY, f"no answer that can be used: {error.message}", error.hint)
                    raise
                if self._clock() - since >= _TROUBLE_S and not self._told:
                    self._told = True
                    self._tell(f"the service gives no answer that can be used: {error.message}", error.hint)
                silent = isinstance(error, ServiceUnreachable)
                pause_s = self._away.pause_s(self._jitter()) if silent else self._pause_s(failures)
            else:
                self._told = False
                return answer
            # A pause that the run's end cuts short ends in the error, not in another call.
            await self._stop.unless_leaving(_sleeping(self._sleep, pause_s))

    async def before_post(self) -> None:
        """Wait out a silence before the next POST, so that a service that is away isn't hammered."""
        if self._away.since_s is not None:
            await self._stop.unless_sending_stops(_sleeping(self._sleep, self._away.pause_s(self._jitter())))

    def posted(self, verdict: Verdict, started: float) -> None:
        """What a POST's answer says of the service as a whole."""
        if verdict.changed:
            # It broke on our side.
            return
        match verdict.then:
            case Then.AWAY:
                self._silent(started, ServiceUnreachable(verdict.message, hint=verdict.hint))
            case Then.SETTLE:
                pass
            case Then.STOP_KEY:
                self._stop.everything(StopReason.KEY, verdict.message, verdict.hint)
            case Then.STOP_ADDRESS if self._spoke_sense:
                # Its questions are answered there: what is unsure can be settled, what runs be followed.
                self._stop.sending(StopReason.ADDRESS, verdict.message, verdict.hint)
            case Then.STOP_ADDRESS:
                self._stop.everything(StopReason.ADDRESS, verdict.message, verdict.hint)
            case Then.STOP_TOKENS:
                self._stop.sending(StopReason.TOKENS, verdict.message, verdict.hint)
            case _:
                self._away = self._away.answered()

    @property
    def was_reached(self) -> bool:
        return self._away.reached

    def _silent(self, started: float, error: ServiceError) -> None:
        self._away = self._away.failed(started, self._clock())
        if self._away.give_up(self._clock()):
            silence_s = self._clock() - (self._away.since_s or 0.0)
            self._stop.everything(
                StopReason.AWAY,
                f"the service has not answered for {silence_s:.0f} s: {error.message}",
                "check the network and the base URL, then run again: it goes on where it stopped",
            )

    def _judge(self, error: ServiceError) -> None:
        if isinstance(error, KeyRefused):
            self._stop.everything(StopReason.KEY, error.message, error.hint)
        elif isinstance(error, WrongAddress):
            self._stop.everything(StopReason.ADDRESS, error.message, error.hint)
        elif isinstance(error, RateLimited) and error.retry_after_s is not None:
            self._quiet_until = max(self._quiet_until, self._clock() + error.retry_after_s)

    def _pause_s(self, failures: int) -> float:
        return delay_s(failures, base_s=_BASE_S, cap_s=_CAP_S, jitter=self._jitter())

    async def _wait_for_quiet(self) -> None:
        """Retry-After of one GET holds for all GETs."""
        pause = self._quiet_until - self._clock()
        if pause > 0:
            await self._stop.unless_leaving(_sleeping(self._sleep, pause))


async def _sleeping(sleep: Callable[[float], Awaitable[object]], seconds: float) -> None:
    await sleep(seconds)
