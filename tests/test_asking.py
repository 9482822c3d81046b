"""Asking the service, and what its silence means for the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dubbatch.api.answers import Answer, Failure, judge
from dubbatch.asking import Asking
from dubbatch.errors import (
    KeyRefused,
    RateLimited,
    RequestNotFound,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
    TokensUsedUp,
    UnreadableAnswer,
    WrongAddress,
)
from dubbatch.stop import Stop, StopReason

MINUTE = 60.0
Ask = Callable[[], Awaitable[str]]


class Time:
    """Passes only when somebody sleeps, or a call takes it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


class Service:
    """Answers in turn what it was given, the last for ever; each call takes a second."""

    def __init__(self, time: Time, *answers: str | ServiceError) -> None:
        self._time = time
        self._answers = answers
        self.asked: list[float] = []

    async def __call__(self) -> str:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(self._time.now_s)
        await asyncio.sleep(0)
        self._time.now_s += 1.0
        if isinstance(answer, ServiceError):
            raise answer
        return answer


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def stop() -> Stop:
    return Stop()


@pytest.fixture
def asking(time: Time, stop: Stop) -> Asking:
    return Asking(stop, clock=time, sleep=time.sleep, jitter=lambda: 1.0)


SILENT = ServiceUnreachable("no answer: refused")


async def test_an_answer_is_handed_on(asking: Asking, time: Time) -> None:
    """And the service counts as reached, also by an answer that is an error."""
    reached = [asking.was_reached]
    with pytest.raises(RequestNotFound):
        await asking.until_answered(Service(time, RequestNotFound("404")))
    reached.append(asking.was_reached)

    assert reached == [False, True]
    assert await asking.until_answered(Service(time, "yes")) == "yes"


@pytest.mark.parametrize(
    "error", [SILENT, ServiceFault("500"), RateLimited("429"), UnreadableAnswer("HTML")], ids=lambda e: type(e).__name__
)
async def test_what_can_succeed_is_asked_again_with_growing_pauses(
    asking: Asking, time: Time, stop: Stop, error: ServiceError
) -> None:
    """A call that costs nothing."""
    service = Service(time, error, error, error, "at last")

    assert await asking.until_answered(service) == "at last"
    pauses = [later - earlier for earlier, later in zip(service.asked, service.asked[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 3
    assert not stop.sends_no_more


async def test_a_service_that_was_never_reached_is_given_up_after_half_a_minute(
    asking: Asking, time: Time, stop: Stop
) -> None:
    """Most likely the address or the network is wrong."""
    service = Service(time, SILENT)
    started = time.now_s
    with pytest.raises(ServiceUnreachable):
        await asking.until_answered(service)

    assert 30 <= time.now_s - started <= 30 + 6
    assert stop.leaves
    assert [cause.reason for cause in stop.reasons] == [StopReason.AWAY]
    assert "no answer: refused" in stop.reasons[0].message
    assert "base URL" in stop.reasons[0].hint


async def test_a_service_that_was_reached_is_given_up_after_half_an_hour(
    asking: Asking, time: Time, stop: Stop
) -> None:
    """A deploy, or a router that restarts; asked at most once a minute by then."""
    await asking.once(Service(time, "yes"))
    service = Service(time, SILENT)
    started = time.now_s
    with pytest.raises(ServiceUnreachable):
        await asking.until_answered(service)

    assert 30 * MINUTE <= time.now_s - started <= 31 * MINUTE + 2
    assert service.asked[-1] - service.asked[-2] == 61.0
    assert stop.leaves


async def test_a_silence_is_one_for_all_who_ask(asking: Asking, time: Time, stop: Stop) -> None:
    """And one answer ends it."""
    await asking.once(Service(time, "yes"))
    for _ in range(20):
        time.now_s += 2 * MINUTE
        with pytest.raises(ServiceUnreachable):
            await asking.once(Service(time, SILENT))
        await asking.once(Service(time, "yes"))
    assert not stop.leaves

    for _ in range(20):
        time.now_s += 2 * MINUTE
        with pytest.raises(ServiceUnreachable):
            await asking.once(Service(time, SILENT))
    assert stop.leaves


async def test_a_service_that_answers_nothing_of_use_for_half_an_hour_is_as_good_as_away(
    asking: Asking, time: Time, stop: Stop
) -> None:
    """It is reached all the time."""
    started = time.now_s
    with pytest.raises(ServiceFault):
        await asking.until_answered(Service(time, ServiceFault("500: internal error", hint="wait")))

    assert 30 * MINUTE <= time.now_s - started <= 31 * MINUTE + 2
    assert [cause.reason for cause in stop.reasons] == [StopReason.AWAY]
    assert "internal error" in stop.reasons[0].message


async def test_retry_after_of_one_get_holds_for_all(asking: Asking, time: Time) -> None:
    """Exactly; a shorter one that comes later does not end it."""
    refused = [Service(time, RateLimited("429", retry_after_s=wait_s)) for wait_s in (40.0, 5.0)]
    until = time.now_s + 1.0 + 40.0
    await asyncio.gather(*(asking.once(service) for service in refused), return_exceptions=True)
    other = Service(time, "yes")
    await asking.once(other)
    await asking.once(other)

    assert [service.asked for service in refused] == [[until - 41.0]] * 2
    assert other.asked == [until, until + 1.0]


async def test_a_get_that_was_told_to_wait_waits(asking: Asking, time: Time) -> None:
    """And no longer than its own backoff adds."""
    service = Service(time, RateLimited("429", retry_after_s=40.0), "yes")
    await asking.until_answered(service)

    assert service.asked[1] - service.asked[0] == 41.0


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyRefused("401", hint="key"), StopReason.KEY), (WrongAddress("301", hint="url"), StopReason.ADDRESS)],
)
async def test_a_refused_key_or_a_wrong_address_stops_everything_from_any_corner(
    asking: Asking, time: Time, stop: Stop, error: ServiceError, reason: StopReason
) -> None:
    """Nothing else can work."""
    service = Service(time, error)
    with pytest.raises(type(error)):
        await asking.until_answered(service)

    assert len(service.asked) == 1
    assert stop.leaves
    assert [(cause.reason, cause.message) for cause in stop.reasons] == [(reason, error.message)]


@pytest.mark.parametrize("error", [RequestNotFound("404"), TokensUsedUp("412")])
async def test_what_is_final_is_not_asked_again_and_stops_nothing(
    asking: Asking, time: Time, stop: Stop, error: ServiceError
) -> None:
    """It is about the one question."""
    service = Service(time, error)
    with pytest.raises(type(error)):
        await asking.until_answered(service)

    assert len(service.asked) == 1
    assert not stop.sends_no_more


async def test_a_run_that_leaves_asks_no_more(asking: Asking, time: Time, stop: Stop) -> None:
    """The last error is the answer."""
    service = Service(time, ServiceFault("500"))
    stop.everything(StopReason.INTERRUPTED, "once")
    with pytest.raises(ServiceFault):
        await asking.until_answered(service)

    assert len(service.asked) == 1


async def test_a_pause_ends_when_the_run_leaves(time: Time, stop: Stop) -> None:
    """Nobody waits a minute for a run that was interrupted."""

    async def sleep(seconds: float) -> None:
        await asyncio.Event().wait()

    asking = Asking(stop, clock=time, sleep=sleep)
    service = Service(time, ServiceFault("500"))
    call = asyncio.create_task(asking.until_answered(service))
    for _ in range(5):
        await asyncio.sleep(0)
    stop.everything(StopReason.INTERRUPTED, "once")
    with pytest.raises(ServiceFault):
        await call

    assert len(service.asked) <= 2


async def test_a_service_that_is_away_is_not_hammered_with_posts(asking: Asking, time: Time) -> None:
    """Each waits before it goes; without a silence none does."""
    started = time.now_s
    await asking.before_post()
    assert time.now_s == started

    for _ in range(3):
        asking.posted(judge(Answer(failure=Failure.NOT_SENT, detail="refused")), time.now_s)
    await asking.before_post()

    assert time.now_s - started == 4.0


@pytest.mark.parametrize(
    ("answer", "reason", "leaves"),
    [
        (Answer(status=401), StopReason.KEY, True),
        (Answer(status=404), StopReason.ADDRESS, True),
        (Answer(status=412), StopReason.TOKENS, False),
        (Answer(status=400), None, False),
        (Answer(status=429), None, False),
        (Answer(status=500), None, False),
        (Answer(failure=Failure.BROKEN), None, False),
        (Answer(failure=Failure.NOT_SENT, changed=True), None, False),
    ],
)
async def test_what_a_posts_answer_means_for_the_run(
    asking: Asking, time: Time, stop: Stop, answer: Answer, reason: StopReason | None, leaves: bool
) -> None:
    """Without tokens, what runs is still collected."""
    asking.posted(judge(answer), time.now_s)

    assert [cause.reason for cause in stop.reasons] == ([reason] if reason else [])
    assert stop.leaves is leaves


async def test_posts_alone_tell_that_the_service_was_never_reached(asking: Asking, time: Time, stop: Stop) -> None:
    """Half a minute of refused connections; a file that changed under our hands says nothing of the service."""
    refused = judge(Answer(failure=Failure.NOT_SENT, detail="refused"))
    asking.posted(refused, time.now_s)
    time.now_s += 31
    asking.posted(judge(Answer(failure=Failure.NOT_SENT, changed=True)), time.now_s)
    assert not stop.leaves

    asking.posted(refused, time.now_s)

    assert stop.leaves


@pytest.mark.parametrize("finally_answered", [True, False])
async def test_an_address_that_was_right_is_not_wrong_a_moment_later(
    asking: Asking, time: Time, stop: Stop, finally_answered: bool
) -> None:
    """What says so is a proxy while the service restarts: asked again, for half an hour."""
    await asking.once(Service(time, "yes"))
    started = time.now_s
    restarting = Service(time, *[WrongAddress("404")] * (5 if finally_answered else 1000), "back")
    if finally_answered:
        assert await asking.until_answered(restarting) == "back"
        assert not stop.sends_no_more
        return
    with pytest.raises(ServiceFault, match="404"):
        await asking.until_answered(restarting)

    assert 30 * MINUTE <= time.now_s - started <= 31 * MINUTE + 2
    assert [cause.reason for cause in stop.reasons] == [StopReason.AWAY]


async def test_a_post_to_an_address_that_was_right_stops_the_sends_alone(
    asking: Asking, stop: Stop, time: Time
) -> None:
    """Questions are answered there: what runs can be followed to its end."""
    await asking.once(Service(time, "yes"))

    asking.posted(judge(Answer(status=404)), time.now_s)

    assert [cause.reason for cause in stop.reasons] == [StopReason.ADDRESS]
    assert stop.sends_no_more
    assert not stop.leaves


async def test_trouble_that_lasts_is_told_once(time: Time, stop: Stop) -> None:
    """Nobody looks at a run that says nothing for half an hour; what is over in a moment is not worth a word."""
    told: list[str] = []
    asking = Asking(
        stop, tell=lambda message, hint: told.append(message), clock=time, sleep=time.sleep, jitter=lambda: 1.0
    )
    await asking.until_answered(Service(time, ServiceFault("501: not implemented"), "yes"))
    assert told == []

    for _ in range(2):
        await asking.until_answered(Service(time, *[ServiceFault("501: not implemented")] * 10, "yes"))

    assert told == ["the service gives no answer that can be used: 501: not implemented"] * 2
