"""Tables that a manifest takes in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from dubbatch.manifest import Manifest

Loader = Callable[..., Manifest]


@pytest.fixture
def table(folder: Path) -> Path:
    """A table beside the manifest: two rows with a header of the team's own."""
    path = folder / "rows.csv"
    path.write_text("Film;audio;client\nmedia/a.mp4;media/a.de.wav;North\nmedia/b.mp4;media/nope.wav;\n")
    return path


def test_a_table_has_defaults_and_headers_of_its_own(load_yaml: Loader, table: Path) -> None:
    """They stand before the manifest's, and a row's own cell before both; places are those of the table."""
    manifest = load_yaml(
        """
version: 1
defaults: {priority: 1, client: South}
include: {file: rows.csv, columns: {Film: video}, defaults: {language: de, priority: 5}}
jobs:
  - {video: media/a.mp4, audio: media/a.fr.mp3, language: fr, id: first}
"""
    )

    assert [(job.id, job.language, job.priority, job.columns["client"], job.position) for job in manifest.jobs] == [
        ("first", "fr", 1, "South", 0),
        ("a-de", "de", 5, "North", 1),
        ("b-de", "de", 5, "South", 2),
    ]
    [problem] = manifest.problems
    assert (problem.place.file, problem.place.row, problem.place.column) == (str(table), 3, "audio")


def test_a_clash_between_two_tables_names_both(load_yaml: Loader, table: Path) -> None:
    """The row alone would not be found."""
    manifest = load_yaml(
        "version: 1\ninclude: {file: rows.csv, columns: {Film: video}}\n"
        "jobs:\n  - {video: media/a.mp4, audio: media/a.fr.mp3, id: a}\n"
    )

    clashes = [problem for problem in manifest.errors if "stands also" in problem.message]
    assert [(Path(problem.place.file).name, problem.place.row) for problem in clashes] == [
        ("list.yaml", 4),
        ("rows.csv", 2),
    ]
    assert "row 2 of rows.csv" in clashes[0].message
    assert "row 4 of list.yaml" in clashes[1].message


def test_a_sheet_of_a_workbook_is_a_table(load_yaml: Loader, folder: Path) -> None:
    """Its name follows the #; paths are also looked for beside the manifest."""
    (folder / "tables").mkdir()
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Season 2")
    for row in (("video", "audio"), ("media/a.mp4", "media/a.de.wav")):
        sheet.append(row)
    book.save(folder / "tables" / "all.xlsx")

    manifest = load_yaml('version: 1\ninclude: ["tables/all.xlsx#Season 2"]\n')

    assert manifest.problems == ()
    assert [job.video.path for job in manifest.jobs] == [folder / "media" / "a.mp4"]


@pytest.mark.parametrize(
    ("include", "words"),
    [
        ("gone.csv", "no file"),
        ("list.yaml", "no table"),
        ("media", "is a folder"),
        ("https://x.example/rows.csv", "web address"),
        ("{file: rows.csv, colums: {}}", "colums"),
        ("rows.csv", "there is no column video"),
    ],
)
def test_a_table_that_can_not_be_taken_in_is_a_problem(
    load_yaml: Loader, table: Path, include: str, words: str
) -> None:
    """At the line that names it, or in the table; nothing is sent meanwhile."""
    manifest = load_yaml(f"version: 1\ninclude: {include}\njobs:\n  - {{video: media/a.mp4, audio: media/a.de.wav}}\n")

    assert any(words in problem.message for problem in manifest.errors)
    assert all(problem.remedy for problem in manifest.problems)
    assert all(job.blocked for job in manifest.jobs)
