"""Whether an MP4 file is whole, told from its boxes alone.

An MP4 file is a row of boxes (ISO 14496-12, 4.2): a length, a four-letter kind, a payload. ``moov`` is
the index, ``mdat`` the media; a fragmented file has further pairs of ``moof`` and ``mdat``. A file
whose index comes first plays without an error up to where it was cut, for decoders and players alike:
only a box, or a sample that the index promises, beyond the end of the file gives the cut away.

The files come from outside. Work is bounded by the limits below whatever they claim: payloads are
stepped over unread, nothing is followed by recursion, and only so much of the index is read.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: More boxes than a day of two-second fragments has.
_MAX_BOXES = 100_000
#: Bytes of sample tables that are read in all: a day of video and sound. What is beyond is taken on trust.
_MAX_TABLES = 32 << 20
#: Bytes of zeros at the end that are looked at.
_MAX_PADDING = 4 << 20

#: What stands at the top level, of MP4 and of the QuickTime that it comes from.
_TOP_KINDS = frozenset(
    kind.encode() for kind in "ftyp styp moov moof mdat free skip wide uuid pnot sidx ssix prft emsg meta mfra".split()
)
_UNKNOWN_DURATIONS = frozenset((0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF))


@dataclass(frozen=True, slots=True)
class BoxReport:
    """What the boxes say: whether the file is whole, else why not, and the index's duration in seconds."""

    whole: bool
    #: Part of a sentence for a person ("the file is cut: …"); empty if the file is whole.
    reason: str = ""
    duration_s: float | None = None
    #: What a fragmented file says it lasts in all (mehd), in seconds; None if it doesn't say, or isn't one.
    fragments_s: float | None = None


#: First bytes of what is no medium that is taken here, or none at all.
_OTHERS = {
    b"caff": "CAF audio",
    b".snd": "AU audio",
    b"\x0b\x77": "AC-3 audio",
    b"GIF8": "a GIF picture, not media",
    b"\x89PNG": "a PNG picture, not media",
    b"\xff\xd8\xff": "a JPEG picture, not media",
    b"%PDF": "a PDF document, not media",
    b"PK\x03\x04": "a ZIP archive, not media",
    b"version https://git-lfs": "a pointer of Git LFS, not media",
    b"\0\x05\x16\x07": "a companion that macOS makes (AppleDouble), not media",
}


class _DamagedError(Exception):
    """The walk found what no whole MP4 file has; the text is the reason for a person."""


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    #: Where the payload begins and ends, in bytes from the start of the file.
    payload: int
    end: int


def inspect_boxes(file: BinaryIO) -> BoxReport:
    """Walk the boxes of a seekable binary file. Never raises for what the file holds; OSError passes through."""
    size = file.seek(0, 2)
    walk = _Walk(file, size)
    try:
        return BoxReport(whole=True, duration_s=walk.run(), fragments_s=walk.fragments_s)
    except _DamagedError as damage:
        return BoxReport(whole=False, reason=str(damage))


def is_boxes(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is MP4, or the QuickTime that it comes from."""
    return head[4:8] in _TOP_KINDS


def describe_start(head: bytes) -> str:
    """What a file that is no media seems to be, from its first bytes; empty if that says nothing."""
    if not head:
        return "the file is empty"
    if not any(head):
        return "the file begins with nothing but zeros"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "the file is a web page, not media"
    if text.startswith(b"<"):
        return "the file is XML, not media"
    if text.startswith((b"{", b"[")):
        return "the file is JSON, not media"
    return next((f"the file is {what}" for start, what in _OTHERS.items() if head.startswith(start)), "")


class _Walk:
    """One walk over one file: knows its size, and counts what it may still look at."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._boxes_left = _MAX_BOXES
        self._table_bytes_left = _MAX_TABLES
        self.fragments_s: float | None = None

    def run(self) -> float | None:
        """Duration in seconds, or None where the index doesn't say; raises _DamagedError."""
        self._check_start()
        index: _Box | None = None
        previous = b""
        media = fragmented = False
        start = 0
        while start < self._size:
            # Cameras and copying tools fill up with zeros. Between fragments they stand for what never came.
            if index and media and not fragmented and self._is_padding(start):
                break
            box = self._box_at(start, self._size, "the file")
            start = box.end
            if previous == b"moof" and box.kind == b"moof":
                raise _DamagedError(f"the fragment before byte {box.start} has no media (mdat box)")
            if box.kind == b"moov" and index is None:
                index = box
            media = media or box.kind == b"mdat"
            fragmented = fragmented or box.kind == b"moof"
            previous = box.kind
        if index is None:
            raise _DamagedError("the file has no index (moov box): its end is missing, or it was never finished")
        if not media or previous == b"moof":
            raise _DamagedError("the file ends before its media (mdat box)")
        return self._read_index(index)

    def _check_start(self) -> None:
        head = self._read(0, min(self._size, 512))
        if reason := describe_start(head):
            raise _DamagedError(reason)
        if len(head) >= 8 and head[4:8] not in _TOP_KINDS:
            raise _DamagedError("the file is not an MP4 video")

    def _is_padding(self, start: int) -> bool:
        """Whether there is nothing but zeros from there to the end."""
        count = self._size - start
        return count <= _MAX_PADDING and not any(self._read(start, min(count, 8))) and not any(self._read(start, count))

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        data = self._file.read(count)
        if len(data) != count:
            raise _DamagedError("the file became shorter while it was read")
        return data

    def _children(self, start: int, end: int, parent: str) -> Iterator[_Box]:
        """The boxes between two places, one after the other, each wholly inside ``parent``."""
        while start < end:
            box = self._box_at(start, end, parent)
            yield box
            start = box.end

    def _box_at(self, start: int, end: int, parent: str) -> _Box:
        self._boxes_left -= 1
        if self._boxes_left < 0:
            raise _DamagedError(f"the file has more than {_MAX_BOXES} boxes")
        if end - start < 8:
            raise _DamagedError(f"{parent} is cut: it ends inside the head of a box, at byte {end}")
        length, kind = struct.unpack(">I4s", self._read(start, 8))
        if not all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind):
            raise _DamagedError(f"{parent} is damaged: there is no box at byte {start}")
        head = 8
        if length == 1:
            head = 16
            if end - start < head:
                raise _DamagedError(f"{parent} is cut: it ends inside the head of a box, at byte {end}")
            (length,) = struct.unpack(">Q", self._read(start + 8, 8))
        elif length == 0:
            # ISO 14496-12, 4.2: the last box may leave its length open and reach to the end.
            length = end - start
        if length < head:
            raise _DamagedError(f"{parent} is damaged: the length of the box at byte {start} is impossible")
        if start + length > end:
            missing = start + length - end
            name = kind.decode("latin-1")
            raise _DamagedError(f"{parent} is cut: {missing} bytes of its {name} box are missing")
        return _Box(kind, start, start + head, start + length)

    def _read_index(self, moov: _Box) -> float | None:
        movie_s: float | None = None
        timescale = tracks = 0
        for box in self._children(moov.payload, moov.end, "the index"):
            if box.kind == b"mvhd":
                timescale, movie_s = self._read_header(box)
            elif box.kind == b"mvex" and timescale:
                self.fragments_s = self._fragments_duration(box, timescale)
                movie_s = self.fragments_s or movie_s
            elif box.kind == b"trak":
                tracks += 1
                self._check_track(box)
        if not tracks:
            raise _DamagedError("the index lists no tracks")
        return movie_s

    def _read_header(self, mvhd: _Box) -> tuple[int, float | None]:
        """Timescale (units in a second) and duration in seconds."""
        version = self._fields(mvhd, ">B", 0)[0]
        timescale, units = self._fields(mvhd, ">IQ" if version == 1 else ">II", 20 if version == 1 else 12)
        known = timescale and units not in _UNKNOWN_DURATIONS
        return timescale, units / timescale if known else None

    def _fragments_duration(self, mvex: _Box, timescale: int) -> float | None:
        """A fragmented file's whole duration, if its writer knew it: mvhd counts the first part only."""
        for box in self._children(mvex.payload, mvex.end, "the index"):
            if box.kind == b"mehd":
                version = self._fields(box, ">B", 0)[0]
                (units,) = self._fields(box, ">Q" if version == 1 else ">I", 4)
                return None if units in _UNKNOWN_DURATIONS else units / timescale
        return None

    def _fields(self, box: _Box, layout: str, at: int) -> tuple[int, ...]:
        count = struct.calcsize(layout)
        if box.payload + at + count > box.end:
            raise _DamagedError(f"the index is damaged: its {box.kind.decode('latin-1')} box is too short")
        return struct.unpack(layout, self._read(box.payload + at, count))

    def _check_track(self, trak: _Box) -> None:
        """Raises _DamagedError if a sample lies beyond the file: a media box of open length hides a cut."""
        table: _Box | None = trak
        for kind in (b"mdia", b"minf", b"stbl"):
            table = table and self._child(table, kind)
        if table is None:
            return
        parts = {box.kind: box for box in self._children(table.payload, table.end, "the index")}
        offsets = self._column(parts, b"stco", "I") or self._column(parts, b"co64", "Q")
        runs = self._column(parts, b"stsc", "I", width=3)
        if not offsets or not runs:
            return
        fixed = self._fields(parts[b"stsz"], ">I", 4)[0] if b"stsz" in parts else 0
        sizes = None if fixed else self._column(parts, b"stsz", "I", skip=4)
        end = _furthest_byte(offsets, runs, sizes or array("I"), fixed)
        if end > self._size:
            raise _DamagedError(f"the file is cut: its index promises media up to byte {end}, it has {self._size}")

    def _child(self, parent: _Box, kind: bytes) -> _Box | None:
        return next((box for box in self._children(parent.payload, parent.end, "the index") if box.kind == kind), None)

    def _column(
        self, parts: dict[bytes, _Box], kind: bytes, code: str, *, width: int = 1, skip: int = 0
    ) -> array[int] | None:
        """A table of the index as one flat array of ``width`` numbers a row; None if absent or too long to read."""
        if (box := parts.get(kind)) is None:
            return None
        rows = self._fields(box, ">I", 4 + skip)[0] * width
        column = array(code)
        start, count = box.payload + 8 + skip, column.itemsize * rows
        if start + count > box.end:
            raise _DamagedError(f"the index is damaged: its {kind.decode('latin-1')} box is too short")
        if count > self._table_bytes_left:
            return None
        self._table_bytes_left -= count
        column.frombytes(self._read(start, count))
        if sys.byteorder == "little":
            column.byteswap()
        return column


def _furthest_byte(offsets: array[int], runs: array[int], sizes: array[int], fixed: int) -> int:
    """Where the last sample ends, in bytes from the start of the file.

    Samples lie in chunks. ``offsets`` has each chunk's place; ``runs`` has rows of (first chunk it
    holds for, counted from 1; samples in a chunk; description), each valid up to the next row's;
    ``sizes`` has one number a sample, unless all have the ``fixed`` one (ISO 14496-12, 8.7).
    """
    if fixed == 1:
        # QuickTime writes 1 for sound of any kind; what a chunk really holds is then not in the index.
        fixed = 0
    furthest = sample = run = in_chunk = 0
    for number, offset in enumerate(offsets, start=1):
        while run < len(runs) and runs[run] <= number:
            in_chunk = runs[run + 1]
            run += 3
        length = in_chunk * fixed if fixed else sum(sizes[sample : sample + in_chunk])
        sample += in_chunk
        furthest = max(furthest, offset + length)
    return furthest
