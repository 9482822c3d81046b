"""The storage that outputs are fetched from: another origin than the API, signed links, ranges.

A key that arrives here is a leak: it is written into the books and the call is refused, so that a test can
prove that none happens.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from dubbatch.sandbox.account import Account
from dubbatch.sandbox.books import Kind
from dubbatch.sandbox.disturbances import CutShort, Dribbled, disturb, error_response
from dubbatch.sandbox.faults import Rule
from dubbatch.sandbox.journal import Journal

NO_KEYS = error_response(400, "an API key does not belong here")


class Outputs:
    """Serves the outputs of one account: ranges, If-Range, ETag, HEAD."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        return [Route("/outputs/{id}.mp4", self._serve)]

    async def _serve(self, request: HttpRequest) -> Response:
        journal, now = self._account.journal, self._account.clock.now()
        if is_leak(request, journal, now):
            return NO_KEYS
        request_id = request.path_params["id"]
        known = journal.books.requests.get(request_id)
        rule = self._account.faults.choose(Kind.OUTPUT, known.reference if known else "")
        asked_range, action = request.headers.get("range", ""), rule.action if rule else ""
        journal.call(Kind.OUTPUT, now, asked=request_id, range_=asked_range, fault=action)
        if not self._account.links.is_good(request_id, request.query_params, now) or action == "expired":
            return error_response(403, "link expired")
        path = self._account.generation.output(request_id)
        if known is None or not path.exists():
            return error_response(404, "not found")
        return await self._spoil(request, path, rule) if rule else await _whole(path)

    async def _spoil(self, request: HttpRequest, path: Path, rule: Rule) -> Response:
        match rule.action:
            case "cut" | "short":
                return CutShort(await _whole(path), rule.at, declared=rule.action == "cut")
            case "slow":
                return Dribbled(await _whole(path), self._account.clock, rule.seconds or 0.0)
            case "empty":
                return Response(b"", media_type="video/mp4")
            case "no_ranges":
                return without_ranges(request, await _whole(path))
            case "changed":
                return await _whole(await asyncio.to_thread(_changed, path))
            case "cut_index":
                return await _whole(await asyncio.to_thread(_cut, path, rule.at))
        return disturb(rule, self._account.clock)


async def _whole(path: Path) -> FileResponse:
    etag = await asyncio.to_thread(lambda: _etag(path, path.stat().st_mtime_ns))
    return FileResponse(path, media_type="video/mp4", headers={"etag": etag})


@lru_cache(maxsize=10_000)
def _etag(path: Path, _mtime_ns: int) -> str:
    """Of the content, so that the same bytes have the same tag after a restart."""
    with path.open("rb") as file:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'


def is_leak(request: HttpRequest, journal: Journal, now: float) -> bool:
    """Whether the call carries a key, which is then in the books."""
    leaks = "authorization" in request.headers or "x-api-key" in request.headers
    if leaks:
        journal.leak(now, request.url.path)
    return leaks


def without_ranges(request: HttpRequest, whole: FileResponse) -> FileResponse:
    """The whole file, whatever part of it was asked for."""
    request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    whole.headers["accept-ranges"] = "none"
    return whole


def _changed(path: Path) -> Path:
    """Other bytes at both ends that play the same: parts of two files, glued together, equal neither."""
    with _variant(path, "changed") as (source, copy):
        head = bytearray(source.read(16))
        # The minor version of the ftyp box, which no player looks at (ISO 14496-12, 4.3).
        head[12:16] = b"\0\0\0\1"
        copy.write(head)
        shutil.copyfileobj(source, copy)
        copy.write((64).to_bytes(4) + b"free" + bytes(56))
    return Path(copy.name)


def _cut(path: Path, at: float) -> Path:
    """The file up to the share ``at`` of its media: the index in front of it is whole, and plays."""
    with _variant(path, "cut") as (source, copy):
        media = _media_start(source)
        size = source.seek(0, 2)
        left = media + int((size - media) * at)
        source.seek(0)
        while chunk := source.read(min(left, 1 << 20)):
            copy.write(chunk)
            left -= len(chunk)
    return Path(copy.name)


@contextmanager
def _variant(path: Path, name: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    # A file of its own for each call: another client may be reading the one before.
    variant = path.with_name(f"{path.stem}.{name}-{secrets.token_hex(4)}.mp4")
    with path.open("rb") as source, variant.open("wb") as copy:
        yield source, copy


def _media_start(file: BinaryIO) -> int:
    """Where the payload of the box ``mdat`` begins; ours come after the index, with 32-bit lengths."""
    place = 0
    while head := file.read(8):
        if head[4:] == b"mdat":
            return place + 8
        place += int.from_bytes(head[:4])
        file.seek(place)
    return place
