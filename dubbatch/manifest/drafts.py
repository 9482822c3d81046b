"""From a row and one of its languages to a job: its id, its output's name, its place in the order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dubbatch.jobs import Job, Media, Place
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.columns import normal
from dubbatch.manifest.dubs import Dub, Patterns, dubs_of
from dubbatch.manifest.headers import Headers
from dubbatch.manifest.languages import tag_of
from dubbatch.manifest.output_names import Template, safe_name
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.row import Row

_MADE = frozenset({"id", "language", "batch", "stem"})


class Draft(NamedTuple):
    """A job, and the cells that other rows may clash with; None where the row has no such cell."""

    job: Job
    #: The id's cell, or the video's where the id was made of it.
    id_cell: Cell | None
    has_own_id: bool
    audio_cell: Cell
    reference_cell: Cell | None
    output_cell: Cell | None

    def place(self, cell: Cell | None) -> Place:
        """Where ``cell`` stands; the row where there is none."""
        return cell.place if cell else self.job.place


@dataclass
class Drafter:
    """Drafts the jobs of one table or list of rows."""

    headers: Headers
    batch: str
    template: Template
    patterns: Patterns
    positions: Iterator[int]
    _own_names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._own_names = {normal(header): header for header in reversed(self.headers.own)}

    def dubs(self, row: Row, stem: str) -> tuple[list[Dub], Finding | None]:
        """The dubs that a row asks for, and what is wrong with its pattern. ``stem``: of its video's name."""

        def fill(name: str, language: str) -> str:
            return self._field(row, name, language=language, job_id=row.values.id or stem, stem=stem)

        return dubs_of(row.cells, row.values, self.headers.dubs, self.patterns, fill)

    def job_id(self, row: Row, dub: Dub, stem: str) -> str:
        """The row's own id, else the video's stem; with the language where one id would stand for several."""
        if "id" in row.cells and not row.values.id:
            return ""
        name = row.values.id or stem
        is_told = bool(row.values.id) and not dub.is_one_of_many
        language = dub.language
        if not language and "language" in row.cells and "language" not in row.flawed:
            # No tag: the id that it gets when it is mended, so that it clashes with no other row.
            text = row.cells["language"].text.strip()
            language = tag_of(text) or text
        return name if is_told or not name or not language else f"{name}-{language}"

    def draft(self, row: Row, dub: Dub, job_id: str, media: tuple[Media, Media], stem: str) -> Draft:
        """One job, in the next place of the manifest's order."""
        video, audio = media
        values = row.values
        job = Job(
            id=job_id,
            video=video,
            audio=audio,
            output=self._output(row, dub, job_id, stem),
            position=next(self.positions),
            language=dub.language,
            reference_id=values.reference_id,
            disable_active_speaker_detection=values.disable_active_speaker_detection,
            model=values.model,
            priority=values.priority,
            minutes=values.minutes,
            skip=values.skip,
            columns=row.columns,
            place=row.place,
            video_place=row.cells["video"].place if "video" in row.cells else None,
            audio_place=dub.cell.place,
        )
        return Draft(
            job,
            id_cell=row.cells.get("id") if values.id else row.cells.get("video"),
            has_own_id=bool(values.id),
            audio_cell=dub.cell,
            reference_cell=row.cells.get("reference_id"),
            output_cell=row.cells.get("output"),
        )

    def _output(self, row: Row, dub: Dub, job_id: str, stem: str) -> str:
        template = self.template
        if row.values.output:
            pattern = self.patterns.parse(row.values.output)
            if not isinstance(pattern, Template):
                return safe_name(row.values.output)
            template = pattern
        return template.render(
            lambda name: _without_query(self._field(row, name, language=dub.language, job_id=job_id, stem=stem))
        )

    def _field(self, row: Row, name: str, *, language: str, job_id: str, stem: str) -> str:
        """The text of a template's field, by its normalized name."""
        if name in _MADE:
            return {"id": job_id, "language": language, "batch": self.batch, "stem": stem}[name]
        if name in self._own_names:
            return row.columns[self._own_names[name]]
        return row.cells[name].text.strip() if name in row.cells else ""


def _without_query(text: str) -> str:
    # The query of a signed link is a secret: it gets into no file name.
    return text.partition("?")[0] if "://" in text else text
