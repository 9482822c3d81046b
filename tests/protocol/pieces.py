"""A run of one batch, put together from the product's own pieces as its pipeline does, up to the downloads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from dubbatch.api.client import ChamelaionClient
from dubbatch.asking import Asking
from dubbatch.budget import Budget
from dubbatch.events import EventHook
from dubbatch.inputs import Inputs
from dubbatch.jobs import Job
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.ledger.lock import batch_lock
from dubbatch.ledger.permit_log import SqlitePermitLog
from dubbatch.listing import Listing
from dubbatch.pacing.holders import Holders
from dubbatch.pacing.permits import Granted, Permits
from dubbatch.pacing.rate import Rate
from dubbatch.pacing.slots import Slots
from dubbatch.planner import draw_up
from dubbatch.preflight.examination import Checks
from dubbatch.run import Run
from dubbatch.scheduler.lookup import LookUp
from dubbatch.scheduler.poster import Poster
from dubbatch.scheduler.scheduler import Scheduler
from dubbatch.settings import Settings
from dubbatch.stop import Stop
from dubbatch.tracker.poller import Poller
from tests.protocol.service import Service


@dataclass(frozen=True)
class Pieces:
    """What the pieces of a run are given: files, the service, the clock on the wall, and who hears of events."""

    folder: Path
    ledger: Path
    service: Service
    wall: Callable[[], float]
    hook: EventHook

    async def run(self, batch: str, jobs: list[Job], settings: Settings) -> Stop:
        """The whole run; its ``Stop`` says why it ended early, if it did."""
        with Ledger(self.ledger) as ledger, batch_lock(self.ledger, batch):
            ledger.account.belong_to("https://api.example.com")
            thread = LedgerThread(ledger, self.hook)
            log = NotedLog(SqlitePermitLog(self.folder / "permits.db", clock=self.wall), self.service, batch)
            try:
                plan = await draw_up(
                    jobs,
                    batch=batch,
                    output_dir=self.folder / batch,
                    ledger=thread,
                    inputs=Inputs(thread),
                    attempts=settings.attempts,
                )
                row = BatchRow(
                    batch,
                    f"{batch}.csv",
                    str(self.folder / batch),
                    "[]",
                    datetime.fromtimestamp(self.wall(), UTC).isoformat(),
                )
                await thread(ledger.jobs.begin_batch, row, plan.records())
                run = await self._new_run(batch, settings, thread)
                await self._work(run, log)
                return run.stop
            finally:
                log.close()
                thread.close()

    async def _new_run(self, batch: str, settings: Settings, thread: LedgerThread) -> Run:
        stop = Stop()
        clock = asyncio.get_running_loop().time
        asking = Asking(stop, clock=clock, jitter=lambda: 0.5)
        account = await thread(thread.ledger.account.get)
        # It has the methods that a run without uploads and downloads calls.
        client = cast(ChamelaionClient, self.service)
        return Run(
            batch=batch,
            output_dir=self.folder / batch,
            settings=settings,
            ledger=thread,
            client=client,
            asking=asking,
            listing=Listing(client, asking, account.newest_first),
            stop=stop,
            hook=self.hook,
            clock=clock,
            wall=self.wall,
        )

    async def _work(self, run: Run, log: NotedLog) -> None:
        account = await run.ledger(run.books.account.get)
        settings = run.settings
        slots = Slots(settings.concurrency, remembered=account.slots, queue_ahead=settings.queue_ahead)
        holders, inputs = Holders(slots), Inputs(run.ledger)
        poller = Poller(run, holders, lambda queued, processing: slots.observe(queued=queued, processing=processing))
        recent = {granted.reference: self.wall() - granted.age_s for granted in await log.recent()}
        lookup = LookUp(run, recent, now=self.wall)
        scheduler = Scheduler(
            run,
            lookup=lookup,
            inputs=inputs,
            checks=Checks(),
            budget=Budget(settings.caps, run.books, run.batch),
            poster=Poster(run, inputs, self.folder / "fetched"),
            permits=Permits(settings.rate_limit, settings.rate_window_s, log, clock=run.clock, jitter=lambda: 0.5),
            slots=slots,
            holders=holders,
            follow=poller.follow,
            followed=poller.followed,
        )
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(poller.run(), name="poller")
            await scheduler.run()
            poller.drain()
            await polling


@dataclass(frozen=True)
class NotedLog:
    """The log of permits; the service is told when each was granted."""

    log: SqlitePermitLog
    service: Service
    batch: str

    async def grant(self, rate: Rate, reference: str) -> float:
        wait_s = await self.log.grant(rate, reference)
        if not wait_s:
            self.service.permits.setdefault(reference, {})[self.batch] = asyncio.get_running_loop().time()
        return wait_s

    async def renew(self, reference: str) -> None:
        await self.log.renew(reference)

    async def pause(self, seconds: float) -> None:
        await self.log.pause(seconds)

    async def used(self, window_s: float) -> int:
        return await self.log.used(window_s)

    async def recent(self, within_s: float = 3600.0) -> tuple[Granted, ...]:
        return await self.log.recent(within_s)

    def close(self) -> None:
        self.log.close()
