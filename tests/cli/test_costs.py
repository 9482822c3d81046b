"""What a person learns of costs before paying, and how a cap ends a run: by the real command."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: Two dubs of seven seconds each in three languages.
DUBS = """id,video,audio,language,Client
h-de,media/harbor.mp4,media/harbor.de.wav,de,ACME
h-fr,media/harbor.mp4,media/harbor.fr.mp3,fr,ACME
l-de,media/lantern.mp4,media/lantern.de.mp3,de,
l-es,media/lantern.mp4,media/lantern.es.mp3,es,North
"""


@pytest.fixture
def four(open_service: Callable[..., Sandbox], connected: Callable[[Sandbox], Shell]) -> Shell:
    """A shell with ``batch.csv``: four dubs of a second each, which is 0.02 minutes."""
    shell = connected(open_service())
    shell.write_jobs("a", "b", "c", "d")
    return shell


@pytest.fixture
def dubs(shell: Shell) -> Path:
    path = shell.folder / "dubs.csv"
    path.write_text(DUBS)
    return path


def totals(done: Any) -> dict[str, Any]:
    return dict(json.loads(done.stdout)["totals"])


def test_a_plan_sums_up_by_any_column_with_money_and_the_hour(shell: Shell, dubs: Path) -> None:
    """As a table for people, as JSON for programs."""
    text = shell("plan", "dubs.csv", "--by", "language", "--by", "client", "--price-per-minute", "1.50 EUR")
    flags = ["--map", "Client=", "--by", "Client", "--price-per-minute", "$2", "--format", "json"]
    as_json = json.loads(shell.here("plan", "dubs.csv", *flags).stdout)

    lines = text.stdout.splitlines()
    assert lines[4].split() == ["language", "jobs", "to", "send", "minutes", "cost"]
    assert lines[5].split() == ["de", "2", "2", "0.23", "0.35", "EUR"]
    assert [line.split()[0] for line in lines[8:12]] == ["client", "ACME", "-", "North"]
    assert "4 jobs, 4 to send: 0.47 media minutes (0.70 EUR), done in about 2 min, at " in lines[-1]
    assert as_json["by"]["Client"]["ACME"]["cost"] == pytest.approx(2 * 7 / 60 * 2, abs=0.01)
    assert (as_json["totals"]["currency"], as_json["totals"]["actions"]["new"]) == ("$", 4)
    assert as_json["totals"]["finish_at"].endswith("Z")


def test_a_capped_run_ends_with_5_and_goes_on_when_the_cap_is_raised(four: Shell) -> None:
    """The plan says beforehand what would be held back; the report says why it waits."""
    plan = four.here("plan", "batch.csv", "--max-minutes", "0.04", "--format", "json")
    first = four("run", "batch.csv", "--max-minutes", "0.04")
    again = four.here("run", "batch.csv", "--max-minutes", "0.04")
    raised = four.here("run", "batch.csv", "--max-minutes", "1")

    assert (totals(plan)["to_send"], totals(plan)["held"]["jobs"]) == (2, 2)
    assert (first.returncode, again.returncode, raised.returncode) == (5, 5, 0)
    assert "stopped: the cap of 0.04 minutes: 0.03 minutes are bought in all" in first.stdout
    assert "2 jobs of 0.03 minutes wait" in first.stdout
    assert "2 downloaded (2 by earlier runs), 2 pending" in again.stdout
    with (four.folder / "batch-dubs" / "report.csv").open(encoding="utf-8-sig") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["downloaded"] * 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dubs.yaml", "settings:\n  max_minutes_by: {language: {de: 0.15}, Client: 5}\n"),
        ("dubbatch.toml", "[max_minutes_by]\nClient = 5\n[max_minutes_by.language]\nde = 0.15\n"),
    ],
)
def test_caps_of_columns_stand_in_the_manifest_or_beside_it(shell: Shell, dubs: Path, name: str, text: str) -> None:
    """As a map of maps; each holds for its own jobs."""
    if name == "dubs.yaml":
        text = f"version: 1\n{text}include: dubs.csv\n"
    (shell.folder / name).write_text(text)

    told = shell.here("plan", "dubs.yaml" if name == "dubs.yaml" else "dubs.csv", "--format", "json")

    plan = json.loads(told.stdout)
    assert told.returncode == 0, told.stdout + told.stderr
    held = [job["id"] for job in plan["jobs"] if job["held"]]
    assert len(held) == 1
    assert held[0] in ("h-de", "l-de")
    assert "for language de" in next(job["reason"] for job in plan["jobs"] if job["held"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-minutes", "0"], "a number of minutes above 0"),
        (["--max-minutes", "-5"], "a number of minutes above 0"),
        (["--max-minutes-by", "langauge=de:5"], "the manifest has no column 'langauge'"),
        (["--max-minutes-by", "language=de"], "expected column=value:minutes"),
        (["--by", "langauge"], "the manifest has no column 'langauge'"),
        (["--price-per-minute", "cheap"], "expected a price"),
        (["--length-tolerance", "a bit"], "expected a share"),
    ],
)
def test_a_mistake_in_what_may_be_spent_ends_with_2(shell: Shell, dubs: Path, words: list[str], said: str) -> None:
    """Before anything is looked at: a cap with a slip in it would hold nothing back."""
    told = shell.here("plan", "dubs.csv", *words)

    assert told.returncode == 2
    assert said in told.stderr
    assert not (shell.folder / ".dubbatch").exists()


def test_a_pilot_says_how_to_go_on(four: Shell) -> None:
    """With the very line, and with what the outputs really lasted."""
    done = four.here("run", "batch.csv", "--transfers", "2", "--limit", "1", "--no-progress")

    lines = done.stdout.splitlines()
    assert done.returncode == 9
    assert lines[-1] == (
        "Next: dubbatch run batch.csv --transfers 2 --no-progress"
        "  # if the outputs are as you want them, goes on with 3 jobs, 0.05 media minutes"
    )
    assert "Media minutes of the outputs: 0.02, estimated were 0.02" in lines


def test_what_is_wrong_with_media_stands_in_the_plan_with_its_cell(four: Shell) -> None:
    """An error blocks its own job: the plan ends with 0, the run with 1. Strictly, a warning does so too."""
    film = (four.folder / "media" / "tiny.mp4").read_bytes()
    (four.folder / "media" / "cut.mp4").write_bytes(film[:-400])
    sheet = (four.folder / "batch.csv").read_text().replace("tiny.mp4", "cut.mp4", 2)
    (four.folder / "batch.csv").write_text(sheet)

    told = four.here("plan", "batch.csv", "--format", "json")
    ran = four.here("run", "batch.csv")
    strict = four.here("plan", "batch.csv", "--length-tolerance", "0", "--strict", "--format", "json")

    plan = json.loads(told.stdout)
    assert told.returncode == 0
    assert {job["id"]: job["action"] for job in plan["jobs"]} == {
        "a": "blocked", "b": "blocked", "c": "new", "d": "new",
    }  # fmt: skip
    first = plan["problems"][0]
    assert [first[name] for name in ("severity", "row", "column", "value", "job")] == [
        "error", 2, "video", "media/cut.mp4", "a",
    ]  # fmt: skip
    assert "the file is cut" in first["message"]
    assert ran.returncode == 1
    assert "2 downloaded, 2 blocked" in ran.stdout
    assert "batch.csv, row 2, column video: the video can't be used: the file is cut" in ran.stderr
    assert strict.returncode == 0


def test_a_plan_is_kept_for_the_next_and_leaves_no_trace_where_it_can_t_be(shell: Shell, dubs: Path) -> None:
    """In the ledger; a plan alone makes no batch of it."""
    shell.here("plan", "dubs.csv")

    assert (shell.folder / ".dubbatch" / "ledger.db").exists()
    assert "never run" in shell.here("redo", "dubs.csv", "--failed").stderr
