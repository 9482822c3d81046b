"""The sheet of the jobs: the team's own columns first, then ours, one row a job; a second sheet where one is full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from dubbatch.report.rows import FIELDS, ReportRow
from dubbatch.report.table import headers
from dubbatch.report.workbook.cells import BUTTON, cell_text, width
from dubbatch.report.workbook.links import file_link
from dubbatch.report.workbook.looks import Looks
from dubbatch.report.workbook.paper import for_print

_NAME: Final = "Jobs"
#: So many rows say how wide the team's columns are.
_SAMPLE: Final = 200
_WIDTH_MIN: Final = 10
_WIDTH_MAX: Final = 50
_COLUMNS_MAX: Final = 16_384
_HEAD_HEIGHT: Final = 22
_EVERYWHERE: Final = "A1:XFD1048576"
#: Of our columns, in characters. What only the vendor's support asks for is narrow.
_WIDTHS: Final = {
    "id": 24,
    "state": 14,
    "video": 36,
    "audio": 36,
    "language": 12,
    "reference_id": 18,
    "request_id": 18,
    "attempts": 11,
    "created_at": 21,
    "started_at": 21,
    "finished_at": 21,
    "output": 34,
    "sha256": 14,
    "bytes": 14,
    "duration_s": 13,
    "error": 60,
    "hint": 60,
    "warning": 40,
    "paid_by": 18,
    "estimated_minutes": 13,
    "minutes": 11,
}
#: Columns that a click folds away: what the vendor and programs ask for.
_FOR_SUPPORT: Final = frozenset(
    "reference_id request_id attempts created_at started_at finished_at sha256 bytes".split()
)


class Limits(NamedTuple):
    """What a sheet can hold. The links are far fewer than the rows."""

    rows: int
    links: int


#: "Excel specifications and limits", and what XlsxWriter writes at most.
EXCEL: Final = Limits(rows=1_048_576, links=65_530)


class Spot(NamedTuple):
    """A row of a sheet, from 0."""

    sheet: str
    row: int


def spot(nth: int, limits: Limits = EXCEL) -> Spot:
    """Where the job stands whose row is the ``nth``, from 0: below the header of one of the sheets."""
    sheet, row = divmod(nth, limits.rows - 1)
    return Spot(_name(sheet), row + 1)


def _name(sheet: int) -> str:
    return f"{_NAME} {sheet + 1}" if sheet else _NAME


class JobSheets:
    """Writes rows, from the first to the last; XlsxWriter keeps one row in memory at a time."""

    def __init__(self, book: Any, looks: Looks, own: Sequence[str], way: str, limits: Limits = EXCEL) -> None:
        """``own``: the team's headers; ``way``: from the report's folder to the outputs."""
        self._book = book
        self._looks = looks
        # A CSV manifest can have more columns than any sheet: ours are the ones that a report must have.
        self._own = list(own)[: _COLUMNS_MAX - len(FIELDS)]
        self._way = way
        self._limits = limits
        #: Outputs whose cells are no links because a sheet has no more of them.
        self.unlinked = 0
        self._numbers = {
            "attempts": looks.whole,
            "bytes": looks.whole,
            "duration_s": looks.seconds,
            "estimated_minutes": looks.minutes,
            "minutes": looks.minutes,
        }

    def write(self, rows: Iterable[ReportRow], seen: Callable[[ReportRow], None]) -> None:
        """All ``rows``, each told to ``seen`` too."""
        remaining, room = iter(rows), self._limits.rows - 1
        self._write_sheet(_name(0), islice(remaining, room), seen)
        for number, first in enumerate(remaining, start=1):
            self._write_sheet(_name(number), chain([first], islice(remaining, room - 1)), seen)

    def _write_sheet(self, name: str, rows: Iterable[ReportRow], seen: Callable[[ReportRow], None]) -> None:
        sheet = self._book.add_worksheet(name)
        sheet.set_row(0, _HEAD_HEIGHT)
        titles = [cell_text(title) for title in headers(self._own)]
        for column, title in enumerate(titles):
            is_theirs = column < len(self._own)
            sheet.write_string(0, column, title, self._looks.their_head if is_theirs else self._looks.our_head)
        samples: list[ReportRow] = []
        links = last = 0
        for last, row in enumerate(rows, start=1):
            links += self._write_row(sheet, last, row, may_link=links < self._limits.links)
            if last <= _SAMPLE:
                samples.append(row)
            seen(row)
        self._set_up(sheet, titles, samples, last)

    def _write_row(self, sheet: Any, line: int, row: ReportRow, *, may_link: bool) -> bool:
        """Write ``row`` into the line with that number; whether it has a link."""
        text = self._looks.text
        for column, name in enumerate(self._own):
            if own := row.columns.get(name):
                sheet.write_string(line, column, cell_text(own), text)
        is_linked = False
        for column, name in enumerate(FIELDS, start=len(self._own)):
            value = getattr(row, name)
            if value is None or value == "":
                continue
            if name in self._numbers:
                sheet.write_number(line, column, value, self._numbers[name])
            elif name == "state":
                sheet.write_string(line, column, value.value, self._looks.states[value])
            elif name == "output":
                is_linked = self._write_output(sheet, line, column, value, may_link=may_link)
            else:
                sheet.write_string(line, column, cell_text(value), text)
        return is_linked

    def _write_output(self, sheet: Any, line: int, column: int, name: str, *, may_link: bool) -> bool:
        link = file_link(self._way, name)
        if link and may_link:
            sheet.write_url(line, column, link, self._looks.link, cell_text(name))
            return True
        self.unlinked += bool(link)
        sheet.write_string(line, column, cell_text(name), self._looks.text)
        return False

    def _set_up(self, sheet: Any, titles: Sequence[str], samples: Sequence[ReportRow], last: int) -> None:
        for column, title in enumerate(titles):
            head = width([title], least=_WIDTH_MIN, most=_WIDTH_MAX) + BUTTON
            if column < len(self._own):
                texts = [row.columns.get(self._own[column], "").split("\n", 1)[0] for row in samples]
                sheet.set_column(column, column, max(head, width(texts, least=_WIDTH_MIN, most=_WIDTH_MAX)))
            else:
                name = FIELDS[column - len(self._own)]
                level = {"level": 1} if name in _FOR_SUPPORT else {}
                sheet.set_column(column, column, max(head, _WIDTHS[name]), None, level)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, last, len(titles) - 1)
        # An id "001" is no number that somebody forgot to convert.
        sheet.ignore_errors({"number_stored_as_text": _EVERYWHERE, "two_digit_text_year": _EVERYWHERE})
        for_print(sheet, has_head=True)
