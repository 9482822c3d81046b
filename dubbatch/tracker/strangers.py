"""Requests that carry one of our references and an id that we never got (design, "Paying once", point 6)."""

from __future__ import annotations

from dubbatch.api.wire import Request
from dubbatch.events import Level
from dubbatch.jobs import Attempt
from dubbatch.listing import seen
from dubbatch.run import Run
from dubbatch.settlement import Stranger, recognise
from dubbatch.stop import StopReason


class Strangers:
    """Each is told of once: it is our own, come late, or another machine's."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._met: set[str] = set()

    async def meet(self, request: Request, attempt: Attempt | None) -> None:
        """Look at a request that is not followed; ``attempt`` is followed under its reference, None: none is."""
        if attempt is None or request.id == attempt.request_id or request.id in self._met:
            return
        run = self._run
        self._met.add(request.id)
        known = await run.ledger(run.books.account.seen_with, attempt.reference)
        sends = await run.ledger(run.books.attempts.sends, attempt.reference)
        who = recognise(request.id, attempt, sends, [seen_before.request_id for seen_before in known])
        await run.ledger(run.books.account.see, [seen(request)])
        if who is Stranger.OURS:
            message = f"a request whose answer was lost came late: {request.id} ({request.status}) was billed too"
            run.notice(Level.WARNING, message, f"{attempt.request_id} is kept; nothing more is sent", attempt.job)
        elif who is Stranger.ANOTHER_MACHINE:
            message = f"another machine works on the same jobs: request {request.id} of {attempt.reference} is not ours"
            hint = "let one machine run this batch; nothing more is sent now"
            if run.stop.sending(StopReason.ANOTHER_MACHINE, message, hint):
                # What was bought may take hours to come: a person hears of it before.
                run.notice(Level.ERROR, message, hint, attempt.job)
