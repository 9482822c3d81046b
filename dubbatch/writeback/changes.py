"""Which cells of the team's sheet are to say what. Pure.

Five columns, or five a language where a row has a dub a language (``dub_status_de``). A row whose results stand
there already is left alone: ``dub_updated`` tells when a row's results have changed, and a sheet without changes
is not written at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
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

    Results that stand in a row without that job are taken away: the row was copied, sorted away from under them, or
    asks for other work by now.
    """
    every = list(entries)
    places = _present(sheet.layout.titles)
    there = {name: sheet.layout.titles[column] for name, column in places.items()}
    titles = {entry.language: [*_titles(entry.language)] for entry in every}
    # Two ways to write a language are one column.
    new = {normal(title): title for group in titles.values() for title in group if normal(title) not in places}
    cells: dict[int, dict[int, Value]] = {}
    widths: dict[int, float] = {}
    if new:
        rows = sheet.layout.header, max(entry.row for entry in every)
        first = first_free(len(new), len(sheet.layout.titles), rows)
        for column, (name, title) in enumerate(new.items(), first):
            places[name] = column
            cells.setdefault(sheet.layout.header, {})[column] = title
            widths[column] = next(width for start, width in COLUMNS.items() if title.startswith(start))
    names = {language: [*map(normal, group)] for language, group in titles.items()}
    changed = 0
    said: set[tuple[int, str]] = set()
    for entry in every:
        texts = sheet.texts.get(entry.row, {})
        *columns, last = names[entry.language]
        wanted = zip(columns, entry.results, strict=True)
        said.update((entry.row, name) for name in names[entry.language])
        different = {
            places[name]: value
            for name, value in wanted
            if not _is_same(texts.get(there.get(name, ""), ""), value) and (entry.row, places[name]) not in computed
        }
        if different:
            changed += 1
            cells.setdefault(entry.row, {}).update(different | {places[last]: updated})
    stale = {
        (row, name)
        for row, texts in sheet.texts.items()
        for name, title in there.items()
        if _is_result(name) and texts.get(title) and (row, name) not in said and (row, places[name]) not in computed
    }
    for row, name in stale:
        cells.setdefault(row, {})[places[name]] = ""
    return Changes(cells, changed, len({row for row, _ in stale}), widths)


def sentence(text: str) -> str:
    """``text`` as one line that a cell can hold."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _TEXT_MAX else f"{line[: _TEXT_MAX - 1]}…"


def _present(titles: Iterable[str]) -> dict[str, int]:
    """Header, as headers are compared -> its column; of two with one header, the first."""
    places: dict[str, int] = {}
    for column, title in enumerate(titles):
        places.setdefault(normal(title), column)
    return places


def our_columns(titles: Iterable[str]) -> list[int]:
    """Those of the columns that results stand in."""
    return [column for name, column in _present(titles).items() if _is_result(name)]


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
