"""What surveying local media costs: in processes beside one process, and how long the event loop stands still.

    python -m benchmarks.survey [--clips 60] [--seconds 20]

Half of the clips are films (H.264 and AAC, 640 x 360), half are dubs (WAV, MP3). Read the ratio: the machine may have
other work. A stall is the longest time that a task which only sleeps for a millisecond was kept from going on.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from dubbatch.media.survey import survey
from dubbatch.media.surveyors import Surveyors, cores

_RATE = 44_100


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="survey-") as name:
        clips = _clips(Path(name), options.clips, options.seconds)
        survey(clips[0])
        before = time.perf_counter()
        alone = [survey(clip) for clip in clips]
        alone_s = time.perf_counter() - before
        before = time.perf_counter()
        found, stall_s = asyncio.run(_together(clips))
        together_s = time.perf_counter() - before
    print(f"{len(clips)} clips of {options.seconds} s, {cores()} cores")
    print(f"{'one process':<24}{len(clips) / alone_s:>8.1f} clips a second")
    print(f"{'processes, with start':<24}{len(clips) / together_s:>8.1f} clips a second {alone_s / together_s:>8.2f} x")
    print(f"{'longest stall':<24}{stall_s * 1000:>8.1f} ms")
    print(f"{'the same is found':<24}{'yes' if found == alone else 'NO':>8}")


async def _together(clips: list[Path]) -> tuple[list[object], float]:
    watch = asyncio.ensure_future(_stall())
    async with Surveyors() as surveyors:
        found = await asyncio.gather(*(surveyors.survey(clip) for clip in clips))
    watch.cancel()
    await asyncio.wait([watch])
    return list(found), max(_STALLS, default=0.0)


_STALLS: list[float] = []


async def _stall() -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        _STALLS.append(time.perf_counter() - before - 0.001)


def _clips(folder: Path, count: int, seconds: int) -> list[Path]:
    models = [folder / "film.mp4", folder / "dub.wav", folder / "film.mp4", folder / "dub.mp3"]
    _film(models[0], seconds)
    for path in (models[1], models[3]):
        _dub(path, seconds)
    clips = [folder / f"{number}{models[number % 4].suffix}" for number in range(count)]
    for number, clip in enumerate(clips):
        shutil.copy(models[number % 4], clip)
    return clips


def _film(path: Path, seconds: int) -> None:
    random = np.random.default_rng(1)
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for number in range(25 * seconds):
            pixels = random.integers(0, 255, (36, 64, 3), dtype=np.uint8).repeat(10, axis=0).repeat(10, axis=1)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _dub(path: Path, seconds: int) -> None:
    random = np.random.default_rng(2)
    with av.open(path, "w") as container:
        sound = container.add_stream("pcm_s16le" if path.suffix == ".wav" else "libmp3lame", rate=_RATE)
        assert isinstance(sound, av.AudioStream)  # noqa: S101
        sound.layout = "stereo"
        for second in range(seconds):
            samples = (random.standard_normal((1, 2 * _RATE)) * 3000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = _RATE, second * _RATE
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


if __name__ == "__main__":
    main()
