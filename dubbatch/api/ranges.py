"""The rules of looking at a part of a file: what is asked, and what came of it.

A look is one GET with a range (links are often signed for GET alone, so there is no HEAD). It ends after so
many bytes whatever the server sends, and after a while however slowly it sends. What the server refuses is
a reply like any other: what it means is for the caller to say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from dubbatch.api.addresses import redirected, shown
from dubbatch.api.downloads import MAX_REDIRECTS, REDIRECTS, Ask, Reply
from dubbatch.errors import DownloadBroken, HostUnreachable

#: Seconds without progress before a look is given up; a whole look may take so many times as long.
LOOK_S = 10.0
_IN_ALL = 3
#: Bytes that are read of a server that gives no parts.
_WITHOUT_PARTS = 2 << 20
#: Bytes of a refusal that are read: enough to tell a page from a document.
_REFUSAL = 4096

_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes\s+\*/(\d{1,18})", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,18}")
_TAG_MAX = 200

#: Hears of each address before it is asked; raises to stop there.
Led = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RangeReply:
    """What one look saw. Addresses and content are no text for people."""

    status: int
    #: Who answered, after redirects; its query may be what signs it.
    address: str = field(repr=False)
    #: The content type in lower case, without its parameters; empty: not told.
    media_type: str
    #: The part that was asked for; empty if the server gives no parts and another than the first was asked for.
    content: bytes = field(repr=False)
    #: Whether the server gives parts.
    ranged: bool
    #: Size of the whole file in bytes; None: not told.
    total: int | None
    #: What tells this version of the file from others (ETag, else the time of its last change); empty: nothing.
    etag: str
    #: The name of the packing that was not asked for; the content is then empty.
    packing: str = ""


async def looked(ask: Ask, url: str, start: int, size: int, *, led: Led, silence_s: float) -> RangeReply:
    """At most ``size`` bytes of the file at ``url`` from ``start``; of a server without parts, its beginning.

    Raises AddressRefused, DownloadBroken.
    """
    within_s = _IN_ALL * silence_s
    try:
        async with asyncio.timeout(within_s):
            reply, address = await _follow(ask, url, _headers(start, size), led)
            try:
                return await _read(reply, address, start, size)
            finally:
                await reply.aclose()
    except TimeoutError as exc:
        raise HostUnreachable(f"{shown(url)} is not through after {within_s:g} s", timed_out=True) from exc


def _headers(start: int, size: int) -> dict[str, str]:
    return {"Accept": "*/*", "Accept-Encoding": "identity", "Range": f"bytes={start}-{start + size - 1}"}


async def _follow(ask: Ask, url: str, headers: Mapping[str, str], led: Led) -> tuple[Reply, str]:
    """The last answer, also if it leads further still, and the address that it came from."""
    there = url
    for hop in range(MAX_REDIRECTS + 1):
        led(there)
        reply = await ask(there, headers)
        location = redirected(there, reply.headers.get("location", ""))
        if reply.status_code not in REDIRECTS or not location or hop == MAX_REDIRECTS:
            break
        await reply.aclose()
        there = location
    return reply, there


async def _read(reply: Reply, address: str, start: int, size: int) -> RangeReply:
    status, headers, where = reply.status_code, reply.headers, shown(address)
    packing = headers.get("content-encoding", "").strip().lower().replace("identity", "")
    promised = _number(headers.get("content-length", ""))
    total, content = (promised, b"") if 200 <= status < 300 else (None, b"")
    if status == 206:
        first_last, total = _part(headers, start, where)
        promised = first_last
    elif status == 416:
        found = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip())
        total = int(found[1]) if found else None
    if status >= 400:
        with suppress(DownloadBroken):
            content, _ = await _content(reply, _REFUSAL, promised)
    elif not packing and (status == 206 or start == 0) and status not in REDIRECTS:
        # A server without parts is not asked twice: what would be asked for later is in this answer, or too far away.
        size = size if status == 206 or size == 1 else max(size, _WITHOUT_PARTS)
        content, ended = await _content(reply, size, promised)
        if ended and promised is not None and len(content) < min(promised, size):
            raise DownloadBroken(f"{where} ended after {len(content)} bytes, promised were {promised}")
        total = len(content) if ended and total is None and status != 206 else total
    return RangeReply(
        status=status,
        address=address,
        media_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        content=content[:size],
        ranged=status == 206,
        total=total,
        etag=_tag(headers),
        packing=packing,
    )


def _part(headers: Mapping[str, str], start: int, where: str) -> tuple[int, int | None]:
    """Length of the part, and of the whole. Raises DownloadBroken if it is not what was asked for."""
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if match is None:
        raise DownloadBroken(f"{where} was sent in part, but not which part")
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if first != start or last < first or (total is not None and last >= total):
        raise DownloadBroken(f"{where} was sent from byte {first} to {last}, asked for was byte {start}")
    return last - first + 1, total


async def _content(reply: Reply, size: int, promised: int | None) -> tuple[bytes, bool]:
    """At most about ``size`` bytes, and whether the answer ended there."""
    content = bytearray()
    async with aclosing(reply.aiter_raw()) as chunks:
        async for chunk in chunks:
            content += chunk
            # What is read to its end leaves a connection that can be used again.
            if len(content) >= size and len(content) != promised:
                return bytes(content[:size]), False
    return bytes(content), True


def _number(text: str) -> int | None:
    return int(text) if _LENGTH.fullmatch(text.strip()) else None


def _tag(headers: Mapping[str, str]) -> str:
    tag = (headers.get("etag", "") or headers.get("last-modified", "")).strip()
    return tag if tag.isascii() and tag.isprintable() and len(tag) <= _TAG_MAX else ""
