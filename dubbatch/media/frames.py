"""The frames of an MP3 file, and how long they last.

Each frame has its own head, which tells its length and its time (ISO 11172-3, 2.4.1.3), so a part of a file
tells the mean bit rate of that part. An encoder may have put a frame in front that counts all others: ``Xing``
(``Info``), with LAME's numbers of the samples to leave out at both ends, or ``VBRI``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
#: By the version's two bits: MPEG 2.5, none, MPEG 2, MPEG 1.
_SAMPLE_RATES = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
#: A file of nothing but tags is read no further.
_MAX_TAGS = 8
#: Frames in a row before they are taken for frames.
_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Frame:
    #: Bytes, with its head.
    size: int
    samples: int
    rate: int
    mono: bool

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames that follow each other."""

    frames: int
    seconds: float
    #: Their bytes; what is no frame, between them, does not count.
    size: int
    #: Whether all have one size, but for a byte of padding.
    constant: bool


@dataclass(frozen=True, slots=True)
class Count:
    """What a frame that counts the others says."""

    #: Frames of sound that follow it.
    frames: int
    seconds: float
    #: Bytes of all frames, with this one; None: not told.
    size: int | None


def behind_tags(file: BinaryIO) -> int:
    """Where the last of the ID3v2 tags at the start ends: a cover in one of them is not worth its bytes."""
    place = 0
    for _ in range(_MAX_TAGS):
        file.seek(place)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            break
        # Seven bits a byte (ID3v2.4, 3.1); flag 0x10: the head is repeated at the end.
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        place += 10 + length + (10 if head[5] & 0x10 else 0)
    return place


def frame_at(data: bytes, place: int) -> Frame | None:
    """The frame whose head is at ``place``; None if none is."""
    if place + 4 > len(data) or data[place] != 0xFF or data[place + 1] & 0xE6 != 0xE2:
        return None
    version, rates = data[place + 1] >> 3 & 3, data[place + 2]
    if version not in _SAMPLE_RATES or rates >> 4 in (0, 15) or rates >> 2 & 3 == 3:
        return None
    first = version == 3
    rate = _SAMPLE_RATES[version][rates >> 2 & 3]
    samples = 1152 if first else 576
    size = samples // 8 * _BIT_RATES[first][rates >> 4] * 1000 // rate + (rates >> 1 & 1)
    return Frame(size, samples, rate, data[place + 3] >> 6 == 3)


def first_frame(data: bytes, place: int = 0) -> int | None:
    """Where the first of some frames in a row begins, from ``place`` on."""
    while (place := data.find(b"\xff", place)) >= 0:
        there, count = place, 0
        while count < _IN_A_ROW and (frame := frame_at(data, there)):
            there, count = there + frame.size, count + 1
        # The end of the data may cut the row short.
        if count == _IN_A_ROW or (count and there >= len(data) - 3):
            return place
        place += 1
    return None


def stretch(data: bytes) -> Stretch:
    """All whole frames in ``data``, which may begin and end anywhere."""
    frames, seconds, size = 0, 0.0, 0
    smallest, largest = 1 << 20, 0
    place = first_frame(data)
    while place is not None and place < len(data):
        frame = frame_at(data, place)
        if frame is None:
            place = first_frame(data, place)
            continue
        if place + frame.size > len(data):
            break
        frames, seconds, size = frames + 1, seconds + frame.seconds, size + frame.size
        smallest, largest = min(smallest, frame.size), max(largest, frame.size)
        place += frame.size
    return Stretch(frames, seconds, size, constant=largest - smallest <= 1)


def count_in(data: bytes, place: int) -> Count | None:
    """What the frame at ``place`` says of all others; None if it is one of sound."""
    frame = frame_at(data, place)
    if frame is None:
        return None
    first = frame.samples == 1152
    tag = place + 4 + ((17 if frame.mono else 32) if first else (9 if frame.mono else 17))
    if data[tag : tag + 4] in (b"Xing", b"Info") and len(data) >= tag + 8:
        return _xing(data, tag, frame)
    if data[place + 36 : place + 40] == b"VBRI" and len(data) >= place + 54:
        size, frames = struct.unpack_from(">II", data, place + 46)
        return Count(frames, frames * frame.seconds, size or None)
    return None


def _xing(data: bytes, tag: int, frame: Frame) -> Count | None:
    (flags,) = struct.unpack_from(">I", data, tag + 4)
    numbers = tag + 8
    frames = size = 0
    for bit in (1, 2):
        if flags & bit and len(data) >= numbers + 4:
            (number,) = struct.unpack_from(">I", data, numbers)
            frames, size = (number, size) if bit == 1 else (frames, number)
            numbers += 4
    if not frames:
        return None
    lame = numbers + (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    left_out = 0
    if data[lame : lame + 4] in (b"LAME", b"Lavf", b"Lavc") and len(data) >= lame + 24:
        both = int.from_bytes(data[lame + 21 : lame + 24])
        left_out = (both >> 12) + (both & 0xFFF)
    return Count(frames, max(0, frames * frame.samples - left_out) / frame.rate, size or None)
