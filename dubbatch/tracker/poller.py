"""Asks for the states of the attempts at the service, with few calls, and records what it hears.

A round asks by list where one page answers for many attempts, and for the rest by the list's filter:
that costs no more than a GET by id, and shows requests of another machine with the same reference too.
What ends an attempt is decided here; fetching its output is the downloader's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from dubbatch.api.wire import Request, epoch_s
from dubbatch.errors import RequestNotFound, ServiceError
from dubbatch.events import Level
from dubbatch.jobs import ONE_MORE, Attempt, JobState
from dubbatch.pacing.holders import Holders
from dubbatch.pacing.poll_schedule import PollSchedule
from dubbatch.run import Run
from dubbatch.settlement import choose, may_try_again, progressed
from dubbatch.tracker.strangers import Strangers

#: So often in a row, and the list's filter is taken to be wrong.
_OFTEN = 3
#: Without progress for the longer of these, an attempt is stalled (design, section 5).
_STALL_S = 30 * 60.0
_STALL_USUAL = 10


@dataclass(slots=True)
class _Followed:
    attempt: Attempt
    #: Monotonic time of the last sign of progress.
    since: float
    #: Monotonic time of its acceptance; minus infinity: it is older than this run, and may have ended long ago.
    accepted: float
    #: When the service first said that it does not know the request; None: it does.
    missing_since: float | None = None
    #: It was stalled when this run began: one look, and again only if something has moved.
    was_stalled: bool = False
    #: Answers in a row that told it to wait. One may be of a moment ago, when the service had just accepted it.
    told_queued: int = 0


class Poller:
    """Follows attempts until they end. ``observe`` is told how many wait and how many are processed."""

    def __init__(self, run: Run, holders: Holders, observe: Callable[[int, int], None]) -> None:
        self._run = run
        self._holders = holders
        self._observe = observe
        self._following: dict[str, _Followed] = {}
        self._strangers = Strangers(run)
        #: Answers of the list's filter, one after the other, that left out a request that is there.
        self._left_out = 0
        self._draining = False
        self._schedule = PollSchedule(run.settings.poll_interval_s)
        self._patience_s = _STALL_S
        #: Fresh links by reference, until the downloader takes them.
        self.links: dict[str, str] = {}

    def follow(self, attempt: Attempt) -> None:
        """Ask for this attempt from now on; it holds a slot until it ends."""
        if attempt.reference in self._following:
            return
        was_stalled = attempt.state is JobState.STALLED
        if not was_stalled:
            self._holders.occupy(attempt.reference)
        now = self._run.clock()
        accepted = -math.inf if attempt.created_at else now
        self._following[attempt.reference] = _Followed(attempt, now, accepted, was_stalled=was_stalled)
        self._run.news.tell()

    def followed(self) -> int:
        return len(self._following)

    def drain(self) -> None:
        """Nothing new will come: end when the last one has ended."""
        self._draining = True
        self._run.news.tell()

    async def run(self) -> None:
        """Ask round after round. Returns when drained, or when the run leaves. Raises LedgerError."""
        stop, clock = self._run.stop, self._run.clock
        await self._learn()
        begun = clock()
        while not stop.leaves:
            ticket = self._run.news.ticket()
            if not self._following:
                if self._draining:
                    return
                await stop.unless_leaving(ticket.wait())
                begun = clock()
                continue
            due = self._schedule.next_s(begun, (followed.accepted for followed in self._following.values()))
            if (wait_s := due - clock()) > 0:
                # No longer than an interval: what is followed by then may be due sooner.
                await stop.unless_leaving(self._run.sleep_for(min(wait_s, self._schedule.interval_s)))
                continue
            begun = clock()
            # What was asked for when the run leaves is not waited for: a service that is silent would hold it up.
            await stop.unless_leaving(self.ask_once())

    async def ask_once(self) -> None:
        """One round over all that is followed."""
        for attempt in await self._run.ledger(self._run.books.attempts.to_follow, self._run.batch):
            # Identical work that another batch sends shows up here once it is accepted.
            if attempt.state is not JobState.STALLED:
                self.follow(attempt)
        try:
            answers = await self._ask()
        except ServiceError as error:
            self._run.notice(Level.WARNING, f"the states could not be asked for: {error.message}", error.hint)
            return
        before = len(self._following)
        news = [self._news(reference, told) for reference, told in answers.items() if isinstance(told, Request)]
        # In one commit: the sooner it is known what has ended, the sooner the slots are free.
        moved = {attempt.reference: attempt for attempt in news if self._is_progress(attempt)}
        self._take_in(await self._run.ledger(self._run.books.attempts.update_all, moved.values()))
        for attempt in news:
            if attempt.reference not in moved:
                await self._hear(self._following[attempt.reference], attempt)
        for reference, asked in answers.items():
            if not isinstance(asked, Request):
                await self._miss(self._following[reference], asked, self._run.clock())
        if len(self._following) < before:
            await self._learn()
        for reference in [reference for reference in self._following if reference not in answers]:
            await self._bear_silence(self._following[reference])
        waiting = sum(followed.told_queued > 1 for followed in self._following.values())
        processing = sum(followed.attempt.state is JobState.PROCESSING for followed in self._following.values())
        self._observe(waiting, processing)

    async def _ask(self) -> dict[str, Request | float]:
        """What the service says of each attempt now, or when it was asked for one that it does not know.

        Silence leaves one out.
        """
        by_id = {followed.attempt.request_id: reference for reference, followed in self._following.items()}
        answers: dict[str, Request | float] = {}
        # Of one attempt, the list's filter tells as much as the list.
        if len(by_id) > 1:
            pages = 0
            async for page in self._run.listing.from_newest():
                pages += 1
                for request in page.requests:
                    if request.id in by_id:
                        answers[by_id[request.id]] = request
                    else:
                        await self._strangers.meet(request, self._attempt_of(request.reference_id))
                missing = len(by_id) - len(answers)
                if missing <= pages:
                    break
        for request_id, reference in by_id.items():
            if reference not in answers and not self._run.stop.leaves:
                answer = await self._ask_singly(request_id, reference)
                if answer is not None:
                    answers[reference] = answer
        return answers

    async def _ask_singly(self, request_id: str, reference: str) -> Request | float | None:
        """The same of one attempt; None: no answer, and the next round asks again."""
        listing = self._run.listing
        same = await self._with_reference(reference) if listing.filters else None
        if same and request_id in same:
            self._left_out = 0
            return same[request_id]
        asked = self._run.clock()
        try:
            found = await self._run.asking.once(lambda: self._run.client.get_request(request_id))
        except RequestNotFound:
            return asked
        except ServiceError:
            return None
        if same is not None:
            self._left_out += 1
            # Once or twice it may lag behind.
            listing.filters = self._left_out < _OFTEN
        return found

    def _attempt_of(self, reference: str) -> Attempt | None:
        followed = self._following.get(reference)
        return followed.attempt if followed else None

    async def _with_reference(self, reference: str) -> dict[str, Request] | None:
        """By id, what the list's filter shows of one reference; None: no answer that can be used."""
        try:
            same = await self._run.asking.once(lambda: self._run.listing.with_reference(reference))
        except ServiceError:
            return None
        for request in same:
            await self._strangers.meet(request, self._attempt_of(request.reference_id))
        return {request.id: request for request in same}

    def _news(self, reference: str, told: Request) -> Attempt:
        """The attempt as the service tells it."""
        followed = self._following[reference]
        followed.missing_since = None
        followed.told_queued = followed.told_queued + 1 if told.state is JobState.QUEUED else 0
        news = progressed(followed.attempt, told)
        if news.state is JobState.COMPLETED:
            self.links[reference] = told.output_url
        return news

    def _is_progress(self, news: Attempt) -> bool:
        """Whether there is something to record that asks for nothing more."""
        before = self._following[news.reference].attempt
        return news.state is not JobState.FAILED and _without_stall(news) != _without_stall(before)

    def _take_in(self, recorded: Sequence[Attempt]) -> None:
        """Go on with attempts as they stand in the ledger now."""
        for attempt in recorded:
            if attempt.state in (JobState.COMPLETED, JobState.FAILED):
                self._leave(attempt.reference)
                continue
            followed = self._following[attempt.reference]
            followed.attempt, followed.since, followed.was_stalled = attempt, self._run.clock(), False
            self._holders.occupy(attempt.reference)

    async def _hear(self, followed: _Followed, news: Attempt) -> None:
        """What is no progress: it has failed, or is as it was before."""
        if news.state is JobState.FAILED:
            await self._fail(followed, news)
        elif followed.was_stalled or self._run.clock() - followed.since > self._patience_s:
            await self._stall(followed)

    async def _bear_silence(self, followed: _Followed) -> None:
        """No answer that can be used: for a while that is no news, but it is no progress either."""
        if self._run.clock() - followed.since > self._patience_s:
            await self._stall(followed)

    async def _end(self, attempt: Attempt) -> None:
        await self._run.ledger(self._run.books.attempts.update, attempt)
        self._leave(attempt.reference)

    def _leave(self, reference: str) -> None:
        self._following.pop(reference, None)
        self._holders.let_go(reference)
        self._run.news.tell()

    async def _fail(self, followed: _Followed, attempt: Attempt) -> None:
        """The service failed it: for good, or its jobs are due for another attempt."""
        run, table = self._run, self._run.books.attempts
        same = await self._same_reference(attempt)
        if same is None and run.stop.leaves:
            # A run that leaves hears no more answers: the next one asks whether another attempt is due.
            return
        if same is not None and any(request.state is not JobState.FAILED for request in same):
            # Several requests carry the reference, and this one is not done for.
            followed.attempt = await run.ledger(table.update, progressed(attempt, choose(same)[0]))
            return
        tries = await run.ledger(table.tries, attempt.fingerprint)
        if same is not None and may_try_again(attempt.error, tries, run.settings.attempts):
            # Who is told to redo it, and does, would pay for nothing.
            await run.ledger(table.free_jobs, replace(attempt, hint=ONE_MORE))
            self._leave(attempt.reference)
        else:
            await self._end(attempt)

    async def _same_reference(self, attempt: Attempt) -> list[Request] | None:
        """Every request with an attempt's reference; None: the service won't say, so nothing more may be bought."""
        try:
            return await self._run.asking.until_answered(lambda: self._run.listing.search(attempt.reference))
        except ServiceError:
            return None

    async def _miss(self, followed: _Followed, asked: float, now: float) -> None:
        """A known request is not there: not visible yet, or gone for good.

        Gone only if a question that was asked ``settle`` after the first such answer has it again: a
        round over many attempts may take long, and an answer is as old as its question.
        """
        if followed.missing_since is None:
            followed.missing_since = now
        elif asked - followed.missing_since >= self._run.settings.settle_s:
            lost = replace(
                followed.attempt,
                state=JobState.FAILED,
                error="the service no longer knows this request, although it accepted it",
                hint=f"it may have been billed: ask the vendor about {followed.attempt.request_id}, or `dubbatch redo`",
            )
            await self._end(lost)

    async def _stall(self, followed: _Followed) -> None:
        stalled = replace(
            followed.attempt,
            state=JobState.STALLED,
            error="no progress for much longer than this account's jobs take",
            hint="a later run looks again; it is not sent twice",
        )
        if followed.attempt.state is not JobState.STALLED:
            self._run.notice(Level.WARNING, stalled.error, stalled.hint, stalled.job)
        await self._end(stalled)

    async def _learn(self) -> None:
        """Take this account's times from its latest finished attempts."""
        pairs = await self._run.ledger(self._run.books.account.usual_times)
        spans = [(epoch_s(end) or math.nan) - (epoch_s(begin) or math.nan) for begin, end in pairs]
        known = [span for span in spans if span >= 0]
        self._schedule = self._schedule.learned(known)
        if known:
            usual_s = median(known)
            self._patience_s = max(_STALL_S, _STALL_USUAL * usual_s)
            await self._run.ledger(self._run.books.account.remember_usual, usual_s)


def _without_stall(attempt: Attempt) -> Attempt:
    """The attempt as the service tells it: that it was stalled is our own remark."""
    return replace(
        attempt, state=JobState.PROCESSING if attempt.state is JobState.STALLED else attempt.state, error="", hint=""
    )
