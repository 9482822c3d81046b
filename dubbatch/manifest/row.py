"""A record whose headers are understood: its known columns, typed, and the team's own, with the gaps filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import unquote

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Record
from dubbatch.manifest.columns import REQUIRED
from dubbatch.manifest.headers import Headers
from dubbatch.manifest.problems import Finding, Problem, located, shown
from dubbatch.manifest.roles import MEDIUM
from dubbatch.manifest.values import Values, is_clock, read_values, rewritten_id

_NO_COLUMNS: Mapping[str, str] = {}
_NOTHING: frozenset[str] = frozenset()
_MEDIA = frozenset(REQUIRED)
_WORK = frozenset({*REQUIRED, "id", "languages", "output", "reference_id"})
_LEADS_ELSEWHERE = Finding(
    "the cell's link leads to another address than the text says; the link counts",
    "edit the link, or take it away and leave the address as text",
    "warning",
)


class Row(NamedTuple):
    """One record, read."""

    #: Known column -> cell, where it is not empty.
    cells: Mapping[str, Cell]
    #: The team's own headers -> text.
    columns: Mapping[str, str]
    #: Header -> where it stands, in rows that have keys of their own.
    keys: Mapping[str, Place]
    values: Values
    place: Place
    problems: tuple[Problem, ...]
    #: Columns whose text is not what the team has typed: what lacks there is told already.
    flawed: frozenset[str]
    #: Whether the record itself names something to dub, or a job.
    names_work: bool

    def locate(self, finding: Finding, cell: Cell | None = None) -> Problem:
        cell = cell or self.cells.get(finding.field)
        return located(finding, cell.place, cell.text) if cell else located(finding, self.place, "")


@dataclass(frozen=True)
class RowReader:
    """Reads the records of one table or list of rows."""

    headers: Headers
    #: Of known columns, by column.
    defaults: Mapping[str, Cell]
    #: Of the team's own columns, by header.
    own_defaults: Mapping[str, Cell]
    #: Whether a spreadsheet program may have rewritten values on their way to text.
    is_export: bool

    def read(self, record: Record) -> Row:
        """The row that ``record`` is."""
        known = known_cells(self.headers, record.cells)
        marked = [(column, cell) for column, cell in self._marked(record) if column in known]
        flaws = [(column, cell, cell.mark.flaw) for column, cell in marked if cell.mark and _counts(column, cell)]
        if flaws:
            known = {column: cell for column, cell in known.items() if cell.text.strip()}
        cells = {**self._defaults(known), **known} if self.defaults else known
        values, findings = read_values(_texts(cells))
        if self.is_export and values.id and (rewritten := rewritten_id(values.id)):
            findings = (*findings, rewritten)
        row = Row(
            cells, self._own_columns(record.cells), record.keys, values, record.place, record.problems,
            self._flawed(record, flaws) if flaws or record.problems else _NOTHING, _names_work(known),
        )  # fmt: skip
        if not (marked or findings or not self.headers.is_table):
            return row
        problems = [*record.problems, *_doubled(self.headers, record)]
        problems += [row.locate(replace(flaw, field=column), cell) for column, cell, flaw in flaws if flaw]
        problems += [row.locate(finding) for finding in findings if finding.field not in row.flawed]
        problems += [row.locate(_LEADS_ELSEWHERE, cell) for column, cell in marked if _leads_elsewhere(column, cell)]
        return row._replace(problems=tuple(problems))

    def _marked(self, record: Record) -> Iterator[tuple[str, Cell]]:
        for header, cell in record.cells.items():
            if cell.mark and header in self.headers.fields:
                yield self.headers.fields[header], cell

    def _defaults(self, known: Mapping[str, Cell]) -> Mapping[str, Cell]:
        """A row's own language stands before the languages that others have."""
        has_own = "language" in known or (
            "audio" not in known and "audio" not in self.defaults and any(c.startswith("audio:") for c in known)
        )
        if has_own and "languages" not in known and "languages" in self.defaults:
            return {column: cell for column, cell in self.defaults.items() if column != "languages"}
        return self.defaults

    def _flawed(self, record: Record, flaws: Sequence[tuple[str, Cell, Finding | None]]) -> frozenset[str]:
        flawed = frozenset(column for column, *_ in flaws) if flaws else _NOTHING
        # What the source could not read may be what seems to lack.
        return flawed | _MEDIA if any(problem.is_error for problem in record.problems) else flawed

    def _own_columns(self, cells: Mapping[str, Cell]) -> Mapping[str, str]:
        if not self.headers.own:
            return _NO_COLUMNS
        columns = {}
        for header in self.headers.own:
            cell = cells.get(header)
            cell = cell if cell and cell.text else self.own_defaults.get(header)
            columns[header] = cell.text if cell else ""
        return columns


def _names_work(known: Mapping[str, Cell]) -> bool:
    if "video" in known or "audio" in known:
        return True
    return not _WORK.isdisjoint(column.partition(":")[0] for column in known)


def known_cells(headers: Headers, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """The cells of known columns that are not empty, by column. The target of a link on a medium's cell counts."""
    fields = headers.fields
    return {
        fields[header]: _followed(fields[header], cell) if cell.mark else cell
        for header, cell in cells.items()
        if header in fields and (cell.mark or cell.text.strip())
    }


def _followed(column: str, cell: Cell) -> Cell:
    link = cell.mark.link if cell.mark else ""
    if not link or column.partition(":")[0] not in REQUIRED:
        return cell
    # A program takes the path media/01.mp4 for an address, and links it to a host that is called media.
    text = cell.text.strip()
    is_path = link == f"http://{text}" and "." not in text.partition("/")[0]
    return cell._replace(text=text if is_path else link, mark=None)


def _counts(column: str, cell: Cell) -> bool:
    """Whether a flaw of the cell matters: a link stands for its text, and minutes may be written as a time."""
    if cell.mark is None or cell.mark.flaw is None or (cell.mark.link and column.partition(":")[0] in REQUIRED):
        return False
    return not (column == "minutes" and is_clock(cell.text))


def _leads_elsewhere(column: str, cell: Cell) -> bool:
    text = cell.text.strip()
    if not cell.mark or not cell.mark.link or column.partition(":")[0] not in REQUIRED or not MEDIUM.search(text):
        return False
    target = _followed(column, cell).text
    # A link shown by its file's name is what link dialogs make.
    if unquote(target.partition("?")[0]).endswith(f"/{text}"):
        return False
    return target not in (text, f"https://{text}", f"http://{text}", unquote(text))


def usable_defaults(headers: Headers, defaults: Mapping[str, Cell]) -> tuple[dict[str, Cell], list[Problem]]:
    """The defaults of known columns. Those that can't be read are told once, here, and left out."""
    known = known_cells(headers, defaults)
    _, findings = read_values(_texts(known))
    problems = [located(finding, known[finding.field].place, known[finding.field].text) for finding in findings]
    bad = {finding.field for finding in findings}
    return {name: cell for name, cell in known.items() if name not in bad}, problems


def _doubled(headers: Headers, record: Record) -> Iterator[Problem]:
    """Keys of one row that mean the same column."""
    if headers.is_table:
        return
    seen: dict[str, str] = {}
    for header, cell in record.cells.items():
        meaning = headers.fields.get(header, header)
        if seen.setdefault(meaning, header) != header:
            message = f"{shown(header)} and {shown(seen[meaning])} are the same column"
            yield located(Finding(message, "keep one of them"), cell.place, cell.text)


def _texts(cells: Mapping[str, Cell]) -> dict[str, str]:
    return {name: cell.text.strip() for name, cell in cells.items()}
