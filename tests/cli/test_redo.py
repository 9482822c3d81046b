"""``dubbatch redo``: buys again what a person names, exactly once, and keeps what was there before."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.server import Sandbox
from tests.story import Story

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]


def write_table(path: Path, *rows: Sequence[str], delimiter: str = ",", encoding: str = "utf-8-sig") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


@pytest.fixture
def done(open_service: Service, connected: Connected) -> tuple[Shell, Sandbox]:
    """Three jobs that were bought and downloaded."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b", "c")
    ran = shell.here("run", "batch.csv")
    assert ran.returncode == 0, ran.stderr
    return shell, service


def test_the_rows_that_a_reviewer_has_marked_are_bought_again_once(done: tuple[Shell, Sandbox]) -> None:
    """In report.csv as it was written, with one column more; the old file stays as name.v1.mp4."""
    shell, service = done
    with (shell.folder / "batch-dubs" / "report.csv").open(newline="", encoding="utf-8-sig") as file:
        header, *rows = csv.reader(file)
    marks = {"a": "x", "b": "", "c": "Yes"}
    at = header.index("id")
    write_table(shell.folder / "review.csv", [*header, "Redo"], *([*row, marks[row[at]]] for row in rows))
    first = (shell.folder / "batch-dubs" / "a.mp4").read_bytes()

    asked = shell("redo", "batch.csv", "--from", "review.csv", DUBBATCH_PRICE_PER_MINUTE="6 EUR")
    again = shell.here("redo", "batch.csv", "--from", "review.csv", "--id", "a")
    bought = shell.here("run", "batch.csv")
    idle = shell.here("run", "batch.csv")

    assert (asked.returncode, again.returncode, bought.returncode, idle.returncode) == (0, 0, 0, 0), asked.stderr
    assert "  a  downloaded  0.02 min" in asked.stdout
    assert "2 jobs, 0.03 media minutes (0.20 EUR) will be billed again." in asked.stdout
    assert "`dubbatch run batch.csv` buys them again, once." in asked.stdout
    assert "2 jobs asked for before" in again.stdout
    assert "Recorded" not in again.stdout
    assert sorted(service.books.bills().values()) == [1] * 5
    assert len(service.books.posts) == 5
    assert sorted(path.name for path in (shell.folder / "batch-dubs").glob("*.v1.mp4")) == ["a.v1.mp4", "c.v1.mp4"]
    assert (shell.folder / "batch-dubs" / "a.v1.mp4").read_bytes() == first


def test_a_sheet_of_a_workbook_and_a_list_of_ids_are_tables_too(done: tuple[Shell, Sandbox]) -> None:
    """``file.xlsx#Sheet`` as for manifests; a table with no other column than the ids means all of them."""
    shell, service = done
    book = openpyxl.Workbook()
    book.create_sheet("Review").append(["ID", "Note", "REDO"])
    book["Review"].append(["b", "lips are late", True])
    book["Review"].append(["c", "fine", None])
    book.save(shell.folder / "review.xlsx")
    write_table(shell.folder / "ids.txt", ["id"], ["c"], encoding="utf-16")

    marked = shell.here("redo", "batch.csv", "--from", "review.xlsx#review")
    listed = shell.here("redo", "batch.csv", "--from", "ids.txt", "--id", "c", "--failed")
    bought = shell.here("run", "batch.csv")

    assert (marked.returncode, listed.returncode, bought.returncode) == (0, 0, 0), marked.stderr + listed.stderr
    assert "1 job, 0.02 media minutes will be billed again." in marked.stdout
    assert "buys it again" in listed.stdout
    assert len(service.books.posts) == 5


def test_the_hint_is_the_command_that_buys_it(done: tuple[Shell, Sandbox]) -> None:
    """With the flags that say which batch is meant, and quoted where a shell needs it."""
    shell, _ = done
    (shell.folder / "batch.csv").rename(shell.folder / "my batch.csv")

    told = shell.here("redo", "my batch.csv", "--batch", "batch", "--id", "a")

    assert told.returncode == 0, told.stderr
    assert "`dubbatch run 'my batch.csv' --batch batch` buys it again" in told.stdout


REPORT = ["id,state,redo", "a,downloaded,x"]
BAD_TABLES = {
    "a report as it is": (["id,state", "a,downloaded"], ["review.csv, row 1", "no column redo", "mark with x"]),
    "no ids": (["video,redo", "a.mp4,x"], ["review.csv, row 1", "no column id"]),
    "unknown": ([*REPORT, "bb,downloaded,x"], ["review.csv, row 3, column id", "no such job", "did you mean b?"]),
    "twice": ([*REPORT, "a,downloaded,yes"], ["review.csv, row 3, column id", "stands also in row 2"]),
    "no yes": ([*REPORT, "b,downloaded,perhaps"], ["review.csv, row 3, column redo", "neither yes nor no", "perhaps"]),
    "no id": ([*REPORT, ",downloaded,1"], ["review.csv, row 3, column id", "the row has no id"]),
    "no row": (["id,redo"], ["there are no rows in it"]),
    "no mark": (["id,redo", "a,no", "b,"], ["no row is marked"]),
    "broken": (["id,redo", '"a,x'], ["row 2", "never closed"]),
}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, open_shell: Callable[..., Shell]) -> Shell:
    """A batch in the sandbox; nothing that is done to it here may change it."""
    shell = open_shell(tmp_path_factory.mktemp("settled") / "project")
    shell.write_jobs("a", "b")
    ran = shell.here("run", "batch.csv", "--sandbox")
    assert ran.returncode == 0, ran.stderr
    return shell


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_table_that_leaves_a_doubt_records_nothing(settled: Shell, case: str) -> None:
    """It is told with row, column and remedy, exit code 2; the good rows are not taken either."""
    lines, words = BAD_TABLES[case]
    (settled.folder / "review.csv").write_text("\n".join(lines))

    told = settled.here("redo", "batch.csv", "--sandbox", "--from", "review.csv")

    assert told.returncode == 2
    assert [word for word in words if word not in told.stderr] == []
    assert told.stdout == ""
    with Ledger(settled.folder / ".dubbatch" / "sandbox.db") as ledger:
        assert ledger.jobs.open_redos("batch") == frozenset()


@pytest.mark.parametrize(
    ("table", "words"),
    [("none.csv", "There is no file none.csv"), ("demo.yaml", "is no table"), ("batch.csv#x", "has no sheets")],
)
def test_what_is_no_table_is_told(settled: Shell, table: str, words: str) -> None:
    """Exit code 2: the command names it, it is no manifest."""
    told = settled.here("redo", "batch.csv", "--sandbox", "--from", table)

    assert told.returncode == 2
    assert words in told.stderr
    assert "Nothing was recorded." in told.stderr


@pytest.fixture
def told_of(shell: Shell) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``redo`` of a batch of which the ledger knows what ``story`` tells."""

    def ask(tell: Callable[[Story], None], *words: str) -> subprocess.CompletedProcess[str]:
        with Ledger(shell.folder / ".dubbatch" / "ledger.db") as ledger:
            tell(Story(ledger, shell.folder / "spring-dubs"))
        write_table(shell.folder / "review.csv", ["id"], ["a"])
        return shell.here("redo", "demo.csv", "--batch", "spring", *words)

    return ask


@pytest.mark.parametrize("words", [("--id", "a"), ("--from", "review.csv")])
@pytest.mark.parametrize("is_done", [False, True])
def test_a_job_that_may_still_come_is_not_bought_blind(
    told_of: Callable[..., subprocess.CompletedProcess[str]], words: tuple[str, str], is_done: bool
) -> None:
    """It is at the service, or done there and not fetched."""

    def tell(story: Story) -> None:
        story.plan("a")
        attempt = story.accept("a")
        if is_done:
            story.end(attempt, JobState.COMPLETED)

    told = told_of(tell, *words)

    assert (told.returncode, told.stdout) == (2, "")
    assert "still at the service" in told.stderr
    assert "`dubbatch collect`" in told.stderr


def test_a_length_that_nobody_knows_is_told(told_of: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """It is no zero in the sum."""

    def tell(story: Story) -> None:
        story.plan("a", "b", lengths_s={"b": 90})

    told = told_of(tell, "--id", "a", "--id", "b")

    assert told.returncode == 0, told.stderr
    assert "  a  pending  length unknown\n  b  pending  1.50 min\n" in told.stdout
    assert "2 jobs, 1.50 media minutes and 1 job of unknown length will be billed again." in told.stdout
