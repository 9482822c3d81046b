"""What only shows when all rows are seen: ids, references and names that clash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

from dubbatch.jobs import Job, Media
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.drafts import Draft
from dubbatch.manifest.output_names import collision_key
from dubbatch.manifest.problems import Finding, Problem, located

#: Written beside the outputs by every run.
_REPORTS = frozenset({"report.csv", "report.json"})
#: Names that the downloader gives to what belongs to ``name.mp4``.
_BELONGS_TO = re.compile(r"(?P<name>.+)\.(?:suspect|v\d+)\.mp4")
_PART = ".part"
#: Other rows that are named in one message.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Clash:
    """A problem of the draft with that index."""

    index: int
    problem: Problem


def find_clashes(drafts: Sequence[Draft]) -> list[Clash]:
    """All clashes between ``drafts``. Rows that are skipped clash by their id alone, as a warning."""
    sent = {index: draft for index, draft in enumerate(drafts) if not draft.job.skip}
    return [
        *_same_ids(drafts),
        *_same_references(sent),
        *_same_outputs(sent),
        *_nested_outputs(sent),
        *_same_audio({index: draft for index, draft in sent.items() if not draft.job.blocked}),
    ]


def _groups(drafts: Mapping[int, Draft], key: Callable[[Draft], str]) -> Iterator[list[int]]:
    """The indexes of drafts that share a key that is not empty."""
    first: dict[str, int] = {}
    groups: dict[str, list[int]] = {}
    for index, draft in drafts.items():
        name = key(draft)
        if name and first.setdefault(name, index) != index:
            groups.setdefault(name, [first[name]]).append(index)
    return iter(groups.values())


def _same_ids(drafts: Sequence[Draft]) -> Iterator[Clash]:
    for indexes in _groups(dict(enumerate(drafts)), lambda draft: "" if _is_nameless(draft) else draft.job.id):
        others = [index for index in indexes if not drafts[index].job.skip]
        group = [drafts[index] for index in indexes]
        for index in indexes:
            draft = drafts[index]
            where = _elsewhere(draft, group)
            if draft.has_own_id:
                message, remedy = f"the id stands also {where}", "give each row an id of its own"
            else:
                message = f"the id {draft.job.id!r}, made from the video's name, stands also {where}"
                remedy = "give the rows ids of their own: add a column id"
            is_error = len(others) > 1 and not draft.job.skip
            finding = Finding(message, remedy, "error" if is_error else "warning")
            yield _clash(index, draft, finding, draft.id_cell, draft.job.id)


def _is_nameless(draft: Draft) -> bool:
    """Whether a row lacks a medium and an id of its own: what it will be called shows when it is mended."""
    media = (draft.job.video, draft.job.audio)
    return (
        not draft.has_own_id
        and not draft.job.skip
        and any(medium.path is None and medium.url is None for medium in media)
    )


def _same_references(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    for indexes in _groups(drafts, lambda draft: draft.job.reference_id):
        group = [drafts[index] for index in indexes]
        for index in indexes:
            draft = drafts[index]
            where = _elsewhere(draft, group)
            finding = Finding(f"the reference_id stands also {where}", "give each job its own, or none")
            yield _clash(index, draft, finding, draft.reference_cell, draft.job.reference_id)


def _same_outputs(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    for indexes in _groups(drafts, lambda draft: collision_key(draft.job.output)):
        # Equal ids make equal names: that is said already.
        if len({drafts[index].job.id for index in indexes}) == 1:
            continue
        group = [drafts[index] for index in indexes]
        for index in indexes:
            where = _elsewhere(drafts[index], group)
            yield _output_clash(index, drafts[index], f"the same output name stands also {where}")


def _nested_outputs(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    """Names that another name needs: as its folder, its part, or its older version."""
    names = {collision_key(draft.job.output): index for index, draft in drafts.items()}
    for name, index in names.items():
        *folders, _ = name.split("/")
        if folders and folders[0] in _REPORTS:
            yield _output_clash(index, drafts[index], f"{folders[0]} is the name of the report")
        for taken in _needed_by_others(name):
            other = names.get(taken)
            if other is not None:
                message = "an output name {} can't stand beside this one"
                for one, two in ((index, other), (other, index)):
                    where = _elsewhere(drafts[one], [drafts[two]])
                    yield _output_clash(one, drafts[one], message.format(where))


def _needed_by_others(name: str) -> Iterator[str]:
    folders = name.split("/")[:-1]
    for depth in range(1, len(folders) + 1):
        folder = "/".join(folders[:depth])
        yield folder
        if folder.endswith(_PART):
            yield folder.removesuffix(_PART)
    if name.count(".") > 1 and (found := _BELONGS_TO.fullmatch(name)):
        yield found["name"] + ".mp4"


def _same_audio(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    """One track for two languages of a video is most often a slip of copying."""
    for indexes in _groups(drafts, lambda draft: f"{_name(draft.job.video)}\n{_name(draft.job.audio)}"):
        spoken = {drafts[index].job.language.casefold(): drafts[index].job.language for index in indexes}
        if len(spoken) < 2:
            continue
        for index in indexes:
            draft = drafts[index]
            others = [language for key, language in spoken.items() if key != draft.job.language.casefold()]
            named = ", ".join(sorted(filter(None, others))) or "no language"
            message = f"the same audio is given for {draft.job.language or 'no language'} and {named} of this video"
            finding = Finding(message, "look whether one of them should be another file", "warning")
            yield _clash(index, draft, finding, draft.audio_cell, draft.job.audio.text)


def _name(media: Media) -> str:
    return media.url or media.text


def _output_clash(index: int, draft: Draft, message: str) -> Clash:
    finding = Finding(message, "put something that differs into the output template or the output cell")
    return _clash(index, draft, finding, draft.output_cell or draft.id_cell, draft.job.output)


def _clash(index: int, draft: Draft, finding: Finding, cell: Cell | None, value: str) -> Clash:
    return Clash(index, located(finding, draft.place(cell), value, job=draft.job.id))


def _elsewhere(draft: Draft, group: Sequence[Draft]) -> str:
    """``in row 3``, ``in rows 3, 7 and 12 more``: as many as help. ``group`` may be large, and have ``draft`` in it."""
    others = (other for other in group if other is not draft)
    rows = dict.fromkeys(_row(other.job, draft.job) for other in islice(others, _NAMED))
    more = len(group) - 1 - _NAMED
    named = ", ".join(rows) + (f" and {more} more" if more > 0 else "")
    return f"in row{'s' if len(rows) > 1 else ''} {named}"


def _row(other: Job, here: Job) -> str:
    place = other.place
    if (place.file, place.sheet) != (here.place.file, here.place.sheet):
        return f"{place.row} of {PurePath(place.file).name}" + (f"#{place.sheet}" if place.sheet else "")
    return f"{place.row} (job {other.id})" if place.row == here.place.row else str(place.row)
