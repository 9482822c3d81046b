"""All that can be said about one local medium, by one look at its bytes and one at its packets.

Bytes come first: what is cut plays up to the cut without an error, so that only lengths give it away (``boxes``,
``riff``, ``frames``). Then FFmpeg reads all of it: of a film the packets, with the pictures at both ends decoded
(``reading``, the code that outputs are checked by); of what has no picture every sample, which is the one way to
know the length of an MP3, and to hear whether there is anything in it (``sound``).

The sound of a film is not listened to: a dub replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dubbatch.errors import MediaError
from dubbatch.media.boxes import describe_start, inspect_boxes, is_boxes
from dubbatch.media.duration import fits
from dubbatch.media.facts import Facts
from dubbatch.media.frames import behind_tags, count_in, first_frame
from dubbatch.media.hashing import stamp_of
from dubbatch.media.probe import UnplayableError, describe, open_media, picture_of, sound_of
from dubbatch.media.reading import DAMAGED, NO_PICTURE, Reading, read_film, shown_size, unplayable_end
from dubbatch.media.riff import cut_of, is_wave
from dubbatch.media.sound import SoundMeter

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: A header may differ from the packets by so much: an encoder's padding.
_HEADER_SLACK_S, _HEADER_SLACK_PART = 0.03, 0.005
#: Shorter delays of one against the other are those of frames that wait for their order.
_DELAY_S = 0.5
#: Longer than any track; small files can hold days of silence.
_LONGEST_S = 48 * 3600
#: Behind tags, bytes in which the first frame of an MP3 begins.
_FIRST_FRAME = 8192
#: The encoder's first frame, and the last one that it fills up.
_FRAMES_SLACK, _FRAMES_SLACK_PART = 3, 0.01
#: Packets at either end where tags and halves of frames lie, and what else players pass over without a sound.
_EDGE = 3
_REFUSED_PART, _REFUSED_AT_ONCE, _REFUSED_WITH_EDGES = 0.01, 2048, 0.1
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS", b"Xing", b"Info", b"VBRI")


@dataclass(frozen=True, slots=True)
class _Promise:
    """What the bytes say, before any decoder has seen them."""

    flaw: str = ""
    #: Length that a fragmented film says it has in all.
    fragments_s: float | None = None
    #: Frames that an MP3 says it has.
    frames: int | None = None


@dataclass(slots=True)
class _Refused:
    """Packets that a decoder refused, among all."""

    #: Index and bytes of each; not of those that a tag is in.
    packets: list[tuple[int, int]] = field(default_factory=list)
    count: int = 0
    bytes: int = 0

    def is_damage(self) -> bool:
        """By share: one lost frame is passed over by every player, and so are tags and what stands at the ends."""
        inner = [size for index, size in self.packets if _EDGE <= index < self.count - _EDGE]
        everywhere = sum(size for _, size in self.packets)
        return (
            sum(inner) > _REFUSED_PART * self.bytes
            or max(inner, default=0) > _REFUSED_AT_ONCE
            or everywhere > _REFUSED_WITH_EDGES * self.bytes
        )


def survey(path: Path) -> Facts:
    """Everything about a local file; reads all of it and blocks, so call it in a process of its own (``surveyors``).

    Whatever the file holds is Facts, with a ``flaw`` where it is not whole, can't be played, or is no media
    at all. Raises MediaError, naming the file, only where the system can't open or read it.
    """
    stamp_of(path)
    try:
        with path.open("rb") as file:
            promise = _look(file)
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror or type(error).__name__}") from error
    facts = Facts()
    try:
        with open_media(path) as container:
            facts = describe(container)
            if not promise.flaw:
                facts = _examined(container, facts, promise)
    except UnplayableError as error:
        facts = replace(facts, flaw=error.reason, duration_s=None)
    if promise.flaw:
        facts = replace(facts, flaw=promise.flaw, duration_s=None)
    return facts


def _look(file: BinaryIO) -> _Promise:
    head = file.read(512)
    if is_boxes(head):
        report = inspect_boxes(file)
        return _Promise(flaw=report.reason, fragments_s=report.fragments_s)
    if is_wave(head):
        return _Promise(flaw=cut_of(file))
    if flaw := describe_start(head):
        # Silence without a head is no kind of file, but zeros may stand before the first frame of an MP3.
        return _Promise(flaw="" if head and not any(head) else flaw)
    file.seek(behind_tags(file))
    data = file.read(_FIRST_FRAME)
    place = first_frame(data)
    count = count_in(data, place) if place is not None else None
    return _Promise(frames=count.frames if count else None)


def _examined(container: InputContainer, facts: Facts, promise: _Promise) -> Facts:
    picture, sound = picture_of(container), sound_of(container)
    if picture is not None:
        return _watched(facts, promise, container, picture)
    return facts if sound is None else _heard(facts, promise, container, sound)


def _watched(facts: Facts, promise: _Promise, container: InputContainer, picture: VideoStream) -> Facts:
    reading = read_film(container, picture, sound_of(container))
    width, height = shown_size(facts.width, facts.height, reading.turned)
    facts = replace(facts, width=width, height=height, duration_s=_length(facts.duration_s, reading))
    if reading.pictures + reading.sounds == 0:
        return facts
    if not reading.shows or reading.last_key is None:
        return replace(facts, flaw=NO_PICTURE)
    promised_s = promise.fragments_s or 0.0
    if reading.seconds < promised_s and not fits(reading.seconds, promised_s):
        flaw = f"the file is cut: it promises {promised_s:.1f} s, its media end after {reading.seconds:.1f} s"
        return replace(facts, flaw=flaw)
    if reading.is_damaged:
        return replace(facts, flaw=DAMAGED)
    return replace(facts, flaw=unplayable_end(container, picture, reading))


def _length(header_s: float | None, reading: Reading) -> float:
    """Seconds: the header's where the packets agree with it. It may be of the first fragment only, or plainly wrong."""
    if reading.pictures + reading.sounds == 0:
        return 0.0
    if header_s is None or _is_near(header_s, reading.covered_s):
        return reading.covered_s if header_s is None else header_s
    if reading.seconds - reading.covered_s <= _DELAY_S:
        return reading.covered_s
    # Picture and sound begin at different times.
    return header_s if _is_near(header_s, reading.seconds) else max(reading.seconds, reading.covered_s)


def _is_near(header_s: float, packets_s: float) -> bool:
    return abs(header_s - packets_s) <= max(_HEADER_SLACK_S, _HEADER_SLACK_PART * packets_s)


def _heard(facts: Facts, promise: _Promise, container: InputContainer, sound: AudioStream) -> Facts:
    meter, refused = SoundMeter(), _Refused()
    for frame in _frames(container, sound, refused):
        meter.add(frame)
        if meter.seconds > _LONGEST_S:
            return replace(facts, flaw=f"it lasts longer than {_LONGEST_S // 3600} hours", duration_s=None)
    meter.end()
    facts = replace(
        facts,
        duration_s=meter.seconds,
        loudness_db=meter.loudness_db(),
        peak_db=meter.peak_db(),
        audible_s=meter.audible_s(),
        sound=meter.hexdigest(),
    )
    if promise.frames is not None:
        missing = promise.frames - refused.count
        if missing > max(_FRAMES_SLACK, _FRAMES_SLACK_PART * promise.frames) and not refused.packets:
            return replace(facts, flaw=f"the file is cut: {missing} of its {promise.frames} frames are missing")
    return replace(facts, flaw=DAMAGED if refused.is_damage() else "")


def _frames(container: InputContainer, sound: AudioStream, refused: _Refused) -> Iterator[AudioFrame]:
    """All that can be decoded, one after the other; what can't goes to ``refused``."""
    import av

    for packet in container.demux(sound):
        size = packet.size
        try:
            frames = packet.decode()
        except (av.InvalidDataError, av.PatchWelcomeError):
            refused.packets += [] if any(tag in bytes(packet) for tag in _TAGS) else [(refused.count, size)]
            frames = []
        refused.count += bool(size)
        refused.bytes += size
        yield from frames
