"""What only shows beside the other dubs of a batch: one that is too quiet, one sound under two languages. Pure.

Siblings are the other dubs of the same video. A mixer gives all of them one level, so one that lies far below
the others is most often an export with the wrong fader. The same samples under two languages are a slip of copying.
In one language they are none: one dub serves the long and the short cut, the wide and the upright one.
"""

from __future__ import annotations

import shlex
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from dubbatch.manifest.problems import Finding, shown
from dubbatch.media.facts import Facts
from dubbatch.preflight.rules import is_faint, is_silent

#: More than this below the others is no matter of taste: a quarter of their loudness and less.
_QUIETER_DB = 12.0
#: Other dubs of a video, or of the whole batch, that make a level.
_SIBLINGS, _STRANGERS = 2, 3
#: Languages of one sound that are looked at for one to name.
_LOOKED_AT = 64


@dataclass(frozen=True, slots=True)
class Track:
    """The audio of one job. ``video`` and ``audio`` are keys that are equal where the media are the same."""

    job: str
    video: str
    language: str
    facts: Facts
    #: Address or path as the manifest has it; where it is the same in two rows of a video, the manifest's check tells.
    audio: str = ""


def findings(tracks: Iterable[Track]) -> dict[str, list[Finding]]:
    """What is odd beside the other tracks, by job; jobs with nothing to say about are left out. All are warnings."""
    heard = [track for track in tracks if not track.facts.flaw and not is_silent(track.facts)]
    found: dict[str, list[Finding]] = defaultdict(list)
    for track, finding in (*_quiet(heard), *_same(heard)):
        found[track.job].append(finding)
    return dict(found)


def _quiet(tracks: Sequence[Track]) -> Iterator[tuple[Track, Finding]]:
    everyone: list[float] = []
    families: dict[str, list[float]] = defaultdict(list)
    for track in tracks:
        if track.facts.loudness_db is not None:
            everyone.append(track.facts.loudness_db)
            families[track.video].append(track.facts.loudness_db)
    for levels in (everyone, *families.values()):
        levels.sort()
    for track in tracks:
        level = track.facts.loudness_db
        # What is all but silent is told as that.
        if level is None or is_faint(track.facts):
            continue
        family = families[track.video]
        is_family = len(family) > _SIBLINGS
        others = family if is_family else everyone
        if not is_family and len(everyone) <= _STRANGERS:
            continue
        usual = _median_without(others, level)
        if usual - level > _QUIETER_DB:
            yield track, _too_quiet(track, usual, "the other dubs of its video" if is_family else "the other tracks")


def _median_without(levels: Sequence[float], level: float) -> float:
    """The median of ascending ``levels`` but for one that is ``level``."""
    own = bisect_left(levels, level)

    def at(place: int) -> float:
        return levels[place if place < own else place + 1]

    count = len(levels) - 1
    return (at((count - 1) // 2) + at(count // 2)) / 2


def _too_quiet(track: Track, usual_db: float, others: str) -> Finding:
    level_db, peak_db = track.facts.loudness_db or 0.0, track.facts.peak_db or 0.0
    lower_db = usual_db - level_db
    message = (
        f"the audio is {lower_db:.0f} dB quieter than {others}: "
        f"its mean level is {level_db:.1f} dB, theirs {usual_db:.1f} dB"
    )
    # Raised further than its peak allows, it would be clipped.
    louder = f"volume={lower_db:.1f}dB" if peak_db + lower_db <= 0 else f"loudnorm=I={min(usual_db, -5):.0f}:TP=-1.5"
    line = f"ffmpeg -i {_quoted(track.audio)} -af {louder} {_quoted(f'louder-{_name(track.audio)}')}"
    return Finding(message, f"export it again, or make it louder: {line}", "warning", field="audio")


def _quoted(text: str) -> str:
    return shlex.quote(shown(text))


def _name(audio: str) -> str:
    """Of a file, without its folders and query."""
    return audio.partition("?")[0].replace("\\", "/").rpartition("/")[2] or "audio"


def _same(tracks: Sequence[Track]) -> Iterator[tuple[Track, Finding]]:
    groups: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        if track.facts.sound:
            groups[track.facts.sound].append(track)
    for group in groups.values():
        # Of each language two tracks of different files will do: of one of them any other row differs.
        named: dict[str, list[Track]] = defaultdict(list)
        for track in group:
            those = named[track.language.casefold()]
            if len(those) < 2 and all(_file(track) != _file(other) for other in those):
                those.append(track)
        if len(named) > 1:
            for track in group:
                if other := _other_language(track, named):
                    yield track, _same_sound(track, other)


def _other_language(track: Track, named: dict[str, list[Track]]) -> Track | None:
    for language, those in islice(named.items(), _LOOKED_AT):
        if language != track.language.casefold():
            for other in those:
                if not track.audio or _file(track) != _file(other):
                    return other
    return None


def _file(track: Track) -> tuple[str, str]:
    return track.video, track.audio


def _same_sound(track: Track, other: Track) -> Finding:
    where = "" if track.video == other.video else ", a dub of another video"
    message = (
        f"the audio for {shown(track.language) or 'no language'} is the same sound as that of "
        f"job {shown(other.job)} ({shown(other.language) or 'no language'}){where}"
    )
    return Finding(message, "listen to both: one of them stands in the other's place", "warning", field="audio")
