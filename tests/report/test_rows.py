"""What a report tells of each job, from a real ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch.errors import UsageError
from dubbatch.jobs import JobState, Media, OutputVerdict
from dubbatch.ledger.ledger import Ledger
from dubbatch.plan import minutes_of
from dubbatch.report.rows import FIELDS, ReportRow, Totals, media_minutes, report_rows

BATCH = "spring"

# ``story`` is a tests.story.Story.


def rows_by_id(ledger: Ledger) -> dict[str, ReportRow]:
    return {row.id: row for row in report_rows(ledger, BATCH)}


def test_a_row_has_exactly_the_fields_of_the_contract_in_its_order() -> None:
    """Design, section 10; what came after it stands behind."""
    contract = (
        "id state video audio language reference_id request_id attempts created_at started_at finished_at "
        "output sha256 bytes duration_s error hint warning paid_by estimated_minutes minutes columns"
    ).split()

    assert contract == [item.name for item in fields(ReportRow)]
    assert contract[:-1] == list(FIELDS)


def test_a_finished_job_is_told_with_its_request_its_times_and_its_file(story: Any, ledger: Ledger) -> None:
    """Everything the ledger knows of it, joined."""
    story.plan("ep01", columns={"Team": "B"})
    story.download("ep01", "ja/ep01.mp4")

    assert [
        ReportRow(
            id="ep01",
            state=JobState.DOWNLOADED,
            video="https://cdn.example.com/v.mp4",
            audio="https://cdn.example.com/a.wav",
            language="ja",
            reference_id=story.attempt("ep01").reference,
            request_id="request-1",
            attempts=1,
            created_at="2026-11-21T01:00:01Z",
            started_at="2026-11-21T01:00:05Z",
            finished_at="2026-11-21T01:02:00Z",
            output="ja/ep01.mp4",
            sha256="ab" * 32,
            bytes=123_456,
            duration_s=12.5,
            error="",
            hint="",
            warning="",
            paid_by="",
            estimated_minutes=None,
            minutes=0.2083,
            columns={"Team": "B"},
        )
    ] == list(report_rows(ledger, BATCH))


def test_a_job_that_was_not_sent_has_no_request_and_no_file(story: Any, ledger: Ledger) -> None:
    """Empty texts and no numbers; the reference is the one that the manifest asks for."""
    story.plan("ep01", reference_id="theirs-1")

    (row,) = report_rows(ledger, BATCH)

    assert (
        row.reference_id,
        row.request_id,
        row.attempts,
        row.output,
        row.sha256,
        row.bytes,
        row.duration_s,
    ) == ("theirs-1", "", 0, "", "", None, None)


def test_rows_come_in_the_manifests_order(story: Any, ledger: Ledger) -> None:
    """Not in that of their ids or of their sends."""
    story.plan("c", "a", "b")
    story.accept("b")

    assert [row.id for row in report_rows(ledger, BATCH)] == ["c", "a", "b"]


def test_attempts_are_those_that_the_service_accepted(story: Any, ledger: Ledger) -> None:
    """A refused send is none; a second try after the service's own fault is one more."""
    story.plan("refused", "twice")
    ledger.attempts.refused(story.send("refused"), story.attempt("refused").reference, 1.0)
    failed = story.end(story.accept("twice"), JobState.FAILED, error="internal error")
    ledger.attempts.free_jobs(failed)
    story.accept("twice", 2)

    rows = rows_by_id(ledger)

    assert {job: row.attempts for job, row in rows.items()} == {"refused": 0, "twice": 2}
    assert rows["twice"].reference_id == story.attempt("twice", 2).reference
    assert rows["refused"].reference_id == ""


def test_identical_work_counts_for_the_job_that_bought_it(story: Any, ledger: Ledger) -> None:
    """The other one shows the same request, and no attempt of its own."""
    story.plan("first", "twin", lengths_s={"first": 60.0, "twin": 60.0})
    attempt = story.accept("first")
    ledger.attempts.attach(story.record("twin"), attempt)

    rows = rows_by_id(ledger)

    assert (rows["first"].request_id, rows["first"].attempts) == ("request-1", 1)
    assert (rows["twin"].request_id, rows["twin"].attempts) == ("request-1", 0)
    assert media_minutes(ledger, BATCH) == 1.0


def test_a_file_of_an_attempt_that_no_longer_serves_the_job_is_not_its_output(story: Any, ledger: Ledger) -> None:
    """After a redo, the old file is still on disk, but the job waits for another."""
    story.plan("ep01")
    story.download("ep01")
    ledger.jobs.ask_redo(BATCH, ["ep01"], "2026-11-22T01:00:00Z")
    ledger.jobs.change(story.record("ep01"), JobState.PENDING, reference="")
    story.accept("ep01", 2, redo=True)

    (row,) = report_rows(ledger, BATCH)

    assert (row.state, row.output, row.sha256, row.bytes) == (JobState.QUEUED, "", "", None)


def test_a_suspect_file_is_named_for_a_person_to_look_at(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """It is on record, under the name that nobody takes for an output."""
    story.plan("ep01")
    story.end(story.accept("ep01"), JobState.COMPLETED)
    story.shelve("ep01", output_dir / "ep01.suspect.mp4", verdict=OutputVerdict.SUSPECT)

    (row,) = report_rows(ledger, BATCH)

    assert (row.state, row.output) == (JobState.SUSPECT, "ep01.suspect.mp4")


def test_a_file_elsewhere_is_named_from_the_output_directory(story: Any, ledger: Ledger, tmp_path: Path) -> None:
    """An output of a run that had another --output-dir."""
    story.plan("ep01")
    story.end(story.accept("ep01"), JobState.COMPLETED)
    story.shelve("ep01", tmp_path / "before" / "ep01.mp4")

    (row,) = report_rows(ledger, BATCH)

    assert row.output == "../before/ep01.mp4"


def test_an_output_directory_behind_a_link_is_no_elsewhere(story: Any, ledger: Ledger, tmp_path: Path) -> None:
    """Outputs are recorded under the real path."""
    (tmp_path / "real").mkdir()
    story.output_dir.symlink_to(tmp_path / "real", target_is_directory=True)
    story.plan("ep01")
    story.end(story.accept("ep01"), JobState.COMPLETED)
    story.shelve("ep01", tmp_path / "real" / "ep01.mp4")

    (row,) = report_rows(ledger, BATCH)

    assert row.output == "ep01.mp4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://cdn.example.com/v.mp4?X-Amz-Signature=geheim", "https://cdn.example.com/v.mp4?..."),
        ("https://ann:geheim@cdn.example.com/v.mp4", "https://cdn.example.com/v.mp4"),
        ("https://cdn.example.com/v.mp4#geheim", "https://cdn.example.com/v.mp4?..."),
    ],
)
def test_no_address_shows_what_signs_it(story: Any, ledger: Ledger, text: str, expected: str) -> None:
    """Neither in video and audio, nor in what the team or the service wrote."""
    story.plan("ep01", video=Media(text, url=text), audio=Media(text, url=text), columns={"Link": f"see {text} there"})
    ledger.jobs.change(story.record("ep01"), JobState.BLOCKED, error=f"{text} is gone", hint=f"look at {text}")

    (row,) = report_rows(ledger, BATCH)

    assert (expected, expected) == (row.video, row.audio)
    assert f"see {expected} there" == row.columns["Link"]
    assert (f"{expected} is gone", f"look at {expected}") == (row.error, row.hint)
    assert "geheim" not in repr(row)


def test_names_of_local_files_and_the_teams_texts_stay_as_they_are(story: Any, ledger: Ledger) -> None:
    """Only addresses have a query; a file may well be called like one."""
    name, note = "what? #1 50%.mp4", "Ready?\nYes: 2/3 #done  =SUM(A1)"
    story.plan("ep01", video=Media(name, path=Path("/m") / name), columns={"Note": note})

    (row,) = report_rows(ledger, BATCH)

    assert (name, note) == (row.video, row.columns["Note"])


def test_who_has_paid_for_identical_work_is_told(story: Any, ledger: Ledger) -> None:
    """A row of this batch by its id, another batch's with the batch."""
    story.plan("first", "twin", "foreign")
    attempt = story.accept("first")
    ledger.attempts.attach(story.record("twin"), attempt)
    ledger.attempts.adopt(story.record("foreign"), replace(attempt, reference="r-9", n=9, batch="winter", job="ep9"))

    rows = rows_by_id(ledger)

    assert {job: row.paid_by for job, row in rows.items()} == {"first": "", "twin": "first", "foreign": "winter/ep9"}


def test_what_is_odd_about_the_media_and_the_output_is_told(story: Any, ledger: Ledger) -> None:
    """Without the queries of addresses; it has kept nothing from being done."""
    story.plan("ep01")
    kept = replace(story.record("ep01"), warnings=("the audio https://h/a.wav?sig=geheim is short", "it is quiet"))
    ledger.jobs.begin_batch(ledger.jobs.batch(BATCH), [kept])  # type: ignore[arg-type]
    story.end(story.accept("ep01"), JobState.COMPLETED)
    output = story.shelve("ep01", story.output_dir / "ep01.mp4")
    ledger.outputs.record(replace(output, warning="its picture is 64 x 48"), None, JobState.DOWNLOADED)

    (row,) = report_rows(ledger, BATCH)

    assert row.warning == "the audio https://h/a.wav?... is short; it is quiet; its picture is 64 x 48"


def test_rows_that_left_the_manifest_are_no_rows_of_the_report(story: Any, ledger: Ledger) -> None:
    """They count neither as jobs nor as minutes."""
    story.plan("stays", "leaves", lengths_s={"stays": 60.0, "leaves": 600.0})
    story.accept("stays")
    story.accept("leaves")
    stays = story.record("stays")
    ledger.jobs.begin_batch(ledger.jobs.batch(BATCH), [stays])  # type: ignore[arg-type]

    assert [row.id for row in report_rows(ledger, BATCH)] == ["stays"]
    assert ledger.jobs.removed(BATCH) == ["leaves"]
    assert media_minutes(ledger, BATCH) == 1.0


def test_minutes_are_what_the_service_accepted_once_for_each_attempt(story: Any, ledger: Ledger) -> None:
    """Measured where known, else as the team states them; unsent, refused and unknown lengths add nothing."""
    story.plan("twice", "stated", "unsent", "unknown", minutes=2.0, lengths_s={"twice": 90.0, "unsent": 6000.0})
    story.jobs[3] = replace(story.jobs[3], minutes=None)
    story.begin([(job, JobState.PENDING) for job in story.jobs], {"twice": 90.0, "unsent": 6000.0})
    failed = story.end(story.accept("twice"), JobState.FAILED, error="internal error")
    ledger.attempts.free_jobs(failed)
    story.accept("twice", 2)
    story.accept("stated")
    story.accept("unknown")

    assert media_minutes(ledger, BATCH) == 2 * 1.5 + 2.0


def test_minutes_are_rounded_to_thousandths(story: Any, ledger: Ledger) -> None:
    """A tenth of a second is more than enough for a bill."""
    story.plan("a", "b", lengths_s={"a": 10.0, "b": 10.0})
    story.accept("a")
    story.accept("b")

    assert media_minutes(ledger, BATCH) == 0.333


def test_a_length_that_is_no_number_is_not_told(story: Any, ledger: Ledger) -> None:
    """A damaged file may claim to be endless; JSON has no word for that."""
    endless = float("inf")
    story.plan("ep01", lengths_s={"ep01": endless})
    story.download("ep01", duration_s=endless)

    (row,) = report_rows(ledger, BATCH)

    assert row.duration_s is None
    assert media_minutes(ledger, BATCH) == 0.0


def test_a_batch_that_the_ledger_does_not_have_is_the_callers_mistake(ledger: Ledger) -> None:
    """Told before anything is written."""
    with pytest.raises(UsageError, match="no batch autumn"):
        list(report_rows(ledger, "autumn"))


def test_totals_have_every_state(one_in_each_state: Callable[[], None], ledger: Ledger) -> None:
    """Also those in which no job stands: a reader need not guess."""
    one_in_each_state()

    full, empty = Totals.of(ledger.jobs.counts(BATCH)), Totals.of({})

    assert {"jobs": len(JobState), **{state.value: 1 for state in JobState}} == full.as_json()
    assert {"jobs": 0, **{state.value: 0 for state in JobState}} == empty.as_json()
    assert json.dumps(full.as_json()).startswith('{"jobs": 12, "pending": 1')


def test_a_standing_is_what_the_tables_say_one_by_one(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """Joined by one query a page: the attempt that serves the job, and of its files the one that serves it now."""
    ids = [f"ep{n:04d}" for n in range(1_003)]
    story.plan(*ids, "gone", minutes=2.0, lengths_s={"ep0001": 90.0})
    story.accept("ep0000")
    story.download("ep0001")
    story.end(story.accept("ep0002"), JobState.COMPLETED)
    story.shelve("ep0002", output_dir / "suspect.mp4", verdict=OutputVerdict.SUSPECT)
    ledger.jobs.change(story.record("ep0002"), JobState.COMPLETED)
    story.shelve("ep0002", output_dir / "good.mp4")
    ledger.jobs.begin_batch(ledger.jobs.batch(BATCH), [story.record(job) for job in ids])  # type: ignore[arg-type]

    standings, minutes = list(ledger.jobs.standings(BATCH)), ledger.jobs.minutes(BATCH)

    assert [standing.job for standing in standings] == ids
    for standing in standings:
        record = story.record(standing.job)
        attempt = ledger.attempts.get(record.reference) if record.reference else None
        output = ledger.outputs.current(record) if record.reference else None
        assert (standing.state, standing.reference, standing.columns) == (
            record.state,
            record.reference,
            record.job.columns,
        )
        assert (standing.request_id, standing.paid_job) == (
            (attempt.request_id, attempt.job) if attempt else (None, None)
        )
        assert standing.path == (str(output.path) if output else None)
        assert standing.verdict is (output.verdict if output else None)
        assert minutes[standing.job] == minutes_of(record)
    assert standings[2].path == str(output_dir / "good.mp4")
    assert "gone" not in minutes
