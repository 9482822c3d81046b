"""What the headers of one manifest mean together: known columns, dubs, ours, and the team's own.

A header that only resembles a known one is taken for the team's own, with a warning: guessing
would spend money on a guess.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.columns import (
    KNOWN,
    OURS,
    REQUIRED,
    is_column,
    likely_column,
    mapped,
    meaning,
    meaning_of,
    meant_dub,
    nearest_column,
    normal,
)
from dubbatch.manifest.languages import check_tag, code_of, is_english_name, tag_of
from dubbatch.manifest.problems import Finding, Problem, Severity, located, shown
from dubbatch.resolution import is_secret

_LANGUAGES_SHOWN = 5


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

    ``columns`` maps the team's headers to known ones, or to nothing where a known word is the team's own;
    ``given`` are the headers that the manifest's defaults have values for; ``place`` is where a missing
    column is reported. In a table, two headers of one meaning are an error.
    """
    mapping = {normal(header): cell.text for header, cell in columns.items()}
    every = (*headers, *given)
    fields: dict[str, str] = {}
    dubs: dict[str, str] = {}
    for cell in every:
        column, language = meaning(mapped(cell.text, mapping))
        if column:
            fields[cell.text] = column
        if language:
            dubs.setdefault(column, language)
    own = tuple(dict.fromkeys(cell.text for cell in every if cell.text not in fields and not _is_ours(cell.text)))
    secrets = [cell for cell in every if cell.text in own and is_secret(cell.text)]
    own = tuple(header for header in own if not is_secret(header))
    lost = tuple(_lost_dubs(every, fields, set(own)))
    problems = (
        *(located(_SECRET, cell.place, cell.text) for cell in secrets),
        *(_doubles(headers, fields) if is_table else ()),
        *(_bad_languages(every, fields, dubs) if is_table else ()),
        *(_idle_language(headers, fields) if is_table else ()),
        *lost,
        *_near_misses(every, fields, set(own), is_table=is_table),
        *_missing(every, fields, set(own), place, has_lost=any(problem.is_error for problem in lost)),
    )
    return Headers(fields, dubs, own, is_table, problems)


def mapping_problems(columns: Mapping[str, Cell], headers: Sequence[Cell]) -> Iterator[Problem]:
    """What is wrong with a manifest's ``columns``; ``headers`` are all that they may speak of."""
    there = {normal(cell.text.partition(":")[0]): cell.text.partition(":")[0] for cell in headers}
    there |= {normal(cell.text): cell.text for cell in headers}
    given = {meaning_of(cell.text, {header: column.text for header, column in columns.items()}) for cell in headers}
    for header, cell in columns.items():
        if not cell.text.strip():
            # A word of ours that is the team's own: nothing is wrong with that.
            continue
        if not is_column(cell.text):
            near = nearest_column(cell.text)
            remedy = f"did you mean {near}?" if near else f"the columns are {', '.join(KNOWN)}"
            message = f"columns: {shown(cell.text)!r} is no column of dubbatch"
            yield Problem("error", cell.place, shown(cell.text), message, remedy)
        elif headers and normal(header) not in there and meaning(cell.text)[0] not in given:
            close = get_close_matches(normal(header), there, 1)
            remedy = (
                f"did you mean {shown(there[close[0]])}?" if close else "write the header as it stands in the table"
            )
            message = f"columns: there is no header {shown(header)!r}"
            yield Problem("warning", cell.place, shown(header), message, remedy)


def _is_ours(header: str) -> bool:
    return normal(header).startswith(OURS)


def _doubles(headers: Sequence[Cell], fields: Mapping[str, str]) -> Iterator[Problem]:
    meanings = [fields.get(cell.text, cell.text) for cell in headers]
    counts = Counter(meanings)
    for cell, column in zip(headers, meanings, strict=True):
        if counts[column] > 1 and cell.text in fields:
            message = f"{counts[column]} headers mean {shown(column)}"
            yield Problem("error", cell.place, shown(cell.text), message, "keep one of them, rename the others")
        elif counts[column] > 1 and not _is_ours(cell.text):
            message = f"{counts[column]} columns have the header {shown(column)}: the first of them is kept"
            yield Problem("warning", cell.place, shown(cell.text), message, "give each a header of its own")
            counts[column] = 0


def _bad_languages(headers: Sequence[Cell], fields: Mapping[str, str], dubs: Mapping[str, str]) -> Iterator[Problem]:
    for cell in headers:
        language = dubs.get(fields.get(cell.text, ""))
        if language and (finding := check_tag(language)):
            yield located(finding, cell.place, cell.text)


def _near_misses(
    headers: Sequence[Cell], fields: Mapping[str, str], own: set[str], *, is_table: bool
) -> Iterator[Problem]:
    # Rows with keys of their own: that another row has the right key is no excuse for this one.
    taken = _taken(fields) if is_table else set()
    for cell in headers:
        if cell.text.lower().startswith("audio:") and cell.text in own:
            message, remedy = f"{shown(cell.text)} names no language", "write a tag such as de or pt-BR"
            yield Problem("error", cell.place, shown(cell.text), message, remedy)
        elif cell.text in own and (near := likely_column(cell.text)) and near not in taken and near not in REQUIRED:
            message = f"{shown(cell.text)!r} is kept as a column of your own; it has no effect"
            # What was meant to be skipped would be bought.
            severity: Severity = "error" if near == "skip" else "warning"
            yield Problem(severity, cell.place, shown(cell.text), message, _mean(cell.text, near))


def _idle_language(headers: Sequence[Cell], fields: Mapping[str, str]) -> Iterator[Problem]:
    """A column ``language`` beside tracks that all stand under languages of their own."""
    meanings = set(fields.values())
    if "language" in meanings and "audio" not in meanings and "audio" in _taken(fields):
        cell = next((cell for cell in headers if fields.get(cell.text) == "language"), None)
        if cell is not None:
            message = f"{shown(cell.text)} has no effect: the audio columns name the languages"
            remedy = "give the column another header, if it is the video's language"
            yield Problem("warning", cell.place, shown(cell.text), message, remedy)


def _missing(
    headers: Sequence[Cell], fields: Mapping[str, str], own: set[str], place: Place, *, has_lost: bool
) -> Iterator[Problem]:
    taken = _taken(fields)
    for field in REQUIRED:
        if field in taken or (field == "audio" and has_lost):
            continue
        languages = [cell.text for cell in headers if cell.text in own and _is_language(cell.text)]
        near = next((cell for cell in headers if cell.text in own and likely_column(cell.text) == field), None)
        if field == "audio" and len(languages) > 1:
            named = ", ".join(map(shown, languages[:_LANGUAGES_SHOWN]))
            remedy = f"if {named} are dubs, call them audio_{shown(languages[0])} ..."
            yield Problem("error", place, "", "there is no column audio", remedy)
        elif near is None:
            yield Problem("error", place, "", f"there is no column {field}", f"give the column the header {field}")
        else:
            message = f"there is no column {field}, but a column {shown(near.text)!r}"
            yield Problem("error", near.place, shown(near.text), message, _mean(near.text, field))


def _is_language(text: str) -> bool:
    return bool(code_of(text) or is_english_name(text))


def _taken(fields: Mapping[str, str]) -> set[str]:
    return {meaning.split(":")[0] for meaning in fields.values()}


def _lost_dubs(headers: Sequence[Cell], fields: Mapping[str, str], own: set[str]) -> Iterator[Problem]:
    """A dub whose header isn't understood would be left out silently."""
    for cell in headers:
        column = meant_dub(cell.text) if cell.text in own else ""
        if column and column.replace("_", ":").casefold() not in fields.values():
            is_sure = bool(tag_of(column.partition("_")[2]))
            message = f"{shown(cell.text)!r} is no column of dubbatch; its tracks would not be dubbed"
            remedy = _mean(cell.text, column if is_sure else column.replace("_", ":"))
            yield Problem("error" if is_sure else "warning", cell.place, shown(cell.text), message, remedy)


_SECRET = Finding(
    "the key must not stand in a file that is passed on", "take the column away, and set CHAMELAION_API_KEY instead"
)


def _mean(header: str, field: str) -> str:
    return f"did you mean {field}? Give the column that header, or add --map {shlex.quote(f'{shown(header)}={field}')}"
