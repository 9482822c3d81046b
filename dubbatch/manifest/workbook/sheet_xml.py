"""What the XML of a workbook says beside the values of its cells.

One pass with expat, which keeps nothing but what stands out: rows that are hidden, numbers with a format that
makes another text of them, formulas without a value, errors, links, merged cells, and how far the cells reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from dubbatch.manifest.lines import COLUMNS_MAX, ROWS_MAX
from dubbatch.manifest.problems import Finding, shown
from dubbatch.manifest.workbook.ooxml import Attributes, attribute, feed, is_true, malformed, parser

_CELL = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})", re.IGNORECASE)
#: ``HYPERLINK("target")`` and ``HYPERLINK("target","text")``; a doubled quotation mark stands for one.
_HYPERLINK = re.compile(
    r"\s*HYPERLINK\s*\(\s*\"(?P<target>(?:[^\"]|\"\")*)\"\s*(?:,\s*(?:\"(?P<text>(?:[^\"]|\"\")*)\"\s*\)\s*$)?|\))",
    re.IGNORECASE,
)
_ANY_HYPERLINK = re.compile(r"\s*HYPERLINK\s*\(", re.IGNORECASE)
_COMPUTED = Finding(
    "the address in the HYPERLINK formula is put together by the formula: it can't be read",
    "put the address itself into the cell",
)
#: Longest formula of a spreadsheet program, with room.
_FORMULA_MAX = 65_536
_NO_VALUE = Finding(
    "the formula has no stored value", "open the workbook in a spreadsheet program and save it, or type the value"
)


class Box(NamedTuple):
    """A range of cells, its last row and column included; the first row is 1, the first column 0."""

    top: int
    left: int
    bottom: int
    right: int


class Link(NamedTuple):
    """A hyperlink on cells: the relationship that has its target, and a place in the target."""

    box: Box
    relation: str
    location: str


@dataclass(slots=True)
class SheetFacts:
    """What one sheet's XML tells. Rows count from 1, columns from 0."""

    hidden: set[int] = field(default_factory=set)
    #: Row -> column and style of each number whose style matters.
    styles: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    flaws: dict[int, dict[int, Finding]] = field(default_factory=dict)
    #: Targets of HYPERLINK formulas.
    targets: dict[int, dict[int, str]] = field(default_factory=dict)
    #: Texts of HYPERLINK formulas whose value is not stored.
    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    merges: list[Box] = field(default_factory=list)
    #: Of the cells with content; 0 and -1 where there are none.
    last_row: int = 0
    last_column: int = -1
    #: The row where the cell stands that lies furthest to the right.
    widest_row: int = 0


def read_sheet(chunks: Iterable[bytes], styles: Container[str], *, is_stale: bool = False) -> SheetFacts:
    """The facts of one sheet.

    ``styles``: the indexes of those that matter. ``is_stale``: the file asks to be calculated anew, so that a
    formula's 0 is no value (libraries that write workbooks put it there). Raises Unusable.
    """
    reader = _SheetReader(styles, is_stale)
    reader.read(chunks)
    return reader.facts


def box_of(reference: str) -> Box | None:
    """The range that ``A2:B7`` or ``A2`` names; None if it names none on a sheet."""
    first, _, last = reference.partition(":")
    cells = [_CELL.fullmatch(part) for part in (first, last or first)]
    if cells[0] is None or cells[1] is None:
        return None
    (left, top), (right, bottom) = ((column_index(cell[1]), int(cell[2])) for cell in cells if cell)
    box = Box(min(top, bottom), min(left, right), max(top, bottom), max(left, right))
    return box if box.bottom <= ROWS_MAX and box.right < COLUMNS_MAX else None


def column_index(letters: str) -> int:
    """0 for ``A``."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


class _Columns(dict[str, int]):
    """Letters of a column -> its index."""

    def __missing__(self, letters: str) -> int:
        if not (letters.isascii() and letters.isalpha()) or len(letters) > 3:
            raise malformed(f"a cell stands in a column {shown(letters)!r}")
        index = column_index(letters)
        if index >= COLUMNS_MAX:
            raise malformed(f"a cell stands in column {letters}, and a sheet has {COLUMNS_MAX:,}")
        self[letters] = index
        return index


class _SheetReader:
    """Expat's handlers. There are millions of calls: what every cell needs is in ``_cell`` and ``_value``."""

    def __init__(self, styles: Container[str], is_stale: bool) -> None:
        self.facts = SheetFacts()
        self._styles = styles
        self._is_stale = is_stale
        #: Of the root element.
        self._prefix: str | None = None
        self._columns = _Columns()
        self._row = 0
        self._row_text = "0"
        self._column = -1
        #: Of the cell: its type, its style if that matters, whether it has a formula, and that a value.
        self._type: str | None = None
        self._style = ""
        self._has_formula = False
        self._has_value = False
        #: What is between the tags of a formula, or of a value that matters.
        self._captured: list[str] = []
        self._shared: dict[str, re.Match[str]] = {}
        self._shared_index = ""
        self._link: re.Match[str] | None = None
        self._parser = parser()
        self._handlers: dict[str, Callable[[Attributes], None] | None] = {
            "row": self._begin_row,
            "c": self._cell,
            "v": self._value,
            "is": self._value,
            "f": self._formula,
            "mergeCell": self._merge,
            "hyperlink": self._hyperlink,
        }

    def read(self, chunks: Iterable[bytes]) -> None:
        self._parser.StartElementHandler = self._start
        feed(self._parser, chunks)
        self._end_formula()

    def _start(self, name: str, attributes: Attributes) -> None:
        try:
            handler = self._handlers[name]
        except KeyError:
            handler = self._handler(name)
        if handler is not None:
            handler(attributes)

    def _handler(self, name: str) -> Callable[[Attributes], None] | None:
        """That of an element with a prefix: the sheet's own, or one of an extension, whose formulas are no cell's."""
        prefix, _, base = name.rpartition(":")
        if self._prefix is None:
            self._prefix = prefix
        is_foreign = prefix != self._prefix and base in ("f", "mergeCell", "hyperlink")
        handler = None if is_foreign else self._handlers.get(base)
        # Millions of names can only be meant to fill the memory.
        if len(self._handlers) < 1_000:
            self._handlers[name] = handler
        return handler

    def _begin_row(self, attributes: Attributes) -> None:
        self._end_formula()
        text = attributes.get("r")
        if text is None:
            self._row += 1
        elif text.isascii() and text.isdigit() and len(text) < 9:
            self._row = int(text)
        else:
            raise malformed(f"a row has the number {shown(text)!r}")
        if not 0 < self._row <= ROWS_MAX:
            raise malformed(f"there is a row {self._row:,}, and a sheet has {ROWS_MAX:,}")
        self._row_text = str(self._row)
        self._column = -1
        if "hidden" in attributes and is_true(attributes["hidden"]):
            self.facts.hidden.add(self._row)

    def _cell(self, attributes: Attributes) -> None:
        if self._has_formula:
            self._end_formula()
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
            if self._column >= COLUMNS_MAX:
                raise malformed(f"row {self._row} has more than {COLUMNS_MAX:,} cells")
        elif reference.endswith(self._row_text):
            self._column = self._columns[reference[: -len(self._row_text)]]
        else:
            raise malformed(f"the cell {shown(reference)!r} stands in row {self._row}")
        self._type = attributes.get("t")
        style = attributes.get("s", "0")
        self._style = style if style in self._styles and self._type in (None, "n") else ""

    def _value(self, _: Attributes) -> None:
        facts, column = self.facts, self._column
        if column > facts.last_column:
            facts.last_column = column
            facts.widest_row = self._row
        if self._row > facts.last_row:
            facts.last_row = self._row
        if self._style:
            facts.styles.setdefault(self._row, []).append((column, self._style))
            self._style = ""
        if self._type == "e":
            self._capture(self._end_error)
        elif self._has_formula:
            self._capture(self._end_value)

    def _formula(self, attributes: Attributes) -> None:
        self._has_formula = True
        self._shared_index = attributes.get("si", "")
        self._link = self._shared.get(self._shared_index)
        self._capture(self._end_formula_text)

    def _capture(self, end: Callable[[str], None]) -> None:
        self._captured = []
        self._parser.CharacterDataHandler = self._captured.append
        self._parser.EndElementHandler = end

    def _captured_text(self) -> str:
        self._parser.CharacterDataHandler = None
        self._parser.EndElementHandler = None
        return "".join(self._captured)

    def _end_error(self, _: str) -> None:
        text = shown(self._captured_text().strip()) or "an error"
        flaw = Finding(f"the cell shows {text}", "mend the formula, or type the value, and save the workbook")
        self._flaw(flaw)
        self._has_value = True

    def _end_value(self, _: str) -> None:
        text = self._captured_text().strip()
        is_number = self._type in (None, "n")
        # An empty text is a formula's value, too; that of a number is none.
        self._has_value = bool(text) and not (self._is_stale and text == "0") if is_number else True

    def _end_formula_text(self, _: str) -> None:
        text = self._captured_text()
        found = _HYPERLINK.match(text) if len(text) <= _FORMULA_MAX else None
        if found is None and _ANY_HYPERLINK.match(text):
            self._flaw(_COMPUTED)
        if found is not None:
            self._link = found
            if self._shared_index:
                self._shared[self._shared_index] = found

    def _end_formula(self) -> None:
        """The cell with a formula is over: what is known of its value?"""
        if not self._has_formula:
            return
        link, row, column = self._link, self._row, self._column
        if link is not None:
            self.facts.targets.setdefault(row, {})[column] = _unquoted(link["target"])
        if not self._has_value and link is not None:
            text = link["text"] if link["text"] is not None else link["target"]
            self.facts.texts.setdefault(row, {})[column] = _unquoted(text)
        elif not self._has_value:
            self._flaw(_NO_VALUE)
        self._has_formula = self._has_value = False
        self._link = None

    def _flaw(self, flaw: Finding) -> None:
        self.facts.flaws.setdefault(self._row, {})[self._column] = flaw

    def _merge(self, attributes: Attributes) -> None:
        box = box_of(attributes.get("ref", ""))
        if box is not None and box.bottom > box.top:
            self.facts.merges.append(box)

    def _hyperlink(self, attributes: Attributes) -> None:
        box = box_of(attributes.get("ref", ""))
        relation = attribute(attributes, "id")
        if box is not None and relation:
            self.facts.links.append(Link(box, relation, attributes.get("location", "")))


def _unquoted(literal: str) -> str:
    return literal.replace('""', '"')
