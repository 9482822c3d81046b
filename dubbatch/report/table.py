"""Reports as tables: CSV for people and their spreadsheets, JSON for other programs.

The team's own columns come first and keep their headers. Where one of them is called like one
of ours ("state", "error"), ours is written as ``dub_state``: a manifest ignores ``dub_*``
columns, so the sheet can go back in as it is.

A report appears whole or not at all: it is written beside its place and then renamed. pandas
loads when a CSV is written, not before: every command imports this module to check its options.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import secrets
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import Any, TextIO

from dubbatch.errors import DiskError, UsageError
from dubbatch.jobs import JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.rows import FIELDS, Minutes, ReportRow, Totals, known_batch, report_rows

SUFFIXES = (".csv", ".json")
_SCHEMA = 1
_PAGE = 2_000
#: Characters of JSON that are kept in memory before they go to disk.
_SPOOL_CHARS = 8_000_000
#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), as it is or in full width.
_FORMULA = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
#: Categories of characters that some program drops before it looks: blanks, control and format characters.
_PASSED_OVER = ("Z", "C")

_json = partial(json.dumps, ensure_ascii=False, allow_nan=False)


def check_suffix(path: Path) -> None:
    """Raises UsageError unless a report can be written under this name: to be asked before a run."""
    if path.suffix.lower() not in SUFFIXES:
        has = f"not in {path.suffix}" if path.suffix else "and this name has no suffix"
        raise UsageError(
            f"no report can be written to {path}: its name ends in {' or '.join(SUFFIXES)}, {has}",
            hint="rename it, as in --report out/report.csv",
        )


def check_place(path: Path) -> None:
    """Raises DiskError unless a report can be put there: to be asked before anything is paid."""
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "that is a folder")
        with TemporaryFile(dir=path.parent):
            # That it could be made is all that was to be known.
            return


def clear_leftovers(path: Path) -> None:
    """Remove what a run that was killed while it wrote this report has left. For the holder of the batch's lock."""
    with suppress(OSError):
        for part in path.parent.glob(f".{glob.escape(path.name)}.????????.part"):
            part.unlink(missing_ok=True)


def write_report(path: Path, ledger: Ledger, batch: str, *, finished_at: str = "") -> None:
    """Write a batch's report in the format that the suffix says, over an older one.

    ``finished_at`` is the end of the run that writes it; empty: as the ledger has it.
    Raises UsageError (another suffix, a batch that the ledger doesn't have), DiskError, LedgerError.
    """
    check_suffix(path)
    known = known_batch(ledger, batch)
    if finished_at:
        known = replace(known, finished_at=finished_at)
    rows = report_rows(ledger, batch)
    if path.suffix.lower() == ".csv":
        write_csv(path, json.loads(known.columns), rows)
    else:
        write_json(
            path,
            known,
            rows,
            minutes=Minutes.of(ledger, batch),
            removed=ledger.jobs.removed(known.name),
        )


def write_csv(path: Path, own: Sequence[str], rows: Iterable[ReportRow]) -> None:
    """A table with the team's ``own`` columns first, then ours; UTF-8 with BOM. Raises DiskError.

    Every cell is text, and none can start a formula: where one could, ``'`` stands before it.
    """
    import pandas as pd

    header, remaining = [_inert(name) for name in _header(own)], iter(rows)
    # Excel takes a file without a mark for the local 8-bit encoding.
    with _appearing_whole(path, encoding="utf-8-sig") as file:
        is_first = True
        while (page := [_cells(own, row) for row in islice(remaining, _PAGE)]) or is_first:
            table = pd.DataFrame(page, columns=header, dtype=str)
            # With CRLF, cells with either character are quoted; with LF alone, CR would break a row.
            table.to_csv(file, index=False, header=is_first, lineterminator="\r\n")
            is_first = False


def write_json(
    path: Path, batch: BatchRow, rows: Iterable[ReportRow], *, minutes: Minutes, removed: Sequence[str]
) -> None:
    """The report of design section 10, schema 1; one line a job. Strict JSON in UTF-8. Raises DiskError.

    The totals are counted from the very rows that are written, so they fit also while a run goes on.
    """
    counts: Counter[JobState] = Counter()
    with (
        _appearing_whole(path, encoding="utf-8") as file,
        SpooledTemporaryFile(_SPOOL_CHARS, mode="w+", encoding="utf-8", newline="", dir=str(path.parent)) as jobs,
    ):
        for row in rows:
            jobs.write((",\n  " if counts else "\n  ") + _json(_object(row)))
            counts[row.state] += 1
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


def _header(own: Sequence[str]) -> list[str]:
    taken = {name.casefold() for name in own}
    return [*own, *(f"dub_{name}" if name in taken else name for name in FIELDS)]


def _cells(own: Sequence[str], row: ReportRow) -> list[str]:
    theirs = [row.columns.get(name, "") for name in own]
    ours = [getattr(row, name) for name in FIELDS]
    return [_inert("" if value is None else str(value)) for value in (*theirs, *ours)]


def _inert(text: str) -> str:
    if text[:1].isalnum() or text.startswith("'"):
        return text
    first = next((char for char in text if char != '"' and unicodedata.category(char)[0] not in _PASSED_OVER), "")
    is_formula = unicodedata.normalize("NFKC", first).startswith(_FORMULA) or text.startswith(_BREAKS)
    return f"'{text}" if is_formula else text


def _object(row: ReportRow) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in FIELDS} | {"columns": dict(row.columns)}


@contextmanager
def _appearing_whole(path: Path, *, encoding: str) -> Iterator[TextIO]:
    """A file that takes the place of ``path`` once it is whole and durable. Raises DiskError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with _disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("x", encoding=encoding, newline="") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the report {path} can't be written: {error.strerror or error}"
        raise DiskError(message, hint=_way_out(error)) from error


def _way_out(error: OSError) -> str:
    if isinstance(error, PermissionError):
        cure = "close it where it is open (Excel?), make its folder writable, or name another place with --report"
    else:
        cure = "make room and see that its folder can be written"
    return f"{cure}; nothing is lost: `dubbatch report` writes it again from the ledger, free"
