"""Standard error and the log: prose for people, one object a line for programs, and no secrets in either."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.cli.entries import entry_of
from dubbatch.cli.journal import Entry, Journal, as_json, as_text, asks_for_json
from dubbatch.errors import DiskError, KeyRefused
from dubbatch.events import BatchStarted, Event, Inspected, JobChanged, Level, Notice, Pace, Sent, Transferred
from dubbatch.jobs import JobState

NOW = datetime(2026, 11, 21, 20, 15, 30, 123456, tzinfo=UTC)
BATCH = "spring"


def test_an_entry_has_the_same_five_fields_first_and_then_its_own() -> None:
    """A program finds them without looking for others."""
    entry = Entry("error", "failed", "no face", "mend the row", BATCH, "ep01", {"before": "processing"})

    assert as_json(entry, NOW) == (
        '{"time": "2026-11-21T20:15:30.123Z", "level": "error", "action": "failed", "batch": "spring", "job": "ep01", '
        '"message": "no face", "hint": "mend the row", "before": "processing"}'
    )


def test_as_text_it_is_one_line_with_the_same_in_it() -> None:
    """With the hour of this machine."""
    entry = Entry("error", "failed", "no face", "mend the row", BATCH, "ep01", {"before": "processing"})
    time, _, said = as_text(entry, NOW).partition(" ")

    assert datetime.fromisoformat(time) == NOW.replace(microsecond=0)
    assert said == "error   failed     spring: ep01: no face (mend the row) before=processing"


@given(st.text(), st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.none()))
def test_every_entry_is_one_line_in_both_forms(message: str, job: str, more: dict[str, object]) -> None:
    """Whatever a sheet or the service has in it: JSON is escaped, and text is cleaned before."""
    line = as_json(Entry("info", "notice", message, job=job, more=more), NOW)

    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert json.loads(line)["job"] == job or "job" in more


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            BatchStarted(BATCH, 3, 2, ((JobState.PENDING, 2),)),
            Entry("info", "started", batch=BATCH, more={"jobs": 3, "to_send": 2, "counts": {JobState.PENDING: 2}}),
        ),
        (
            JobChanged(BATCH, "ep01", JobState.COMPLETED, JobState.DOWNLOADED),
            Entry("info", "downloaded", batch=BATCH, job="ep01", more={"before": "completed"}),
        ),
        (
            JobChanged(BATCH, "ep01", JobState.PROCESSING, JobState.FAILED, "no face", "mend it"),
            Entry("error", "failed", "no face", "mend it", BATCH, "ep01", {"before": "processing"}),
        ),
        (
            JobChanged(BATCH, "ep01", JobState.QUEUED, JobState.STALLED, "no progress"),
            Entry("warning", "stalled", "no progress", "", BATCH, "ep01", {"before": "queued"}),
        ),
        (
            Sent(BATCH, "ep01", "ep01-x-1", "unknown", 60.0),
            Entry(
                "warning", "sent", batch=BATCH, job="ep01",
                more={"outcome": "unknown", "reference_id": "ep01-x-1", "seconds": 60.0},
            ),
        ),
        (
            Notice(BATCH, Level.WARNING, "slow", "wait", "ep01"),
            Entry("warning", "notice", "slow", "wait", BATCH, "ep01"),
        ),
        (Transferred(BATCH, "ep01", up=True, size=1), None),
        (Pace(BATCH, 1, 4), None),
        (Inspected(BATCH, 1, 2), None),
    ],
)  # fmt: skip
def test_each_event_has_its_entry_or_none(event: Event, expected: Entry | None) -> None:
    """A change is called by the new state."""
    assert entry_of(event) == expected


def test_the_log_has_no_secrets_and_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever slipped through the other borders."""
    journal = Journal(is_json=True, now=lambda: NOW)
    more = {"value": "https://u:p@x.example/v?sig=geheim", "list": ["\x1b[31m", {"deep": "?sig=geheim"}]}
    journal.enter(Entry("error", "notice", "a\x1b[2Jb https://x.example/v?sig=geheim", job="e\np", more=more))
    line = capsys.readouterr().err

    assert "geheim" not in line
    assert "u:p" not in line
    assert "\\u001b" not in line
    assert json.loads(line)["message"] == "ab https://x.example/v?..."


def test_quiet_leaves_errors_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """What a cron job mails."""
    journal = Journal()
    with journal.opened("json", None, is_quiet=True):
        for level, action in (("info", "sent"), ("warning", "notice"), ("error", "failed"), ("info", "ended")):
            journal.enter(Entry(level, action))
    lines = capsys.readouterr().err.splitlines()

    assert [json.loads(line)["action"] for line in lines] == ["failed", "ended"]


def test_a_file_gets_everything_also_with_quiet(tmp_path: Path) -> None:
    """It is what one looks into afterwards; a folder that is not there is made."""
    journal = Journal(now=lambda: NOW)
    path = tmp_path / "logs" / "spring.log"
    for action in ("sent", "ended"):
        with journal.opened("text", path, is_quiet=True):
            journal.enter(Entry("info", action))

    assert [line.split()[2] for line in path.read_text().splitlines()] == ["sent", "ended"]


def test_a_file_that_can_not_be_had_is_told_before_anything_is_done(tmp_path: Path) -> None:
    """With where, and that nothing was sent."""
    journal = Journal()
    with pytest.raises(DiskError) as told, journal.opened("text", tmp_path, is_quiet=False):
        pytest.fail("the work has begun")

    assert str(tmp_path) in told.value.message
    assert "nothing was sent" in told.value.hint


def test_an_error_is_prose_for_people_and_two_entries_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """What happened, and that it has ended, with which code."""
    Journal().error(KeyRefused("the service refuses the key", hint="get another"), batch=BATCH)
    assert capsys.readouterr().err == "dubbatch: the service refuses the key\n  get another\n"

    Journal(is_json=True).error(KeyRefused("the service refuses the key", hint="get another"), batch=BATCH)
    error, end = map(json.loads, capsys.readouterr().err.splitlines())
    assert (error["action"], error["message"], error["hint"]) == ("error", "the service refuses the key", "get another")
    assert (end["action"], end["batch"], end["exit_code"]) == ("ended", BATCH, 4)


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["run", "x"], "", False),
        (["run", "x", "--log-format", "json"], "", True),
        (["--log-format=JSON", "run"], "", True),
        (["run", "--log-format"], "", False),
        (["run"], "json", True),
        (["run", "--log-format=text"], "json", False),
    ],
)
def test_whether_json_is_wanted_is_known_before_the_command_line_is_understood(
    words: list[str], environment: str, expected: bool
) -> None:
    """A mistyped option is told in that form, too."""
    assert asks_for_json(words, {"DUBBATCH_LOG_FORMAT": environment}) is expected
