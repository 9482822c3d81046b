"""The decisions of paying once."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.api.wire import Request
from dubbatch.jobs import Attempt, JobState, Outcome, Send
from dubbatch.settlement import (
    Settling,
    Source,
    Stranger,
    choose,
    failed_for_good,
    is_own_fault,
    may_try_again,
    progressed,
    recognise,
    young,
)

ATTEMPT = Attempt(
    reference="ep1-abc-1",
    stem="ep1-abc",
    n=1,
    batch="spring",
    job="ep1",
    fingerprint="f",
    state=JobState.QUEUED,
    request_id="r1",
)


def request(id: str, status: str, created_at: str = "2026-01-01T00:00:00Z") -> Request:
    url = "https://out.example.com/1.mp4" if status == "completed" else ""
    return Request(id=id, status=status, created_at=created_at, reference_id="ep1-abc-1", output_url=url)


def test_of_several_requests_the_furthest_is_kept_then_the_oldest() -> None:
    """Completed before processing before an unknown status before queued before failed; then the oldest."""
    ranked = ["completed", "processing", "uploading", "queued", "failed"]
    for better, worse in itertools.pairwise(ranked):
        older_is_worse = [request("w", worse, "2025-01-01T00:00:00Z"), request("b", better)]

        assert choose(older_is_worse)[0].id == "b"

    same = [request("new", "queued", "2026-01-02T00:00:00Z"), request("old", "queued", "2026-01-01T00:00:00Z")]
    kept, others = choose(same)

    assert (kept.id, [other.id for other in others]) == ("old", ["new"])


@given(st.permutations([request(str(n), status) for n, status in enumerate(["completed", "queued", "failed", "?"])]))
def test_what_is_kept_does_not_hang_on_the_order_of_the_answer(requests: list[Request]) -> None:
    """Two machines that see the same requests keep the same one."""
    kept, others = choose(requests)

    assert kept.status == "completed"
    assert len(others) == 3


S = Settling(since=100.0, settle_s=120.0)


@pytest.mark.parametrize(
    ("listed", "single", "absent"),
    [
        (None, None, False),
        (221.0, None, False),
        (None, 221.0, False),
        (219.9, 221.0, False),
        (221.0, 219.9, False),
        (220.0, 220.0, True),
        (400.0, 221.0, True),
    ],
)
def test_absent_means_no_from_both_after_settle(listed: float | None, single: float | None, absent: bool) -> None:
    """A "no" to a question that was asked too early, or from one way of asking alone, proves nothing."""
    settling = S
    if listed is not None:
        settling = settling.heard_no(Source.LIST, listed)
    if single is not None:
        settling = settling.heard_no(Source.SINGLE, single)

    assert settling.is_absent is absent


@given(st.integers(0, 50), st.floats(100.0, 400.0))
def test_the_round_that_can_be_the_last_is_never_slept_past(rounds: int, now: float) -> None:
    """Pauses are bounded, and one that would cross the end of settle ends there."""
    pause = replace(S, rounds=rounds).pause_s(now)

    assert 0.0 <= pause <= 10.0
    assert now >= 220.0 or now + pause <= 220.0


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("internal error", True),
        ("Internal Server Error", True),
        ("processing timed out", True),
        ("timeout", True),
        ("time-out", True),
        ("no capacity", True),
        ("GPU out of memory", True),
        ("video URL is not accessible", False),
        ("download of the video URL timed out", False),
        ("unsupported codec", False),
        ("no face detected", False),
        # ours, with the storage's or the service's words behind them
        ("output lost: its output can't be had any more (silent for 60 s: timed out)", False),
        ("the service no longer knows this request (internal error)", False),
        ("", False),
    ],
)
def test_only_the_services_own_faults_are_worth_a_second_attempt(message: str, own: bool) -> None:
    """What names the media or its address would fail again, and cost again."""
    assert is_own_fault(message) is own
    assert may_try_again(message, tries=1, attempts=2) is own
    assert not may_try_again(message, tries=2, attempts=2)


@pytest.mark.parametrize(
    ("outcomes", "seen", "who"),
    [
        ([Outcome.ACCEPTED], [], Stranger.ANOTHER_MACHINE),
        ([Outcome.REFUSED, Outcome.ACCEPTED], [], Stranger.ANOTHER_MACHINE),
        ([], [], Stranger.ANOTHER_MACHINE),
        ([Outcome.UNKNOWN, Outcome.ACCEPTED], [], Stranger.OURS),
        ([None, Outcome.ACCEPTED], [], Stranger.OURS),
        ([Outcome.ACCEPTED], ["r2"], None),
    ],
)
def test_a_request_that_we_never_got_is_ours_only_if_an_answer_was_lost(
    outcomes: list[Outcome | None], seen: list[str], who: Stranger | None
) -> None:
    """Without a lost answer, somebody else sends our references: another machine."""
    sends = [Send(reference="ep1-abc-1", started=0.0, outcome=outcome) for outcome in outcomes]

    assert recognise("r2", ATTEMPT, sends, seen) is who
    assert recognise("r1", ATTEMPT, sends, seen) is None


def test_a_failed_request_tells_why_and_what_to_do() -> None:
    """The service's reason reaches the attempt; a gap where it gives none is said."""
    failed = progressed(ATTEMPT, replace(request("r1", "failed"), error_message="video URL is not accessible"))

    assert failed.state is JobState.FAILED
    assert failed.error == "video URL is not accessible"
    assert "redo" in failed.hint
    assert progressed(ATTEMPT, request("r1", "failed")).error == "the service gives no reason"


def test_an_unknown_status_is_still_running() -> None:
    """api.md: treat an unknown status as still running; completed without a link is asked again."""
    assert progressed(ATTEMPT, request("r1", "uploading")).state is JobState.PROCESSING
    assert progressed(ATTEMPT, replace(request("r1", "completed"), output_url="")).state is JobState.PROCESSING


def test_a_request_is_young_until_settle_has_passed_since_the_server_made_it() -> None:
    """A time that can't be read, or lies in the future, counts as right now."""
    now = 1_767_225_600.0  # 2026-01-01T00:00:00Z

    assert young("2026-01-01T00:00:00Z", now, 120.0) == 120.0
    assert young("2025-12-31T23:59:00Z", now, 120.0) == 60.0
    assert young("2025-12-31T00:00:00Z", now, 120.0) == 0.0
    assert young("2027-01-01T00:00:00Z", now, 120.0) == 120.0
    assert young("soon", now, 120.0) == 120.0


@pytest.mark.parametrize(
    ("errors", "tries", "holds"),
    [
        ([], 0, False),
        (["internal error"], 1, False),
        (["internal error"], 2, True),
        (["video URL is not accessible"], 1, True),
        (["internal error", "video URL is not accessible"], 2, True),
    ],
)
def test_a_failure_holds_for_every_row_of_the_same_work(errors: list[str], tries: int, holds: bool) -> None:
    """What failed for good is bought again only on a person's word, under whatever id; the newest failure counts."""
    same = [replace(ATTEMPT, state=JobState.FAILED, error=error) for error in errors]
    refused = replace(ATTEMPT, state=JobState.FAILED, request_id="", error="400")

    assert (failed_for_good(same, tries, 2) is not None) is holds
    assert failed_for_good([refused], 0, 2) is None
