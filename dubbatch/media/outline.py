"""What the boxes of an MP4 say of the whole, read with as few looks as possible. Pure over a file object.

A file at a web address is read in parts, and each part costs time. So this walk takes the heads of boxes only:
the index (``moov``), its tracks, and of a fragmented file (ISO 14496-12, 8.8) whatever tells its length first:
``mehd``, the segment index ``sidx`` in front, the table ``mfra`` at the end, or all fragments if they are few.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

#: A fragmented file up to this size, in bytes, is walked from end to end.
_WALKED = 2 << 20
#: Boxes that are looked at in all, and bytes of one that is read whole.
_MAX_BOXES = 20_000
_MAX_READ = 1 << 20
#: Boxes in boxes of a track: mdia, minf, stbl.
_MAX_DEPTH = 3
_UNKNOWN = frozenset((0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF))


class OutOfReach(OSError):
    """A part of the file can't be read, or only at too high a price."""


class Box(NamedTuple):
    kind: bytes
    start: int
    #: Where the payload begins and ends, in bytes from the start of the file.
    payload: int
    end: int


@dataclass(slots=True)
class Track:
    id: int = 0
    #: ``vide``, ``soun`` or another kind.
    kind: str = ""
    #: Units of time in a second.
    timescale: int = 0
    #: Four letters that stand for the codec.
    codec: str = ""
    width: int = 0
    height: int = 0
    channels: int = 0
    #: Whether its picture is shown on its side.
    on_side: bool = False
    #: Units of time that a sample of a fragment lasts, unless the fragment says otherwise.
    sample_units: int = 0


@dataclass(slots=True)
class Outline:
    """What the boxes say."""

    brand: str = ""
    #: The index; None: there is none.
    index: Box | None = None
    fragmented: bool = False
    #: Seconds; None: the boxes don't tell.
    duration_s: float | None = None
    #: By id.
    tracks: dict[int, Track] = field(default_factory=dict)
    #: Why a fragmented file is not whole; empty: nothing was found.
    flaw: str = ""


def outline(file: BinaryIO) -> Outline:
    """Walk the boxes. Raises OutOfReach where the index can't be reached; what the file holds raises nothing."""
    walk = _Walk(file)
    try:
        walk.run()
    except (struct.error, IndexError):
        walk.seen.flaw = walk.seen.flaw or "its index is damaged"
    return walk.seen


class _Walk:
    def __init__(self, file: BinaryIO) -> None:
        self.seen = Outline()
        self._file = file
        self._size = file.seek(0, 2)
        self._boxes_left = _MAX_BOXES
        self._movie_scale = 0
        self._extends = False
        self._whole_s: float | None = None

    def run(self) -> None:
        """Fill ``seen``."""
        seen, segments, first = self.seen, list[Box](), None
        for box in self._boxes(0, self._size):
            if box.kind == b"ftyp":
                seen.brand = self._read(box.payload, 4).decode("latin-1").strip()
            elif box.kind == b"moov" and seen.index is None:
                seen.index = box
                self._read_index(box)
                if not self._extends:
                    return
            elif box.kind == b"sidx":
                segments.append(box)
            elif box.kind == b"moof":
                first = box
                break
        if first is not None and seen.index is not None:
            seen.fragmented = True
            seen.duration_s = self._fragmented_s(segments, first)

    def _boxes(self, start: int, end: int) -> Iterator[Box]:
        """The boxes between two places, as far as their heads make sense; the last may reach beyond ``end``."""
        while start + 8 <= end and self._boxes_left > 0:
            self._boxes_left -= 1
            head = self._read(start, min(16, end - start))
            length, kind = struct.unpack_from(">I4s", head)
            size = 8
            if length == 1 and len(head) == 16:
                (length,), size = struct.unpack_from(">Q", head, 8), 16
            length = end - start if length == 0 else length
            if length < size:
                return
            yield Box(kind, start, start + size, start + length)
            start += length

    def _read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(min(count, _MAX_READ))

    def _fields(self, box: Box, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack(layout, self._read(box.payload + at, struct.calcsize(layout)))

    def _read_index(self, moov: Box) -> None:
        for box in self._boxes(moov.payload, min(moov.end, self._size)):
            if box.kind == b"mvhd":
                wide = self._fields(box, ">B", 0)[0] == 1
                self._movie_scale, units = self._fields(box, ">IQ" if wide else ">II", 20 if wide else 12)
                if self._movie_scale and units not in _UNKNOWN:
                    self.seen.duration_s = units / self._movie_scale
            elif box.kind == b"trak":
                track = Track()
                self._read_track(box, track)
                self.seen.tracks[track.id] = track
            elif box.kind == b"mvex":
                self._extends = True
                self._read_extends(box)

    def _read_track(self, parent: Box, track: Track, depth: int = 0) -> None:
        for box in self._boxes(parent.payload, parent.end):
            match box.kind:
                case b"mdia" | b"minf" | b"stbl" if depth < _MAX_DEPTH:
                    self._read_track(box, track, depth + 1)
                case b"tkhd":
                    wide = self._fields(box, ">B", 0)[0] == 1
                    track.id = self._fields(box, ">I", 20 if wide else 12)[0]
                    matrix = self._fields(box, ">9i2I", 52 if wide else 40)
                    track.on_side = matrix[0] == matrix[4] == 0 and bool(matrix[1])
                    track.width, track.height = matrix[9] >> 16, matrix[10] >> 16
                case b"mdhd":
                    track.timescale = self._fields(box, ">I", 20 if self._fields(box, ">B", 0)[0] == 1 else 12)[0]
                case b"hdlr":
                    # QuickTime has a second one, in minf, for its data.
                    track.kind = track.kind or self._read(box.payload + 8, 4).decode("latin-1")
                case b"stsd":
                    track.codec = self._read(box.payload + 12, 4).decode("latin-1").strip()
                    if track.kind == "soun":
                        track.channels = self._fields(box, ">H", 32)[0]

    def _read_extends(self, mvex: Box) -> None:
        trex = {}
        for box in self._boxes(mvex.payload, mvex.end):
            if box.kind == b"mehd" and self._movie_scale:
                wide = self._fields(box, ">B", 0)[0] == 1
                (units,) = self._fields(box, ">Q" if wide else ">I", 4)
                self._whole_s = None if units in _UNKNOWN else units / self._movie_scale
            elif box.kind == b"trex":
                track, _, units = self._fields(box, ">III", 4)
                trex[track] = units
        for track, units in trex.items():
            if track in self.seen.tracks:
                self.seen.tracks[track].sample_units = units

    def _fragmented_s(self, segments: list[Box], first: Box) -> float | None:
        told = self._whole_s or self._segments_s(segments, first)
        try:
            if self._size <= _WALKED:
                return self._walked_s(first.start, first) or told
            last = None if told else self._last_entry()
            return told if last is None else self._walked_s(last, first)
        except OutOfReach:
            return told

    def _segments_s(self, segments: list[Box], first: Box) -> float | None:
        """The length that segment indexes in front tell, if they are of the whole file and not of a fragment."""
        longest = None
        for box in segments:
            data = self._read(box.payload, box.end - box.payload)
            wide = data[0] == 1
            (scale,) = struct.unpack_from(">I", data, 8)
            (offset,) = struct.unpack_from(">Q" if wide else ">I", data, 20 if wide else 16)
            at = 28 if wide else 20
            (count,) = struct.unpack_from(">H", data, at + 2)
            rows = [struct.unpack_from(">III", data, at + 4 + 12 * row) for row in range(count)]
            end = box.end + offset + sum(row[0] & 0x7FFF_FFFF for row in rows)
            if end > self._size:
                self.seen.flaw = f"the file is cut: {end - self._size} bytes of its last segments are missing"
            is_whole = end >= self._size or self._read(end, 8)[4:] in (b"mfra", b"free", b"skip")
            if scale and is_whole:
                longest = max(longest or 0.0, sum(row[1] for row in rows) / scale)
        return longest

    def _last_entry(self) -> int | None:
        """Where the last fragments begin, by the table at the end of the file (8.8.9)."""
        end = self._read(self._size - 16, 16)
        if end[4:8] != b"mfro":
            return None
        (length,) = struct.unpack_from(">I", end, 12)
        start = self._size - length
        places = []
        for box in self._boxes(start + 8, self._size):
            if box.kind == b"tfra":
                version, _, sizes, count = self._fields(box, ">IIII", 0)
                row = (16 if version >> 24 else 8) + sum((sizes >> shift & 3) + 1 for shift in (0, 2, 4))
                if count:
                    layout = ">QQ" if version >> 24 else ">II"
                    places.append(self._fields(box, layout, 16 + row * (count - 1))[1])
        return min(places, default=None)

    def _walked_s(self, start: int, first: Box) -> float | None:
        """The length from the first fragment to the end, of fragments from ``start`` on."""
        begins: dict[int, int] = {}
        self._read_fragment(first, begins, {})
        ends: dict[int, int] = {}
        for box in self._boxes(start, self._size):
            if box.end > self._size:
                name, missing = box.kind.decode("latin-1"), box.end - self._size
                self.seen.flaw = f"the file is cut: {missing} bytes of its {name} box are missing"
                break
            if box.kind == b"moof":
                self._read_fragment(box, {}, ends)
        return self._span_s(begins, ends)

    def _span_s(self, begins: dict[int, int], ends: dict[int, int]) -> float | None:
        scales = {track.id: track.timescale for track in self.seen.tracks.values() if track.timescale}
        lasts = [units / scales[track] for track, units in ends.items() if track in scales]
        if not lasts:
            return None
        # An index with samples of its own is the beginning itself.
        starts = [units / scales[track] for track, units in begins.items() if track in scales]
        return max(0.0, max(lasts) - (0.0 if self.seen.duration_s else min(starts, default=0.0)))

    def _read_fragment(self, moof: Box, begins: dict[int, int], ends: dict[int, int]) -> None:
        for traf in self._boxes(moof.payload, moof.end):
            if traf.kind != b"traf":
                continue
            track = units = 0
            for box in self._boxes(traf.payload, traf.end):
                if box.kind == b"tfhd":
                    track, units = self._defaults(box)
                elif box.kind == b"tfdt":
                    wide = self._fields(box, ">B", 0)[0] == 1
                    (ends[track],) = self._fields(box, ">Q" if wide else ">I", 4)
                    begins.setdefault(track, ends[track])
                elif box.kind == b"trun":
                    ends[track] = ends.get(track, 0) + self._run_units(box, units)

    def _defaults(self, tfhd: Box) -> tuple[int, int]:
        """The track, and how long a sample of it lasts."""
        flags, track = self._fields(tfhd, ">II", 0)
        if flags & 8:
            # Behind a place of 8 bytes and a description of 4, where they are there.
            return track, self._fields(tfhd, ">I", 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))[0]
        known = self.seen.tracks.get(track)
        return track, known.sample_units if known else 0

    def _run_units(self, trun: Box, units: int) -> int:
        flags, count = self._fields(trun, ">II", 0)
        if not flags & 0x100:
            return count * units
        words = sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
        start = 8 + sum(4 for bit in (1, 4) if flags & bit)
        data = self._read(trun.payload + start, 4 * words * count)
        return sum(row[0] for row in struct.iter_unpack(f">{words}I", data[: len(data) // (4 * words) * 4 * words]))
