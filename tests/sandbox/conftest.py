"""A running sandbox, the official SDK in front of it, and media small enough to make on the spot."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from chamelaion import Chamelaion

from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

INSTANT: dict[str, Any] = {"seconds": 0, "per_media_second": 0, "pickup_s": 0}


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "BEARER_TOKEN", "BASE_URL", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"CHAMELAION_{name}", raising=False)


@pytest.fixture
def open_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes whose requests are done at once, unless settings say otherwise."""
    with ExitStack() as opened:

        def start(books: Path | None = None, **settings: Any) -> Sandbox:
            sandbox = Sandbox(SandboxSettings(**{**INSTANT, **settings}), books=books)
            return opened.enter_context(sandbox)

        yield start


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(**INSTANT, rate_limit=100_000)) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """One for all tests that need nothing special: starting one takes longer than most tests."""
    yield shared_sandbox
    shared_sandbox.set_faults([])


@pytest.fixture(scope="session")
def shared_client() -> Iterator[Chamelaion]:
    """The vendor's client, strict about what it reads, never calling twice."""
    with Chamelaion(api_key="none", max_retries=0, timeout=10, _strict_response_validation=True) as client:
        yield client


@pytest.fixture
def connect(shared_client: Chamelaion) -> Callable[..., Chamelaion]:
    """The client, with the address and the key of a sandbox."""

    def address(sandbox: Sandbox, **options: Any) -> Chamelaion:
        return shared_client.copy(base_url=sandbox.base_url, **{"api_key": sandbox.key, **options})

    return address


@pytest.fixture
def reference() -> str:
    """One that no other test uses."""
    return f"ref-{uuid.uuid4()}"


@pytest.fixture
def client(sandbox: Sandbox, connect: Callable[..., Chamelaion]) -> Chamelaion:
    return connect(sandbox)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with video.mp4 (1 s, its own sound low), voice.wav (1 s), voice.mp3 (0.5 s) and long.wav (3 s)."""
    folder = tmp_path_factory.mktemp("media")
    _make_video(folder / "video.mp4")
    _make_voice(folder / "voice.wav", "pcm_s16le", 16000, 1.0)
    _make_voice(folder / "long.wav", "pcm_s16le", 22050, 3.0)
    _make_voice(folder / "voice.mp3", "libmp3lame", 44100, 0.5)
    return folder


def _make_video(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(10):
            shade = np.full((64, 64, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))


def _make_voice(path: Path, codec: Any, rate: int, seconds: float) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        times = np.arange(int(rate * seconds)) / rate
        wave = (np.sin(2 * np.pi * 440 * times) * 16000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="session")
def upload(media: Path) -> Callable[..., str]:
    """Send video.mp4 with a voice; the id of the request."""

    def send(client: Chamelaion, reference: str = "", voice: str = "voice.wav", video: str = "video.mp4") -> str:
        answer = client.lipsync.generate_with_media(video=media / video, audio=media / voice, reference_id=reference)
        return answer.request_id

    return send


@pytest.fixture(scope="session")
def finish() -> Callable[..., Any]:
    """Ask for a request until it has ended (or has the wanted status)."""
    nothing = Event()

    def ask(client: Chamelaion, asked: str, wanted: tuple[str, ...] = ("completed", "failed")) -> Any:
        for _ in range(1000):
            request = client.lipsync.requests.retrieve(asked)
            if request.status in wanted:
                return request
            # Asking without a pause would take the processor away from the service.
            nothing.wait(0.005)
        raise AssertionError(f"{asked} is still {request.status}")

    return ask


@pytest.fixture(scope="session")
def completed(
    shared_sandbox: Sandbox, shared_client: Chamelaion, upload: Callable[..., str], finish: Callable[..., Any]
) -> str:
    """The id of a request of the shared sandbox that is done."""
    client = shared_client.copy(base_url=shared_sandbox.base_url, api_key=shared_sandbox.key)
    request_id = upload(client)
    finish(client, request_id)
    return request_id


@pytest.fixture
def link(client: Chamelaion, completed: str) -> str:
    """A fresh link to the output of that request."""
    return client.lipsync.requests.retrieve(completed).output_url or ""


@pytest.fixture(scope="session")
def fetch() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """One HTTP call with nothing added to it: status, headers in lower case, body (http.client's errors pass)."""

    def call(url: str, method: str = "GET", body: bytes | None = None, timeout: float = 5, **headers: str) -> Any:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        try:
            connection.request(method, f"{parts.path}?{parts.query}", body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return call
