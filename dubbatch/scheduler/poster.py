"""Makes the POST of an attempt: two addresses, or two files (one of them fetched first, if it must be)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from dubbatch.api.addresses import shown
from dubbatch.api.answers import Answer, Failure, Verdict, judge
from dubbatch.api.multipart import FilePart, content_type
from dubbatch.errors import DiskError, DownloadError, MediaError
from dubbatch.events import Transferred
from dubbatch.inputs import Inputs
from dubbatch.jobs import Job, JobState, Media
from dubbatch.pacing.retry import retrying
from dubbatch.run import Run
from dubbatch.scheduler.lookup import Wanted

#: What the service takes: the suffix of a fetched file says which of them it is.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {"video": (".mp4",), "audio": (".wav", ".mp3")}

#: Bytes that are written at once.
_PIECE = 1 << 20


class Poster:
    """Knows how each kind of job goes to the service. Files that were fetched lie in ``fetched``."""

    def __init__(self, run: Run, inputs: Inputs, fetched: Path) -> None:
        self._run = run
        self._inputs = inputs
        self._fetched = fetched

    async def gather(self, job: Job) -> bool:
        """Fetch what stands beside a local file as a URL. False: it can't be fetched, and the job is blocked."""
        run = self._run
        if not job.is_upload:
            return True
        for role, media in (("video", job.video), ("audio", job.audio)):
            if media.url is None:
                continue
            try:
                fetch = partial(self._fetch, media.url, self._place(job, media, role))
                await retrying(fetch, clock=run.clock, sleep=run.sleep)
            except DownloadError as error:
                record = await run.ledger(run.books.jobs.get, run.batch, job.id)
                if record is not None:
                    message = f"{role}: {shown(media.url)} can't be fetched: {error.message}"
                    hint = error.hint or "check the link; nothing was sent for this job"
                    await run.ledger(run.books.jobs.change, record, JobState.BLOCKED, error=message, hint=hint)
                return False
        return True

    async def post(self, want: Wanted) -> Verdict:
        """The one POST of one send."""
        job = want.record.job
        if not job.is_upload:
            return await self._run.client.generate(
                job.video.url or "",
                job.audio.url or "",
                reference_id=want.reference,
                disable_active_speaker_detection=job.disable_active_speaker_detection,
            )
        try:
            video = await self._part(job, "video", job.video)
            audio = await self._part(job, "audio", job.audio)
        except MediaError as error:
            return judge(Answer(failure=Failure.NOT_SENT, changed=True, detail=error.message))
        try:
            return await self._run.client.generate_with_media(
                video,
                audio,
                reference_id=want.reference,
                disable_active_speaker_detection=job.disable_active_speaker_detection,
                model=job.model,
                progress=lambda size: self._run.hook(Transferred(self._run.batch, job.id, True, size)),
            )
        finally:
            self._drop_fetched(job)

    async def _part(self, job: Job, name: str, media: Media) -> FilePart:
        path = media.path or self._place(job, media, name)
        known = await self._inputs.look_at(Media(media.text, path=path))
        if known is None:
            raise MediaError(f"{name}: {path} is gone", hint="run again")
        filename = path.name if media.path else f"{name}{path.suffix}"
        return FilePart(
            name=name,
            filename=filename,
            path=path,
            size=known.size,
            content_type=content_type(path),
            checksum=known.checksum,
        )

    def _place(self, job: Job, media: Media, role: str) -> Path:
        """Where a URL's file is kept for this job, until it is sent."""
        url, suffixes = media.url or "", _SUFFIXES[role]
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
        name = hashlib.sha256(f"{job.id}\n{url}".encode()).hexdigest()[:32]
        return self._fetched / f"{name}{suffix if suffix in suffixes else suffixes[0]}"

    async def _fetch(self, url: str, target: Path) -> None:
        """Fetch a URL into ``target``, whole or not at all. Raises DownloadError, DiskError."""
        part = target.with_suffix(f"{target.suffix}.part")
        try:
            if await asyncio.to_thread(_is_there, target):
                return
            async with self._run.client.fetch(url) as stream:
                with part.open("wb") as file:
                    async for pieces in _gathered(stream.chunks):
                        await asyncio.to_thread(file.writelines, pieces)
            part.replace(target)
        except OSError as error:
            raise DiskError(
                f"{target.parent} can't be written: {error.strerror}", hint="make room and run again"
            ) from error
        finally:
            _drop(part)

    def _drop_fetched(self, job: Job) -> None:
        for role, media in (("video", job.video), ("audio", job.audio)):
            if media.url is not None:
                _drop(self._place(job, media, role))


def _is_there(target: Path) -> bool:
    """Whether a file was fetched already; if not, its folder is there now. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.exists()


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[bytes]]:
    """The chunks, as many at a time as make writing them in a thread worth its while."""
    pieces, size = list[bytes](), 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield pieces
            pieces, size = [], 0
    yield pieces


def _drop(path: Path) -> None:
    # Left behind, it costs room; raised here, it would hide what came of a POST.
    with suppress(OSError):
        path.unlink()
