"""The dubs of one row, one a language: from columns of their own, or from one pattern for several languages.

``audio: "dubs/{stem}.{language}.wav"`` with ``languages: de, fr`` names two tracks. A pattern may use every
field that the output template may; text in braces that is no field is part of a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dubbatch.manifest.cells import Cell
from dubbatch.manifest.columns import normal
from dubbatch.manifest.output_names import Template, parse_template
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.values import Values

_FIELD = re.compile(r"\{(?P<field>[^{}]*)\}")
#: A field's normalized name and a language -> its text.
Fill = Callable[[str, str], str]


class Dub(NamedTuple):
    """One language of a row."""

    language: str
    cell: Cell
    #: What the cell names, its pattern filled in.
    text: str
    #: Whether the row may have several, so that one id would stand for all.
    is_one_of_many: bool


@dataclass
class Patterns:
    """Fills the patterns of one manifest; each text is parsed once."""

    #: Headers that a pattern may name, as people write them.
    fields: Collection[str]
    _known: frozenset[str] = field(init=False)
    _parsed: dict[str, Template | Finding | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._known = frozenset(map(normal, self.fields))

    def parse(self, text: str) -> Template | Finding | None:
        """The pattern of ``text``, or what is wrong with it; None where it is a plain path or address."""
        if "{" not in text:
            return None
        if text not in self._parsed:
            parsed = parse_template(text, self._known)
            is_pattern = any(normal(found["field"]) in self._known for found in _FIELD.finditer(text))
            self._parsed[text] = parsed if is_pattern else None
        return self._parsed[text]


def dubs_of(
    cells: Mapping[str, Cell], values: Values, columns: Mapping[str, str], patterns: Patterns, fill: Fill
) -> tuple[list[Dub], Finding | None]:
    """The dubs that a row asks for, and what is wrong with its pattern.

    ``cells``: those of known columns that are not empty; ``columns``: ``audio:<language>`` -> the language as the
    header writes it.
    """
    dubs: list[Dub] = []
    finding = None
    if "audio" in cells:
        cell = cells["audio"]
        several = values.languages
        pattern = patterns.parse(cell.text.strip())
        if isinstance(pattern, Finding):
            return [], replace(pattern, field="audio")
        needs_language = _names_language(pattern)
        languages = several or ((values.language,) if values.language or not needs_language else ())
        if len(several) > 1 and not needs_language:
            finding = _ONE_TRACK
        elif not languages:
            finding = _NO_LANGUAGE
        dubs += [_dub(cell, language, patterns, fill, is_one_of_many=bool(several)) for language in languages]
    for column, language in columns.items():
        if column in cells:
            dubs.append(_dub(cells[column], language, patterns, fill, is_one_of_many=True))
    if values.languages and dubs and "audio" not in cells:
        finding = _IDLE_LANGUAGES
    return dubs, finding


def _dub(cell: Cell, language: str, patterns: Patterns, fill: Fill, *, is_one_of_many: bool) -> Dub:
    text = cell.text.strip()
    pattern = patterns.parse(text)
    if isinstance(pattern, Template):
        text = pattern.fill(lambda name: fill(name, language)).strip()
    return Dub(language, cell, text, is_one_of_many)


def _names_language(pattern: Template | None) -> bool:
    return pattern is not None and any(name == "language" for _, name in pattern.pieces)


_NO_LANGUAGE = Finding(
    "the audio's pattern names {language}, and the row has none",
    "give the row a language, or languages",
    field="audio",
)
_IDLE_LANGUAGES = Finding(
    "languages has no effect: the tracks have languages of their own",
    "take it away, or write one audio with {language} in it",
    "warning",
    "languages",
)
_ONE_TRACK = Finding(
    "one audio track is given for several languages",
    "write {language} where the tracks' names differ, such as dubs/{stem}.{language}.wav",
    field="audio",
)
