"""Tables in text: CSV, with whatever delimiter the spreadsheet program chose.

Rows are counted as a person counts them in the spreadsheet: by record, so a line break
inside quotes does not count and a blank row does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Record
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.problems import Problem, shown

_DELIMITERS = ",;\t|"
#: Excel's own hint; the program swallows the line, so it is no row.
_SEP_LINE = re.compile(r"\s*\"?sep=(?P<delimiter>.)\"?[ \t]*(?:\r\n|\r|\n|$)", re.IGNORECASE)
#: Possessive: a line of 100 MB must not be walked back.
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")
#: As many as a spreadsheet has.
_ROWS_MAX = 1_048_576
_COLUMNS_MAX = 16_384
#: Those of all columns, and one cell full of them.
_DELIMITERS_MAX = _COLUMNS_MAX + csv.field_size_limit()
_MEND_QUOTES = "close every quotation mark, and double those inside a quoted cell"


@dataclass(frozen=True, slots=True)
class CsvSource:
    """``delimiters`` are those that may be found; the one that splits the header the most is taken."""

    delimiters: str = _DELIMITERS

    def head(self, data: bytes, path: Path) -> Head:
        """A table has rows only: no batch, no settings. Nothing is read."""
        return Head(path)

    def content(self, data: bytes, path: Path) -> Content:
        text, problems = decode(data, path)
        delimiter, start = _sniff(text, self.delimiters)
        rows = _rows(text, start, delimiter)
        header = next((row for row in rows if row.broken or _is_filled(row.values)), _Row(1, ()))
        place = Place(str(path), header.number)
        if header.broken:
            broken = Problem("error", place, "", header.broken, _MEND_QUOTES)
            return Content(Head(path, problems=(*problems, broken)), (), (), place)
        titles = _titles(header.values)
        return Content(
            head=Head(path, problems=problems),
            headers=tuple(Cell(title, place, title) for title in titles if title),
            records=_records(rows, titles, str(path)),
            place=place,
            problems=tuple(_untitled(titles, place)),
        )


class _Row(NamedTuple):
    number: int
    values: Sequence[str]
    #: Why the record can't be read; empty: it can.
    broken: str = ""


def _sniff(text: str, delimiters: str) -> tuple[str, int]:
    """The delimiter, and where the table starts (after a ``sep=`` line)."""
    told = _SEP_LINE.match(text)
    if told:
        return told["delimiter"], told.end()

    def pieces(delimiter: str) -> int:
        # Not strict: a header with a broken quote shall be told of as what it is.
        rows = _rows(text, 0, delimiter, is_strict=False)
        first = next((row for row in rows if row.broken == _TOO_WIDE or _is_filled(row.values)), _Row(1, ()))
        return len(first.values) if not first.broken else _COLUMNS_MAX

    return max(delimiters, key=pieces), 0


def _rows(text: str, start: int, delimiter: str, *, is_strict: bool = True) -> Iterator[_Row]:
    reader = csv.reader(_lines(text, start, delimiter), delimiter=delimiter, strict=is_strict)
    for number in range(1, _ROWS_MAX + 1):
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(number, (), _broken(str(error)))
        else:
            yield _Row(number, values) if len(values) <= _COLUMNS_MAX else _Row(number, (), _TOO_WIDE)
    yield _Row(_ROWS_MAX + 1, (), f"a table has at most {_ROWS_MAX:,} rows: split it")


def _lines(text: str, start: int, delimiter: str) -> Iterator[str]:
    """Raises csv.Error for a line that would become more cells than memory holds."""
    for found in _LINE.finditer(text, start):
        line = found.group()
        if len(line) > _DELIMITERS_MAX and line.count(delimiter) > _DELIMITERS_MAX:
            raise csv.Error(_TOO_WIDE)
        yield line


_TOO_WIDE = f"a row has more than {_COLUMNS_MAX:,} cells"


def _broken(error: str) -> str:
    if error == _TOO_WIDE:
        return error
    if "unexpected end of data" in error:
        return "a quotation mark is opened in this row and never closed"
    if "field larger" in error:
        return "a cell is longer than 131,072 characters"
    return "text follows a closing quotation mark"


def _titles(values: Sequence[str]) -> Sequence[str]:
    titles = [value.strip() for value in values]
    # Spreadsheet programs write the empty columns at the right, too.
    while titles and not titles[-1]:
        titles.pop()
    return titles


def _records(rows: Iterator[_Row], titles: Sequence[str], file: str) -> Iterator[Record]:
    for row in rows:
        place = Place(file, row.number)
        if row.broken:
            yield Record({}, place, (Problem("error", place, "", row.broken, _MEND_QUOTES),))
        elif _is_filled(row.values):
            cells = {
                title: Cell(value, place, title)
                for title, value in zip(titles, row.values, strict=False)
                if value and title
            }
            yield Record(cells, place, _ragged(row.values[len(titles) :], place))


def _is_filled(values: Sequence[str]) -> bool:
    return any(map(str.strip, values))


def _ragged(surplus: Sequence[str], place: Place) -> tuple[Problem, ...]:
    if not _is_filled(surplus):
        return ()
    value = next(value for value in surplus if value.strip())
    message = "the row has more cells than there are headers"
    remedy = "put quotation marks around a value that contains the delimiter, or give the column a header"
    return (Problem("error", place, shown(value), message, remedy),)


def _untitled(titles: Sequence[str], place: Place) -> Iterator[Problem]:
    for n, title in enumerate(titles, 1):
        if not title:
            message = f"column number {n} has no header and is ignored"
            yield Problem("warning", place, "", message, "give the column a header")
