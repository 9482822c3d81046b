"""What an answer means: of a POST for the money (design, "Paying once", point 3), of a GET for the caller.

One table for both, pure. An answer speaks for its own send alone: refused means that nothing was
charged; everything that is not surely accepted or surely refused is unknown, and is settled by asking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from dubbatch.api.clock import http_date_s
from dubbatch.api.wire import read_accepted, read_error
from dubbatch.errors import (
    KeyRefused,
    RateLimited,
    RequestNotFound,
    ServiceError,
    ServiceFault,
    TokensUsedUp,
    UnreadableAnswer,
    WrongAddress,
)
from dubbatch.jobs import Outcome

RETRY_AFTER_MAX_S = 86_400.0


class Failure(StrEnum):
    """Why a POST has no answer."""

    #: Refused connection, no such host, TLS: anything before the first byte left.
    NOT_SENT = "not sent"
    #: Anything later: the service may have all of it.
    BROKEN = "broken"


class Then(StrEnum):
    """What the caller does next; the last two differ from WAIT in what they wait for."""

    #: Accepted: follow the request.
    FOLLOW = "follow"
    #: This job can't be sent as it is; the others can.
    FAIL_JOB = "fail job"
    #: The key is wrong: stop the run.
    STOP_KEY = "stop: key"
    #: The base URL is wrong: stop the run.
    STOP_ADDRESS = "stop: address"
    #: No tokens are left: stop sending, collect what runs.
    STOP_TOKENS = "stop: tokens"
    #: Too fast, or too many at once: back to pending.
    WAIT = "wait"
    #: The service was not reached: back to pending.
    AWAY = "away"
    #: Nobody knows: ask the account until it is found or settled.
    SETTLE = "settle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one POST: a status with its body, or a failure."""

    status: int = 0
    body: bytes = b""
    retry_after_s: float | None = None
    failure: Failure | None = None
    #: In words, what broke.
    detail: str = ""
    #: A file was not what was planned when it was read for this POST.
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one send came to, what to do next, and how to say it."""

    outcome: Outcome
    then: Then
    #: The service's id, if and only if the outcome is accepted.
    request_id: str = ""
    message: str = ""
    hint: str = ""
    #: The service's own word on when to try again, seconds from now.
    retry_after_s: float | None = None
    #: A file changed under our hands: the row is planned anew, whatever ``then`` says of this send.
    changed: bool = False


#: The key is hidden in every answer: a request that is named by it would never be found again.
KEY_IN_REFERENCE = Verdict(
    outcome=Outcome.REFUSED,
    then=Then.FAIL_JOB,
    message="the key stands in this job's id or reference_id",
    hint="take it out of the manifest, and have the key replaced if others saw it; nothing was sent",
)


@dataclass(frozen=True, slots=True)
class _Rule:
    outcome: Outcome
    then: Then
    says: str
    hint: str = ""


_BAD_JOB = _Rule(
    Outcome.REFUSED,
    Then.FAIL_JOB,
    "the service refuses this job as it is",
    "mend the row or its media; nothing was charged",
)
_BAD_KEY = _Rule(
    Outcome.REFUSED,
    Then.STOP_KEY,
    "the service refuses the key",
    "`dubbatch account` says where it comes from; mend it there, then run again; nothing was charged",
)
_BAD_ADDRESS = _Rule(
    Outcome.REFUSED,
    Then.STOP_ADDRESS,
    "the lip-sync API is not at this address",
    "check the base URL (--base-url, CHAMELAION_BASE_URL); nothing was charged",
)
_REDIRECT = _Rule(
    Outcome.UNKNOWN,
    Then.STOP_ADDRESS,
    "the service answers with a redirect, which is not followed",
    "check the base URL (--base-url, CHAMELAION_BASE_URL); the account is asked whether the job was accepted",
)
_NO_TOKENS = _Rule(
    Outcome.REFUSED,
    Then.STOP_TOKENS,
    "the account's tokens are used up",
    "add tokens or wait for the next period, then run again: it goes on where it stopped",
)
_TOO_MUCH = _Rule(
    Outcome.REFUSED,
    Then.WAIT,
    "the service asks for a slower pace or fewer jobs at once",
    "dubbatch waits and sends it later; nothing was charged",
)
_NOT_REACHED = _Rule(Outcome.REFUSED, Then.AWAY, "the service was not reached", "nothing was sent or charged")
_UNKNOWN = _Rule(
    Outcome.UNKNOWN,
    Then.SETTLE,
    "the answer was lost: the job may have been accepted",
    "the account is asked for it before anything is sent again",
)

_RULES: Mapping[int, _Rule] = {
    **dict.fromkeys((400, 413, 415, 422), _BAD_JOB),
    **dict.fromkeys((401, 403), _BAD_KEY),
    **dict.fromkeys(range(300, 400), _REDIRECT),
    **dict.fromkeys((404, 405), _BAD_ADDRESS),
    412: _NO_TOKENS,
    429: _TOO_MUCH,
}

_CHANGED = "leave the file alone while a run goes on; the row is planned anew, and half an upload is not charged"

#: Statuses of a GET that say "later" without being 5xx: request timeout, too early.
_LATER = frozenset({408, 425})


def judge(answer: Answer) -> Verdict:
    """What one POST's answer says about that POST, and what follows from it.

    A redirect stops the run, and the send is unknown: "see over there" is also said of what was accepted.
    """
    if answer.failure is not None:
        rule = _NOT_REACHED if answer.failure is Failure.NOT_SENT else _UNKNOWN
        verdict = _verdict(rule, answer, answer.detail)
        return replace(verdict, changed=True, message=answer.detail, hint=_CHANGED) if answer.changed else verdict
    if 200 <= answer.status < 300:
        return _accepted(answer)
    return _verdict(_RULES.get(answer.status, _UNKNOWN), answer, _words(answer.status, answer.body))


def error_of(status: int, body: bytes, retry_after_s: float | None, asked: str, *, one: bool = False) -> ServiceError:
    """The error that a GET's answer other than 2xx stands for.

    ``asked`` is the endpoint in words; ``one`` says that one request was asked for, so that 404 is an
    answer. A 404 whose body is neither JSON nor empty is a proxy's and no answer: taken for one, it would
    have an attempt sent again, or given up as lost, that the service holds.
    """
    rule = _RULES.get(status)
    said = f"{asked}: {_words(status, body)}"
    if status == 404 and one:
        if body.strip() and not body.lstrip().startswith(b"{"):
            return UnreadableAnswer(f"{said} (not JSON)", hint="is there a proxy in between? dubbatch asks again")
        return RequestNotFound(said)
    if rule is _TOO_MUCH:
        return RateLimited(f"{rule.says} ({said})", retry_after_s=retry_after_s)
    if rule is not None and rule in _GET_ERRORS:
        return _GET_ERRORS[rule](f"{rule.says} ({said})", hint=rule.hint)
    if status >= 500 or status in _LATER:
        return ServiceFault(said, hint="the service has trouble; dubbatch asks again")
    return ServiceError(said)


_GET_ERRORS: Mapping[_Rule, type[ServiceError]] = {
    _BAD_KEY: KeyRefused,
    _BAD_ADDRESS: WrongAddress,
    _REDIRECT: WrongAddress,
    _NO_TOKENS: TokensUsedUp,
}


def retry_after_s(value: str | None, *, now: float) -> float | None:
    """A ``Retry-After`` header as seconds from ``now`` (seconds since the epoch), from 0 to one day.

    It is a number or an HTTP date (RFC 9110, 10.2.3). None if there is none or it is neither.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        seconds = float(text)
    else:
        date_s = http_date_s(text)
        if date_s is None:
            return None
        seconds = date_s - now
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


def _accepted(answer: Answer) -> Verdict:
    try:
        request_id = read_accepted(answer.body)
    except UnreadableAnswer as exc:
        return _verdict(_UNKNOWN, answer, exc.message)
    return Verdict(outcome=Outcome.ACCEPTED, then=Then.FOLLOW, request_id=request_id)


def _verdict(rule: _Rule, answer: Answer, detail: str) -> Verdict:
    return Verdict(
        outcome=rule.outcome,
        then=rule.then,
        message=f"{rule.says} ({detail})" if detail else rule.says,
        hint=rule.hint,
        retry_after_s=answer.retry_after_s,
    )


def _words(status: int, body: bytes) -> str:
    said = read_error(body)
    return f"{status}: {said}" if said else f"answer {status} without a reason"
