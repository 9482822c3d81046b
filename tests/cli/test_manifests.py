"""Every way to name a manifest and to say what is meant in it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.cli.conftest import PACE, Shell

SHEET = "Film;Spur;language\nmedia/harbor.mp4;media/harbor.de.wav;de\n"


def plan(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What stands alone on standard output."""
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def ids(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {job["id"]: job["action"] for job in plan(done)["jobs"]}


@pytest.fixture
def workbook(shell: Shell) -> Path:
    """Two sheets of one row each; the second has a hidden row, too."""
    shell.write_jobs("voice", "other")
    book = openpyxl.Workbook()
    for number, title in enumerate(("Season 1", "Season 2"), 1):
        sheet = book.create_sheet(title)
        sheet.append(["id", "video", "audio"])
        sheet.append([f"s{number}", "media/tiny.mp4", "media/voice.wav"])
        if number == 2:
            sheet.append(["hidden", "media/tiny.mp4", "media/other.wav"])
            sheet.row_dimensions[3].hidden = True
    del book["Sheet"]
    path = shell.folder / "seasons.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize(
    "data",
    [
        b"id,video,audio\nx,media/harbor.mp4,media/harbor.de.wav\n",
        b"version: 1\njobs:\n  - {id: x, video: media/harbor.mp4, audio: media/harbor.de.wav}\n",
        b'[{"id": "x", "video": "media/harbor.mp4", "audio": "media/harbor.de.wav"}]',
        b'{"version": 1, "jobs": [{"id": "x", "video": "media/harbor.mp4", "audio": "media/harbor.de.wav"}]}',
        b'{"id": "x", "video": "media/harbor.mp4", "audio": "media/harbor.de.wav"}\n',
    ],
)
def test_a_manifest_may_come_on_standard_input(shell: Shell, data: bytes) -> None:
    """Of any kind; its paths are relative to the working directory."""
    named = shell.piped_here(data, "plan", "-", "--batch", "piped", "--format", "json")

    assert (named.returncode, ids(named), plan(named)["batch"]) == (0, {"x": "new"}, "piped")


@pytest.mark.parametrize(
    ("data", "code", "words"), [(b"video,audio\nx,y\n", 2, "--batch"), (b" \n", 3, "nothing came")]
)
def test_a_manifest_on_standard_input_needs_a_name_and_rows(shell: Shell, data: bytes, code: int, words: str) -> None:
    """A name, because its ledger's record is found by that."""
    done = shell.piped_here(data, "plan", "-")

    assert done.returncode == code
    assert words in done.stderr


def test_a_workbook_may_be_piped(shell: Shell, workbook: Path) -> None:
    """It is told by its first bytes."""
    told = shell.piped_here(workbook.read_bytes(), "plan", "-", "--batch", "b", "--format", "json")

    assert ids(told) == {"s1": "new"}


def test_a_piped_batch_is_found_again_by_its_name(shell: Shell) -> None:
    """``status`` reads no input: it asks the ledger in the working directory."""
    shell.write_jobs("x")
    data = (shell.folder / "batch.csv").read_bytes()

    ran = shell.piped(data, "run", "-", "--batch", "piped", "--sandbox", "--no-progress")
    status = shell.here("status", "-", "--batch", "piped", "--sandbox")

    assert ran.returncode == 0, ran.stderr
    assert (shell.folder / "piped-dubs" / "sandbox" / "x.mp4").exists()
    assert "1 downloaded" in status.stdout


def test_a_sheet_is_chosen_by_its_name(shell: Shell, workbook: Path) -> None:
    """It is a batch of its own, with a folder of its own; what is hidden in it is skipped, with a note."""
    done = shell.here("plan", "seasons.xlsx#Season 2", "--format", "json")
    all_rows = shell.here("plan", "seasons.xlsx#season 2", "--include-hidden", "--format", "json")
    first = shell.here("plan", "seasons.xlsx", "--format", "json")

    assert (plan(done)["batch"], ids(done)) == ("seasons-Season 2", {"s2": "new", "hidden": "skipped"})
    [note] = plan(done)["problems"]
    assert (note["severity"], note["sheet"], note["row"]) == ("warning", "Season 2", 3)
    assert ids(all_rows) == {"s2": "new", "hidden": "new"}
    assert plan(all_rows)["problems"] == []
    assert (plan(first)["batch"], ids(first)) == ("seasons", {"s1": "new"})


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(shell: Shell, workbook: Path) -> None:
    """A near miss is suggested; as JSON, too, it is a problem with its file."""
    done = shell.here("plan", "seasons.xlsx#Saison 2")
    as_json = shell.here("plan", "seasons.xlsx#Saison 2", "--format", "json")

    assert (done.returncode, as_json.returncode) == (3, 3)
    assert "Season 2" in done.stderr
    [problem] = plan(as_json)["problems"]
    assert (problem["severity"], problem["file"], problem["sheet"]) == ("error", "seasons.xlsx", "Saison 2")
    assert "Season 2" in problem["remedy"]


def test_a_file_with_a_hash_in_its_name_is_told_by_that_name(shell: Shell) -> None:
    """It names a sheet only after a workbook's suffix."""
    [problem] = plan(shell.here("plan", "take#2.csv", "--format", "json"))["problems"]

    assert (problem["file"], problem["sheet"]) == ("take#2.csv", "")


def test_the_sheets_of_one_workbook_are_batches_apart(shell: Shell, workbook: Path) -> None:
    """Each has its own outputs and reports, and ``status`` tells them apart."""
    for sheet in ("Season 1", "Season 2"):
        assert shell.here("run", f"seasons.xlsx#{sheet}", "--sandbox", **PACE).returncode == 0

    assert (shell.folder / "seasons-Season 1-dubs" / "sandbox" / "s1.mp4").exists()
    assert (shell.folder / "seasons-Season 2-dubs" / "sandbox" / "report.csv").exists()
    assert "1 downloaded, 1 skipped" in shell.here("status", "seasons.xlsx#Season 2", "--sandbox").stdout
    with sqlite3.connect(shell.folder / ".dubbatch" / "sandbox.db") as books:
        assert books.execute("select count(*) from sends").fetchone() == (1,)


@pytest.mark.parametrize("way", ["flag", "file"])
def test_the_teams_headers_are_mapped(shell: Shell, way: str) -> None:
    """For one call, or in the dubbatch.toml of the folder for all its sheets."""
    (shell.folder / "team.csv").write_text(SHEET)
    flags = ["--map", "Film=video", "--map", "spur=audio"] if way == "flag" else []
    if way == "file":
        (shell.folder / "dubbatch.toml").write_text('concurrency = 2\n[columns]\nFilm = "video"\nSpur = "audio"\n')

    (shell.folder / "other.csv").write_text("video,audio\nmedia/harbor.mp4,media/harbor.de.wav\n")
    unmapped = shell.here("plan", "team.csv", "--format", "json") if way == "flag" else None
    done = shell.here("plan", "team.csv", "--format", "json", *flags)

    assert (done.returncode, ids(done)) == (0, {"harbor-de": "new"})
    assert unmapped is None or unmapped.returncode == 3
    if way == "file":
        # What is said for all tables of a folder need not be in each.
        assert plan(shell.here("plan", "other.csv", "--format", "json"))["problems"] == []


@pytest.mark.parametrize(
    ("flag", "toml"),
    [("Film=vido", ""), ("=video", ""), ("", '[columns]\nFilm = "vido"\n')],
)
def test_a_mapping_to_no_column_is_a_mistake_of_the_call(shell: Shell, flag: str, toml: str) -> None:
    """It is told before anything is read, with what was meant."""
    (shell.folder / "team.csv").write_text(SHEET)
    (shell.folder / "dubbatch.toml").write_text(toml)

    done = shell.here("plan", "team.csv", *(["--map", flag] if flag else []))

    assert done.returncode == 2
    assert "column" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_many_rows_have_in_common_is_told_once(shell: Shell) -> None:
    """As text: with the rows, some values and the remedy. As JSON, every problem stands by itself."""
    rows = [f"e{number},media/harbor.mp4,media/lost{number}.wav" for number in range(100)]
    rows += ["last,media/harbor.mp4,media/harbor.de.wav", "odd,media/gone.mp4,media/harbor.de.wav"]
    (shell.folder / "many.csv").write_text("\n".join(["id,video,audio", *rows]))

    text = shell.here("plan", "many.csv").stderr
    as_json = plan(shell.here("plan", "many.csv", "--format", "json"))

    assert "many.csv, 100 times, column audio: the audio file … does not exist" in text
    assert "rows:   2-101" in text
    assert all(f"value:  media/lost{number}.wav" in text for number in range(3))
    assert "and 97 more" in text
    assert "many.csv, row 103, column video: the video file 'media/gone.mp4' does not exist" in text
    assert "101 errors in the manifest." in text
    assert len(text.splitlines()) < 14
    assert [problem["row"] for problem in as_json["problems"]] == [*range(2, 102), 103]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["--only", "Client=north"], {"a", "c"}),
        (["--only", "priority=3", "--only", "c"], {"b", "c"}),
    ],
)
def test_jobs_are_selected_by_id_or_by_any_column(shell: Shell, only: list[str], expected: set[str]) -> None:
    """The team's own columns and the known ones, in any case."""
    (shell.folder / "some.csv").write_text(
        "id,video,audio,client,priority\na,media/harbor.mp4,media/harbor.de.wav,North,\n"
        "b,media/harbor.mp4,media/harbor.fr.mp3,South,3\nc,media/harbor.mp4,media/harbor.ja.wav,North,\n"
    )

    assert set(ids(shell.here("plan", "some.csv", "--format", "json", *only))) == expected


def test_a_google_sheet_is_no_file(shell: Shell) -> None:
    """Its CSV export is."""
    done = shell.here("plan", "https://docs.google.com/spreadsheets/d/1AbC/edit#gid=5")

    assert done.returncode == 3
    assert "/spreadsheets/d/1AbC/export with the query format=csv&gid=5" in done.stderr


@pytest.mark.parametrize("setting", ["max_time: soon", "concurency: 4", "api_key: sk-live-s3cret", "report: out.pdf"])
def test_a_setting_that_can_not_be_read_stops_every_row(shell: Shell, setting: str) -> None:
    """A mistyped cap must not become no cap; a key is repeated nowhere."""
    (shell.folder / "set.yaml").write_text(
        f"version: 1\nsettings:\n  on_error: skip\n  {setting}\n"
        "jobs:\n- {id: x, video: media/harbor.mp4, audio: media/harbor.de.wav}\n"
    )

    planned = shell.here("plan", "set.yaml", "--format", "json")
    ran = shell.here("run", "set.yaml", "--sandbox")

    assert (planned.returncode, ran.returncode, ids(planned)) == (3, 3, {"x": "blocked"})
    assert [problem["row"] for problem in plan(planned)["problems"]] == [4]
    assert "s3cret" not in planned.stdout + planned.stderr + ran.stdout + ran.stderr
    assert not (shell.folder / "set-dubs").exists()
    assert "Nothing was sent: no row is good." in ran.stderr


def test_the_good_rows_run_and_every_bad_one_is_reported(shell: Shell) -> None:
    """With its own reason and remedy, under its own name; the end is 1."""
    (shell.folder / "mixed.csv").write_text(
        "id,video,audio\ngood,media/harbor.mp4,media/harbor.de.wav\nlost,media/harbor.mp4,media/harbour.de.wav\n"
        "empty,media/harbor.mp4,\nbucket,s3://b/x.mp4,media/harbor.de.wav\n"
    )

    done = shell.here("run", "mixed.csv", "--sandbox", "--on-error", "skip", **PACE)

    report = json.loads((shell.folder / "mixed-dubs" / "sandbox" / "report.json").read_text())
    assert done.returncode == 1
    assert {job["id"]: job["state"] for job in report["jobs"]} == {
        "good": "downloaded", "lost": "blocked", "empty": "blocked", "bucket": "blocked",
    }  # fmt: skip
    hints = {job["id"]: job["hint"] for job in report["jobs"]}
    assert hints["lost"] == "did you mean media/harbor.de.wav?"
    assert "skip" in hints["empty"]
