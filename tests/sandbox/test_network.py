"""Calls and answers that are late, and what the books know of who was told what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from chamelaion import Chamelaion

from dubbatch.sandbox.books import Kind
from dubbatch.sandbox.server import Sandbox

Open = Callable[..., Sandbox]
Connect = Callable[..., Chamelaion]
Upload = Callable[..., str]
Finish = Callable[..., Any]
#: Nobody waits so long: time is moved forward.
HOUR = 3600.0


def test_a_call_is_counted_when_it_arrives_and_answered_later(
    open_sandbox: Open, connect: Connect, upload: Upload
) -> None:
    """The way there is seeded, and so is the way back; the rate limit and the books see the moment between."""
    sandbox = open_sandbox(delay_s=HOUR)
    client = connect(sandbox)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(upload, client, "late")
        while not sandbox.books.posts:
            # In steps, as nobody knows when the call has come as far as the network.
            sandbox.advance(HOUR / 10)
        while not sandbox.books.requests:
            Event().wait(0.005)
        assert not answer.done()
        while not answer.done():
            sandbox.advance(HOUR / 10)
    books = sandbox.books
    assert [post.request_id for post in books.posts.values()] == [answer.result()]


def test_the_books_know_when_an_end_was_first_told(
    open_sandbox: Open, connect: Connect, upload: Upload, finish: Finish
) -> None:
    """By a single GET or a list, once; what still runs was not told; it outlives a restart."""
    sandbox = open_sandbox(seconds=1000, jitter=0)
    client = connect(sandbox)
    first, second = upload(client), upload(client)
    finish(client, first, ("processing",))
    assert sandbox.books.told == {}
    sandbox.advance(1001)
    finish(client, first)
    told = sandbox.books.told
    assert list(told) == [first]
    assert told[first] >= (sandbox.books.requests[first].finished_at or 0.0)
    finish(client, second)
    client.lipsync.requests.list()
    books = sandbox.books
    assert list(books.told) == [first, second]
    assert books.told[first] == told[first]
    assert books.count(Kind.LIST) == 1
