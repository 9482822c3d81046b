"""A sheet's XML with some cells set: all else stays as it is, byte for byte.

Tags are found by patterns, where they lie in the bytes; what is to change is cut out there, and put in. In XML that is
well-formed (expat has read it before) a ``<`` begins a tag, or one of the few constructs that the patterns skip, so
they are exact; and there are millions of tags, of which few are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from dubbatch.manifest.table import column_letters
from dubbatch.manifest.workbook.ooxml import SAVE_AGAIN, Unusable, feed, is_true, parser
from dubbatch.manifest.workbook.sheet_xml import Box, box_of, column_index
from dubbatch.writeback.cell_xml import Cells, Value, cell_xml

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ROOT = re.compile(rb"<(?P<prefix>(?:[A-Za-z_][\w.-]*:)?)worksheet[\s>]")
#: Comments, literal text, instructions: whatever is in them is no tag.
_SKIPPED = rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
_ATTRIBUTES = rb"[^<>\"']*+(?:\"[^\"]*+\"[^<>\"']*+|'[^']*+'[^<>\"']*+)*+"
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
    number_styles: Collection[str] = (),
    widths: Mapping[int, float] | None = None,
) -> Patch:
    """The sheet ``data`` with ``cells`` set; rows that it hasn't are left out.

    ``header``: the row in which a new cell looks like its neighbour to the left. ``number_styles``: indexes of those
    in which a number may stand. ``widths``: of columns that have none of their own, in characters.
    Raises Unusable for what is no sheet, or can't be edited in place.
    """
    if data.startswith(_UTF16_MARKS):
        raise Unusable("is written in UTF-16, which can't be edited in place", SAVE_AGAIN)
    feed(parser(), [data])
    root = _ROOT.search(data)
    if root is None:
        raise Unusable("has a sheet that is none", SAVE_AGAIN)
    patcher = _Patcher(data, cells, header, frozenset(number_styles), dict(widths or {}), root["prefix"])
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
    #: Where its start tag ends.
    begin: int
    #: Style of the cell before.
    neighbour: str = ""


@dataclass(frozen=True, slots=True)
class _ColumnRange:
    """Columns that have a style or a width; the first is 0."""

    start: int
    first: int
    last: int
    style: str


@dataclass
class _Patcher:
    """Goes through the tags, and collects the edits that they come to."""

    data: bytes
    cells: Cells
    header: int
    number_styles: frozenset[str]
    widths: dict[int, float]
    #: Of the sheet's own elements, with its colon.
    prefix: bytes
    edits: list[tuple[int, int, bytes]] = field(default_factory=list)
    formulas: list[tuple[int, int]] = field(default_factory=list)
    _columns: list[_ColumnRange] = field(default_factory=list)
    _number: int = 0
    _column: int = -1
    _row: _Row | None = None

    def read(self) -> None:
        own = re.escape(self.prefix)
        names = b"(?:row|sheetData|dimension|cols?)"
        self._tag = re.compile(
            b"%b|<(?P<name>%b%b|/%b(?:cols|row|sheetData))(?=[\\s/>])(?P<attributes>%b)>"
            % (_SKIPPED, own, names, own, _ATTRIBUTES),
            re.DOTALL,
        )
        self._cell = re.compile(
            b"%b|<(?P<name>%bc)(?=[\\s/>])(?P<attributes>%b)>" % (_SKIPPED, own, _ATTRIBUTES), re.DOTALL
        )
        self._cell_end = re.compile(b"%b|(?P<end></%bc\\s*>)" % (_SKIPPED, own), re.DOTALL)
        self._formula = re.compile(b"<%bf[\\s/>]" % own)
        handlers: dict[bytes, Callable[[re.Match[bytes]], None]] = {
            self.prefix + b"row": self._begin_row,
            b"/" + self.prefix + b"row": self._end_row,
            self.prefix + b"dimension": self._dimension,
            self.prefix + b"cols": self._columns_begin,
            self.prefix + b"col": self._column_range,
            b"/" + self.prefix + b"cols": lambda tag: self._add_columns(tag.start(), is_whole=False),
            self.prefix + b"sheetData": lambda tag: self._add_columns(tag.start(), is_whole=True),
        }
        end = b"/" + self.prefix + b"sheetData"
        for tag in self._tag.finditer(self.data):
            name = tag["name"]
            if name == end:
                return
            if name is not None:
                handlers[name](tag)

    def _begin_row(self, tag: re.Match[bytes]) -> None:
        text = _attribute(tag, b"r")
        self._number = _whole(text) if text else self._number + 1
        self._column = -1
        self._row = None
        wanted = self.cells.get(self._number)
        if wanted is None:
            return
        style = _attribute(tag, b"s") if is_true(_attribute(tag, b"customFormat")) else ""
        self._row = _Row(self._number, style, sorted(wanted, reverse=True), tag.end())
        self._stretch(tag, [column for column, value in wanted.items() if value != ""])
        if _is_closed(tag) and (cells := self._new_cells(self._row, None)):
            self.edits.append((tag.end() - 2, tag.end(), b">%b</%brow>" % (cells, self.prefix)))

    def _end_row(self, tag: re.Match[bytes]) -> None:
        row, self._row = self._row, None
        if row is None:
            return
        if row.number == self.header or not self._is_beyond(row, tag.start()):
            for cell in self._cell.finditer(self.data, row.begin, tag.start()):
                if cell["name"] is not None:
                    self._pass(cell, row)
        self._insert(tag.start(), row)

    def _is_beyond(self, row: _Row, end: int) -> bool:
        """Whether all cells to set stand to the right of those that the row has, as new columns do."""
        data = self.data
        if data.find(b"<!", row.begin, end) >= 0 or data.find(b"<?", row.begin, end) >= 0:
            return False
        last = self._cell.match(data, max(0, data.rfind(b"<%bc " % self.prefix, row.begin, end)))
        reference = _attribute(last, b"r") if last and last["name"] else ""
        return bool(reference) and _column_of(reference) < row.to_come[-1]

    def _pass(self, tag: re.Match[bytes], row: _Row) -> None:
        """Set what stands left of a cell, and the cell itself."""
        reference = _attribute(tag, b"r")
        column = self._column = _column_of(reference) if reference else self._column + 1
        style = _attribute(tag, b"s")
        if row.to_come and row.to_come[-1] <= column:
            self._insert(tag.start(), row, column)
            if row.to_come and row.to_come[-1] == column:
                row.to_come.pop()
                self._replace(tag, column, style)
        row.neighbour = style

    def _replace(self, tag: re.Match[bytes], column: int, style: str) -> None:
        start, end = tag.span()
        if not _is_closed(tag):
            end = next(found.end() for found in self._cell_end.finditer(self.data, end) if found["end"])
        if self._formula.search(self.data, start, end):
            self.formulas.append((self._number, column))
        else:
            written = self._written(self._number, column, self.cells[self._number][column], style)
            self.edits.append((start, end, written))

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
        is_odd = style and not isinstance(value, str) and style not in self.number_styles
        # No style at all would be the row's, or the column's.
        return cell_xml(self.prefix.decode(), row, column, value, "0" if is_odd else style)

    def _column_style(self, column: int) -> str:
        return next((found.style for found in self._columns if found.first <= column <= found.last), "")

    def _columns_begin(self, tag: re.Match[bytes]) -> None:
        if _is_closed(tag):
            # There is no room in it.
            self.widths.clear()

    def _column_range(self, tag: re.Match[bytes]) -> None:
        first, last = (_whole(_attribute(tag, name)) - 1 for name in (b"min", b"max"))
        self._columns.append(_ColumnRange(tag.start(), first, last, _attribute(tag, b"style")))

    def _add_columns(self, end: int, *, is_whole: bool) -> None:
        """Give the columns without a width theirs; ``is_whole``: the sheet has no element for it yet."""
        prefix = self.prefix.decode()
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

    def _dimension(self, tag: re.Match[bytes]) -> None:
        """The range that the sheet says it has, with the cells that are set: some readers go no further."""
        box = box_of(_attribute(tag, b"ref"))
        columns = {column for row in self.cells.values() for column, value in row.items() if value != ""}
        if box is None or not columns:
            return
        corner = Box(
            min(box.top, *self.cells), min(box.left, *columns), max(box.bottom, *self.cells), max(box.right, *columns)
        )
        if corner != box:
            text = f"{column_letters(corner.left)}{corner.top}:{column_letters(corner.right)}{corner.bottom}"
            self._edit_attribute(tag, b"ref", text)

    def _stretch(self, tag: re.Match[bytes], columns: Collection[int]) -> None:
        """The columns that a row says it has cells in, with those that are set."""
        numbers = [int(number) for number in _NUMBER.findall(_attribute(tag, b"spans"))]
        if not numbers or not columns:
            return
        first, last = min(*numbers, min(columns) + 1), max(*numbers, max(columns) + 1)
        if (first, last) != (min(numbers), max(numbers)):
            self._edit_attribute(tag, b"spans", f"{first}:{last}")

    def _edit_attribute(self, tag: re.Match[bytes], name: bytes, text: str) -> None:
        found = _PATTERNS[name].search(self.data, *tag.span("attributes"))
        if found:
            self.edits.append((*found.span("value"), text.encode()))


def _pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(b"\\s%b\\s*=\\s*([\"'])(?P<value>.*?)\\1" % name, re.DOTALL)


_PATTERNS = {name: _pattern(name) for name in b"r s ref min max style spans customFormat".split()}


def _attribute(tag: re.Match[bytes], name: bytes) -> str:
    """The text of an attribute; empty: there is none. Those that are asked for are names and numbers."""
    found = _PATTERNS[name].search(tag["attributes"])
    return found["value"].decode("ascii", "replace") if found else ""


def _is_closed(tag: re.Match[bytes]) -> bool:
    """Whether a start tag is the whole element."""
    return tag["attributes"].endswith(b"/")


def _column_of(reference: str) -> int:
    return column_index(reference.rstrip("0123456789"))


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
