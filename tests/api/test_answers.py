"""What an answer means for the money."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.api.answers import RETRY_AFTER_MAX_S, Answer, Failure, Then, error_of, judge, retry_after_s
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

GOOD = b'{"status": "success", "request_id": "6f82a2d8-a6d4-4e8a-a0fa-e8b09823a2d8"}'
ERROR = b'{"error": "what the service says"}'

TABLE = [
    *[(status, Outcome.REFUSED, Then.FAIL_JOB) for status in (400, 413, 415, 422)],
    *[(status, Outcome.REFUSED, Then.STOP_KEY) for status in (401, 403)],
    *[(status, Outcome.REFUSED, Then.STOP_ADDRESS) for status in (404, 405)],
    *[(status, Outcome.UNKNOWN, Then.STOP_ADDRESS) for status in (300, 301, 302, 303, 304, 307, 308, 399)],
    (412, Outcome.REFUSED, Then.STOP_TOKENS),
    (429, Outcome.REFUSED, Then.WAIT),
    *[
        (status, Outcome.UNKNOWN, Then.SETTLE)
        for status in (
            *(101, 402, 406, 408, 409, 410, 418, 423, 425, 451, 499),
            *(500, 501, 502, 503, 504, 507, 529, 599),
        )
    ],
]


@pytest.mark.parametrize(("status", "outcome", "then"), TABLE)
@pytest.mark.parametrize(
    "body", [ERROR, GOOD, b"", b"<html>Bad Gateway</html>"], ids=["error", "good", "empty", "html"]
)
def test_every_status_but_success_means_the_same_whatever_the_body(
    status: int, outcome: Outcome, then: Then, body: bytes
) -> None:
    verdict = judge(Answer(status=status, body=body))
    assert (verdict.outcome, verdict.then, verdict.request_id) == (outcome, then, "")


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_success_with_an_id_is_accepted(status: int) -> None:
    verdict = judge(Answer(status=status, body=GOOD))
    assert (verdict.outcome, verdict.then) == (Outcome.ACCEPTED, Then.FOLLOW)
    assert verdict.request_id == "6f82a2d8-a6d4-4e8a-a0fa-e8b09823a2d8"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>200</html>",
        GOOD[:-2],
        b'{"status": "success"}',
        b'{"request_id": null}',
        b'{"request_id": ""}',
        b'{"request_id": "  "}',
        b'{"request_id": 7}',
        b'{"request_id": ["x"]}',
        b'{"request_id": "a\\u001b[31mb"}',
        b'{"request_id": "\\ud800"}',
        b'{"request_id": "' + b"x" * 300 + b'"}',
        b'\xff{"request_id": "x"}',
    ],
)
def test_success_without_a_readable_id_is_unknown(body: bytes) -> None:
    verdict = judge(Answer(status=200, body=body))
    assert (verdict.outcome, verdict.then, verdict.request_id) == (Outcome.UNKNOWN, Then.SETTLE, "")


def test_nothing_sent_is_refused_and_anything_later_is_unknown() -> None:
    away, broken = judge(Answer(failure=Failure.NOT_SENT)), judge(Answer(failure=Failure.BROKEN))
    assert (away.outcome, away.then) == (Outcome.REFUSED, Then.AWAY)
    assert (broken.outcome, broken.then) == (Outcome.UNKNOWN, Then.SETTLE)


@pytest.mark.parametrize(
    ("failure", "outcome"), [(Failure.NOT_SENT, Outcome.REFUSED), (Failure.BROKEN, Outcome.UNKNOWN)]
)
def test_a_changed_file_is_told_apart_and_in_its_own_words(failure: Failure, outcome: Outcome) -> None:
    verdict = judge(Answer(failure=failure, changed=True, detail="a.mp4 changed"))
    assert (verdict.changed, verdict.outcome, verdict.message) == (True, outcome, "a.mp4 changed")


def test_the_services_words_and_its_wait_are_passed_on() -> None:
    verdict = judge(Answer(status=429, body=b'{"error": "rate limit exceeded"}', retry_after_s=12.0))
    assert "rate limit exceeded" in verdict.message
    assert verdict.retry_after_s == 12.0


def test_every_stopping_verdict_says_what_to_do() -> None:
    assert all(judge(Answer(status=status, body=ERROR)).hint for status in (400, 401, 404, 412, 500))


@given(st.integers(100, 599), st.one_of(st.binary(max_size=80), st.sampled_from([GOOD, ERROR])))
def test_nothing_is_accepted_without_an_id_or_refused_without_cause(status: int, body: bytes) -> None:
    verdict = judge(Answer(status=status, body=body))
    assert (verdict.outcome is Outcome.ACCEPTED) == bool(verdict.request_id)
    if verdict.outcome is Outcome.ACCEPTED:
        assert 200 <= status < 300
    if verdict.outcome is Outcome.REFUSED:
        assert status in {400, 401, 403, 404, 405, 412, 413, 415, 422, 429}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, WrongAddress),
        (307, WrongAddress),
        (400, ServiceError),
        (401, KeyRefused),
        (403, KeyRefused),
        (404, WrongAddress),
        (405, WrongAddress),
        (408, ServiceFault),
        (409, ServiceError),
        (412, TokensUsedUp),
        (425, ServiceFault),
        (429, RateLimited),
        (500, ServiceFault),
        (503, ServiceFault),
    ],
)
def test_each_answer_of_a_get_is_its_own_error(status: int, kind: type[ServiceError]) -> None:
    error = error_of(status, ERROR, 3.0, "GET /x")
    assert type(error) is kind
    assert "what the service says" in error.message


def test_a_429_of_a_get_carries_the_services_wait() -> None:
    error = error_of(429, ERROR, 3.0, "GET /x")
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 3.0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": "not found"}', RequestNotFound),
        (b' {"detail": "Not Found"}', RequestNotFound),
        (b"", RequestNotFound),
        (b"\n<!doctype html>", UnreadableAnswer),
        (b"404 page not found\n", UnreadableAnswer),
        (b"default backend - 404", UnreadableAnswer),
    ],
)
def test_404_for_one_request_is_an_answer_unless_something_else_says_it(body: bytes, kind: type[ServiceError]) -> None:
    assert type(error_of(404, body, None, "GET /x", one=True)) is kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("-", None),
        ("Sat, 99 Nov 2026 99:00:00 GMT", None),
        ("0", 0.0),
        ("-5", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("9" * 400, RETRY_AFTER_MAX_S),
        ("Thu, 01 Jan 1970 00:17:10 GMT", 30.0),
        ("Thursday, 01-Jan-70 00:17:10 GMT", 30.0),
        ("Thu Jan  1 00:17:10 1970", 30.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", RETRY_AFTER_MAX_S),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, now=1000.0) == seconds


@given(st.text(max_size=60))
def test_retry_after_is_none_or_within_a_day_whatever_it_says(text: str) -> None:
    seconds = retry_after_s(text, now=1_800_000_000.0)
    assert seconds is None or 0.0 <= seconds <= RETRY_AFTER_MAX_S
