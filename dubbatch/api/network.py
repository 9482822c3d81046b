"""Connections: what is known of them, and where ours lead.

Files go over connections of our own (``dubbatch.api.stream``). That of a download looks where the name
leads before it connects, and connects to just that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import httpcore

from dubbatch.api.addresses import check_resolved, is_local, shown
from dubbatch.api.answers import Failure
from dubbatch.api.stream import StreamBackend
from dubbatch.api.text import clean


def hide_queries(record: logging.LogRecord) -> bool:
    """A log filter: addresses are shown without their queries, and the server's own words not at all."""
    if isinstance(record.args, tuple):
        # The last of httpx's five is the reason phrase, in which a service may quote the key.
        told = (*record.args[:4], "")[: len(record.args)]
        record.args = tuple(shown(str(arg)) if "://" in str(arg) else arg for arg in told)
    return True


def is_trouble(record: logging.LogRecord) -> bool:
    """A log filter: whatever level a program has set, nothing below a warning passes."""
    return record.levelno >= logging.WARNING


# httpx logs every URL whole, and httpcore at DEBUG every header of an answer: signed links, as good as passwords.
logging.getLogger("httpx").addFilter(hide_queries)
for _name in ("connection", "http11", "http2", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(is_trouble)


class Line(Enum):
    """The kinds of connection."""

    SEND = "a POST's own"
    ASK = "to the service, kept open"
    FILES = "to wherever files lie, never with the key"


#: The addresses of a host and port, as text.
Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver knows of ``host``. Raises OSError if it knows nothing."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def proxy_of(url: str, proxies: Mapping[str, str]) -> str:
    """The proxy for ``url`` among those of the environment; empty for loopback and what ``NO_PROXY`` names."""
    parts = urlsplit(url)
    if is_local(url) or proxy_bypass(parts.hostname or ""):
        return ""
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def reason(exc: BaseException) -> str:
    """Why a connection failed, in words."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    return clean(str(exc)) or "the connection broke"


class FirstByte:
    """Whether anything of one request has left: ``watch`` is its ``trace`` extension."""

    def __init__(self) -> None:
        #: What a failure at this moment would mean.
        self.failure = Failure.NOT_SENT

    async def watch(self, event: str, info: Mapping[str, Any]) -> None:
        # A tunnel through a proxy opens with a request of its own, which is not ours.
        if event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self.failure = Failure.BROKEN


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connections to public hosts only.

    Checking a name and then connecting to it by name would look it up twice, and a hostile name
    server answers differently the second time: so the checked address is the one connected to.
    """

    def __init__(self, resolve: Resolve = resolve, inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._resolve = resolve
        self._inner = StreamBackend() if inner is None else inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(f"{host} could not be looked up in time") from exc
        except OSError as exc:
            raise httpcore.ConnectError(f"{host} is not known: {exc.strerror or exc}") from exc
        check_resolved(host, addresses)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure


def backend_of(line: Line, *, guarded: bool) -> httpcore.AsyncNetworkBackend | None:
    """What connects a line; None: the library's own. ``guarded`` keeps files' connections out of private networks."""
    if line is Line.ASK:
        return None
    return GuardedBackend() if line is Line.FILES and guarded else StreamBackend()
