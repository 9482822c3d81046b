"""From the values of a sheet, and what its XML says of them, to lines of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import repeat
from urllib.parse import unquote

from dubbatch.manifest.lines import CELL_MAX, Line, Mark
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.workbook.number_formats import NumberFormat, clock, iso, made_a_date, number_text
from dubbatch.manifest.workbook.ooxml import Unusable
from dubbatch.manifest.workbook.package import Relation
from dubbatch.manifest.workbook.sheet_xml import Box, Link, SheetFacts

Value = int | float | str | bool | time | date | datetime | timedelta

#: Cells that links and merges may cover: all that people make, and less than fills the memory.
_COVERED_MAX = 5_000_000
#: One letter is a drive.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_FILE = re.compile(r"file:(?://(?P<host>[^/\\]*))?(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[/\\]+(?=[a-z]:[/\\])", re.IGNORECASE)
_TOO_LONG = f"a cell is longer than {CELL_MAX:,} characters"


@dataclass
class SheetLines:
    """The lines of one sheet. Raises Unusable where links cover more cells than memory should hold."""

    facts: SheetFacts
    relations: Mapping[str, Relation]
    formats: Mapping[str, NumberFormat]
    is_1904: bool
    _targets: dict[int, dict[int, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._targets = _linked(self.facts, self.relations)
        for row, formulas in self.facts.targets.items():
            known = self._targets.setdefault(row, {})
            known.update({column: target for column, text in formulas.items() if (target := link_target(text))})

    def of(self, rows: Iterable[Sequence[Value]], first_column: int) -> Iterator[Line]:
        """``rows`` from the sheet's first one on, each beginning in ``first_column`` (0: A)."""
        last = max((0, *self.facts.flaws, *self.facts.texts))
        margin = [""] * first_column
        number = 0
        for number, row in enumerate(rows, 1):
            yield self._line(number, [*margin, *row] if margin else [*row])
        for beyond in range(number + 1, last + 1):
            yield self._line(beyond, [])

    def _line(self, number: int, cells: list[Value]) -> Line:
        facts = self.facts
        is_hidden = number in facts.hidden
        flaws = dict(facts.flaws.get(number, ()))
        texts = facts.texts.get(number, {})
        if flaws or texts:
            cells += repeat("", max((*flaws, *texts)) + 1 - len(cells))
        values = self._texts(number, cells, flaws)
        for column, text in texts.items():
            values[column] = values[column] or text
        if values and max(map(len, values)) > CELL_MAX:
            return Line(number, (), _TOO_LONG, is_hidden=is_hidden)
        links = self._targets.get(number, {})
        if not links and not flaws:
            return Line(number, values, is_hidden=is_hidden)
        # A link outlives the text that was deleted from its cell.
        marked = [*flaws, *(column for column in links if column < len(values) and values[column])]
        marks = {column: Mark(links.get(column, ""), flaws.get(column)) for column in marked}
        return Line(number, values, marks=marks, is_hidden=is_hidden)

    def _texts(self, number: int, cells: list[Value], flaws: dict[int, Finding]) -> list[str]:
        """The text of each of ``cells``; what is wrong with them goes to ``flaws``."""
        others = [column for column, value in enumerate(cells) if value.__class__ is not str]
        values: list[str] = cells  # type: ignore[assignment]  # once the others are replaced
        styles = dict(self.facts.styles.get(number, ())) if others else {}
        for column in others:
            text, flaw = self._text(cells[column], self.formats.get(styles.get(column, "")))
            values[column] = text
            if flaw is not None:
                flaws.setdefault(column, flaw)
        return values

    def _text(self, value: Value, style: NumberFormat | None) -> tuple[str, Finding | None]:
        if isinstance(value, bool):
            return ("true" if value else "false"), None
        if isinstance(value, int | float):
            return number_text(value) if style is None else style.text(value, is_1904=self.is_1904)
        # Dates that the file has as text, and not as a number with a format.
        if isinstance(value, datetime):
            return iso(value), made_a_date(iso(value))
        if isinstance(value, date):
            return value.isoformat(), made_a_date(value.isoformat())
        if isinstance(value, time):
            return clock(value.hour * 3600 + value.minute * 60 + value.second), None
        return clock(round(value.total_seconds())) if isinstance(value, timedelta) else str(value), None


def link_target(target: str, location: str = "") -> str:
    """The address or path that a link leads to; empty where that is nothing to dub (a mail, a place in the sheet)."""
    target = target.strip()
    found = _FILE.match(target)
    if found is not None:
        host = found["host"] or ""
        path = unquote(found["path"])
        if host and host.lower() != "localhost":
            return f"//{unquote(host)}{path}"
        return _DRIVE.sub("", path, count=1)
    if target.lower().startswith("mailto:") or target.startswith("#"):
        return ""
    if _SCHEME.match(target):
        return f"{target}#{location}" if location else target
    # Excel on Windows writes the way to a file as that system does.
    return unquote(target).replace("\\", "/")


def filled(lines: Iterator[Line], merges: Sequence[Box], header: int) -> Iterator[Line]:
    """``lines``, where a cell that is merged over several rows below row ``header`` stands in each of them.

    A row that has nothing of its own stays blank: the merge is only longer than the table.
    """
    begins: dict[int, list[Box]] = {}
    for box in merges:
        if box.top > header:
            begins.setdefault(box.top, []).append(box)
    open_boxes: dict[int, tuple[Box, str, Mark | None]] = {}
    for line in lines:
        open_boxes = {column: entry for column, entry in open_boxes.items() if entry[0].bottom >= line.number}
        yield _with_merged(line, open_boxes) if open_boxes and line.is_filled else line
        for box in begins.get(line.number, ()):
            if box.left < len(line.values):
                open_boxes[box.left] = (box, line.values[box.left], line.marks.get(box.left))


def _with_merged(line: Line, boxes: Mapping[int, tuple[Box, str, Mark | None]]) -> Line:
    values = [*line.values, *repeat("", max(boxes) + 1 - len(line.values))]
    marks = dict(line.marks)
    for column, (_, text, mark) in boxes.items():
        if values[column] or column in marks:
            continue
        values[column] = text
        if mark is not None:
            marks[column] = mark
    return line._replace(values=values, marks=marks)


def check_merges(facts: SheetFacts) -> None:
    """Raises Unusable where the merges cover more cells than people merge."""
    _spend(facts, facts.merges)


def _linked(facts: SheetFacts, relations: Mapping[str, Relation]) -> dict[int, dict[int, str]]:
    """Row -> column -> target of the links on cells."""
    _spend(facts, (link.box for link in facts.links))
    targets: dict[int, dict[int, str]] = {}
    for link in facts.links:
        target = _outside(link, relations)
        if not target:
            continue
        for row in range(link.box.top, min(link.box.bottom, facts.last_row) + 1):
            columns = targets.setdefault(row, {})
            for column in range(link.box.left, min(link.box.right, facts.last_column) + 1):
                columns[column] = target
    return targets


def _outside(link: Link, relations: Mapping[str, Relation]) -> str:
    relation = relations.get(link.relation)
    return link_target(relation.target, link.location) if relation and relation.is_outside else ""


def _spend(facts: SheetFacts, boxes: Iterable[Box]) -> None:
    rest = _COVERED_MAX
    for box in boxes:
        height = min(box.bottom, facts.last_row) - box.top + 1
        rest -= max(1, height) * max(1, min(box.right, facts.last_column) - box.left + 1)
        if rest < 0:
            message = f"has links or merged cells over more than {_COVERED_MAX:,} cells"
            raise Unusable(message, "Copy the cells that are meant into a new workbook, as values.")
