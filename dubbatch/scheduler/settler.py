"""Finds out what became of sends whose answer was lost, and of requests with one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dubbatch.api.wire import Request
from dubbatch.errors import RequestNotFound, ServiceError
from dubbatch.jobs import Attempt, JobState
from dubbatch.listing import seen
from dubbatch.run import Run
from dubbatch.settlement import Settling, Source, choose, progressed, told_of_several

#: A service that won't say "no" both ways for so long is left to the next run; the attempt stays unsure.
_PATIENCE_S = 30 * 60.0


class Settler:
    """Asks for references both ways: by the list's filter and by GET."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def settle(self, attempt: Attempt, since: float) -> Attempt:
        """Ask until the attempt is found, or surely absent, or the run leaves; the attempt as it is then.

        Absent makes it pending again. ``since``: monotonic time from which ``settle`` counts.
        """
        run = self._run
        settling = Settling(since=since, settle_s=run.settings.settle_s)
        while not run.stop.leaves:
            settling, found = await self._ask(attempt.reference, settling)
            if found:
                return await self.take_over(attempt, found)
            if settling.is_absent:
                absent = replace(attempt, state=JobState.PENDING, error="", hint="")
                return await run.ledger(run.books.attempts.update, absent)
            now = run.clock()
            if now - since > run.settings.settle_s + _PATIENCE_S:
                break
            await run.stop.unless_leaving(run.sleep_for(settling.pause_s(now)))
            settling = settling.asked_once()
        return attempt

    async def find_again(self, attempt: Attempt) -> bool | None:
        """Ask once more, right before a later POST: found (and taken over), absent, or None: no answer."""
        settling = Settling(since=self._run.clock(), settle_s=0.0)
        settling, found = await self._ask(attempt.reference, settling)
        if found:
            await self.take_over(attempt, found)
            return True
        return False if settling.is_absent else None

    async def take_over(self, attempt: Attempt, found: Sequence[Request]) -> Attempt:
        """Adopt the best of the requests with this attempt's reference; report the others."""
        run = self._run
        kept, others = choose(found)
        await run.ledger(run.books.account.see, [seen(request) for request in found])
        if others:
            run.hook(told_of_several(run.batch, attempt.job, attempt.reference, kept, others))
        taken = progressed(attempt, kept)
        if taken.state is JobState.FAILED:
            # Followed like a running one: the tracker decides on a second attempt.
            taken = replace(taken, state=JobState.PROCESSING, error="", hint="")
        return await run.ledger(run.books.attempts.update, taken)

    async def _ask(self, reference: str, settling: Settling) -> tuple[Settling, list[Request]]:
        """One round. An error is no answer."""
        run = self._run
        found: dict[str, Request] = {}
        asked = run.clock()
        # Where the service doesn't filter, the whole list is read, but not before a "no" counts.
        by_list = run.listing.search if asked >= settling.due else run.listing.with_reference
        try:
            listed = await run.asking.once(lambda: by_list(reference))
            found |= {request.id: request for request in listed}
            settling = settling if listed else settling.heard_no(Source.LIST, asked)
        except ServiceError:
            pass
        asked = run.clock()
        try:
            single = await run.asking.once(lambda: run.client.get_request(reference))
            # An id that happens to read like our reference is somebody else's request.
            found |= {single.id: single} if single.reference_id == reference else {}
        except RequestNotFound:
            settling = settling.heard_no(Source.SINGLE, asked)
        except ServiceError:
            pass
        return settling, list(found.values())
