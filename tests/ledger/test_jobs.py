"""The jobs of a batch: their order, their pages, and which change is legal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import LedgerError
from dubbatch.jobs import Job, JobRecord, JobState, Media, Place, may_follow
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger

MakeRecord = Callable[..., JobRecord]
Begin = Callable[..., list[JobRecord]]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MEDIA = st.one_of(
    st.builds(lambda text: Media(text, url=f"https://h/{text}"), TEXT),
    st.builds(
        lambda text, name: Media(text, path=Path("/media") / name), TEXT, st.text("abc ä日", min_size=1, max_size=9)
    ),
)
PLACE = st.builds(Place, TEXT, st.none() | st.integers(1, 9999), st.none() | TEXT | st.integers(1, 99), TEXT)
JOB = st.builds(
    Job,
    id=TEXT,
    video=MEDIA,
    audio=MEDIA,
    output=TEXT,
    position=st.integers(0, 10**6),
    language=TEXT,
    reference_id=TEXT,
    disable_active_speaker_detection=st.booleans(),
    model=TEXT,
    priority=st.integers(-(10**6), 10**6),
    minutes=st.none() | st.floats(0, 1e6),
    skip=st.booleans(),
    columns=st.dictionaries(TEXT, TEXT, max_size=4),
    place=PLACE,
    blocked=TEXT,
)
RECORD = st.builds(
    JobRecord,
    batch=st.just("b"),
    job=JOB,
    state=st.sampled_from(JobState),
    fingerprint=TEXT,
    reference=TEXT,
    error=TEXT,
    hint=TEXT,
    length_s=st.none() | st.floats(0, 1e6),
)


@given(RECORD)
def test_a_job_comes_out_as_it_went_in(record: JobRecord) -> None:
    """Whatever the team wrote into its cells."""
    with Ledger(None) as ledger:
        ledger.jobs.begin_batch(BatchRow("b", "/m", "/o", "[]", ""), [record])

        assert ledger.jobs.get("b", record.job.id) == record


def test_columns_keep_their_order(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """Reports have the team's columns as the team has them."""
    begin([make_record("a", columns={"Zone": "1", "Artist": "2", "Mood": "3"})])

    record = ledger.jobs.get("b", "a")

    assert record is not None
    assert list(record.job.columns) == ["Zone", "Artist", "Mood"]


def test_a_batch_is_found_by_name_and_by_the_file_it_was_planned_from(ledger: Ledger, begin: Begin) -> None:
    """The latest, where a file was planned under two names."""
    begin([])
    older = BatchRow("old", "/b.csv", "/out", '["Zone"]', "2025-01-01T00:00:00Z")
    ledger.jobs.begin_batch(older, [])
    ledger.jobs.finish_batch("old", "2025-01-02T00:00:00Z")

    found = ledger.jobs.batch_of_manifest("/b.csv")

    assert found is not None
    assert found.name == "b"
    assert ledger.jobs.batch("old") == replace(older, finished_at="2025-01-02T00:00:00Z")
    assert ledger.jobs.batch("none") is None
    assert ledger.jobs.batch_of_manifest("/none.csv") is None


def test_a_new_run_of_a_batch_has_not_finished(ledger: Ledger, begin: Begin) -> None:
    """The end of the run before is not its end."""
    begin([])
    ledger.jobs.finish_batch("b", "2026-01-02T00:00:00Z")
    begin([])

    batch = ledger.jobs.batch("b")

    assert batch is not None
    assert batch.finished_at == ""


def test_all_pages_through_a_batch_in_its_order(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """More than two pages of 500, other batches left out."""
    ids = [f"{number * 7919 % 1201:04}" for number in range(1201)]
    begin([make_record(name) for name in ids])
    begin([make_record("other")], batch="c")

    assert [record.job.id for record in ledger.jobs.all("b")] == ids


def test_rows_that_left_the_manifest_stand_last_and_count_no_more(
    ledger: Ledger, begin: Begin, make_record: MakeRecord
) -> None:
    """Listed as removed, never sent, outside totals."""
    begin([make_record("a"), make_record("b"), make_record("c")])
    begin([make_record("c"), make_record("b")])

    assert [(record.job.id, record.present) for record in ledger.jobs.all("b")] == [
        ("c", True),
        ("b", True),
        ("a", False),
    ]
    assert ledger.jobs.removed("b") == ["a"]
    assert ledger.jobs.counts("b") == {JobState.PENDING: 2}
    assert [record.job.id for record in ledger.jobs.by_turn("b", 10)] == ["c", "b"]


def test_a_row_that_comes_back_is_present_again(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """The ledger remembers it."""
    begin([make_record("a")])
    begin([])
    begin([make_record("a")])

    assert ledger.jobs.removed("b") == []
    assert ledger.jobs.counts("b") == {JobState.PENDING: 1}


def test_the_order_of_sending_is_priority_then_length_then_the_manifests_order(
    ledger: Ledger, begin: Begin, make_record: MakeRecord
) -> None:
    """Design, section 6: unknown lengths come after the known ones."""
    begin(
        [
            make_record("unknown"),
            make_record("short", length_s=10.0),
            make_record("long", length_s=90.0),
            make_record("also long", length_s=90.0),
            make_record("urgent", priority=5),
            make_record("later", priority=-1, length_s=900.0),
            make_record("urgent and long", priority=5, length_s=1.0),
            make_record("done", state=JobState.DOWNLOADED, priority=9),
        ]
    )
    order = ["urgent and long", "urgent", "long", "also long", "short", "unknown", "later"]

    assert [record.job.id for record in ledger.jobs.by_turn("b", 50)] == order
    assert [record.job.id for record in ledger.jobs.by_turn("b", 2, 3)] == order[3:5]
    assert ledger.jobs.by_turn("b", 5, 7) == []


@given(st.lists(st.tuples(st.integers(-2, 2), st.none() | st.integers(1, 3)), max_size=12))
def test_the_order_of_sending_is_total(rows: list[tuple[int, int | None]]) -> None:
    """For any priorities and lengths."""
    media = Media("u", url="https://h/u")
    records = [
        JobRecord(
            batch="b",
            job=Job(id=str(n), video=media, audio=media, output="o", position=n, priority=priority),
            state=JobState.PENDING,
            length_s=length,
        )
        for n, (priority, length) in enumerate(rows)
    ]
    with Ledger(None) as ledger:
        ledger.jobs.begin_batch(BatchRow("b", "/m", "/o", "[]", ""), records)
        expected = sorted(records, key=lambda r: (-r.job.priority, -(r.length_s or 0.0), r.job.position))

        assert [record.job.id for record in ledger.jobs.by_turn("b", 99)] == [record.job.id for record in expected]


def test_what_a_run_was_not_asked_for_is_not_sent_and_counts_apart(
    ledger: Ledger, begin: Begin, make_record: MakeRecord
) -> None:
    """``--only``: the exit code tells the state of the selected jobs."""
    begin([make_record("a"), make_record("b"), make_record("c", state=JobState.FAILED)], unselected=["b", "c"])

    assert [record.job.id for record in ledger.jobs.by_turn("b", 10)] == ["a"]
    assert ledger.jobs.counts("b") == {JobState.PENDING: 2, JobState.FAILED: 1}
    assert ledger.jobs.counts("b", selected_only=True) == {JobState.PENDING: 1}


def test_finished_jobs_are_fetched_in_order_and_by_pages(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """Removed rows too: they are paid for."""
    done = [make_record(name, state=JobState.COMPLETED) for name in "abc"]
    begin([*done, make_record("d")])
    begin([make_record("d")])

    assert [record.job.id for record in ledger.jobs.to_fetch("b", 2)] == ["a", "b"]


def test_a_change_that_a_jobs_life_does_not_know_is_refused(make_record: MakeRecord) -> None:
    """Every one of them; and nothing is recorded of it."""
    pairs = [pair for pair in itertools.product(JobState, JobState) if not may_follow(*pair)]
    records = [make_record(f"{before}-{after}", state=before) for before, after in pairs]
    with Ledger(None) as ledger:
        ledger.jobs.begin_batch(BatchRow("b", "/m", "/o", "[]", ""), records)
        for record, (before, after) in zip(records, pairs, strict=True):
            with pytest.raises(LedgerError, match=f"{before} can't become {after}"):
                ledger.jobs.change(record, after)

        assert {record.job.id: record for record in ledger.jobs.all("b")} == {r.job.id: r for r in records}
        assert ledger.drain_changes() == []


def test_a_change_is_recorded_and_told(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """Once; a change of the words alone is recorded and not told."""
    (record,) = begin([make_record("a")])
    ledger.jobs.change(record, JobState.BLOCKED, error="why", hint="what to do")
    blocked = ledger.jobs.get("b", "a")
    assert blocked is not None
    ledger.jobs.change(blocked, JobState.BLOCKED, error="why else")
    told = ledger.drain_changes()

    assert (blocked.state, blocked.error, blocked.hint) == (JobState.BLOCKED, "why", "what to do")
    assert [(change.job, change.before, change.after, change.detail) for change in told] == [
        ("a", JobState.PENDING, JobState.BLOCKED, "why")
    ]
    assert ledger.drain_changes() == []


def test_an_attempts_news_reach_all_its_jobs_but_those_that_have_ended(
    ledger: Ledger, begin: Begin, make_record: MakeRecord
) -> None:
    """In every batch; what was downloaded, or a person must mend, is left alone."""
    states: dict[str, Any] = {
        "running": JobState.QUEUED,
        "home": JobState.DOWNLOADED,
        "bad": JobState.SUSPECT,
        "blocked": JobState.BLOCKED,
        "skipped": JobState.SKIPPED,
    }
    begin([make_record(name, state=state, reference="r") for name, state in states.items()])
    begin([make_record("elsewhere", state=JobState.PROCESSING, reference="r")], batch="c")
    begin([make_record("other", state=JobState.QUEUED, reference="s")], batch="d")

    ledger.jobs.carry("r", JobState.FAILED, error="why", hint="what to do")

    after = {record.job.id: record for batch in "bcd" for record in ledger.jobs.all(batch)}
    assert {name for name, record in after.items() if record.state is JobState.FAILED} == {"running", "elsewhere"}
    assert after["elsewhere"].error == "why"
    assert after["elsewhere"].reference == "r"
    assert {name: after[name].state for name in states if name != "running"} == {
        name: state for name, state in states.items() if name != "running"
    }


def test_pending_lets_go_of_the_attempt(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """The next send of the job may be another attempt's."""
    begin([make_record("a", state=JobState.UNSURE, reference="r")])
    ledger.jobs.carry("r", JobState.PENDING)
    record = ledger.jobs.get("b", "a")

    assert record is not None
    assert (record.state, record.reference) == (JobState.PENDING, "")
    assert ledger.jobs.following("r") == []


def test_a_file_that_changed_since_the_plan_makes_other_work(
    ledger: Ledger, begin: Begin, make_record: MakeRecord
) -> None:
    """The same row, still pending."""
    (record,) = begin([make_record("a", length_s=1.0)])
    other = replace(record, fingerprint="other work", length_s=2.0, video_key="v", audio_key="a", warnings=("odd",))
    replanned = ledger.jobs.replan(other)

    assert replanned == other
    assert ledger.jobs.get("b", "a") == replanned


def test_a_persons_word_is_recorded_once(ledger: Ledger, begin: Begin, make_record: MakeRecord) -> None:
    """Saying it twice before the next run buys once."""
    begin([make_record("a"), make_record("b")])
    ledger.jobs.ask_redo("b", ["a", "a"], "2026-01-01")
    ledger.jobs.ask_redo("b", ["a"], "2026-01-02")
    ledger.jobs.ask_redo("c", ["b"], "2026-01-02")

    assert ledger.jobs.open_redos("b") == {"a"}
    assert ledger.jobs.open_redos("c") == {"b"}


def test_a_page_of_jobs_is_read_at_once(
    ledger: Ledger, begin: Callable[..., list[JobRecord]], make_record: Callable[..., JobRecord]
) -> None:
    """Those that are known, by id; and those that a manifest no longer has, once as news."""
    a, b = begin([make_record("a"), make_record("b")])

    assert ledger.jobs.several("b", ["b", "never", "a"]) == {"a": a, "b": b}
    assert ledger.jobs.several("b", []) == ledger.jobs.several("another", ["a"]) == {}
    assert ledger.jobs.others("b", {"a"}) == {"b": True}
    begin([a])
    assert ledger.jobs.others("b", {"a"}) == {"b": False}


def test_what_is_to_be_sent_is_read_in_pages_and_counted(
    ledger: Ledger, begin: Callable[..., list[JobRecord]], make_record: Callable[..., JobRecord]
) -> None:
    """In the manifest's order, without what has left it, is not asked for, or has begun."""
    names = [f"j{n}" for n in range(1_101)]
    begin([make_record(name) for name in ("gone", *names)])
    records = begin([make_record(name) for name in names], unselected=["j3"])
    ledger.jobs.change(records[5], JobState.BLOCKED)

    assert [record.job.id for record in ledger.jobs.pending("b")] == [n for n in names if n not in ("j3", "j5")]
    assert ledger.jobs.count_pending("b") == 1_099
    assert ledger.jobs.count_pending("another") == 0
    assert [record.job.id for record in ledger.jobs.all("b")] == [*names, "gone"]
