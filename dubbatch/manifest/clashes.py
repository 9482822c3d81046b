"""What only shows when all rows are seen: ids, references and names that clash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dubbatch.jobs import Media
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.output_names import collision_key
from dubbatch.manifest.problems import Finding, Problem, located
from dubbatch.manifest.rules import Draft

#: Written beside the outputs by every run.
_REPORTS = frozenset({"report.csv", "report.json"})
#: Names that the downloader gives to what belongs to ``name.mp4``.
_BELONGS_TO = re.compile(r"(?P<name>.+)\.(?:suspect|v\d+)\.mp4")
_PART = ".part"


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
        *_same_audio(sent),
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
    for indexes in _groups(dict(enumerate(drafts)), lambda draft: draft.job.id):
        others = [index for index in indexes if not drafts[index].job.skip]
        for index in indexes:
            draft = drafts[index]
            where = _elsewhere(drafts[other] for other in indexes if other != index)
            if draft.has_own_id:
                message, remedy = f"the id stands also {where}", "give each row an id of its own"
            else:
                message = f"the id {draft.job.id!r}, made from the video's name, stands also {where}"
                remedy = "give the rows ids of their own: add a column id"
            is_error = len(others) > 1 and not draft.job.skip
            finding = Finding(message, remedy, "error" if is_error else "warning")
            yield _clash(index, draft, finding, draft.id_cell, draft.job.id)


def _same_references(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    for indexes in _groups(drafts, lambda draft: draft.job.reference_id):
        for index in indexes:
            draft = drafts[index]
            where = _elsewhere(drafts[other] for other in indexes if other != index)
            finding = Finding(f"the reference_id stands also {where}", "give each job its own, or none")
            yield _clash(index, draft, finding, draft.reference_cell, draft.job.reference_id)


def _same_outputs(drafts: Mapping[int, Draft]) -> Iterator[Clash]:
    for indexes in _groups(drafts, lambda draft: collision_key(draft.job.output)):
        # Equal ids make equal names: that is said already.
        if len({drafts[index].job.id for index in indexes}) == 1:
            continue
        for index in indexes:
            where = _elsewhere(drafts[other] for other in indexes if other != index)
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
                    where = _elsewhere([drafts[two]])
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
        languages = {drafts[index].job.language.casefold() for index in indexes}
        if len(languages) < 2:
            continue
        for index in indexes:
            draft = drafts[index]
            others = {drafts[other].job.language for other in indexes} - {draft.job.language}
            named = ", ".join(sorted(filter(None, others))) or "no language"
            message = f"the same audio is given for {draft.job.language or 'no language'} and {named} of this video"
            finding = Finding(message, "look whether one of them should be another file", "warning")
            yield _clash(index, draft, finding, draft.audio_cell, draft.job.audio.text)


def _name(media: Media) -> str:
    return media.url or media.text


def _output_clash(index: int, draft: Draft, message: str) -> Clash:
    finding = Finding(message, "put something that differs into the output template or the output cell")
    return _clash(index, draft, finding, draft.output_cell, draft.job.output)


def _clash(index: int, draft: Draft, finding: Finding, cell: Cell | None, value: str) -> Clash:
    return Clash(index, located(finding, draft.place(cell), value, job=draft.job.id))


def _elsewhere(drafts: Iterable[Draft]) -> str:
    """``in row 3``, ``in rows 3, 7 and 12 more``: as many as help."""
    rows = list(dict.fromkeys(str(draft.job.place.row) for draft in drafts))
    named = ", ".join(rows[:3]) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
    return f"in row{'s' if len(rows) > 1 else ''} {named}"
