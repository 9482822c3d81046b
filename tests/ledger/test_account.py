"""What is learned of the account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dubbatch.errors import UsageError
from dubbatch.jobs import Attempt, JobRecord, JobState
from dubbatch.ledger.account import Account, SeenRequest
from dubbatch.ledger.ledger import Ledger
from tests.story import Story


def test_a_ledger_from_which_nothing_was_sent_goes_along_to_another_service(ledger: Ledger) -> None:
    """A mistyped address costs nobody a ledger; what was learned there is forgotten."""
    ledger.account.belong_to("https://mistyped.example.com")
    ledger.account.remember_slots(7)
    ledger.account.see([SeenRequest("q", "r", "queued", "")])
    ledger.account.belong_to("https://one.example.com")

    assert ledger.account.get() == Account("https://one.example.com", None, None, "", None)
    assert ledger.account.seen_count() == 0


def test_a_ledger_belongs_to_one_service(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    """Used with another, nothing is sent: its references mean nothing there."""
    ledger.account.belong_to("https://one.example.com")
    ledger.account.belong_to("https://one.example.com")
    story = Story(ledger, tmp_path)
    story.plan("ep01")
    story.send("ep01")

    with pytest.raises(UsageError, match=r"belongs to https://one\.example\.com, not to sandbox") as caught:
        ledger.account.belong_to("sandbox")

    assert str(path) in caught.value.message
    assert "--ledger" in caught.value.hint
    assert ledger.account.get().service == "https://one.example.com"


def test_what_was_learned_is_there_for_the_next_run(ledger: Ledger, path: Path) -> None:
    """Each by itself; before anything was learned, nothing is known."""
    assert ledger.account.get() == Account("", None, None, "", None)
    ledger.account.belong_to("s")
    ledger.account.remember_slots(6)
    ledger.account.remember_usual(90.5)
    ledger.account.remember_look_up("2026-01-01T00:00:00Z", None)
    with Ledger(path) as other:
        assert other.account.get() == Account("s", 6, 90.5, "2026-01-01T00:00:00Z", None)

    ledger.account.remember_look_up("2026-01-02T00:00:00Z", False)

    assert ledger.account.get() == Account("s", 6, 90.5, "2026-01-02T00:00:00Z", False)


def test_usual_times_are_those_of_the_latest_that_ended_well(
    ledger: Ledger,
    begin: Callable[..., list[JobRecord]],
    make_record: Callable[..., JobRecord],
    make_attempt: Callable[..., Attempt],
) -> None:
    """At most 50; what failed or has no times tells nothing."""
    (record,) = begin([make_record("a")])
    for n in range(1, 61):
        times = {"created_at": f"2026-01-01T00:00:{n % 60:02}Z", "finished_at": f"2026-01-01T01:00:{n % 60:02}Z"}
        ledger.attempts.update(make_attempt(record, n, state=JobState.COMPLETED, request_id=str(n), **times))
    ledger.attempts.update(make_attempt(record, 61, state=JobState.COMPLETED, request_id="61"))
    ledger.attempts.update(
        make_attempt(record, 62, state=JobState.FAILED, created_at="2026-01-01", finished_at="2027-01-01")
    )
    times_told = ledger.account.usual_times()

    assert len(times_told) == 50
    assert times_told[0] == ("2026-01-01T00:00:59Z", "2026-01-01T01:00:59Z")


def test_requests_that_look_ups_saw_are_kept_by_id(ledger: Ledger) -> None:
    """Seen again, the newer word counts; oldest first for one reference; all forgotten before a new reading."""
    one = SeenRequest("id-1", "ref", "queued", "2026-01-02")
    two = SeenRequest("id-2", "ref", "failed", "2026-01-01")
    ledger.account.see([one, two, SeenRequest("id-3", "", "queued", "2026-01-03")])
    later = SeenRequest("id-1", "ref", "completed", "2026-01-02")
    ledger.account.see([later])

    assert ledger.account.seen_count() == 3
    assert ledger.account.seen_with("ref") == [two, later]
    assert ledger.account.seen_with("other") == []

    ledger.account.forget_requests()

    assert ledger.account.seen_count() == 0
