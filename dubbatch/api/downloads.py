"""The rules of fetching a file: what is asked, and what the first lines of the answer mean.

A transfer that broke goes on from where it stopped, if the server can say that the file is still the
same: by a strong ETag, or by the time of its last change (RFC 9110, 13.1.5). Otherwise it starts anew,
which costs time; two halves of different files would cost the output.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Protocol

from dubbatch.api.addresses import redirected, shown
from dubbatch.errors import DownloadBroken, DownloadError, LinkExpired, OutputChanged

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: Object stores answer 400 when the session behind a signed link has ended, 403 when the link has.
_EXPIRED = frozenset({400, 401, 403, 404, 410})
_GONE = frozenset({404, 410})
_PACKED = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_CONTENT_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)", re.IGNORECASE)


class Kind(StrEnum):
    #: The file from its first byte, whatever was asked for.
    WHOLE = "whole"
    #: The file from the offset that was asked for.
    PART = "part"


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer promises before its content."""

    kind: Kind
    #: Size of the whole file in bytes, if the server says.
    total: int | None
    #: Bytes of content in this answer, if the server says.
    length: int | None
    #: What tells this version of the file from others; empty: a broken transfer must start anew.
    etag: str


@dataclass(frozen=True, slots=True)
class OutputStream:
    """A file on its way. Reading ``chunks`` raises DownloadBroken when the transfer breaks or ends short."""

    status_kind: Kind
    #: Size of the whole file in bytes, if the server says.
    total: int | None
    #: Pass it back as ``etag`` to go on later; empty: start anew.
    etag: str
    chunks: AsyncIterator[bytes]


class Reply(Protocol):
    """The open answer of a host that holds files."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def aiter_raw(self) -> AsyncGenerator[bytes]:
        """The content as it comes. Raises DownloadBroken."""
        ...

    async def aclose(self) -> None: ...


#: Asks one host, without following where it leads. Raises AddressRefused or DownloadBroken.
Ask = Callable[[str, Mapping[str, str]], Awaitable[Reply]]


@asynccontextmanager
async def opened(ask: Ask, url: str, offset: int, etag: str) -> AsyncIterator[OutputStream]:
    """The file at ``url``, from ``offset`` if ``etag`` vouches for what came before. Raises DownloadError."""
    reply = await _follow(ask, url, request_headers(offset, etag))
    try:
        head = read_head(reply.status_code, reply.headers, offset if is_resumable(offset, etag) else 0, shown(url))
        async with aclosing(_counted(reply, head.length, shown(url))) as chunks:
            yield OutputStream(head.kind, head.total, head.etag, chunks)
    finally:
        await reply.aclose()


async def _follow(ask: Ask, url: str, headers: Mapping[str, str]) -> Reply:
    there = url
    for _ in range(MAX_REDIRECTS + 1):
        reply = await ask(there, headers)
        location = redirected(there, reply.headers.get("location", ""))
        if reply.status_code not in REDIRECTS or not location:
            return reply
        await reply.aclose()
        there = location
    raise DownloadBroken(f"{shown(url)} redirects more than {MAX_REDIRECTS} times")


async def _counted(reply: Reply, length: int | None, where: str) -> AsyncGenerator[bytes]:
    came = 0
    async with aclosing(reply.aiter_raw()) as chunks:
        async for chunk in chunks:
            came += len(chunk)
            yield chunk
    if length is not None and came != length:
        raise DownloadBroken(f"{where} ended after {came} bytes, promised were {length}")


def request_headers(offset: int, etag: str) -> dict[str, str]:
    """The headers that ask for a file from ``offset``; from its start if nothing vouches for the rest."""
    # A packed answer would have another length, and ranges of it other bytes.
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if is_resumable(offset, etag):
        headers |= {"Range": f"bytes={offset}-", "If-Range": etag}
    return headers


def is_resumable(offset: int, etag: str) -> bool:
    return offset > 0 and bool(_validator(etag))


def read_head(status: int, headers: Mapping[str, str], offset: int, where: str) -> Head:
    """What the answer promises; ``offset`` is where the request's range began, 0 without one.

    ``headers`` have lower-case names; ``where`` is the address for people.
    Raises LinkExpired, OutputChanged or DownloadBroken.
    """
    if status == 200:
        return _whole(headers, where)
    if status == 206 and offset:
        return _part(headers, offset, where)
    raise _refusal(status, where)


def _whole(headers: Mapping[str, str], where: str) -> Head:
    packing = headers.get("content-encoding", "").strip().lower()
    if packing in _PACKED:
        raise DownloadBroken(f"{where} was sent packed ({packing}), which was not asked for")
    length = headers.get("content-length", "")
    total = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
    return Head(Kind.WHOLE, total, total, _version(headers))


def _part(headers: Mapping[str, str], offset: int, where: str) -> Head:
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        raise OutputChanged(f"{where} was sent in part, but not which part: it is fetched anew")
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if first != offset or last < first or (total is not None and last >= total):
        raise OutputChanged(f"{where} was sent from byte {first}, asked for was {offset}: it is fetched anew")
    return Head(Kind.PART, total, last - first + 1, _version(headers))


def _refusal(status: int, where: str) -> DownloadError:
    if status in _EXPIRED:
        return LinkExpired(
            f"{where} answers {status}: the link is no longer good",
            gone=status in _GONE,
            hint="the service is asked for a fresh link",
        )
    if status == 416:
        return OutputChanged(f"{where} is shorter than what was fetched of it: it is fetched anew")
    return DownloadBroken(f"{where} answers {status}", hint="it is tried again; the output stays at the service")


def _version(headers: Mapping[str, str]) -> str:
    return _validator(headers.get("etag", "")) or _validator(headers.get("last-modified", ""))


def _validator(text: str) -> str:
    """``text`` if it is a strong ETag or an HTTP date, else empty."""
    text = text.strip()
    if _STRONG_ETAG.fullmatch(text):
        return text
    try:
        parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    return text if text.isascii() and text.isprintable() else ""
