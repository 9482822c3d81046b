"""A connection for large files: it moves them in large pieces, and listens while it sends.

A service may refuse an upload (413, 401) before it has read it and hang up. That answer must be heard,
or a plain refusal would count as unsure: so what comes is taken in at any time, also during a write.

httpcore's own connection passes a file on in pieces of 64 KB, each with a timer and some turns of the
event loop of its own; that costs more than moving the bytes does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import Any

import httpcore

#: Bytes that may have come without being asked for, before the other side is made to wait.
_MOST_AHEAD = 1 << 20
#: RFC 8305, 5: a second address is tried beside one that has not answered for so long.
_NEXT_ADDRESS_S = 0.25


class StreamBackend(httpcore.AsyncNetworkBackend):
    """Opens connections of this kind. Raises httpcore.ConnectError, ConnectTimeout."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop, local = asyncio.get_running_loop(), (local_address, 0) if local_address else None
        try:
            async with asyncio.timeout(timeout):
                transport, wire = await loop.create_connection(
                    _Wire, host, port, local_addr=local, happy_eyeballs_delay=_NEXT_ADDRESS_S
                )
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(f"{host} does not answer") from exc
        except UnicodeError as exc:
            raise httpcore.ConnectError(f"{host} is no name of a host") from exc
        except OSError as exc:
            raise httpcore.ConnectError(exc.strerror or "none of its addresses answers") from exc
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return Stream(transport, wire)


class _Wire(asyncio.Protocol):
    """What comes over one connection, and how it ended."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        #: Nothing more comes.
        self.ended = False
        #: What has come and was not taken yet.
        self.came: deque[bytes] = deque()
        self._size = 0
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()

    def is_under(self, transport: asyncio.Transport) -> None:
        """From now on everything comes through ``transport``."""
        # A write ends when the system has all of it: what waits here would be lost with the connection.
        transport.set_write_buffer_limits(0)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.came.append(data)
        self._size += len(data)
        if self._size > _MOST_AHEAD and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def take(self) -> bytes:
        data = self.came.popleft()
        was_full, self._size = self._size > _MOST_AHEAD, self._size - len(data)
        if was_full and self._size <= _MOST_AHEAD and self._transport is not None:
            self._transport.resume_reading()
        return data

    def eof_received(self) -> None:
        self.ended = True
        self._news.set()

    def pause_writing(self) -> None:
        # Under TLS either call may be the one that tells of progress.
        self._news.set()

    def resume_writing(self) -> None:
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.failure = True, exc
        self._news.set()

    async def change(self, timeout_s: float | None) -> None:
        """Wait until something has come, left or ended. Raises TimeoutError."""
        self._news.clear()
        async with asyncio.timeout(timeout_s):
            await self._news.wait()


class Stream(httpcore.AsyncNetworkStream):
    """One open connection; under TLS ``below`` is the transport that the encrypted bytes leave by.

    When an answer comes before all is written, ``write`` raises WriteError: httpcore takes that as the
    sign to stop sending and to read the answer.
    """

    def __init__(self, transport: asyncio.Transport, wire: _Wire, below: asyncio.Transport | None = None) -> None:
        self._transport = transport
        self._wire = wire
        self._below = below
        wire.is_under(transport)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it all. ``timeout`` counts from the last byte that left: a slow line is not a silent one.

        Raises WriteError, WriteTimeout.
        """
        self._stop_if_answered()
        self._transport.write(memoryview(buffer))
        while left := self._unsent():
            try:
                await self._wire.change(timeout)
            except TimeoutError as exc:
                if self._unsent() >= left:
                    raise httpcore.WriteTimeout from exc
            self._stop_if_answered()

    def _unsent(self) -> int:
        above = self._transport.get_write_buffer_size()
        return above if self._below is None else above + self._below.get_write_buffer_size()

    def _stop_if_answered(self) -> None:
        """Raises WriteError if the other side has given its answer, or has hung up."""
        # "HTTP/1.1 1xx": go on, the answer is still to come.
        if self._wire.ended or any(data[9:10] != b"1" for data in self._wire.came):
            raise httpcore.WriteError("answered before all was sent") from self._wire.failure

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, empty at the end. It may be more than ``max_bytes``: cutting it up costs most.

        Raises ReadError, ReadTimeout.
        """
        wire = self._wire
        while not wire.came and not wire.ended:
            try:
                await wire.change(timeout)
            except TimeoutError as exc:
                raise httpcore.ReadTimeout from exc
        if wire.came:
            return wire.take()
        if wire.failure is not None:
            raise httpcore.ReadError(str(wire.failure)) from wire.failure
        return b""

    async def aclose(self) -> None:
        self._transport.abort()
        # The socket itself is closed in the next turn of the event loop.
        await asyncio.sleep(0)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop, below = asyncio.get_running_loop(), self._transport
        # In the same turn in which start_tls stops reading. What came before was said by nobody in particular:
        # behind the handshake it would count as the service's own word.
        if self._wire.came or self._wire.ended:
            await self.aclose()
            raise httpcore.ConnectError("the other side spoke, or hung up, before the encryption began")
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(below, self._wire, ssl_context, server_hostname=server_hostname)
        except TimeoutError as exc:
            await self.aclose()
            raise httpcore.ConnectTimeout from exc
        except OSError as exc:
            await self.aclose()
            raise httpcore.ConnectError(str(exc)) from exc
        if transport is None:
            raise httpcore.ConnectError("the connection broke")
        return Stream(transport, self._wire, below)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._wire.ended or bool(self._wire.came)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))
