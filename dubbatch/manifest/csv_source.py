"""Tables in text: CSV, with whatever delimiter the spreadsheet program chose.

Rows are counted as a person counts them in the spreadsheet: by record, so a line break
inside quotes does not count and a blank row does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from dubbatch.manifest.cells import Content, Head, Origin
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.lines import CELL_MAX, COLUMNS_MAX, ROWS_MAX, Line
from dubbatch.manifest.table import LINES_LOOKED_AT, Grid, best_header, read_table

_DELIMITERS = ",;\t|"
#: Excel's own hint; the program swallows the line, so it is no row.
_SEP_LINE = re.compile(r"\s*\"?sep=(?P<delimiter>.)\"?[ \t]*(?:\r\n|\r|\n|$)", re.IGNORECASE)
#: Possessive: a line of 100 MB must not be walked back.
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")
#: Those of all columns, and one cell full of them.
_DELIMITERS_MAX = COLUMNS_MAX + CELL_MAX
#: What keeps the zeros of an id in Excel, and what Sheets makes of a link: the text in it is meant.
_FORMULA = re.compile(r"=(?:\"(?P<text>[^\"]*)\"|HYPERLINK\(\"(?P<link>[^\"]*)\".*\))", re.DOTALL)
_MEND_QUOTES = "close every quotation mark, and double those inside a quoted cell"


@dataclass(frozen=True, slots=True)
class CsvSource:
    """``delimiters`` are those that may be found; the one that makes the best header is taken."""

    delimiters: str = _DELIMITERS

    def head(self, data: bytes, origin: Origin) -> Head:
        """A table has rows only: no batch, no settings. Nothing is read."""
        return Head(origin)

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        text, problems = decode(data, origin.path)
        dialect = sniff(text, columns, self.delimiters)
        grid = Grid(_lines(text, dialect), origin, columns, can_shift=True, mend_broken=_MEND_QUOTES)
        return replace(read_table(grid, Head(origin, problems=problems)), is_export=True)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written in a text."""

    delimiter: str
    #: Where the table starts: after a ``sep=`` line.
    start: int
    #: Whether a blank follows delimiters before quotation marks; typed by hand, it would keep them from being one.
    is_spaced: bool

    @classmethod
    def of(cls, text: str, delimiter: str, start: int = 0) -> Dialect:
        return cls(delimiter, start, f'{delimiter} "' in text)

    def pieces(self, text: str) -> Iterator[str]:
        """The physical lines. Raises csv.Error for one that would become more cells than memory holds."""
        for found in _LINE.finditer(text, self.start):
            line = found.group()
            if len(line) > _DELIMITERS_MAX and line.count(self.delimiter) > _DELIMITERS_MAX:
                raise csv.Error(_TOO_WIDE)
            yield line

    def rows(self, pieces: Iterator[str], *, is_strict: bool = True) -> Iterator[list[str]]:
        """The values of each record, of which ``pieces`` has one or more. Raises csv.Error, and goes on after it."""
        return csv.reader(pieces, delimiter=self.delimiter, strict=is_strict, skipinitialspace=self.is_spaced)


def sniff(text: str, columns: Mapping[str, str], delimiters: str = _DELIMITERS) -> Dialect:
    """How ``text`` is written: as it says itself, or with the delimiter that makes the best header."""
    told = _SEP_LINE.match(text)
    if told:
        return Dialect.of(text, told["delimiter"], told.end())

    def promise(delimiter: str) -> tuple[int, int]:
        # Not strict: a header with a broken quote shall be told of as what it is.
        lines = list(islice(_lines(text, Dialect.of(text, delimiter), is_strict=False), LINES_LOOKED_AT))
        if any(line.broken == _TOO_WIDE for line in lines):
            return 0, COLUMNS_MAX
        at, score = best_header(lines, columns)
        return score, len(lines[at].values) if lines else 0

    return Dialect.of(text, max(delimiters, key=promise))


def _lines(text: str, dialect: Dialect, *, is_strict: bool = True) -> Iterator[Line]:
    has_formulas = '="' in text or "=HYPERLINK(" in text
    reader = dialect.rows(dialect.pieces(text), is_strict=is_strict)
    for number in range(1, ROWS_MAX + 1):
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, (), _broken(str(error)))
        else:
            if has_formulas:
                values = list(map(_meant, values))
            yield Line(number, values) if len(values) <= COLUMNS_MAX else Line(number, (), _TOO_WIDE)
    yield Line(ROWS_MAX + 1, (), f"a table has at most {ROWS_MAX:,} rows: split it")


def _meant(value: str) -> str:
    found = _FORMULA.fullmatch(value)
    if found is None:
        return value
    return found["text"] if found["text"] is not None else found["link"]


_TOO_WIDE = f"a row has more than {COLUMNS_MAX:,} cells"


def _broken(error: str) -> str:
    if error == _TOO_WIDE:
        return error
    if "unexpected end of data" in error:
        return "a quotation mark is opened in this row and never closed"
    if "field larger" in error:
        return f"a cell is longer than {CELL_MAX:,} characters"
    return "text follows a closing quotation mark"
