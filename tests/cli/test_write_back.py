"""``--write-back`` by the real command: into the team's sheet, beside it, or not at all, and it says which."""

from __future__ import annotations

import csv
import io
import json
import signal
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from dubbatch.sandbox.server import Sandbox
from tests.waiting import wait_for
from tests.writeback.workbooks import books

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]

_TREE = '{"version": 1, "jobs": [{"video": "media/tiny.mp4", "audio": "media/a.wav"}]}'
_OURS = ["dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated"]
#: The command; when the first POST is answered, somebody does what MEANWHILE says.
_MEANWHILE = """
import os, sys
def hook(event, arguments):
    if event == "dubbatch.post" and arguments[0] == "after" and (code := os.environ.pop("MEANWHILE", "")):
        exec(code)
sys.addaudithook(hook)
from dubbatch.cli.app import main
main()
"""
#: The command, which is told to stop so many times while it writes the sheet.
_STOPPED = """
import os, sys
left = [2] * int(os.environ["TIMES"])
def hook(event, arguments):
    if left and event == "open" and ".batch.csv." in str(arguments[0]):
        while left:
            os.kill(os.getpid(), left.pop())
sys.addaudithook(hook)
from dubbatch.cli.app import main
main()
"""


def rows(path: Path) -> list[dict[str, str]]:
    """The table's rows, by their headers."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [*csv.DictReader(file)]


def statuses(path: Path) -> dict[str, str]:
    return {row["id"]: row.get("dub_status", "") for row in rows(path)}


def write_book(shell: Shell, name: str, **tabs: str) -> Path:
    """A workbook with one row a tab: the tiny video with that voice."""
    shell.write_jobs(*tabs.values())
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, voice in tabs.items():
        tab = book.create_sheet(title)
        tab.append(["id", "video", "audio"])
        tab.append([voice, "media/tiny.mp4", f"media/{voice}.wav"])
    book.save(shell.folder / name)
    return shell.folder / name


def column(path: Path, tab: str, title: str, header: int = 1) -> list[object]:
    """What stands in a column of a workbook."""
    sheet = openpyxl.load_workbook(path)[tab]
    at = next(cell.column for cell in sheet[header] if cell.value == title)
    values = (sheet.cell(row, at).value for row in range(header + 1, sheet.max_row + 1))
    return [value for value in values if value is not None]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".part")]


@pytest.mark.parametrize("command", ["plan", "run", "collect", "report"])
def test_a_tree_is_no_sheet(shell: Shell, command: str) -> None:
    (shell.folder / "jobs.yaml").write_text(_TREE)
    done = shell.here(command, "jobs.yaml", "--write-back")
    assert done.returncode == 2
    assert "--write-back writes into the team's sheet, and a .yaml file is none" in done.stderr
    assert "the reports say the same" in done.stderr
    assert not (shell.folder / ".dubbatch").exists()


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [
        ("jobs.json", "environment", "DUBBATCH_WRITE_BACK"),
        ("jobs.jsonl", "toml", "dubbatch.toml: write_back"),
        ("jobs.yml", "manifest", "manifest: write_back"),
        ("-", "flag", "--write-back writes into the team's sheet, and what comes on standard input is none"),
    ],
)
def test_who_asked_for_it_is_named(shell: Shell, name: str, where: str, said: str) -> None:
    tree = json.loads(_TREE) | ({"settings": {"write_back": True}} if where == "manifest" else {})
    data = json.dumps(tree["jobs"][0] if name.endswith("l") and name != "jobs.yml" else tree)
    if where == "toml":
        (shell.folder / "dubbatch.toml").write_text("write_back = true\n")
    if name == "-":
        done = shell.piped_here(data.encode(), "run", "-", "--batch", "x", "--write-back")
    else:
        (shell.folder / name).write_text(data)
        done = shell.here("run", name, **({"DUBBATCH_WRITE_BACK": "1"} if where == "environment" else {}))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "none" in done.stderr


def test_without_the_flag_nothing_of_theirs_is_touched_and_with_it_a_finished_run_fills_in(
    open_service: Service, connected: Connected
) -> None:
    """The second run has nothing to do, and the third nothing to say."""
    shell = connected(open_service())
    shell.write_jobs("a", "b")
    path = shell.folder / "batch.csv"
    before = path.read_bytes()
    plain = shell.listing()["batch.csv"]
    for command in ("run", "report"):
        assert shell.here(command, "batch.csv").returncode == 0
    assert (shell.listing()["batch.csv"], path.read_bytes()) == (plain, before)
    assert not (shell.folder / ".dubbatch" / "backups").exists()

    done = shell("run", "batch.csv", "--write-back")
    assert done.returncode == 0, done.stderr
    assert "Sheet batch.csv: the results of 2 jobs are in it; as it was before: " in done.stdout
    assert statuses(path) == {"a": "downloaded", "b": "downloaded"}
    assert all((shell.folder / row["dub_output"]).is_file() and row["dub_minutes"] for row in rows(path))
    (backup,) = (shell.folder / ".dubbatch" / "backups").iterdir()
    assert (backup.read_bytes(), str(backup) in done.stdout) == (before, True)

    filled = shell.listing()["batch.csv"]
    again = shell.here("run", "batch.csv", DUBBATCH_WRITE_BACK="yes")
    assert again.returncode == 0
    assert "Sheet batch.csv is up to date" in again.stdout
    assert shell.listing()["batch.csv"] == filled
    assert len([*backup.parent.iterdir()]) == 1


def test_a_sheet_that_is_open_gets_its_results_beside_it_and_by_the_next_run(
    open_service: Service, connected: Connected
) -> None:
    shell = connected(open_service())
    path = write_book(shell, "our dubs.xlsx", Jobs="a")
    before, beside = path.read_bytes(), shell.folder / "our dubs.dubbatch.xlsx"
    lock = shell.folder / "~$our dubs.xlsx"
    lock.write_text("Mika")
    done = shell.here("run", "our dubs.xlsx", "--write-back")
    assert done.returncode == 0, done.stderr
    assert (
        "Sheet our dubs.xlsx is open in another program (its lock file is ~$our dubs.xlsx): the results of 1 job are "
        "in our dubs.dubbatch.xlsx beside it.\n  The next run with --write-back puts them into the sheet itself"
    ) in done.stdout
    assert path.read_bytes() == before
    assert column(beside, "Jobs", "dub_status") == ["downloaded"]

    lock.unlink()
    # What they did in the meantime is theirs.
    book = openpyxl.load_workbook(path)
    book["Jobs"].cell(20, 2, "see Mika")
    book.save(path)
    after = shell.here("run", "our dubs.xlsx", "--write-back")
    assert after.returncode == 0, after.stderr
    assert column(path, "Jobs", "dub_status") == ["downloaded"]
    assert openpyxl.load_workbook(path)["Jobs"].cell(20, 2).value == "see Mika"
    assert not beside.exists()


def test_report_and_collect_fill_in_too_and_send_nothing(open_service: Service, connected: Connected) -> None:
    service = open_service(seconds=60.0)
    shell = connected(service)
    shell.write_jobs("a", "b")
    path = shell.folder / "batch.csv"
    assert shell.here("run", "batch.csv", "--max-time", "1s").returncode == 9
    report = shell.here("report", "batch.csv", "--write-back", CHAMELAION_API_KEY="")
    assert (report.returncode, "the results of 2 jobs are in it" in report.stdout) == (0, True)
    assert {*statuses(path).values()} <= {"queued", "processing"}
    service.advance(120)
    sent = len(service.books.posts)
    collected = shell.here("collect", "batch.csv", "--write-back")
    assert collected.returncode == 0, collected.stderr
    assert statuses(path) == {"a": "downloaded", "b": "downloaded"}
    assert len(service.books.posts) == sent == 2


@pytest.mark.parametrize(
    ("faults", "times", "found"),
    [
        ([], 1, {"queued", "processing"}),
        # The answer to a POST that is waited for: the second Ctrl-C waits no longer.
        ([{"on": "post", "action": "silence", "accept": True}], 2, {"submitting", "unsure", "pending"}),
    ],
)
def test_an_interrupted_run_says_in_the_sheet_how_far_it_came(
    open_service: Service, connected: Connected, faults: list[dict[str, object]], times: int, found: set[str]
) -> None:
    service = open_service(seconds=60.0)
    service.set_faults(faults)
    shell = connected(service)
    shell.write_jobs("a", "b")
    pause = threading.Event()
    with shell.start("run", "batch.csv", "--write-back") as process:
        wait_for(lambda: len(service.books.requests) >= 3 - times, process)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            # Two that come at the same moment are one to the system.
            pause.wait(0.1)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (130, False), out + err
    assert {*statuses(shell.folder / "batch.csv").values()} <= found
    assert "the results of 2 jobs are in it" in out


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_that_is_told_to_stop_while_it_writes_the_sheet_leaves_it_whole(
    open_service: Service, connected: Connected, times: int
) -> None:
    shell = connected(open_service())
    shell.write_jobs("a", "b")
    path = shell.folder / "batch.csv"
    before = path.read_bytes()
    stopped = replace(shell, program=("-c", _STOPPED))("run", "batch.csv", "--write-back", TIMES=str(times))
    assert "Traceback" not in stopped.stderr
    # The system may tell another thread of it, and then the sheet is written by the time that Python hears.
    assert stopped.returncode in (0, 130), stopped.stderr
    assert path.read_bytes() == before or statuses(path) == {"a": "downloaded", "b": "downloaded"}
    assert shell.here("run", "batch.csv", "--write-back").returncode == 0
    assert statuses(path) == {"a": "downloaded", "b": "downloaded"}
    assert leftovers(shell.folder) == []


def test_a_job_that_failed_says_why_and_what_to_do_and_none_of_it_is_a_formula(
    open_service: Service, connected: Connected
) -> None:
    service = open_service()
    service.set_faults([{"on": "post", "action": "answer", "status": 422, "error": "=cmd|' /C calc'!A0", "nth": 1}])
    shell = connected(service)
    shell.write_jobs("a", "b")
    done = shell.here("run", "batch.csv", "--write-back", "--concurrency", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {row["dub_status"]: row for row in rows(shell.folder / "batch.csv")}
    assert {*found} == {"failed", "downloaded"}, done.stdout
    failed = found["failed"]
    assert "calc" in failed["dub_error"]
    assert "; " in failed["dub_error"]
    assert not failed["dub_error"].startswith(("=", "+", "-", "@"))
    assert (failed["dub_output"], failed["dub_minutes"]) == ("", "")
    assert service.key not in (shell.folder / "batch.csv").read_text()


def test_a_sheet_with_a_language_a_column_says_it_of_each(open_service: Service, connected: Connected) -> None:
    shell = connected(open_service())
    shell.write_jobs("a", "b", "c")
    path = shell.folder / "batch.csv"
    path.write_bytes(
        "id;video;Audio_DE;audio_pt-BR\r\nx;media/tiny.mp4;media/a.wav;media/b.wav\r\n"
        "y;media/tiny.mp4;;media/c.wav\r\n".encode("utf-16")
    )
    done = shell.here("run", "batch.csv", "--write-back")
    assert done.returncode == 0, done.stdout + done.stderr
    header, first, second = csv.reader(io.StringIO(path.read_bytes().decode("utf-16"), newline=""), delimiter=";")
    assert header[4:] == [f"{name}_{language}" for language in ("de", "pt-BR") for name in _OURS]
    assert (first[4], first[9]) == ("downloaded", "downloaded")
    assert ([*second, ""][4], second[9]) == ("", "downloaded")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_workbook_with_macros_keeps_them(
    open_service: Service, connected: Connected, make_media: Callable[[Path], None]
) -> None:
    shell, book = connected(open_service()), books()["macros"]
    path = shell.folder / "macros.xlsm"
    path.write_bytes(book.data)
    sheet = openpyxl.load_workbook(path)[book.sheet]
    for row in book.rows:
        for at in (1, 2):
            make_media(shell.folder / str(sheet.cell(row, at).value))
    done = shell.here("run", "macros.xlsm", "--write-back")
    assert done.returncode == 0, done.stdout + done.stderr
    assert column(path, book.sheet, "dub_status", book.header) == ["downloaded"] * len(book.rows)
    with zipfile.ZipFile(io.BytesIO(book.data)) as before, zipfile.ZipFile(path) as after:
        assert after.read("xl/vbaProject.bin") == before.read("xl/vbaProject.bin")


def test_two_tabs_are_two_batches_and_each_has_its_results(open_service: Service, connected: Connected) -> None:
    shell = connected(open_service())
    path = write_book(shell, "film.xlsx", DE="a", FR="b")
    for name in ("DE", "fr"):
        done = shell.here("run", f"film.xlsx#{name}", "--write-back")
        assert done.returncode == 0, done.stderr
    assert [column(path, name, "dub_status") for name in ("DE", "FR")] == [["downloaded"], ["downloaded"]]
    (output,) = column(path, "FR", "dub_output")
    assert (shell.folder / str(output)).is_file()


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        ("os.remove('film.xlsx')", "There is no file"),
        ("os.truncate('film.xlsx', 2000)", "cut off or damaged"),
    ],
)
def test_a_sheet_that_is_gone_or_broken_by_then_is_told_and_the_reports_are_there(
    open_service: Service, connected: Connected, meanwhile: str, said: str
) -> None:
    shell = replace(connected(open_service()), program=("-c", _MEANWHILE))
    write_book(shell, "film.xlsx", Jobs="a")
    done = shell("run", "film.xlsx", "--write-back", MEANWHILE=meanwhile)
    assert done.returncode == 8, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    report = json.loads((shell.folder / "film-dubs" / "report.json").read_text())
    assert report["totals"]["downloaded"] == 1
    assert report["finished_at"]
    assert leftovers(shell.folder) == []


def test_rows_that_moved_and_changed_while_the_run_went_on_are_found_or_left_alone(
    open_service: Service, connected: Connected
) -> None:
    shell = replace(connected(open_service()), program=("-c", _MEANWHILE))
    shell.write_jobs("a", "b", "c", "d")
    path = shell.folder / "batch.csv"
    header, *lines = path.read_text().splitlines()
    lines[1] = lines[1].replace("b.wav", "a.wav")
    edited = "\n".join(["Our dubs,,,", f"{header},notes", *(f"{line},hm" for line in reversed(lines[1:])), "new,x,y,"])
    done = shell("run", path.name, "--write-back", MEANWHILE=f"open('batch.csv', 'w').write({edited!r})")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "row 5 (b): asks for other work than what was planned; the next run sees to it" in done.stdout
    assert "a: no longer in the sheet" in done.stdout
    table = [*csv.reader(io.StringIO(path.read_text()))]
    assert [line[:4] for line in table] == [line.split(",") for line in edited.splitlines()]
    assert {line[0]: "".join(line[4:5]) for line in table[2:]} == {
        "d": "downloaded", "c": "downloaded", "b": "", "new": "",
    }  # fmt: skip


def test_rows_too_bad_to_be_sent_are_skipped_and_the_others_filled_in(
    open_service: Service, connected: Connected
) -> None:
    shell = connected(open_service())
    shell.write_jobs("a", "b")
    path = shell.folder / "batch.csv"
    path.write_text(path.read_text() + "c,media/tiny.mp4,media/nowhere.wav\n,,\nd,,media/a.wav\n")
    done = shell.here("run", path.name, "--write-back", "--on-error", "skip")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {row["id"]: row for row in rows(path)}
    assert {name: row["dub_status"] for name, row in found.items() if name in ("a", "b")} == {
        "a": "downloaded",
        "b": "downloaded",
    }
    assert found["c"]["dub_status"] == "blocked"
    assert "nowhere.wav" in found["c"]["dub_error"]
