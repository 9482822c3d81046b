"""From the lines of a table to records: where its header is, and which cell stands under which header.

Teams put titles above their header, and a second row of languages under a merged “Audio”.
The header is the first of the topmost lines that resembles one the most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import NamedTuple

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Layout, Origin, Record
from dubbatch.manifest.columns import OURS, REQUIRED, likely_column, looks_like_code, meaning_of, normal
from dubbatch.manifest.languages import tag_of
from dubbatch.manifest.lines import Line
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.roles import MEDIUM

#: Nobody writes more than that above a header.
LINES_LOOKED_AT = 30
#: More than any number of optional columns weighs.
_REQUIRED_WEIGHT = 100
_HEADER_MAX = 80


@dataclass(frozen=True, slots=True)
class Grid:
    """The lines of one table, on their way to records.

    ``can_shift``: whether a stray delimiter can have moved the cells of a row, so that a cell too many is an error.
    """

    lines: Iterator[Line]
    origin: Origin
    columns: Mapping[str, str]
    can_shift: bool
    mend_broken: str


class _Header(NamedTuple):
    """The header found: its titles, the line it stands in, and the lines around it that were looked at already."""

    titles: Sequence[str]
    line: Line
    before: Sequence[Line]
    after: Sequence[Line]


def read_table(grid: Grid, head: Head) -> Content:
    """The headers and records of a table; ``head`` has the problems of its file."""
    above = list(islice(grid.lines, LINES_LOOKED_AT))
    header = _header(above, grid.columns)
    place = Place(str(grid.origin.path), header.line.number, sheet=grid.origin.sheet)
    if header.line.broken:
        broken = Problem("error", place, "", header.line.broken, grid.mend_broken)
        return Content(head, (), (), place, problems=(broken,))
    layout = Layout(grid.origin.sheet, header.line.number, tuple(header.titles), _beside(header))
    return Content(
        head=head,
        headers=tuple(Cell(title, place, title) for title in header.titles if title),
        records=_Records(grid, layout, place).of(chain(header.after, grid.lines)),
        place=place,
        layout=layout,
    )


def header_score(values: Sequence[str], columns: Mapping[str, str]) -> int:
    """How much a row resembles a header; 0: not at all. ``columns``: the team's headers, and what they stand for."""
    texts = [value.strip() for value in values if value and not value.isspace()]
    if any(len(text) > _HEADER_MAX or MEDIUM.search(text) for text in texts):
        return 0
    meanings = {meaning_of(text, columns).partition(":")[0] for text in texts}
    likely = {likely_column(text) for text in texts} - meanings
    # A name that only resembles a column is no reason to take another row, which has the name itself in a remark.
    exact = sum(2 * _REQUIRED_WEIGHT if name in REQUIRED else 2 for name in meanings if name)
    return exact + sum(2 * _REQUIRED_WEIGHT - 1 if name in REQUIRED else 1 for name in likely if name)


def is_complete(score: int) -> bool:
    """Whether a header with that score has every required column."""
    return score >= 2 * _REQUIRED_WEIGHT * len(REQUIRED)


def best_header(lines: Sequence[Line], columns: Mapping[str, str]) -> tuple[int, int]:
    """The index of the line that is the header, and its score; with score 0 the first that has anything in it."""
    best, best_score = None, 0
    for index, line in enumerate(lines):
        if line.broken:
            # What stands below it may be the inside of a cell.
            return (index, 0) if best is None else (best, best_score)
        if line.is_filled:
            joined = _joined(line.values, lines[index + 1], columns) if index + 1 < len(lines) else None
            score = header_score(joined or line.values, columns)
            # A row of data may have the name of an optional column in a remark.
            if best is None or score > max(best_score, _REQUIRED_WEIGHT):
                best, best_score = index, score
    return best or 0, best_score


def _header(lines: Sequence[Line], columns: Mapping[str, str]) -> _Header:
    if not lines:
        return _Header((), Line(1, ()), (), ())
    at, _ = best_header(lines, columns)
    before, line, after = lines[:at], lines[at], lines[at + 1 :]
    joined = _joined(line.values, after[0], columns) if after else None
    if joined is not None:
        return _Header(joined, line, before, after[1:])
    titles = _trimmed(line.values)
    return _Header(_with_above(titles, lines[at - 1].values, columns) if at else titles, line, before, after)


def _beside(header: _Header) -> set[int]:
    """The columns without a title that have something above the header."""
    titled = {index for index, title in enumerate(header.titles) if title}
    filled = (index for line in header.before for index, value in enumerate(line.values) if value.strip())
    return {*filled} - titled


def _with_above(titles: list[str], above: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """``titles``, and where one is missing the known one right above it: an “ID” merged over two rows of headers."""
    there = {meaning_of(title, columns) for title in titles}
    titles = titles + [""] * (len(above) - len(titles))
    for index, text in enumerate(map(str.strip, above)):
        if text and not titles[index] and (meaning := meaning_of(text, columns)) and meaning not in there:
            titles[index] = text
    return _trimmed(titles)


def _trimmed(values: Sequence[str]) -> list[str]:
    titles = [value.strip() for value in values]
    # Spreadsheet programs write the empty columns at the right, too.
    while titles and not titles[-1]:
        titles.pop()
    return titles


def _joined(values: Sequence[str], below: Line, columns: Mapping[str, str]) -> list[str] | None:
    """The titles of a header of two rows, languages under a merged ``Audio``: ``Audio:de``; None: it has one row."""
    titles, seconds = _trimmed(values), _trimmed(below.values)
    joined: list[str] = []
    group, has_language = "", False
    for index in range(max(len(titles), len(seconds))):
        first = titles[index] if index < len(titles) else ""
        second = seconds[index] if index < len(seconds) else ""
        group = first or group
        if not second:
            joined.append(first)
        elif meaning_of(group, columns) == "audio" and (tag_of(second) or looks_like_code(second)):
            joined.append(f"{group}:{second}")
            has_language = has_language or bool(tag_of(second))
        elif not meaning_of(first, columns) and not MEDIUM.search(second):
            # The team's own group (“Status” over DE, FR): a row of data would have a video, or a file.
            joined.append(f"{group} {second}" if group and not meaning_of(group, columns) else second)
        else:
            return None
    return joined if has_language else None


@dataclass
class _Records:
    """Makes records of the lines below one header."""

    grid: Grid
    layout: Layout
    header: Place
    #: As ``titles``, but of two columns with one title the second has none: the first counts.
    _keys: list[str] = field(init=False)
    #: Columns without a title whose values have been told of.
    _told: set[int] = field(init=False, default_factory=set)
    #: How many columns there are up to the last one with a title of the team's own.
    _width: int = field(init=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        self._keys = ["" if title in seen or seen.add(title) else title for title in self.layout.titles]  # type: ignore[func-returns-value]
        theirs = (index for index, title in enumerate(self._keys, 1) if title and not normal(title).startswith(OURS))
        self._width = max(theirs, default=0)

    def of(self, lines: Iterator[Line]) -> Iterator[Record]:
        file, sheet = str(self.grid.origin.path), self.grid.origin.sheet
        keys = self._keys
        untitled = [index for index, title in enumerate(self.layout.titles) if not title]
        width = len(keys)
        new = tuple.__new__
        for line in lines:
            place = Place(file, line.number, sheet=sheet)
            if line.broken:
                yield Record({}, place, (Problem("error", place, "", line.broken, self.grid.mend_broken),))
                continue
            values, marks = line.values, line.marks
            if not line.is_filled and not marks:
                continue
            # Without the call of Cell: this is done a million times.
            cells = {
                key: new(Cell, (value, place, key, None))
                for key, value in zip(keys, values, strict=False)
                if value and key
            }
            for index, mark in marks.items():
                if index < width and (key := keys[index]):
                    cells[key] = Cell(values[index], place, key, mark)
                elif index >= width:
                    self.layout.strays.add(index)
            problems = () if len(values) <= width and not untitled else self._strays(values, untitled, place)
            if cells or problems:
                yield Record(cells, place, problems, line.is_hidden)

    def _strays(self, values: Sequence[str], untitled: Sequence[int], place: Place) -> tuple[Problem, ...]:
        """Values that stand under no header."""
        problems: list[Problem] = []
        width = len(self.layout.titles)
        beyond = range(width, len(values))
        for index in [*(index for index in untitled if index < len(values)), *beyond]:
            if not values[index].strip():
                continue
            self.layout.strays.add(index)
            # Beyond the team's columns, be it that ours stand to the right of it.
            if self.grid.can_shift and index >= self._width:
                message, remedy = "the row has more cells than there are headers", _QUOTE
                cell = replace(place, column=column_letters(index))
                return (*problems, Problem("error", cell, shown(values[index]), message, remedy))
            if index not in self._told:
                self._told.add(index)
                letters = column_letters(index)
                message = f"column {letters} has no header and is ignored"
                header = replace(self.header, column=letters)
                problems.append(Problem("warning", header, "", message, "give the column a header"))
        return tuple(problems)


def column_letters(index: int) -> str:
    """``A`` for 0, as a spreadsheet names its columns."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


_QUOTE = "put quotation marks around a value that contains the delimiter, or give the column a header"
