"""Finds out what the media of jobs are, each once: files in worker processes, addresses by a few ranged reads.

What was found of a file is kept in the ledger for as long as the file stays the same; what was found behind an
address for half a day. What could not be seen is never kept: it may be mended the next minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from dubbatch import identity
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.errors import MediaError
from dubbatch.forms import Tolerance
from dubbatch.jobs import Job, Media
from dubbatch.ledger.ledger import LedgerThread
from dubbatch.ledger.media import KnownAddress
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.roles import Role
from dubbatch.media.facts import Facts
from dubbatch.media.hashing import FileStamp, stamp_of
from dubbatch.media.surveyors import Surveyors
from dubbatch.preflight import rules
from dubbatch.preflight.web import Version, WebLook, WebProbe

#: Behind an address, other bytes may lie tomorrow.
_KEPT_S = 12 * 3600.0

Survey = Callable[[Path], Awaitable[Facts]]


class Web(Protocol):
    """Looks at addresses; WebProbe does."""

    async def look(self, role: Role, url: str) -> WebLook: ...

    async def version(self, url: str) -> Version: ...


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a job's media are (None: not known), and what is wrong or odd about them."""

    video: Facts | None
    audio: Facts | None
    findings: tuple[Finding, ...]


class Inspector:
    """Looks at each file and each address once, however many rows name it."""

    def __init__(
        self,
        ledger: LedgerThread,
        survey: Survey,
        web: Web | None,
        tolerance: Tolerance,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``survey`` looks at a file, ``web`` at addresses (None: none is asked); ``wall`` tells epoch seconds."""
        self._ledger = ledger
        self._survey = survey
        self._web = web
        self._tolerance = tolerance
        self._wall = wall
        self._looking: dict[tuple[Role, Media], asyncio.Future[WebLook]] = {}

    async def inspect(self, job: Job) -> Inspected:
        """What the job's media are now, as far as it can be seen; raises LedgerError alone."""
        video, audio = await asyncio.gather(self._seen("video", job.video), self._seen("audio", job.audio))
        seen = (look.finding for look in (video, audio) if look.finding)
        judged = rules.findings(job, video.facts, audio.facts, self._tolerance)
        return Inspected(video.facts, audio.facts, (*seen, *judged))

    async def has_changed(self, media: Media) -> bool:
        """Whether another file is behind an address than when it was looked at; one byte of it is asked for."""
        if media.url is None or self._web is None:
            return False
        known = await self._ledger(self._ledger.ledger.media.at, identity.canonical_url(media.url))
        if known is None:
            return False
        return Version(known.etag, known.size).differs(await self._web.version(media.url))

    async def _seen(self, role: Role, media: Media) -> WebLook:
        """One look serves all the rows that name the medium, also while it is under way."""
        key = (role, media)
        if key not in self._looking:
            look = self._file(role, media.path) if media.path is not None else self._address(role, media)
            self._looking[key] = asyncio.ensure_future(look)
        try:
            return await asyncio.shield(self._looking[key])
        finally:
            self._looking.pop(key, None)

    async def _file(self, role: Role, path: Path) -> WebLook:
        table = self._ledger.ledger.media
        known = await self._ledger(table.get, path)
        if known is not None and known.facts:
            return WebLook(Facts.from_json(known.facts))
        try:
            facts = await self._survey(path)
            after = await asyncio.to_thread(stamp_of, path)
        except MediaError as error:
            return WebLook(None, Finding(error.message, error.hint or "mend the file and run again", field=role))
        # Of a file that has changed since it was hashed, this may be about either of two.
        if known is not None and FileStamp(known.size, known.mtime_ns, known.inode) == after:
            await self._ledger(table.put, replace(known, facts=facts.to_json()))
        return WebLook(facts)

    async def _address(self, role: Role, media: Media) -> WebLook:
        table, url = self._ledger.ledger.media, media.url or media.text
        address = identity.canonical_url(url)
        known = await self._ledger(table.at, address)
        if known is not None and 0 <= self._wall() - known.looked_at < _KEPT_S:
            return WebLook(Facts.from_json(known.facts), None, known.etag, known.size)
        if self._web is None:
            return WebLook(None)
        look = await self._web.look(role, url)
        if look.facts is not None and look.finding is None:
            seen = KnownAddress(address, self._wall(), look.etag, look.size, look.facts.to_json())
            await self._ledger(table.put_address, seen)
        return look


@asynccontextmanager
async def open_inspector(
    ledger: LedgerThread, base_url: str, *, probe_urls: bool, tolerance: Tolerance
) -> AsyncIterator[Inspector]:
    """An inspector whose workers and connections are made when they are needed first, and end with it.

    ``base_url`` is the service's: only where that is on loopback are addresses on loopback asked.
    """
    async with AsyncExitStack() as opened:
        surveyors = await opened.enter_async_context(Surveyors())
        web = _Web(opened, base_url) if probe_urls else None
        yield Inspector(ledger, surveyors.survey, web, tolerance)


class _Web:
    """A probe that is made when it is needed first: reading the certificates of the world takes a while."""

    def __init__(self, opened: AsyncExitStack, base_url: str) -> None:
        self._opened = opened
        self._base_url = base_url
        self._probe: WebProbe | None = None

    async def look(self, role: Role, url: str) -> WebLook:
        return await (await self._made()).look(role, url)

    async def version(self, url: str) -> Version:
        return await (await self._made()).version(url)

    async def _made(self) -> WebProbe:
        if self._probe is None:
            # Without the key: these are other people's hosts.
            client = ChamelaionClient(self._base_url, Credentials())
            self._probe = WebProbe(client)
            await self._opened.enter_async_context(client)
        return self._probe
