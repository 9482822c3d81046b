"""What a plan comes to: jobs, minutes and time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.budget import Tally
from dubbatch.forecast import Pace, Usual, by_column, choose, eta_s, totals, usual
from dubbatch.forms import Cap
from dubbatch.jobs import Job, JobRecord, JobState, Media
from dubbatch.plan import Action, Planned

MEDIA = Media("u", url="https://h/u")
JOB = Job(id="a", video=MEDIA, audio=MEDIA, output="a.mp4", position=0)
PACE = Pace(60, 60.0, 4)


def entry(job: str, seconds: float | None = 60.0, action: Action = Action.NEW, **fields: Any) -> Planned:
    record = JobRecord(batch="b", job=replace(JOB, id=job, **fields), state=JobState.PENDING, length_s=seconds)
    return Planned(record, action, "because")


def ids(rows: tuple[Planned, ...]) -> list[str]:
    return [row.record.job.id for row in rows]


def test_a_limit_takes_the_jobs_that_are_sent_first() -> None:
    """By priority, then the longest, then in the manifest's order."""
    rows = [entry("a", 60.0), entry("b", 120.0, position=1), entry("c", 30.0, priority=5, position=2)]

    choice = choose(rows, limit=2)
    sums = totals(rows, choice, PACE)

    assert ids(choice.sent) == ["c", "b"]
    assert (sums.all.jobs, sums.all.to_send, sums.all.minutes) == (3, 2, 2.5)


def test_what_does_not_fit_under_a_cap_is_passed_over_for_what_does() -> None:
    """The longest come first, so the cap is filled by those that are left."""
    rows = [entry("a", 120.0), entry("b", 90.0), entry("c", 60.0), entry("d", 30.0)]

    choice = choose(rows, tally=Tally([Cap(4.0)]))
    sums = totals(rows, choice, PACE)

    assert ids(choice.sent) == ["a", "b", "d"]
    assert list(choice.held) == ["c"]
    assert (sums.all.minutes, sums.held.to_send, sums.held.minutes) == (4.0, 1, 1.0)


def test_totals_count_what_is_to_be_sent() -> None:
    """Minutes as far as they are known, and how many are not; jobs by what is done with them."""
    rows = [
        entry("a", None, minutes=2.0),
        entry("b", None, Action.CHANGED),
        entry("c", 30.0, Action.REDO),
        entry("d", 6000.0, Action.UNCHANGED),
    ]

    sums = totals(rows, choose(rows), PACE)

    assert (sums.all.jobs, sums.all.to_send, sums.all.minutes, sums.all.unknown_minutes) == (4, 3, 2.5, 1)
    assert {action.value: n for action, n in sums.actions.items() if n} == {
        "new": 1, "changed": 1, "redo": 1, "unchanged": 1,
    }  # fmt: skip


def test_a_column_sums_up_what_stands_in_it() -> None:
    """A column of the team's own too, its header in any spelling; rows without a value are a group."""
    rows = [
        entry("a", 60.0, language="de", columns={"Client Name": "ACME"}),
        entry("b", 90.0, language="fr", columns={"Client Name": "ACME"}),
        entry("c", 30.0, Action.UNCHANGED, language="de", columns={"Client Name": ""}),
    ]
    choice = choose(rows)

    languages, clients = by_column(rows, choice, "language"), by_column(rows, choice, "client_name")

    assert {value: (these.jobs, these.to_send, these.minutes) for value, these in languages.items()} == {
        "de": (2, 1, 1.0),
        "fr": (1, 1, 1.5),
    }
    assert {value: (these.jobs, these.to_send) for value, these in clients.items()} == {"ACME": (2, 2), "": (1, 0)}


@pytest.mark.parametrize(
    ("jobs", "rate", "slots", "usual_s", "expected_s"),
    [
        (0, 60, 4, 100.0, 0.0),
        (1, 60, 4, 100.0, 100.0),
        (4, 60, 4, 100.0, 100.0),
        (5, 60, 4, 100.0, 200.0),
        (5, 60, None, 120.0, 240.0),
        (3, 1, 100, 10.0, 130.0),
        (60, 60, 100, 10.0, 10.0),
        (61, 60, 100, 10.0, 70.0),
    ],
)
def test_the_time_is_what_rate_and_slots_allow(
    jobs: int, rate: int, slots: int | None, usual_s: float, expected_s: float
) -> None:
    """Whichever is the narrower; before anything was learned, four slots."""
    assert eta_s([60.0] * jobs, Pace(rate, 60.0, slots, Usual(usual_s))) == expected_s


def test_before_anything_was_learned_a_job_takes_two_minutes() -> None:
    assert usual([]) == Usual(120.0, 0.0)


@given(st.floats(1, 100), st.floats(0.1, 5), st.lists(st.floats(10, 4000), min_size=8, max_size=50))
def test_where_lengths_differ_time_grows_with_length_as_it_did(fixed: float, per: float, lengths: list[float]) -> None:
    """Long jobs take longer; what is not known is taken for middling."""
    lengths = [10.0, 40.0, *lengths]

    learned = usual([(fixed + per * length, length) for length in lengths])

    assert learned.of(300.0, 0.0) == pytest.approx(fixed + per * 300, rel=1e-3)
    assert learned.of(None, 300.0) == learned.of(300.0, 0.0)


def test_lengths_that_are_all_alike_say_nothing_of_longer_ones() -> None:
    """Nor do few, nor a line that would have longer jobs take less: then it is the median."""
    alike = [(float(took), 60.0) for took in range(100, 110)]
    backwards = [(float(500 - length), float(length)) for length in range(10, 400, 20)]

    assert usual(alike) == Usual(104.5)
    assert usual([(90.0, None), (100.0, 5000.0), (300.0, 1.0)]) == Usual(100.0)
    assert usual(backwards).per_media_s == 0.0


@given(st.lists(st.floats(1, 1000), max_size=60), st.integers(1, 70), st.integers(1, 20))
def test_more_slots_and_more_permits_never_take_longer(lengths: list[float], rate: int, slots: int) -> None:
    """And no plan ends before its longest job could."""
    pace = Pace(rate, 60.0, slots, Usual(10.0, 0.5))
    took = eta_s(lengths, pace)

    assert eta_s(lengths, replace(pace, rate_limit=rate + 1)) <= took + 1e-6
    assert took >= max((10 + length / 2 for length in lengths), default=0.0) - 1e-6
