"""Which audio track belongs to which video, by the names of the files. Pure.

A track's name is the video's, or the video's with a language at one end (``ep1.ja.wav``, ``ja_ep1.wav``);
without one, the name of a folder may be the language (``audio/ja/ep1.wav``). Where no video is called so, one
counts whose name differs only in separators (``Lesson 1``, ``Lesson_1_de``), or only in the language in its middle
(``Promo_EN_final``, ``Promo_DE_final``). Where several folders have a
video of that name, the nearest counts: the one that shares the most folders with the track, so that trees
that mirror each other (``video/s1``, ``audio/s1``) meet. What can't be decided is not decided: a wrong pair
would be paid for, so the track is an orphan, and says why.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import splitext
from typing import NamedTuple

from dubbatch.manifest.columns import FIELDS, normal
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.roles import AUDIO_SUFFIXES, UPLOAD_SUFFIXES, VIDEO_SUFFIXES, Role, unsuitable
from dubbatch.pairing.names import stem_of
from dubbatch.pairing.nearness import name_key, natural
from dubbatch.pairing.videos import Match, Videos

#: Characters that no manifest carries from one system to the other.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_FIELD = re.compile(r"\{(?P<name>[^{}]*)\}")
_FIELDS = frozenset(FIELDS)

_NO_TRACK = "no audio track is called like it"
_NOT_WRITABLE = Finding("its name has a line break, or other characters that no manifest can carry", "rename it")
_IS_PATTERN = Finding("its name has a field in braces, which a manifest would fill in", "rename it")


class Track(NamedTuple):
    """One audio file of a video."""

    #: The standard tag; empty: the names say none.
    language: str
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Row:
    """A video with its tracks, of which each language has one; sorted by language."""

    video: PurePosixPath
    tracks: tuple[Track, ...]


class Orphan(NamedTuple):
    """A file without a partner, and why it has none."""

    path: PurePosixPath
    reason: str


class Refused(NamedTuple):
    """A file that can't be sent as it is, and what helps."""

    path: PurePosixPath
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Every medium of a folder, in exactly one of these; each in natural order (``ep2`` before ``ep10``)."""

    rows: tuple[Row, ...]
    videos_without_audio: tuple[Orphan, ...]
    audios_without_video: tuple[Orphan, ...]
    #: Tracks in a language that their video has another one in.
    spare: tuple[Orphan, ...]
    refused: tuple[Refused, ...]


def role_of(path: PurePosixPath) -> Role | None:
    """What a file is by its suffix; None: no medium."""
    suffix = splitext(path.name)[1].lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "audio" if suffix in AUDIO_SUFFIXES else None


def pair(paths: Iterable[PurePosixPath], flaws: Mapping[PurePosixPath, Finding] | None = None) -> Pairing:
    """Pairs of the media among ``paths``, which are relative to one folder; other files are passed over.

    ``flaws``: what is known to keep a file from being sent, beside its name.
    """
    roles = {path: role for path in paths if (role := role_of(path))}
    bad = _refused(roles, flaws or {})
    # What is refused is paired too: its partner is told why it has none.
    media = sorted((path for path in roles if not _UNWRITABLE.search(str(path))), key=natural)
    videos = Videos([path for path in media if roles[path] == "video"], frozenset(bad))
    matches = [videos.match(path) for path in media if roles[path] == "audio"]
    lonely = [Orphan(match.audio, match.reason) for match in matches if match.video is None]
    tracks: dict[PurePosixPath, list[Track]] = defaultdict(list)
    spare: list[Orphan] = []
    unusable: dict[PurePosixPath, PurePosixPath] = {}
    for video, language, (first, *others) in _by_language(matches, bad):
        in_language = f"in {language}" if language else "without a language"
        spare += [Orphan(audio, f"{video} has a track {in_language} already: {first}") for audio in others]
        if video in bad:
            lonely.append(Orphan(first, f"its video {video} can't be used as it is"))
        elif first in bad:
            unusable.setdefault(video, first)
        else:
            tracks[video].append(Track(language, first))
    return Pairing(
        tuple(Row(video, tuple(sorted(tracks[video]))) for video in videos.paths if video in tracks),
        tuple(
            Orphan(video, f"its track {unusable[video]} can't be used as it is" if video in unusable else _NO_TRACK)
            for video in videos.paths
            if video not in tracks and video not in bad
        ),
        _sorted(lonely, bad),
        _sorted(spare, bad),
        tuple(Refused(path, bad[path].message, bad[path].remedy) for path in sorted(bad, key=natural)),
    )


def _sorted(orphans: Iterable[Orphan], bad: Container[PurePosixPath]) -> tuple[Orphan, ...]:
    """Those of ``orphans`` that aren't refused anyway."""
    return tuple(orphan for orphan in sorted(orphans, key=lambda it: natural(it.path)) if orphan.path not in bad)


def _by_language(
    matches: Iterable[Match], bad: Mapping[PurePosixPath, Finding]
) -> Iterator[tuple[PurePosixPath, str, list[PurePosixPath]]]:
    """Each video and language with its tracks, the preferred one first."""
    groups: dict[tuple[PurePosixPath, str], list[Match]] = defaultdict(list)
    for match in matches:
        if match.video is not None:
            groups[match.video, match.language].append(match)
    for (video, language), group in groups.items():
        yield video, language, [match.audio for match in sorted(group, key=lambda match: _preference(match, bad))]


def _preference(match: Match, bad: Mapping[PurePosixPath, Finding]) -> tuple[object, ...]:
    order = [*UPLOAD_SUFFIXES["audio"], splitext(match.audio.name)[1].lower()]
    is_elsewhere = match.video is None or match.audio.parent != match.video.parent
    return match.audio in bad, is_elsewhere, order.index(order[-1]), match.rank, natural(match.audio)


def _refused(
    roles: Mapping[PurePosixPath, Role], flaws: Mapping[PurePosixPath, Finding]
) -> dict[PurePosixPath, Finding]:
    """What is wrong with the files that can't be sent. One whose converted twin lies beside it needs nothing."""
    wrong = {path: unsuitable(role, str(path)) for path, role in roles.items()}
    good = {(path.parent, name_key(stem_of(path)), role): path for path, role in roles.items() if not wrong[path]}
    refused = {}
    for path, role in roles.items():
        twin = good.get((path.parent, name_key(stem_of(path)), role)) if wrong[path] else None
        beside = Finding(f"{twin} beside it is taken", "") if twin and twin not in flaws else None
        if finding := name_flaw(path, role) or beside or flaws.get(path) or wrong[path]:
            refused[path] = finding
    return refused


def name_flaw(path: PurePosixPath, role: Role = "audio") -> Finding | None:
    """Why a manifest can't name ``path``. Only where audio stands, braces are filled in."""
    text = str(path)
    if _UNWRITABLE.search(text):
        return _NOT_WRITABLE
    names = [normal(found["name"]) for found in _FIELD.finditer(text)] if role == "audio" else []
    return _IS_PATTERN if any(name in _FIELDS or name.startswith("audio") for name in names) else None
