"""How names of files are compared and ordered, and how near two folders are to each other. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile
from pathlib import PurePosixPath

_NUMBERS = re.compile(r"(\d+)")
#: Every track is compared with each of its video's namesakes.
_FOLDERS_CACHED = 8_192


def natural(path: PurePosixPath) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """The order in which a person lists files: by folder, numbers by their value."""
    pieces = _NUMBERS.split(name_key(str(path)))
    return tuple((1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in pieces if piece), str(path)


def closeness_of(video: PurePosixPath, audio: PurePosixPath) -> tuple[int, int, int]:
    """How near two folders are; the larger, the nearer: shared names in order, those at the start, names left over."""
    ours, theirs = _keys(video), _keys(audio)
    if set(ours).isdisjoint(theirs):
        return 0, 0, -len(ours) - len(theirs)
    shared = [0] * (len(theirs) + 1)
    for one in ours:
        last = shared[:]
        for index, other in enumerate(theirs, 1):
            shared[index] = last[index - 1] + 1 if one == other else max(last[index], shared[index - 1])
    at_start = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))))
    return shared[-1], at_start, 2 * shared[-1] - len(ours) - len(theirs)


def differ_by_number(video: PurePosixPath, audio: PurePosixPath) -> bool:
    """Whether the folders are siblings of a series (``s1`` and ``s2``): what is in them doesn't belong together."""
    ours, theirs = set(_keys(video)), set(_keys(audio))
    series = {_series(part) for part in ours - theirs} - {""}
    return any(_series(part) in series for part in theirs - ours)


@lru_cache(_FOLDERS_CACHED)
def _keys(folder: PurePosixPath) -> tuple[str, ...]:
    return tuple(map(name_key, folder.parts))


@lru_cache(_FOLDERS_CACHED)
def _series(name: str) -> str:
    """A name without its numbers; empty: it has none."""
    return _NUMBERS.sub("#", name) if _NUMBERS.search(name) else ""


def name_key(text: str) -> str:
    """Equal for names that people, macOS and Windows take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
