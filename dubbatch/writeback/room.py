"""Where in a sheet new columns have room: beside what stands in it, and not under what lies on it.

A chart or picture over a column hides what is written there, and so does a merged cell; in a table or a filter
(ListObject) a column of ours would be one of the team's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from dubbatch.manifest.lines import COLUMNS_MAX
from dubbatch.manifest.workbook.ooxml import (
    Attributes,
    Reader,
    Unusable,
    feed,
    is_true,
    local,
    parser,
    walk,
    walk_head,
)
from dubbatch.manifest.workbook.package import Package, Sheet
from dubbatch.manifest.workbook.sheet_xml import Box, box_of

_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref\s*=\s*[\"']([A-Za-z0-9:$]{2,24})[\"']")
#: What a shape is, and where it lies.
_CONTROL = re.compile(rb"ObjectType=\"(?P<kind>\w+)\"|<x:Anchor>(?P<anchor>[\d,\s]{15,200})<")
#: Notes are shown when they are asked for.
_NOTE = b"Note"
#: English metric units of a column and of a row as they are where nothing is said.
_COLUMN_EMU, _ROW_EMU = 609_600, 190_500


#: What can't be read covers nothing: this is about looks.
_UNREADABLE = (Unusable, KeyError, ValueError)


@dataclass
class Room:
    """What covers columns of a sheet."""

    #: Cells that are not for us: of tables, and merged ones.
    taken: list[Box] = field(default_factory=list)
    #: What charts, pictures and controls lie on: what is written there can still be had, by moving them.
    covers: list[Box] = field(default_factory=list)
    #: First and last column of what is hidden: there is room, but nobody sees it.
    hidden: list[tuple[int, int]] = field(default_factory=list)

    def first_free(self, count: int, after: int, rows: tuple[int, int], strays: Iterable[int]) -> int:
        """The first of ``count`` columns, from ``after`` on, that are free in the ``rows`` from first to last.

        ``strays``: columns with something in them. Raises Unusable where there are none.
        """

        def beside(boxes: list[Box]) -> list[tuple[int, int]]:
            return [(box.left, box.right) for box in boxes if box.top <= rows[1] and box.bottom >= rows[0]]

        taken = [*beside(self.taken), *((column, column) for column in strays)]
        covers = beside(self.covers)
        for intervals in ([*taken, *covers, *self.hidden], [*taken, *covers], [*taken, *self.hidden], taken):
            column = after
            for first, last in sorted(intervals):
                if first < column + count and last >= column:
                    column = last + 1
            if column + count <= COLUMNS_MAX:
                return column
        raise Unusable("has no room for the columns of dubbatch", "Delete the columns to the right of the table.")


def room_of(package: Package, sheet: Sheet, data: bytes) -> Room:
    """The room of ``sheet``, whose XML is ``data``."""
    head, _, body = data.partition(b"sheetData")
    merges = (box_of(found[1].decode()) for found in _MERGE.finditer(body, body.rfind(b"sheetData") + 1))
    room = Room([*filter(None, merges)])
    with suppress(*_UNREADABLE):
        room.hidden += _hidden(head)
    for relation in package.relations(sheet.part).values():
        with suppress(*_UNREADABLE):
            if relation.kind == "table":
                room.taken += _table(package.part(relation.target))
            elif relation.kind == "drawing":
                room.covers += _anchors(package.part(relation.target))
            elif relation.kind == "vmlDrawing":
                room.covers += _controls(package.part(relation.target))
    return room


def _hidden(head: bytes) -> Iterator[tuple[int, int]]:
    """First and last of the columns that are hidden; ``head`` is the sheet's XML before its cells."""
    columns: list[Attributes] = []
    walk_head(head, lambda name, attributes: columns.append(attributes) if name == "col" else None)
    for attributes in columns:
        if is_true(attributes.get("hidden", "")):
            yield int(attributes["min"]) - 1, int(attributes["max"]) - 1


def _table(data: bytes) -> Iterator[Box]:
    """The range of a table's definition."""
    references: list[str] = []
    walk([data], lambda name, attributes: references.append(attributes.get("ref", "")) if name == "table" else None)
    yield from filter(None, map(box_of, references))


def _controls(data: bytes) -> Iterator[Box]:
    kind = _NOTE
    for found in _CONTROL.finditer(data):
        kind = found["kind"] or kind
        # Column, offset, row, offset; twice.
        numbers = [int(number) for number in (found["anchor"] or b"").decode().split(",") if number.strip()]
        if kind != _NOTE and len(numbers) == 8:
            yield Box(numbers[2] + 1, numbers[0], numbers[6] + 1, numbers[4])


def _anchors(data: bytes) -> Iterator[Box]:
    """The cells that the charts and pictures of a drawing lie on."""
    reader = _AnchorReader()
    reader.parser.StartElementHandler = reader.start
    reader.parser.EndElementHandler = reader.end
    reader.parser.CharacterDataHandler = reader.text
    feed(reader.parser, [data])
    return iter(reader.boxes)


@dataclass
class _AnchorReader:
    """Expat's handlers."""

    boxes: list[Box] = field(default_factory=list)
    parser: Reader = field(default_factory=parser)
    #: ("from", "col") and so on -> what stands there.
    _texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _corner: str = ""
    _name: str = ""
    #: Width and height in cells where the lower corner is not given.
    _size: tuple[int, int] = (0, 0)

    def start(self, name: str, attributes: Attributes) -> None:
        self._name = local(name)
        if self._name in ("from", "to"):
            self._corner = self._name
        elif self._name == "ext" and "cx" in attributes and ("to", "col") not in self._texts:
            self._size = int(attributes["cx"]) // _COLUMN_EMU, int(attributes["cy"]) // _ROW_EMU

    def text(self, text: str) -> None:
        if self._corner and self._name in ("col", "row"):
            key = self._corner, self._name
            self._texts[key] = self._texts.get(key, "") + text

    def end(self, name: str) -> None:
        base = local(name)
        self._name = ""
        if base in ("from", "to"):
            self._corner = ""
        elif base in ("oneCellAnchor", "twoCellAnchor") and ("from", "row") in self._texts:
            left, top = int(self._texts["from", "col"]), int(self._texts["from", "row"])
            right = int(self._texts.get(("to", "col"), left + self._size[0]))
            bottom = int(self._texts.get(("to", "row"), top + self._size[1]))
            self.boxes.append(Box(top + 1, left, bottom + 1, right))
            self._texts.clear()
