"""From queued to completed: what happens to a request after it was accepted.

Each request has one task. It waits for its pick-up and for one of the plan's slots (first come, first
served), is ``processing`` while its media is fetched and muxed in a thread, stays so until its time is
over, and ends. Every step is in the journal before it can be seen. After a restart, requests that were
processing go on first and end when they would have ended.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from dubbatch.errors import MediaError
from dubbatch.media.mux import replace_audio
from dubbatch.sandbox.books import Request
from dubbatch.sandbox.clock import Clock
from dubbatch.sandbox.fetch import Fetcher
from dubbatch.sandbox.journal import Journal
from dubbatch.sandbox.settings import SandboxSettings

_MEDIA_THREADS = 8
_Result = TypeVar("_Result")


def processing_seconds(settings: SandboxSettings, number: int, duration_s: float) -> float:
    """How long the ``number``-th request of the books takes: the same in every run with this seed."""
    swing = random.Random(f"{settings.seed}:{number}").uniform(-settings.jitter, settings.jitter)
    usual = settings.seconds + settings.per_media_second * duration_s
    return max(0.0, usual * (1 + swing) * settings.time_scale)


class Slots:
    """The plan's slots, first come, first served; ``size`` may change at any time."""

    def __init__(self, size: Callable[[], int]) -> None:
        self._size = size
        self._used = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.fill()
        await turn
        try:
            yield
        finally:
            self._used -= 1
            self.fill()

    def fill(self) -> None:
        """Give free slots to those who wait; to be called when the size has changed."""
        while self._waiting and self._used < self._size():
            turn = self._waiting.popleft()
            if not turn.done():
                self._used += 1
                turn.set_result(None)


class Generation:
    """Runs the requests of one journal. ``settings`` is asked anew each time: the plan may change."""

    def __init__(self, journal: Journal, clock: Clock, settings: Callable[[], SandboxSettings]) -> None:
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._slots = Slots(lambda: settings().concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        # Apart from the loop's own threads: a URL that is slow must not keep a POST waiting for its fsync.
        self._pool = ThreadPoolExecutor(_MEDIA_THREADS, thread_name_prefix="sandbox-media")
        self._fetcher = Fetcher()
        #: Requests that are not done: what the plan's limit counts where it refuses.
        self.unfinished = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what the books have left; on leaving, stop at once: the books know where to go on."""
        left = [request for request in self._journal.books.requests.values() if not request.is_done]
        await self._in_thread(lambda: self._sweep({request.id for request in left}))
        for request in sorted(left, key=lambda request: request.started_at is None):
            self.submit(request)
        try:
            yield
        finally:
            self._fetcher.stop()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._pool.shutdown(cancel_futures=True)

    def submit(self, request: Request) -> None:
        """Take over a request that is in the journal."""
        self.unfinished += 1
        task = asyncio.create_task(self._generate(request), name=request.id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def plan_changed(self) -> None:
        """The plan has more or fewer slots than before."""
        self._slots.fill()

    def output(self, request_id: str) -> Path:
        return self._journal.folder / "outputs" / f"{request_id}.mp4"

    def media(self, request_id: str) -> Path:
        """Folder of a request's inputs, until it is done."""
        return self._journal.folder / "media" / request_id

    def _sweep(self, needed: set[str]) -> None:
        """Remove the inputs that a kill left of requests that are done, or were never accepted."""
        for folder in (self._journal.folder / "media").iterdir():
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)

    async def _generate(self, request: Request) -> None:
        if request.started_at is None:
            settings = self._settings()
            await self._clock.sleep_until(request.created_at + settings.pickup_s * settings.time_scale)
        async with self._slots.slot():
            started_at = request.started_at or self._clock.now()
            if request.started_at is None:
                self._journal.started(request.id, started_at)
            error, duration_s = await self._make_output(request)
            if not error:
                takes_s = processing_seconds(self._settings(), request.number, duration_s)
                await self._clock.sleep_until(started_at + takes_s)
            error = request.fate.fail or error
            minutes = 0.0 if error else duration_s / 60
            self._journal.finished(request.id, self._clock.now(), minutes=minutes, error=error)
            self.unfinished -= 1
        await self._in_thread(lambda: shutil.rmtree(self.media(request.id), ignore_errors=True))

    async def _make_output(self, request: Request) -> tuple[str, float]:
        """Why it can't be made, or empty; and the output's duration in seconds."""
        try:
            return "", await self._in_thread(lambda: self._fetch_and_mux(request))
        except MediaError as error:
            return error.message, 0.0

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _fetch_and_mux(self, request: Request) -> float:
        """The output's duration in seconds. Blocks."""
        folder = self.media(request.id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, url in (("video", request.video_url), ("audio", request.audio_url)):
            if url:
                self._fetch(name, url, folder / name)
        part = folder / "output.mp4"
        duration_s = replace_audio(folder / "video", folder / "audio", part)
        part.replace(self.output(request.id))
        return duration_s

    def _fetch(self, name: str, url: str, target: Path) -> None:
        settings = self._settings()
        timeout_s, max_bytes = settings.fetch_timeout_s, settings.max_file_bytes
        try:
            self._fetcher.fetch(url, target, timeout_s=timeout_s, max_bytes=max_bytes)
        except MediaError as error:
            raise MediaError(f"{name} URL is not accessible") from error
