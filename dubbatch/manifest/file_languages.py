"""Which language a file's name carries, or its folder's.

Names are read twice over. ``language_in`` is for names that nothing is known about: it must not take
a word for a language, so it is wary. ``readings`` is for names that stand beside a video's: what is
left without the language is looked for among the videos, which shows what was a language and what was
a word. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from dubbatch.manifest.languages import KOREA, code_of, family, is_english_name, is_tag, tag_of

#: What a name is made of, for looking for a language at its ends.
_PART = re.compile(r"[^\s._\-()\[\]{}]+")
#: A last part of letters (or ``419``), a first one as long as a code.
_MAY_END = re.compile(r"[\s._\-()\[\]{}](?:[^\W\d_]{2,20}|419)[)\]}]*$")
_MAY_START = re.compile(r"[\[({]*[A-Za-z]{2,3}(?![^\W_])")
_BETWEEN = " \t._-"
_AROUND = f"{_BETWEEN}()[]{{}}"
#: Parts of the longest language at the end of a name: ``zh_Hant_TW``, ``Latin American Spanish``.
_PARTS_MAX = 3
#: Codes that are no words, numerals or abbreviations of file names: these count wherever they stand.
_CLEAR = frozenset(
    """af ar az bn cs cy da de en es eu fa fi fr gl gu hr hu hy ja ka kk kn ko lt lv mk nb nl nn pl pt ro ru sk sl
    sq sr sv sw ta te th tr uk ur uz zh zu""".split()
)
#: Codes that are words as well, or countries: after a blank or an underscore these count in capitals only.
_CAPITALS = frozenset("bg ca el et ga he hi id is it ko lo mr no".split())
#: Codes that are something else even after a dot: pictures, quality, voice-over.
_NEVER = frozenset(["av", "sd", "vo", KOREA])
#: Three-letter codes that are English words or names.
_WORDS = frozenset("ben bis cat cos dan fin fin her ice ido man mar may mon pan per pol que run sin sun ton".split())


class Reading(NamedTuple):
    """A file's name as a language and what is left of it."""

    rest: str
    #: As it stands in the name.
    written: str
    #: The standard tag.
    tag: str


def contradiction(language: str, audio_stem: str, video_stem: str) -> str:
    """The language that the audio's name carries, if it can't be ``language``; empty: nothing is wrong.

    ``language`` is a tag as the team wrote it. Two tags of one base language don't contradict, nor do the
    Norwegian and the Chinese ones; and what the video's name carries too is no language of the dub.
    """
    ending = audio_stem[-len(language) - 1 :]
    if not language or audio_stem == video_stem or (ending[0:1] in _AROUND and ending[1:].lower() == language.lower()):
        return ""
    found = language_in(audio_stem)
    if not found or not is_tag(language) or family(found) == family(language):
        return ""
    return "" if found.casefold() == language_in(video_stem).casefold() else found


@lru_cache(8_192)
def is_folder_of_language(name: str) -> bool:
    """Whether a folder is called after a language, and after nothing else: ``de``, ``pt-BR``, ``French``."""
    found = code_of(name)
    if found is None:
        return is_english_name(name)
    return bool(found["region"]) or found["base"].lower() in _CLEAR


@lru_cache(8_192)
def language_in(stem: str) -> str:
    """The language that a name without suffix ends (or begins) with, as it is written there; empty: none.

    What counts at the end, after a dot, a blank, a hyphen, an underscore or in brackets:

    - after a dot, every code of two letters: ``ep1.it``;
    - codes that are no words (``ep1_de``, ``ep1 FR``), and every code with a region (``ep1-pt-BR``, ``ep1_en-us``);
    - codes that are words only in capitals that stand out: ``Episode 1 IT``, but neither ``tell_it`` nor ``TELL_IT``;
    - codes of three letters for what has one of two (``jpn``, ``ger``), by the same rules;
    - a language's English name: ``ep1_french``.

    At the beginning only a code that is no word, where capitals, a region or a number after it show that
    no name begins with it: ``ja_ep1``, ``pt-BR_intro``, but neither ``de_la_cruz`` nor ``french_kiss``.
    """
    # A table of 100,000 rows has as many names: most of them are done with at a glance.
    if _MAY_END.search(stem):
        for rest, written, before in _tails(stem):
            if _counts_at_end(written, before, rest):
                return written
    if _MAY_START.match(stem):
        for rest, written in _heads(stem):
            if _counts_at_start(written, rest):
                return written
    return ""


def readings(stem: str) -> Iterator[Reading]:
    """Every way to take a language off a name, the likeliest first: at the end before the beginning, longest first.

    Countries count too (``ep1_JP``), and names in any language: whether they are meant shows in what is left.
    """
    for rest, written, *_ in (*_tails(stem), *_heads(stem)):
        if tag := tag_of(written):
            yield Reading(rest, written, tag)


def _tails(stem: str) -> Iterator[tuple[str, str, str]]:
    """Rest, last parts and what stands between them, the longest first; the rest is never empty."""
    parts = list(_PART.finditer(stem))
    for count in range(min(_PARTS_MAX, len(parts) - 1), 0, -1):
        start, before = parts[-count].start(), parts[-count - 1].end()
        yield _bare(stem[:start]), stem[start : parts[-1].end()], stem[before:start]


def _heads(stem: str) -> Iterator[tuple[str, str]]:
    """Rest and first parts, the longest first; the rest is never empty."""
    parts = list(_PART.finditer(stem))
    for count in range(min(_PARTS_MAX, len(parts) - 1), 0, -1):
        end = parts[count - 1].end()
        yield _bare(stem[end:]), stem[parts[0].start() : end]


def _bare(text: str) -> str:
    """``text`` without what separates words at its ends; brackets around one of its words stay: ``Promo (1)``."""
    text = text.lstrip(f"{_BETWEEN})]}}").rstrip(f"{_BETWEEN}([{{")
    for opening, closing in ("()", "[]", "{}"):
        if closing not in text:
            text = text.lstrip(opening)
        if opening not in text:
            text = text.rstrip(closing)
    return text.strip(_BETWEEN)


def _counts_at_end(written: str, before: str, rest: str) -> bool:
    found = code_of(written)
    if found is None:
        return is_english_name(written)
    base = found["base"].lower()
    if base in _NEVER:
        return False
    if found["script"] or found["region"] or base in _CLEAR:
        return True
    if before.endswith(".") and len(base) == 2:
        return True
    if len(base) == 3 and (base not in _WORDS or before.endswith(".")):
        return True
    return (base in _CAPITALS or base in _WORDS) and _stands_out(found["base"], rest)


def _counts_at_start(written: str, rest: str) -> bool:
    found = code_of(written)
    if found is None or (base := found["base"].lower()) in _NEVER | _WORDS:
        return False
    if found["region"]:
        return True
    first = _PART.search(rest)
    has_number = first is not None and any(map(str.isdigit, first[0]))
    return (len(base) == 3 or base in _CLEAR) and (has_number or _stands_out(found["base"], rest))


def _stands_out(written: str, rest: str) -> bool:
    """Capitals say something only where the rest isn't in capitals too."""
    return written.isupper() and any(char.islower() or char.isdigit() for char in rest)
