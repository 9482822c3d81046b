"""Looks references up in the account before they are sent for the first time.

A ledger may be lost, new, or restored, and another machine may have bought the work: so a
reference that this ledger has not sent is asked for first (design, "Paying once", point 5).
By list, where that takes fewer calls than asking for each; a later run reads the list back
only to where the last complete reading ended, less ``settle``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dubbatch import identity
from dubbatch.api.wire import Page, Request, epoch_s
from dubbatch.events import Level
from dubbatch.jobs import LIVE, Attempt, JobRecord, JobState
from dubbatch.ledger.account import SeenRequest
from dubbatch.ledger.attempts import next_number
from dubbatch.ledger.ledger import Ledger
from dubbatch.listing import seen
from dubbatch.run import Run
from dubbatch.settlement import choose, listing_is_whole, told_of_several, young

#: Readings of a list that shifts under the reader, before references are asked for one by one.
_READINGS = 3

SOMEBODY_ELSES = "the account has a request with this reference_id that this ledger did not send"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that would be sent, and the reference it would be sent under."""

    record: JobRecord
    references: identity.References
    n: int

    @property
    def reference(self) -> str:
        return self.references.at(self.n)

    def attempt(self, state: JobState = JobState.PENDING) -> Attempt:
        return Attempt(
            reference=self.reference,
            stem=self.references.stem,
            n=self.n,
            batch=self.record.batch,
            job=self.record.job.id,
            fingerprint=self.record.fingerprint,
            state=state,
            output=self.record.job.output,
            length_s=self.record.length_s,
        )


def wanted(ledger: Ledger, record: JobRecord) -> Wanted:
    """The next attempt of a pending job by what the ledger knows."""
    refs = identity.references(record.job.id, record.fingerprint, record.job.reference_id)
    return Wanted(record, refs, next_number(ledger.attempts.of_stem(refs.stem)))


class LookUp:
    """One run's look-up. ``prepare`` before the first send; ``is_absent`` right before each first send."""

    def __init__(self, run: Run, recent_posts: Mapping[str, float], *, now: Callable[[], float]) -> None:
        """``recent_posts``: reference -> epoch seconds of the host's POSTs of the last hour (permit log).

        ``now``: epoch seconds by the clock that stamps requests, which tells how young one is.
        """
        self._run = run
        self._settle_s = run.settings.settle_s
        self._recent_posts = recent_posts
        self._now = now
        self._read_whole = False
        self._absent: set[str] = set()

    async def prepare(self) -> None:
        """Find what the account has of this batch's pending jobs, and adopt it.

        Where something is found that this ledger lost, its siblings may not be visible yet: wait for them and
        look once more. So it is where an earlier run has found something and did not live to look again.
        """
        adopted_s = await self._run.ledger(self._adopted_lately)
        while count := await self._run.ledger(self._count_unknown):
            await self._read(count)
            wait_s, adopted_s = max(adopted_s, await self._adopt_found()), 0.0
            if not wait_s or not await self._run.ledger(self._count_unknown):
                return
            self._run.notice(
                Level.INFO,
                "the account has requests that this ledger did not send, and more may not be visible yet: "
                f"looking again in {wait_s:.0f} s",
            )
            await self._run.sleep(wait_s)
            self._absent.clear()

    async def is_absent(self, want: Wanted) -> bool:
        """Whether the account surely has no request of this reference; adopts what it has.

        False: the job is served or blocked now, or the reference must be settled first.
        """
        if not self._read_whole and want.reference not in self._absent:
            await self._ask_one_by_one([want])
        return await self._adopt(want) is None

    def _unknown(self) -> Iterator[Wanted]:
        """Every job that may have been sent: what this ledger knows of its sends may be older than what was."""
        ledger, batch = self._run.books, self._run.batch
        # Under a cap, what was bought for a row counts also where the row is not to be sent now.
        records = ledger.jobs.unserved(batch) if self._run.settings.caps else ledger.jobs.pending(batch)
        return (wanted(ledger, record) for record in records)

    def _known(self) -> list[Wanted]:
        """Those of the unknown that the account was seen to have, or that this host posted lately."""
        seen_with = self._run.books.account.seen_with
        return [w for w in self._unknown() if self._posted(w) is not None or seen_with(w.reference)]

    def _posted(self, want: Wanted) -> float | None:
        """When this host posted the reference, if this ledger has no record of that send."""
        posted = self._recent_posts.get(want.reference)
        if posted is None:
            return None
        # A permit is logged right before its send is recorded, and again when that leaves late.
        sends = self._run.books.attempts.sends(want.reference)
        is_known = any(max(send.started, send.ended or 0.0) >= posted for send in sends)
        return None if is_known else posted

    def _count_unknown(self) -> int:
        jobs, batch = self._run.books.jobs, self._run.batch
        return jobs.count_unserved(batch) if self._run.settings.caps else jobs.count_pending(batch)

    async def _read(self, count: int) -> None:
        """Make what the account knows of ``count`` references known here, by the cheaper way."""
        account = await self._run.ledger(self._run.books.account.get)
        first = await self._run.listing.first_page()
        size = max(1, first.held)
        known = await self._run.ledger(self._run.books.account.seen_count) if account.looked_up_to else 0
        pages = math.ceil(max(first.total - known, 1) / size)
        # A page more than the new ones is read to find where the last reading ended.
        if count > pages or first.total <= size:
            for reading in range(_READINGS):
                is_first = reading == 0
                if await self._read_list(account.looked_up_to if is_first else "", first if is_first else None):
                    self._read_whole = True
                    return
        await self._run.listing.try_filter(first)
        await self._ask_one_by_one(await self._run.ledger(lambda: list(self._unknown())))

    async def _read_list(self, looked_up_to: str, first: Page | None) -> bool:
        """Read the list back to the last complete reading (empty: all of it); whether that proves absence."""
        mark = epoch_s(looked_up_to)
        table = self._run.books.account
        if mark is None:
            await self._run.ledger(table.forget_requests)
        total, newest = 0, looked_up_to
        async for page in self._run.listing.from_newest(first):
            # The most that any page counts: where one comes from a copy that lags behind, pages don't fit together.
            total = max(total, page.total)
            newest = max(
                [newest, *(request.created_at for request in page.requests)], key=lambda time: epoch_s(time) or 0.0
            )
            await self._run.ledger(table.see, [seen(request) for request in page.requests])
            is_ordered = self._run.listing.newest_first is not None
            if mark is not None and is_ordered and _reaches(page, mark - self._settle_s):
                break
        if not listing_is_whole(await self._run.ledger(table.seen_count), total):
            return False
        await self._run.ledger(table.remember_look_up, newest, self._run.listing.newest_first)
        return True

    async def _ask_one_by_one(self, wants: Sequence[Wanted]) -> None:
        """Ask for each reference, and for the numbers after it as long as they are found."""
        run = self._run
        for want in wants:
            n = want.n
            while found := await run.asking.until_answered(partial(run.listing.search, want.references.at(n))):
                await run.ledger(run.books.account.see, [seen(request) for request in found])
                n += 1
            self._absent.add(want.references.at(n))

    async def _adopt_found(self) -> float:
        """Adopt what was read for every pending job; seconds to wait for siblings that may not be visible yet."""
        wait_s = 0.0
        for want in await self._run.ledger(self._known):
            found = await self._adopt(want)
            if found is not None and found.created_at:
                wait_s = max(wait_s, self._siblings_s(found))
        return wait_s

    def _siblings_s(self, found: Attempt) -> float:
        """Seconds until what was sent along with a found request must be visible too.

        The log of permits has all that this host sent. Who sent what is not in it, on another host or before
        the log was lost, may have been alive until now, however old what it sent first.
        """
        if found.reference not in self._recent_posts:
            return self._settle_s
        return young(found.created_at, self._now(), self._settle_s)

    def _adopted_lately(self) -> float:
        """Seconds until nothing is young any more of what this ledger adopted and has not sent itself."""
        table, now = self._run.books.attempts, self._now()
        followed = table.to_follow(self._run.batch)
        adopted = (one for one in followed if one.created_at and not table.was_sent(one.reference))
        return max((young(attempt.created_at, now, self._settle_s) for attempt in adopted), default=0.0)

    async def _adopt(self, want: Wanted) -> Attempt | None:
        """Take over what the account has of a job; None: nothing."""
        return await self._run.ledger(self._take_over, want)

    def _take_over(self, want: Wanted) -> Attempt | None:
        """The same, in the ledger's thread."""
        attempts, posted = self._found_attempts(want), self._posted(want)
        ledger = self._run.books
        owner = ledger.attempts.get(want.reference)
        if want.record.state is not JobState.PENDING and (owner is not None or want.references.given):
            # It is not to be sent, and what is there need not be its own.
            return None
        if owner is not None and owner.stem != want.references.stem:
            hint = "give one of the two rows another reference_id; nothing was sent for it"
            error = f"the reference {want.reference} of this job's next attempt is job {owner.job}'s"
            ledger.jobs.change(want.record, JobState.BLOCKED, error=error, hint=hint)
            return owner
        if owner is not None and owner.state in LIVE and owner.fingerprint != want.record.fingerprint:
            # Sent for the row as it was before an edit, and not settled yet: that comes first.
            return owner
        is_ours = posted is not None or (owner is not None and owner.fingerprint == want.record.fingerprint)
        if want.references.given and attempts and not is_ours:
            hint = "give the row another reference_id, or restore the ledger that sent it; nothing was sent for it"
            ledger.jobs.change(want.record, JobState.BLOCKED, error=SOMEBODY_ELSES, hint=hint)
            return attempts[-1]
        if attempts:
            kept = serving_attempt(attempts)
            self._record_found(want.record, attempts, kept)
            return kept
        if posted is not None and want.record.state is JobState.PENDING:
            return ledger.attempts.presume(want.record, want.attempt(), posted)
        return None

    def _found_attempts(self, want: Wanted) -> list[Attempt]:
        """The attempts of a stem that the account has, from the first that the ledger lacks."""
        found, n = [], want.n
        while requests := self._run.books.account.seen_with(want.references.at(n)):
            kept, others = choose([_request(known) for known in requests])
            if others:
                reference = want.references.at(n)
                self._run.hook(told_of_several(want.record.batch, want.record.job.id, reference, kept, others))
            found.append(_adopted(Wanted(want.record, want.references, n).attempt(), kept))
            n += 1
        return found

    def _record_found(self, record: JobRecord, attempts: Sequence[Attempt], kept: Attempt) -> None:
        ledger = self._run.books
        with ledger.atomic():
            for attempt in attempts:
                ledger.attempts.update(attempt)
            if record.state is not JobState.PENDING:
                # Skipped or blocked: the next plan says what becomes of the row, now that it is known to be bought.
                return
            ledger.attempts.attach(record, kept)
            # What was found is beyond what this ledger knew: a word to buy again was kept before it was restored.
            ledger.attempts.fulfil_redo(record, kept)


def serving_attempt(attempts: Sequence[Attempt]) -> Attempt:
    """Of a stem's attempts found in the account, the one to take over: the last that was bought."""
    return max(attempts, key=lambda attempt: attempt.n)


def _adopted(attempt: Attempt, request: Request) -> Attempt:
    # Followed like a running one, even if it has ended: only an answer about itself has the link or the reason.
    state = JobState.QUEUED if request.state is JobState.QUEUED else JobState.PROCESSING
    return replace(attempt, state=state, request_id=request.id, created_at=request.created_at)


def _request(known: SeenRequest) -> Request:
    return Request(id=known.request_id, status=known.status, created_at=known.created_at, reference_id=known.reference)


def _reaches(page: Page, mark: float) -> bool:
    """Whether a page goes back beyond ``mark`` (seconds since the epoch)."""
    return any((epoch_s(request.created_at) or math.inf) < mark for request in page.requests)
