"""Small real media, made with PyAV once a session."""

from __future__ import annotations

import heapq
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import av
import av.subtitles.stream
import numpy as np
import pytest
from numpy.typing import NDArray

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


_SUBTITLES = b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"


class FilmMaker(Protocol):
    def __call__(
        self,
        name: str = "film.mp4",
        seconds: float = 3.0,
        *,
        codec: str = "libx264",
        fps: int = FPS,
        times: Sequence[float] = (),
        size: tuple[int, int] = (WIDTH, HEIGHT),
        turned: int = 0,
        sound_s: float | None = None,
        sound_codec: str = "aac",
        subtitles: bool = False,
        options: Mapping[str, str] | None = None,
        encoder: Mapping[str, str] | None = None,
    ) -> Path:
        """A film with a picture of ``seconds`` (or frames at ``times``) and a sound of ``sound_s`` (0: none).

        ``options``: of the format; ``encoder``: of the picture's codec.
        """


@pytest.fixture
def film(tmp_path: Path) -> FilmMaker:
    def make(
        name: str = "film.mp4",
        seconds: float = 3.0,
        *,
        codec: str = "libx264",
        fps: int = FPS,
        times: Sequence[float] = (),
        size: tuple[int, int] = (WIDTH, HEIGHT),
        turned: int = 0,
        sound_s: float | None = None,
        sound_codec: str = "aac",
        subtitles: bool = False,
        options: Mapping[str, str] | None = None,
        encoder: Mapping[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        places = times or [number / fps for number in range(round(seconds * fps))]
        with av.open(path, "w", options=dict(options or {})) as container:
            video = container.add_stream(codec, rate=fps, options={"g": "10", **(encoder or {})})
            assert isinstance(video, av.VideoStream)
            video.width, video.height, video.pix_fmt = *size, "yuv420p"
            video.codec_context.time_base = Fraction(1, 1000)
            if turned:
                video.set_display_rotation(turned)
            audio = container.add_stream(sound_codec, rate=48_000) if sound_s != 0 else None
            text = container.add_stream("mov_text") if subtitles else None
            if isinstance(text, av.subtitles.stream.SubtitleStream):
                text.codec_context.subtitle_header = _SUBTITLES
            assert audio is None or isinstance(audio, av.AudioStream)
            packets: list[Iterator[av.Packet[Any]]] = [_film_pictures(video, places, size)]
            if audio is not None:
                audio.layout = "mono"
                packets.append(_film_sound(audio, seconds if sound_s is None else sound_s))
            for packet in heapq.merge(*packets, key=lambda packet: float((packet.dts or 0) * (packet.time_base or 0))):
                container.mux(packet)
            if text is not None:
                line = av.Packet(b"\0\2hi")
                line.stream, line.pts, line.dts, line.duration, line.time_base = text, 0, 0, 9, Fraction(1)
                container.mux(line)
        return path

    return make


def _film_pictures(
    stream: av.VideoStream, places: Sequence[float], size: tuple[int, int]
) -> Iterator[av.Packet[av.VideoStream]]:
    width, height = size
    for number, place in enumerate(places):
        pixels = np.full((height, width, 3), (number * 5) % 255, np.uint8)
        pixels[:, number % width] = (255, 0, 0)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = round(place * 1000), Fraction(1, 1000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _film_sound(stream: av.AudioStream, seconds: float) -> Iterator[av.Packet[av.AudioStream]]:
    for start in range(0, round(seconds * 48_000), 1024):
        places = np.arange(start, min(start + 1024, round(seconds * 48_000)))
        samples = (np.sin(places * 0.05) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, start
        yield from stream.encode(frame)
    yield from stream.encode(None)


class DubMaker(Protocol):
    def __call__(
        self,
        name: str,
        samples: NDArray[np.float64],
        *,
        codec: str = "",
        rate: int = RATE,
        layout: str = "mono",
        options: Mapping[str, str] | None = None,
        encoder: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        """A sound file of ``samples`` (channels x samples, full scale is 1), in the format that its name says."""


@pytest.fixture
def dub(tmp_path: Path) -> DubMaker:
    def make(
        name: str,
        samples: NDArray[np.float64],
        *,
        codec: str = "",
        rate: int = RATE,
        layout: str = "mono",
        options: Mapping[str, str] | None = None,
        encoder: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        usual = {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".flac": "flac", ".m4a": "aac", ".ogg": "libopus"}
        form = {".w64": "w64"}.get(path.suffix)
        with av.open(path, "w", format=form, options=dict(options or {})) as container:
            container.metadata.update(metadata or {})
            stream = container.add_stream(
                codec or usual.get(path.suffix, "pcm_s16le"), rate=rate, options=dict(encoder or {})
            )
            assert isinstance(stream, av.AudioStream)
            stream.layout = layout
            whole = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
            resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
            for start in range(0, whole.shape[1], rate):
                piece = np.ascontiguousarray(whole[:, start : start + rate].T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
                frame.sample_rate, frame.pts = rate, start
                for ready in resampler.resample(frame):
                    container.mux(stream.encode(ready))
            container.mux(stream.encode(None))
        return path

    return make


def speech_of(seconds: float, *, rate: int = RATE, seed: int = 1, level: float = 0.3) -> NDArray[np.float64]:
    """Noise that comes and goes as syllables do, with pauses between sentences."""
    random = np.random.default_rng(seed)
    places = np.arange(round(seconds * rate)) / rate
    envelope = np.abs(np.sin(places * 9.0)) * (np.sin(places * 1.3 + seed) > -0.6)
    noise = np.convolve(random.standard_normal(places.size), np.ones(8) / 8, mode="same")
    return np.asarray((noise * envelope * level)[None, :], dtype=np.float64)


@pytest.fixture
def speech() -> Callable[..., NDArray[np.float64]]:
    return speech_of
