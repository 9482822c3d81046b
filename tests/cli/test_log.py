"""The log of the real command, as cron's programs read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch.sandbox.server import Sandbox
from tests.cli.conftest import Shell

Connected = Callable[[Sandbox], Shell]
Service = Callable[..., Sandbox]


def entries(text: str) -> list[dict[str, Any]]:
    """Every line is an object with the fields that all have."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "action", "batch", "job"} <= entry.keys() for entry in found)
    return found


def test_a_run_in_json_says_everything_and_no_prose(open_service: Service, connected: Connected) -> None:
    """Each job's way, and the end with its code; standard output is empty."""
    shell = connected(open_service())
    shell.write_jobs("ep01", "ep02")
    done = shell("run", "batch.csv", "--log-format", "json")
    log = entries(done.stderr)
    ways: dict[str, list[str]] = {}
    for entry in log:
        if entry["job"] and entry["action"] != "sent":
            ways.setdefault(entry["job"], []).append(entry["action"])

    assert (done.returncode, done.stdout) == (0, "")
    assert log[0]["action"] == "started"
    assert sorted(ways) == ["ep01", "ep02"]
    assert {(way[0], way[-1]) for way in ways.values()} == {("submitting", "downloaded")}
    end = log[-1]
    assert (end["action"], end["batch"], end["exit_code"], end["counts"]) == ("ended", "batch", 0, {"downloaded": 2})
    assert (end["sent"], end["minutes_bought"]) == (2, pytest.approx(2 / 60, abs=0.001))
    assert [entry["outcome"] for entry in log if entry["action"] == "sent"] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("arguments", "code", "action"),
    [
        (("run", "missing.csv"), 3, "error"),
        (("run", "broken.csv"), 3, "problem"),
        (("run", "demo.yaml", "--limt", "2"), 2, "error"),
        (("run", "demo.yaml", "--limit", "0"), 2, "error"),
        (("run", "demo.yaml"), 4, "error"),
        (("rum", "demo.yaml"), 2, "error"),
        (("collect", "demo.yaml"), 0, "ended"),
    ],
)
def test_what_goes_wrong_is_told_in_json_too(shell: Shell, arguments: tuple[str, ...], code: int, action: str) -> None:
    """Also what is wrong with the command line itself."""
    done = shell.here(*arguments, DUBBATCH_LOG_FORMAT="json")
    log = entries(done.stderr)

    assert (done.returncode, done.stdout) == (code, "")
    assert log[0]["action"] == action
    assert (log[-1]["action"], log[-1]["exit_code"]) == ("ended", code)


def test_a_process_that_ends_at_its_first_word_tells_that_in_json(shell: Shell) -> None:
    """Nothing else gets onto standard error, whatever Python or a library might have to say."""
    done = shell("rum", "demo.yaml", "--log-format", "json")

    assert (done.returncode, done.stdout) == (2, "")
    assert [entry["action"] for entry in entries(done.stderr)] == ["error", "ended"]


def test_a_file_gets_the_log_while_standard_error_stays_for_people(open_service: Service, connected: Connected) -> None:
    """Appended to, run after run."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    first = shell("run", "batch.csv", "--log-file", "run.log")
    second = shell.here("run", "batch.csv", "--log-file", "run.log")
    lines = (shell.folder / "run.log").read_text().splitlines()

    assert "1 job, 1 to send" in first.stderr
    assert "Batch batch: 1 job: 1 downloaded" in first.stdout
    assert [line.split()[2] for line in lines].count("ended") == 2
    assert lines[0].split()[2:4] == ["started", "batch:"]
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_log_in_json_is_json_in_the_file_and_in_a_pipe(open_service: Service, connected: Connected) -> None:
    """Whoever redirects either can parse it."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    done = shell.here("run", "batch.csv", "--log-file", "run.jsonl", "--log-format", "json", "--quiet")
    file = entries((shell.folder / "run.jsonl").read_text())

    assert [entry["action"] for entry in entries(done.stderr)] == ["ended"]
    assert [entry["action"] for entry in file][-1] == "ended"
    assert "downloaded" in [entry["action"] for entry in file]


def test_a_log_file_that_can_not_be_written_ends_with_8_before_anything_is_sent(
    open_service: Service, connected: Connected
) -> None:
    """A folder stands in its place."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("ep01")
    done = shell.here("run", "batch.csv", "--log-file", "media")

    assert done.returncode == 8
    assert "the log can't be written to" in done.stderr
    assert "nothing was sent" in done.stderr
    assert len(service.books.posts) == 0


def test_a_manifest_may_name_its_log(open_service: Service, connected: Connected, tmp_path: Path) -> None:
    """Beside itself, wherever the command is called from."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    (shell.folder / "s.yaml").write_text("version: 1\nsettings: {log_file: s.log}\ninclude: batch.csv\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = replace(shell, folder=elsewhere)("run", str(shell.folder / "s.yaml"))

    assert done.returncode == 0, done.stderr
    assert "ended" in (shell.folder / "s.log").read_text()
    assert list(elsewhere.iterdir()) == []
