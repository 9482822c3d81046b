"""Where the header of a table is, and what stands under which of its titles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Content, Head, Origin
from dubbatch.manifest.lines import Line, Mark
from dubbatch.manifest.table import Grid, header_score, read_table

ORIGIN = Origin(Path("list.xlsx"), "Dubs")
HEADER = ("video", "audio", "note")
DATA = ("media/a.mp4", "media/a.wav", "x")


def read(*rows: Sequence[str], columns: dict[str, str] | None = None, can_shift: bool = False) -> Content:
    lines = iter([Line(number, row) for number, row in enumerate(rows, 1)])
    return read_table(Grid(lines, ORIGIN, columns or {}, can_shift, "mend it"), Head(ORIGIN))


def titles(content: Content) -> list[str]:
    return [cell.text for cell in content.headers]


@pytest.mark.parametrize(
    ("above", "row"),
    [
        ([], 1),
        ([("Spring launch",)], 2),
        ([("",), ("Spring launch, batch 2", "", "owner: Ann"), ()], 4),
        ([("Video dubbing plan",), ("Status", "2026-11-21")], 3),
        ([("id", "", "")], 2),
    ],
)
def test_what_stands_above_the_header_is_no_row(above: list[Sequence[str]], row: int) -> None:
    """A title, a date, a blank row: the header is the row that resembles one the most, and rows keep their numbers."""
    content = read(*above, HEADER, DATA)

    assert titles(content) == list(HEADER)
    assert content.place == Place("list.xlsx", row, sheet="Dubs")
    assert [record.place.row for record in content.records] == [row + 1]


def test_a_remark_in_a_row_makes_no_header_of_it() -> None:
    """A header with a slip of the pen stays the header, whatever stands below it."""
    content = read(("vidoe", "Audio file", "note"), ("see other sheet", "", "video"), DATA)

    assert titles(content) == ["vidoe", "Audio file", "note"]
    assert header_score(("video", "media/a.wav"), {}) == 0


def test_headers_that_are_mapped_are_headers() -> None:
    """With ``--map`` the team's own words count, also below a title."""
    content = read(("Video",), ("Quelle", "Spur"), DATA, columns={"Quelle": "video", "Spur": "audio"})

    assert titles(content) == ["Quelle", "Spur"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("video", "audio", "", "note"), ("", "de", "pt-BR"), ["video", "audio:de", "audio:pt-BR", "note"]),
        (("", "Audio", "", ""), ("Video", "de", "id", "notes"), ["Video", "Audio:de", "Audio:id", "notes"]),
        (("video", "audio"), ("", "de", "fr"), ["video", "audio:de", "audio:fr"]),
        (("video", "Audio"), ("", "German", "jp"), ["video", "Audio:German", "Audio:jp"]),
    ],
)
def test_a_merged_header_with_languages_below_it_is_one_header(
    first: Sequence[str], second: Sequence[str], expected: list[str]
) -> None:
    """Spreadsheet programs write the text of a merged cell once, and the languages into the row below."""
    content = read(first, second, ("media/a.mp4", "a.wav", "b.wav"))

    assert titles(content) == expected
    assert [record.place.row for record in content.records] == [3]


def test_a_row_of_data_is_no_second_header() -> None:
    """Only languages under ``audio`` make one."""
    content = read(("video", "audio", "", "note"), ("", "in two weeks", "", "x"), DATA)

    assert titles(content) == ["video", "audio", "note"]
    assert len(list(content.records)) == 2


def test_blank_rows_and_columns_are_nothing() -> None:
    """They separate blocks for the eye."""
    content = read(("", *HEADER, ""), (), ("", *DATA), ("", " ", "", ""))

    [record] = content.records
    assert {header: cell.text for header, cell in record.cells.items()} == dict(zip(HEADER, DATA, strict=True))
    assert record.problems == ()


@pytest.mark.parametrize(
    ("can_shift", "severities"),
    [(True, [["error"], ["error"]]), (False, [["warning"], []])],
)
def test_a_value_beyond_the_header_may_be_a_shifted_row(can_shift: bool, severities: list[list[str]]) -> None:
    """In text a stray delimiter moves all cells; in a workbook it is a remark beside the table, told once."""
    content = read(HEADER, (*DATA, "remark"), (*DATA, "another"), can_shift=can_shift)

    assert [[problem.severity for problem in record.problems] for record in content.records] == severities


def test_of_two_columns_with_one_header_the_first_is_kept() -> None:
    """Both headers are told, so that the rules can say so."""
    content = read(("video", "audio", "note", "note"), ("v", "a", "first", "second"))

    [record] = content.records
    assert record.cells["note"].text == "first"
    assert titles(content) == ["video", "audio", "note", "note"]


def test_a_line_that_can_not_be_read_is_a_problem_of_its_row() -> None:
    """In the header it is the end; below it, the other rows are read."""
    broken = Line(2, (), "a cell is too long")
    good = read_table(Grid(iter([Line(1, HEADER), broken, Line(3, DATA)]), ORIGIN, {}, False, "mend it"), Head(ORIGIN))
    bad = read_table(Grid(iter([broken, Line(3, HEADER)]), ORIGIN, {}, False, "mend it"), Head(ORIGIN))

    assert [[problem.remedy for problem in record.problems] for record in good.records] == [["mend it"], []]
    assert [(problem.place.row, problem.remedy) for problem in bad.problems] == [(2, "mend it")]
    assert not list(bad.records)


def test_a_cell_keeps_what_the_workbook_knows_of_it() -> None:
    """A link, and a flaw of an empty cell, reach the rules; so does that a row is hidden."""
    mark = Mark(link="https://cdn.example.com/a.mp4")
    line = Line(2, ("Episode 1", ""), marks={0: mark, 1: mark}, is_hidden=True)
    [record] = read_table(Grid(iter([Line(1, HEADER), line]), ORIGIN, {}, False, ""), Head(ORIGIN)).records

    assert (record.cells["video"].mark, record.cells["audio"].mark, record.is_hidden) == (mark, mark, True)
