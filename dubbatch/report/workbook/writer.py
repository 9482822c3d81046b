"""A batch's report as a workbook: whole or not there, and in little memory however many rows it has."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dubbatch.durability import replacing
from dubbatch.ledger.jobs import BatchRow
from dubbatch.report.place import disk_errors
from dubbatch.report.rows import Minutes, ReportRow
from dubbatch.report.tally import Tally
from dubbatch.report.workbook.jobs import EXCEL, JobSheets, Limits
from dubbatch.report.workbook.links import way_between
from dubbatch.report.workbook.looks import Looks
from dubbatch.report.workbook.problems import write_problems
from dubbatch.report.workbook.summary import Facts, Summary


def write_workbook(
    path: Path,
    batch: BatchRow,
    rows: Iterable[ReportRow],
    *,
    minutes: Minutes,
    removed: Sequence[str],
    limits: Limits = EXCEL,
) -> None:
    """The sheets Summary, Jobs and Problems, for people. Raises DiskError.

    Text is text in every cell, and never a formula or a link. Numbers and causes are counted from the very
    rows that are written, so they fit also while a run goes on. ``limits``: of a sheet.
    """
    with disk_errors(path), replacing(path) as part, _opened(path) as (book, buffer):
        looks, tally, way = Looks(book), Tally(), way_between(path.parent, Path(batch.output_dir))
        first = book.add_worksheet("Summary")
        jobs = JobSheets(book, looks, json.loads(batch.columns), way, limits)
        jobs.write(rows, tally.add)
        write_problems(book, looks, tally.causes, limits)
        facts = Facts(batch=batch, minutes=minutes, removed=removed, way=way, unlinked=jobs.unlinked)
        Summary(first, looks, limits).write(facts, tally)
        _close(book)
        part.write_bytes(buffer.getbuffer())


class Buffer(io.BytesIO):
    """Stays open for as long as anybody has it.

    XlsxWriter leaves its zip open where something failed. Both are dropped in any order then, and a zip whose file is
    closed before it complains where nobody can catch it.
    """

    def close(self) -> None:
        """Memory has nothing to close."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, io.BytesIO]]:
    """A new workbook, and where its bytes are once it is closed."""
    # 60 ms that the other reports don't need.
    import xlsxwriter

    # Zipped, 100,000 rows are a few megabytes. A zip on a full disk would be written to once more when Python
    # drops it, and complain where nobody can catch it.
    buffer = Buffer()
    # Not zipped they are hundreds: they lie beside the report, under a name that the next run clears away.
    with TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as folder:
        book = xlsxwriter.Workbook(buffer, {"constant_memory": True, "tmpdir": folder})
        book.use_zip64()
        try:
            yield book, buffer
        finally:
            for sheet in book.worksheets():
                # Open files of a workbook that was given up; those of a whole one are closed already.
                with suppress(OSError):
                    sheet.row_data_fh.close()


def _close(book: Any) -> None:
    from xlsxwriter.exceptions import FileCreateError

    try:
        book.close()
    except FileCreateError as error:
        # XlsxWriter's word for any OSError; the reason is the one that a person needs.
        raise error.args[0] from None
