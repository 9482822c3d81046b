"""Fetching files: whole, in part, over redirects, and never from where we don't go."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import httpcore
import pytest

from dubbatch.api.answers import Then
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.downloads import Kind, read_head, request_headers
from dubbatch.api.network import GuardedBackend, proxy_of
from dubbatch.errors import AddressRefused, DownloadBroken, DownloadError, LinkExpired, OutputChanged, UsageError
from dubbatch.jobs import Outcome

Serve = Callable[..., Awaitable[Any]]

REAL = "https://api.example.com/api"
FILE = bytes(range(256)) * 4000
ETAG = '"v1"'


def _client(base_url: str, timeout_s: float = 5.0) -> ChamelaionClient:
    return ChamelaionClient(base_url, Credentials("key-SECRET", "bearer-SECRET"), timeout_s)


async def _store(exchange: Any) -> None:
    """An object store with one file."""
    wanted = exchange.headers.get("range", "")
    if wanted and exchange.headers.get("if-range") == ETAG:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {start}-{len(FILE) - 1}/{len(FILE)}", "ETag": ETAG}
        await exchange.reply(206, FILE[start:], headers)
    else:
        await exchange.reply(200, FILE, {"ETag": ETAG})


async def _read(client: ChamelaionClient, url: str, **options: Any) -> tuple[Any, bytes]:
    async with client.open_output(url, **options) as stream:
        return stream, b"".join([chunk async for chunk in stream.chunks])


async def test_a_file_comes_whole_without_the_key(serve: Serve) -> None:
    store = await serve(_store)
    async with _client("http://127.0.0.1:1/api") as client:
        stream, content = await _read(client, store.url + "/o.mp4?sig=SECRET")
    assert content == FILE
    assert (stream.status_kind, stream.total, stream.etag) == (Kind.WHOLE, len(FILE), ETAG)
    headers = store.seen[0].headers
    assert headers["accept-encoding"] == "identity"
    assert not {"x-api-key", "authorization", "cookie", "range", "if-range"} & set(headers)
    assert "SECRET" not in str(headers)


async def test_a_file_goes_on_from_where_it_stopped(serve: Serve) -> None:
    store = await serve(_store)
    async with _client("http://127.0.0.1:1/api") as client:
        stream, content = await _read(client, store.url + "/o", offset=1000, etag=ETAG)
        changed, anew = await _read(client, store.url + "/o", offset=1000, etag='"v0"')
        unsure, whole = await _read(client, store.url + "/o", offset=1000)
    assert (stream.status_kind, content, stream.total) == (Kind.PART, FILE[1000:], len(FILE))
    assert (changed.status_kind, anew) == (Kind.WHOLE, FILE)
    assert (unsure.status_kind, whole) == (Kind.WHOLE, FILE)
    assert "range" not in store.seen[2].headers


@pytest.mark.parametrize(
    ("etag", "asks"),
    [
        ('"abc"', True),
        ("Thu, 01 Jan 1970 00:17:10 GMT", True),
        ("", False),
        ('W/"abc"', False),
        ("abc", False),
        ('"a\r\nX: y"', False),
        ('"a"b"', False),
    ],
)
def test_only_what_vouches_for_the_same_bytes_makes_a_range(etag: str, asks: bool) -> None:
    assert ("Range" in request_headers(10, etag)) is asks
    assert "Range" not in request_headers(0, etag)


@pytest.mark.parametrize(
    ("status", "kind", "gone"),
    [
        (400, LinkExpired, False),
        (401, LinkExpired, False),
        (403, LinkExpired, False),
        (404, LinkExpired, True),
        (410, LinkExpired, True),
        (416, OutputChanged, None),
        (204, DownloadBroken, None),
        (206, DownloadBroken, None),
        (304, DownloadBroken, None),
        (302, DownloadBroken, None),
        (429, DownloadBroken, None),
        (500, DownloadBroken, None),
        (503, DownloadBroken, None),
    ],
)
async def test_each_refusal_of_a_store_is_its_own_error(
    serve: Serve, status: int, kind: type[DownloadError], gone: bool | None
) -> None:
    async def refuse(exchange: Any) -> None:
        await exchange.reply(status)

    store = await serve(refuse)
    async with _client("http://127.0.0.1:1/api") as client:
        with pytest.raises(kind) as caught:
            await _read(client, store.url + "/o?sig=SECRET")
    assert type(caught.value) is kind
    assert getattr(caught.value, "gone", None) is gone
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "content_range",
    [
        "",
        "bytes 0-99/200",
        "bytes 101-199/200",
        "bytes 100-199/150",
        "bytes 100-50/200",
        "bytes */200",
        "items 100-199/200",
    ],
)
def test_another_part_than_the_one_asked_for_is_a_changed_file(content_range: str) -> None:
    with pytest.raises(OutputChanged):
        read_head(206, {"content-range": content_range}, 100, "x")


def test_a_part_may_leave_the_total_open_or_be_short() -> None:
    head = read_head(206, {"content-range": "bytes 100-149/*", "etag": 'W/"x"'}, 100, "x")
    assert (head.total, head.length, head.etag) == (None, 50, "")
    modified = "Thu, 01 Jan 1970 00:17:10 GMT"
    assert read_head(200, {"content-length": "7", "last-modified": modified}, 0, "x").etag == modified


def test_a_packed_file_is_refused() -> None:
    with pytest.raises(DownloadBroken, match="packed"):
        read_head(200, {"content-encoding": "GZIP"}, 0, "x")


async def _short(exchange: Any) -> None:
    await exchange.reply(200, FILE[:5000], promised=len(FILE))
    exchange.hang_up()


async def _reset(exchange: Any) -> None:
    await exchange.reply(200, FILE[:5000], promised=len(FILE))
    await asyncio.sleep(0.05)
    exchange.reset()


async def _stall(exchange: Any) -> None:
    await exchange.reply(200, FILE[:5000], promised=len(FILE))
    await asyncio.sleep(60)


async def _short_part(exchange: Any) -> None:
    head = "HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 10-99/100\r\n\r\n"
    exchange.writer.write(head.encode() + b"3\r\nabc\r\n0\r\n\r\n")


@pytest.mark.parametrize("script", [_short, _reset, _stall, _short_part])
async def test_a_file_that_ends_early_is_never_taken_for_whole(serve: Serve, script: Any) -> None:
    store = await serve(script)
    came = b""
    async with _client("http://127.0.0.1:1/api", timeout_s=0.2) as client:
        with pytest.raises(DownloadBroken) as caught:  # noqa: PT012
            async with client.open_output(store.url + "/o?sig=SECRET", offset=10, etag=ETAG) as stream:
                async for chunk in stream.chunks:
                    came += chunk
    assert came in (FILE[:5000], b"abc")
    assert "SECRET" not in str(caught.value)


async def test_a_reader_may_stop_in_the_middle(serve: Serve) -> None:
    store = await serve(_store)
    async with _client("http://127.0.0.1:1/api") as client:
        async with client.open_output(store.url + "/o") as stream:
            async for chunk in stream.chunks:
                assert FILE.startswith(chunk)
                break
        assert (await _read(client, store.url + "/o"))[1] == FILE


async def test_a_readers_own_error_stays_its_own(serve: Serve) -> None:
    store = await serve(_store)
    async with _client("http://127.0.0.1:1/api") as client:
        with pytest.raises(OSError, match="disk full"):  # noqa: PT012
            async with client.open_output(store.url + "/o") as stream:
                async for _ in stream.chunks:
                    raise OSError("disk full")


async def test_redirects_are_followed_without_the_key_and_with_the_range(serve: Serve) -> None:
    store = await serve(_store)

    async def lead_on(exchange: Any) -> None:
        step = int(exchange.target.strip("/"))
        location = f"/{step + 1}" if step < 4 else store.url + "/o"
        await exchange.reply((301, 302, 303, 307, 308)[step], headers={"Location": location})

    front = await serve(lead_on)
    async with _client(front.url) as client:
        stream, content = await _read(client, front.url + "/0", offset=1000, etag=ETAG)
    assert (stream.status_kind, content) == (Kind.PART, FILE[1000:])
    assert len(front.seen) == 5
    for exchange in (*front.seen, *store.seen):
        assert "SECRET" not in str(exchange.headers)


async def test_a_circle_of_redirects_ends(serve: Serve) -> None:
    async def circle(exchange: Any) -> None:
        await exchange.reply(302, headers={"Location": "/again"})

    front = await serve(circle)
    async with _client(front.url) as client:
        with pytest.raises(DownloadBroken, match="redirects more than 5 times"):
            await _read(client, front.url + "/o")
    assert len(front.seen) == 6


@pytest.mark.parametrize(
    "location", ["http://x.example/o", "file:///etc/passwd", "ftp://127.0.0.1/", "http://10.0.0.1/"]
)
async def test_every_hop_is_checked(serve: Serve, location: str) -> None:
    async def lead_astray(exchange: Any) -> None:
        await exchange.reply(302, headers={"Location": location})

    front = await serve(lead_astray)
    async with _client(front.url) as client:
        with pytest.raises(AddressRefused):
            await _read(client, front.url + "/o")


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/o", "http://127.0.0.1/o", "https://[::ffff:a00:1]/o", "file:///etc/passwd", "//[::1]/o"],
)
async def test_a_public_host_leads_nowhere_inside(serve: Serve, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    """The first host is public, behind a proxy; what it redirects to is checked like an address of its own."""

    async def lead_astray(exchange: Any) -> None:
        await exchange.reply(302, headers={"Location": location})

    proxy = await serve(lead_astray)
    monkeypatch.setenv("http_proxy", proxy.url)
    async with _client(REAL) as client:
        with pytest.raises(AddressRefused):
            async with client.fetch("http://public.example/v.mp4"):
                pass
    assert [exchange.target for exchange in proxy.seen] == ["http://public.example/v.mp4"]


async def test_the_real_service_leads_nowhere_inside(serve: Serve) -> None:
    store = await serve(_store)
    async with _client(REAL) as client:
        with pytest.raises(AddressRefused):
            await _read(client, store.url.replace("http:", "https:"))
        with pytest.raises(AddressRefused):
            async with client.fetch(store.url + "/v.mp4"):
                pass
    assert store.connections == 0


async def test_an_input_beside_a_sandbox_is_fetched_from_loopback(serve: Serve) -> None:
    store = await serve(_store)
    async with _client("http://127.0.0.1:1/api") as client, client.fetch(store.url + "/v.mp4") as stream:
        assert b"".join([chunk async for chunk in stream.chunks]) == FILE


async def test_a_public_name_with_an_inside_address_is_refused_before_connecting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await serve(_store)
    port = int(store.url.rpartition(":")[2])

    async def rebound(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    async with _client(REAL) as client:
        with pytest.raises(AddressRefused, match="private network"):
            await _read(client, f"https://cdn.example.com:{port}/o")
        with pytest.raises(AddressRefused, match="private network"):
            async with client.fetch(f"http://cdn.example.com:{port}/v.mp4"):
                pass
    assert store.connections == 0


class _Wire(httpcore.AsyncNetworkBackend):
    """Connects to 8.8.4.4 alone, and only in its notes."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        if host != "8.8.4.4":
            raise httpcore.ConnectError("no route")
        return httpcore.AsyncMockStream([])


async def test_the_addresses_that_were_checked_are_the_ones_connected_to() -> None:
    lookups = [["8.8.8.8", "8.8.4.4", "1.1.1.1"], ["8.8.8.8"], ["8.8.4.4", "10.0.0.1"], []]

    async def resolve(host: str, port: int) -> list[str]:
        return lookups.pop(0)

    wire = _Wire()
    backend = GuardedBackend(resolve, wire)
    await backend.connect_tcp("cdn.example.com", 443)
    assert wire.asked == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(httpcore.ConnectError, match="no route"):
        await backend.connect_tcp("cdn.example.com", 443)
    with pytest.raises(AddressRefused):
        await backend.connect_tcp("cdn.example.com", 443)
    with pytest.raises(httpcore.ConnectError, match="has no address"):
        await backend.connect_tcp("cdn.example.com", 443)
    assert wire.asked == ["8.8.8.8", "8.8.4.4", "8.8.8.8"]
    assert lookups == []


async def test_a_name_that_nobody_knows_is_a_broken_download(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    async with _client(REAL) as client:
        with pytest.raises(DownloadBroken, match="not known"):
            await _read(client, "https://cdn.example.com/o")


async def test_proxies_of_the_environment_are_used_but_not_for_loopback(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, store = await serve(_store), await serve(_store)
    monkeypatch.setenv("http_proxy", proxy.url)
    async with _client(REAL) as client, client.fetch("http://public.example/v.mp4") as stream:
        assert b"".join([chunk async for chunk in stream.chunks]) == FILE
    assert proxy.seen[0].target == "http://public.example/v.mp4"
    async with _client("http://127.0.0.1:1") as client:
        assert (await _read(client, store.url + "/o"))[1] == FILE
    assert len(proxy.seen) == len(store.seen) == 1


async def test_a_proxy_that_opens_no_tunnel_is_nothing_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(exchange: Any) -> None:
        await exchange.reply(502)

    proxy = await serve(refuse)
    monkeypatch.setenv("https_proxy", proxy.url)
    async with _client(REAL) as client:
        verdict = await client.generate("https://v", "https://a", reference_id="r")
    assert (verdict.outcome, verdict.then) == (Outcome.REFUSED, Then.AWAY)
    assert proxy.seen[0].method == "CONNECT"
    assert "SECRET" not in str(proxy.seen[0].headers)


def test_which_proxy_serves_which_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "inside.example")
    proxies = {"https": "proxy.example:3128", "all": "socks5://all.example"}
    assert proxy_of("https://x.example/", proxies) == "http://proxy.example:3128"
    assert proxy_of("http://x.example/", proxies) == "socks5://all.example"
    assert proxy_of("https://inside.example/", proxies) == ""
    assert proxy_of("https://127.0.0.1:8/", proxies) == ""
    assert proxy_of("https://x.example/", {}) == ""


def test_a_proxy_that_cannot_be_used_is_told_at_once_and_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "gopher://u:SECRET@proxy.example")
    with pytest.raises(UsageError) as caught:
        _client(REAL)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_no_log_line_holds_a_query_or_the_key(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    store = await serve(_store)

    async def lead_on(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 302 key-SECRET\r\nContent-Length: 0\r\nX-Key: key-SECRET\r\n")
        exchange.writer.write(f"Location: {store.url}/o?sig=SECRET\r\n\r\n".encode())
        await exchange.writer.drain()

    front = await serve(lead_on)
    with caplog.at_level(logging.DEBUG), ExitStack() as told_all:
        for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
            told_all.enter_context(caplog.at_level(logging.DEBUG, name))
        async with _client(front.url) as client:
            await _read(client, front.url + "/o?sig=SECRET")
            await client.generate("https://v?sig=SECRET", "https://a", reference_id="r")
    assert "HTTP Request: GET" in caplog.text
    assert "?..." in caplog.text
    assert "SECRET" not in caplog.text


async def test_a_certificate_that_nobody_signed_is_a_broken_download(serve: Serve) -> None:
    store = await serve(_store, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    async with _client("http://127.0.0.1:1") as client:
        with pytest.raises(DownloadBroken):
            await _read(client, store.url + "/o")
