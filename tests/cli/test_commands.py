"""Single commands: what they print where, what they leave alone, and the number they end with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu", "demo.csv"], "Did you mean run?"),
        (["run", "demo.csv", "--concurrency", "many"], "--concurrency is 'many'"),
        (["redo", "demo.csv"], "which jobs?"),
    ],
)
def test_a_mistake_in_the_command_ends_with_2(shell: Shell, arguments: list[str], words: str) -> None:
    """It is told in a sentence on standard error, and nothing is sent."""
    told = shell.here(*arguments)

    assert told.returncode == 2
    assert words in told.stderr
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize("command", [("run", "demo.csv"), ("account",)])
def test_an_env_file_that_is_no_text_ends_with_2(shell: Shell, command: tuple[str, ...]) -> None:
    """Saved in an old Windows encoding: told with its path, and what is in it is not shown."""
    (shell.folder / ".env").write_bytes(b"CHAMELAION_API_KEY=sk-\xff\xfe-4711\n")

    told = shell.here(*command)

    assert told.returncode == 2
    assert ".env can't be read as text" in told.stderr
    assert "UTF-8" in told.stderr
    assert "4711" not in told.stderr
    assert "Traceback" not in told.stderr


def test_a_broken_sheet_ends_with_3_and_every_problem_is_told(shell: Shell) -> None:
    """With file, row, column and remedy; nothing is sent and nothing written."""
    before = shell.listing()

    told = shell("run", "broken.csv", CHAMELAION_API_KEY="k")

    assert told.returncode == 3
    problems = re.findall(r"^error: broken\.csv, row (\d+)", told.stderr, re.MULTILINE)
    assert {int(row) for row in problems} == set(range(2, 12))
    assert told.stderr.count("remedy:") == len(problems)
    assert "Nothing was sent" in told.stderr
    assert shell.listing() == before


def without_ledger(shell: Shell) -> dict[str, tuple[int, int]]:
    """What is there besides the ledger, in which a plan keeps what it has found of media."""
    return {name: stamp for name, stamp in shell.listing().items() if not name.startswith(".dubbatch")}


def test_a_plan_is_json_alone_on_standard_output_and_sends_nothing(open_service: Service, connected: Connected) -> None:
    """The shape is that of schema 1; with a key the account is asked, and nothing is sent."""
    service = open_service()
    shell = connected(service)
    before = shell.listing()

    told = shell("plan", "demo.csv", "--format", "json", "--by", "language")

    plan = json.loads(told.stdout)
    assert told.returncode == 0
    assert list(plan) == ["schema", "batch", "problems", "jobs", "removed", "totals", "by"]
    assert (plan["schema"], plan["batch"], plan["problems"], plan["removed"]) == (1, "demo", [], [])
    assert list(plan["jobs"][0]) == "id action video audio language output minutes reason held warnings".split()
    assert [job["action"] for job in plan["jobs"]] == ["new"] * 6
    assert (plan["totals"]["jobs"], plan["totals"]["to_send"]) == (6, 6)
    assert plan["totals"]["minutes"] == pytest.approx(6 * 7 / 60, abs=0.05)
    assert len(service.books.posts) == 0
    assert plan["by"]["language"]["de"]["to_send"] == 2
    assert service.books.count("list") > 0
    assert without_ledger(shell) == before


def test_a_plan_of_a_broken_sheet_has_every_problem_with_its_cell(shell: Shell) -> None:
    """Rows and columns as a person counts them; the plan of the other rows is there too."""
    before = shell.listing()

    told = shell.here("plan", "broken.csv", "--format", "json")
    plan = json.loads(told.stdout)

    assert told.returncode == 3
    first = next(problem for problem in plan["problems"] if problem["column"] == "video")
    assert list(first) == "severity file sheet row column value message remedy job".split()
    assert (first["severity"], first["row"], first["value"]) == ("error", 3, "media/harbour.mp4")
    assert "secret" not in told.stdout + told.stderr
    assert without_ledger(shell) == before


def test_a_plan_for_people_lists_the_rows_and_the_sum(shell: Shell) -> None:
    """Offline and without a key: by what the ledger knows."""
    before = shell.listing()

    told = shell.here("plan", "demo.csv")

    assert told.returncode == 0
    assert "harbor-de" in told.stdout
    assert "6 to send" in told.stdout
    assert without_ledger(shell) == before


def test_run_and_report_write_csv_with_the_delimiter_that_is_asked_for(
    open_service: Service, connected: Connected
) -> None:
    """The default ones and those that are named."""
    shell = connected(open_service())
    shell.write_jobs("a")

    ran = shell("run", "batch.csv", "--report", "named.csv", "--report-csv-delimiter", ";")
    reports = [shell.folder / "batch-dubs" / "report.csv", shell.folder / "named.csv"]
    first = [path.read_text(encoding="utf-8-sig").splitlines()[1].split(";")[:2] for path in reports]
    collected = shell.here("collect", "batch.csv", "--report-csv-delimiter", "|")
    second = reports[0].read_text(encoding="utf-8-sig").splitlines()[1].split("|")[:2]
    again = shell.here("report", "batch.csv", "--report-csv-delimiter", "tab")
    third = reports[0].read_text(encoding="utf-8-sig").splitlines()[1].split("\t")[:2]

    assert [ran.returncode, collected.returncode, again.returncode] == [0, 0, 0], ran.stderr
    assert [*first, second, third] == [["a", "downloaded"]] * 4


def test_failed_jobs_end_with_1_and_redo_buys_what_it_is_asked_for(open_service: Service, connected: Connected) -> None:
    """The summary says what failed and what helps; redo takes that, and what is named, once."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("bad", "good", "named")
    service.set_faults([{"on": "post", "action": "fail", "message": "unsupported codec", "nth": 1}])

    failed = shell.here("run", "batch.csv", "--concurrency", "1")
    asked = shell.here("redo", "batch.csv", "--failed", "--id", "named")
    mended = shell.here("run", "batch.csv")

    assert failed.returncode == 1
    assert "unsupported codec" in failed.stderr + failed.stdout
    assert "1 failed" in failed.stdout
    assert (asked.returncode, mended.returncode) == (0, 0)
    assert "2 jobs" in asked.stdout
    assert "billed again" in asked.stdout
    assert sorted(service.books.bills().values()) == [1] * 5
    assert "3 downloaded" in mended.stdout
    assert (shell.folder / "batch-dubs" / "named.v1.mp4").exists()


def test_the_key_is_in_no_file_and_in_no_output(open_service: Service, connected: Connected) -> None:
    """Neither in the ledger, the reports, the log of permits, nor in what is printed, even if the service quotes it."""
    service = open_service(key="sk-secret-4711-not-to-be-seen")
    shell = connected(service)
    shell.write_jobs("a")
    quoting = {"action": "answer", "error": f"invalid token {service.key}"}
    service.set_faults([{"on": "get", "nth": 1, **quoting}, {"on": "me", "status": 401, **quoting}])

    ran = shell("run", "batch.csv")
    refused = shell.here("account")

    assert (ran.returncode, refused.returncode) == (0, 4)
    assert service.books.leaks == []
    assert "invalid token" in refused.stderr
    assert service.key not in "".join(shell.printed)
    files = [path for place in (shell.folder, Path(shell.environment["HOME"])) for path in place.rglob("*")]
    texts = {path.name: path.read_bytes() for path in files if path.is_file()}
    assert {"ledger.db", "report.json"} <= texts.keys()
    assert any(name.startswith("permits-") for name in texts)
    assert [name for name, text in texts.items() if service.key.encode() in text] == []
