"""POSTs over a real socket: sent once, whatever the other side does, and judged for the money."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dubbatch.api.answers import Then
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.multipart import FilePart
from dubbatch.jobs import Outcome
from dubbatch.media.hashing import Checksum

Serve = Callable[..., Awaitable[Any]]

KEY = "key-SECRET"
ZEROS_200_MB = "76c3129ad5a42edad87b9fd464abe745"
GOOD = '{"status": "success", "request_id": "r1"}'


def _client(url: str, timeout_s: float = 5.0) -> ChamelaionClient:
    return ChamelaionClient(url + "/api", Credentials(KEY), timeout_s)


async def _generate(client: ChamelaionClient, **options: Any) -> Any:
    return await client.generate(
        "https://v.example/v.mp4?sig=1", "https://a.example/a.wav", reference_id="ref-1", **options
    )


def _file(path: Path, name: str, content: bytes) -> FilePart:
    path.write_bytes(content)
    checksum = Checksum(content).hexdigest()
    kind = "video/mp4" if name == "video" else "audio/wav"
    return FilePart(name=name, filename=path.name, path=path, size=len(content), content_type=kind, checksum=checksum)


def _files(folder: Path, size: int = 3 << 20) -> tuple[FilePart, FilePart]:
    return _file(folder / "v.mp4", "video", b"v" * size), _file(folder / "a.wav", "audio", b"a" * 100)


async def test_a_post_says_what_the_documentation_shows(serve: Serve) -> None:
    async def accept(exchange: Any) -> None:
        await exchange.body()
        await exchange.reply(200, GOOD)

    service = await serve(accept)
    async with _client(service.url) as client:
        verdict = await _generate(client, disable_active_speaker_detection=True)

    assert (verdict.outcome, verdict.then, verdict.request_id) == (Outcome.ACCEPTED, Then.FOLLOW, "r1")
    (exchange,) = service.seen
    assert (exchange.method, exchange.target) == ("POST", "/api/v1/lipsync/generate")
    assert exchange.headers["x-api-key"] == KEY
    assert exchange.headers["content-type"] == "application/json"
    assert json.loads(exchange.content) == {
        "inputs": [
            {"type": "video", "url": "https://v.example/v.mp4?sig=1"},
            {"type": "audio", "url": "https://a.example/a.wav"},
        ],
        "reference_id": "ref-1",
        "disable_active_speaker_detection": True,
    }


async def test_a_refused_connection_is_nothing_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with _client(url) as client:
        verdict = await _generate(client)
    assert (verdict.outcome, verdict.then) == (Outcome.REFUSED, Then.AWAY)
    assert "connection refused" in verdict.message


async def test_a_connection_reset_before_anything_was_read_is_unknown(serve: Serve) -> None:
    service = await serve(None)
    async with _client(service.url) as client:
        verdict = await _generate(client)
    assert (verdict.outcome, verdict.then) == (Outcome.UNKNOWN, Then.SETTLE)
    assert service.connections == 1


async def _reset(exchange: Any) -> None:
    await exchange.body()
    exchange.reset()


async def _hang_up(exchange: Any) -> None:
    await exchange.body()
    exchange.hang_up()


async def _silence(exchange: Any) -> None:
    await exchange.body()
    await asyncio.sleep(60)


async def _half_an_answer(exchange: Any) -> None:
    await exchange.body()
    await exchange.reply(200, GOOD[:-5], promised=len(GOOD))
    exchange.reset()


async def _nonsense(exchange: Any) -> None:
    await exchange.body()
    exchange.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    exchange.hang_up()


@pytest.mark.parametrize("script", [_reset, _hang_up, _silence, _half_an_answer, _nonsense])
async def test_a_lost_answer_is_unknown_and_never_asked_for_by_a_second_post(serve: Serve, script: Any) -> None:
    service = await serve(script)
    async with _client(service.url, timeout_s=0.2) as client:
        verdict = await _generate(client)
    assert (verdict.outcome, verdict.then, verdict.request_id) == (Outcome.UNKNOWN, Then.SETTLE, "")
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "outcome", "then"),
    [
        (500, '{"error": "internal error"}', {}, Outcome.UNKNOWN, Then.SETTLE),
        (502, "<html>Bad Gateway</html>", {}, Outcome.UNKNOWN, Then.SETTLE),
        (200, "<html>Sign in</html>", {}, Outcome.UNKNOWN, Then.SETTLE),
        (200, GOOD + " " * (17 << 20), {}, Outcome.UNKNOWN, Then.SETTLE),
        (400, "<html>Bad Request</html>", {}, Outcome.REFUSED, Then.FAIL_JOB),
        (401, '{"error": "invalid token key-SECRET"}', {}, Outcome.REFUSED, Then.STOP_KEY),
        (302, "", {"Location": "/elsewhere"}, Outcome.UNKNOWN, Then.STOP_ADDRESS),
        (307, "", {"Location": "http://127.0.0.1:1/"}, Outcome.UNKNOWN, Then.STOP_ADDRESS),
        (412, '{"error": "token limit reached"}', {}, Outcome.REFUSED, Then.STOP_TOKENS),
        (429, '{"error": "rate limit exceeded"}', {"Retry-After": "7"}, Outcome.REFUSED, Then.WAIT),
        (400, "cut", {"Content-Encoding": "gzip"}, Outcome.REFUSED, Then.FAIL_JOB),
    ],
)
async def test_one_post_one_answer(
    serve: Serve, status: int, body: str, headers: dict[str, str], outcome: Outcome, then: Then
) -> None:
    async def answer(exchange: Any) -> None:
        await exchange.body()
        await exchange.reply(status, body, headers)

    service = await serve(answer)
    async with _client(service.url) as client:
        verdict = await _generate(client)
    assert (verdict.outcome, verdict.then) == (outcome, then)
    assert verdict.retry_after_s == (7.0 if status == 429 else None)
    assert len(service.seen) == 1
    assert "SECRET" not in verdict.message


async def test_each_post_has_a_connection_of_its_own(serve: Serve) -> None:
    async def accept(exchange: Any) -> None:
        await exchange.body()
        await exchange.reply(200, GOOD if exchange.method == "POST" else '{"name": "Ada"}')

    service = await serve(accept)
    async with _client(service.url) as client:
        await client.whoami()
        await client.whoami()
        assert service.connections == 1
        for posts in (1, 2, 3):
            assert (await _generate(client)).outcome is Outcome.ACCEPTED
            assert service.connections == 1 + posts


async def test_a_cancelled_post_is_cancelled(serve: Serve) -> None:
    arrived = asyncio.Event()

    async def silence(exchange: Any) -> None:
        arrived.set()
        await asyncio.sleep(60)

    service = await serve(silence)
    async with _client(service.url) as client:
        sending = asyncio.ensure_future(_generate(client))
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_an_upload_arrives_whole_and_with_its_length(serve: Serve, tmp_path: Path) -> None:
    async def accept(exchange: Any) -> None:
        await exchange.body()
        await exchange.reply(200, GOOD)

    service = await serve(accept)
    video, audio = _files(tmp_path)
    told: list[int] = []
    async with _client(service.url) as client:
        verdict = await client.generate_with_media(
            video, audio, reference_id="ref-1", model="lipsync-2", progress=told.append
        )

    assert verdict.request_id == "r1"
    assert sum(told) == video.size + audio.size
    (exchange,) = service.seen
    assert exchange.target == "/api/v1/lipsync/generate-with-media"
    assert "transfer-encoding" not in exchange.headers
    assert exchange.content.count(b"v" * video.size) == 1
    assert b'name="model"\r\n\r\nlipsync-2\r\n' in exchange.content
    assert b"disable_active" not in exchange.content


async def test_a_file_edited_while_it_is_sent_never_arrives_whole(serve: Serve, tmp_path: Path) -> None:
    came: asyncio.Queue[int] = asyncio.Queue()

    async def read(exchange: Any) -> None:
        came.put_nowait(await exchange.discard())

    service = await serve(read)
    video, audio = _files(tmp_path, 16 << 20)

    def edit(_: int) -> None:
        with video.path.open("r+b") as file:
            file.seek(video.size - 1)
            file.write(b"X")

    async with _client(service.url) as client:
        verdict = await client.generate_with_media(video, audio, reference_id="ref-1", progress=edit)
        assert await came.get() < int(service.seen[0].headers["content-length"])
    assert (verdict.outcome, verdict.then, verdict.changed) == (Outcome.UNKNOWN, Then.SETTLE, True)
    assert "v.mp4" in verdict.message


async def test_a_file_edited_before_it_is_sent_costs_not_even_a_connection(serve: Serve, tmp_path: Path) -> None:
    service = await serve(None)
    video, audio = _files(tmp_path)
    video.path.write_bytes(b"shorter")
    async with _client(service.url) as client:
        verdict = await client.generate_with_media(video, audio, reference_id="ref-1")
    assert (verdict.outcome, verdict.changed, service.connections) == (Outcome.REFUSED, True, 0)


async def _early_then_read(exchange: Any) -> None:
    await exchange.reply(413, '{"error": "too large"}')
    exchange.hang_up()


async def _early_then_reset(exchange: Any) -> None:
    await exchange.reply(413, '{"error": "too large"}')
    await asyncio.sleep(0.1)
    exchange.reset()


async def _early_then_deaf(exchange: Any) -> None:
    await exchange.reply(413, '{"error": "too large"}')
    await asyncio.sleep(60)


@pytest.mark.parametrize("script", [_early_then_read, _early_then_reset, _early_then_deaf])
async def test_an_early_refusal_is_heard_while_the_upload_is_on_its_way(
    serve: Serve, tmp_path: Path, script: Any
) -> None:
    service = await serve(script)
    async with _client(service.url) as client:
        verdict = await client.generate_with_media(*_files(tmp_path, 16 << 20), reference_id="ref-1")
    assert (verdict.outcome, verdict.then) == (Outcome.REFUSED, Then.FAIL_JOB)
    assert "too large" in verdict.message
    assert len(service.seen) == 1


async def test_an_interim_answer_does_not_stop_an_upload(serve: Serve, tmp_path: Path) -> None:
    async def accept(exchange: Any) -> None:
        exchange.writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.05)
        assert await exchange.discard() == int(exchange.headers["content-length"])
        await exchange.reply(200, GOOD)

    service = await serve(accept)
    async with _client(service.url) as client:
        verdict = await client.generate_with_media(*_files(tmp_path, 16 << 20), reference_id="ref-1")
    assert verdict.request_id == "r1"


async def test_a_connection_cut_in_mid_upload_is_unknown(serve: Serve, tmp_path: Path) -> None:
    async def cut(exchange: Any) -> None:
        await exchange.reader.readexactly(1 << 20)
        exchange.reset()

    service = await serve(cut)
    async with _client(service.url) as client:
        verdict = await client.generate_with_media(*_files(tmp_path, 16 << 20), reference_id="ref-1")
    assert (verdict.outcome, verdict.changed) == (Outcome.UNKNOWN, False)
    assert len(service.seen) == 1


async def test_a_server_that_stops_reading_is_given_up(serve: Serve, tmp_path: Path) -> None:
    async def deaf(exchange: Any) -> None:
        await asyncio.sleep(60)

    service = await serve(deaf)
    async with _client(service.url, timeout_s=0.2) as client:
        verdict = await client.generate_with_media(*_files(tmp_path, 16 << 20), reference_id="ref-1")
    assert verdict.outcome is Outcome.UNKNOWN


async def test_an_upload_of_200_mb_takes_a_few_mb_of_memory(serve: Serve, tmp_path: Path) -> None:
    async def accept(exchange: Any) -> None:
        await exchange.discard()
        await exchange.reply(200, GOOD)

    service = await serve(accept)
    size = 200 << 20
    path = tmp_path / "v.mp4"
    with path.open("wb") as file:
        file.truncate(size)
    video = FilePart(
        name="video", filename="v.mp4", path=path, size=size, content_type="video/mp4", checksum=ZEROS_200_MB
    )
    audio = _file(tmp_path / "a.wav", "audio", b"a")
    async with _client(service.url) as client:
        tracemalloc.start()
        try:
            verdict = await client.generate_with_media(video, audio, reference_id="ref-1")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert verdict.request_id == "r1"
    assert peak < 24 << 20


def _tls(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_uploads_and_early_refusals_work_over_tls(serve: Serve, tmp_path: Path, certificate: Path) -> None:
    async def accept_the_first(exchange: Any) -> None:
        if len(service.seen) > 1:
            await exchange.reply(413, '{"error": "too large"}')
            await asyncio.sleep(60)
        assert await exchange.discard() == int(exchange.headers["content-length"])
        await exchange.reply(200, GOOD)

    service = await serve(accept_the_first, _tls(certificate))
    video, audio = _files(tmp_path, 16 << 20)
    async with _client(service.url) as client:
        accepted = await client.generate_with_media(video, audio, reference_id="ref-1")
        refused = await client.generate_with_media(video, audio, reference_id="ref-2")
    assert accepted.request_id == "r1"
    assert refused.then is Then.FAIL_JOB


async def test_an_untrusted_certificate_is_nothing_sent(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    service = await serve(None, _tls(certificate))
    async with _client(service.url) as client:
        verdict = await _generate(client)
    assert (verdict.outcome, verdict.then) == (Outcome.REFUSED, Then.AWAY)
    assert "certificate" in verdict.message
