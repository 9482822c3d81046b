"""The life of a job."""

from __future__ import annotations

import itertools

import pytest

from dubbatch.jobs import ACCEPTED, ENDED, LEGAL_CHANGES, LIVE, JobState, Media, Outcome, Place, Send, may_follow

P, S, U, Q, R, C, D, X, F, T, B, K = (
    JobState.PENDING,
    JobState.SUBMITTING,
    JobState.UNSURE,
    JobState.QUEUED,
    JobState.PROCESSING,
    JobState.COMPLETED,
    JobState.DOWNLOADED,
    JobState.SUSPECT,
    JobState.FAILED,
    JobState.STALLED,
    JobState.BLOCKED,
    JobState.SKIPPED,
)


@pytest.mark.parametrize("path", [(P, S, Q, R, C, D), (P, S, U, P, S, Q), (P, S, F), (P, S, U, R, F), (Q, T, R, C, X)])
def test_the_paths_of_the_design_are_legal(path: tuple[JobState, ...]) -> None:
    """Design, section 5: the picture's arrows."""
    assert all(may_follow(before, after) for before, after in itertools.pairwise(path))


@pytest.mark.parametrize(
    ("before", "after"),
    [(P, S), *((state, P) for state in (Q, R, C, T)), (D, S), (F, S), (U, S), (B, S), (K, S), (Q, S)],
)
def test_what_may_have_been_accepted_is_never_simply_sent(before: JobState, after: JobState) -> None:
    """Only a pending job is sent, and what the service accepted does not become pending by itself."""
    assert may_follow(before, after) is (before is P and after is S)


def test_every_state_has_its_changes_and_staying_is_one() -> None:
    """The table is complete."""
    assert set(LEGAL_CHANGES) == set(JobState)
    assert all(may_follow(state, state) for state in JobState)


def test_the_groups_of_states_do_not_overlap_where_money_is_at_stake() -> None:
    """Nothing that has ended is live; an accepted attempt is live or finished."""
    assert not LIVE & ENDED
    assert frozenset({JobState.COMPLETED}) == ACCEPTED - LIVE


@pytest.mark.parametrize(
    ("outcome", "maybe"), [(None, True), (Outcome.UNKNOWN, True), (Outcome.ACCEPTED, False), (Outcome.REFUSED, False)]
)
def test_a_send_without_an_answer_may_have_been_accepted(outcome: Outcome | None, maybe: bool) -> None:
    """A crash between POST and answer counts like a lost answer."""
    assert Send(reference="r", started=0.0, outcome=outcome).may_have_been_accepted is maybe


def test_places_read_as_a_person_counts() -> None:
    """Row and header in a table, line and column in YAML."""
    assert str(Place("a.csv", 3, "video")) == "a.csv, row 3, column video"
    assert str(Place("a.yaml", 3, 7)) == "a.yaml:3:7"
    assert str(Place("a.xlsx", 3, "video", "Sheet2")) == "a.xlsx#Sheet2, row 3, column video"
    assert str(Place("a.csv")) == "a.csv"


def test_media_is_local_or_not() -> None:
    """A URL is not a file."""
    assert not Media("https://h/a", url="https://h/a").is_local
