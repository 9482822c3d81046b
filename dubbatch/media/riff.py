"""Whether a WAV file is whole, told from its chunks alone.

A WAV file is a row of chunks: a four-letter kind, a length, a payload. ``data`` holds the samples. A file that
was cut still plays up to its end, for decoders and players alike; only the length of ``data`` gives it away.
Programs that write to a pipe don't know that length and put a number there that stands for "to the end". Files
above 4 GB (RF64, BW64: EBU 3306) have it in a chunk of its own, ``ds64``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_KINDS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
#: Some recorders count the head of 44 bytes too; what is lost then can't be heard.
_SLACK = 64
#: More chunks than any editor writes.
_MAX_CHUNKS = 10_000
#: Lengths from here on, up to the end of the range of 31 or 32 bits, are those of a pipe (SoX: 0x7FFFF000).
_OPEN_RANGES = ((0x7FFF_F000, 0x8000_0000), (0xFFFF_F000, 0xFFFF_FFFF))


def is_wave(head: bytes) -> bool:
    """Whether a file with these first twelve bytes is a WAV file."""
    return head[:4] in _KINDS and head[8:12] == b"WAVE"


@dataclass(frozen=True, slots=True)
class Sound:
    """The ``data`` chunk of a WAV file: where its samples begin, and how many bytes are promised and there."""

    start: int
    #: None: to the end, however far that is.
    promised: int | None
    there: int


def find_sound(file: BinaryIO) -> Sound | None:
    """Where the samples of a WAV file are; None if it ends before them. OSError passes through."""
    size = file.seek(0, 2)
    file.seek(0)
    order = _KINDS[file.read(12)[:4]]
    place, long_data = 12, 0
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        kind, length = struct.unpack(f"{order}4sI", head)
        if kind == b"data":
            return Sound(place + 8, _promised(length, long_data), size - place - 8)
        if kind == b"ds64":
            sizes = file.read(16)
            long_data = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else 0
        # Chunks begin at even places.
        place += 8 + length + length % 2
    return None


def cut_of(file: BinaryIO) -> str:
    """Why a WAV file is not whole (part of a sentence); empty if it is. OSError passes through."""
    sound = find_sound(file)
    if sound is None:
        return "the file is cut: it ends before its sound (data chunk)"
    missing = (sound.promised or 0) - sound.there
    return f"the file is cut: {missing} bytes of its sound (data chunk) are missing" if missing > _SLACK else ""


def _promised(length: int, long_data: int) -> int | None:
    if length == 0xFFFF_FFFF and 0 < long_data < 1 << 62:
        return long_data
    is_open = not length or any(first <= length <= last for first, last in _OPEN_RANGES)
    return None if is_open else length
