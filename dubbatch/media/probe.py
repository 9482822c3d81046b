"""What a media file holds, as FFmpeg (through PyAV) sees it.

PyAV is imported on use: it costs some fifty milliseconds and a hundred megabytes of libraries that
``dubbatch status`` never needs. It is silent as long as nobody turns its logging on.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dubbatch.errors import MediaError
from dubbatch.media.boxes import describe_start
from dubbatch.media.facts import Facts

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
#: Of a file that is missing or may not be read, and of a disk that fails.
_OF_THE_SYSTEM = frozenset((errno.ENOENT, errno.EACCES, errno.EIO, errno.EISDIR))
#: FFmpeg counts a container's time in microseconds.
_TICKS_PER_S = 1_000_000


class UnplayableError(MediaError):
    """A file that the system reads, but no decoder; ``reason`` is the part of the message after its name."""

    def __init__(self, name: str, reason: str, *, message: str = "") -> None:
        super().__init__(message or f"{name} can't be read as media: {reason}")
        self.reason = reason


@contextmanager
def open_media(source: Path | BinaryIO) -> Iterator[InputContainer]:
    """The opened file, closed on leaving; whatever FFmpeg reports inside the block becomes a MediaError.

    That is an UnplayableError where the content is to blame, not the system. ``source``: a path, or
    an object that reads and seeks; what such an object raises, passes through.
    """
    import av

    # An absolute path: FFmpeg takes the "a" of "a:b.mp4" for a protocol.
    file = str(source.absolute()) if isinstance(source, Path) else source
    name = str(source) if isinstance(source, Path) else "the file"
    opened = False
    try:
        with av.open(file, "r", options=_OPTIONS, metadata_errors="replace") as container:
            opened = True
            yield container
    except (av.FFmpegError, OSError) as error:
        if isinstance(error, OSError) and (not isinstance(error, av.FFmpegError) or error.errno in _OF_THE_SYSTEM):
            if not isinstance(source, Path):
                raise
            reason = error.strerror or type(error).__name__
            raise MediaError(f"{name} can't be read as media: {reason}") from error
        raise UnplayableError(name, "part of it is damaged" if opened else _reason(source)) from error


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


def describe(container: InputContainer) -> Facts:
    """What an opened file holds by the heads of its streams: the length as its header tells, the size as it is stored.

    Raises MediaError if that is neither picture nor sound.
    """
    video = picture_of(container)
    audio = sound_of(container)
    if video is None and audio is None:
        reason = "it has neither picture nor sound that can be decoded"
        raise UnplayableError(container.name, reason, message=f"{container.name} {reason.removeprefix('it ')}")
    duration = container.duration
    is_boxes = "mp4" in container.format.name.split(",")
    return Facts(
        container=container.format.name,
        # Films from before brands are QuickTime's.
        brand=container.metadata.get("major_brand", "qt").strip()[:8] if is_boxes else "",
        duration_s=duration / _TICKS_PER_S if duration and duration > 0 else None,
        video=video is not None,
        audio=audio is not None,
        width=video.width if video else 0,
        height=video.height if video else 0,
        frame_rate=float(video.average_rate or 0) if video else 0.0,
        video_codec=video.codec_context.codec.canonical_name if video else "",
        audio_codec=audio.codec_context.codec.canonical_name if audio else "",
        channels=audio.codec_context.channels if audio else 0,
    )


def _reason(source: Path | BinaryIO) -> str:
    """Why a file can't be opened: FFmpeg's own words are seldom the cause, the first bytes often are."""
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                head = file.read(512)
        except OSError as unreadable:
            return unreadable.strerror or type(unreadable).__name__
    else:
        source.seek(0)
        head = source.read(512)
    return describe_start(head) or "it is not a kind of media that is known, or it is damaged"
