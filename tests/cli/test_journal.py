"""Standard error and the log: prose for people, one object a line for programs, and no secrets in either."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.cli.entries import entry_of
from dubbatch.cli.journal import Entry, Journal, as_json, as_text, asks_for_json
from dubbatch.cli.logfile import asked_for, check_apart, manifests_flaw
from dubbatch.errors import DiskError, KeyRefused, UsageError
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
                more={"outcome": "unknown", "reference_id": "ep01-x-1", "request_id": "", "seconds": 60.0},
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
    journal.open("json", None, is_quiet=True)
    for level, action in (("info", "sent"), ("warning", "notice"), ("error", "failed"), ("info", "ended")):
        journal.enter(Entry(level, action))
    lines = capsys.readouterr().err.splitlines()

    assert [json.loads(line)["action"] for line in lines] == ["failed", "ended"]


def test_a_file_gets_everything_also_with_quiet(tmp_path: Path) -> None:
    """It is what one looks into afterwards, and nobody else's business."""
    path = tmp_path / "spring.log"
    for action in ("sent", "ended"):
        journal = Journal(now=lambda: NOW)
        journal.open("text", path, is_quiet=True)
        journal.enter(Entry("info", action))
        journal.close()

    assert [line.split()[2] for line in path.read_text().splitlines()] == ["sent", "ended"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "missing/spring.log"])
def test_a_file_that_can_not_be_had_is_told_before_anything_is_done(tmp_path: Path, name: str) -> None:
    """With where, and that nothing was sent. No folder is made of a slip of the pen."""
    with pytest.raises(DiskError) as told:
        Journal().open("text", tmp_path / name, is_quiet=False)

    assert str(tmp_path / name) in told.value.message
    assert "nothing was sent" in told.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_log_that_is_not_whole_is_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The run goes on without it."""
    journal = Journal()
    journal.open("text", Path("/dev/full"), is_quiet=False)
    journal.enter(Entry("info", "sent"))
    journal.close()

    assert capsys.readouterr().err == "warning: not all of the log could be written to /dev/full\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run s.csv --log-file run.log", Path("run.log")),
        ("run s.csv --log-file=logs/run.log --quiet", Path("logs/run.log")),
        ("run s.csv", None),
        ("run s.csv --log-file", None),
        # Nothing is appended to a sheet before that is told.
        ("run s.csv --log-file s.csv", None),
        ("run s.csv --log-file ./s.csv", None),
    ],
)
def test_the_log_is_known_before_the_command_line_is_understood(words: str, expected: Path | None) -> None:
    """So that it has what is wrong with that line, too."""
    assert asked_for(words.split()) == expected


@pytest.mark.parametrize(
    ("name", "flaw"),
    [
        ("run.log", ""),
        ("logs/run.jsonl", ""),
        ("../run.log", "a manifest's log is in its own folder"),
        ("/etc/cron.d/run.log", "a manifest's log is in its own folder"),
        (".bashrc", "a manifest's log is called .log, .jsonl, .ndjson or .txt"),
        ("spring.csv", "a manifest's log is called .log, .jsonl, .ndjson or .txt"),
    ],
)
def test_a_mailed_manifest_may_append_to_nothing_but_a_log_beside_it(tmp_path: Path, name: str, flaw: str) -> None:
    """What other programs obey is out of its reach."""
    assert manifests_flaw(tmp_path / name, tmp_path) == flaw


def test_a_log_is_no_file_that_has_another_purpose(tmp_path: Path) -> None:
    """The sheet, the ledger, a report."""
    check_apart(tmp_path / "run.log", [tmp_path / "s.csv"])
    with pytest.raises(UsageError, match="no log"):
        check_apart(tmp_path / "x" / ".." / "s.csv", [tmp_path / "s.csv"])


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
