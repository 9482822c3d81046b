"""What a media file holds, as FFmpeg (through PyAV) sees it.

PyAV is imported on use: it costs some fifty milliseconds and a hundred megabytes of libraries that
``dubbatch status`` never needs. It is silent as long as nobody turns its logging on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dubbatch.errors import MediaError
from dubbatch.media.boxes import describe_start

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Containers that hold media themselves. Not among them: playlists (HLS, concat …) and image patterns, which
#: make FFmpeg open further files or addresses that their text names.
_CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mxf", "flv", "asf"),
    *("wav", "w64", "mp3", "aac", "flac", "ogg", "aiff"),
)
_OPTIONS = {"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": "file"}
#: FFmpeg counts a container's time in microseconds.
_TICKS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a media file holds. Absent streams have empty names and zeros."""

    #: FFmpeg's name, or names, of the format, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``.
    container: str
    #: Seconds; of an MP3 without a length in its head an estimate. None: unknown.
    duration_s: float | None
    #: A moving picture; the cover of a sound file is none.
    video: bool = False
    audio: bool = False
    width: int = 0
    height: int = 0
    #: Frames in a second, on average; 0: unknown.
    frame_rate: float = 0.0
    video_codec: str = ""
    audio_codec: str = ""
    channels: int = 0


def probe(path: Path) -> Probe:
    """What ``path`` holds; reads the heads of its streams only, blocks, so call it in a thread.

    Raises MediaError, naming the file and the reason, if it can't be read or is no media.
    """
    with open_media(path) as container:
        return describe(container)


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """The opened file, closed on leaving; whatever FFmpeg reports inside the block becomes a MediaError."""
    import av

    opened = False
    try:
        # An absolute path: FFmpeg takes the "a" of "a:b.mp4" for a protocol.
        with av.open(str(path.absolute()), options=_OPTIONS, metadata_errors="replace") as container:
            opened = True
            yield container
    except (av.FFmpegError, OSError) as error:
        reason = "part of it is damaged" if opened else _reason(path, error)
        raise MediaError(f"{path} can't be read as media: {reason}") from error


def picture_of(container: InputContainer) -> VideoStream | None:
    """The first moving picture that can be decoded; the cover of a sound file is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        # PyAV leaves the context empty where FFmpeg has no decoder.
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def sound_of(container: InputContainer) -> AudioStream | None:
    """The first sound that can be decoded."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def describe(container: InputContainer) -> Probe:
    """What an opened file holds. Raises MediaError if that is neither picture nor sound."""
    video = picture_of(container)
    audio = sound_of(container)
    if video is None and audio is None:
        raise MediaError(f"{container.name} has neither picture nor sound that can be decoded")
    duration = container.duration
    return Probe(
        container=container.format.name,
        duration_s=duration / _TICKS_PER_S if duration and duration > 0 else None,
        video=video is not None,
        audio=audio is not None,
        width=video.width if video else 0,
        height=video.height if video else 0,
        frame_rate=float(video.average_rate or 0) if video else 0.0,
        video_codec=video.codec_context.name if video else "",
        audio_codec=audio.codec_context.name if audio else "",
        channels=audio.codec_context.channels if audio else 0,
    )


def _reason(path: Path, error: Exception) -> str:
    """Why a file can't be opened: FFmpeg's own words are seldom the cause, the first bytes often are."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as unreadable:
        return unreadable.strerror or type(unreadable).__name__
    return describe_start(head) or "it is not a kind of media that is known, or it is damaged"
