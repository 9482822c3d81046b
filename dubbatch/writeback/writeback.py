"""A batch's results in the team's own sheet: the whole way, from the ledger to the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import IO

from dubbatch.errors import DiskError, ManifestError, UsageError
from dubbatch.jobs import OutputVerdict
from dubbatch.ledger.ledger import Ledger
from dubbatch.manifest import Origin
from dubbatch.manifest.address import STANDARD_INPUT
from dubbatch.manifest.csv_source import CsvSource
from dubbatch.manifest.sources import SOURCES
from dubbatch.manifest.table import column_letters
from dubbatch.manifest.workbook.ooxml import Unusable
from dubbatch.manifest.workbook.source import WorkbookSource
from dubbatch.report.rows import in_minutes, relative, without_secrets
from dubbatch.report.table import inert
from dubbatch.writeback import cell_xml, csv_text, workbook
from dubbatch.writeback.changes import Changes, Entry, changes, our_columns, sentence
from dubbatch.writeback.place import Put, put
from dubbatch.writeback.rows import TeamFile, TeamSheet, read_sheet

#: Ids or cells that are named in one line.
_NAMED = 5
#: Tables are narrower than that.
_FAR = 500


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the team's sheet."""

    path: Path
    #: Jobs whose results were written, and rows that have lost others'.
    jobs: int
    cleared: int = 0
    #: None: there was nothing to write.
    put: Put | None = None
    #: What was left alone, in words for a person.
    notes: tuple[str, ...] = ()


def check_kind(origin: Origin, said: str = "--write-back") -> None:
    """Raises UsageError unless results can be written into such a manifest; ``said`` is who asks for it."""
    source = SOURCES.get(origin.path.suffix.lower())
    if origin.path != STANDARD_INPUT and isinstance(source, CsvSource | WorkbookSource):
        return
    what = "what comes on standard input" if origin.path == STANDARD_INPUT else f"a {origin.path.suffix} file"
    hint = "pass the sheet itself (.xlsx, .xlsm, .csv, .tsv), or leave it out: the reports say the same"
    raise UsageError(f"{said} writes into the team's sheet, and {what} is none", hint=hint)


def write_back(team: TeamFile, ledger: Ledger, batch: str, backups: Path, now: datetime) -> Written:
    """Write what the ledger knows of ``batch`` into the team's sheet; the sheet as it was goes to ``backups``.

    ``now`` is in UTC. Raises DiskError, also where the sheet can't be read or edited any more, and LedgerError.
    """
    try:
        sheet = read_sheet(team, ledger, batch)
        kind: _Workbook | _Table = _Workbook(sheet) if team.is_workbook else _Table(sheet, team)
        entries = list(_entries(sheet, team, ledger, batch, kind.said))
        updated = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        found = changes(sheet, entries, updated, kind.first_free, kind.computed())
        if not found.cells:
            return Written(team.path, 0, notes=tuple(_missing(sheet)))
        moment = now.strftime("%Y-%m-%dT%H%M%S.%fZ")
        done = put(team.path, sheet.data, partial(kind.write, found), backups, moment)
    except Unusable as error:
        raise DiskError(f"the sheet {team.path} can't be written to: it {error.message}", hint=error.hint) from error
    except ManifestError as error:
        raise DiskError(f"the sheet can't be written to: {error.message}", hint=error.hint) from error
    notes = (*_missing(sheet), *kind.left, *([done.note] if done.note else []))
    return Written(team.path, found.jobs, found.cleared, done, notes)


def _entries(
    sheet: TeamSheet, team: TeamFile, ledger: Ledger, batch: str, said: Callable[[str], str]
) -> Iterator[Entry]:
    """``said``: a text as it will stand in the sheet, so that it is found again there."""
    folder = str(team.path.absolute().parent)
    for job in ledger.jobs.standings(batch):
        row = job.row if sheet.rows is None else sheet.rows.get(job.job)
        if row:
            error = "; ".join(without_secrets(text) for text in (job.error, job.hint) if text)
            yield Entry(
                row=row,
                language=job.language if sheet.is_matrix else "",
                status=job.state.value,
                output=said(relative(job.path, folder)) if job.path else "",
                error=said(sentence(error)) if error else "",
                minutes=in_minutes(job.duration_s) if job.verdict is OutputVerdict.GOOD else None,
            )


def _missing(sheet: TeamSheet) -> Iterator[str]:
    if sheet.edited:
        rows = _named([f"row {row} ({job})" for job, row in sheet.edited])
        yield f"{rows}: asks for other work than what was planned; the next run sees to it"
    if sheet.gone:
        yield f"{_named(sheet.gone)}: no longer in the sheet"


def _named(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


@dataclass
class _Workbook:
    """How cells are set in a workbook."""

    sheet: TeamSheet
    left: tuple[str, ...] = ()

    def said(self, text: str) -> str:
        return cell_xml.writable(text)

    def first_free(self, count: int, after: int, rows: tuple[int, int]) -> int:
        layout = self.sheet.layout
        titled = [column for column, title in enumerate(layout.titles) if title]
        # A title far out must not keep the columns from the table's side.
        beside = min(after, max((column + 1 for column in titled if column < _FAR), default=after))
        strays = {*layout.strays, *titled}
        free = workbook.free_column(self.sheet.data, layout.sheet, count, after=beside, rows=rows, strays=strays)
        if free.is_hidden:
            columns = f"{column_letters(free.column)} to {column_letters(free.column + count - 1)}"
            self.left = (
                *self.left,
                f"the new columns, {columns}, are hidden in the sheet: show them to see the results",
            )
        return free.column

    def computed(self) -> frozenset[tuple[int, int]]:
        """Cells of ours that are the team's formulas; they are named, and left alone."""
        layout = self.sheet.layout
        return workbook.computed_cells(self.sheet.data, layout.sheet, our_columns(layout.titles))

    def write(self, found: Changes, out: IO[bytes]) -> None:
        layout = self.sheet.layout
        workbook.rewrite(self.sheet.data, layout.sheet, found.cells, out, header=layout.header, widths=found.widths)


@dataclass
class _Table:
    """How cells are set in a table of text."""

    sheet: TeamSheet
    team: TeamFile
    left: tuple[str, ...] = ()

    def said(self, text: str) -> str:
        # In a text every program guesses anew what a cell is; in a workbook a text is one.
        return self._hand.writable(inert(text))

    @cached_property
    def _hand(self) -> csv_text.Hand:
        return csv_text.Hand.of(self.sheet.data, self.team.path, self.team.columns)

    def first_free(self, count: int, after: int, rows: tuple[int, int]) -> int:
        return max([after, *(column + 1 for column in self.sheet.layout.strays)])

    def computed(self) -> frozenset[tuple[int, int]]:
        return frozenset()

    def write(self, found: Changes, out: IO[bytes]) -> None:
        patched = csv_text.set_cells(self.sheet.data, self.team.path, found.cells, self.team.columns)
        out.write(patched.data)
        if patched.left:
            self.left = (f"row {_named(list(map(str, patched.left)))}: can't be edited in place, and was left alone",)
