"""What the names of a row's files say against the row: a slip of copying that would be paid for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from posixpath import splitext

from dubbatch.jobs import Media
from dubbatch.manifest import file_languages
from dubbatch.manifest.roles import Input

#: What follows the language in names of versions.
_VERSION = re.compile(r"(?:[\W_]+(?:v\d+|final|mix|master|new|fixed))+$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_LIKENESS = 0.75


def contradiction(language: str, audio: Input, video: Input) -> str:
    """The language that the audio's name, or its folder's, says, if it can't be ``language``; empty: all is well."""
    if audio.stem.endswith(f".{language}"):
        return ""
    stem = _VERSION.sub("", audio.stem)
    told = file_languages.contradiction(language, stem, _VERSION.sub("", video.stem))
    folder = _folder(audio.media)
    if told or not file_languages.is_folder_of_language(folder) or folder == _folder(video.media):
        return told
    if file_languages.language_in(stem):
        return ""
    return file_languages.contradiction(language, f"x.{folder}", "x")


def nearest_name(wanted: str, names: Iterable[str]) -> str:
    """Which of the names in a folder ``wanted`` was likely meant to be; empty: none.

    Never another episode's or another language's: whoever follows the hint pays for what it names.
    """
    numbers, language = _DIGITS.findall(wanted), _language(wanted)
    folded = {
        name.casefold(): name
        for name in sorted(names)
        if name != wanted and _DIGITS.findall(name) == numbers and _language(name) == language
    }
    close = get_close_matches(wanted.casefold(), folded, 1, _LIKENESS)
    return folded[close[0]] if close else ""


def _language(name: str) -> str:
    return file_languages.language_in(_VERSION.sub("", splitext(name)[0])).casefold()


def _folder(media: Media | None) -> str:
    if media is None:
        return ""
    text = (media.url or media.text).partition("?")[0].replace("\\", "/")
    return text.rpartition("/")[0].rpartition("/")[2]
