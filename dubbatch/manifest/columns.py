"""What the text of one header means: a known column, or a language's audio.

Headers are compared without case, spaces, hyphens and underscores. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches

from dubbatch.manifest.languages import check_tag, conventional, tag_of

REQUIRED = ("video", "audio")
#: Every column that has a meaning (design, section 9), the required ones first.
KNOWN = (
    *REQUIRED,
    "id",
    "language",
    "languages",
    "output",
    "reference_id",
    "disable_active_speaker_detection",
    "model",
    "priority",
    "skip",
    "minutes",
)
#: What the names of the columns begin with that are written by us, as headers are compared.
OURS = "dub_"
#: What a template or pattern may name beside the team's own headers: the columns, and what is made of a row.
FIELDS = (*KNOWN, "batch", "stem")
#: ``audio_de``; after a colon (YAML's map of languages) the rest can be nothing but a language.
_DUB = re.compile(r"audio\s*(?P<mark>[_: -])\s*(?P<language>[a-z][a-z0-9 _-]*)", re.IGNORECASE)
#: A language's code, right or wrong.
_CODE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2})?", re.IGNORECASE)
#: What follows "audio" in headers and is no language there, although some are codes of one.
_NO_LANGUAGES = frozenset(
    "url uri wav src ref dir key len old new alt mix raw hz min sec end ok nr tc fx vo hd sd eq me".split()
)
_FILLERS = frozenset("file files path url uri link name source src track in input mp4 wav mp3 required".split())
_SYNONYMS = {"lang": "language", "locale": "language", "reference": "reference_id", "duration_minutes": "minutes"}
#: Spaces, and marks without width that come along with pasted text.
_EDGES = re.compile(r"^[\s\ufeff\u200b\u200e\u200f\u2060]+|[\s\ufeff\u200b\u200e\u200f\u2060]+$")
_LIKENESS = 0.8
#: No header with a meaning is longer; matching patterns against a page of text takes for ever.
_HEADER_MAX = 80


def meaning_of(header: str, columns: Mapping[str, str]) -> str:
    """The known column, or ``audio:<language>``, that ``header`` stands for; empty: none of them."""
    return meaning(mapped(header, {normal(name): column for name, column in columns.items()}))[0]


def mapped(header: str, mapping: Mapping[str, str]) -> str:
    """The header that stands for ``header``; ``Track:de`` is the ``de`` of what stands for ``Track``."""
    if normal(header) in mapping:
        return mapping[normal(header)]
    base, colon, language = header.partition(":")
    return f"{mapping[normal(base)]}:{language}" if colon and normal(base) in mapping else header


def meaning(header: str) -> tuple[str, str]:
    """The known column (or ``audio:<language>`` and the language) that ``header`` names; empty: none."""
    name = normal(header)
    if name in KNOWN:
        return name, ""
    text = _EDGES.sub("", header if header.isascii() else unicodedata.normalize("NFKC", header))
    found = _DUB.fullmatch(text) if len(text) <= _HEADER_MAX else None
    if found is None or not _is_dub(found["mark"], found["language"]):
        return "", ""
    language = conventional(re.sub(r"[_\s]+", "-", found["language"]))
    return f"audio:{language.casefold()}", language


def is_column(text: str) -> bool:
    """Whether ``text`` names a column that has a meaning."""
    return bool(meaning(text)[0])


def nearest_column(text: str) -> str:
    """The known column that was likely meant; empty: none."""
    return next(iter(get_close_matches(normal(text), KNOWN, 1)), "")


def likely_column(header: str) -> str:
    """The known column that ``header`` resembles without being it; empty: none."""
    return "" if meaning(header)[0] else _nearest(header)


def meant_dub(header: str) -> str:
    """The column that ``Audio (fr)``, ``German audio`` or ``audio_url_de`` was likely meant to be; empty: none."""
    words = [word for word in re.split(r"[\W_]+", normal(header)) if word and word not in _FILLERS]
    if "audio" not in words or len(header) > _HEADER_MAX:
        return ""
    words.remove("audio")
    rest = "-".join(words)
    tag = tag_of(rest) if words and rest not in _NO_LANGUAGES else ""
    if not tag and len(words) == 1 and len(rest) == 3 and rest not in _NO_LANGUAGES and check_tag(rest) is None:
        tag = rest
    return f"audio_{tag}" if tag else ""


def normal(header: str) -> str:
    """A header as it is compared: without case; spaces and hyphens are underscores."""
    # Full-width letters (ＶＩＤＥＯ) are typed with the keyboards of East Asia.
    text = header if header.isascii() else unicodedata.normalize("NFKC", header)
    return re.sub(r"[\s_-]+", "_", _EDGES.sub("", text).casefold())


def looks_like_code(text: str) -> bool:
    """Whether ``text`` stands where a language is due and has the form of its code; it may be a wrong one."""
    return bool(_CODE.fullmatch(text))


def _is_dub(mark: str, language: str) -> bool:
    """Whether what follows ``audio`` and the mark is meant as a language, be it right or wrong."""
    if mark == ":":
        return True
    if language.casefold() in _NO_LANGUAGES:
        return False
    return looks_like_code(language) or bool(tag_of(re.sub(r"[_\s]+", "-", language)))


def _nearest(header: str) -> str:
    """The known column that ``header`` resembles; empty: none."""
    name = normal(header)
    if len(name) > _HEADER_MAX:
        return ""
    words = set(re.split(r"[\W_]+", name))
    for field in REQUIRED:
        if field in words and words - {field, ""} <= _FILLERS:
            return field
    close = get_close_matches(name, KNOWN, 1, _LIKENESS)
    return _SYNONYMS.get(name) or (close[0] if close else "")
