"""What the name of a file says: which video a track may belong to, and in which language it is. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import splitext
from typing import NamedTuple

from dubbatch.manifest.file_languages import language_in, readings
from dubbatch.manifest.languages import tag_of
from dubbatch.pairing.nearness import name_key

_FILLERS = r"(?:audio|dub|dubs|dubbed|voice|voiceover|vo|track)"
#: Words between a video's name and the language: ``ep1_dub_ja.wav``, ``ep1.audio.de.wav``.
_FILLER_AT_END = re.compile(rf"[\s._\-()\[\]{{}}]+{_FILLERS}[)\]}}]*$", re.IGNORECASE)
_FILLER_ALONE = re.compile(_FILLERS, re.IGNORECASE)
#: A dot between digits is a part of a number; brackets tell copies apart (``Promo (1)``).
_SEPARATORS = re.compile(r"(?:[\s_–—-]|(?<!\d)\.|\.(?!\d))+")
_PART = re.compile(r"[^\s._\-()\[\]{}]+")
_IN_TAG = re.compile(r"[_-]")
#: Letters of the longest code of a language; what is longer is its name.
_CODE_MAX = 3
_SCRIPT = 4


class Wanted(NamedTuple):
    """A video's name that a track's own may be made of."""

    stem: str
    language: str
    #: The lower, the surer. Even: one more is for videos whose name has a language of its own, which is left off.
    rank: int

    @property
    def is_whole(self) -> bool:
        """Whether it is the track's name as it stands."""
        return self.rank == 0


class Middle(NamedTuple):
    """A name that has a language between other words."""

    #: What is left without it; equal for names that belong together.
    key: str
    #: The standard tag.
    language: str


def stem_of(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", splitext(path.name)[0])


def wanted(audio: PurePosixPath) -> Iterator[Wanted]:
    """The names of videos that a track may belong to, the surest first."""
    stem = stem_of(audio)
    own = language_in(stem)
    yield Wanted(stem, tag_of(own) if own else "", 0)
    for reading in readings(stem):
        yield Wanted(reading.rest, reading.tag, 2)
        if (bare := _FILLER_AT_END.sub("", reading.rest)) != reading.rest:
            yield Wanted(bare, reading.tag, 2)
    if (bare := _FILLER_AT_END.sub("", stem)) != stem:
        yield Wanted(bare, "", 4)


def short_stem(stem: str) -> str:
    """A video's name without the language at one end of it; empty: it has none."""
    own = language_in(stem)
    rests = [reading.rest for reading in readings(stem) if reading.written == own] if own else []
    return rests[0] if rests else own and stem


def bare_language(audio: PurePosixPath) -> str:
    """The language of a track whose name is nothing else, but for a word like ``audio``; empty: it is."""
    stem = stem_of(audio)
    tags = (reading.tag for reading in readings(stem) if _FILLER_ALONE.fullmatch(reading.rest.strip("()[]{}")))
    return tag_of(stem) or next(tags, "")


def folder_language(audio: PurePosixPath) -> str:
    """The language that the nearest folder is called after; empty: none is."""
    names = (parent.name for parent in audio.parents)
    return next((tag for name in names if (tag := tag_of(name) or tag_of(language_in(name)))), "")


def loosened(stem: str) -> str:
    """Equal for names that differ in nothing but what separates their words; empty: the name has none."""
    return _SEPARATORS.sub(" ", name_key(stem)).strip()


def middle_of(stem: str) -> Middle | None:
    """``Promo_DE_final`` as ``de`` and the rest; None: there is no language between words, or more than one.

    Words of sentences stand between others too (``cafe_de_paris``): a code counts in capitals that stand out.
    """
    found: dict[int, str] = {}
    for part in list(_PART.finditer(stem))[1:-1]:
        head = stem[: part.end()]
        written = language_in(head)
        if written and head.endswith(written):
            # The longer one of two that begin here comes later: PT, PT_BR.
            found[part.end() - len(written)] = written
    if len(found) != 1:
        return None
    [(start, written)] = found.items()
    before, after = stem[:start], stem[start + len(written) :]
    around = [loosened(before.rstrip("([{")), loosened(after.lstrip(")]}"))]
    if not all(around) or not _is_clear(written, before + after):
        return None
    return Middle("\0".join(around), tag_of(written))


def no_video(audio: PurePosixPath) -> str:
    """Why a track has no video whose name is known."""
    rest = next((reading.rest for reading in readings(stem_of(audio))), "")
    return f"no video is called {rest or stem_of(audio)}"


def _is_clear(written: str, rest: str) -> bool:
    first, *others = _IN_TAG.split(written)
    if len(first) > _CODE_MAX or any(part.isupper() or len(part) == _SCRIPT for part in others):
        return True
    return first.isupper() and any(char.islower() or char.isdigit() for char in rest)
