"""The real command writes a run's results into workbooks of teams, and nothing else in them changes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from dubbatch.sandbox.server import Sandbox
from tests.writeback.book import Book, Cells, Value
from tests.writeback.likeness import losses
from tests.writeback.workbooks import books

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: A clip and its dub, as they stand in the cells.
_MEDIA = (".mp4", ".wav", ".mp3")
_TRIED = ("team", "pivot", "table", "our-columns-are-there")


def _results(data: bytes, sheet: str, header: int) -> dict[int, dict[int, Value]]:
    """The cells in columns of ours, as openpyxl reads them."""
    tab = openpyxl.load_workbook(io.BytesIO(data))[sheet]
    ours = [cell.column for cell in tab[header] if str(cell.value).startswith("dub_")]
    return {
        row: {column - 1: _value(tab.cell(row, column).value) for column in ours}
        for row in range(header, tab.max_row + 1)
    }


def _new(results: Cells, before: Cells) -> Cells:
    """The cells that say something else than before."""
    return {
        row: {column: value for column, value in cells.items() if before.get(row, {}).get(column, "") != value}
        for row, cells in results.items()
    }


def _value(found: object) -> Value:
    return found if isinstance(found, str | int | float) else ""


def _by_name(results: dict[int, dict[int, Value]], header: int) -> list[dict[Value, Value]]:
    return [
        {results[header][column]: value for column, value in cells.items()}
        for row, cells in results.items()
        if row > header and any(cells.values())
    ]


def test_the_demos_workbook_says_after_a_run_what_became_of_each_dub(
    open_service: Callable[..., Sandbox], connected: Callable[[Sandbox], Shell]
) -> None:
    shell = connected(open_service())
    path = shell.folder / "demo.xlsx"
    before = path.read_bytes()
    done = shell("run", "demo.xlsx", "--write-back")
    assert done.returncode == 0, done.stderr
    results = _results(path.read_bytes(), "Dubs", 3)
    rows = _by_name(results, 3)
    assert [row["dub_status"] for row in rows] == ["downloaded"] * 6
    assert all((path.parent / str(row["dub_output"])).is_file() and row["dub_updated"] for row in rows)
    assert losses(before, path.read_bytes(), "Dubs", _new(results, _results(before, "Dubs", 3))) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", _TRIED)
def test_every_kind_of_workbook_has_its_results_and_all_else(
    open_service: Callable[..., Sandbox],
    connected: Callable[[Sandbox], Shell],
    make_media: Callable[[Path], None],
    name: str,
) -> None:
    shell, book = connected(open_service()), books()[name]
    path = shell.folder / f"{name}.xlsx"
    path.write_bytes(book.data)
    for file in _media(book):
        make_media(shell.folder / file)
    done = shell.here("run", path.name, "--write-back")
    assert done.returncode == 0, done.stdout + done.stderr
    results = _results(path.read_bytes(), book.sheet, book.header)
    rows = _by_name(results, book.header)
    statuses = {value for row in rows for name, value in row.items() if str(name).startswith("dub_status")}
    # A row that the team hides is skipped.
    assert statuses - {"", "skipped"} == {"downloaded"}
    assert len([row for row in rows if row.get("dub_status") != "skipped"]) == len(book.rows)
    new = _new(results, _results(book.data, book.sheet, book.header))
    assert losses(book.data, path.read_bytes(), book.sheet, new) == []


def _media(book: Book) -> set[str]:
    sheet = openpyxl.load_workbook(io.BytesIO(book.data))[book.sheet]
    return {str(value) for row in sheet.iter_rows(values_only=True) for value in row if str(value).endswith(_MEDIA)}
