"""All workbooks of these tests: one maker each for XlsxWriter, openpyxl and by hand; those of LibreOffice are files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.writeback import archive_books, hand_books, openpyxl_books, xlsxwriter_books
from tests.writeback.book import Book

DATA = Path(__file__).parents[1] / "data" / "writeback"


@cache
def books() -> dict[str, Book]:
    """By name."""
    makers = (xlsxwriter_books.books, openpyxl_books.books, hand_books.books, archive_books.books, libreoffice_books)
    return {book.name: book for maker in makers for book in maker()}


def libreoffice_books() -> Iterator[Book]:
    """What LibreOffice made of the ``.fods`` beside them (``tests/data/writeback/make.py``)."""
    places = {
        "team": {"header": 3, "rows": (4, 5, 7, 8), "column": 8},
        "pivot": {"header": 1, "rows": (2, 3, 4, 5), "column": 6},
    }
    for path in sorted(DATA.glob("*.xlsx")):
        yield Book(path.stem, path.read_bytes(), **places[path.stem])  # type: ignore[arg-type]
