"""A reviewer's table: in which rows a person has marked a job to be bought again.

It is read as tables of manifests are. A column ``id`` names the job, a column ``redo`` has the mark; a table of
ids alone means all of them. Without a mark nothing is meant, so that a report, passed on as it is, buys nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Record
from dubbatch.manifest.columns import OURS, meaning_of, normal
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.sources import read_rows
from dubbatch.manifest.values import is_switch, read_values

#: The header of the marks, as headers are compared.
REDO = "redo"


@dataclass(frozen=True, slots=True)
class Mark:
    """A job that is meant, and the cell that names it."""

    job: str
    place: Place


@dataclass
class Review:
    """What a table asks for, in its order, and all that is wrong with it; with a problem, nothing is to be done."""

    marks: list[Mark] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_review(table: str, columns: Mapping[str, str]) -> Review:
    """The marks of the table that ``table`` names (``file.xlsx#Sheet``). ``columns``: the team's headers.

    Raises ManifestError where the file can't be read.
    """
    content = read_rows(table, Path(), columns)
    every = list(content.records)
    found = [*content.problems, *chain.from_iterable(record.problems for record in every)]
    review = Review(problems=[problem for problem in found if problem.is_error])
    records = [record for record in every if any(cell.text.strip() for cell in record.cells.values())]
    if review.problems:
        return review
    if not records:
        review.problems.append(_general(content, "there are no rows in it", "name the table that has the marks"))
        return review
    job, mark = _headers(content.headers, columns)
    if not job:
        review.problems.append(_general(content, "there is no column id", _NO_ID))
    elif not mark and len(content.headers) > 1:
        review.problems.append(_general(content, "there is no column redo", _NO_REDO))
    else:
        _take(review, records, job, mark)
    return review


def _general(content: Content, message: str, remedy: str) -> Problem:
    return Problem("error", content.place, "", message, remedy)


def _headers(headers: Iterable[Cell], columns: Mapping[str, str]) -> tuple[str, str]:
    """Those of the ids and of the marks; empty: there is none."""
    texts = [cell.text for cell in headers]
    # Where the team has an id of its own, a report calls ours dub_id.
    ours = [text for text in texts if normal(text) == f"{OURS}id"]
    job = next(iter([*ours, *(text for text in texts if meaning_of(text, columns) == "id")]), "")
    return job, next((text for text in texts if normal(text) == REDO), "")


def _take(review: Review, records: Iterable[Record], job: str, mark: str) -> None:
    seen: dict[str, Place] = {}
    for record in records:
        named, marked = _cell(record, job), _cell(record, mark)
        if mark and not is_switch(marked.text.strip()):
            review.problems.append(
                _problem(marked, "neither yes nor no", "mark the row with x, or leave the cell empty")
            )
        if mark and not _is_yes(marked.text):
            continue
        values, findings = read_values({"id": named.text.strip()})
        faults = [*_faults(record, values.id, seen), *((finding.message, finding.remedy) for finding in findings)]
        review.problems += (_problem(named, message, remedy) for message, remedy in faults)
        review.marks += [] if faults else [Mark(values.id, named.place)]
        seen.setdefault(values.id, record.place)


def _cell(record: Record, header: str) -> Cell:
    """The cell under a header; an empty one where the row has none."""
    return record.cells.get(header) or Cell("", record.place, header)


def _is_yes(text: str) -> bool:
    # As a row's ``skip`` is read: one word for yes is as good as another.
    return read_values({"skip": text.strip()})[0].skip


def _faults(record: Record, job: str, seen: Mapping[str, Place]) -> Iterator[tuple[str, str]]:
    if record.is_hidden:
        yield "the row is hidden in the sheet, so the mark may be an old one", "show the row, or take its mark away"
    if not job:
        yield "the row has no id", "take it from report.csv, or from what `dubbatch plan` prints"
    elif job in seen:
        yield f"the id stands also in row {seen[job].row}", "leave one of the two rows"


def _problem(cell: Cell, message: str, remedy: str) -> Problem:
    return Problem("error", cell.place, shown(cell.text), message, remedy)


_NO_ID = "give the column of the ids the header id, as report.csv has it; the header is the first row"
_NO_REDO = "add a column redo, and mark with x the rows to be bought again"
