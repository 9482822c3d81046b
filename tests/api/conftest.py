"""A service on a real socket that misbehaves exactly as a test wants it to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Exchange:
    """One request that arrived, and the means to answer it."""

    method: str
    target: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    content: bytes = b""

    async def body(self) -> bytes:
        """The whole body, read once."""
        if "content-length" in self.headers and not self.content:
            self.content = await self.reader.readexactly(int(self.headers["content-length"]))
        return self.content

    async def discard(self) -> int:
        """Reads the body away; how many bytes came before the end or the promised length."""
        left = int(self.headers["content-length"])
        came = 0
        while came < left and (chunk := await self.reader.read(min(1 << 20, left - came))):
            came += len(chunk)
        return came

    async def reply(
        self, status: int, body: bytes | str = b"", headers: dict[str, str] | None = None, promised: int | None = None
    ) -> None:
        content = body.encode() if isinstance(body, str) else body
        length = len(content) if promised is None else promised
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """RST instead of FIN: what was on its way is lost."""
        _reset(self.writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Script = Callable[[Exchange], Awaitable[None]]


@dataclass
class Service:
    """A server on 127.0.0.1 with what it has seen."""

    script: Script | None
    url: str = ""
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            if self.script is None:
                _reset(writer)
                return
            while not writer.is_closing():
                exchange = await self._next(reader, writer)
                self.seen.append(exchange)
                await self.script(exchange)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        return Exchange(method, target, headers, reader, writer)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """``await serve(script)``: a service that runs ``script`` for each request; None resets each connection.

    ``tls`` makes it an https one.
    """
    running: list[tuple[asyncio.Server, Service]] = []

    async def start(script: Script | None, tls: ssl.SSLContext | None = None) -> Service:
        service = Service(script)
        server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
        scheme = "http" if tls is None else "https"
        service.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running.append((server, service))
        return service

    yield start
    for server, service in running:
        server.close()
        for task in service.tasks:
            task.cancel()
        await asyncio.gather(*service.tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True
    )
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """No proxies, and one certificate to trust: reading the system's takes longer than a test."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
