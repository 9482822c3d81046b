"""Workbooks: .xlsx and .xlsm, whatever program wrote them.

Values come from python-calamine; what it doesn't tell (hidden rows, links, formats, formulas without a value)
from one walk over the sheet's XML, which also makes sure before that the sheet fits into memory.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain, islice
from unicodedata import normalize

from python_calamine import CalamineError, CalamineSheet, load_workbook

from dubbatch.errors import ManifestError
from dubbatch.jobs import Place
from dubbatch.manifest.cells import Content, Head, Origin
from dubbatch.manifest.lines import Line
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.table import LINES_LOOKED_AT, Grid, best_header, column_letters, is_complete, read_table
from dubbatch.manifest.workbook.number_formats import number_text
from dubbatch.manifest.workbook.ooxml import SAVE_AGAIN, Unusable
from dubbatch.manifest.workbook.package import Package, Sheet
from dubbatch.manifest.workbook.sheet_lines import SheetLines, check_merges, filled
from dubbatch.manifest.workbook.sheet_xml import SheetFacts, read_sheet

#: Rows times columns that the values are held in.
_AREA_MAX = 20_000_000
#: A cell beyond it lies far out, where the table is not.
_COLUMNS_COMFORTABLE = 200
_SHEETS_NAMED = 20
_MEND_CELL = "shorten the cell"
_NO_ROWS = "A manifest has a header with video and audio, and one row a video."


@dataclass(frozen=True, slots=True)
class WorkbookSource:
    """One sheet of an Excel workbook."""

    def head(self, data: bytes, origin: Origin) -> Head:
        """A table has rows only: no batch, no settings. The sheet's name, which names the batch, is as it is there."""
        if not origin.sheet:
            return Head(origin)
        with _told(origin), Package(data) as package:
            return Head(replace(origin, sheet=_named(package.sheets, origin.sheet).name))

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        table, others = open_table(data, origin, columns)
        there = replace(origin, sheet=table.sheet)
        grid = Grid(table.lines, there, columns, can_shift=False, mend_broken=_MEND_CELL)
        content = read_table(grid, Head(origin))
        return replace(content, problems=(*content.problems, *(_not_read(origin, table, other) for other in others)))


def open_table(data: bytes, origin: Origin, columns: Mapping[str, str]) -> tuple[Table, list[Table]]:
    """The sheet that is meant, and the others that may have been meant, too.

    Without a name, it is the first visible one with a known header. Raises ManifestError where the workbook, or that
    sheet, can't be read.
    """
    with _told(origin), Package(data) as package:
        if origin.sheet:
            tables = [_open(package, _named(package.sheets, origin.sheet), columns)]
        else:
            tables = [*_with_headers(package, columns)]
        found = [table for table in tables if table is not None]
        if not found:
            raise Unusable("is empty", _NO_ROWS)
        return found[0], found[1:]


def column_texts(data: bytes, sheet: str, columns: Collection[int]) -> Iterator[tuple[int, dict[int, str]]]:
    """Row and texts, by column, of some columns of a sheet that was read before; empty cells are left out.

    The bytes have been walked and bounded then, so nothing but the values is read. Raises Unusable.
    """
    try:
        cells = load_workbook(io.BytesIO(data)).get_sheet_by_name(sheet)
    except CalamineError as error:
        raise Unusable(f"is damaged ({shown(str(error))})", SAVE_AGAIN) from error
    margin = cells.start[1] if cells.start else 0
    for number, row in enumerate(cells.iter_rows(), 1):
        there = ((column, row[column - margin]) for column in columns if 0 <= column - margin < len(row))
        yield number, {column: _plain(value) for column, value in there if value != ""}


def _plain(value: object) -> str:
    return number_text(value)[0] if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


@contextmanager
def _told(origin: Origin) -> Iterator[None]:
    try:
        yield
    except Unusable as error:
        where = f"{origin.path}#{origin.sheet}" if origin.sheet else str(origin.path)
        raise ManifestError(f"{where} {error.message}.", hint=error.hint) from error


def _not_read(origin: Origin, table: Table, other: Table) -> Problem:
    message = f"the sheet {shown(table.sheet)} is read, and this one, which has video and audio too, is not"
    remedy = f"name the sheet that is meant: {origin.path.name}#{shown(other.sheet)}"
    return Problem("warning", Place(str(origin.path), other.header, sheet=other.sheet), "", message, remedy)


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of a sheet that has any."""

    sheet: str
    lines: Iterator[Line]
    #: The row of its header, and how much that resembles one.
    header: int
    score: int


def _with_headers(package: Package, columns: Mapping[str, str]) -> list[Table]:
    """The visible sheets whose topmost rows have a header that is known, else the first that isn't empty.

    After the first of them, only those that have both video and audio.
    """
    first: Table | None = None
    tables: list[Table] = []
    failure: Unusable | None = None
    candidates = [sheet for sheet in package.sheets if sheet.is_visible and sheet.has_cells]
    if not candidates:
        raise Unusable("has no visible sheet with cells", _name_one(package.sheets))
    for sheet in candidates:
        try:
            table = _open(package, sheet, columns)
        except Unusable as error:
            # It may be somebody's notes: the manifest can be another sheet.
            failure = failure or error
            continue
        if table is not None and table.score and (not tables or is_complete(table.score)):
            tables.append(table)
        first = first or table
    if failure is not None and not tables:
        raise failure
    return tables or ([first] if first else [])


def _named(sheets: list[Sheet], name: str) -> Sheet:
    """The sheet with that name, whatever its case, as spreadsheet programs compare names."""
    by_name = {_folded(sheet.name): sheet for sheet in reversed(sheets)}
    found = by_name.get(_folded(name))
    if found is None:
        near = get_close_matches(_folded(name), by_name, 1)
        suggestion = f"Did you mean #{shown(by_name[near[0]].name)}? " if near else ""
        raise Unusable("does not exist", suggestion + _name_one(sheets))
    if not found.has_cells:
        raise Unusable("is no sheet with cells, but a chart or a dialog", _name_one(sheets))
    return found


def _name_one(sheets: list[Sheet]) -> str:
    names = [shown(sheet.name) for sheet in sheets if sheet.has_cells]
    more = f" and {len(names) - _SHEETS_NAMED} more" if len(names) > _SHEETS_NAMED else ""
    return f"The sheets of the workbook: {', '.join(names[:_SHEETS_NAMED])}{more}." if names else SAVE_AGAIN


def _folded(name: str) -> str:
    return normalize("NFC", name).strip().casefold()


def _open(package: Package, sheet: Sheet, columns: Mapping[str, str]) -> Table | None:
    """The lines of ``sheet``; None if it is empty."""
    formats = package.formats
    facts, alone = package.alone(sheet, lambda chunks: read_sheet(chunks, formats, is_stale=package.is_stale))
    _check_area(facts)
    check_merges(facts)
    values = SheetLines(facts, package.relations(sheet.part), formats, package.is_1904)
    cells = _calamine(alone)
    lines = values.of(cells.iter_rows(), cells.start[1] if cells.start else 0)
    above = list(islice(lines, LINES_LOOKED_AT))
    if not above:
        return None
    header, score = best_header(above, columns)
    every = chain(above, lines)
    merged = filled(every, facts.merges, above[header].number) if facts.merges else every
    return Table(sheet.name, merged, above[header].number, score)


def _check_area(facts: SheetFacts) -> None:
    # The values come as one block, from the first cell to the last.
    width = facts.last_column + 1
    if facts.last_row * width <= _AREA_MAX:
        return
    if width > _COLUMNS_COMFORTABLE:
        cell = f"{column_letters(facts.last_column)}{facts.widest_row}"
        what = "columns to the right of the table"
    else:
        cell, what = f"row {facts.last_row}", "rows below the table"
    hint = f"Delete the {what} (mark them, right-click, Delete) and save the workbook."
    raise Unusable(f"has content far out, in {cell}", hint)


def _calamine(workbook: io.BytesIO) -> CalamineSheet:
    try:
        return load_workbook(workbook).get_sheet_by_index(0)
    except CalamineError as error:
        raise Unusable(f"is damaged ({shown(str(error))})", SAVE_AGAIN) from error
    except BaseException as error:
        # What Rust calls a panic is no Exception, and has no name to import.
        if type(error).__name__ != "PanicException":
            raise
        raise Unusable("is damaged", SAVE_AGAIN) from error
