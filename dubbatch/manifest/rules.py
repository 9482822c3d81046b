"""From one record to its jobs, and everything that is wrong with that row.

A row with an error still becomes a job where id, video and audio can be made of it: the
job is blocked, and the others can go on. What concerns several rows at once (ids and
names that clash) is in ``clashes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dubbatch.jobs import Job, Media, Place
from dubbatch.manifest.cells import Cell, Record
from dubbatch.manifest.headers import Headers, normal
from dubbatch.manifest.inputs import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Inputs, input_stem, input_suffix
from dubbatch.manifest.output_names import Template, is_too_long, safe_name
from dubbatch.manifest.problems import Finding, Problem, located, shown
from dubbatch.manifest.rows import Values, is_name, read_values

_NO_COLUMNS: Mapping[str, str] = {}


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


class _Dub(NamedTuple):
    """One language of a row. ``is_column``: its audio stands under a header of its own."""

    language: str
    audio: Cell
    is_column: bool


class _Row(NamedTuple):
    """A record whose headers are understood and whose gaps the defaults have filled."""

    #: Known column -> cell, where it is not empty.
    cells: Mapping[str, Cell]
    columns: Mapping[str, str]
    values: Values
    place: Place

    def locate(self, finding: Finding, cell: Cell | None = None) -> Problem:
        cell = cell or self.cells.get(finding.field)
        return located(finding, cell.place, cell.text) if cell else located(finding, self.place, "")


def known_cells(headers: Headers, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """The cells of known columns that are not empty, by column."""
    fields = headers.fields
    return {fields[header]: cell for header, cell in cells.items() if header in fields and cell.text.strip()}


def usable_defaults(headers: Headers, defaults: Mapping[str, Cell]) -> tuple[dict[str, Cell], list[Problem]]:
    """The defaults of known columns. Those that can't be read are told once, here, and left out."""
    known = known_cells(headers, defaults)
    _, findings = read_values(_texts(known))
    problems = [located(finding, known[finding.field].place, known[finding.field].text) for finding in findings]
    bad = {finding.field for finding in findings}
    return {name: cell for name, cell in known.items() if name not in bad}, problems


@dataclass
class RowRules:
    """The rules of one manifest, applied to its records in order."""

    headers: Headers
    #: Of known columns, by column.
    defaults: Mapping[str, Cell]
    #: Of the team's own columns, by header.
    own_defaults: Mapping[str, Cell]
    inputs: Inputs
    batch: str
    template: Template
    _own_names: dict[str, str] = field(init=False)
    _position: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._own_names = {normal(header): header for header in reversed(self.headers.own)}

    def apply(self, record: Record) -> tuple[list[Draft], list[Problem]]:
        """The drafts of one record (one a language), and the row's problems."""
        if record.problems and not record.cells:
            return [], list(record.problems)
        cells = {**self.defaults, **known_cells(self.headers, record.cells)}
        values, findings = read_values(_texts(cells))
        row = _Row(cells, self._own_columns(record.cells), values, record.place)
        if values.skip:
            return self._skipped(row), []
        problems = [*record.problems, *_doubled(self.headers, record), *map(row.locate, findings)]
        return self._planned(row, problems)

    def _own_columns(self, cells: Mapping[str, Cell]) -> Mapping[str, str]:
        if not self.headers.own:
            return _NO_COLUMNS
        columns = {}
        for header in self.headers.own:
            cell = cells.get(header)
            cell = cell if cell and cell.text else self.own_defaults.get(header)
            columns[header] = cell.text if cell else ""
        return columns

    def _planned(self, row: _Row, problems: list[Problem]) -> tuple[list[Draft], list[Problem]]:
        dubs = list(self._dubs(row))
        if lack := _lack(row, dubs, self.headers):
            problems.append(row.locate(lack, self._gap(row, lack.field)))
        if "video" not in row.cells or not dubs:
            return [], [replace(problem, job=row.values.id) for problem in problems]
        video = self.inputs.read("video", row.cells["video"].text.strip())
        audios = [self.inputs.read("audio", dub.audio.text.strip()) for dub in dubs]
        swapped = [_are_swapped(video.media, audio.media) for audio in audios]
        if video.finding and not any(swapped):
            problems.append(row.locate(video.finding))
        drafts: list[Draft] = []
        own_problems: list[Problem] = []
        for dub, audio, is_swapped in zip(dubs, audios, swapped, strict=True):
            finding = _SWAPPED if is_swapped else audio.finding
            own = [row.locate(finding, dub.audio)] if finding else []
            own += self._model_problems(row, video.media, audio.media)
            job_id = self._job_id(row, dub, video.media)
            if not is_name(job_id):
                own.append(row.locate(_NO_ID))
            elif video.media and audio.media:
                draft = self._draft(row, dub, job_id, (video.media, audio.media))
                own += [row.locate(_LONG_OUTPUT)] if is_too_long(draft.job.output) else []
                blocked = next((problem.message for problem in [*problems, *own] if problem.is_error), "")
                drafts.append(draft._replace(job=replace(draft.job, blocked=blocked)) if blocked else draft)
            own_problems += [replace(problem, job=job_id) for problem in own]
        sole = drafts[0].job.id if len(drafts) == 1 else row.values.id
        return drafts, [*(replace(problem, job=sole) for problem in problems), *own_problems]

    def _gap(self, row: _Row, column: str) -> Cell | None:
        """The empty cell of ``column``, in a table; elsewhere what is not there has no place."""
        headers = (header for header, meaning in self.headers.fields.items() if meaning == column)
        return next((Cell("", row.place, header) for header in headers if self.headers.is_table), None)

    def _skipped(self, row: _Row) -> list[Draft]:
        """Rows that are not to be dubbed keep their jobs (the ledger may know them), whatever their cells say."""
        text = row.cells["video"].text.strip() if "video" in row.cells else ""
        video = (self.inputs.read("video", text).media if text else None) or Media(text)
        drafts = []
        for dub in [*self._dubs(row)] or [_Dub(row.values.language, Cell("", row.place), False)]:
            audio_text = dub.audio.text.strip()
            audio = (self.inputs.read("audio", audio_text).media if audio_text else None) or Media(audio_text)
            job_id = self._job_id(row, dub, video)
            if is_name(job_id):
                drafts.append(self._draft(row, dub, job_id, (video, audio)))
        return drafts

    def _dubs(self, row: _Row) -> Iterator[_Dub]:
        if "audio" in row.cells:
            yield _Dub(row.values.language, row.cells["audio"], False)
        for column, language in self.headers.dubs.items():
            if column in row.cells:
                yield _Dub(language, row.cells[column], True)

    def _job_id(self, row: _Row, dub: _Dub, video: Media | None) -> str:
        """The row's own id, else the video's stem; with the language where one id would stand for several."""
        if "id" in row.cells and not row.values.id:
            return ""
        name = row.values.id or (input_stem(video) if video else "")
        is_told = bool(row.values.id) and not dub.is_column
        return name if is_told or not name or not dub.language else f"{name}-{dub.language}"

    def _model_problems(self, row: _Row, video: Media | None, audio: Media | None) -> list[Problem]:
        if not row.values.model or not video or not audio or video.is_local or audio.is_local:
            return []
        return [row.locate(_MODEL_IGNORED)]

    def _draft(self, row: _Row, dub: _Dub, job_id: str, media: tuple[Media, Media]) -> Draft:
        video, audio = media
        values = row.values
        job = Job(
            id=job_id,
            video=video,
            audio=audio,
            output=self._output(row, dub, job_id, video),
            position=self._position,
            language=dub.language,
            reference_id=values.reference_id,
            disable_active_speaker_detection=values.disable_active_speaker_detection,
            model=values.model,
            priority=values.priority,
            minutes=values.minutes,
            skip=values.skip,
            columns=row.columns,
            place=row.place,
        )
        self._position += 1
        return Draft(
            job,
            id_cell=row.cells.get("id") if values.id else row.cells.get("video"),
            has_own_id=bool(values.id),
            audio_cell=dub.audio,
            reference_cell=row.cells.get("reference_id"),
            output_cell=row.cells.get("output"),
        )

    def _output(self, row: _Row, dub: _Dub, job_id: str, video: Media) -> str:
        if row.values.output:
            return safe_name(row.values.output)

        def value(name: str) -> str:
            if name == "id":
                return job_id
            if name == "language":
                return dub.language
            if name == "batch":
                return self.batch
            if name == "stem":
                return input_stem(video)
            if name in self._own_names:
                return _without_query(row.columns[self._own_names[name]])
            return _without_query(row.cells[name].text.strip()) if name in row.cells else ""

        return self.template.render(value)


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


def _lack(row: _Row, dubs: Sequence[_Dub], headers: Headers) -> Finding | None:
    has_video, has_audio = "video" in row.cells, bool(dubs)
    if has_video and has_audio:
        return None
    if not has_video and not has_audio:
        return Finding("the row has neither video nor audio", _FILL)
    if not has_video:
        return Finding("the row has no video", _FILL, field="video")
    if headers.dubs:
        return Finding("the row has no audio in any language: nothing is dubbed", _FILL, "warning")
    return Finding("the row has no audio", _FILL, field="audio")


def _are_swapped(video: Media | None, audio: Media | None) -> bool:
    if video is None or audio is None:
        return False
    return input_suffix(video) in AUDIO_SUFFIXES and input_suffix(audio) in VIDEO_SUFFIXES


def _without_query(text: str) -> str:
    # The query of a signed link is a secret: it gets into no file name.
    return text.partition("?")[0] if "://" in text else text


_FILL = "fill the cell, put x in a column skip, or delete the row"
_SWAPPED = Finding("video and audio are swapped", "exchange the two cells (or the two headers)")
_LONG_OUTPUT = Finding(
    "the output's name, with its folders, is too long for a file", "give it fewer or shorter folders", field="output"
)
_NO_ID = Finding("the row has no id, and none can be made of the video's name", "give the row an id")
_MODEL_IGNORED = Finding(
    "the model is ignored: the service takes one with uploads only", "leave the cell empty", "warning", "model"
)
