"""Reports as tables: CSV for people and their spreadsheets, JSON for other programs.

The team's own columns come first and keep their headers. Where one of them is called like one
of ours ("state", "error"), ours is written as ``dub_state``: a manifest ignores ``dub_*``
columns, so the sheet can go back in as it is.

pandas loads when a CSV is written, not before: every command imports this module to check its options.
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from dubbatch.durability import replacing
from dubbatch.jobs import JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.report.place import disk_errors
from dubbatch.report.rows import FIELDS, Minutes, ReportRow, Totals

_SCHEMA = 1
#: Characters of JSON that are kept in memory before they go to disk.
_SPOOL_CHARS = 8_000_000
#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), as it is or in full width.
_FORMULA = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
#: What would begin a formula if a cell began there.
_INNER = re.compile(r"(?P<edge>[,;|\t\r\n][\s\"]*)(?P<formula>[=+@\uff1d\uff0b\uff20-])")
#: Categories of characters that some program drops before it looks: blanks, control and format characters.
_PASSED_OVER = ("Z", "C")

#: Writes one file: after a first None, it is sent the rows page by page; at an empty page the file takes its name, and
#: the generator ends. Closed before that, it leaves everything as it was. Raises DiskError.
ReportWriter = Generator[None, Sequence[ReportRow] | None, None]

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
#: The fixed columns of a row, in their order.
_ours = attrgetter(*FIELDS)


def prepare() -> None:
    """Load the library of CSV reports, where its time is not to be counted with theirs."""
    import pandas  # noqa: F401


def csv_report(path: Path, own: Sequence[str], delimiter: str = ",") -> ReportWriter:
    """A table with the team's ``own`` columns first, then ours; UTF-8 with BOM. Raises DiskError.

    Every cell is text, and none can start a formula: where one could, ``'`` stands before it.
    """
    import pandas as pd

    titles = [inert(name) for name in headers(own)]
    # With CRLF, cells with either character are quoted; with LF alone, CR would break a row.
    form: dict[str, Any] = {"index": False, "sep": delimiter, "lineterminator": "\r\n"}
    # Excel takes a file without a mark for the local 8-bit encoding.
    with disk_errors(path), replacing(path) as part, part.open("x", encoding="utf-8-sig", newline="") as file:
        pd.DataFrame(columns=titles, dtype=str).to_csv(file, **form)
        while page := (yield):
            cells = [_cells(own, row) for row in page]
            pd.DataFrame(cells, columns=titles, dtype=str).to_csv(file, header=False, **form)


def json_report(path: Path, batch: BatchRow, *, minutes: Minutes, removed: Sequence[str]) -> ReportWriter:
    """The report of design section 10, schema 1; one line a job. Strict JSON in UTF-8. Raises DiskError.

    The totals are counted from the very rows that are written, so they fit also while a run goes on.
    """
    counts: Counter[JobState] = Counter()
    with (
        disk_errors(path),
        replacing(path) as part,
        part.open("x", encoding="utf-8", newline="") as file,
        SpooledTemporaryFile(_SPOOL_CHARS, mode="w+", encoding="utf-8", newline="", dir=str(path.parent)) as jobs,
    ):
        while page := (yield):
            lines = ",\n  ".join(_json(_object(row)) for row in page)
            jobs.write((",\n  " if counts else "\n  ") + lines)
            counts.update(row.state for row in page)
        head = {
            "schema": _SCHEMA,
            "batch": batch.name,
            "started_at": batch.started_at,
            "finished_at": batch.finished_at,
            "totals": Totals.of(counts).as_json(),
            "media_minutes": minutes.bought,
            "estimated_minutes": minutes.estimated,
            "actual_minutes": minutes.actual,
        }
        file.write("{\n" + "".join(f" {_json(name)}: {_json(value)},\n" for name, value in head.items()))
        file.write(' "jobs": [')
        jobs.seek(0)
        shutil.copyfileobj(jobs, file)
        file.write(f'\n ],\n "removed": {_json(list(removed))}\n}}\n')


def headers(own: Sequence[str]) -> list[str]:
    """The titles of a report's columns: the team's ``own``, then ours."""
    taken = {name.casefold() for name in own}
    return [*own, *(f"dub_{name}" if name in taken else name for name in FIELDS)]


def _cells(own: Sequence[str], row: ReportRow) -> list[str]:
    theirs = [row.columns.get(name, "") for name in own]
    return [inert("" if value is None else str(value)) for value in (*theirs, *_ours(row))]


def inert(text: str) -> str:
    """``text`` as no program takes it for a formula: with ``'`` before it, where one could.

    Also inside: a program that splits at another delimiter, or takes a quoted line break for the end of a row, begins a
    cell there.
    """
    if _INNER.search(text):
        text = _INNER.sub(r"\g<edge>'\g<formula>", text)
    if not text or text[0].isalnum() or text[0] == "'":
        return text
    first = next((char for char in text if char != '"' and unicodedata.category(char)[0] not in _PASSED_OVER), "")
    is_formula = unicodedata.normalize("NFKC", first).startswith(_FORMULA) or text.startswith(_BREAKS)
    return f"'{text}" if is_formula else text


def _object(row: ReportRow) -> Mapping[str, Any]:
    return {**dict(zip(FIELDS, _ours(row), strict=True)), "columns": dict(row.columns)}
