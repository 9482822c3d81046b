"""What a medium is, told from a few parts of its file: for files that lie at web addresses.

The file object that is read gives out whatever part is asked for, at a price, and raises OutOfReach where that is
too high. So heads and lengths come first (``outline``, ``riff``, ``frames``), and FFmpeg sees no more than it can
have without a search. What only reading everything would show (silence, damage in the middle) stays unknown.
"""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from dubbatch.media.boxes import describe_start, inspect_boxes, is_boxes
from dubbatch.media.facts import Facts
from dubbatch.media.frames import Count, behind_tags, count_in, first_frame, stretch
from dubbatch.media.outline import Outline, OutOfReach, outline
from dubbatch.media.probe import UnplayableError, describe, open_media
from dubbatch.media.riff import cut_of, find_sound, is_wave

#: From so many bytes on, a size is a stand-in for one that nobody told.
UNKNOWN_SIZE = 1 << 60
#: An MP3 without a count of its frames up to this size, in bytes, is read whole; of others, so many pieces are.
_READ_WHOLE = 3 << 20
_PIECES, _PIECE = 12, 96 << 10
#: Bytes of the samples of a WAV file that FFmpeg is shown.
_SAMPLES = 4096
#: Behind the tags of an MP3, bytes in which its first frame must begin.
_FIRST = 64 << 10
#: A guess that may be off by more than this part, at two standard errors, is none.
_SURE_PART = 0.01
_CODECS = {"avc1": "h264", "avc3": "h264", "hvc1": "hevc", "hev1": "hevc", "mp4a": "aac", "av01": "av1", "vp09": "vp9"}


def glance(file: BinaryIO) -> Facts:
    """What can be told of a file at the price of a few parts; ``duration_s`` is None where the parts don't tell it.

    Facts with a flaw and without a container are no media. Raises OutOfReach if not even the index can be had.
    """
    head = file.read(512)
    if flaw := describe_start(head):
        return Facts(flaw=flaw)
    if is_boxes(head):
        return _film(file)
    if is_wave(head):
        return _wave(file)
    if head.startswith(b"ID3") or first_frame(head) is not None:
        return _mp3(file)
    return _described(file)


def _film(file: BinaryIO) -> Facts:
    seen = outline(file)
    flaw = seen.flaw or _cut(file, seen)
    facts = _sketch(seen)
    if seen.index is not None:
        with suppress(OutOfReach):
            index = _take(file, seen.index.start, seen.index.end)
            start = _take(file, 0, min(_FIRST, seen.index.start))
            # No pictures: what FFmpeg would learn from the first of them is in the index too.
            known = _Pieces(file.seek(0, 2), {0: start, seen.index.start: index})
            described = _described(known)
            facts = described if described.container else facts
    if seen.fragmented:
        # FFmpeg would count the pictures of one fragment only.
        facts = replace(facts, frame_rate=0.0)
    turned = any(track.on_side for track in seen.tracks.values() if track.kind == "vide")
    width, height = (facts.height, facts.width) if turned else (facts.width, facts.height)
    told_s = facts.duration_s or seen.duration_s
    duration_s = seen.duration_s if seen.fragmented else told_s
    return replace(facts, width=width, height=height, duration_s=None if flaw else duration_s, flaw=flaw)


def _cut(file: BinaryIO, seen: Outline) -> str:
    """Why a file that is not fragmented is not whole; empty if it is, or that can't be told at this price."""
    if seen.fragmented:
        return ""
    with suppress(OutOfReach):
        if seen.index is not None:
            _take(file, seen.index.start, seen.index.end)
        return inspect_boxes(file).reason
    return ""


def _sketch(seen: Outline) -> Facts:
    """What the heads of the tracks tell, where the index is too large to be read."""
    facts = Facts(container="mov,mp4,m4a,3gp,3g2,mj2", brand=seen.brand or "qt", duration_s=seen.duration_s)
    for track in seen.tracks.values():
        codec = _CODECS.get(track.codec, track.codec)
        if track.kind == "vide" and not facts.video:
            facts = replace(facts, video=True, video_codec=codec, width=track.width, height=track.height)
        elif track.kind == "soun" and not facts.audio:
            facts = replace(facts, audio=True, audio_codec=codec, channels=track.channels)
    return facts


def _wave(file: BinaryIO) -> Facts:
    flaw, sound, size = cut_of(file), find_sound(file), file.seek(0, 2)
    # Its head says it all; FFmpeg would look for more in the samples.
    head = _take(file, 0, (sound.start if sound else 0) + _SAMPLES)
    facts = _described(_Pieces(size, {0: head}))
    if sound is not None and not sound.there:
        return replace(facts, flaw=flaw, duration_s=0.0)
    # Without the size of the file FFmpeg counts up to an end that nobody knows.
    is_known = size < UNKNOWN_SIZE or (facts.duration_s or math.inf) < 1e6
    return replace(facts, flaw=flaw or facts.flaw, duration_s=None if flaw or not is_known else facts.duration_s)


def _mp3(file: BinaryIO) -> Facts:
    size = file.seek(0, 2)
    start = behind_tags(file)
    data = _take(file, start, start + _FIRST)
    place = first_frame(data)
    if place is None:
        return _described(file)
    facts = _described(io.BytesIO(data[place:]))
    count = count_in(data, place)
    if count is not None:
        flaw = _missing(count, size - start - place)
        return replace(facts, flaw=flaw, duration_s=None if flaw else count.seconds)
    seconds = None
    with suppress(OutOfReach):
        seconds = _uncounted_s(lambda begin, end: _take(file, begin, end), start + place, size)
    return replace(facts, duration_s=seconds)


def _missing(count: Count, there: int) -> str:
    missing = (count.size or 0) - there
    # Half of the last frame is often lost, and nobody hears it.
    if missing > max(2048, 0.01 * there):
        return f"the file is cut: {missing} of its {count.size} bytes are missing"
    return ""


def _uncounted_s(read: Callable[[int, int], bytes], start: int, size: int) -> float | None:
    """Seconds of an MP3 that doesn't count its frames; None where a guess would be too uncertain."""
    if size - start <= _READ_WHOLE:
        return stretch(read(start, size)).seconds
    if size >= UNKNOWN_SIZE:
        return None
    step = (size - start - _PIECE) // (_PIECES - 1)
    pieces = [stretch(read(place, place + _PIECE)) for place in range(start, size - _PIECE + 1, step)]
    rates = [piece.seconds / piece.size for piece in pieces if piece.size]
    if len(rates) < _PIECES // 2:
        return None
    mean = statistics.fmean(rates)
    error = statistics.stdev(rates) / math.sqrt(len(rates))
    return mean * (size - start) if 2 * error <= _SURE_PART * mean else None


def _take(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _described(file: BinaryIO | _Pieces) -> Facts:
    """What FFmpeg sees; Facts with nothing but a flaw if that is nothing."""
    file.seek(0)
    try:
        with open_media(_Yielding(file)) as container:  # type: ignore[arg-type]
            return describe(container)
    except (UnplayableError, UnicodeError, ValueError) as error:
        return Facts(flaw=getattr(error, "reason", "") or "it is not a kind of media that is known")


class _Pieces:
    """A file of which some pieces are there; it ends where one of them ends."""

    def __init__(self, size: int, pieces: Mapping[int, bytes]) -> None:
        self._size = size
        self._pieces = pieces
        self._place = 0

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, {0: 0, 1: self._place, 2: self._size}[whence] + offset)
        return self._place

    def read(self, count: int = -1) -> bytes:
        for start, piece in self._pieces.items():
            if start <= self._place < start + len(piece):
                begin = self._place - start
                taken = piece[begin : begin + count] if count >= 0 else piece[begin:]
                self._place += len(taken)
                return taken
        return b""


class _Yielding:
    """A file that ends where it is out of reach: FFmpeg makes do with what it has."""

    def __init__(self, file: BinaryIO | _Pieces) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        try:
            return self._file.read(count)
        except OSError:
            return b""
