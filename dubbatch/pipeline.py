"""One run, from a loaded manifest to its reports: the place that sees every stage.

    manifest --load--> jobs --plan (against the ledger)--> scheduler --send--> tracker --follow, download--> outputs
                                         |                     |                  |
                                         +------------------ ledger --------------+--> reports

Stages hand over through the ledger, one way only. A run that is stopped, at any moment and
by anything, leaves a ledger from which the next one goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from dubbatch.batch import (
    Batch,
    check_places,
    count_missing,
    fetch_again,
    fetched_folder,
    has_work,
    is_finished,
    needs_key,
    notice_missing,
    row_of,
    start_of,
)
from dubbatch.budget import Budget
from dubbatch.ending import reported, see_through, stop_in_time, undisturbed
from dubbatch.events import EventHook
from dubbatch.inputs import Inputs
from dubbatch.jobs import Job
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.ledger.lock import batch_lock
from dubbatch.memory import give_back
from dubbatch.opening import open_checks, open_run
from dubbatch.outlook import Outlook, outlook
from dubbatch.pacing.holders import Holders
from dubbatch.pacing.permits import Permits
from dubbatch.pacing.slots import Slots
from dubbatch.planner import Plan, draw_up
from dubbatch.preflight.examination import Checks
from dubbatch.refresh import Heard
from dubbatch.result import Beginning, RunResult, beginning_of, fill_in, finish, result_of
from dubbatch.run import Run
from dubbatch.scheduler.lookup import LookUp
from dubbatch.scheduler.poster import Poster
from dubbatch.scheduler.scheduler import Scheduler
from dubbatch.scheduler.settler import Settler
from dubbatch.service import Service, recent_posts
from dubbatch.settings import Settings
from dubbatch.stop import Stop
from dubbatch.tracker.downloader import Downloader
from dubbatch.tracker.poller import Poller
from dubbatch.writeback.rows import TeamFile

Confirm = Callable[[Plan, Outlook], bool]


def always(plan: Plan, coming: Outlook) -> bool:
    return True


async def run_batch(
    batch: Batch,
    jobs: Iterable[Job],
    service: Service,
    settings: Settings,
    *,
    hook: EventHook,
    confirm: Confirm = always,
) -> RunResult:
    """Plan the batch's jobs, send what is due, follow, download and report.

    From the plan on, the jobs are in the ledger: who hands over an iterator and keeps nothing else of the
    manifest has its memory back. ``confirm`` may say no to a plan before anything is recorded or sent. Raises
    BatchBusy, KeyRefused (no key, and something to ask the service for), LedgerError, DiskError, UsageError.
    """
    with Ledger(batch.ledger) as ledger, batch_lock(batch.ledger, batch.name):
        if service.credentials:
            ledger.account.belong_to(service.label)
        heard = Heard(batch.name, hook)
        thread = LedgerThread(ledger, heard)
        try:
            begun = await _begin(batch, jobs, service, settings, thread, hook, confirm)
            if isinstance(begun, RunResult):
                return await undisturbed(Stop(), thread(fill_in, begun, batch.team, ledger))
            give_back()
            async with reported(batch.name, batch.reports, settings.csv_delimiter, thread, hook):
                return await _carry_out(batch, begun, service, settings, thread, heard)
        finally:
            thread.close()


async def _begin(
    batch: Batch,
    jobs: Iterable[Job],
    service: Service,
    settings: Settings,
    thread: LedgerThread,
    hook: EventHook,
    confirm: Confirm,
) -> RunResult | int:
    """Record the plan. How many jobs it sends; or how the run ends where nothing is to do, or it is not wanted."""
    ledger = thread.ledger
    async with open_checks(batch.name, service.base_url, settings, thread, hook) as checks:
        plan = await draw_up(
            jobs,
            batch=batch.name,
            output_dir=batch.output_dir,
            ledger=thread,
            inputs=Inputs(thread),
            attempts=settings.attempts,
            only=settings.only,
            checks=checks,
        )
    coming = await thread(outlook, plan, batch.name, ledger, settings)
    if not confirm(plan, coming):
        return RunResult(batch.name, {}, (), batch.output_dir, ())
    if not service.credentials and needs_key(plan, ledger):
        raise service.credentials.missing()
    if not plan.is_news and is_finished(batch, ledger, settings.csv_delimiter):
        notice_missing(batch.name, await thread(count_missing, batch.name, ledger), hook)
        return result_of(batch.name, batch.output_dir, batch.reports, ledger, Stop())
    await thread(ledger.jobs.begin_batch, row_of(batch), plan.records())
    return len(coming.choice.sent)


async def collect_batch(
    batch: BatchRow,
    ledger_path: Path,
    service: Service,
    settings: Settings,
    *,
    hook: EventHook,
    reports: tuple[Path, ...],
    team: TeamFile | None = None,
) -> RunResult:
    """Ask once for what is at the service and fetch what has finished; send nothing, wait for nothing.

    Outputs that were moved away are fetched again; ``team`` is the sheet that the results are written into. Raises as
    :func:`run_batch`.
    """
    with Ledger(ledger_path) as ledger, batch_lock(ledger_path, batch.name):
        ledger.account.belong_to(service.label)
        heard = Heard(batch.name, hook)
        thread = LedgerThread(ledger, heard)
        try:
            async with reported(batch.name, reports, settings.csv_delimiter, thread, hook):
                return await _look_in(batch, service, settings, thread, heard, reports, team)
        finally:
            thread.close()


async def _look_in(
    batch: BatchRow,
    service: Service,
    settings: Settings,
    thread: LedgerThread,
    heard: Heard,
    reports: tuple[Path, ...],
    team: TeamFile | None,
) -> RunResult:
    ledger, stop, folder = thread.ledger, Stop(), Path(batch.output_dir)
    # Open again until its reports say what comes of this.
    await thread(ledger.jobs.finish_batch, batch.name, "")
    await thread(fetch_again, ledger, batch.name)
    started = await thread(start_of, batch.name, ledger)
    beginning = beginning_of(started)
    heard(started)
    async with open_run(batch.name, folder, service, settings, thread, heard, stop) as run:
        await service.note_ledger(run.ledger_path)
        await see_through(run, _collect(run), reports, heard)
    return await undisturbed(stop, _close(batch.name, folder, reports, team, thread, stop, beginning, settings))


async def _carry_out(
    batch: Batch, to_send: int, service: Service, settings: Settings, thread: LedgerThread, heard: Heard
) -> RunResult:
    ledger, stop = thread.ledger, Stop()
    started = await thread(start_of, batch.name, ledger, to_send=to_send, selected_only=True)
    beginning = beginning_of(started)
    heard(started)
    if has_work(dict(started.counts), batch.name, ledger):
        check_places(batch, ledger)
        async with (
            open_run(batch.name, batch.output_dir, service, settings, thread, heard, stop) as run,
            open_checks(batch.name, service.base_url, settings, thread, heard) as checks,
        ):
            work = _work(run, service, fetched_folder(batch.ledger, batch.name), checks)
            await see_through(run, work, batch.reports, heard)

    async def close() -> RunResult:
        notice_missing(batch.name, await thread(count_missing, batch.name, ledger), heard)
        return await _close(batch.name, batch.output_dir, batch.reports, batch.team, thread, stop, beginning, settings)

    return await undisturbed(stop, close())


async def _close(
    batch: str,
    output_dir: Path,
    reports: tuple[Path, ...],
    team: TeamFile | None,
    thread: LedgerThread,
    stop: Stop,
    beginning: Beginning,
    settings: Settings,
) -> RunResult:
    """The last of a run, in the ledger's thread: a call of a stage that was cancelled may be under way there still."""
    ledger, delimiter = thread.ledger, settings.csv_delimiter
    result = await thread(finish, batch, output_dir, reports, ledger, stop, beginning, delimiter=delimiter)
    return await thread(fill_in, result, team, ledger)


async def _work(run: Run, service: Service, fetched: Path, checks: Checks) -> None:
    """The stages side by side; each ends when those before it have ended and its own work is done."""
    account = await run.ledger(run.books.account.get)
    settings, log = run.settings, service.permit_log()
    await service.note_ledger(run.ledger_path)
    slots = Slots(settings.concurrency, remembered=account.slots, queue_ahead=settings.queue_ahead)
    holders, inputs = Holders(slots), Inputs(run.ledger)
    permits = Permits(settings.rate_limit, settings.rate_window_s, log)

    def observe(queued: int, processing: int) -> None:
        slots.observe(queued=queued, processing=processing)
        scheduler.tell_pace()

    poller = Poller(run, holders, observe)
    downloader = Downloader(run, poller.links)
    lookup = LookUp(run, await recent_posts(log), now=run.client.clock.now)
    scheduler = Scheduler(
        run,
        lookup=lookup,
        inputs=inputs,
        checks=checks,
        budget=Budget(settings.caps, run.books, run.batch),
        poster=Poster(run, inputs, fetched),
        permits=permits,
        slots=slots,
        holders=holders,
        follow=poller.follow,
        followed=poller.followed,
    )
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(stop_in_time(run), name="max-time")
        polling = group.create_task(poller.run(), name="poller")
        fetching = group.create_task(downloader.run(), name="downloader")
        await scheduler.run()
        poller.drain()
        await polling
        downloader.drain()
        await fetching
        watch.cancel()
    if learned := slots.statistics().learned:
        await run.ledger(run.books.account.remember_slots, learned)


async def _collect(run: Run) -> None:
    slots = Slots()
    poller = Poller(run, Holders(slots), lambda queued, processing: None)
    downloader = Downloader(run, poller.links)
    for attempt in await run.ledger(run.books.attempts.to_settle, run.batch):
        await Settler(run).find_again(attempt)
    for attempt in await run.ledger(run.books.attempts.to_follow, run.batch):
        poller.follow(attempt)
    await poller.ask_once()
    downloader.drain()
    await downloader.run()
