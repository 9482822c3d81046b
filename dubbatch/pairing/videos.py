"""The videos of a folder, and which of them a track belongs to. Pure.

A track's name is looked for as it stands, then in other ways that take more of it for granted; the first
that any video answers decides, be it that two answer alike, and the track belongs to neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import NamedTuple

from dubbatch.pairing.names import (
    bare_language,
    folder_language,
    loosened,
    middle_of,
    no_video,
    short_stem,
    stem_of,
    wanted,
)
from dubbatch.pairing.nearness import closeness_of, differ_by_number, name_key

#: Of the track that is called like a language; the ranks below are those of names as they stand.
_BARE = 6
#: Added to those where separators differ.
_LOOSE = 10
_MIDDLE = 20

#: Folder -> the videos of one name there.
_Folders = dict[PurePosixPath, list[PurePosixPath]]
#: By their name.
_Named = dict[str, _Folders]


class Match(NamedTuple):
    """What was found for one track: its video; or why there is none."""

    audio: PurePosixPath
    language: str = ""
    video: PurePosixPath | None = None
    #: The lower, the surer.
    rank: int = 0
    reason: str = ""


@dataclass
class Videos:
    """The videos of a folder, by their names."""

    #: In natural order.
    paths: Sequence[PurePosixPath]
    #: Those that can't be sent, and step back behind a namesake that can.
    bad: frozenset[PurePosixPath]
    _exact: _Index = field(init=False)
    _loose: _Index = field(init=False)
    _by_folder: dict[PurePosixPath, list[PurePosixPath]] = field(init=False)

    def __post_init__(self) -> None:
        self._exact, self._loose = _Index(name_key), _Index(loosened)
        self._by_folder = defaultdict(list)
        for path in self.paths:
            stem = stem_of(path)
            short = short_stem(stem)
            self._exact.add(path, stem, short)
            self._loose.add(path, stem, short)
            self._by_folder[path.parent].append(path)

    def match(self, audio: PurePosixPath) -> Match:
        """The video of ``audio``, by the surest of its readings that fits any."""
        return (
            self._by_name(audio, self._exact, 0)
            or self._in_folder(audio)
            or self._by_name(audio, self._loose, _LOOSE)
            or self._by_middle(audio)
            or Match(audio, reason=no_video(audio))
        )

    def _by_name(self, audio: PurePosixPath, index: _Index, least: int) -> Match | None:
        for name in wanted(audio):
            for rank, namesakes in index.of(name.stem):
                # A language that is the video's own too is not what the track was made for.
                languages = [name.language, folder_language(audio)][:: -1 if name.is_whole and not rank else 1]
                language = languages[0] or languages[1]
                return self._nearest(Match(audio, language, rank=least + name.rank + rank), name.stem, namesakes)
        return None

    def _in_folder(self, audio: PurePosixPath) -> Match | None:
        """For a track called like a language: the video that the folder is called like, or the only one in it."""
        language = bare_language(audio)
        if not language:
            return None
        match, folder = Match(audio, language, rank=_BARE), audio.parent
        for _, namesakes in self._exact.of(folder.name, is_whole=True):
            return self._nearest(match, folder.name, namesakes)
        beside = self._by_folder.get(folder, ())
        return match._replace(video=beside[0]) if len(beside) == 1 else None

    def _by_middle(self, audio: PurePosixPath) -> Match | None:
        """For a track with a language between its words: the video that has another one there."""
        stem = stem_of(audio)
        middle = middle_of(stem)
        namesakes = self._by_rest.get(middle.key) if middle else None
        if middle is None or namesakes is None:
            return None
        return self._nearest(Match(audio, middle.language, rank=_MIDDLE), stem, namesakes)

    @cached_property
    def _by_rest(self) -> _Named:
        named = _named()
        for path in self.paths:
            if middle := middle_of(stem_of(path)):
                named[middle.key][path.parent].append(path)
        return named

    def _nearest(self, match: Match, stem: str, namesakes: _Folders) -> Match:
        """``match`` with the nearest of ``namesakes``, or why none of them is."""
        audio = match.audio
        beside = [video for video in namesakes.get(audio.parent, ()) if video not in self.bad]
        # Nothing is nearer than the track's own folder; looking at thousands of others takes long.
        folders = [audio.parent] if beside else [it for it in namesakes if not differ_by_number(it, audio.parent)]
        if not folders:
            other = next(iter(namesakes.values()))[0]
            return Match(audio, reason=f"{other} is in another folder of the same series")
        usable = [it for it in folders if not self.bad.issuperset(namesakes[it])] or folders
        closeness = {folder: closeness_of(folder, audio.parent) for folder in usable}
        nearest = max(closeness.values())
        near = [video for folder in usable if closeness[folder] == nearest for video in namesakes[folder]]
        best = [video for video in near if video not in self.bad] or near
        # Where capitals tell two names apart, they count.
        best = [video for video in best if stem_of(video) == stem] or best
        if len(best) > 1:
            others = f" and {len(best) - 2} more" if len(best) > 2 else ""
            return Match(audio, reason=f"it fits {best[0]} and {best[1]}{others} alike")
        return match._replace(video=best[0])


def _named() -> _Named:
    return defaultdict(lambda: defaultdict(list))


@dataclass
class _Index:
    """Videos by their names, compared by ``key``."""

    key: Callable[[str], str]
    _whole: _Named = field(init=False, default_factory=_named)
    #: Without the language that a video's name has itself.
    _short: _Named = field(init=False, default_factory=_named)

    def add(self, path: PurePosixPath, stem: str, short: str) -> None:
        for named, name in ((self._whole, stem), (self._short, short)):
            if key := self.key(name):
                named[key][path.parent].append(path)

    def of(self, name: str, *, is_whole: bool = False) -> Iterator[tuple[int, _Folders]]:
        """The videos of that name, by their folders; 0: called so, 1: but for their own language."""
        key = self.key(name)
        for rank, named in enumerate((self._whole,) if is_whole else (self._whole, self._short)):
            if key and (found := named.get(key)):
                yield rank, found
