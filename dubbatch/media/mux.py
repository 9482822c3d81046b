"""A video with its sound replaced: what the sandbox hands out as a dubbed output.

The picture is copied packet by packet, never encoded again, so the work is small and the same inputs
give the same bytes. The sound is encoded to AAC, the codec that every MP4 player knows. Both keep
their whole length: the result lasts as long as the longer of the two.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubbatch.errors import MediaError
from dubbatch.media.probe import open_media, picture_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

#: Sample rates that AAC can carry (ISO 14496-3, table 1.18); any other is resampled.
_AAC_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000))
_OTHER_RATE = 48000
#: The index before the media, and no time or version of the library in the file.
_MP4_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}


def replace_audio(video: Path, audio: Path, target: Path) -> float:
    """Write the picture of ``video`` with the sound of ``audio`` to ``target`` (MP4); its duration in seconds.

    Blocks for as long as reading both takes, so call it in a thread. Raises MediaError with the message
    ``video could not be decoded`` or ``audio could not be decoded``; ``target`` is then worthless.
    """
    import av

    with _blamed("video"), open_media(video) as source:
        picture = _checked_picture(source)
        with _blamed("audio"), open_media(audio) as track:
            sound = _checked_sound(track)
            with av.open(str(target.absolute()), "w", format="mp4", options=_MP4_OPTIONS) as output:
                copy = output.add_stream_from_template(picture)
                rate = sound.rate if sound.rate in _AAC_RATES else _OTHER_RATE
                encoder = output.add_stream("aac", rate=rate)
                encoder.layout = "mono" if sound.channels == 1 else "stereo"
                packets = _pictures(source, picture, copy), _sounds(track, sound, encoder)
                # Packets in the order of time: the muxer would otherwise hold one stream whole in memory.
                for packet in heapq.merge(*packets, key=_seconds):
                    output.mux(packet)
    with open_media(target) as result:
        return (result.duration or 0) / av.time_base


def _checked_picture(source: InputContainer) -> VideoStream:
    picture = picture_of(source)
    if picture is None:
        raise MediaError("video could not be decoded")
    with _blamed("video"):
        if next(source.decode(picture), None) is None:
            raise MediaError("video could not be decoded")
        source.seek(0)
    return picture


def _checked_sound(track: InputContainer) -> AudioStream:
    sound = next(iter(track.streams.audio), None)
    if sound is None:
        raise MediaError("audio could not be decoded")
    return sound


def _pictures(source: InputContainer, picture: VideoStream, copy: VideoStream) -> Iterator[Packet[Any]]:
    with _blamed("video"):
        for packet in source.demux(picture):
            # The last one carries no data: it only tells decoders to give out what they hold.
            if packet.dts is not None:
                packet.stream = copy
                yield packet


def _sounds(track: InputContainer, sound: AudioStream, encoder: AudioStream) -> Iterator[Packet[Any]]:
    samples = 0
    with _blamed("audio"):
        for frame in track.decode(sound):
            # Counted anew: times in MP3 files begin anywhere and have holes, the sound has not.
            frame.pts, frame.time_base = samples, Fraction(1, frame.sample_rate)
            samples += frame.samples
            yield from encoder.encode(frame)
        if not samples:
            raise MediaError("audio could not be decoded")
        yield from encoder.encode(None)


def _seconds(packet: Packet[Any]) -> float:
    return float((packet.dts or 0) * (packet.time_base or 0))


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Whatever FFmpeg reports inside the block is a fault of the input called ``name``."""
    import av

    try:
        yield
    except MediaError as error:
        if error.message.endswith("could not be decoded"):
            raise
        raise MediaError(f"{name} could not be decoded") from error
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"{name} could not be decoded") from error
