"""A report as a file, in the format that its suffix says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from dubbatch.errors import UsageError
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.rows import Minutes, known_batch, report_rows
from dubbatch.report.table import write_csv, write_json
from dubbatch.report.workbook import write_workbook

SUFFIXES = (".csv", ".json", ".xlsx")


def check_suffix(path: Path) -> None:
    """Raises UsageError unless a report can be written under this name: to be asked before a run."""
    if path.suffix.lower() not in SUFFIXES:
        known = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        has = f"not in {path.suffix}" if path.suffix else "and this name has no suffix"
        raise UsageError(
            f"no report can be written to {path}: its name ends in {known}, {has}",
            hint="rename it, as in --report out/report.csv",
        )


def write_report(path: Path, ledger: Ledger, batch: str, *, finished_at: str = "") -> None:
    """Write a batch's report in the format that the suffix says, over an older one.

    ``finished_at`` is the end of the run that writes it; empty: as the ledger has it.
    Raises UsageError (another suffix, a batch that the ledger doesn't have), DiskError, LedgerError.
    """
    check_suffix(path)
    known = known_batch(ledger, batch)
    if finished_at:
        known = replace(known, finished_at=finished_at)
    rows, suffix = report_rows(ledger, batch), path.suffix.lower()
    if suffix == ".csv":
        write_csv(path, json.loads(known.columns), rows)
        return
    write = write_json if suffix == ".json" else write_workbook
    write(path, known, rows, minutes=Minutes.of(ledger, batch), removed=ledger.jobs.removed(known.name))
