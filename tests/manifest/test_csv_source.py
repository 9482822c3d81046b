"""Tables in text, in every dialect that spreadsheet programs write."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Content, Origin
from dubbatch.manifest.csv_source import CsvSource

PATH = Path("list.csv")

#: What can stand in a cell of a spreadsheet: no control characters but line breaks and tabs.
CELLS = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n,;\t|\"'"), max_size=12)
#: Header texts; none contains a delimiter, so that the header decides.
TITLES = st.lists(st.text("abcdefgh XYZ_é", min_size=1, max_size=8).map(str.strip), min_size=2, max_size=5, unique=True)


def read(text: str | bytes) -> Content:
    return CsvSource().content(text if isinstance(text, bytes) else text.encode(), Origin(PATH), {})


def rows(content: Content) -> list[dict[str, str]]:
    return [{header: cell.text for header, cell in record.cells.items()} for record in content.records]


@given(
    titles=TITLES.filter(all),
    values=st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=4),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read_in_every_delimiter_and_encoding(
    titles: list[str], values: list[list[str]], delimiter: str, encoding: str, line_end: str
) -> None:
    """Writing a table and reading it gives the same cells; blank rows and empty cells are left out."""
    table = [row[: len(titles)] for row in values]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([titles, *table])

    content = read(text.getvalue().encode(encoding))

    expected = [{t: v for t, v in zip(titles, row, strict=True) if v} for row in table if any(v.strip() for v in row)]
    assert rows(content) == expected
    assert [cell.text for cell in content.headers] == titles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("video;audio\na,b;c\n", {"video": "a,b", "audio": "c"}),
        ("sep=|\nvideo|audio\na,b|c;d\n", {"video": "a,b", "audio": "c;d"}),
        ('"video, the file",audio\nx,y\n', {"video, the file": "x", "audio": "y"}),
        ("video,audio,,\nx,y,,\n", {"video": "x", "audio": "y"}),
        ("video,audio\nx\n", {"video": "x"}),
        ("video\rx\r", {"video": "x"}),
        ('video, audio, "note"\nx, "y, z", " n"\n', {"video": "x", "audio": "y, z", "note": " n"}),
    ],
)
def test_the_delimiter_is_the_one_that_splits_the_header_the_most(text: str, expected: dict[str, str]) -> None:
    """Quotes are honoured, a ``sep=`` line decides, and short rows are fine."""
    [row] = rows(read(text))

    assert expected.items() <= row.items()


def test_rows_are_counted_as_in_the_spreadsheet() -> None:
    """A blank row counts, a line break inside quotes does not, and the header is where it is."""
    content = read('\nvideo,audio\n\n"two\nlines",x\n , \ny,z\n')

    assert content.place.row == 2
    assert [record.place.row for record in content.records] == [4, 6]


def test_a_sep_line_is_no_row() -> None:
    """Excel swallows the line, so the header below it is row 1."""
    content = read("sep=;\nvideo;audio\nx;y\n")

    assert [content.place.row, *(record.place.row for record in content.records)] == [1, 2]


def test_a_cell_knows_its_row_and_the_header_above_it() -> None:
    """The place of a cell is what a person looks for in the sheet."""
    [record] = read("Video , audio\nx,y\n").records

    assert str(record.cells["Video"].place) == "list.csv, row 2, column Video"


def test_windows_1252_is_read_with_a_warning() -> None:
    """A file that is not UTF-8 is most likely Excel's plain CSV; the reader is told to look."""
    content = read("video,audio\ncafé,x\n".encode("cp1252"))

    assert rows(content) == [{"video": "café", "audio": "x"}]
    assert [(problem.severity, "Windows-1252" in problem.message) for problem in content.head.problems] == [
        ("warning", True)
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (codecs.BOM_UTF8 + b" \r\n", "empty"),
        (b"PK\x03\x04\0\0", "ZIP archive"),
        (b"\0\1\2", "not a text file"),
    ],
)
def test_bytes_that_are_no_table_are_refused_with_a_hint(data: bytes, words: str) -> None:
    """What can't be mended cell by cell is an error of the file."""
    with pytest.raises(ManifestError, match=words) as caught:
        read(data)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("video,audio\nx,y,z\n", 2, "more cells than there are headers"),
        ('video,audio\nx,"y\n', 2, "never closed"),
        ('video,audio\na,b\n"x"y,z\n', 3, "text follows"),
        (f"video,audio\n{'x' * 140_000},y\n", 2, "longer than"),
    ],
)
def test_a_row_that_can_not_be_split_is_a_problem_of_that_row(text: str, row: int, words: str) -> None:
    """The other rows are still read."""
    problems = [problem for record in read(text).records for problem in record.problems]

    assert [(problem.severity, problem.place.row) for problem in problems] == [("error", row)]
    assert words in problems[0].message


def test_a_header_that_can_not_be_split_is_a_problem() -> None:
    """Without a header there are no rows to read, and the reason is told."""
    content = read('video,"audio\nx,y\n')

    assert [problem.severity for problem in content.problems] == ["error"]
    assert not list(content.records)


def test_a_column_without_a_header_is_ignored_with_a_warning() -> None:
    """An empty column between others is common; what stands in it is not guessed at."""
    content = read("video,,audio\nx,note,y\nz,more,w\n")

    records = list(content.records)
    assert [{header: cell.text for header, cell in record.cells.items()} for record in records] == [
        {"video": "x", "audio": "y"}, {"video": "z", "audio": "w"},
    ]  # fmt: skip
    told = [problem for record in records for problem in record.problems]
    assert [(problem.severity, problem.message) for problem in told] == [
        ("warning", "column B has no header and is ignored")
    ]
