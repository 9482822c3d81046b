"""What holds for every test: no key and no setting of whoever runs them, a state directory of its own."""

from __future__ import annotations

import io
import os
import wave
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from dubbatch.ledger.ledger import Ledger
from tests.story import Story

# Machines are shared: how long an example takes says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


#: One that holds nothing: that of whoever runs the tests is not looked into.
NO_KEYRING = "keyring.backends.null.Keyring"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away what a shell may have set, and keep the permit log out of the home directory."""
    for name in list(os.environ):
        if name.startswith(("CHAMELAION_", "DUBBATCH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(_state_home(tmp_path_factory)))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NO_KEYRING)


def _state_home(factory: pytest.TempPathFactory) -> Path:
    return factory.getbasetemp() / "state"


@pytest.fixture
def output_dir(tmp_path: Path) -> Path:
    return tmp_path / "spring-dubs"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A real one on a file."""
    with Ledger(tmp_path / ".dubbatch" / "ledger.db") as ledger:
        yield ledger


@pytest.fixture
def story(ledger: Ledger, output_dir: Path) -> Story:
    return Story(ledger, output_dir)


@pytest.fixture(scope="session")
def make_media() -> Callable[[Path], None]:
    """Writes a second of real media, as the suffix says (mp4, wav, mp3); each track sounds like no other."""

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_clip() if path.suffix == ".mp4" else _voice(path.name, path.suffix))

    return make


@cache
def _clip() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(10):
            shade = np.full((64, 64, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def _voice(name: str, suffix: str, rate: int = 8000) -> bytes:
    pitch = 200 + zlib.crc32(name.encode("utf-8", "surrogateescape")) % 3000
    sound = (np.sin(2 * np.pi * pitch * np.arange(rate) / rate) * 12000).astype("<i2")
    file = io.BytesIO()
    if suffix == ".wav":
        with wave.open(file, "wb") as track:
            track.setparams((1, 2, rate, 0, "NONE", ""))
            track.writeframes(sound.tobytes())
        return file.getvalue()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
