"""What goes into a job: its media, hashed (with a memory), and the fingerprint of the work.

A local file counts by its content. Its hash is remembered by path, size, time and inode, so
that a nightly run over a thousand files reads none of them again.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from dubbatch import identity
from dubbatch.errors import MediaError
from dubbatch.jobs import Job, Media
from dubbatch.ledger.ledger import LedgerThread
from dubbatch.ledger.media import KnownMedia
from dubbatch.media.hashing import FileStamp, digests_of, stamp_of

#: Files read at once: more than the cores, because some wait for the disk.
_AT_ONCE = min(8, (os.cpu_count() or 1) + 1)


@dataclass(frozen=True, slots=True)
class Work:
    """A job's fingerprint, and what it is made of besides the options: how video and audio count in it."""

    fingerprint: str
    video_key: str
    audio_key: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One job with its work, or with the reason why its media can't be read."""

    job: Job
    work: Work | None
    error: MediaError | None = None


class Inputs:
    """Reads local media. URLs count by their address."""

    def __init__(self, ledger: LedgerThread) -> None:
        self._ledger = ledger
        self._reading: dict[Path, asyncio.Task[KnownMedia]] = {}

    async def measure_all(self, jobs: Iterable[Job]) -> AsyncIterator[Measured]:
        """Every job in its order, several files being read at a time."""
        waiting: deque[asyncio.Task[Measured]] = deque()
        for job in jobs:
            if not job.is_upload and not waiting:
                # Nothing is read for addresses: a task for each of 100,000 would cost more than its plan.
                yield Measured(job, _work(job, None, None))
                continue
            waiting.append(asyncio.ensure_future(self._measured(job)))
            if len(waiting) >= _AT_ONCE:
                yield await waiting.popleft()
        for task in waiting:
            yield await task

    async def _measured(self, job: Job) -> Measured:
        try:
            return Measured(job, await self.measure(job))
        except MediaError as error:
            return Measured(job, None, error)

    async def measure(self, job: Job) -> Work:
        """The job's work as its files are now. Raises MediaError where one can't be read."""
        video = await self.look_at(job.video)
        audio = await self.look_at(job.audio)
        return _work(job, video, audio)

    async def look_at(self, media: Media) -> KnownMedia | None:
        """What is known of a local file, read again only if it has changed; None for a URL."""
        if media.path is None:
            return None
        # One reading serves all the rows that name the file, also while it is under way.
        reading = self._reading.get(media.path)
        if reading is None:
            reading = asyncio.ensure_future(self._look(media.path))
            self._reading[media.path] = reading
        try:
            return await asyncio.shield(reading)
        finally:
            self._reading.pop(media.path, None)

    async def _look(self, path: Path) -> KnownMedia:
        known = await self._ledger(self._ledger.ledger.media.get, path)
        stamp = await asyncio.to_thread(stamp_of, path)
        if known is not None and known.checksum and FileStamp(known.size, known.mtime_ns, known.inode) == stamp:
            return known
        digests = await asyncio.to_thread(digests_of, path)
        # What was found of the same bytes still holds: a copied or touched file is not looked at again.
        facts = known.facts if known is not None and known.sha256 == digests.sha256 else ""
        media = KnownMedia(path, stamp.size, stamp.mtime_ns, stamp.inode, digests.sha256, digests.checksum, facts)
        await self._ledger(self._ledger.ledger.media.put, media)
        return media


def _work(job: Job, video: KnownMedia | None, audio: KnownMedia | None) -> Work:
    """``video`` and ``audio``: what is known of a local file; None for a URL."""
    video_key, audio_key = _key(job.video, video), _key(job.audio, audio)
    fingerprint = identity.fingerprint(
        video_key,
        audio_key,
        disable_active_speaker_detection=job.disable_active_speaker_detection,
        # The service sees a model in uploads only, so elsewhere it is no part of the work.
        model=job.model if job.is_upload else "",
    )
    return Work(fingerprint, video_key, audio_key)


def _key(media: Media, known: KnownMedia | None) -> str:
    return identity.file_key(known.sha256) if known else identity.url_key(media.url or media.text)
