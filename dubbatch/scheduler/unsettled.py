"""What is at the service, or may be: settled beside the sends, and handed to the tracker once it surely is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dubbatch.jobs import LIVE, Attempt, JobState
from dubbatch.pacing.holders import Holders
from dubbatch.run import Run
from dubbatch.scheduler.setbacks import Setbacks
from dubbatch.scheduler.settler import Settler

#: Accepted, and not ended: the tracker asks for them.
_AT_SERVICE = LIVE - {JobState.SUBMITTING, JobState.UNSURE}


class Unsettled:
    """Each attempt is settled by a task of its own, and keeps its slot meanwhile."""

    def __init__(
        self,
        run: Run,
        *,
        settler: Settler,
        setbacks: Setbacks,
        holders: Holders,
        follow: Callable[[Attempt], None],
        given_back: Callable[[], None],
    ) -> None:
        """``follow`` takes what is at the service; ``given_back`` hears of what surely is not, and costs nothing."""
        self._run = run
        self._settler = settler
        self._setbacks = setbacks
        self._holders = holders
        self._follow = follow
        self._given_back = given_back
        self._settling: set[str] = set()
        #: Unsure attempts that the service would not speak of: the next run asks again.
        self.given_up: set[str] = set()

    @property
    def is_settling(self) -> bool:
        return bool(self._settling)

    def begin(self, group: asyncio.TaskGroup, attempt: Attempt) -> None:
        """Settle an attempt, unless that is under way or was given up."""
        if attempt.reference in self._settling | self.given_up:
            return
        self._holders.occupy(attempt.reference)
        self._settling.add(attempt.reference)
        group.create_task(self._settle(attempt, self._run.clock()), name=f"settle {attempt.reference}")

    def take_up(self, attempt: Attempt) -> None:
        """Hand over what the service surely has; what it surely hasn't, or is done with, needs no slot."""
        if attempt.state in _AT_SERVICE:
            self._follow(attempt)
        elif attempt.state not in LIVE:
            self._holders.let_go(attempt.reference)

    async def _settle(self, attempt: Attempt, since: float) -> None:
        try:
            settled = await self._settler.settle(attempt, since)
            self.take_up(settled)
            if settled.state in LIVE - _AT_SERVICE:
                self.given_up.add(settled.reference)
                # It may be at the service, but nobody asks for it any more: the others can't wait for its slot.
                self._holders.let_go(settled.reference)
            elif settled.state is JobState.PENDING:
                self._given_back()
                self._setbacks.count(settled.job, f"its answer was lost again and again ({attempt.error})")
        finally:
            self._settling.discard(attempt.reference)
            self._run.news.tell()
