"""The sound of a track as it is decoded: how loud it is, how long, and a hash of the samples themselves.

Loudness is gated as EBU R 128 does it, over windows of a tenth of a second: what lies below -70 dB is no sound, and
what lies 10 dB below the mean of the rest is a pause; the mean of what remains is the level of what is said. Of
several channels the loudest counts in each window, so that a voice in mono, on both sides, or in the centre of 5.1
is equally loud. A constant offset is no sound. Levels are of full scale: a sine that reaches it has -3 dB.

The only importer of numpy beside the report, on use. Memory is bounded: a second of samples at a time, and a number
for each window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dubbatch.media.hashing import Checksum

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

#: What stands for the level of digital silence.
SILENT_DB = -120.0
#: Mean square of the absolute gate, and the relative gate's share of the mean.
_ABSOLUTE_GATE = 1e-7
_RELATIVE_GATE = 0.1
_WINDOWS_PER_S = 10
#: Full scale of whole samples by their width in bytes, and how far samples without a bound are believed.
_FULL_SCALE = {1: 128.0, 2: 32_768.0, 4: 2_147_483_648.0, 8: 9_223_372_036_854_775_808.0}
_LARGEST = 8.0
#: Samples of silence that are hashed in one go.
_SILENCE = 1 << 16


class SoundMeter:
    """Takes decoded frames in their order; may be asked at any time after ``end``."""

    def __init__(self) -> None:
        self._samples: dict[int, int] = {}
        self._peak = 0.0
        self._powers: list[NDArray[np.float64]] = []
        self._hash = _SoundHash()
        self._form: tuple[int, int, str] | None = None
        self._frames: list[AudioFrame] = []
        self._held = 0
        self._rest: NDArray[np.float32] | None = None

    @property
    def seconds(self) -> float:
        """Of all frames so far; an MP3 may change its rate on the way."""
        return sum(samples / rate for rate, samples in self._samples.items())

    def add(self, frame: AudioFrame) -> None:
        form = frame.sample_rate, frame.layout.nb_channels, frame.format.name
        if form != self._form:
            self.end()
            self._form = form
        if not frame.samples or not frame.sample_rate:
            return
        self._frames.append(frame)
        self._held += frame.samples
        self._samples[frame.sample_rate] = self._samples.get(frame.sample_rate, 0) + frame.samples
        if self._held >= frame.sample_rate:
            self._measure()

    def end(self) -> None:
        """Count what was held back."""
        self._measure()
        if self._rest is not None and self._rest.shape[1]:
            self._count(self._rest[:, None, :])
        self._rest = None

    def loudness_db(self) -> float:
        """Mean level of what is audible; SILENT_DB where nothing is."""
        import numpy as np

        powers = np.concatenate([np.zeros(0), *self._powers])
        audible = powers[powers > _ABSOLUTE_GATE]
        if not audible.size:
            return SILENT_DB
        spoken = audible[audible >= audible.mean() * _RELATIVE_GATE]
        return round(10 * math.log10(float(spoken.mean())), 2)

    def peak_db(self) -> float:
        return round(max(SILENT_DB, 20 * math.log10(self._peak)), 2) if self._peak else SILENT_DB

    def audible_s(self) -> float:
        """Seconds in which anything can be heard."""
        return sum(int((powers > _ABSOLUTE_GATE).sum()) for powers in self._powers) / _WINDOWS_PER_S

    def hexdigest(self) -> str:
        """Of rate and samples of 16 bits; empty if there are none."""
        return self._hash.hexdigest() if self.seconds else ""

    def _measure(self) -> None:
        import numpy as np

        if not self._frames or self._form is None:
            return
        rate, channels, _ = self._form
        planar = self._frames[0].format.is_planar
        arrays = [frame.to_ndarray() for frame in self._frames]
        self._frames, self._held = [], 0
        samples: NDArray[Any] = np.concatenate(arrays, axis=1)
        if not planar:
            samples = samples.reshape(-1, channels).T
        self._hash.add(_of_16_bits(samples), rate)
        levels = _of_full_scale(samples)
        if self._rest is not None:
            levels = np.concatenate([self._rest, levels], axis=1)
        window = max(1, rate // _WINDOWS_PER_S)
        whole = levels.shape[1] // window * window
        if whole:
            self._count(levels[:, :whole].reshape(channels, -1, window))
        self._rest = levels[:, whole:]

    def _count(self, windows: NDArray[np.float32]) -> None:
        """``windows``: channels x windows x samples."""
        import numpy as np

        moved = windows - windows.mean(axis=2, keepdims=True)
        self._peak = max(self._peak, float(abs(moved).max()))
        self._powers.append(np.square(moved).mean(axis=2).max(axis=0).astype(np.float64))


class _SoundHash:
    """A hash of what can be heard: without the silence before and after it, of one channel where all are alike."""

    def __init__(self) -> None:
        self._all, self._one = Checksum(), Checksum()
        self._form: tuple[int, int] | None = None
        self._is_one = True
        #: Samples of silence that may be the end.
        self._silent = 0
        self._has_begun = False

    def add(self, samples: NDArray[np.int16], rate: int) -> None:
        """``samples``: channels x samples."""
        import numpy as np

        channels, count = samples.shape
        if self._form != (rate, channels):
            self._is_one = self._is_one and (self._form is None or self._form[0] == rate)
            self._form = (rate, channels)
            self._all.update(f"{rate} {channels} ".encode())
        loud = np.flatnonzero(samples.any(axis=0))
        if not loud.size:
            self._silent += count
            return
        first, last = int(loud[0]), int(loud[-1])
        if self._has_begun:
            self._pass_silence(self._silent + first, channels)
        heard = samples[:, first : last + 1]
        self._is_one = self._is_one and bool((heard == heard[0]).all())
        self._all.update(np.ascontiguousarray(heard.T, dtype="<i2").data)
        self._one.update(np.ascontiguousarray(heard[0], dtype="<i2").data)
        self._has_begun, self._silent = True, count - 1 - last

    def _pass_silence(self, count: int, channels: int) -> None:
        for start in range(0, count, _SILENCE):
            part = min(_SILENCE, count - start)
            self._all.update(bytes(2 * channels * part))
            self._one.update(bytes(2 * part))

    def hexdigest(self) -> str:
        rate = self._form[0] if self._form else 0
        return f"{rate}-{(self._one if self._is_one else self._all).hexdigest()}"


def _of_16_bits(samples: NDArray[Any]) -> NDArray[np.int16]:
    import numpy as np

    if samples.dtype.kind == "f":
        return np.rint(np.clip(_real(samples) * 32_768.0, -32_768, 32_767)).astype(np.int16)
    if samples.dtype.kind == "u":
        return ((samples.astype(np.int16) - 128) << 8).astype(np.int16)
    return (samples >> (8 * samples.dtype.itemsize - 16)).astype(np.int16)


def _of_full_scale(samples: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    if samples.dtype.kind == "f":
        return _real(samples).astype(np.float32)
    levels: NDArray[np.float32] = samples.astype(np.float32) / np.float32(_FULL_SCALE[samples.dtype.itemsize])
    return levels - np.float32(1) if samples.dtype.kind == "u" else levels


def _real(samples: NDArray[Any]) -> NDArray[Any]:
    """Without infinities and what is no number: a file may hold any bytes."""
    import numpy as np

    known = np.nan_to_num(samples, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    bounded: NDArray[Any] = np.clip(known, -_LARGEST, _LARGEST)
    return bounded
