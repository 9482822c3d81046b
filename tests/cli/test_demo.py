"""The README's way in: the demo of ``manifests/`` against the sandbox, and every command after it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from dubbatch.media.checks import check_output
from dubbatch.sandbox.books import Books

if TYPE_CHECKING:
    from tests.cli.conftest import OpenShell, Shell

JOBS = ["harbor-de", "harbor-fr", "harbor-ja", "lantern-de", "lantern-fr", "lantern-es"]
RUN = ("run", "demo.csv", "--sandbox")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, open_shell: OpenShell) -> Shell:
    return open_shell(tmp_path_factory.mktemp("demo") / "manifests")


@pytest.fixture(scope="module")
def ran(demo: Shell) -> CompletedProcess[str]:
    """The first run."""
    return demo(*RUN)


@pytest.fixture
def outputs(demo: Shell, ran: CompletedProcess[str]) -> Path:
    return demo.folder / "demo-dubs" / "sandbox"


@pytest.fixture
def books(demo: Shell, ran: CompletedProcess[str]) -> Books:
    """What the sandbox was asked, as it stood before the test."""
    return Books.load(demo.folder / ".dubbatch" / "sandbox-books")


def test_the_first_run_brings_every_dub_home(ran: CompletedProcess[str], outputs: Path, books: Books) -> None:
    """Exit code 0, six playable files, the reports, and a last line that says where they are."""
    assert ran.returncode == 0, ran.stderr
    for job in JOBS:
        assert check_output(outputs / f"{job}.mp4", durations_s=[7.0]).ok
    assert sorted(books.bills().values()) == [1] * len(JOBS)
    last = next(line for line in ran.stdout.splitlines() if line.startswith("Outputs in "))
    assert str(outputs) in last
    assert "report.csv" in last
    assert "6 downloaded" in ran.stdout


def test_the_reports_have_every_row_and_the_teams_columns(outputs: Path) -> None:
    """The sheet as it went in, with what became of it."""
    with (outputs / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    report = json.loads((outputs / "report.json").read_text(encoding="utf-8"))

    assert [row["id"] for row in rows] == [job["id"] for job in report["jobs"]]
    assert sorted(row["id"] for row in rows) == sorted(JOBS)
    assert {row["client"] for row in rows} == {"Southport Ferries", "Northwind"}
    assert report["totals"]["downloaded"] == len(JOBS)


def test_a_second_run_sends_nothing(demo: Shell, books: Books, outputs: Path) -> None:
    """It says the same, and the files are those of before."""
    before = {path: path.stat().st_mtime_ns for path in outputs.glob("*.mp4")}

    again = demo(*RUN)

    assert again.returncode == 0
    assert "6 downloaded" in again.stdout
    assert len(Books.load(demo.folder / ".dubbatch" / "sandbox-books").posts) == len(books.posts)
    assert {path: path.stat().st_mtime_ns for path in outputs.glob("*.mp4")} == before


def test_status_tells_where_it_stands_without_the_rows(demo: Shell, ran: CompletedProcess[str]) -> None:
    """From the ledger alone, and of each service apart: nothing was run against the real one."""
    after = demo("status", "demo.csv", "--sandbox")
    before = demo.here("status", "demo.csv")

    assert (after.returncode, before.returncode) == (0, 0)
    assert "6 jobs: 6 downloaded" in after.stdout
    assert before.stdout.startswith("Batch demo: no run yet")


def test_report_writes_the_reports_again(demo: Shell, outputs: Path) -> None:
    """The same content, and one more where a path says so."""
    before = (outputs / "report.json").read_text(encoding="utf-8")
    (outputs / "report.json").unlink()

    told = demo.here("report", "demo.csv", "--sandbox", "--report", "elsewhere.csv")

    assert told.returncode == 0
    assert json.loads((outputs / "report.json").read_text(encoding="utf-8"))["jobs"] == json.loads(before)["jobs"]
    assert (demo.folder / "elsewhere.csv").read_bytes() == (outputs / "report.csv").read_bytes()


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_workbook_is_written_where_a_path_says_so(demo: Shell, outputs: Path, command: str) -> None:
    """With the team's columns first, and links that lead to the outputs from where it lies."""
    path = demo.folder / f"by-{command}.xlsx"

    told = demo.here(command, "demo.csv", "--sandbox", "--report", path.name)

    assert told.returncode == 0, told.stderr
    book = load_workbook(path)
    header, *rows = book["Jobs"].iter_rows()
    output = [cell.value for cell in header].index("output")

    assert path.name in told.stdout
    assert book.sheetnames == ["Summary", "Jobs", "Problems"]
    assert book["Summary"]["A2"].value == "6 of 6 jobs are done"
    assert sorted(row[output].value for row in rows) == sorted(f"{job}.mp4" for job in JOBS)
    for row in rows:
        link = row[output].hyperlink.target.replace("\\", "/")
        assert (demo.folder / link).samefile(outputs / row[output].value)


def test_collect_fetches_a_deleted_output_again(demo: Shell, books: Books, outputs: Path) -> None:
    """Free: nothing is sent."""
    whole = (outputs / "harbor-ja.mp4").read_bytes()
    (outputs / "harbor-ja.mp4").unlink()

    told = demo.here("collect", "demo.csv", "--sandbox")

    assert told.returncode == 0
    assert (outputs / "harbor-ja.mp4").read_bytes() == whole
    assert len(Books.load(demo.folder / ".dubbatch" / "sandbox-books").posts) == len(books.posts)
