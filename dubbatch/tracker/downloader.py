"""Brings finished outputs home: fetched or copied to a ``.part``, checked, and only then given their name.

What to fetch is read from the ledger, so a run that died half-way goes on where it stopped.
A job whose output could not be fetched now stays completed; a later run fetches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dubbatch.errors import DiskError, DownloadBroken, DownloadError, ServiceError
from dubbatch.events import Level, Transferred
from dubbatch.jobs import Attempt, JobRecord, JobState, Output
from dubbatch.ledger.outputs import PartRow
from dubbatch.run import Run
from dubbatch.settlement import progressed
from dubbatch.stop import StopReason
from dubbatch.tracker.fetching import Fetching, Next, after_bad_bytes, after_failure
from dubbatch.tracker.part import Part, stream_into
from dubbatch.tracker.shelf import (
    digest_if_there,
    free_version,
    is_full,
    part_path,
    size_if_there,
    target_path,
    version_path,
)
from dubbatch.tracker.shelving import Content, Goal, Shelving

#: Downloads under way when the run leaves get so long to end; their parts are kept.
_GRACE_S = 10.0
#: Between two looks whether a full disk has room again, and how long that is waited for.
_FULL_PAUSE_S = 15.0
_FULL_PATIENCE_S = 30 * 60.0
#: Errands that are looked at beyond those that can be started: some wait for another of the same name.
_SPARE = 8

OUTPUT_LOST = "output lost: the service has finished this job, but its output can't be had any more"


@dataclass(frozen=True, slots=True)
class _Errand:
    """One output to be brought home. ``work`` tells whether it is settled in this run."""

    #: The job and its attempt.
    key: str
    #: The output's name, folded: two errands for one name would share a ``.part``.
    name: str
    work: Callable[[], Coroutine[Any, Any, bool]]


class Downloader:
    """Up to ``transfers`` downloads at once. ``links`` has fresh links that the poller heard."""

    def __init__(self, run: Run, links: dict[str, str]) -> None:
        self._run = run
        self._links = links
        self._shelving = Shelving(run)
        self._under_way: dict[_Errand, asyncio.Task[None]] = {}
        self._put_off: set[str] = set()
        self._draining = False
        self._older_may_wait = True
        self._full_since: float | None = None

    def drain(self) -> None:
        """Nothing more will finish: end when everything is home."""
        self._draining = True
        self._run.news.tell()

    async def run(self) -> None:
        """Fetch until drained, or until the run leaves. Raises LedgerError."""
        stop = self._run.stop
        try:
            while not stop.leaves:
                ticket = self._run.news.ticket()
                for errand in await self._next_errands():
                    self._start(errand)
                if self._draining and not self._under_way:
                    break
                await stop.unless_leaving(ticket.wait())
                self._reap()
            await self._give_grace()
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._shelving.clear_away()

    async def _next_errands(self) -> list[_Errand]:
        """What can be started now: finished jobs first, then what rows were before they were edited."""
        run, room = self._run, self._run.settings.transfers - len(self._under_way)
        if room <= 0:
            return []
        busy = self._put_off | {errand.key for errand in self._under_way}
        page = room + len(busy) + _SPARE
        waiting = await run.ledger(self._jobs_waiting, busy, page)
        # To look for older ones takes as long as the batch is large; those that finish meanwhile can wait for its end.
        if len(waiting) < room and (self._older_may_wait or self._draining):
            older = await run.ledger(self._older_waiting, busy, page)
            self._older_may_wait = bool(older)
            waiting += older
        taken = {errand.name for errand in self._under_way}
        errands: list[_Errand] = []
        for errand in waiting:
            if errand.name not in taken and len(errands) < room:
                taken.add(errand.name)
                errands.append(errand)
        return errands

    def _jobs_waiting(self, busy: Set[str], page: int) -> list[_Errand]:
        """In the ledger's thread: outputs of finished jobs."""
        books, errands = self._run.books, list[_Errand]()
        for record in books.jobs.to_fetch(self._run.batch, page):
            key = f"{record.job.id} {record.reference}"
            if key not in busy and (attempt := books.attempts.get(record.reference)) is not None:
                errands.append(_Errand(key, record.job.output.casefold(), partial(self._bring_job, record, attempt)))
        return errands

    def _older_waiting(self, busy: Set[str], page: int) -> list[_Errand]:
        """In the ledger's thread: outputs of rows as they were before an edit."""
        older = self._run.books.attempts.to_save(self._run.batch, page)
        return [
            _Errand(attempt.reference, attempt.output.casefold(), partial(self._bring_older, attempt))
            for attempt in older
            if attempt.reference not in busy
        ]

    def _start(self, errand: _Errand) -> None:
        async def watched() -> None:
            try:
                if not await errand.work():
                    self._put_off.add(errand.key)
            except DiskError as error:
                self._run.stop.everything(StopReason.DISK, error.message, error.hint)
            finally:
                self._run.news.tell()

        self._under_way[errand] = asyncio.ensure_future(watched())

    def _reap(self) -> None:
        """Forget what has ended; a failure of the ledger ends the run."""
        for errand, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[errand]
                task.result()

    async def _give_grace(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=_GRACE_S)
            self._reap()

    async def _bring_job(self, record: JobRecord, attempt: Attempt) -> bool:
        run = self._run
        try:
            target = target_path(run.output_dir, record.job.output)
        except DiskError as error:
            await run.ledger(run.books.jobs.change, record, JobState.BLOCKED, error=error.message, hint=error.hint)
            return True
        return await self._bring(Goal(attempt, target, record))

    async def _bring_older(self, attempt: Attempt) -> bool:
        """The output of a row as it was before an edit: kept beside the current one."""
        run = self._run
        try:
            target = target_path(run.output_dir, attempt.output)
        except DiskError as error:
            run.notice(Level.WARNING, f"an older output is not fetched: {error.message}", error.hint, attempt.job)
            return False
        version = await self._version(attempt, target)
        return await self._bring(Goal(attempt, version_path(target, version), None, version))

    async def _version(self, attempt: Attempt, target: Path) -> int:
        """The number of an older output: the one that an earlier run was killed over, else the next free one."""
        run, table = self._run, self._run.books.outputs
        known = await run.ledger(table.of_job, attempt.batch, attempt.job)
        free = await asyncio.to_thread(free_version, target, known)
        for version in range(1, free):
            place = version_path(target, version)
            begun = await run.ledger(table.part, part_path(place), attempt.reference)
            if begun is not None and await run.ledger(table.at, place) is None:
                return version
        return free

    async def _bring(self, goal: Goal) -> bool:
        """Get one output into its place; False: not in this run."""
        fetching = Fetching(started=self._run.clock())
        while not self._run.stop.leaves:
            try:
                part, outputs = await self._run.ledger(self._what_is_here, goal)
                if await self._shelving.put_whole(goal, part) or await self._copy(goal, outputs):
                    return True
                fetching = await self._try(goal, part, fetching)
            except DiskError as error:
                await self._wait_for_room(error)
                continue
            if fetching.next is not Next.AGAIN:
                return await self._conclude(goal, fetching)
            await self._run.stop.unless_leaving(self._run.sleep_for(fetching.pause_s))
        return False

    async def _conclude(self, goal: Goal, fetching: Fetching) -> bool:
        if fetching.next is Next.LOST:
            await self._shelving.lose(goal, OUTPUT_LOST, fetching.reason)
        elif fetching.next is Next.SUSPECT:
            await self._shelving.suspect(goal, fetching.reason)
        elif fetching.next is Next.LATER:
            hint = "a later run fetches it: it is paid for and stays at the service"
            self._run.notice(Level.WARNING, f"not fetched now: {fetching.reason}", hint, goal.attempt.job)
        return fetching.next is not Next.LATER

    def _what_is_here(self, goal: Goal) -> tuple[PartRow | None, list[Output]]:
        """In the ledger's thread: what is known of the goal's part, and of outputs of its attempt."""
        table, reference = self._run.books.outputs, goal.attempt.reference
        return table.part(goal.part, reference), table.of_reference(reference)

    async def _copy(self, goal: Goal, outputs: Sequence[Output]) -> bool:
        """Take the attempt's output from where it lies already: identical work, or the same job's older file."""
        for output in outputs:
            if await asyncio.to_thread(digest_if_there, output.path) == output.sha256:
                if output.path != goal.place:
                    await self._shelving.copy(goal, output)
                else:
                    content = Content(output.sha256, output.duration_s, output.warning)
                    await self._shelving.record(goal, content, output.size)
                return True
        return False

    async def _try(self, goal: Goal, known: PartRow | None, fetching: Fetching) -> Fetching:
        """One transfer and one check. Raises DiskError, LedgerError."""
        run = self._run
        try:
            url = await self._link(goal.attempt)
            digest = await stream_into(run, Part(goal.part, goal.attempt.reference), known, url, self._told(goal))
        except (ServiceError, DownloadError) as error:
            size = await asyncio.to_thread(size_if_there, goal.part)
            return after_failure(fetching, error, run.clock(), size, run.settings.settle_s)
        checked = await self._shelving.check(goal)
        verdict = checked.verdict
        if not verdict.ok:
            now, settle_s = run.clock(), run.settings.settle_s
            return after_bad_bytes(fetching, digest, verdict.reason, now, settle_s, whole=verdict.whole)
        content = Content(digest, verdict.duration_s, checked.warning)
        await self._shelving.passed(goal, content)
        await self._shelving.put(goal, content)
        # There is room again, so the next full disk is waited for as long as the first.
        self._full_since = None
        return fetching.done()

    async def _link(self, attempt: Attempt) -> str:
        """A link that is as fresh as can be. Raises ServiceError, DownloadBroken where the service has none yet."""
        if url := self._links.pop(attempt.reference, ""):
            return url
        request = await self._run.asking.once(lambda: self._run.client.get_request(attempt.request_id))
        if not request.output_url:
            raise DownloadBroken("the service has finished this job and gives no link to its output yet")
        if not attempt.finished_at:
            # Adopted by what a list showed: this answer has the times too.
            await self._run.ledger(self._run.books.attempts.update, progressed(attempt, request))
        return request.output_url

    def _told(self, goal: Goal) -> Callable[[int], None]:
        return lambda size: self._run.hook(Transferred(self._run.batch, goal.attempt.job, False, size))

    async def _wait_for_room(self, error: DiskError) -> None:
        """A full disk pauses the downloads; any other trouble of the disk is for a person."""
        now = self._run.clock()
        if not is_full(error) or (self._full_since is not None and now - self._full_since > _FULL_PATIENCE_S):
            raise error
        if self._full_since is None:
            self._full_since = now
            self._run.notice(Level.ERROR, f"downloads wait: {error.message}", error.hint)
        await self._run.stop.unless_leaving(self._run.sleep_for(_FULL_PAUSE_S))
