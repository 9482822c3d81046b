"""Our own connections: large files in both directions, plain and under TLS, without running ahead."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpcore
import pytest

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.stream import StreamBackend
from dubbatch.errors import DownloadBroken

Serve = Callable[..., Awaitable[Any]]
FILE = bytes(range(256)) * 131_072
_PIECE = 1 << 16


def _tls(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_who_reads_slowly_makes_the_other_side_wait(serve: Serve, certificate: Path, secure: bool) -> None:
    """What nobody has asked for yet is not gathered in memory, and all of it comes in the end."""
    left = 0

    async def hand_out(exchange: Any) -> None:
        nonlocal left
        await exchange.reply(200, promised=len(FILE))
        for start in range(0, len(FILE), _PIECE):
            exchange.writer.write(FILE[start : start + _PIECE])
            await exchange.writer.drain()
            left += _PIECE

    store = await serve(hand_out, _tls(certificate) if secure else None)
    came = bytearray()
    async with (
        ChamelaionClient("http://127.0.0.1:1", Credentials("key")) as client,
        client.fetch(store.url + "/o") as stream,
    ):
        async for chunk in stream.chunks:
            if not came:
                # Longer than the whole file takes when nobody waits.
                await asyncio.sleep(0.2)
                assert left < len(FILE) / 2
            came += chunk
    assert came == FILE


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_line_that_breaks_is_told(serve: Serve, certificate: Path, secure: bool) -> None:
    async def cut(exchange: Any) -> None:
        await exchange.reply(200, FILE[:100_000], promised=len(FILE))
        exchange.reset()

    store = await serve(cut, _tls(certificate) if secure else None)
    async with ChamelaionClient("http://127.0.0.1:1", Credentials("key")) as client:
        with pytest.raises(DownloadBroken):  # noqa: PT012
            async with client.fetch(store.url + "/o") as stream:
                async for _ in stream.chunks:
                    continue


async def test_the_timeout_of_a_write_counts_from_the_last_byte_that_left() -> None:
    """A slow line is not a silent one."""
    came, left = bytearray(), asyncio.Event()

    async def sip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                came.extend(data)
                await asyncio.sleep(0.02)
        writer.close()
        left.set()

    server = await asyncio.start_server(sip, "127.0.0.1", 0, limit=1 << 18)
    stream = await StreamBackend().connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    await stream.write(FILE, timeout=0.3)
    await stream.aclose()
    assert FILE.startswith(came)
    with pytest.raises(httpcore.WriteError):
        await stream.write(b"more")
    await left.wait()
    server.close()
    await server.wait_closed()
