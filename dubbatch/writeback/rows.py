"""The team's sheet as it is now, and in which of its rows each job of the ledger stands.

A sheet is worked on while a run goes on: it is read anew, and its rows are found by the ids that loading gives
them. A row that asks for other work than what was planned has no results yet, and is none of ours. Where not one
byte has changed since the run loaded it, the ledger knows the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubbatch.identity import canonical_url
from dubbatch.jobs import Job, Media
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.standing import Standing
from dubbatch.manifest import Manifest, Origin
from dubbatch.manifest.cells import Layout, Record
from dubbatch.manifest.columns import OURS, meaning_of, normal
from dubbatch.manifest.sources import read_bytes, source_of
from dubbatch.manifest.workbook.source import WorkbookSource, column_texts


@dataclass(frozen=True, slots=True)
class TeamFile:
    """The team's manifest, and how it is read."""

    origin: Origin
    #: The team's headers, and what they stand for.
    columns: Mapping[str, str]
    #: Loads these bytes as the run did, and shows every record to the second argument.
    load: Callable[[bytes, Callable[[Record], None]], Manifest]
    #: SHA-256 of its bytes when the run loaded them, and their layout; empty, None: this command didn't.
    digest: str = ""
    layout: Layout | None = None

    @property
    def path(self) -> Path:
        return self.origin.path

    @property
    def is_workbook(self) -> bool:
        """Else it is a table of text."""
        return isinstance(source_of(self.origin), WorkbookSource)


@dataclass(frozen=True, slots=True)
class TeamSheet:
    """The table in the file, as it is now."""

    data: bytes
    layout: Layout
    #: The row of each job that the sheet asks for; None: as the ledger has them.
    rows: Mapping[str, int] | None
    #: Rows that ask for work, known or not.
    asking: frozenset[int]
    #: Row -> title of ours, as the sheet has it -> its text there; empty cells are left out.
    texts: Mapping[int, Mapping[str, str]]
    #: Whether a row may have a dub a language.
    is_matrix: bool
    #: Jobs whose rows ask for other work by now, with their rows; and those that are gone.
    edited: tuple[tuple[str, int], ...] = ()
    gone: tuple[str, ...] = ()


def read_sheet(team: TeamFile, ledger: Ledger, batch: str) -> TeamSheet:
    """The sheet with the jobs of ``batch`` in it. Raises ManifestError where it can't be read any more."""
    data = read_bytes(team.path)
    seen = _Seen()
    rows: Mapping[str, int] | None = None
    asking: frozenset[int] = frozenset()
    edited: list[tuple[str, int]] = []
    gone: list[str] = []
    if hashlib.sha256(data).hexdigest() == team.digest:
        layout = team.layout
        if layout:
            seen.walk(data, team, layout)
    else:
        manifest = team.load(data, seen)
        layout = manifest.layout
        asking = frozenset(job.place.row or 0 for job in manifest.jobs)
        rows, edited, gone = _matched({job.id: job for job in manifest.jobs}, ledger.jobs.standings(batch))
    layout = layout or Layout("", 1, (), set())
    is_matrix = any(meaning_of(title, team.columns).startswith(("audio:", "languages")) for title in layout.titles)
    return TeamSheet(data, layout, rows, asking, seen.texts, is_matrix, tuple(edited), tuple(gone))


def _matched(
    present: Mapping[str, Job], known: Iterator[Standing]
) -> tuple[dict[str, int], list[tuple[str, int]], list[str]]:
    """The rows of the jobs that the sheet still asks for; those that ask for other work; the jobs that are gone."""
    rows: dict[str, int] = {}
    edited, gone = [], []
    for standing in known:
        job = present.get(standing.job)
        if job is None:
            gone.append(standing.job)
        elif _work(job) == _work(standing):
            rows[standing.job] = job.place.row or 0
        else:
            edited.append((standing.job, job.place.row or 0))
    return rows, edited, gone


def _work(job: Job | Standing) -> tuple[object, ...]:
    """What a row asks for, as far as the sheet says it (design, section 5, "Identity")."""
    return _medium(job.video), _medium(job.audio), job.disable_active_speaker_detection, job.model, job.language


def _medium(media: Media) -> str:
    return media.text if media.url is None else canonical_url(media.url)


@dataclass
class _Seen:
    """Keeps what stands in our columns."""

    texts: dict[int, dict[str, str]] = field(default_factory=dict)
    #: Title -> whether it is one of ours.
    _is_ours: dict[str, bool] = field(default_factory=dict)

    def __call__(self, record: Record) -> None:
        for title, cell in record.cells.items():
            is_ours = self._is_ours.get(title)
            if is_ours is None:
                is_ours = self._is_ours[title] = normal(title).startswith(OURS)
            if is_ours and record.place.row is not None:
                self.texts.setdefault(record.place.row, {})[title] = cell.text

    def walk(self, data: bytes, team: TeamFile, layout: Layout) -> None:
        """Look at a table whose rows are known: what they mean is known, too."""
        ours = {column: title for column, title in enumerate(layout.titles) if normal(title).startswith(OURS)}
        # Of two with one title the first counts.
        ours = {column: title for column, title in ours.items() if layout.titles.index(title) == column}
        if not ours:
            return
        if team.is_workbook:
            for row, texts in column_texts(data, layout.sheet, ours):
                if texts and row > layout.header:
                    self.texts[row] = {ours[column]: text for column, text in texts.items()}
            return
        for record in source_of(team.origin).content(data, team.origin, team.columns).records:
            self(record)
