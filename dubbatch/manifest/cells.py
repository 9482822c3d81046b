"""What every source hands to the rules: records of cells that know their place.

A source (YAML, CSV, ...) turns the bytes of one file into a head, the headers and the
records. It knows syntax only. What a header or a value means is for the rules, which in
turn never learn what kind of file they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from dubbatch.jobs import Place
from dubbatch.manifest.lines import Mark
from dubbatch.manifest.problems import Problem


class Cell(NamedTuple):
    """One value as the file has it, always text; an empty cell and YAML's null are ``""``.

    A tuple, because a large table has a million of them.
    """

    text: str
    #: Its own place; or the row's, where ``header`` says which column: a table of 100,000 rows
    #: has a million cells, and few of them are ever asked for their place.
    where: Place
    header: str = ""
    #: What a workbook knows of the cell beside its text.
    mark: Mark | None = None

    @property
    def place(self) -> Place:
        return replace(self.where, column=self.header) if self.header else self.where


@dataclass(frozen=True, slots=True)
class Record:
    """One row: header -> cell. A map inside a row is flattened: ``audio: {de: x}`` is ``audio:de``."""

    cells: Mapping[str, Cell]
    place: Place
    #: What the source found wrong with this row; an error keeps the row from being sent.
    problems: tuple[Problem, ...] = ()
    #: Whether the sheet hides the row.
    is_hidden: bool = False
    #: Header -> where it stands, in rows that have keys of their own.
    keys: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a manifest's bytes come from, as places name it."""

    #: Of the file; ``-`` for standard input.
    path: Path
    #: The sheet that was asked for; empty: the source chooses.
    sheet: str = ""

    @property
    def place(self) -> Place:
        return Place(str(self.path), sheet=self.sheet)

    @property
    def resolved(self) -> str:
        """The same for every way to name it."""
        return str(self.path.resolve()) + (f"#{self.sheet}" if self.sheet else "")


@dataclass(frozen=True, slots=True)
class Include:
    """A table that a manifest takes in, with defaults and headers of its own."""

    #: Path of the table, ``#Sheet`` included, relative to the manifest.
    table: Cell
    defaults: Mapping[str, Cell] = field(default_factory=dict)
    columns: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """What a manifest says about itself, without its rows."""

    origin: Origin
    batch: Cell | None = None
    #: Raw: ``dubbatch.settings`` knows what they mean. A list (``report:``) is a tuple of cells.
    settings: Mapping[str, Cell | tuple[Cell, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def batch_name(self) -> str:
        """The label of the manifest's jobs: its own word, else the file's stem, with the sheet that was chosen."""
        if self.batch and self.batch.text:
            return self.batch.text
        stem = self.origin.path.stem
        return f"{stem}-{self.origin.sheet}" if self.origin.sheet else stem


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a table stand in its file: what one has to know to write into it."""

    #: The tab that was read; empty in a file without tabs.
    sheet: str
    #: Row of the header, the upper one where it has two.
    header: int
    #: Of the columns, from the first; empty: that column has none.
    titles: tuple[str, ...]
    #: Indexes of columns without a title that have something in them; complete when the records have been walked.
    strays: set[int]


@dataclass(frozen=True, slots=True)
class Content:
    """All that one file says. ``records`` can be walked once; the rest is complete before."""

    head: Head
    #: Distinct headers in the order of the file, each where it first stands. A table keeps doubles.
    headers: tuple[Cell, ...]
    records: Iterable[Record]
    #: Where the header row (or YAML's list of jobs) begins.
    place: Place
    #: Of a table; None: there are no columns.
    layout: Layout | None = None
    #: Whether every row has every header. In YAML each row has keys of its own.
    is_table: bool = True
    #: Whether a spreadsheet program may have rewritten values on their way to text (1E+05).
    is_export: bool = False
    #: Values for every job whose own cell is absent or empty, by header.
    defaults: Mapping[str, Cell] = field(default_factory=dict)
    #: The team's header -> the known column that it stands for.
    columns: Mapping[str, Cell] = field(default_factory=dict)
    #: Tables whose rows follow the manifest's own.
    includes: tuple[Include, ...] = ()
    #: Those of the head are there.
    problems: tuple[Problem, ...] = ()


class Source(Protocol):
    """One kind of file. ``origin`` only gives the file its name: the bytes are ``data``.

    Raises ManifestError where the bytes are not this kind of file at all; everything
    that a person can mend at a place is a problem.
    """

    def head(self, data: bytes, origin: Origin) -> Head:
        """Batch and settings, cheaply: without walking the rows where the format allows it."""
        ...

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        """Everything. ``columns``: the team's headers and what they stand for, as said outside of the file."""
        ...
