"""The sheet of the problems: every cause with its remedy and its first jobs, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dubbatch.report.causes import EXAMPLES_MAX, Cause, Causes, Example, Urgency
from dubbatch.report.workbook.cells import cell_text, height
from dubbatch.report.workbook.jobs import Limits, spot
from dubbatch.report.workbook.links import row_link
from dubbatch.report.workbook.looks import LOOKS, Looks
from dubbatch.report.workbook.paper import for_print

PROBLEMS: Final = "Problems"
#: How urgent a cause is, for a person.
WHO: Final = {Urgency.PERSON: "needs a person", Urgency.WAITS: "waits", Urgency.ODD: "worth a look"}
_WIDTHS: Final = {"urgency": 16, "state": 14, "jobs": 9, "what is wrong": 62, "what to do": 62}
_EXAMPLE_WIDTH: Final = 26
_HEAD_HEIGHT: Final = 22


def write_problems(book: Any, looks: Looks, causes: Causes, limits: Limits) -> None:
    """All causes that are kept, and how many more there are."""
    sheet = book.add_worksheet(PROBLEMS)
    sheet.set_row(0, _HEAD_HEIGHT)
    titles = [*_WIDTHS, "first jobs"]
    for column, title in enumerate(titles):
        sheet.write_string(0, column, title, looks.our_head)
        sheet.set_column(column, column, _WIDTHS.get(title, _EXAMPLE_WIDTH))
    sheet.set_column(len(_WIDTHS), len(_WIDTHS) + EXAMPLES_MAX - 1, _EXAMPLE_WIDTH)
    for column in range(len(titles), len(_WIDTHS) + EXAMPLES_MAX):
        sheet.write_blank(0, column, None, looks.our_head)
    line = 0
    for line, cause in enumerate(_every(causes), start=1):
        wrong, remedy = cell_text(says(cause)), cell_text(cause.hint)
        sheet.set_row(line, height((wrong, _WIDTHS["what is wrong"]), (remedy, _WIDTHS["what to do"])))
        sheet.write_string(line, 0, WHO[cause.urgency], looks.cell)
        write_state(sheet, line, 1, cause, looks)
        sheet.write_number(line, 2, cause.jobs, looks.framed_whole)
        sheet.write_string(line, 3, wrong, looks.cell)
        sheet.write_string(line, 4, remedy, looks.cell)
        write_examples(sheet, line, len(_WIDTHS), cause.examples, looks, limits, most=EXAMPLES_MAX)
    sheet.autofilter(0, 0, line, len(_WIDTHS) - 1)
    sheet.freeze_panes(1, 0)
    for_print(sheet, has_head=True)
    for row, text in enumerate(_rest(causes) if line else ["There are no problems."], start=line + 1):
        sheet.write_string(row, 0, text, looks.note)


def write_state(sheet: Any, line: int, column: int, cause: Cause, looks: Looks) -> None:
    if cause.state is None:
        sheet.write_string(line, column, "warning", looks.odd)
    else:
        sheet.write_string(line, column, cause.state.value, looks.framed_states[cause.state])


def write_examples(
    sheet: Any, line: int, first: int, examples: Sequence[Example], looks: Looks, limits: Limits, *, most: int
) -> None:
    """In ``most`` cells from the column ``first`` on: ids of jobs, as links to their rows."""
    for column, example in enumerate(examples[:most], start=first):
        place = spot(example.nth, limits)
        sheet.write_url(line, column, row_link(place.sheet, place.row), looks.cell_link, cell_text(example.job))
    for column in range(first + len(examples[:most]), first + most):
        sheet.write_blank(line, column, None, looks.cell)


def says(cause: Cause) -> str:
    """What is wrong: in the words of all its jobs, and of the first; a state without an error says something too."""
    if not cause.error:
        return LOOKS[cause.state].says if cause.state else ""
    return cause.error if cause.error == cause.first_error else f"{cause.error}\nfor example: {cause.first_error}"


def _every(causes: Causes) -> Iterator[Cause]:
    for urgency in Urgency:
        yield from causes.ranked(urgency)


def _rest(causes: Causes) -> Iterator[str]:
    for urgency in Urgency:
        kinds, jobs = causes.unlisted(urgency)
        if kinds:
            yield f"{WHO[urgency]}: and {kinds:,} more kinds, of {jobs:,} jobs; the jobs' own sheet has their errors"
