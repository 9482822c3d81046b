"""Looking at a part of a file: one GET, bounded in bytes and time, never with the key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.ranges import RangeReply
from dubbatch.errors import AddressRefused, DownloadBroken, HostUnreachable

Serve = Callable[..., Awaitable[Any]]

FILE = bytes(range(256)) * 400
TYPES = {"Content-Type": "Video/MP4; charset=x", "ETag": '"v1"'}


def _client(timeout_s: float = 5.0, base_url: str = "http://127.0.0.1:1/api") -> ChamelaionClient:
    return ChamelaionClient(base_url, Credentials("key-SECRET"), timeout_s)


async def _store(exchange: Any) -> None:
    """A file host with one file."""
    first, last = (int(number) for number in exchange.headers["range"].removeprefix("bytes=").split("-"))
    if first >= len(FILE):
        await exchange.reply(416, "", {"Content-Range": f"bytes */{len(FILE)}"})
        return
    part = FILE[first : last + 1]
    place = f"bytes {first}-{first + len(part) - 1}/{len(FILE)}"
    await exchange.reply(206, part, {**TYPES, "Content-Range": place})


async def _look(url: str, start: int = 0, size: int = 100, timeout_s: float = 5.0) -> tuple[RangeReply, list[str]]:
    hops: list[str] = []
    async with _client(timeout_s) as client:
        return await client.look(url, start, size, led=hops.append), hops


async def test_a_part_comes_with_what_is_told_of_the_whole(serve: Serve) -> None:
    """From any place; the last part may be shorter than was asked for."""
    store = await serve(_store)
    reply, hops = await _look(f"{store.url}/a?sig=SECRET", 50)
    assert (reply.status, reply.ranged, reply.content, reply.total) == (206, True, FILE[50:150], len(FILE))
    assert (reply.media_type, reply.etag) == ("video/mp4", '"v1"')
    assert hops == [reply.address] == [f"{store.url}/a?sig=SECRET"]
    assert (await _look(store.url, len(FILE) - 10))[0].content == FILE[-10:]
    headers = store.seen[0].headers
    assert (headers["range"], headers["accept-encoding"]) == ("bytes=50-149", "identity")
    assert not {"x-api-key", "authorization", "cookie"} & set(headers)
    assert "SECRET" not in repr(reply)


async def test_looks_share_a_connection(serve: Serve) -> None:
    """A part that was read to its end leaves the connection open."""
    store = await serve(_store)
    async with _client() as client:
        for start in (0, 100, 200):
            await client.look(store.url, start, 100, led=lambda _: None)
    assert store.connections == 1


async def test_beyond_the_end_the_size_is_told(serve: Serve) -> None:
    """416 is a reply like any other."""
    reply, _ = await _look((await serve(_store)).url, len(FILE))
    assert (reply.status, reply.total, reply.content) == (416, len(FILE), b"")


async def test_a_server_without_parts_gives_the_beginning(serve: Serve) -> None:
    """Of the whole, so that it need not be asked for once more; a later part is not waited for."""

    async def whole(exchange: Any) -> None:
        await exchange.reply(200, FILE, TYPES)

    store = await serve(whole)
    reply, _ = await _look(store.url)
    assert (reply.status, reply.ranged, reply.content, reply.total) == (200, False, FILE, len(FILE))
    assert (await _look(store.url, 100))[0].content == b""
    assert (await _look(store.url, 0, 10 * len(FILE)))[0].content == FILE


async def test_without_a_length_the_end_tells_the_size(serve: Serve) -> None:
    """Chunks, and bodies that end with their connection; of one without an end only so much is read."""

    async def chunked(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    async def closing(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nhello")
        exchange.hang_up()

    for script in (chunked, closing):
        store = await serve(script)
        reply, _ = await _look(store.url)
        assert (reply.content, reply.total) == (b"hello", 5)

    async def endless(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n" + bytes(3 << 20))
        exchange.hang_up()

    reply, _ = await _look((await serve(endless)).url)
    assert (len(reply.content), reply.total) == (2 << 20, None)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Range": "bytes 1-100/1000"},
        {"Content-Range": "bytes 0-99/99"},
        {"Content-Range": "bytes 9-0/99"},
        {"Content-Range": "octets 0-99/1000"},
        {"Content-Range": "bytes 0-199/1000"},
    ],
    ids=str,
)
async def test_another_part_than_was_asked_for_is_broken(serve: Serve, headers: dict[str, str]) -> None:
    """What it is, is not known; the message has no query."""

    async def lying(exchange: Any) -> None:
        await exchange.reply(206, bytes(100), headers)

    store = await serve(lying)
    with pytest.raises(DownloadBroken) as caught:
        await _look(f"{store.url}/a?sig=SECRET", 0, 200)
    assert "SECRET" not in caught.value.message


async def test_redirects_are_followed_and_told(serve: Serve) -> None:
    """Up to five; where there are more, the last redirect is the reply."""

    async def moved(exchange: Any) -> None:
        left = int(exchange.target.strip("/"))
        if left:
            await exchange.reply(302, "", {"Location": f"/{left - 1}"})
        else:
            await _store(exchange)

    store = await serve(moved)
    reply, hops = await _look(f"{store.url}/5")
    assert (reply.status, len(hops), reply.address) == (206, 6, f"{store.url}/0")
    reply, hops = await _look(f"{store.url}/6")
    assert (reply.status, len(hops)) == (302, 6)


async def test_a_redirect_into_a_private_network_is_refused() -> None:
    """A service that is not on this machine: neither directly, nor by a redirect, which is checked the same way."""
    async with _client(base_url="https://api.example.com/api") as client:
        for url in ("http://127.0.0.1/a", "http://10.0.0.1/a", "http://localhost/a", "file:///etc/passwd"):
            with pytest.raises(AddressRefused):
                await client.look(url, 0, 100, led=lambda _: None)


async def test_who_is_told_of_the_way_may_stop_it(serve: Serve) -> None:
    """Before anything is asked."""
    store = await serve(_store)

    def stop(url: str) -> None:
        raise HostUnreachable(url)

    async with _client() as client:
        with pytest.raises(HostUnreachable):
            await client.look(store.url, 0, 100, led=stop)
    assert not store.seen


async def test_silence_and_dribbling_end(serve: Serve) -> None:
    """No progress, and progress that is no use."""

    async def silent(exchange: Any) -> None:
        await exchange.reader.read()

    async def dribbling(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
        while not exchange.reader.at_eof():
            exchange.writer.write(b".")
            await exchange.writer.drain()
            try:
                await asyncio.wait_for(exchange.reader.read(1), 0.02)
            except TimeoutError:
                continue

    for script, word in ((silent, "silent"), (dribbling, "not through")):
        with pytest.raises(HostUnreachable, match=word) as caught:
            await _look((await serve(script)).url, 0, 1000, timeout_s=0.05)
        assert caught.value.timed_out


async def test_a_host_that_refuses_is_unreachable_and_one_that_resets_is_broken(serve: Serve) -> None:
    """The first may be asked by somebody else; the second has answered once."""
    with pytest.raises(HostUnreachable) as caught:
        await _look("http://127.0.0.1:1/a?sig=SECRET")
    assert not caught.value.timed_out
    assert "SECRET" not in caught.value.message
    with pytest.raises(DownloadBroken) as broken:
        await _look((await serve(None)).url)
    assert not isinstance(broken.value, HostUnreachable)


async def test_a_refusal_is_a_reply_with_its_first_words(serve: Serve) -> None:
    """Also if they break off."""

    async def denied(exchange: Any) -> None:
        await exchange.reply(403, "<Error>" + "x" * 10_000, {"Content-Type": "application/xml"}, promised=90_000)
        exchange.hang_up()

    reply, _ = await _look((await serve(denied)).url, 0, 1 << 20)
    assert (reply.status, reply.content[:7], len(reply.content)) == (403, b"<Error>", 4096)


async def test_what_is_packed_is_not_read(serve: Serve) -> None:
    """Its bytes are not those of the file."""

    async def packed(exchange: Any) -> None:
        await exchange.reply(200, b"\x1f\x8b...", {"Content-Encoding": "gzip"})

    reply, _ = await _look((await serve(packed)).url)
    assert (reply.packing, reply.content) == ("gzip", b"")
