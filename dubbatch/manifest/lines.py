"""A table before its headers are understood: numbered lines of values, whatever kind of file they come from.

CSV and XLSX end here alike; ``table`` finds the header among the lines and makes records of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dubbatch.manifest.problems import Finding

#: As many as a spreadsheet has.
ROWS_MAX = 1_048_576
COLUMNS_MAX = 16_384
#: Longest cell, in characters: more than a spreadsheet takes.
CELL_MAX = 131_072


class Mark(NamedTuple):
    """What a cell has beside its text."""

    #: Target of the hyperlink on the cell; empty: none.
    link: str = ""
    #: Why the text is not what the team has typed (a date made of an episode's name, a formula without a value).
    #: It counts where the column means something to dubbatch, and not in the team's own columns.
    flaw: Finding | None = None


_NO_MARKS: Mapping[int, Mark] = MappingProxyType({})


class Line(NamedTuple):
    """One row of a sheet, blank ones included."""

    #: As a person counts the rows of the file; the first is 1.
    number: int
    #: From the first column on; may be shorter or longer than the header.
    values: Sequence[str]
    #: Why the row can't be read; empty: it can. A broken line has no values.
    broken: str = ""
    #: Index in ``values`` -> what else that cell has.
    marks: Mapping[int, Mark] = _NO_MARKS
    #: Whether the sheet hides the row (by hand, or by a filter).
    is_hidden: bool = False

    @property
    def is_filled(self) -> bool:
        return any(map(str.strip, self.values))
