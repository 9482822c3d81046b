"""Which cells of the team's sheet are to say what. Pure.

Five columns, or five a language where a row has a dub a language (``dub_status_de``). A row whose results stand
there already is left alone: ``dub_updated`` tells when a row's results have changed, and a sheet without changes
is not written at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from dubbatch.manifest.columns import normal
from dubbatch.writeback.cell_xml import Cells, Value
from dubbatch.writeback.rows import TeamSheet

#: Names of our columns -> width in characters.
COLUMNS: Mapping[str, float] = {
    "dub_status": 13,
    "dub_output": 30,
    "dub_error": 34,
    "dub_minutes": 13,
    "dub_updated": 21,
}
#: A sentence, not a log.
_TEXT_MAX = 1_000


class Entry(NamedTuple):
    """What is to be said of one job."""

    row: int
    #: Of the dub, where the sheet has one a language; empty: the row's only one.
    language: str
    status: str
    #: Path of the output from the sheet's folder.
    output: str
    error: str
    #: Media minutes of the output; None: there is none.
    minutes: float | None

    @property
    def results(self) -> tuple[Value, ...]:
        """What the columns say, but for the last; an empty text: nothing."""
        return self.status, self.output, self.error, "" if self.minutes is None else self.minutes


@dataclass(frozen=True, slots=True)
class Changes:
    """Cells to set, those of new headers included."""

    cells: Cells
    #: How many jobs they are about.
    jobs: int
    #: Rows that lose results which are not theirs.
    cleared: int
    #: New column -> width in characters.
    widths: Mapping[int, float]


def changes(
    sheet: TeamSheet,
    entries: Iterable[Entry],
    updated: str,
    first_free: Callable[[int, int, tuple[int, int]], int],
    computed: Collection[tuple[int, int]] = frozenset(),
) -> Changes:
    """What ``entries`` change in ``sheet``; ``updated`` is the time, as it is written.

    ``first_free(count, after, rows)`` is the first of so many free columns from ``after`` on, in the rows from first
    to last. ``computed``: row and column of cells that formulas of the team's compute, which stay as they are.

    Results of another job are taken away from a row that asks for work: it was copied with them, sorted away from under
    them, or asks for other work by now. What stands in other rows, such as sums, is the team's.
    """
    every = list(entries)
    columns = _Columns(sheet.layout.titles, dict.fromkeys(entry.language for entry in every))
    cells: dict[int, dict[int, Value]] = {}
    widths: dict[int, float] = {}
    if columns.new:
        rows = sheet.layout.header, max(entry.row for entry in every)
        first = first_free(len(columns.new), len(sheet.layout.titles), rows)
        for column, (name, title) in enumerate(columns.new.items(), first):
            columns.places[name] = column
            cells.setdefault(sheet.layout.header, {})[column] = title
            widths[column] = next(width for start, width in COLUMNS.items() if title.startswith(start))
    changed = 0
    said: set[tuple[int, int]] = {*computed}
    for entry in every:
        *ours, last = (columns.places[name] for name in columns.names[entry.language])
        texts = sheet.texts.get(entry.row, {})
        wanted = zip(ours, entry.results, strict=True)
        different = {
            column: value
            for column, value in wanted
            if not _is_same(texts.get(columns.titles.get(column, ""), ""), value)
            and (entry.row, column) not in computed
        }
        said.update((entry.row, column) for column in (*ours, last))
        if different:
            changed += 1
            cells.setdefault(entry.row, {}).update(different | {last: updated})
    asking = sheet.asking | {entry.row for entry in every}
    cleared = _clear(sheet, columns, asking, said, cells)
    return Changes(cells, changed, cleared, widths)


class _Columns:
    """Where the columns of a sheet are, and those that results in some languages need."""

    def __init__(self, titles: Sequence[str], languages: Iterable[str]) -> None:
        #: Header, as headers are compared -> its column; of two with one header, the first.
        self.places: dict[str, int] = {}
        for column, title in enumerate(titles):
            self.places.setdefault(normal(title), column)
        #: Column -> its title, as the sheet has it.
        self.titles = {column: titles[column] for column in self.places.values()}
        needed = {language: [*_titles(language)] for language in languages}
        #: Language -> the headers of its columns, as headers are compared.
        self.names = {language: [*map(normal, group)] for language, group in needed.items()}
        # Two ways to write a language are one column.
        every = chain.from_iterable(needed.values())
        #: Headers that the sheet has not, as they are compared -> as they are to be written.
        self.new = {normal(title): title for title in every if normal(title) not in self.places}

    @property
    def results(self) -> list[int]:
        """Columns that results stand in."""
        return [column for name, column in self.places.items() if _is_result(name)]


def _clear(
    sheet: TeamSheet,
    columns: _Columns,
    rows: Collection[int],
    said: Collection[tuple[int, int]],
    cells: dict[int, dict[int, Value]],
) -> int:
    """Empty the cells of ``rows`` with results of no job that is there; how many rows are about it."""
    titles = [(column, columns.titles[column]) for column in columns.results if column in columns.titles]
    stale = {
        (row, column)
        for row, texts in sheet.texts.items()
        for column, title in titles
        if row in rows and texts.get(title) and (row, column) not in said
    }
    for row, column in stale:
        cells.setdefault(row, {})[column] = ""
    return len({row for row, _ in stale})


def sentence(text: str) -> str:
    """``text`` as one line that a cell can hold."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _TEXT_MAX else f"{line[: _TEXT_MAX - 1]}…"


def our_columns(titles: Sequence[str]) -> list[int]:
    """Those of the columns that results stand in."""
    return _Columns(titles, ()).results


def _is_result(name: str) -> bool:
    """Whether a header, as headers are compared, is one of a column that we write."""
    return any(name == column or name.startswith(f"{column}_") for column in COLUMNS)


def _titles(language: str) -> Iterator[str]:
    return (f"{name}_{language}" if language else name for name in COLUMNS)


def _is_same(text: str, value: Value) -> bool:
    if isinstance(value, str):
        return text == value
    try:
        return float(text) == value
    except ValueError:
        return False
