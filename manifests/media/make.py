"""Makes the demo's media: two drawn clips and the tracks that dub them.

Run it from anywhere with the project's environment; it writes beside itself::

    apt-get install espeak-ng            # speaks the tracks; dubbatch itself never needs it
    .venv/bin/python manifests/media/make.py

``scenes`` draws the pictures with ``shapes``; the mouths follow the loudness of the original, English
speech. Nothing is random between two runs: only another version of espeak-ng or FFmpeg changes bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scenes import harbor, harbor_background, lantern, lantern_background
from shapes import HEIGHT, WIDTH, Image

HERE = Path(__file__).resolve().parent
FPS, RATE = 25, 16_000
SECONDS = 7.0
#: Silence before and after the speech.
LEAD_S, TAIL_S = 0.25, 0.3

Samples = NDArray[np.int16]

#: Clip -> language -> (voice of espeak-ng, suffix of the track, text). The first is the original, inside the clip.
SPEECH: dict[str, dict[str, tuple[str, str, str]]] = {
    "harbor": {
        "en": ("en-gb", "", "Good evening from the harbor. The wind has turned, the tide is rising, "
               "and my little boat is going home."),
        "de": ("de", "wav", "Guten Abend aus dem Hafen. Der Wind hat gedreht, die Flut kommt, "
               "und mein kleines Boot fährt nach Hause."),
        "fr": ("fr-fr", "mp3", "Bonsoir du port. Le vent a tourné, la marée monte, "
               "et mon petit bateau rentre à la maison."),
        # わ where one writes は: espeak-ng reads the particle as it is spelled.
        "ja": ("ja", "wav", "みなとから こんばんわ。 かぜが かわり、 しおが みちてきました。 "
               "わたしの ふねわ いえに かえります。"),
    },
    "lantern": {
        "en": ("en-gb+f3", "", "On the longest night of the year, we light a lantern "
               "for everyone who is still on the way home."),
        "de": ("de+f3", "mp3", "In der längsten Nacht des Jahres zünden wir eine Laterne an, "
               "für alle, die noch auf dem Heimweg sind."),
        "fr": ("fr-fr+f3", "mp3", "Pendant la nuit la plus longue de l'année, nous allumons une lanterne "
               "pour tous ceux qui rentrent chez eux."),
        "es": ("es+f3", "mp3", "En la noche más larga del año, encendemos un farol "
               "para todos los que aún van de camino a casa."),
    },
}  # fmt: skip


def speak(voice: str, text: str) -> Samples:
    """The spoken text as 16 kHz mono, exactly SECONDS long: spoken as fast as it takes to fill the clip."""
    wanted_s = SECONDS - LEAD_S - TAIL_S
    speed = 150
    for _ in range(4):
        spoken = _espeak(voice, text, speed)
        if abs(len(spoken) / RATE - wanted_s) < 0.1:
            break
        speed = round(np.clip(speed * len(spoken) / RATE / wanted_s, 90, 240))
    whole = np.zeros(round(SECONDS * RATE), np.int16)
    lead = round(LEAD_S * RATE)
    spoken = spoken[: len(whole) - lead]
    whole[lead : lead + len(spoken)] = spoken
    return whole


def _espeak(voice: str, text: str, speed: int) -> Samples:
    program = shutil.which("espeak-ng")
    if program is None:
        sys.exit("espeak-ng is missing: apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        subprocess.run([program, "-v", voice, "-s", str(speed), "-w", str(file), text], check=True)  # noqa: S603
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        with av.open(file) as container:
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in [*frames, *resampler.resample(None)]])
    loud = np.flatnonzero(np.abs(samples) > 200)
    samples = samples[loud[0] : loud[-1] + 1].astype(np.float32)
    loudest: Samples = (samples * (0.8 * 32767 / np.abs(samples).max())).astype(np.int16)
    return loudest


def openings(samples: Samples) -> list[float]:
    """How far the mouth is open in each picture, 0 to 1: the smoothed loudness of its moment."""
    count = round(SECONDS * FPS)
    pieces = np.array_split(samples.astype(np.float32), count)
    loudness = np.array([np.sqrt(np.mean(piece**2)) for piece in pieces])
    loudness = np.convolve(loudness, [0.2, 0.6, 0.2], mode="same")
    return [float(value) for value in np.clip(loudness / (np.percentile(loudness, 92) + 1), 0, 1)]


def pictures(
    background: Image, draw: Callable[[Image, float, float], None], mouths: list[float]
) -> Iterator[av.VideoFrame]:
    for number, mouth in enumerate(mouths):
        image = background.copy()
        draw(image, number / FPS, mouth)
        frame = av.VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield frame


def write_clip(path: Path, frames: Iterator[av.VideoFrame], samples: Samples) -> None:
    """H.264 and AAC, the index first, so that a browser starts to play at once."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(path, "w", options=options) as container:
        # One thread: with more, x264 may cut the work differently on another machine.
        video = container.add_stream("libx264", rate=FPS, options={"crf": "27", "preset": "veryslow", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE)
        audio.layout, audio.bit_rate = "mono", 48_000
        per_frame = RATE // FPS
        for number, frame in enumerate(frames):
            container.mux(video.encode(frame))
            _write_sound(container, audio, samples, number * per_frame, (number + 1) * per_frame)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def write_track(path: Path, samples: Samples) -> None:
    with av.open(path, "w", options={"fflags": "+bitexact"}) as container:
        if path.suffix == ".mp3":
            stream = container.add_stream("libmp3lame", rate=RATE)
            stream.bit_rate = 40_000
        else:
            stream = container.add_stream("pcm_s16le", rate=RATE)
        stream.layout = "mono"
        _write_sound(container, stream, samples, 0, len(samples))
        container.mux(stream.encode(None))


def _write_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, samples: Samples, start: int, end: int
) -> None:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, start:end]), format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, start
    container.mux(stream.encode(frame))


def main() -> None:
    scenes = {"harbor": (harbor_background(), harbor), "lantern": (lantern_background(), lantern)}
    for name, (background, draw) in scenes.items():
        for language, (voice, suffix, text) in SPEECH[name].items():
            samples = speak(voice, text)
            if suffix:
                write_track(HERE / f"{name}.{language}.{suffix}", samples)
            else:
                write_clip(HERE / f"{name}.mp4", pictures(background, draw, openings(samples)), samples)


if __name__ == "__main__":
    main()
