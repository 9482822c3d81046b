"""Where new columns go in a sheet: beside what stands in it, and not under what lies on it."""

from __future__ import annotations

import io
from collections.abc import Mapping

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.chart import BarChart, Reference

from dubbatch.manifest.workbook.ooxml import Unusable
from dubbatch.manifest.workbook.package import Package
from dubbatch.manifest.workbook.sheet_xml import Box
from dubbatch.writeback.room import Room
from dubbatch.writeback.workbook import free_column, rewrite
from tests.writeback.hand_books import MAIN, OFFICE, PACKAGE, made, sheet_xml

_ROWS = (1, 5)
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"


def free(
    data: bytes, *, count: int = 5, after: int = 6, rows: tuple[int, int] = _ROWS, strays: tuple[int, ...] = ()
) -> int:
    return free_column(data, "Jobs", count, after=after, rows=rows, strays=strays).column


def related(kind: str, part: str, xml: str, *, sheet: str = "", more: Mapping[str, str] | None = None) -> bytes:
    """A small workbook whose sheet has one more part."""
    relations = (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/{kind}" Target="/{part}"/></Relationships>'
    )
    return made(sheet or sheet_xml(), {"xl/worksheets/_rels/sheet1.xml.rels": relations, part: xml, **(more or {})})


def drawn(*anchors: str) -> bytes:
    return related("drawing", "xl/drawings/drawing1.xml", f'<d:wsDr xmlns:d="{_DRAWING}">{"".join(anchors)}</d:wsDr>')


def _corner(name: str, column: object, row: object) -> str:
    return (
        f"<d:{name}><d:col>{column}</d:col><d:colOff>9</d:colOff><d:row>{row}</d:row><d:rowOff>9</d:rowOff></d:{name}>"
    )


def anchor(left: object, top: object, right: object, bottom: object) -> str:
    """Counted from 0, as drawings count."""
    return f"<d:twoCellAnchor>{_corner('from', left, top)}{_corner('to', right, bottom)}<d:pic/></d:twoCellAnchor>"


def by_xlsxwriter(fill: object) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Jobs")
        sheet.write_row(0, 0, ["video", "audio", "language", "client", "due", "reviewer"])
        sheet.write_row(4, 0, ["a.mp4", "a.wav"])
        fill(workbook, sheet)  # type: ignore[operator]
    return buffer.getvalue()


def test_with_nothing_in_the_way_they_follow_the_last_title() -> None:
    assert free(made()) == 6
    assert free(made(), after=0, count=1) == 0


@pytest.mark.parametrize(
    ("strays", "first"),
    [((6,), 7), ((8,), 9), ((10,), 11), ((11,), 6), ((6, 12), 7), ((6, 11), 12), ((7, 13), 8), ((3,), 6)],
)
def test_columns_without_a_title_that_have_something_in_them_are_not_ours(strays: tuple[int, ...], first: int) -> None:
    assert free(made(), strays=strays) == first


@pytest.mark.parametrize(
    ("box", "first"),
    [
        ((6, 0, 8, 9), 9),
        ((10, 3, 14, 9), 15),
        ((11, 0, 14, 9), 6),
        ((6, 5, 8, 9), 6),
        ((6, 4, 8, 9), 9),
        ((2, 0, 3, 2), 6),
        ((0, 0, 20, 0), 21),
    ],
)
def test_charts_and_pictures_over_the_rows_are_passed(box: tuple[int, int, int, int], first: int) -> None:
    assert free(drawn(anchor(*box))) == first


def test_a_gap_between_two_pictures_is_taken_where_it_is_wide_enough() -> None:
    assert free(drawn(anchor(20, 0, 22, 9), anchor(6, 0, 7, 9))) == 8
    assert free(drawn(anchor(12, 0, 22, 9), anchor(6, 0, 7, 9))) == 23


def test_a_picture_that_says_only_where_it_begins_has_a_size() -> None:
    begin = _corner("from", 7, 1)
    one = f'<d:oneCellAnchor>{begin}<d:ext cx="1828800" cy="381000"/><d:pic/></d:oneCellAnchor>'
    assert free(drawn(one)) == 11
    assert free(drawn(one), rows=(1, 1)) == 6


def test_real_charts_and_pictures_and_notes(make_png: bytes) -> None:
    """As two libraries write them."""
    chart = by_xlsxwriter(lambda book, sheet: sheet.insert_chart("H2", _chart(book)))
    assert free(chart) > 8
    image = by_xlsxwriter(lambda book, sheet: sheet.insert_image("G3", "a.png", {"image_data": io.BytesIO(make_png)}))
    assert free(image) == 7
    note = by_xlsxwriter(lambda book, sheet: sheet.write_comment("F2", "look here", {"visible": False}))
    assert free(note) == 6
    button = by_xlsxwriter(lambda book, sheet: sheet.insert_button("H2", {"caption": "Go", "width": 64, "height": 20}))
    assert free(button) > 7
    workbook = openpyxl.load_workbook(io.BytesIO(made()))
    bars = BarChart()
    bars.add_data(Reference(workbook["Jobs"], range_string="Jobs!E2:E5"))
    workbook["Jobs"].add_chart(bars, "G1")
    buffer = io.BytesIO()
    workbook.save(buffer)
    assert free(buffer.getvalue()) > 10


def _chart(workbook: xlsxwriter.Workbook) -> object:
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"values": "=Jobs!$E$2:$E$5"})
    return chart


@pytest.fixture
def make_png() -> bytes:
    """A picture of one pixel."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )


@pytest.mark.parametrize(
    ("merges", "first"),
    [(("G1:I1",), 9), (("G9:I12",), 6), (("A1:F1",), 6), (("E1:G1", "I3:I4"), 9), (("H2:H5", "$J$1:$K$9"), 11)],
)
def test_merged_cells_are_none_of_ours(merges: tuple[str, ...], first: int) -> None:
    cells = "".join(f'<mergeCell ref="{box}"/>' for box in merges)
    sheet = sheet_xml().replace("</sheetData>", f'</sheetData><mergeCells count="1">{cells}</mergeCells>')
    assert free(made(sheet)) == first


@pytest.mark.parametrize(("box", "first"), [("A1:F5", 6), ("A1:J5", 10), ("H3:J20", 10), ("H30:J40", 6), ("", 6)])
def test_the_columns_of_a_table_are_the_teams_own(box: str, first: int) -> None:
    table = f'<table xmlns="{MAIN}" id="1" name="T" displayName="T" ref="{box}"><tableColumns count="0"/></table>'
    assert free(related("table", "xl/tables/table1.xml", table)) == first


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ('<col min="7" max="9" hidden="1"/>', 9),
        ('<col min="9" max="9" hidden="true" width="0"/><col min="11" max="12" hidden="1"/>', 12),
        ('<col min="7" max="9" hidden="0" width="4"/>', 6),
        # The whole rest of the sheet is hidden: then that is where they are.
        ('<col min="7" max="16384" hidden="1"/>', 6),
        ('<col min="8" max="16384" hidden="1"/>', 6),
        ('<col min="x" max="" hidden="1"/>', 6),
    ],
)
def test_hidden_columns_are_passed_where_there_are_others(columns: str, first: int) -> None:
    sheet = sheet_xml().replace("<sheetData>", f"<cols>{columns}</cols><sheetData>")
    assert free(made(sheet)) == first


def test_what_lies_over_all_of_the_sheet_is_no_reason_to_write_nothing() -> None:
    """A watermark, or a frame drawn around everything: it can be moved, and cells that are filled can not."""
    assert free(drawn(anchor(0, 0, 16_383, 99))) == 6
    assert free(drawn(anchor(0, 0, 16_383, 99)), strays=(7,)) == 8
    assert Room([], [Box(1, 0, 9, 16_383)], [(6, 7)]).first_free(5, 6, _ROWS, ()) == 8


def test_a_sheet_that_is_full_says_so() -> None:
    with pytest.raises(Unusable, match="has no room for the columns") as told:
        free(made(), strays=(16_380,), after=16_000, count=1_000)
    assert "Delete" in told.value.hint
    assert free(made(), after=16_379) == 16_379
    with pytest.raises(Unusable):
        free(made(), after=16_380)


_HOSTILE = [
    drawn(anchor("x", 0, 8, 9)),
    drawn(anchor(6, "", 8, 9)),
    drawn(anchor(-5, -5, 10**30, 10**30)),
    drawn("<d:twoCellAnchor><d:from/></d:twoCellAnchor>"),
    drawn(f"<d:twoCellAnchor>{_corner('to', 1, 1)}</d:twoCellAnchor>"),
    drawn(f'<d:oneCellAnchor>{_corner("from", 6, 0)}<d:ext cx="1e9" cy="x"/></d:oneCellAnchor>'),
    drawn(f'<d:oneCellAnchor>{_corner("from", 6, 0)}<d:ext cx="9"/></d:oneCellAnchor>'),
    drawn("<oops>"),
    drawn("<a/>" * 200_000),
    related("drawing", "xl/drawings/other.xml", "").replace(b"other", b"otter"),
    related("drawing", "xl/drawings/drawing1.xml", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'),
    related("table", "xl/tables/table1.xml", '<table ref="A1:ZZZZZ99999999"/>'),
    related("table", "xl/tables/table1.xml", '<table ref="F9:A1"/>'),
    related("table", "xl/tables/table1.xml", "<table/>"),
    related("vmlDrawing", "xl/drawings/vml.vml", '<x ObjectType="Button"><x:Anchor>1, 2</x:Anchor></x>'),
    related("vmlDrawing", "xl/drawings/vml.vml", f'<x ObjectType="Button"><x:Anchor>{"9," * 90}</x:Anchor></x>'),
    related("vmlDrawing", "xl/drawings/vml.vml", '<x ObjectType="Button">' * 20_000),
    related("vmlDrawing", "xl/drawings/vml.vml", "<x><x:Anchor>" * 50_000),
    made(sheet_xml().replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="::"/></mergeCells>')),
    made(sheet_xml().replace("</sheetData>", "</sheetData>" + '<mergeCell ref="A1' * 20_000 + '"/>' * 20_000)),
]


@pytest.mark.parametrize("number", range(len(_HOSTILE)))
def test_hostile_parts_cover_nothing_and_break_nothing(number: int) -> None:
    try:
        first = free(_HOSTILE[number])
    except Unusable:
        # Its sheet is none: that is told when it is written, too.
        with Package(_HOSTILE[number]) as package, pytest.raises(Unusable):
            package.rewrite("no", [], io.BytesIO())
    else:
        assert 6 <= first <= 100


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8), st.integers(0, 6), st.integers(0, 4)), max_size=6),
    st.sets(st.integers(0, 30), max_size=4),
    st.integers(0, 12),
    st.integers(1, 6),
)
def test_columns_are_free_and_the_first_that_are(
    boxes: list[tuple[int, int, int, int]], strays: set[int], after: int, count: int
) -> None:
    covers = [Box(top + 1, left, top + 1 + height, left + width) for left, top, width, height in boxes]
    room = Room(covers[::2], covers[1::2])
    first = room.first_free(count, after, _ROWS, strays)

    def is_free(column: int) -> bool:
        span = range(column, column + count)
        over = (box for box in covers if box.top <= _ROWS[1] and box.bottom >= _ROWS[0])
        return not strays & {*span} and all(box.right < span[0] or box.left > span[-1] for box in over)

    assert first >= after
    assert is_free(first)
    assert not any(is_free(column) for column in range(after, first))


def test_a_part_that_is_packed_in_a_rare_way_is_told() -> None:
    """Windows' own archiver packs large files with a method that Python doesn't know."""
    data = _with_method(made(more={"xl/media/film.bin": b"x" * 99}), b"xl/media/film.bin", 9)
    with pytest.raises(Unusable, match=r"film\.bin"):
        rewrite(data, "Jobs", {2: {6: "x"}}, io.BytesIO())


def _with_method(data: bytes, name: bytes, method: int) -> bytes:
    """The archive whose entry ``name`` says that it is packed in another way."""
    changed = bytearray(data)
    for mark, at_method, at_name in ((b"PK\x03\x04", 8, 30), (b"PK\x01\x02", 10, 46)):
        at = changed.find(mark)
        while at >= 0:
            if changed[at + at_name : at + at_name + len(name)] == name:
                changed[at + at_method : at + at_method + 2] = method.to_bytes(2, "little")
            at = changed.find(mark, at + 4)
    return bytes(changed)


def test_the_new_cells_are_where_the_room_is() -> None:
    """A column beyond a picture, with nothing written under it."""
    data = drawn(anchor(6, 0, 8, 9))
    first = free(data)
    buffer = io.BytesIO()
    rewrite(data, "Jobs", {1: {first: "dub_status"}, 3: {first: "done"}}, buffer, header=1, widths={first: 13.0})
    tab = openpyxl.load_workbook(io.BytesIO(buffer.getvalue()))["Jobs"]
    assert (tab.cell(1, first + 1).value, tab.cell(3, first + 1).value) == ("dub_status", "done")
