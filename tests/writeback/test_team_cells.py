"""Cells of the team's in the way of ours: formulas, formats, hidden columns, titles far out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.formula import ArrayFormula

from dubbatch.jobs import JobState
from dubbatch.manifest import Manifest, Origin, load
from dubbatch.manifest.cells import Record
from dubbatch.manifest.workbook.number_formats import is_plain
from dubbatch.writeback.formulas import computed
from dubbatch.writeback.rows import TeamFile
from dubbatch.writeback.workbook import rewrite
from dubbatch.writeback.writeback import Written, write_back
from tests.story import BATCH, Story

_NOW = datetime(2026, 11, 21, 17, tzinfo=UTC)
_OURS = ["dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated"]
Fill = Callable[[openpyxl.Workbook], Written]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spring.xlsx"


@pytest.fixture
def fill(path: Path, story: Story) -> Fill:
    """Writes the results of two downloaded jobs into a workbook."""

    def reload(data: bytes | None = None, watch: Callable[[Record], None] | None = None) -> Manifest:
        return load(path, batch=BATCH, output_template="{id}.mp4", data=data, watch=watch)

    def run(book: openpyxl.Workbook) -> Written:
        book.save(path)
        if not story.ledger.jobs.batches():
            story.begin([(job, JobState.PENDING) for job in reload().jobs])
            for job in ("ep1", "ep2"):
                story.download(job)
        return write_back(TeamFile(Origin(path), {}, reload), story.ledger, BATCH, path.parent / "backups", _NOW)

    return run


def team_book(*titles: str) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    tab = book.active
    tab.append(["id", "video", "audio", *titles])
    for job in ("ep1", "ep2"):
        tab.append([job, f"https://cdn.example.com/{job}.mp4", f"https://cdn.example.com/{job}.wav"])
    return book


def row_of(path: Path, number: int) -> list[Any]:
    return [cell.value for cell in openpyxl.load_workbook(path).active[number]]


def test_a_formula_in_a_column_of_ours_stays_and_is_no_reason_to_write_again(fill: Fill, path: Path) -> None:
    """A sheet that says it all is left alone, also where a formula says something else."""
    book = team_book(*_OURS)
    book.active["D2"] = '=IF(A2="ep1","done","open")'

    first = fill(book)
    again = fill(openpyxl.load_workbook(path))

    assert (first.jobs, again.jobs, again.put) == (2, 0, None)
    assert row_of(path, 2)[3] == '=IF(A2="ep1","done","open")'
    assert row_of(path, 3)[3] == "downloaded"


def test_what_an_array_formula_fills_is_the_teams_too(fill: Fill, path: Path) -> None:
    """Its cells but the first have no formula of their own, and would be computed over."""
    book = team_book(*_OURS)
    book.active["E2"] = ArrayFormula("E2:E3", "=LEN(A2:A3)")
    book.active["E3"] = 3

    fill(book)

    assert [row_of(path, row)[4] for row in (2, 3)][1] == 3
    assert row_of(path, 3)[3] == "downloaded"


def test_the_cells_of_a_shared_formula_are_those_that_have_it() -> None:
    """Its range may hold others."""
    data = (
        b'<sheetData><row r="2"><c r="D2"><f t="shared" ref="D2:D4" si="0">A2</f><v>1</v></c></row>'
        b'<row r="3"><c r="D3"><v>7</v></c></row>'
        b'<row r="4"><c r="D4" t="str"><f t="shared" si="0"/></c></row></sheetData>'
    )

    assert computed(data, [3]) == {(2, 3), (4, 3)}
    assert computed(data, [2]) == computed(data, []) == frozenset()


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("General", True), ("0.00", True), ("#,##0.00 [$€-407]", True), ('0.0" min"', True), ("[Red]0;[Blue]-0", True),
        ("0%", False), ("yyyy-mm-dd", False), ("[h]:mm", False), (";;;", False), ("@", False), ("0.00E+00", False),
        ("# ?/?", False), ('"date"', False),
    ],
)  # fmt: skip
def test_a_number_is_shown_as_it_is_under_some_formats(code: str, plain: bool) -> None:
    """Not as a day of 1899, as a share, or not at all."""
    assert is_plain(code) is plain


def test_minutes_are_minutes_also_in_a_column_of_dates(tmp_path: Path) -> None:
    """A cell without a style has its column's; the team's other styles are kept."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        dates, decimals = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "0.00"})
        sheet = book.add_worksheet("Jobs")
        sheet.set_column(3, 3, 12, dates)
        sheet.set_column(4, 4, 12, decimals)
        sheet.write_row(0, 0, ["video", "audio", "client"])
        sheet.write_row(1, 0, ["a.mp4", "a.wav", "N"])
    out = io.BytesIO()

    rewrite(buffer.getvalue(), "Jobs", {2: {3: 2.5, 4: 2.5}}, out)
    row = openpyxl.load_workbook(out).active[2]

    assert [(cell.value, cell.number_format) for cell in row[3:5]] == [(2.5, "General"), (2.5, "0.00")]


def test_new_columns_in_a_sheet_that_hides_all_others_are_told(fill: Fill) -> None:
    """Nobody would look for them."""
    book = team_book()
    book.active.column_dimensions.group("D", "XFD", hidden=True)

    written = fill(book)

    assert written.notes == ("the new columns, D to H, are hidden in the sheet: show them to see the results",)


def test_a_title_far_out_does_not_keep_ours_from_the_tables_side(fill: Fill, path: Path) -> None:
    """Nor does it make the sheet full."""
    book = team_book()
    book.active["XFD1"] = "legend"

    fill(book)

    assert row_of(path, 1)[3:8] == _OURS
    assert row_of(path, 3)[3] == "downloaded"


def test_nothing_of_another_part_is_read_wrong_or_written(fill: Fill, path: Path) -> None:
    """The five columns are all that a second look at the archive finds."""
    book = team_book()
    book.create_sheet("Notes")["A1"] = "=COUNTA(Sheet!A:A)"
    book.save(path)
    before = {name: zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist()}

    fill(openpyxl.load_workbook(path))
    backup = next((path.parent / "backups").glob("spring.*.xlsx"))
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(path) as new:
        changed = [name for name in old.namelist() if old.read(name) != new.read(name)]

    assert changed == ["xl/worksheets/sheet1.xml"]
    assert {*before} == {*old.namelist()} == {*new.namelist()}
