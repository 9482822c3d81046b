"""A sheet's XML with some cells set: all else stays as it is, byte for byte.

Expat says where each row and cell begins and ends; what is to change is cut out there, and put in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from dubbatch.manifest.table import column_letters
from dubbatch.manifest.workbook.ooxml import SAVE_AGAIN, Attributes, Unusable, feed, is_true, local, malformed, parser
from dubbatch.manifest.workbook.sheet_xml import Box, box_of, column_index
from dubbatch.writeback.cell_xml import Cells, Value, cell_xml

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TAG = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_SPANS = re.compile(rb"\sspans\s*=\s*([\"'])(?P<value>.*?)\1")
_REF = re.compile(rb"\sref\s*=\s*([\"'])(?P<value>.*?)\1")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Patch:
    """A sheet's XML, and what is to stand in it in other words."""

    data: bytes
    #: (from, to, what stands there instead), in their order.
    edits: list[tuple[int, int, bytes]]
    #: Row and column of the cells that were left as they are: they have formulas, which are the team's own.
    formulas: list[tuple[int, int]]

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The new XML."""
        view, at = memoryview(self.data), 0
        for start, end, instead in self.edits:
            yield view[at:start]
            yield instead
            at = end
        yield view[at:]


def set_cells(
    data: bytes,
    cells: Cells,
    *,
    header: int = 0,
    odd_styles: Collection[str] = (),
    widths: Mapping[int, float] | None = None,
) -> Patch:
    """The sheet ``data`` with ``cells`` set; rows that it hasn't are left out.

    ``header``: the row in which a new cell looks like its neighbour to the left. ``odd_styles``: indexes of those in
    which a number reads as something else (a date). ``widths``: of columns that have none of their own, in characters.
    Raises Unusable for what is no sheet, or can't be edited in place.
    """
    if data.startswith(_UTF16_MARKS):
        raise Unusable("is written in UTF-16, which can't be edited in place", SAVE_AGAIN)
    patcher = _Patcher(data, cells, header, frozenset(odd_styles), dict(widths or {}))
    patcher.read()
    return Patch(data, sorted(patcher.edits, key=lambda edit: edit[:2]), patcher.formulas)


@dataclass
class _Row:
    """The row that is being read: it has cells to set."""

    number: int
    #: That new cells take over; empty: they have their column's.
    style: str
    #: Columns that are still to come, the last one first.
    to_come: list[int]
    #: From where to where its start tag goes.
    tag: tuple[int, int]
    #: Of the cell before.
    neighbour: str = ""


@dataclass
class _Cell:
    """The cell that is being read: it is to be set."""

    column: int
    style: str
    start: int
    has_formula: bool = False


@dataclass
class _Patcher:
    """Expat's handlers, and the edits that they come to."""

    data: bytes
    cells: Cells
    header: int
    odd_styles: frozenset[str]
    widths: dict[int, float]
    edits: list[tuple[int, int, bytes]] = field(default_factory=list)
    formulas: list[tuple[int, int]] = field(default_factory=list)
    #: Of the sheet's own elements, with its colon.
    _prefix: str | None = None
    _has_data: bool = False
    _columns: list[_ColumnRange] = field(default_factory=list)
    _number: int = 0
    _column: int = -1
    _row: _Row | None = None
    _cell: _Cell | None = None

    def read(self) -> None:
        self._parser = parser()
        self._parser.StartElementHandler = self._outside
        self._parser.EndElementHandler = self._outside_end
        feed(self._parser, [self.data])
        if not self._has_data:
            raise malformed("it is no sheet")

    def _outside(self, name: str, attributes: Attributes) -> None:
        base = local(name)
        if self._prefix is None:
            self._prefix = name[: -len(base)]
            self._names = {self._prefix + base: base for base in ("row", "c", "f", "sheetData")}
        if name != self._prefix + base:
            return
        at = self._parser.CurrentByteIndex
        if base == "dimension":
            self._widen(at, attributes.get("ref", ""))
        elif base == "cols" and self._is_closed(self._tag(at)):
            # Nothing can be put into it.
            self.widths.clear()
        elif base == "col":
            self._columns.append(_ColumnRange.of(at, attributes))
        elif base == "sheetData":
            self._add_columns(at, is_whole=True)
            self._has_data = True
            self._parser.StartElementHandler = self._inside
            self._parser.EndElementHandler = self._inside_end

    def _outside_end(self, name: str) -> None:
        if name == f"{self._prefix}cols":
            self._add_columns(self._parser.CurrentByteIndex, is_whole=False)

    def _inside(self, name: str, attributes: Attributes) -> None:
        base = self._names.get(name)
        if base == "c":
            self._begin_cell(attributes)
        elif base == "row":
            self._begin_row(attributes)
        elif base == "f" and self._cell is not None:
            self._cell.has_formula = True

    def _inside_end(self, name: str) -> None:
        base = self._names.get(name)
        if base == "c" and self._cell is not None:
            self._end_cell(self._cell)
        elif base == "row" and self._row is not None:
            self._end_row(self._row)
        elif base == "sheetData":
            self._parser.StartElementHandler = None
            self._parser.EndElementHandler = None

    def _begin_row(self, attributes: Attributes) -> None:
        text = attributes.get("r")
        self._number = int(text) if text is not None else self._number + 1
        self._column = -1
        wanted = self.cells.get(self._number)
        if wanted is None:
            self._row = None
            return
        tag = self._tag(self._parser.CurrentByteIndex)
        style = attributes.get("s", "") if is_true(attributes.get("customFormat", "")) else ""
        self._row = _Row(self._number, style, sorted(wanted, reverse=True), tag)
        if "spans" in attributes:
            self._stretch(tag, [column for column, value in wanted.items() if value != ""])

    def _begin_cell(self, attributes: Attributes) -> None:
        row = self._row
        if row is None:
            return
        reference = attributes.get("r")
        column = self._column + 1 if reference is None else column_index(reference.rstrip("0123456789"))
        self._column = column
        if row.to_come and row.to_come[-1] <= column:
            at = self._parser.CurrentByteIndex
            self._insert(at, row, column)
            if row.to_come and row.to_come[-1] == column:
                row.to_come.pop()
                self._cell = _Cell(column, attributes.get("s", ""), at)
        row.neighbour = attributes.get("s", "")

    def _end_cell(self, cell: _Cell) -> None:
        self._cell = None
        number = self._number
        if cell.has_formula:
            self.formulas.append((number, cell.column))
            return
        start, end = tag = self._tag(cell.start)
        if not self._is_closed(tag):
            end = self.data.index(b">", self._parser.CurrentByteIndex) + 1
        written = self._written(number, cell.column, self.cells[number][cell.column], cell.style)
        self.edits.append((start, end, written))

    def _end_row(self, row: _Row) -> None:
        self._row = None
        if not self._is_closed(row.tag):
            self._insert(self._parser.CurrentByteIndex, row)
        elif cells := self._new_cells(row, None):
            end = row.tag[1]
            self.edits.append((end - 2, end, b">" + cells + f"</{self._prefix}row>".encode()))

    def _insert(self, at: int, row: _Row, before: int | None = None) -> None:
        """Put the new cells that stand left of ``before`` (all that are to come, without it) where ``at`` is."""
        if cells := self._new_cells(row, before):
            self.edits.append((at, at, cells))

    def _new_cells(self, row: _Row, before: int | None) -> bytes:
        written = bytearray()
        while row.to_come and (before is None or row.to_come[-1] < before):
            column = row.to_come.pop()
            value = self.cells[row.number][column]
            if value != "":
                own = row.neighbour if row.number == self.header else row.style
                written += self._written(row.number, column, value, own or self._column_style(column))
        return bytes(written)

    def _written(self, row: int, column: int, value: Value, style: str) -> bytes:
        is_odd = not isinstance(value, str) and style in self.odd_styles
        return cell_xml(self._prefix or "", row, column, value, "" if is_odd else style)

    def _column_style(self, column: int) -> str:
        return next((found.style for found in self._columns if found.first <= column <= found.last), "")

    def _add_columns(self, end: int, *, is_whole: bool) -> None:
        """Give the columns without a width theirs; ``is_whole``: the sheet has no element for it yet."""
        prefix = self._prefix
        places: dict[int, str] = {}
        for column, width in sorted(self.widths.items()):
            if not any(found.first <= column <= found.last for found in self._columns):
                at = next((found.start for found in self._columns if found.first > column), end)
                number = column + 1
                element = f'<{prefix}col min="{number}" max="{number}" width="{width:g}" customWidth="1"/>'
                places[at] = places.get(at, "") + element
        self.widths.clear()
        for at, elements in places.items():
            whole = f"<{prefix}cols>{elements}</{prefix}cols>" if is_whole else elements
            self.edits.append((at, at, whole.encode()))

    def _widen(self, at: int, reference: str) -> None:
        """The range that the sheet says it has, with the cells that are set: some readers go no further."""
        box = box_of(reference)
        columns = {column for row in self.cells.values() for column, value in row.items() if value != ""}
        if box is None or not columns:
            return
        corner = Box(
            min(box.top, *self.cells), min(box.left, *columns), max(box.bottom, *self.cells), max(box.right, *columns)
        )
        start, end = self._tag(at)
        found = _REF.search(self.data, start, end)
        if found and corner != box:
            text = f"{column_letters(corner.left)}{corner.top}:{column_letters(corner.right)}{corner.bottom}"
            self.edits.append((*found.span("value"), text.encode()))

    def _stretch(self, tag: tuple[int, int], columns: Collection[int]) -> None:
        """The columns that a row says it has cells in, with those that are set."""
        found = _SPANS.search(self.data, *tag)
        numbers = list(map(int, _NUMBER.findall(found["value"].decode("ascii", "replace")))) if found else []
        if not found or not numbers or not columns:
            return
        first, last = min(*numbers, min(columns) + 1), max(*numbers, max(columns) + 1)
        if (first, last) != (min(numbers), max(numbers)):
            self.edits.append((*found.span("value"), f"{first}:{last}".encode()))

    def _is_closed(self, tag: tuple[int, int]) -> bool:
        """Whether a start tag is the whole element."""
        return self.data[tag[1] - 2 : tag[1]] == b"/>"

    def _tag(self, at: int) -> tuple[int, int]:
        found = _TAG.match(self.data, at)
        if found is None:
            raise Unusable("has XML that can't be edited in place", SAVE_AGAIN)
        return found.span()


@dataclass(frozen=True, slots=True)
class _ColumnRange:
    """Columns that have a style or a width; the first is 0."""

    start: int
    first: int
    last: int
    style: str

    @classmethod
    def of(cls, start: int, attributes: Attributes) -> _ColumnRange:
        first, last = (_whole(attributes.get(name, "")) for name in ("min", "max"))
        return cls(start, first - 1, last - 1, attributes.get("style", ""))


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
