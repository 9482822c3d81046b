"""The comparison that all of these tests rest on can fail: it finds what is lost, changed or added."""

from __future__ import annotations

import io
from xml.parsers.expat import ExpatError

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.writeback.book import Book, parts, patched, zipped
from tests.writeback.hand_books import made
from tests.writeback.likeness import losses
from tests.writeback.workbooks import books

_SHEET = "xl/worksheets/sheet1.xml"


def _found(book: Book, after: bytes) -> list[str]:
    return losses(book.data, after, book.sheet, {})


@pytest.mark.parametrize("book", books().values(), ids=str)
def test_a_workbook_is_like_itself(book: Book) -> None:
    assert _found(book, book.data) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("sparklines-and-bars", "x14:sparklineGroups"),
        ("drawings-beside", "xl/media/image1.png"),
        ("texts-and-formulas", "bytes outside of the cells"),
        ("dynamic-arrays", "xl/metadata.xml"),
        ("threaded-comments", "xl/persons/person.xml"),
        ("macros", "xl/vbaProject.bin"),
        ("hand-vendor-part", "xl/vendor/state.bin"),
        ("hand-alternate-content", "mc:AlternateContent"),
    ],
)
def test_what_openpyxl_loses_by_load_and_save_is_found(name: str, lost: str) -> None:
    book = books()[name]
    buffer = io.BytesIO()
    openpyxl.load_workbook(io.BytesIO(book.data)).save(buffer)
    found = _found(book, buffer.getvalue())
    assert found
    assert lost in " ".join(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('s="2"', 's="1"'),
        ("Northwind", "Northwind "),
        ('<row r="3">', '<row r="3" hidden="1">'),
        ('left="0.7"', 'left="0.8"'),
        ("</sheetData>", "</sheetData><!-- more -->"),
        ('<c r="E3"', '<c  r="E3"'),
        ("<pageMargins", '<autoFilter ref="A1:F5"/><pageMargins'),
        ('<c r="F3" t="inlineStr"><is><t>Ines</t></is></c>', ""),
        ('<c r="B2"', '<c r="G2"><v>1</v></c><c r="B2"'),
    ],
)
def test_each_change_of_the_sheet_is_found(old: str, new: str) -> None:
    book = Book("plain", made())
    assert old in parts(book.data)[_SHEET].decode()
    assert _found(book, patched(book.data, {_SHEET: lambda text: text.replace(old, new, 1)}))


@given(st.data())
def test_each_byte_of_the_sheet_counts(data: st.DataObject) -> None:
    """One byte more, less or another is found, or the XML is no longer any."""
    book = Book("plain", made())
    every = parts(book.data)
    xml = every[_SHEET]
    at = data.draw(st.integers(xml.index(b"<sheetData"), len(xml) - 1))
    gone, piece = data.draw(st.integers(0, 1)), data.draw(st.sampled_from([b"", b" ", b"7", b"x"]))
    changed = xml[:at] + piece + xml[at + gone :]
    assert changed == xml or _is_noticed(book, zipped({**every, _SHEET: changed}))


def _is_noticed(book: Book, after: bytes) -> bool:
    try:
        return bool(_found(book, after))
    except (ExpatError, ValueError):
        return True


def test_a_new_row_and_a_wider_span_are_no_losses_but_a_row_that_says_more_is() -> None:
    book = Book("plain", made())
    row = '<row r="9" spans="1:7">{}<c r="G9"><v>2</v></c></row></sheetData>'
    added = patched(book.data, {_SHEET: lambda text: text.replace("</sheetData>", row.format(""))})
    assert losses(book.data, added, "Jobs", {9: {6: 2.0}}) == []
    more = patched(book.data, {_SHEET: lambda text: text.replace("</sheetData>", row.format('<c r="A9"/>'))})
    assert losses(book.data, more, "Jobs", {9: {6: 2.0}})


def test_columns_are_compared_one_by_one_however_they_are_grouped() -> None:
    book = books()["hand-columns-to-the-end"]
    split = (
        '<col min="3" max="6" width="11" style="1" customWidth="1"/><col min="7" max="7" width="20" customWidth="1"/>'
        '<col min="8" max="16384" width="11" style="1" customWidth="1"/></cols>'
    )
    whole = '<col min="3" max="16384" width="11" style="1" customWidth="1"/></cols>'
    written = {2: {6: "x"}}
    cell = '<c r="G2" t="inlineStr"><is><t>x</t></is></c></row><row r="3">'

    def after(columns: str) -> bytes:
        return patched(
            book.data, {_SHEET: lambda text: text.replace(whole, columns).replace('</row><row r="3">', cell)}
        )

    assert losses(book.data, after(split), "Jobs", written) == []
    assert losses(book.data, after(split.replace('max="16384"', 'max="16383"')), "Jobs", written)
    assert losses(book.data, after(split.replace('min="8"', 'min="7"')), "Jobs", written)


def test_what_the_archive_says_of_its_entries_counts() -> None:
    book = books()["hand-odd-archive"]
    found = " ".join(_found(book, zipped(parts(book.data))))
    assert all(word in found for word in ("the archive's comment", "date_time", "external_attr", "compress_type"))
