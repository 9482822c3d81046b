"""The packets of a film, read once from end to end, the pictures at both ends decoded: of outputs and inputs alike.

Decoding all of a film takes minutes; reading its packets takes as long as the disk. What a decoder would refuse
in the middle shows in the packets of H.264 and HEVC all the same: in MP4 each unit of theirs is led by its
length (ISO 14496-15, 4.3.3), and lengths that don't add up are the first thing that a decoder refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

NO_PICTURE = "no picture of the file can be decoded"
LOST_END = "the last pictures of the file can't be decoded"
DAMAGED = "part of it is damaged"

#: Pictures after the last key frame, or before the first that can be decoded, that are tried: seconds of work at most.
_MAX_TRIED = 600
#: Shorter gaps between packets are an encoder's; longer ones are silence that plays.
_GAP_S = 0.5
_TICKS_PER_S = 1_000_000
#: Packets of sound that may be refused, or which part of all.
_UNHEARD, _UNHEARD_PART = 3, 0.01
#: A picture that is larger is a trap for memory: four times the area of 8K.
_MAX_PIXELS = {"max_pixels": str(4 * 7680 * 4320)}
#: Where the configuration of a codec says how many bytes a unit's length has: in the last two bits of that byte.
_LENGTH_AT = {"h264": 4, "hevc": 21}


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading every packet showed."""

    #: From the start of the film to the end of its last packet.
    seconds: float
    #: What the longer of picture and sound lasts by itself.
    covered_s: float
    #: Whether any picture at the start could be decoded.
    shows: bool
    #: Place of the last key frame in the picture's time base; None if there is none.
    last_key: int | None
    #: Pictures from there to the end.
    tail: int
    #: Packets of the picture, and of the sound.
    pictures: int = 0
    sounds: int = 0
    #: Packets of the picture that no decoder takes.
    broken: int = 0
    #: Packets of the sound that its decoder refuses.
    unheard: int = 0
    #: As the first picture says, it is turned by so many degrees to be shown.
    turned: int = 0

    @property
    def is_damaged(self) -> bool:
        """A lost packet or two of sound are passed over by every player."""
        return self.broken > 0 or self.unheard > max(_UNHEARD, _UNHEARD_PART * self.sounds)


def read_film(container: InputContainer, picture: VideoStream, sound: AudioStream | None) -> Reading:
    """Read every packet of both once. What FFmpeg raises at a damaged place leaves as it is."""
    picture.codec_context.options = _MAX_PIXELS
    units, seen = _Units(picture), {picture.index: _Track()}
    turned, last_key, tail, pictures, broken, unheard = None, None, 0, 0, 0, 0
    for packet in container.demux(*(stream for stream in (picture, sound) if stream is not None)):
        is_picture = packet.stream_index == picture.index
        if is_picture and turned is None and pictures < _MAX_TRIED:
            turned = next((frame.rotation for frame in _decoded(packet)), None)
        if packet.pts is None or packet.time_base is None:
            continue  # the empty packet that ends a stream
        seen.setdefault(packet.stream_index, _Track()).add(packet)
        if not is_picture:
            unheard += not _can_be_heard(packet)
        else:
            # What an edit list leaves out at the end is never shown.
            if packet.is_keyframe and not packet.is_discard:
                last_key, tail = packet.pts, 0
            tail += 1
            pictures += 1
            broken += not units.add_up(packet)
    return Reading(
        seconds=max(track.end_s() for track in seen.values()) - (container.start_time or 0) / _TICKS_PER_S,
        covered_s=max(track.covered_s() for track in seen.values()),
        shows=turned is not None,
        last_key=last_key,
        tail=tail,
        pictures=pictures,
        sounds=sum(track.packets for track in seen.values()) - pictures,
        broken=broken,
        unheard=unheard,
        turned=turned or 0,
    )


def unplayable_end(container: InputContainer, picture: VideoStream, reading: Reading) -> str:
    """Why the end of what was read can't be played; empty if it can. FFmpeg's refusal leaves as it is."""
    # Containers without an index lead anywhere but to that place.
    if reading.last_key is None or reading.tail > _MAX_TRIED or "mp4" not in container.format.name.split(","):
        return ""
    container.seek(reading.last_key, stream=picture)
    return "" if sum(len(packet.decode()) for packet in container.demux(picture)) else LOST_END


def shown_size(width: int, height: int, turned: int) -> tuple[int, int]:
    """Width and height of a picture as it is shown."""
    return (height, width) if turned % 180 else (width, height)


def _can_be_heard(packet: Packet[Any]) -> bool:
    import av

    try:
        packet.decode()
    except (av.InvalidDataError, av.PatchWelcomeError):
        return False
    return True


def _decoded(packet: Packet[Any]) -> list[Any]:
    return list(packet.decode())


class _Track:
    """When the packets of one stream play."""

    def __init__(self) -> None:
        self.packets = 0
        self._unit = 0.0
        self._first = self._last = self._end = self._sum = self._shortest = 0
        self._in_order = True

    def add(self, packet: Packet[Any]) -> None:
        place, duration = packet.pts or 0, packet.duration or 0
        self.packets += 1
        if packet.is_discard:
            return
        if not self._unit:
            self._unit = float(packet.time_base or 0)
            self._first = self._last = place
        self._in_order = self._in_order and place >= self._last
        self._first, self._last = min(self._first, place), max(self._last, place)
        self._end = max(self._end, place + duration)
        self._sum += duration
        self._shortest = min(self._shortest or duration, duration)

    def end_s(self) -> float:
        # Durations of pictures that wait for their order are those between packets as they are stored.
        return (self._end if self._in_order else self._last + self._shortest) * self._unit

    def covered_s(self) -> float:
        """From the first to the last; small gaps are none."""
        whole_s, sum_s = self.end_s() - self._first * self._unit, self._sum * self._unit
        return sum_s if self._in_order and 0 < sum_s < whole_s <= sum_s + _GAP_S else whole_s


class _Units:
    """Checks the lengths inside the packets of one picture; takes all packets where its codec or file has none."""

    def __init__(self, picture: VideoStream) -> None:
        at = _LENGTH_AT.get(picture.codec_context.name)
        configuration = picture.codec_context.extradata or b""
        # 1 is the version of a configuration as it lies in MP4; other containers begin with a start code.
        has_lengths = at is not None and len(configuration) > at and configuration[0] == 1
        self._size = (configuration[at] & 3) + 1 if has_lengths and at is not None else 0

    def add_up(self, packet: Packet[Any]) -> bool:
        size = self._size
        if not size:
            return True
        data = memoryview(packet)
        place, end = 0, len(data)
        while place + size < end:
            length = int.from_bytes(data[place : place + size], "big")
            start, place = place + size, place + size + length
            if not length or place > end:
                return False
            # Three zeros are no part of a unit, whatever is in it (ITU-T H.264 and H.265, 7.4.1): others stand there.
            if b"\0\0\0" in bytes(data[start:place]).rstrip(b"\0"):
                return False
        return True
