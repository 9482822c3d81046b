"""What keeps jobs from being done, by cause: what belongs together, what comes first, and that it stays bounded."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.jobs import JobState
from dubbatch.particulars import without_particulars
from dubbatch.report.causes import EXAMPLES_MAX, KINDS_MAX, Causes, Example, Urgency, urgency_of
from dubbatch.report.rows import FIELDS, ReportRow

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


def row_of(job: str, state: JobState = JobState.FAILED, **fields: Any) -> ReportRow:
    plain: dict[str, Any] = dict.fromkeys(FIELDS, "") | {"id": job, "state": state, "attempts": 0}
    return ReportRow(**plain | dict.fromkeys(("bytes", "duration_s", "minutes"), None) | fields, columns={})


def causes_of(*rows: ReportRow) -> Causes:
    causes = Causes()
    for nth, row in enumerate(rows):
        causes.add(row, nth)
    return causes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the file 'a b.mp4' is gone", "the file 'c.mp4' is gone"),
        ("can't read 'ann's.mp4': it isn't there", "can't read 'x': it isn't there"),
        ("video is 3.2 s long, audio 61 s", "video is 4 s long, audio 7.75 s"),
        ("video URL https://a.example/x is bad", "video URL http://b.example/y.mp4 is bad"),
        ("media/ja/eins.wav is not there", "zwei.wav is not there"),
        ("ask about 8f1c0c1e-1111-4000-8000-00000000000a", "ask about 00000000-0000-4000-8000-000000000000"),
        ("same reference as row 4", "same reference as rows 5, 9"),
        ('no column "Video File"', 'no column "Clip"'),
    ],
)
def test_texts_that_differ_in_particulars_alone_are_one(one: str, other: str) -> None:
    """Names, numbers, addresses, paths and ids are a job's own."""
    assert without_particulars(one) == without_particulars(other)


@pytest.mark.parametrize(
    "text", ["the service says: internal error", "it can't be read: it isn't a video", "e.g. too long. Cut it"]
)
def test_plain_words_stay(text: str) -> None:
    """An apostrophe is no quote, and a full stop makes no name of a file."""
    assert without_particulars(text) == text


def test_jobs_of_one_cause_are_told_once() -> None:
    """With their number, the remedy, and the first of them by name and row."""
    rows = [row_of(f"ep{n}", error=f"the file 'ep{n}.mp4' is gone", hint="put it back") for n in range(9)]

    (cause,) = causes_of(*rows).ranked(Urgency.PERSON)

    assert (cause.state, cause.jobs, cause.hint) == (JobState.FAILED, 9, "put it back")
    assert (cause.error, cause.first_error) == ("the file … is gone", "the file 'ep0.mp4' is gone")
    assert cause.examples == tuple(Example(f"ep{n}", n) for n in range(EXAMPLES_MAX))


def test_words_that_all_jobs_share_are_kept_whole() -> None:
    """A number that is the same everywhere is no particular: "3 s" says more than "… s"."""
    (cause,) = causes_of(*[row_of(job, error="longer than 3 s") for job in ("one", "two")]).ranked(Urgency.PERSON)

    assert cause.error == "longer than 3 s"


def test_a_jobs_own_names_part_no_cause() -> None:
    """Also where nothing in the text shows that they are names."""
    rows = [
        row_of("harbor-de", error="harbor-de waits for Blue Sea", video="Blue Sea", output="de/harbor"),
        row_of("lantern-fr", error="lantern-fr waits for Red Hill", video="Red Hill", output="fr/lantern"),
    ]

    (cause,) = causes_of(*rows).ranked(Urgency.PERSON)

    assert cause.jobs == 2


@pytest.mark.parametrize(
    "other", [{"state": JobState.BLOCKED}, {"hint": "something else"}, {"error": "another error"}], ids=str
)
def test_another_state_remedy_or_error_is_another_cause(other: dict[str, Any]) -> None:
    """What a person does about it differs."""
    same: dict[str, Any] = {"error": "broken", "hint": "mend it"}

    assert len(causes_of(row_of("a", **same), row_of("b", **same | other)).ranked(Urgency.PERSON)) == 2


def test_the_most_severe_and_then_the_most_frequent_come_first() -> None:
    """What was paid for before what was not sent, and many jobs before few."""
    rows = [
        row_of("a", JobState.BLOCKED, error="no file"),
        row_of("b", JobState.BLOCKED, error="no file"),
        row_of("c", JobState.SUSPECT, error="too short"),
        row_of("d", error="rare"),
        row_of("e", error="common"),
        row_of("f", error="common"),
    ]

    ranked = causes_of(*rows).ranked(Urgency.PERSON)

    assert [cause.error for cause in ranked] == ["common", "rare", "too short", "no file"]


@pytest.mark.parametrize(
    ("state", "error", "urgency"),
    [
        (JobState.FAILED, "", Urgency.PERSON),
        (JobState.SUSPECT, "x", Urgency.PERSON),
        (JobState.BLOCKED, "x", Urgency.PERSON),
        (JobState.UNSURE, "", Urgency.WAITS),
        (JobState.STALLED, "", Urgency.WAITS),
        (JobState.PENDING, "waits: the cap is reached", Urgency.WAITS),
        (JobState.COMPLETED, "the link broke", Urgency.WAITS),
        (JobState.PENDING, "", None),
        (JobState.PROCESSING, "", None),
        (JobState.DOWNLOADED, "", None),
        (JobState.SKIPPED, "the row says skip", None),
    ],
)
def test_who_has_to_do_something(state: JobState, error: str, urgency: Urgency | None) -> None:
    """A person, a later run, or nobody."""
    assert urgency_of(row_of("a", state, error=error)) is urgency


def test_a_warning_is_told_beside_the_state() -> None:
    """Of jobs in any state together: nothing was kept from being done."""
    rows = [row_of("a", JobState.DOWNLOADED, warning="odd: 1 s"), row_of("b", error="broken", warning="odd: 2 s")]

    causes = causes_of(*rows)

    assert [cause.jobs for cause in causes.ranked(Urgency.ODD)] == [2]
    assert causes.ranked(Urgency.ODD)[0].state is None
    assert [cause.jobs for cause in causes.ranked(Urgency.PERSON)] == [1]


def words(number: int) -> str:
    """A text of its own for every number, without a digit."""
    return "error " + "".join(string.ascii_lowercase[int(digit)] for digit in str(number))


def test_as_many_causes_as_jobs_are_not_all_kept() -> None:
    """The rest is counted, and what comes again is found still."""
    causes = Causes()
    for nth in range(KINDS_MAX + 700):
        causes.add(row_of(f"job-{nth}", error=words(nth)), nth)
    causes.add(row_of("late", error=words(3)), 99_999)
    causes.add(row_of("later", error=words(KINDS_MAX + 3)), 100_000)

    assert len(causes.ranked(Urgency.PERSON)) == KINDS_MAX
    assert causes.ranked(Urgency.PERSON)[0].jobs == 2
    assert causes.unlisted(Urgency.PERSON) == (700, 701)
    assert causes.unlisted(Urgency.WAITS) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from(JobState), TEXTS, TEXTS, TEXTS), max_size=30))
def test_every_job_counts_once_under_each_urgency(told: list[tuple[JobState, str, str, str]]) -> None:
    """Whatever the texts are; each cause's first job is the first that has it."""
    rows = [row_of(f"job {n}", s, error=e, hint=h, warning=w) for n, (s, e, h, w) in enumerate(told)]

    causes = causes_of(*rows)

    for urgency in (Urgency.PERSON, Urgency.WAITS):
        wanted = [row.id for row in rows if urgency_of(row) is urgency]
        assert sum(cause.jobs for cause in causes.ranked(urgency)) == len(wanted)
        assert {cause.examples[0].job for cause in causes.ranked(urgency)} <= set(wanted)
    assert sum(cause.jobs for cause in causes.ranked(Urgency.ODD)) == sum(bool(row.warning) for row in rows)


@given(st.text(st.sampled_from("'\"“”`/.x1 -:"), max_size=400))
def test_texts_of_quotes_and_signs_are_read(text: str) -> None:
    """What was meant to confuse costs no time, and never grows."""
    assert len(without_particulars(text)) <= len(text)
