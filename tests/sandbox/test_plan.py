"""Limits of the account: POSTs in a window, jobs at once, minutes."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from chamelaion import APIStatusError, Chamelaion, RateLimitError

from dubbatch.errors import UsageError
from dubbatch.sandbox.generation import processing_seconds
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

Open = Callable[..., Sandbox]
Connect = Callable[..., Chamelaion]
Upload = Callable[..., str]
NO_INPUTS: Any = []


def statuses(client: Chamelaion) -> list[str]:
    """Oldest first."""
    return [request.status for request in reversed(client.lipsync.requests.list(limit=100).data)]


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
def test_posts_beyond_the_rate_limit_are_refused(
    open_sandbox: Open, connect: Connect, upload: Upload, window: str
) -> None:
    """The documented 429; when the window has passed, POSTs are welcome again; nothing was bought in between."""
    sandbox = open_sandbox(rate_limit=2, rate_window_s=3600, window=window)
    client = connect(sandbox)
    # A fixed window begins at a full hour, which may be now.
    sandbox.advance(3600 - sandbox.books.last_at % 3600 + 1)
    for _ in range(2):
        upload(client)
    with pytest.raises(RateLimitError) as error:
        upload(client)
    assert error.value.body == {"error": "rate limit exceeded"}
    assert "retry-after" not in error.value.response.headers
    assert client.lipsync.requests.list().pagination.total == 2
    sandbox.advance(3601)
    upload(client)
    assert [post.status for post in sandbox.books.posts.values()] == [200, 200, 429, 200]


def test_a_bucket_may_be_less_deep_than_the_limit(open_sandbox: Open, connect: Connect, upload: Upload) -> None:
    """What it holds may come at once; the limit is only how fast it fills up."""
    sandbox = open_sandbox(rate_limit=60, rate_window_s=60_000, window="bucket", bucket=2)
    client = connect(sandbox)
    for _ in range(2):
        upload(client)
    with pytest.raises(RateLimitError):
        upload(client)
    sandbox.advance(1001)
    upload(client)


def test_a_wrong_post_counts_and_a_get_does_not(open_sandbox: Open, connect: Connect) -> None:
    """The rate limit is asked before the body is read; looking is free."""
    client = connect(open_sandbox(rate_limit=1))
    for _ in range(3):
        client.lipsync.requests.list()
    for text in ("expected exactly one video input", "rate limit exceeded"):
        with pytest.raises(APIStatusError) as error:
            client.lipsync.generate(inputs=NO_INPUTS)
        assert error.value.body == {"error": text}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_429_can_say_when_to_come_back(open_sandbox: Open, connect: Connect, form: str) -> None:
    """Retry-After in whole seconds, or as a date: never too early."""
    sandbox = open_sandbox(rate_limit=1, rate_window_s=50.0, retry_after=form)
    client = connect(sandbox)
    for _ in range(2):
        with pytest.raises(APIStatusError) as error:
            client.lipsync.generate(inputs=NO_INPUTS)
    told = error.value.response.headers["retry-after"]
    first = sandbox.books.posts[1].at
    if form == "seconds":
        assert 1 <= int(told) <= 50
    else:
        assert first + 50 <= parsedate_to_datetime(told).timestamp() <= first + 52


def test_jobs_beyond_the_plan_wait_in_the_queue(
    open_sandbox: Open, connect: Connect, upload: Upload, finish: Callable[..., Any]
) -> None:
    """With ``queue``, two are processing and the third starts, in order, when one has ended."""
    sandbox = open_sandbox(concurrency=2, seconds=1000, jitter=0)
    client = connect(sandbox)
    ids = [upload(client) for _ in range(3)]
    for request_id in ids[:2]:
        finish(client, request_id, ("processing",))
    assert statuses(client) == ["processing", "processing", "queued"]
    sandbox.advance(1001)
    finish(client, ids[0])
    finish(client, ids[1])
    finish(client, ids[2], ("processing",))
    assert statuses(client) == ["completed", "completed", "processing"]


def test_jobs_beyond_the_plan_can_be_refused(
    open_sandbox: Open, connect: Connect, upload: Upload, finish: Callable[..., Any]
) -> None:
    """With ``refuse``, they are refused with the text of the rate limit, and bought by nobody."""
    sandbox = open_sandbox(concurrency=1, when_full="refuse", seconds=1000)
    client = connect(sandbox)
    first = upload(client)
    with pytest.raises(RateLimitError) as error:
        upload(client)
    assert error.value.body == {"error": "rate limit exceeded"}
    finish(client, first, ("processing",))
    sandbox.advance(2000)
    finish(client, first)
    upload(client)
    assert len(sandbox.books.requests) == 2


def test_a_plan_that_grows_starts_what_waits(
    open_sandbox: Open, connect: Connect, upload: Upload, finish: Callable[..., Any]
) -> None:
    """``change`` takes effect at once."""
    sandbox = open_sandbox(concurrency=1, seconds=1000)
    client = connect(sandbox)
    first, second = upload(client), upload(client)
    finish(client, first, ("processing",))
    sandbox.change(concurrency=2)
    assert finish(client, second, ("processing",)).status == "processing"


def test_an_account_without_minutes_is_refused(
    open_sandbox: Open, connect: Connect, upload: Upload, finish: Callable[..., Any]
) -> None:
    """412, in the documented words, as soon as the minutes are used up; what runs can still be fetched."""
    sandbox = open_sandbox(account_minutes=1 / 60)
    client = connect(sandbox)
    request_id = upload(client)
    finish(client, request_id)
    with pytest.raises(APIStatusError) as error:
        upload(client)
    assert (error.value.status_code, error.value.body) == (412, {"error": "token limit reached"})
    assert client.lipsync.requests.retrieve(request_id).output_url
    assert sandbox.books.minutes == pytest.approx(1 / 60, rel=0.02)


def test_times_are_seeded_and_scaled() -> None:
    """The n-th request takes the same time in every run; media's length and the scale count."""
    settings = SandboxSettings(seconds=60, per_media_second=2, jitter=0.25, seed=7)
    times = [processing_seconds(settings, number, 10) for number in range(1, 100)]
    assert times == [processing_seconds(settings, number, 10) for number in range(1, 100)]
    assert len(set(times)) > 90
    assert 60 <= min(times) < 65
    assert 95 < max(times) <= 100
    faster = SandboxSettings(seconds=60, per_media_second=2, jitter=0.25, seed=7, time_scale=0.01)
    assert processing_seconds(faster, 1, 10) == pytest.approx(times[0] / 100)


def test_quick_jobs_take_about_a_second() -> None:
    """The ready-made settings for ``run --sandbox``: 0.8 to 2.5 s, four at once, queueing, 60 a minute."""
    settings = SandboxSettings.quick()
    times = [processing_seconds(settings, number, 600) for number in range(1, 1000)]
    assert 0.79 < min(times) < max(times) < 2.51
    assert (settings.concurrency, settings.when_full) == (4, "queue")
    assert (settings.rate_limit, settings.rate_window_s) == (60, 60)


@pytest.mark.parametrize(
    "wrong",
    [{"concurrency": 0}, {"rate_limit": 0}, {"jitter": 2}, {"port": 70000}, {"key": ""}, {"lag_s": -1}, {"bucket": 0}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """A sentence for a person, not a service that hangs."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        SandboxSettings(**wrong)
