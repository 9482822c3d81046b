"""Reports as files, in the formats that their suffixes say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from dubbatch.errors import DiskError, UsageError
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.rows import FIELDS, Minutes, ReportRow, known_batch, report_rows
from dubbatch.report.table import ReportWriter, csv_report, json_report
from dubbatch.report.workbook import write_workbook

SUFFIXES = (".csv", ".json", ".xlsx")
#: Rows that all writers are given at a time.
_PAGE = 1_000


def check_suffix(path: Path) -> None:
    """Raises UsageError unless a report can be written under this name: to be asked before a run."""
    if path.suffix.lower() not in SUFFIXES:
        known = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        has = f"not in {path.suffix}" if path.suffix else "and this name has no suffix"
        raise UsageError(
            f"no report can be written to {path}: its name ends in {known}, {has}",
            hint="rename it, as in --report out/report.csv",
        )


def is_there(path: Path, delimiter: str) -> bool:
    """Whether a report is there as it would be written now, as far as its head tells."""
    if path.suffix.lower() != ".csv" or not path.exists():
        return path.exists()
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            # Ours are the last columns, and none of their names has a delimiter in it.
            return file.readline().rstrip("\n").endswith(f"{delimiter}{FIELDS[-1]}")
    except OSError:
        return False


def _always() -> bool:
    return True


def write_reports(
    paths: Sequence[Path],
    ledger: Ledger,
    batch: str,
    *,
    delimiter: str = ",",
    finished_at: str = "",
    is_wanted: Callable[[], bool] = _always,
) -> dict[Path, DiskError]:
    """Write a batch's reports, over older ones; those that could not be written, and why.

    One walk over its jobs serves all but the workbooks, which are written at the end of a run alone.

    Each is in the format that its suffix says, and whole, or as it was before. ``delimiter`` is CSV's.
    ``finished_at`` is the end of the run that writes them; empty: as the ledger has it. ``is_wanted`` is asked at
    every page: once it says no, nothing more is written. Raises UsageError (another suffix, a batch that the ledger
    doesn't have), LedgerError.
    """
    known = known_batch(ledger, batch)
    if finished_at:
        known = replace(known, finished_at=finished_at)
    for path in paths:
        check_suffix(path)
    books = [path for path in paths if path.suffix.lower() == ".xlsx"]
    writers = {path: _writer(path, ledger, known, delimiter) for path in paths if path not in books}
    failed: dict[Path, DiskError] = {}
    try:
        for page in _pages(report_rows(ledger, batch)):
            if not writers or not is_wanted():
                break
            failed |= _hand_out(page, writers)
    finally:
        for writer in writers.values():
            writer.close()
    return failed | (_write_books(books, ledger, known) if books and is_wanted() else {})


def _write_books(paths: Sequence[Path], ledger: Ledger, batch: BatchRow) -> dict[Path, DiskError]:
    failed = {}
    for path in paths:
        minutes, removed = Minutes.of(ledger, batch.name), ledger.jobs.removed(batch.name)
        try:
            write_workbook(path, batch, report_rows(ledger, batch.name), minutes=minutes, removed=removed)
        except DiskError as error:
            failed[path] = error
    return failed


def _writer(path: Path, ledger: Ledger, batch: BatchRow, delimiter: str) -> ReportWriter:
    if path.suffix.lower() == ".csv":
        return csv_report(path, json.loads(batch.columns), delimiter)
    return json_report(path, batch, minutes=Minutes.of(ledger, batch.name), removed=ledger.jobs.removed(batch.name))


def _pages(rows: Iterator[ReportRow]) -> Iterator[Sequence[ReportRow] | None]:
    """What a writer is sent: None to begin with, the rows, and an empty page at the end."""
    yield None
    while page := list(islice(rows, _PAGE)):
        yield page
    yield ()


def _hand_out(page: Sequence[ReportRow] | None, writers: dict[Path, ReportWriter]) -> dict[Path, DiskError]:
    """Give a page to all writers; those that failed are taken from among them."""
    failed = {}
    for path, writer in list(writers.items()):
        try:
            # A writer ends with the last page.
            with suppress(StopIteration):
                writer.send(page)
        except DiskError as error:
            failed[path] = error
            del writers[path]
    return failed
