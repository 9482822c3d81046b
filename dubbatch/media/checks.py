"""Whether a downloaded output is whole and playable (design, section 7).

Four looks, the cheap ones first: the boxes, what the file holds, its duration, and then every packet
of it once, with the first and the last pictures decoded. Boxes find a cut that decoders overlook;
decoding the end finds a part that was never written (a resumed transfer that left zeros behind).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dubbatch.errors import MediaError
from dubbatch.media.boxes import inspect_boxes
from dubbatch.media.duration import fits, fits_any
from dubbatch.media.probe import Probe, describe, open_media, picture_of, sound_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Pictures after the last key frame that are still decoded: some seconds of work at most.
_MAX_TAIL = 600
_TICKS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an output passes, else a reason for a person (a sentence without its full stop)."""

    ok: bool
    reason: str = ""
    #: Whether it is a whole file at all: what is cut, empty or a web page says more of the way than of the output.
    whole: bool = True
    duration_s: float | None = None
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class _Reading:
    """What reading every packet showed."""

    #: Time that picture and sound cover.
    seconds: float
    #: Whether any picture at the start could be decoded.
    shows: bool
    #: Place of the last key frame in the picture's time base; None if there is none.
    last_key: int | None
    #: Pictures from there to the end.
    tail: int


def check_output(path: Path, *, durations_s: Sequence[float]) -> Verdict:
    """Judge an output; ``durations_s`` are the known durations of its job's video and audio (none: not checked).

    Reads the whole file once and blocks, so call it in a thread. What the file holds is a verdict;
    only a file that can't be opened or read (missing, no permission, a broken disk) raises MediaError.
    """
    try:
        with path.open("rb") as file:
            report = inspect_boxes(file)
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror or type(error).__name__}") from error
    if not report.whole:
        return Verdict(ok=False, reason=report.reason, whole=False)
    return _check_content(path, durations_s)


def _check_content(path: Path, durations_s: Sequence[float]) -> Verdict:
    try:
        with open_media(path) as container:
            held = describe(container)
            reason = _missing(held) or _wrong_duration(held, durations_s) or _unplayable(container, held)
    except MediaError as error:
        return Verdict(ok=False, reason=error.message)
    return Verdict(ok=not reason, reason=reason, duration_s=held.duration_s, width=held.width, height=held.height)


def _missing(held: Probe) -> str:
    if not held.video:
        return "the file has sound but no picture"
    return "" if held.audio else "the file has a picture but no sound"


def _wrong_duration(held: Probe, durations_s: Sequence[float]) -> str:
    if held.duration_s is None:
        return "the file doesn't say how long it lasts" if durations_s else ""
    if fits_any(held.duration_s, durations_s):
        return ""
    known = " or ".join(f"{known:.1f} s" for known in sorted(set(durations_s)))
    return f"the file lasts {held.duration_s:.1f} s, the job's media {known}"


def _unplayable(container: InputContainer, held: Probe) -> str:
    """Read everything once, decode both ends; a decoder's refusal leaves as MediaError."""
    picture, sound = picture_of(container), sound_of(container)
    if picture is None or sound is None:
        return _missing(held)
    reading = _read_packets(container, picture, sound)
    if not reading.shows or reading.last_key is None:
        return "no picture of the file can be decoded"
    promised_s = held.duration_s or 0.0
    if reading.seconds < promised_s and not fits(reading.seconds, promised_s):
        return f"the file promises {promised_s:.1f} s, but its media end after {reading.seconds:.1f} s"
    if reading.tail <= _MAX_TAIL and not _decodes_from(container, picture, reading.last_key):
        return "the last pictures of the file can't be decoded"
    return ""


def _read_packets(container: InputContainer, picture: VideoStream, sound: AudioStream) -> _Reading:
    end_s, shows, last_key, tail = 0.0, False, None, 0
    start_s = (container.start_time or 0) / _TICKS_PER_S
    for packet in container.demux(picture, sound):
        is_picture = packet.stream_index == picture.index
        if is_picture and not shows:
            shows = bool(packet.decode())
        if packet.pts is None or packet.time_base is None:
            continue  # the empty packet that ends a stream
        end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if is_picture and packet.is_keyframe:
            last_key, tail = packet.pts, 0
        tail += is_picture
    return _Reading(seconds=end_s - start_s, shows=shows, last_key=last_key, tail=tail)


def _decodes_from(container: InputContainer, picture: VideoStream, key: int) -> bool:
    """Whether the pictures from a key frame to the end can be decoded, and there is at least one."""
    container.seek(key, stream=picture)
    return sum(len(packet.decode()) for packet in container.demux(picture)) > 0
