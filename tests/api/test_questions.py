"""GETs over a real socket, and the answers and failures that they come to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chamelaion import AsyncChamelaion

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.errors import (
    KeyRefused,
    RateLimited,
    RequestNotFound,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
    TokensUsedUp,
    UnreadableAnswer,
    UsageError,
    WrongAddress,
)

Serve = Callable[..., Awaitable[Any]]

KEY = "key-SECRET"
ONE = {"id": "r1", "status": "queued", "created_at": "2026-04-07T10:00:00Z", "reference_id": "ep01-ja-1"}


def _client(url: str, timeout_s: float = 5.0, clock: Callable[[], float] = lambda: 0.0) -> ChamelaionClient:
    return ChamelaionClient(url + "/api/", Credentials(KEY), timeout_s, clock=clock)


def _page(*requests: dict[str, Any]) -> str:
    return json.dumps({"data": requests, "pagination": {"limit": 20, "offset": 0, "total": len(requests)}})


def _replying(status: int, body: str = "", headers: dict[str, str] | None = None) -> Any:
    async def reply(exchange: Any) -> None:
        await exchange.reply(status, body, headers)

    return reply


@pytest.mark.parametrize("asked", ["r1", "ep01-ja-1"])
async def test_a_request_is_found_by_id_and_by_reference(serve: Serve, asked: str) -> None:
    service = await serve(_replying(200, json.dumps(ONE)))
    async with _client(service.url) as client:
        request = await client.get_request(asked)
    assert (request.id, request.reference_id) == ("r1", "ep01-ja-1")
    assert service.seen[0].target == f"/api/v1/lipsync/requests/{asked}"
    assert service.seen[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(
    ("asked", "segment"),
    [("a/../b", "a%2F..%2Fb"), ("..", "%2E%2E"), ("a?b#c d", "a%3Fb%23c%20d"), ("é%2F", "%C3%A9%252F")],
)
async def test_no_id_leaves_its_place_in_the_path(serve: Serve, asked: str, segment: str) -> None:
    service = await serve(_replying(404, '{"error": "not found"}'))
    async with _client(service.url) as client:
        with pytest.raises(RequestNotFound):
            await client.get_request(asked)
    assert service.seen[0].target == f"/api/v1/lipsync/requests/{segment}"


async def test_the_answer_to_another_question_is_unreadable(serve: Serve) -> None:
    async def reply(exchange: Any) -> None:
        await exchange.reply(200, _page(ONE) if "?" in exchange.target else json.dumps(ONE))

    service = await serve(reply)
    async with _client(service.url) as client:
        with pytest.raises(UnreadableAnswer):
            await client.get_request("r2")
        assert len((await client.list_requests(20, 0, "ep01-ja-1")).requests) == 1


async def test_a_list_is_asked_for_by_page_and_reference(serve: Serve) -> None:
    service = await serve(_replying(200, _page()))
    async with _client(service.url) as client:
        await client.list_requests(100, 200)
        await client.list_requests(1, 0, "a&b=c d")
    assert service.seen[0].target == "/api/v1/lipsync/requests?limit=100&offset=200"
    assert service.seen[1].target == "/api/v1/lipsync/requests?limit=1&offset=0&reference_id=a%26b%3Dc+d"


async def test_whose_key_it_is_and_whether_the_service_is_well(serve: Serve) -> None:
    async def reply(exchange: Any) -> None:
        await exchange.reply(200, '{"name": "Ada"}')

    service = await serve(reply)
    async with _client(service.url) as client:
        assert (await client.whoami()).name == "Ada"
        assert await client.health()
    assert [exchange.target for exchange in service.seen] == ["/api/v1/users/me", "/api/health"]
    assert "x-api-key" not in service.seen[1].headers


async def test_a_service_that_is_ill_or_away_is_not_well(serve: Serve) -> None:
    ill, away = await serve(_replying(500)), await serve(None)
    async with _client(ill.url) as client:
        assert not await client.health()
    async with _client(away.url) as client:
        assert not await client.health()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<html>Sign in</html>", UnreadableAnswer),
        (200, json.dumps(ONE)[:-9], UnreadableAnswer),
        (302, "", WrongAddress),
        (401, '{"error": "invalid token key-SECRET"}', KeyRefused),
        (403, "", KeyRefused),
        (404, '{"error": "not found"}', RequestNotFound),
        (404, "<html>nginx</html>", UnreadableAnswer),
        (405, "", WrongAddress),
        (412, "", TokensUsedUp),
        (500, '{"error": "internal error"}', ServiceFault),
        (503, "<html>", ServiceFault),
    ],
)
async def test_what_is_no_answer_is_an_error_of_ours(
    serve: Serve, status: int, body: str, kind: type[ServiceError]
) -> None:
    service = await serve(_replying(status, body, {"Location": "http://127.0.0.1:1/"}))
    async with _client(service.url) as client:
        with pytest.raises(kind) as caught:
            await client.get_request("r1")
    assert type(caught.value) is kind
    assert "SECRET" not in caught.value.message
    assert len(service.seen) == 1


async def test_404_where_an_endpoint_should_be_is_a_wrong_address(serve: Serve) -> None:
    service = await serve(_replying(404, "404 page not found"))
    async with _client(service.url) as client:
        with pytest.raises(WrongAddress) as caught:
            await client.list_requests(20, 0)
        with pytest.raises(WrongAddress):
            await client.whoami()
    assert "base URL" in caught.value.hint


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Thu, 01 Jan 1970 00:17:10 GMT", 30.0), ("soon", None)])
async def test_a_429_says_how_long_to_wait(serve: Serve, header: str, seconds: float | None) -> None:
    service = await serve(_replying(429, '{"error": "rate limit exceeded"}', {"Retry-After": header}))
    async with _client(service.url, clock=lambda: 1000.0) as client:
        with pytest.raises(RateLimited) as caught:
            await client.whoami()
    assert caught.value.retry_after_s == seconds


async def _reset(exchange: Any) -> None:
    exchange.reset()


async def _silence(exchange: Any) -> None:
    await asyncio.sleep(60)


async def _cut(exchange: Any) -> None:
    await exchange.reply(200, json.dumps(ONE), promised=5000)
    exchange.hang_up()


@pytest.mark.parametrize("script", [None, _reset, _silence, _cut])
async def test_a_broken_connection_is_a_service_that_was_not_reached(serve: Serve, script: Any) -> None:
    service = await serve(script)
    async with _client(service.url, timeout_s=0.2) as client:
        with pytest.raises(ServiceUnreachable) as caught:
            await client.get_request("r1")
    assert caught.value.hint
    assert caught.value.__cause__ is not None


async def test_a_refused_connection_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with _client(url) as client:
        with pytest.raises(ServiceUnreachable, match="connection refused"):
            await client.whoami()


async def test_an_answer_that_never_ends_is_refused_while_it_is_read(serve: Serve) -> None:
    sent = 0

    async def endless(exchange: Any) -> None:
        nonlocal sent
        exchange.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            exchange.writer.write(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
            await exchange.writer.drain()
            sent += 1

    service = await serve(endless)
    async with _client(service.url) as client:
        with pytest.raises(UnreadableAnswer, match="16 MB"):
            await client.whoami()
    assert sent < 64


async def test_a_badly_packed_answer_is_unreadable(serve: Serve) -> None:
    service = await serve(_replying(200, "no gzip", {"Content-Encoding": "gzip"}))
    async with _client(service.url) as client:
        with pytest.raises(UnreadableAnswer):
            await client.whoami()


async def test_no_cookie_is_kept(serve: Serve) -> None:
    service = await serve(_replying(200, '{"name": "Ada"}', {"Set-Cookie": "a=b; Path=/"}))
    async with _client(service.url) as client:
        await client.whoami()
        await client.whoami()
    assert "cookie" not in service.seen[1].headers


async def test_a_base_url_over_plain_http_never_gets_as_far_as_a_client() -> None:
    with pytest.raises(UsageError):
        ChamelaionClient("http://api.example.com", Credentials(KEY))


async def test_the_official_sdk_says_the_same_to_the_service(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reply(exchange: Any) -> None:
        exchange.content = await exchange.body()
        await exchange.reply(
            200,
            '{"status": "success", "request_id": "r1"}' if exchange.method == "POST" else json.dumps(ONE),
            {"Content-Type": "application/json"},
        )

    monkeypatch.delenv("CHAMELAION_BASE_URL", raising=False)
    service = await serve(reply)
    async with AsyncChamelaion(api_key=KEY, bearer_token=KEY, base_url=service.url + "/api") as sdk:
        await sdk.lipsync.generate(
            inputs=[{"type": "video", "url": "https://v"}, {"type": "audio", "url": "https://a"}], reference_id="r"
        )
        await sdk.lipsync.requests.retrieve("ep01-ja-1")
    async with ChamelaionClient(service.url + "/api", Credentials(KEY, KEY)) as client:
        await client.generate("https://v", "https://a", reference_id="r")
        await client.get_request("ep01-ja-1")

    theirs, ours = service.seen[:2], service.seen[2:]
    for their, our in zip(theirs, ours, strict=True):
        assert (our.method, our.target) == (their.method, their.target)
        for name in ("x-api-key", "authorization", "content-type"):
            assert our.headers.get(name) == their.headers.get(name)
    assert json.loads(ours[0].content) == json.loads(theirs[0].content)
