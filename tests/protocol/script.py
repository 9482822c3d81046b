"""What the service is told to do: the fate of each POST, and what goes wrong with questions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from dubbatch.api.answers import Answer, Failure


class How(StrEnum):
    """How the answer of a POST reads."""

    ACCEPTED = "accepted"
    # Says nothing of what became of it.
    RESET = "reset"
    SILENCE = "silence"
    INTERNAL = "500"
    GATEWAY = "502 as a page"
    PAGE = "200 as a page"
    CUT = "200, cut off"
    NO_ID = "200 without an id"
    # Refused for sure.
    RATE = "429"
    RATE_LATER = "429 with Retry-After"
    TOKENS = "412"
    BAD = "400"
    KEY = "401"
    AWAY = "connection refused"
    MOVED = "302"


LOST = (How.RESET, How.SILENCE, How.INTERNAL, How.GATEWAY, How.PAGE, How.CUT, How.NO_ID)
REFUSED = (How.RATE, How.RATE_LATER, How.TOKENS, How.BAD, How.KEY, How.AWAY, How.MOVED)


class Life(StrEnum):
    """What becomes of an accepted request; the value is its message where it fails."""

    GOOD = ""
    OWN_FAULT = "internal error"
    MEDIA_FAULT = "video URL is not accessible"
    SLOW = "takes so long that it counts as stalled"


@dataclass(frozen=True)
class Fate:
    """What becomes of one POST. Shares are of the time within which a request may be invisible."""

    how: How = How.ACCEPTED
    accepted: bool = True
    #: Seconds from its start until the service has it; never longer than the answer takes.
    travel_s: float = 0.0
    hidden_from_list: float = 0.0
    hidden_from_get: float = 0.0
    life: Life = Life.GOOD


class Trouble(StrEnum):
    """What is wrong with the answer to a question."""

    BROKEN = "no answer"
    RATE = "429"
    RATE_LATER = "429 with Retry-After"
    INTERNAL = "500"
    PAGE = "200 as a page"
    CUT = "200, cut off"
    NOT_FOUND_PAGE = "404 as a page"
    STALE = "as of before what was just accepted"
    NO_LINK = "completed without a link, or an unknown status"


class Way(StrEnum):
    """The ways of asking."""

    LIST = "list"
    FILTER = "list of one reference"
    SINGLE = "single question"


class When(StrEnum):
    """At which questions a trouble begins: those about a POST in doubt are the ones that matter."""

    ANY = "any"
    #: ``settle`` is over: a no would count.
    DUE = "due"
    #: A permit has been granted since: the POST is next.
    LAST = "last"


@dataclass(frozen=True)
class Fault:
    """So many questions in a row, asked this way, have this trouble."""

    trouble: Trouble
    way: Way
    questions: int = 1
    when: When = When.ANY


def answer(how: How, request_id: str) -> Answer:
    """What comes back of a POST; ``request_id`` is empty where it was not accepted."""
    said = {"status": "success", "request_id": request_id}
    match how:
        case How.ACCEPTED:
            return Answer(status=200, body=json.dumps(said).encode())
        case How.RESET | How.SILENCE:
            return Answer(failure=Failure.BROKEN, detail=how.value)
        case How.INTERNAL:
            return Answer(status=500, body=b'{"error": "internal error"}')
        case How.GATEWAY:
            return Answer(status=502, body=b"<html>bad gateway</html>")
        case How.PAGE:
            return Answer(status=200, body=b"<html>welcome</html>")
        case How.CUT:
            return Answer(status=200, body=json.dumps(said).encode()[:-9])
        case How.NO_ID:
            return Answer(status=200, body=b'{"status": "success"}')
        case How.AWAY:
            return Answer(failure=Failure.NOT_SENT, detail="connection refused")
        case How.MOVED:
            return Answer(status=302)
    status, _, later = how.value.partition(" ")
    return Answer(status=int(status), body=b'{"error": "no"}', retry_after_s=45.0 if later else None)
