"""The decisions of paying once, without any I/O: what is found, what is absent, what may be sent again.

The service has no idempotency key. What became of a POST whose answer was lost can only
be learned by asking for its reference, and "no" may be a request that is not visible yet.
So a "no" counts only from both ways of asking, only after ``settle`` seconds, and a
request that turns up later is still recognised (design, "Paying once").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dubbatch.api.wire import Request, epoch_s
from dubbatch.events import Level, Notice
from dubbatch.jobs import Attempt, JobState, Send

#: Pauses between two rounds of asking for an unsure attempt: soon at first (most answers were
#: lost on the way back, the request is there), then seldom.
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0

#: Messages that speak of the service itself. Anything that names the media or its address does not.
_OWN_FAULT = re.compile(
    r"internal (server )?error|timed? ?-?out|\bcapacity\b|overload|out of memory|temporarily unavailable", re.IGNORECASE
)
#: Our own words for what was accepted and can't be had: another attempt is for a person to buy.
_LOST = re.compile(r"^output lost|^the service no longer knows")
_MEDIA_FAULT = re.compile(r"\burls?\b|accessib|download|fetch|unsupported|format|codec|decode|corrupt", re.IGNORECASE)


def choose(requests: Iterable[Request]) -> tuple[Request, tuple[Request, ...]]:
    """Of several requests with one reference, the one to keep, and the others.

    Completed before processing before an unknown status before queued before failed; then the
    oldest. Raises ValueError for none.
    """
    kept, *others = sorted(
        requests, key=lambda request: (_rank(request), epoch_s(request.created_at) or 0.0, request.id)
    )
    return kept, tuple(others)


def told_of_several(batch: str, job: str, reference: str, kept: Request, others: Sequence[Request]) -> Notice:
    """What a person hears when several requests carry one reference: which is kept, and which were billed too."""
    text = ", ".join(f"{request.id} ({request.status})" for request in others)
    message = f"{len(others) + 1} requests carry {reference}: {kept.id} is kept; also billed: {text}"
    return Notice(batch, Level.WARNING, message, "was it bought by another tool, or by two machines at once?", job)


def _rank(request: Request) -> int:
    # By the service's own word: a completed request whose link is not there yet is completed all the same.
    return {"completed": 0, "processing": 1, "queued": 3, "failed": 4}.get(request.status.lower(), 2)


class Source(StrEnum):
    """The two ways of asking for a reference."""

    LIST = "list"
    SINGLE = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What asking for one unsure attempt has told so far. All times are monotonic seconds."""

    #: The later of the send's end and this process's start.
    since: float
    settle_s: float
    #: When the question was asked that each way last answered with "no".
    no_from_list: float | None = None
    no_from_single: float | None = None
    rounds: int = 0

    def heard_no(self, source: Source, asked: float) -> Settling:
        """``source`` answered, to a question asked at ``asked``, that there is no such request."""
        return replace(self, no_from_list=asked) if source is Source.LIST else replace(self, no_from_single=asked)

    def asked_once(self) -> Settling:
        return replace(self, rounds=self.rounds + 1)

    @property
    def due(self) -> float:
        """From when on a "no" counts."""
        return self.since + self.settle_s

    @property
    def is_absent(self) -> bool:
        """Both have said "no" to a question that was asked after ``settle`` seconds."""
        return all(asked is not None and asked >= self.due for asked in (self.no_from_list, self.no_from_single))

    def pause_s(self, now: float) -> float:
        """Until the next round: growing, but the round that can be the last comes as soon as it counts."""
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self.rounds, 10))
        return self.due - now if now < self.due <= now + pause else pause


def listing_is_whole(distinct_ids: int, total: int) -> bool:
    """Whether a reading of the account's list proves absence: it has as many ids as the pages count at most."""
    return distinct_ids == total


def young(created_at: str, now: float, settle_s: float) -> float:
    """Seconds until a request is no longer young, i.e. until others of its time must be visible; 0: it is not.

    ``now`` in seconds since the epoch. A time that can't be read counts as right now.
    """
    created = epoch_s(created_at)
    age = 0.0 if created is None else max(0.0, now - created)
    return max(0.0, settle_s - age)


def progressed(attempt: Attempt, request: Request) -> Attempt:
    """The attempt with what the service says of it now; its hint says what a failure cost."""
    failed = request.state is JobState.FAILED
    return replace(
        attempt,
        state=request.state,
        request_id=request.id,
        created_at=request.created_at or attempt.created_at,
        started_at=request.started_at or attempt.started_at,
        finished_at=request.finished_at or attempt.finished_at,
        error=(request.error_message or "the service gives no reason") if failed else "",
        hint=failure_hint(request.error_message) if failed else "",
    )


def is_own_fault(message: str) -> bool:
    """Whether a failure's message is one of the service's own faults, so that a second attempt is due."""
    is_its_own = bool(_OWN_FAULT.search(message)) and not _MEDIA_FAULT.search(message)
    return is_its_own and not _LOST.search(message)


def failure_hint(message: str) -> str:
    if is_own_fault(message):
        return "the service's own fault; buy it again with `dubbatch redo`"
    return "mend the media or its link (an edited row is sent by the next run), or `dubbatch redo`"


def may_try_again(message: str, tries: int, attempts: int) -> bool:
    """Whether another attempt may be bought without a person: the service's own fault, and tries are left."""
    return is_own_fault(message) and tries < attempts


def failed_for_good(same_work: Sequence[Attempt], tries: int, attempts: int) -> Attempt | None:
    """The attempt whose failure holds for every row of the same work: no other may be bought unasked.

    ``same_work``: newest first; ``tries`` are those that count. None: it may be bought.
    """
    failed = [attempt for attempt in same_work if attempt.state is JobState.FAILED and attempt.request_id]
    return failed[0] if failed and not may_try_again(failed[0].error, tries, attempts) else None


class Stranger(StrEnum):
    """What a request with our reference and an id that we never got is."""

    #: The request of a send whose answer was lost, come late.
    OURS = "ours"
    #: Another machine works on the same jobs.
    ANOTHER_MACHINE = "another machine"


def recognise(request_id: str, attempt: Attempt, sends: Sequence[Send], seen: Iterable[str] = ()) -> Stranger | None:
    """Who sent a request that carries our reference; None: nothing strange about it.

    ``seen`` are ids that were found, and reported, when the attempt was adopted or settled.
    """
    if request_id == attempt.request_id or request_id in seen:
        return None
    if any(send.may_have_been_accepted for send in sends):
        return Stranger.OURS
    return Stranger.ANOTHER_MACHINE
