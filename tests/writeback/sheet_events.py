"""The XML of a sheet as a list of events with their places in the bytes, and which of them belong to a cell.

Written apart from the product's code, and differently: everything is read into memory, and every event knows the
row and column that it stands in, so that cells can be taken out and the rest compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_PLACE = re.compile(r"([A-Z]+)([0-9]+)$")


@dataclass
class Event:
    """One thing in the XML. ``begin`` is its first byte; it ends where the next one begins."""

    kind: str
    text: str
    attributes: tuple[tuple[str, str], ...]
    begin: int
    #: Where it stands: row from 1, column from 0; 0 and -1 outside of rows and of cells.
    row: int = 0
    column: int = -1
    #: Names of the elements around it, without prefixes.
    path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of an element, without prefix."""
        return self.text.rpartition(":")[2] if self.kind in ("start", "end") else ""

    def get(self, attribute: str) -> str | None:
        return dict(self.attributes).get(attribute)


@dataclass
class _Reader:
    events: list[Event] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    row: int = 0
    column: int = -1
    is_in_cell: bool = False

    def read(self, data: bytes) -> list[Event]:
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        self.parser = parser
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = lambda text: self.add("text", text)
        parser.CommentHandler = lambda text: self.add("comment", text)
        parser.ProcessingInstructionHandler = lambda target, text: self.add("instruction", f"{target} {text}")
        parser.StartCdataSectionHandler = lambda: self.add("cdata", "begin")
        parser.EndCdataSectionHandler = lambda: self.add("cdata", "end")
        parser.XmlDeclHandler = lambda *said: self.add("declaration", repr(said))
        parser.Parse(data, True)
        self.events.append(Event("file", "end", (), len(data)))
        return self.events

    def add(self, kind: str, text: str, attributes: tuple[tuple[str, str], ...] = ()) -> None:
        is_row = kind in ("start", "end") and text.rpartition(":")[2] == "row" and self.path[-1:] == ["sheetData"]
        row = self.row if is_row or "row" in self.path else 0
        column = self.column if self.is_in_cell else -1
        begin = self.parser.CurrentByteIndex
        self.events.append(Event(kind, text, attributes, begin, row, column, tuple(self.path)))

    def start(self, name: str, flat: list[str]) -> None:
        attributes = tuple(zip(flat[::2], flat[1::2], strict=True))
        local = name.rpartition(":")[2]
        if local == "row" and self.path[-1:] == ["sheetData"]:
            self.row = int(dict(attributes).get("r", self.row + 1))
            self.column = -1
        if local == "c" and self.path[-1:] == ["row"]:
            place = dict(attributes).get("r")
            self.column = column_of(place) if place else self.column + 1
            self.is_in_cell = True
        self.add("start", name, attributes)
        self.path.append(local)

    def end(self, name: str) -> None:
        self.path.pop()
        self.add("end", name)
        if name.rpartition(":")[2] == "c" and self.path[-1:] == ["row"]:
            self.is_in_cell = False


def events(data: bytes) -> list[Event]:
    """Everything that stands in the XML, in its order; the last one marks the end of the file."""
    return _Reader().read(data)


def column_of(place: str) -> int:
    """The column, from 0, of a cell's name. Raises ValueError: it is none."""
    match = _PLACE.match(place)
    if not match:
        raise ValueError(place)
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return column - 1


def cells(every: list[Event]) -> Iterator[tuple[Event, list[Event]]]:
    """The start of each cell, and all events of it, that start and its end included."""
    current: list[Event] = []
    for event in every:
        if event.column < 0:
            continue
        current.append(event)
        if event.kind == "end" and event.name == "c" and event.path[-1:] == ("row",):
            yield current[0], current
            current = []
