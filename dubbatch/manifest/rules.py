"""From one record to its jobs, and everything that is wrong with that row.

A row with an error still becomes a job where id, video and audio can be made of it: the
job is blocked, and the others can go on. What concerns several rows at once (ids and
names that clash) is in ``clashes``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from dubbatch.jobs import Media
from dubbatch.manifest.cells import Cell, Record
from dubbatch.manifest.columns import REQUIRED, likely_column, normal
from dubbatch.manifest.drafts import Draft, Drafter
from dubbatch.manifest.dubs import Dub
from dubbatch.manifest.headers import Headers
from dubbatch.manifest.inputs import Inputs
from dubbatch.manifest.languages import check_tag
from dubbatch.manifest.output_names import is_too_long
from dubbatch.manifest.problems import Finding, Problem, located, shown
from dubbatch.manifest.roles import AUDIO_SUFFIXES, MEDIUM, VIDEO_SUFFIXES, Input, named
from dubbatch.manifest.row import Row, RowReader
from dubbatch.manifest.slips import contradiction
from dubbatch.manifest.values import is_name, is_switch

#: Hidden rows that are told one by one: a filter may hide a hundred thousand.
HIDDEN_TOLD = 100


@dataclass
class RowRules:
    """The rules of one table or list of rows, applied to its records in order."""

    rows: RowReader
    inputs: Inputs
    drafter: Drafter
    include_hidden: bool = False
    #: Rows that were skipped because the sheet hides them.
    hidden: int = field(init=False, default=0)
    _told: set[str] = field(init=False, default_factory=set)

    @property
    def headers(self) -> Headers:
        return self.rows.headers

    def apply(self, record: Record) -> tuple[list[Draft], list[Problem]]:
        """The drafts of one record (one a language), and the row's problems."""
        if record.problems and not record.cells:
            return [], list(record.problems)
        row = self.rows.read(record)
        if row.values.skip:
            return self._unsent(row, skip=True), []
        if record.is_hidden and not self.include_hidden:
            return self._hidden(row)
        if self.headers.is_table and (not row.names_work or _is_aside(row, record)):
            return [], [*record.problems, *self._idle(row, record)]
        return self._planned(row, record)

    def _hidden(self, row: Row) -> tuple[list[Draft], list[Problem]]:
        drafts = self._unsent(row, skip=True, reason="the row is hidden in the sheet")
        self.hidden += bool(drafts)
        if not drafts or self.hidden > HIDDEN_TOLD:
            return drafts, []
        return drafts, [replace(row.locate(_HIDDEN), job=drafts[0].job.id if len(drafts) == 1 else row.values.id)]

    def _idle(self, row: Row, record: Record) -> list[Problem]:
        """A heading, a sum, a remark; checkboxes and numbers that go on below the table are nothing."""
        texts = [cell.text.strip() for cell in record.cells.values()]
        if all(not text or is_switch(text) or _NUMBER.fullmatch(text) for text in texts):
            return []
        return [self._lacking(row, _IDLE)]

    def _planned(self, row: Row, record: Record) -> tuple[list[Draft], list[Problem]]:
        problems = [*row.problems, *self._odd_columns(record)]
        video = self.inputs.read("video", row.cells["video"].text.strip()) if "video" in row.cells else None
        dubs, unclear = self.drafter.dubs(row, video.stem if video else "")
        if unclear and (dubs or not problems):
            problems.append(row.locate(unclear))
        lack = None if unclear else _lack(row, dubs, self.headers)
        if lack is _NO_DUB and any(likely_column(key) == "audio" for key in row.keys):
            lack = _NO_AUDIO
        if lack and not (row.flawed and _is_about(lack.field, row.flawed)):
            problems.append(self._lacking(row, lack))
        if video is None or not dubs:
            error = next((problem for problem in problems if problem.is_error), None)
            drafts = [_blocked(draft, error) for draft in self._unsent(row)] if error else []
            return drafts, _of_job(problems, row, drafts)
        audios = [self.inputs.read("audio", dub.text) for dub in dubs]
        swapped = [_are_swapped(video, audio) for audio in audios]
        if video.finding and not any(swapped) and "video" not in row.flawed:
            problems.append(row.locate(video.finding))
        drafts, own_problems = [], []
        for dub, audio, is_swapped in zip(dubs, audios, swapped, strict=True):
            own = self._dub_problems(row, dub, video, audio._replace(finding=_SWAPPED) if is_swapped else audio)
            job_id = self.drafter.job_id(row, dub, video.stem)
            if not is_name(job_id):
                own += [row.locate(_NO_ID)] if video.media else []
            else:
                media = video.media or Media(row.cells["video"].text), audio.media or Media(dub.text)
                draft = self.drafter.draft(row, dub, job_id, media, video.stem)
                own += [row.locate(_LONG_OUTPUT)] if is_too_long(draft.job.output) else []
                error = next((problem for problem in [*problems, *own] if problem.is_error), None)
                drafts.append(_blocked(draft, error) if error else draft)
            own_problems += [replace(problem, job=job_id) for problem in own]
        return drafts, [*_of_job(problems, row, drafts), *own_problems]

    def _odd_columns(self, record: Record) -> Iterator[Problem]:
        """Tracks under a header that resembles ``audio`` and is none: they would be left out silently."""
        for header in self._likely_audio:
            cell = record.cells.get(header)
            if cell and header not in self._told and _TRACK.search(cell.text):
                self._told.add(header)
                message = f"{shown(header)!r} is a column of your own, and has a track in it that is not dubbed"
                yield located(
                    Finding(message, "name its language in the header: audio_de", "warning"), cell.place, cell.text
                )

    @cached_property
    def _likely_audio(self) -> tuple[str, ...]:
        told = {problem.value for problem in self.headers.problems}
        return tuple(
            header for header in self.headers.own if normal(header).startswith("audio") and shown(header) not in told
        )

    def _dub_problems(self, row: Row, dub: Dub, video: Input, audio: Input) -> list[Problem]:
        """What is wrong with one language of a row, apart from its names."""
        is_flawed = row.flawed and _is_about("audio", row.flawed)
        problems = [located(audio.finding, dub.cell.place, dub.cell.text)] if audio.finding and not is_flawed else []
        if row.values.output and isinstance(bad := self.drafter.patterns.parse(row.values.output), Finding):
            problems.append(row.locate(replace(bad, field="output")))
        if not self.headers.is_table and (finding := check_tag(dub.language) if dub.language else None):
            column = f"audio:{dub.language.casefold()}"
            keys = (place for header, place in row.keys.items() if self.headers.fields.get(header) == column)
            problems.append(located(finding, next(keys, dub.cell.place), dub.language))
        if video.media is None or audio.media is None:
            return problems
        if row.values.model and not video.media.is_local and not audio.media.is_local:
            problems.append(row.locate(_MODEL_IGNORED))
        told = contradiction(dub.language, audio, video) if dub.language else ""
        if told:
            message = f"the audio's name says {told}, and it is given as {dub.language}"
            finding = Finding(message, "look whether the file and the language belong together", "warning")
            problems.append(located(finding, dub.cell.place, dub.text))
        return problems

    def _lacking(self, row: Row, lack: Finding) -> Problem:
        """At the empty cell, in a table; elsewhere what is not there has no place, but a key that resembles it has."""
        if self.headers.is_table:
            headers = (header for header, meaning in self.headers.fields.items() if meaning == lack.field)
            return row.locate(lack, next((Cell("", row.place, header) for header in headers), None))
        for header, place in row.keys.items():
            if lack.field and likely_column(header) == lack.field:
                message = f"{lack.message}, but a key {shown(header)!r}"
                return located(Finding(message, f"did you mean {lack.field}?"), place, header)
        return row.locate(lack)

    def _unsent(self, row: Row, *, skip: bool = False, reason: str = "") -> list[Draft]:
        """Rows that are not sent keep their jobs (the ledger may know them), whatever their cells say."""
        if skip:
            row = row._replace(values=row.values._replace(skip=True))
        text = row.cells["video"].text.strip() if "video" in row.cells else ""
        video = (self.inputs.read("video", text).media if text else None) or Media(text)
        stem = named(video).stem
        dubs, _ = self.drafter.dubs(row, stem)
        drafts = []
        for dub in dubs or [Dub(row.values.language, Cell("", row.place), "", False)]:
            audio = (self.inputs.read("audio", dub.text).media if dub.text else None) or Media(dub.text)
            job_id = self.drafter.job_id(row, dub, stem)
            if is_name(job_id):
                draft = self.drafter.draft(row, dub, job_id, (video, audio), stem)
                drafts.append(draft._replace(job=replace(draft.job, blocked=reason)) if reason else draft)
        return drafts


def _blocked(draft: Draft, error: Problem) -> Draft:
    return draft._replace(job=replace(draft.job, blocked=error.message, remedy=error.remedy))


def _of_job(problems: Sequence[Problem], row: Row, drafts: Sequence[Draft]) -> list[Problem]:
    """``problems`` of a row, with its job where it has one alone; what is told of the header is no job's."""
    job = drafts[0].job.id if len(drafts) == 1 else row.values.id
    return [replace(problem, job=job) if problem.place.row == row.place.row else problem for problem in problems]


def _is_about(column: str, flawed: Collection[str]) -> bool:
    """Whether what is missing is there, but flawed: that is told already."""
    return any(not column or name.partition(":")[0] == column for name in flawed)


def _lack(row: Row, dubs: Sequence[Dub], headers: Headers) -> Finding | None:
    has_video, has_audio = "video" in row.cells, bool(dubs)
    if has_video and has_audio:
        return None
    if not has_video and not has_audio:
        return Finding("the row has neither video nor audio", _FILL, field="video")
    if not has_video:
        return Finding("the row has no video", _FILL, field="video")
    if headers.dubs:
        return _NO_DUB
    return _NO_AUDIO


def _is_aside(row: Row, record: Record) -> bool:
    """Whether a row that names a job is a heading in the column of the ids, or a sum with counts for media."""
    if row.flawed or ("video" in row.cells and MEDIUM.search(row.cells["video"].text)):
        return False
    texts = [text for cell in record.cells.values() if (text := cell.text.strip())]
    if any(MEDIUM.search(text) for text in texts):
        return False
    media = [cell.text.strip() for column, cell in row.cells.items() if column.partition(":")[0] in REQUIRED]
    # One word alone is an id that waits for its media.
    if len(texts) == 1 and " " in texts[0]:
        return True
    return any(map(_SUM.fullmatch, texts)) and all(_NUMBER.fullmatch(text) or _SUM.fullmatch(text) for text in media)


def _are_swapped(video: Input, audio: Input) -> bool:
    return video.suffix in AUDIO_SUFFIXES and audio.suffix in VIDEO_SUFFIXES


#: Of an audio file's name at the end of a text.
_TRACK = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(AUDIO_SUFFIXES)))})\s*(?:\?.*)?$", re.IGNORECASE)
_NUMBER = re.compile(r"[\d.,:%]+")
_SUM = re.compile(
    r"(?:(?:grand |sub-?)?totals?|totale?|sum|summe|gesamt|insgesamt|somme|suma|count|anzahl|合計|小計|計)\s*:?",
    re.IGNORECASE,
)
_FILL = "fill the cell, put x in a column skip, or delete the row"
_NO_DUB = Finding("the row has no audio in any language: nothing is dubbed", _FILL, "warning")
_NO_AUDIO = Finding("the row has no audio", _FILL, field="audio")
_SWAPPED = Finding("video and audio are swapped", "exchange the two cells (or the two headers)")
_LONG_OUTPUT = Finding(
    "the output's name, with its folders, is too long for a file", "give it fewer or shorter folders", field="output"
)
_NO_ID = Finding("the row has no id, and none can be made of the video's name", "give the row an id")
_IDLE = Finding(
    "the row has neither video nor audio: it is skipped",
    "fill the cells, or leave the row as it is",
    "warning",
    "video",
)
_HIDDEN = Finding("the row is hidden in the sheet: it is skipped", "show the row, or take --include-hidden", "warning")
_MODEL_IGNORED = Finding(
    "the model is ignored: the service takes one with uploads only", "leave the cell empty", "warning", "model"
)
