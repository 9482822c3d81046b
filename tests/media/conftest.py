"""Small real media, made with PyAV once a session."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

RATE = 16_000
FPS = 25
WIDTH, HEIGHT = 64, 48


class ClipMaker(Protocol):
    def __call__(self, seconds: float = 2.0, *, picture: bool = True, sound: bool = True, movflags: str = "") -> bytes:
        """The bytes of an MP4, in whole halves of a second.

        ``movflags`` as FFmpeg knows them: ``+faststart``, ``+frag_keyframe+empty_moov``.
        """


@pytest.fixture(scope="session")
def clip() -> ClipMaker:
    return cache(_make_clip)


@pytest.fixture(scope="session")
def track() -> Callable[[str, float], bytes]:
    """Makes a sound file: the format's name (wav, mp3) and seconds -> bytes."""
    return cache(_make_track)


def _make_clip(seconds: float = 2.0, *, picture: bool = True, sound: bool = True, movflags: str = "") -> bytes:
    # A real file: for an index at the start FFmpeg reads back what it wrote.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        _write_clip(file, seconds, picture=picture, sound=sound, movflags=movflags)
        return file.read_bytes()


def _write_clip(file: Path, seconds: float, *, picture: bool, sound: bool, movflags: str) -> None:
    with av.open(file, "w", format="mp4", options={"movflags": movflags} if movflags else {}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"g": "10"}) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE) if sound else None
        if audio is not None:
            audio.layout = "mono"
        # Piece by piece, so that picture and sound lie interleaved as in real files.
        for half in range(round(seconds * 2)):
            if video is not None:
                _draw(container, video, range(half * FPS // 2, (half + 1) * FPS // 2))
            if audio is not None:
                _hum(container, audio, range(half * RATE // 2, (half + 1) * RATE // 2))
        for stream in (video, audio):
            if stream is not None:
                container.mux(stream.encode(None))


def _draw(container: av.container.OutputContainer, stream: av.VideoStream, numbers: range) -> None:
    for number in numbers:
        pixels = np.full((HEIGHT, WIDTH, 3), (number * 5) % 255, np.uint8)
        pixels[:, number % WIDTH] = (255, 0, 0)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        container.mux(stream.encode(frame))


def _hum(container: av.container.OutputContainer, stream: av.AudioStream, places: range) -> None:
    samples = (np.sin(np.array(places) * 0.17) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, places.start
    container.mux(stream.encode(frame))


def _make_track(form: str, seconds: float) -> bytes:
    file = io.BytesIO()
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame"}[form]
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        _hum(container, stream, range(round(seconds * RATE)))
        container.mux(stream.encode(None))
    return file.getvalue()
