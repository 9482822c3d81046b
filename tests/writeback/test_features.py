"""Every workbook of every maker, written to: nothing but our cells differs, and every program opens it as before."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from dubbatch.writeback.workbook import rewrite
from tests.writeback.book import Book
from tests.writeback.hand_books import made, sheet_xml
from tests.writeback.libreoffice import Office, view_of
from tests.writeback.likeness import losses
from tests.writeback.readers import by_calamine, by_openpyxl
from tests.writeback.view import View, differences, texts
from tests.writeback.workbooks import books

_BOOKS = books()


def _written(book: Book, data: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    rewrite(data or book.data, book.sheet, book.cells, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("book", _BOOKS.values(), ids=str)
def test_nothing_but_our_cells_differs_in_any_byte(book: Book) -> None:
    assert losses(book.data, _written(book), book.sheet, book.cells) == []


@pytest.mark.parametrize("book", _BOOKS.values(), ids=str)
def test_what_was_written_is_not_written_once_more(book: Book) -> None:
    once = _written(book)
    assert _written(book, once) == once


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("reader", [by_calamine, by_openpyxl], ids=["calamine", "openpyxl"])
@pytest.mark.parametrize("book", _BOOKS.values(), ids=str)
def test_libraries_see_what_they_saw_before_and_our_cells(book: Book, reader: Callable[[bytes], View]) -> None:
    if reader.__name__.removeprefix("by_") in book.closed_to:
        pytest.skip("it can't open the workbook as it is")
    assert differences(book, reader(book.data), reader(_written(book))) == []


def test_a_formula_in_a_column_of_ours_stays_and_is_told() -> None:
    """It is the team's: a cell that they compute is none that we may overwrite."""
    formula = '<c r="G3" s="1" t="str"><f>UPPER("a")</f><v>A</v></c></row><row r="4">'
    data = made(sheet_xml().replace('</row><row r="4">', formula))
    book = Book("formula", data)
    buffer = io.BytesIO()
    assert rewrite(data, book.sheet, book.cells, buffer) == [(3, 6)]
    others = {
        row: {at: value for at, value in cells.items() if (row, at) != (3, 6)} for row, cells in book.cells.items()
    }
    assert losses(data, buffer.getvalue(), book.sheet, others) == []


@pytest.mark.timeout(300)
def test_libreoffice_sees_what_it_saw_before_and_our_cells(office: Office, tmp_path: Path) -> None:
    """All workbooks in one go, since it takes seconds to start."""
    tried = [book for book in _BOOKS.values() if "LibreOffice" not in book.closed_to]
    for book in tried:
        (tmp_path / f"{book.name}.after.xlsx").write_bytes(_written(book))
        if not book.is_plain:
            (tmp_path / f"{book.name}.before.xlsx").write_bytes(book.data)
    seen = tmp_path / "seen"
    office.converted(sorted(tmp_path.glob("*.xlsx")), "fods", seen)
    faults = {book.name: _unlike(book, seen) for book in tried}
    assert {name: found for name, found in faults.items() if found} == {}


def _unlike(book: Book, seen: Path) -> list[str]:
    after = view_of(seen / f"{book.name}.after.fods")
    if book.is_plain:
        return differences(book, texts(book, by_calamine(book.data)), texts(book, after))
    return differences(book, view_of(seen / f"{book.name}.before.fods"), after)
