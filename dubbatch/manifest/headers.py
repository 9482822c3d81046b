"""What each header means: a known column, a language's audio, ours, or the team's own.

Headers are compared without case, spaces, hyphens and underscores. A header that only
resembles a known one is taken for the team's own, with a warning: guessing would spend
money on a guess.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.problems import Problem, shown

REQUIRED = ("video", "audio")
#: Every column that has a meaning (design, section 9), the required ones first.
KNOWN = (
    *REQUIRED,
    "id",
    "language",
    "output",
    "reference_id",
    "disable_active_speaker_detection",
    "model",
    "priority",
    "skip",
    "minutes",
)
#: Columns that dubbatch writes into the team's sheet.
_OURS = "dub_"
_DUB = re.compile(r"audio\s*[_: -]\s*(?P<language>[a-z]{2,3}(?:[_-][a-z0-9]{1,8})*)", re.IGNORECASE)
#: After a colon (YAML's map of languages) the rest can be nothing but a language.
_DUB_AFTER_COLON = re.compile(r"audio\s*:\s*(?P<language>[a-z]{2,8}(?:[_-][a-z0-9]{1,8})*)", re.IGNORECASE)
#: Three letters that follow "audio" in headers and are no language there.
_NO_LANGUAGES = frozenset("url uri wav src ref dir key len".split())
_FILLERS = frozenset("file files path url uri link name source src track in input".split())
_SYNONYMS = {"lang": "language", "locale": "language", "reference": "reference_id", "duration_minutes": "minutes"}
_LIKENESS = 0.8
#: No header with a meaning is longer; matching patterns against a page of text takes for ever.
_HEADER_MAX = 80


@dataclass(frozen=True, slots=True)
class Headers:
    """The meaning of one manifest's headers."""

    #: Header -> known column, or ``audio:<language>``; the team's own and ours are not in it.
    fields: Mapping[str, str]
    #: ``audio:<language>`` -> the language as the header writes it, in the manifest's order.
    dubs: Mapping[str, str]
    #: The team's own headers, in the manifest's order.
    own: tuple[str, ...]
    #: Two headers of one meaning are told once, here; else in the rows that have both.
    is_table: bool = True
    problems: tuple[Problem, ...] = ()


def resolve(
    headers: Sequence[Cell],
    columns: Mapping[str, Cell],
    *,
    place: Place,
    given: Sequence[Cell] = (),
    is_table: bool = True,
) -> Headers:
    """The meaning of ``headers``.

    ``columns`` maps the team's headers to known ones; ``given`` are the headers that the manifest's
    defaults have values for; ``place`` is where a missing column is reported. In a table, two headers
    of one meaning are an error.
    """
    mapping = {normal(header): cell.text for header, cell in columns.items()}
    every = (*headers, *given)
    fields: dict[str, str] = {}
    dubs: dict[str, str] = {}
    for cell in every:
        meaning, language = _meaning(_mapped(cell.text, mapping))
        if meaning:
            fields[cell.text] = meaning
        if language:
            dubs.setdefault(meaning, language)
    own = tuple(dict.fromkeys(cell.text for cell in every if cell.text not in fields and not _is_ours(cell.text)))
    problems = (
        *_mapping_problems(columns),
        *(_doubles(headers, fields) if is_table else ()),
        *_near_misses(every, fields, set(own)),
        *_missing(every, fields, set(own), place),
    )
    return Headers(fields, dubs, own, is_table, problems)


def _mapped(header: str, mapping: Mapping[str, str]) -> str:
    """The header that stands for ``header``; ``Track:de`` is the ``de`` of what stands for ``Track``."""
    if normal(header) in mapping:
        return mapping[normal(header)]
    base, colon, language = header.partition(":")
    return f"{mapping[normal(base)]}:{language}" if colon and normal(base) in mapping else header


def normal(header: str) -> str:
    """A header as it is compared: without case; spaces and hyphens are underscores."""
    return re.sub(r"[\s_-]+", "_", header.strip().casefold())


def _is_ours(header: str) -> bool:
    return normal(header).startswith(_OURS)


def _meaning(header: str) -> tuple[str, str]:
    """The known column (or ``audio:<language>`` and the language) that ``header`` names; empty: none."""
    name = normal(header)
    if name in KNOWN:
        return name, ""
    text = header.strip()
    if len(text) > _HEADER_MAX:
        return "", ""
    found = _DUB_AFTER_COLON.fullmatch(text) or _DUB.fullmatch(text)
    if found is None or (":" not in text and found["language"].lower() in _NO_LANGUAGES):
        return "", ""
    language = found["language"].replace("_", "-")
    return f"audio:{language.casefold()}", language


def _nearest(header: str) -> str:
    """The known column that ``header`` resembles; empty: none."""
    name = normal(header)
    words = set(re.split(r"[\W_]+", name))
    for field in REQUIRED:
        if field in words and words - {field, ""} <= _FILLERS:
            return field
    close = get_close_matches(name, KNOWN, 1, _LIKENESS)
    return _SYNONYMS.get(name) or (close[0] if close else "")


def _mapping_problems(columns: Mapping[str, Cell]) -> Iterator[Problem]:
    for cell in columns.values():
        if not _meaning(cell.text)[0]:
            near = get_close_matches(normal(cell.text), KNOWN, 1)
            remedy = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(KNOWN)}"
            message = f"columns: {shown(cell.text)!r} is no column of dubbatch"
            yield Problem("error", cell.place, shown(cell.text), message, remedy)


def _doubles(headers: Sequence[Cell], fields: Mapping[str, str]) -> Iterator[Problem]:
    meanings = [fields.get(cell.text, cell.text) for cell in headers]
    counts = Counter(meanings)
    for cell, meaning in zip(headers, meanings, strict=True):
        if counts[meaning] > 1:
            message = f"{counts[meaning]} headers mean {shown(meaning)}"
            yield Problem("error", cell.place, shown(cell.text), message, "keep one of them, rename the others")


def _near_misses(headers: Sequence[Cell], fields: Mapping[str, str], own: set[str]) -> Iterator[Problem]:
    taken = _taken(fields)
    for cell in headers:
        if cell.text.lower().startswith("audio:") and cell.text in own:
            message, remedy = f"{shown(cell.text)} names no language", "write a tag such as de or pt-BR"
            yield Problem("error", cell.place, shown(cell.text), message, remedy)
        elif cell.text in own and (near := _nearest(cell.text)) and near not in taken and near not in REQUIRED:
            message = f"{shown(cell.text)!r} is kept as a column of your own; it has no effect"
            yield Problem("warning", cell.place, shown(cell.text), message, _mean(near))


def _missing(headers: Sequence[Cell], fields: Mapping[str, str], own: set[str], place: Place) -> Iterator[Problem]:
    taken = _taken(fields)
    for field in REQUIRED:
        if field in taken:
            continue
        near = next((cell for cell in headers if cell.text in own and _nearest(cell.text) == field), None)
        if near is None:
            yield Problem("error", place, "", f"there is no column {field}", f"give the column the header {field}")
        else:
            message = f"there is no column {field}, but a column {shown(near.text)!r}"
            yield Problem("error", near.place, shown(near.text), message, _mean(field))


def _taken(fields: Mapping[str, str]) -> set[str]:
    return {meaning.split(":")[0] for meaning in fields.values()}


def _mean(field: str) -> str:
    return f"if it is meant as {field}, give it the header {field} (or name it under columns: in a YAML manifest)"
