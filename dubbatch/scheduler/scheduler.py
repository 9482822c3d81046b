"""Takes pending jobs in their order, and sends each once: slot, look-up, permit, record, POST, record.

    pending job -> slot -> its files as they are now -> look-up -> permit -> asked once more if in doubt
                -> the send is committed -> POST -> what came of it is committed -> tracker or settler

Each job is a task of its own from its slot on, so that one slow upload or lost answer holds
up no other. Cancelling a task before the send is committed costs nothing; after that the
ledger knows, and the next run settles it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from dubbatch.api.answers import Then, Verdict
from dubbatch.budget import Budget
from dubbatch.errors import DiskError, LedgerError, ServiceError
from dubbatch.events import Pace, Sent
from dubbatch.inputs import Inputs
from dubbatch.jobs import LIVE, Attempt, JobRecord, JobState, Outcome
from dubbatch.ledger.lock import is_locked
from dubbatch.pacing.holders import Holders
from dubbatch.pacing.permits import Permits
from dubbatch.pacing.slots import Slot, Slots
from dubbatch.preflight.examination import Checks
from dubbatch.run import Run
from dubbatch.scheduler.lookup import LookUp, Wanted, wanted
from dubbatch.scheduler.poster import Poster
from dubbatch.scheduler.purse import Purse
from dubbatch.scheduler.readiness import Readiness
from dubbatch.scheduler.setbacks import Setbacks
from dubbatch.scheduler.settler import Settler
from dubbatch.scheduler.unsettled import Unsettled
from dubbatch.stop import StopReason

_PAGE = 50


class Scheduler:
    """One run's sends. ``follow`` hands an attempt that is at the service to the tracker."""

    def __init__(
        self,
        run: Run,
        *,
        lookup: LookUp,
        inputs: Inputs,
        checks: Checks,
        budget: Budget,
        poster: Poster,
        permits: Permits,
        slots: Slots,
        holders: Holders,
        follow: Callable[[Attempt], None],
        followed: Callable[[], int],
    ) -> None:
        self._run = run
        self._lookup = lookup
        self._poster = poster
        self._permits = permits
        self._slots = slots
        self._holders = holders
        self._follow = follow
        self._followed = followed
        settler = Settler(run)
        self._queue: deque[JobRecord] = deque()
        self._in_flight: set[str] = set()
        self._is_sending = True
        #: References whose POSTs are on their way from here: what becomes of them is still to be heard.
        self._posting: set[str] = set()
        self._setbacks = Setbacks(run)
        self._purse = Purse(run, budget)
        self._unsettled = Unsettled(
            run,
            settler=settler,
            setbacks=self._setbacks,
            holders=holders,
            follow=follow,
            given_back=self._purse.refund,
        )
        self._readiness = Readiness(
            run,
            inputs=inputs,
            checks=checks,
            settler=settler,
            setbacks=self._setbacks,
            take_up=self._unsettled.take_up,
        )
        #: Taken before the permit, which counts from when the POST leaves.
        self._uploads = asyncio.Semaphore(run.settings.transfers)
        self._sent = 0

    async def run(self) -> None:
        """Send until nothing is left to send and nothing that runs could bring more, or sending stops.

        Returns when every POST has its answer recorded and every unsure attempt is settled (or left,
        when the run leaves). Raises LedgerError where the ledger fails: nothing may be sent then.
        """
        run = self._run
        async with asyncio.TaskGroup() as group:
            await self._resume(group)
            await run.stop.unless_sending_stops(self._prepare(group))
            await self._purse.tell_start()
            while (record := await run.stop.unless_sending_stops(self._next(group))) is not None:
                slot = await run.stop.unless_sending_stops(self._slots.acquire())
                if slot is None:
                    break
                self._in_flight.add(record.job.id)
                group.create_task(self._deliver(group, record, slot), name=f"send {record.job.id}")
            self._is_sending = False
            self.tell_pace()
        await self._purse.tell_end()

    async def _resume(self, group: asyncio.TaskGroup) -> None:
        """Take up what is at the service, or may be, by what the ledger knows."""
        table, batch = self._run.books.attempts, self._run.batch
        # Those of this moment: the ledger's answer may be older than the end of a POST.
        posting = frozenset(self._posting)
        for attempt in await self._run.ledger(table.to_settle, batch):
            if attempt.reference in posting:
                continue
            # A live run settles its own; what a dead one left is settled by whoever needs it.
            if attempt.batch == batch or not await self._run.ledger(is_locked, self._run.ledger_path, attempt.batch):
                self._unsettled.begin(group, attempt)
        for attempt in await self._run.ledger(table.to_follow, batch):
            self._unsettled.take_up(attempt)

    async def _prepare(self, group: asyncio.TaskGroup) -> None:
        try:
            await self._lookup.prepare()
        except ServiceError as error:
            # Without the look-up nothing may be sent; what stopped it has mostly stopped the run already.
            if not self._run.stop.leaves:
                message = f"the account could not be looked up: {error.message}"
                self._run.stop.sending(StopReason.AWAY, message, error.hint)
        await self._resume(group)

    async def _next(self, group: asyncio.TaskGroup) -> JobRecord | None:
        """The next job to send; waits while there is none but one may come. None: there is nothing more to do."""
        while True:
            ticket = self._run.news.ticket()
            if await self._is_held_by_limit():
                self._run.stop.sending(StopReason.LIMIT, f"--limit: {self._sent} sent, the others wait for a later run")
                return None
            may_send = self._run.settings.limit is None or self._sent + len(self._in_flight) < self._run.settings.limit
            if may_send and (record := await self._take()):
                return record
            if await self._purse.reopened():
                continue
            if self._in_flight or self._unsettled.is_settling or self._followed():
                await ticket.wait()
            elif await self._awaits_another_run():
                # Identical work is on its way in another run: what comes of it shows in the ledger.
                await self._run.sleep(self._run.settings.poll_interval_s)
                await self._resume(group)
            elif not await self._follows_another_run() and not ticket.is_set():
                # What came while we looked may be a job that was refused, and is to be sent again.
                return None

    async def _awaits_another_run(self) -> bool:
        unsettled = await self._run.ledger(self._run.books.attempts.to_settle, self._run.batch)
        return any(attempt.reference not in self._unsettled.given_up for attempt in unsettled)

    async def _follows_another_run(self) -> bool:
        """Take up what another run has had accepted since the last look; whether there is anything."""
        for attempt in await self._run.ledger(self._run.books.attempts.to_follow, self._run.batch):
            if attempt.state is not JobState.STALLED:
                self._unsettled.take_up(attempt)
        return self._followed() > 0

    async def _is_held_by_limit(self) -> bool:
        """Whether ``--limit`` keeps jobs from being sent: as many are, and more could be."""
        limit = self._run.settings.limit
        if limit is None or self._sent < limit:
            return False
        waiting = await self._run.ledger(self._run.books.jobs.by_turn, self._run.batch, 1)
        return bool(waiting)

    async def _take(self) -> JobRecord | None:
        run = self._run
        if not self._queue:
            aside = self._in_flight | self._setbacks.put_aside
            page = await run.ledger(self._page, _PAGE + len(aside))
            self._queue.extend(record for record in page if record.job.id not in aside)
        return self._queue.popleft() if self._queue else None

    def _page(self, limit: int) -> list[JobRecord]:
        """In the ledger's thread: who is next, as far as caps allow."""
        return self._run.books.jobs.by_turn(self._run.batch, limit, left_s=self._purse.left_s())

    async def _deliver(self, group: asyncio.TaskGroup, record: JobRecord, slot: Slot) -> None:
        """One job from its slot to the recorded answer."""
        try:
            async with self._uploads if record.job.is_upload else nullcontext():
                want = await self._run.stop.unless_sending_stops(self._ready(group, record, slot))
                if want is not None:
                    await self._send(group, want, slot)
        except ServiceError as error:
            self._setbacks.leave(record.job.id, error.message)
        except DiskError as error:
            self._run.stop.everything(StopReason.DISK, error.message, error.hint)
        finally:
            if not slot.answered:
                self._slots.withdraw(slot)
            self._in_flight.discard(record.job.id)
            self._purse.give_back(record.job.id)
            self.tell_pace()
            self._run.news.tell()

    async def _ready(self, group: asyncio.TaskGroup, listed: JobRecord, slot: Slot) -> Wanted | None:
        """The attempt to send for a job as its files are now, its permit taken; None: nothing to send now."""
        run = self._run
        listed_now, is_redo = await run.ledger(self._as_recorded, listed)
        if listed_now is None or (record := await self._readiness.as_it_is_now(listed_now)) is None:
            return None
        if not is_redo and await self._readiness.is_answered(record):
            return None
        if not await run.ledger(self._purse.reserve, record):
            return None
        want, other = await run.ledger(self._next_attempt, record)
        if other is not None and other.state in LIVE:
            # A given reference, sent for the row as it was before an edit, whose answer is still open.
            await self._await_settled(other, record)
            return None
        if not await self._lookup.is_absent(want):
            await self._resume(group)
            return None
        if not await self._poster.gather(record.job):
            return None
        await run.asking.before_post()
        await self._permits.take(want.reference, partial(self._slots.depart, slot))
        # It may have been a long wait: identical work was bought meanwhile, or has failed for good.
        if not is_redo and await self._readiness.is_answered(record):
            return None
        return want if await self._readiness.is_free_of_doubt(want) else None

    def _as_recorded(self, listed: JobRecord) -> tuple[JobRecord | None, bool]:
        """In the ledger's thread: a listed job if it is still to be sent, and whether a person asked for it again."""
        books = self._run.books
        record = books.jobs.get(listed.batch, listed.job.id)
        if record is None or record.state is not JobState.PENDING or not record.present:
            return None, False
        return record, record.job.id in books.jobs.open_redos(record.batch)

    def _next_attempt(self, record: JobRecord) -> tuple[Wanted, Attempt | None]:
        """In the ledger's thread: what would be sent, and what the ledger has under that reference."""
        want = wanted(self._run.books, record)
        return want, self._run.books.attempts.get(want.reference)

    async def _await_settled(self, other: Attempt, record: JobRecord) -> None:
        if other.reference in self._unsettled.given_up:
            self._setbacks.leave(record.job.id, "the service doesn't say whether it has the row as it was before")
        else:
            # Not until the next news: another run may be the one that settles it.
            await self._run.sleep(self._run.settings.poll_interval_s)

    async def _send(self, group: asyncio.TaskGroup, want: Wanted, slot: Slot) -> None:
        """Commit the send, POST, commit the answer. Where nothing was sent, the slot is still to be given back."""
        run = self._run
        self._posting.add(want.reference)
        try:
            if run.stop.sends_no_more or (send := await run.ledger(self._begin_send, want)) is None:
                return
            await self._leave(want, send)
            started = run.clock()
            verdict = await self._poster.post(want)
            await self._record(group, want, send, verdict, slot)
        finally:
            self._posting.discard(want.reference)
        run.asking.posted(verdict, started)
        took_s = run.clock() - started
        outcome, request = verdict.outcome.value, verdict.request_id
        run.hook(Sent(run.batch, want.record.job.id, want.reference, outcome, took_s, request))

    async def _leave(self, want: Wanted, send: int) -> None:
        """Let the permit count from now. Raises LedgerError where its log fails: nothing has left then."""
        try:
            await self._permits.leaves(want.reference)
        except LedgerError:
            await self._run.ledger(self._run.books.attempts.refused, send, want.reference, self._run.wall())
            raise

    def _begin_send(self, want: Wanted) -> int | None:
        """In the ledger's thread: commit that the POST is about to leave; the send's number. None: it must not."""
        books, record = self._run.books, want.record
        is_redo = record.job.id in books.jobs.open_redos(record.batch)
        return books.attempts.begin_send(
            record,
            want.attempt(),
            self._run.wall(),
            redo=is_redo,
            is_affordable=partial(self._purse.can_pay, record),
        )

    async def _record(self, group: asyncio.TaskGroup, want: Wanted, send: int, verdict: Verdict, slot: Slot) -> None:
        """Write down what the answer says of this send, and give its slot the right end."""
        run, table, reference = self._run, self._run.books.attempts, want.reference
        now = run.wall()
        if verdict.changed:
            await self._readiness.forget_files(want)
        if verdict.outcome is Outcome.ACCEPTED:
            attempt = await run.ledger(table.accepted, send, reference, verdict.request_id, now)
            self._sent += 1
            self._permits.accepted()
            explains_refusal = self._slots.accepted(slot)
            self._holders.keep(reference)
            self._follow(attempt)
            if explains_refusal:
                await self._permits.was_rate()
        elif verdict.outcome is Outcome.UNKNOWN:
            attempt = await run.ledger(table.unsure, send, reference, now, error=verdict.message)
            self._sent += 1
            self._slots.unsure(slot)
            self._holders.keep(reference)
            self._unsettled.begin(group, attempt)
        elif verdict.then is Then.FAIL_JOB:
            await run.ledger(table.rejected, send, reference, now, error=verdict.message, hint=verdict.hint)
            self._purse.refund()
            self._slots.withdraw(slot)
        else:
            self._purse.keep(want.record)
            await run.ledger(table.refused, send, reference, now, said=verdict.message)
            await self._slow_down(verdict, slot)

    def tell_pace(self) -> None:
        """Say how many slots are in use, and how long the next permit takes."""
        slots, permits = self._slots.statistics(), self._permits.statistics()
        self._run.hook(
            Pace(
                self._run.batch,
                slots.used,
                slots.limit,
                permits.waiting_s,
                permits.limit,
                permits.window_s,
                self._is_sending,
            )
        )

    async def _slow_down(self, verdict: Verdict, slot: Slot) -> None:
        """A refusal that is not about the job: a 429 is about the rate or the slots, never both."""
        if verdict.then is Then.WAIT and not await self._permits.refused(verdict.retry_after_s):
            self._slots.refused(slot)
        else:
            self._slots.withdraw(slot)
