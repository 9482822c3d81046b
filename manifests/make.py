"""Makes demo.xlsx: the dubs of demo.csv as a team would keep them in its own sheet, one row a dub.

Run it from anywhere with the project's environment; it writes beside itself::

    .venv/bin/python manifests/make.py

The sheet has what real ones have (a title, a filter, a drop-down, a comment, rules that colour, a second sheet that
counts), so that one can see it all survive ``dubbatch run manifests/demo.xlsx --sandbox --write-back``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

HERE = Path(__file__).resolve().parent
HEADER = ("video", "audio", "language", "client", "due", "reviewer")
WIDTHS = (20, 22, 10, 18, 12, 11)
REVIEWERS = ("Mika", "Ines", "Yuki")
#: Rows from 0: the title, what it is, the header; the drop-down and the rules go on below the jobs.
_TITLE, _ABOUT, _HEADER, _LAST = 0, 1, 2, 39
#: The columns beside the table are empty until dubbatch writes there; the team's rule looks at the first.
_STATUS = "G4:G40"
#: Every machine has it, or one with the same widths.
_FONT = {"font_name": "Arial", "font_size": 10}

Row = tuple[str, str, str, str, date, str]


def main() -> None:
    with xlsxwriter.Workbook(HERE / "demo.xlsx", {"default_format_properties": _FONT}) as workbook:
        # Two runs of this script make the same bytes.
        workbook.set_properties({"title": "Winter campaign", "created": datetime(2026, 11, 21, tzinfo=UTC)})
        sheet = workbook.add_worksheet("Dubs")
        _fill(workbook, sheet, sorted(_jobs(), key=lambda row: row[4]))
        _equip(workbook, sheet)
        _count(workbook, workbook.add_worksheet("Notes"))


def _jobs() -> Iterator[Row]:
    """One row a dub, of the sheet that has one a video."""
    with (HERE / "demo.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            due = date.fromisoformat(row["due"])
            for name, audio in row.items():
                if name.startswith("audio_") and audio:
                    yield row["video"], audio, name.removeprefix("audio_"), row["client"], due, row["reviewer"]


def _fill(workbook: Any, sheet: Any, jobs: list[Row]) -> None:
    title = workbook.add_format({"bold": True, "font_size": 18, "font_color": "#1F3864", "valign": "vcenter"})
    about = workbook.add_format({"italic": True, "font_color": "#7F7F7F"})
    header = {
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": "#1F3864",
        "valign": "vcenter",
        "border_color": "#FFFFFF",
    }
    plain = {"bottom": 1, "bottom_color": "#D9D9D9"}
    cell = workbook.add_format(plain)
    day = workbook.add_format({**plain, "num_format": "yyyy-mm-dd", "align": "left"})
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    sheet.set_row(_TITLE, 30)
    sheet.merge_range(_TITLE, 0, _TITLE, len(HEADER) - 1, "Winter campaign", title)
    sheet.write_string(_ABOUT, 0, "One row a dub. Ask Mika before you change an audio track.", about)
    sheet.set_row(_HEADER, 20)
    sheet.write_row(_HEADER, 0, HEADER, workbook.add_format(header))
    for row, (*texts, due, reviewer) in enumerate(jobs, _HEADER + 1):
        sheet.write_row(row, 0, texts, cell)
        sheet.write_datetime(row, 4, due, day)
        sheet.write_string(row, 5, reviewer, cell)


def _equip(workbook: Any, sheet: Any) -> None:
    """A filter, a frozen header, a drop-down, a comment, and rules that colour."""
    sheet.autofilter(_HEADER, 0, _HEADER + 6, len(HEADER) - 1)
    sheet.freeze_panes(_HEADER + 1, 1)
    who = {"validate": "list", "source": list(REVIEWERS), "error_message": "One of us three, please."}
    sheet.data_validation(_HEADER + 1, 5, _LAST, 5, who)
    sheet.write_comment(_HEADER + 1, 1, "Second take, approved by the client.", {"author": "Mika"})
    soon = workbook.add_format({"bg_color": "#FFF2CC", "bold": True})
    good = workbook.add_format({"bg_color": "#C6EFCE", "font_color": "#006100"})
    bad = workbook.add_format({"bg_color": "#FFC7CE", "font_color": "#9C0006"})
    before = {"type": "date", "criteria": "<", "value": date(2026, 12, 3)}
    sheet.conditional_format("E4:E40", {**before, "format": soon})
    for word, look in (("downloaded", good), ("failed", bad), ("blocked", bad)):
        sheet.conditional_format(_STATUS, {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": look})
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADER)


def _count(workbook: Any, notes: Any) -> None:
    bold = workbook.add_format({"bold": True})
    notes.set_column(0, 0, 24)
    notes.write_string("A1", "How far we are", workbook.add_format({"bold": True, "font_size": 14}))
    lines = [
        ("dubs", "=COUNTA(Dubs!A4:A40)", 6),
        ("downloaded", f'=COUNTIF(Dubs!{_STATUS},"downloaded")', 0),
        ("failed or blocked", f'=COUNTIF(Dubs!{_STATUS},"failed")+COUNTIF(Dubs!{_STATUS},"blocked")', 0),
        ("still to do", "=B2-B3-B4", 6),
    ]
    for row, (text, formula, value) in enumerate(lines, 1):
        notes.write_string(row, 0, text, bold)
        notes.write_formula(row, 1, formula, None, value)


if __name__ == "__main__":
    main()
