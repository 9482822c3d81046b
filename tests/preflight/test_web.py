"""Media at web addresses: what a look finds, what it costs, and what it never says."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.preflight.remote import MAX_BYTES, MAX_REQUESTS
from dubbatch.preflight.web import PER_HOST, WebLook, WebProbe
from dubbatch.sandbox.books import Call
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

FPS, RATE = 25, 16_000


@cache
def film(seconds: int = 4, *, flags: str = "", noisy: bool = False, codec: str = "libx264") -> bytes:
    """An MP4 with picture and sound; ``noisy``: of some megabytes."""
    # A real file: for an index at the start FFmpeg reads back what it wrote.
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "film.mp4"
        _write_film(file, seconds, flags, noisy, codec)
        return file.read_bytes()


def _write_film(file: Path, seconds: int, flags: str, noisy: bool, codec: str) -> None:
    chance = np.random.default_rng(1)
    with av.open(file, "w", format="mp4", options={"movflags": flags} if flags else {}) as container:
        picture = container.add_stream(codec, rate=FPS, options={"g": "12", "preset": "ultrafast"})
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = (320, 240, "yuv420p") if noisy else (64, 48, "yuv420p")
        sound = container.add_stream("aac", rate=RATE)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "mono"
        for second in range(seconds):
            for number in range(second * FPS, (second + 1) * FPS):
                shape = (picture.height, picture.width, 3)
                pixels = chance.integers(0, 255, shape, np.uint8) if noisy else np.full(shape, number % 255, np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(picture.encode(frame))
            container.mux(sound.encode(_tone(second * RATE, RATE, RATE)))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))


def _tone(start: int, count: int, rate: int) -> av.AudioFrame:
    # Louder and softer, so that a variable bit rate varies.
    places = np.arange(start, start + count)
    wave = np.sin(places * 0.17) * 9000 * np.abs(np.sin(places / rate))
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate, start
    return frame


@cache
def sound(
    form: str, seconds: int = 4, *, quality: str = "", counted: bool = True, rate: int = RATE, kbps: int = 0
) -> bytes:
    """A WAV or MP3; ``quality``: of a variable bit rate; ``counted``: with a frame that counts the others."""
    file = io.BytesIO()
    options = {} if counted or form == "wav" else {"write_xing": "0"}
    with av.open(file, "w", format=form, options=options) as container:
        codec = {"wav": "pcm_s16le", "mp3": "libmp3lame"}[form]
        stream = container.add_stream(codec, rate=rate, options={"q": quality} if quality else {})
        assert isinstance(stream, av.AudioStream)
        stream.layout, stream.bit_rate = "mono", kbps * 1000 or 64_000
        if quality:
            stream.codec_context.flags |= 2  # AV_CODEC_FLAG_QSCALE
            stream.codec_context.options = {"global_quality": str(int(quality) * 118)}
        for second in range(seconds):
            container.mux(stream.encode(_tone(second * rate, rate, rate)))
        container.mux(stream.encode(None))
    return file.getvalue()


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        found.append((data[place + 4 : place + 8], data[place : place + length]))
        place += length
    return found


def without(data: bytes, *kinds: bytes) -> bytes:
    return b"".join(content for kind, content in boxes(data) if kind not in kinds)


def large(data: bytes, kind: bytes, size: int) -> bytes:
    """The film, with a box of free space in its index that makes it larger than any budget."""
    parts = []
    for name, content in boxes(data):
        if name == kind:
            content = struct.pack(">I", len(content) + size) + content[4:] + struct.pack(">I4s", size, b"free")
            content += bytes(size - 8)
        parts.append(content)
    return b"".join(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def shared_sandbox(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(), files=folder) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    yield shared_sandbox
    shared_sandbox.set_faults([])


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def _no_pause(_seconds: float) -> None:
    """The pause before another try, in no time."""


@pytest.fixture
async def probe(sandbox: Sandbox) -> AsyncIterator[WebProbe]:
    """Without a key: looking needs none."""
    async with ChamelaionClient(sandbox.base_url, Credentials(), 5.0) as client:
        yield WebProbe(client, sleep=_no_pause)


@pytest.fixture
async def hasty(sandbox: Sandbox) -> AsyncIterator[WebProbe]:
    """For hosts that are silent: one that takes longer than this for an answer is."""
    async with ChamelaionClient(sandbox.base_url, Credentials(), 0.3) as client:
        yield WebProbe(client, sleep=_no_pause)


@dataclass
class Seen:
    """What one look found, and what the server saw of it."""

    look: WebLook
    calls: list[Call]

    @property
    def bytes(self) -> int:
        ranges = [call.range.removeprefix("bytes=").split("-") for call in self.calls]
        return sum(int(last) - int(first) + 1 for first, last in ranges)


Look = Callable[..., Awaitable[Seen]]


@pytest.fixture
def look(sandbox: Sandbox, probe: WebProbe, hasty: WebProbe, folder: Path) -> Look:
    """Put content into the folder, set faults of files, and look at it: the name says what it is."""
    count = 0

    async def at(content: bytes, name: str = "clip.mp4", **fault: Any) -> Seen:
        nonlocal count
        count += 1
        (folder / f"{count}-{name}").write_bytes(content)
        sandbox.set_faults([{"on": "file", **fault}] if fault else [])
        before = len(sandbox.books.calls)
        patient = hasty if fault.get("action") in ("silence", "slow") else probe
        found = await patient.look("video", f"{sandbox.files_url}/{count}-{name}?X-Signature=SECRET")
        assert "SECRET" not in repr(found)
        return Seen(found, sandbox.books.calls[before:])

    return at


FILMS: dict[str, tuple[Callable[[], bytes], float]] = {
    "plain": (film, 4),
    "faststart": (lambda: film(flags="faststart"), 4),
    "large": (lambda: film(8, noisy=True), 8),
    "large, faststart": (lambda: film(8, noisy=True, flags="faststart"), 8),
    "hevc": (lambda: film(codec="libx265"), 4),
    "fragmented": (lambda: film(flags="frag_keyframe+empty_moov"), 4),
    "fragmented, no table": (lambda: without(film(flags="frag_keyframe+empty_moov"), b"mfra"), 4),
    "fragmented behind a first part": (lambda: film(flags="frag_keyframe"), 4),
    "large, fragmented": (lambda: film(8, noisy=True, flags="frag_keyframe+empty_moov+default_base_moof"), 8),
    "large, segment index": (
        lambda: without(film(8, noisy=True, flags="dash+frag_keyframe+global_sidx+empty_moov"), b"mfra"),
        8,
    ),
    "large index in front": (lambda: large(film(flags="faststart"), b"moov", 6 << 20), 4),
    "large index at the end": (lambda: large(film(), b"moov", 6 << 20), 4),
}


@pytest.mark.parametrize("name", FILMS)
async def test_a_film_is_known_by_a_few_of_its_bytes(look: Look, name: str) -> None:
    """Length within 1 %, streams and size of the picture, for at most 4 MB and 20 requests."""
    make, seconds = FILMS[name]
    content = make()
    seen = await look(content)
    facts = seen.look.facts
    assert facts is not None
    assert (seen.look.finding, facts.flaw) == (None, "")
    assert facts.duration_s == pytest.approx(seconds, rel=0.01, abs=0.07)
    assert (facts.video, facts.audio, facts.audio_codec, facts.channels) == (True, True, "aac", 1)
    assert facts.video_codec == ("hevc" if name == "hevc" else "h264")
    assert (facts.width, facts.height) == ((320, 240) if "large," in name or name == "large" else (64, 48))
    assert (seen.look.size, bool(seen.look.etag)) == (len(content), True)
    assert (facts.loudness_db, facts.sound) == (None, "")
    assert seen.bytes <= MAX_BYTES
    assert len(seen.calls) <= MAX_REQUESTS


async def test_an_index_in_front_costs_one_request_and_one_at_the_end_two(look: Look) -> None:
    """The head of 128 KB, and the end of the file."""
    front = await look(film(8, noisy=True, flags="faststart"))
    back = await look(film(8, noisy=True))
    assert [len(front.calls), len(back.calls)] == [1, 2]
    assert max(front.bytes, back.bytes) <= 256 << 10


async def test_a_fragmented_film_that_does_not_tell_its_length_needs_a_column(look: Look) -> None:
    """Too large to be read whole, no table, no index of segments: the length is unknown, and said so."""
    content = without(film(8, noisy=True, flags="frag_keyframe+empty_moov"), b"mfra")
    seen = await look(content)
    assert len(content) > 2 << 20
    assert seen.look.facts is not None
    assert seen.look.facts.duration_s is None
    assert seen.look.facts.video
    finding = seen.look.finding
    assert finding is not None
    assert (finding.severity, finding.field) == ("warning", "video")
    assert "`minutes` column" in finding.remedy


CUTS: dict[str, tuple[Callable[[], bytes], float]] = {
    "index in front": (lambda: film(8, noisy=True, flags="faststart"), 0.6),
    "index at the end": (lambda: film(8, noisy=True), 0.6),
    "small": (lambda: film(flags="faststart"), 0.9),
    "fragmented": (lambda: film(flags="frag_keyframe+empty_moov"), 0.5),
    "segment index": (lambda: film(8, noisy=True, flags="dash+frag_keyframe+global_sidx+empty_moov"), 0.5),
    "wav": (lambda: sound("wav"), 0.5),
    "mp3": (lambda: sound("mp3"), 0.5),
}


@pytest.mark.parametrize("name", CUTS)
async def test_a_file_that_is_cut_has_a_flaw(look: Look, name: str) -> None:
    """Boxes, chunks and counts of frames promise more than the server has; its length is then not told."""
    make, share = CUTS[name]
    content = make()
    seen = await look(content[: int(len(content) * share)], f"cut.{name.split()[0]}")
    assert seen.look.facts is not None
    assert "the file is cut" in seen.look.facts.flaw
    assert (seen.look.facts.duration_s, seen.look.finding) == (None, None)


SOUNDS: dict[str, tuple[Callable[[], bytes], float]] = {
    "wav": (lambda: sound("wav"), 4),
    "long wav": (lambda: sound("wav", 400), 400),
    "mp3": (lambda: sound("mp3"), 4),
    "mp3 without a count": (lambda: sound("mp3", 60, counted=False), 60),
    "vbr": (lambda: sound("mp3", 60, quality="4", rate=44100), 60),
    "vbr without a count": (lambda: sound("mp3", 60, quality="4", counted=False, rate=44100), 60),
    "large mp3 without a count": (lambda: sound("mp3", 100, counted=False, rate=44100, kbps=320), 100),
    "mp3 with a cover": (lambda: b"ID3\x04\0\0\0\x20\0\0" + bytes(32 << 14) + sound("mp3", 60), 60),
}


@pytest.mark.parametrize("name", SOUNDS)
async def test_a_sound_file_is_known_by_a_few_of_its_bytes(look: Look, name: str) -> None:
    """Header and size of a WAV; the count of an MP3, or all of it, or pieces from everywhere."""
    make, seconds = SOUNDS[name]
    seen = await look(make(), f"track.{name.split()[0]}")
    facts = seen.look.facts
    assert facts is not None
    assert (seen.look.finding, facts.flaw, facts.video, facts.audio) == (None, "", False, True)
    assert facts.duration_s == pytest.approx(seconds, rel=0.01, abs=0.08)
    assert facts.container == ("wav" if "wav" in name else "mp3")
    assert seen.bytes <= MAX_BYTES
    assert len(seen.calls) <= MAX_REQUESTS


PAGE = b"\n<!DOCTYPE html><html><head><title>Welcome</title></head></html>"
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (PAGE, "clip.mp4", "web page"),
        (b"", "clip.mp4", "empty"),
        (DENIED, "clip.mp4", "XML"),
        (b'{"error": "not found"}', "clip.mp4", "JSON"),
        (b"just some words\n" * 50, "clip.mp4", "not a kind of media"),
        (b"just some words\n" * 50, "clip.html", "web page"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n", "clip.mp4", "playlist"),
        (bytes(5000), "clip.mp4", "zeros"),
    ],
)
async def test_what_is_no_media_is_an_error(look: Look, content: bytes, name: str, word: str) -> None:
    """By content, whatever type the server gives it, and by type where the content says nothing."""
    finding = (await look(content, name)).look.finding
    assert finding is not None
    assert (finding.severity, finding.field) == ("error", "video")
    assert word in finding.message
    assert finding.remedy


ANSWERS: list[tuple[dict[str, Any], str, str]] = [
    *(({"action": "answer", "status": status}, "error", str(status)) for status in (400, 401, 403, 404, 410)),
    *(({"action": "answer", "status": status}, "warning", str(status)) for status in (408, 429, 500, 503)),
    ({"action": "html"}, "error", "web page"),
    ({"action": "html", "status": 403}, "error", "403"),
    ({"action": "garbage"}, "error", "JSON"),
    ({"action": "empty"}, "error", "empty"),
    ({"action": "login"}, "error", "login page"),
    ({"action": "redirect", "location": "/"}, "error", "404"),
    ({"action": "redirect", "location": "https://accounts.example.com/o?k=SECRET"}, "error", "login page"),
    ({"action": "redirect", "location": "http://127.0.0.1:1/gone"}, "warning", "refused"),
    ({"action": "drop"}, "warning", "not looked at"),
    ({"action": "silence"}, "warning", "silent"),
    ({"action": "cut"}, "warning", "not looked at"),
    ({"action": "slow", "seconds": 0.5}, "warning", "silent"),
]


@pytest.mark.parametrize(("fault", "severity", "word"), ANSWERS, ids=lambda value: str(value))
async def test_what_an_address_answers_is_an_error_or_a_warning(
    look: Look, fault: dict[str, Any], severity: str, word: str
) -> None:
    """Errors are the same for everybody; warnings may be the way from here, or pass."""
    seen = await look(film(), **fault)
    finding = seen.look.finding
    assert finding is not None
    assert (finding.severity, seen.look.facts) == (severity, None)
    assert word in finding.message
    assert finding.remedy
    assert severity == "error" or "--no-probe-urls" in finding.remedy


@pytest.mark.parametrize("fault", [{"action": "drop"}, {"action": "answer", "status": 503}, {"action": "cut"}])
async def test_what_passes_is_tried_once_more(look: Look, fault: dict[str, Any]) -> None:
    """A failure that is over at the second try is not told."""
    seen = await look(film(), nth=1, **fault)
    assert seen.look.finding is None
    assert len(seen.calls) == 2


async def test_without_parts_an_index_in_front_will_do(look: Look) -> None:
    """What the server sends from the beginning is read until it is enough."""
    front = await look(film(8, noisy=True, flags="faststart"), action="no_ranges")
    assert front.look.facts is not None
    assert front.look.facts.duration_s == pytest.approx(8, rel=0.01)
    whole = await look(film(), action="no_ranges")
    assert whole.look.facts is not None
    assert whole.look.facts.duration_s == pytest.approx(4, rel=0.02)


async def test_without_parts_an_index_at_the_end_is_out_of_reach(look: Look) -> None:
    """A large file of which only the beginning can be had: its length is unknown, which is a warning."""
    seen = await look(large(film(), b"mdat", 6 << 20), action="no_ranges")
    finding = seen.look.finding
    assert finding is not None
    assert (finding.severity, seen.look.facts) == ("warning", None)
    assert "gives no parts" in finding.message


@dataclass
class Raw:
    """A server that does as it is told with each request."""

    script: Callable[[str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]
    url: str = ""
    seen: list[str] = field(default_factory=list)
    sent: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            target = head[0].split(" ")[1]
            self.seen.append(target)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            await self.script(target, headers, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def raw() -> AsyncIterator[Callable[..., Awaitable[Raw]]]:
    servers: list[asyncio.Server] = []

    async def start(script: Any) -> Raw:
        server = Raw(script)
        servers.append(await asyncio.start_server(server.serve, "127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"
        return server

    yield start
    for server in servers:
        server.close()


def _respond(writer: asyncio.StreamWriter, status: int, headers: str, body: bytes = b"") -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}\r\n\r\n".encode() + body)


LIES = {
    "another part": "Content-Range: bytes 5-104/1000\r\nContent-Length: 100",
    "no part": "Content-Length: 100",
    "a part beyond the end": "Content-Range: bytes 0-99/50\r\nContent-Length: 100",
    "less than it promises": "Content-Range: bytes 0-999/1000\r\nContent-Length: 100",
    "nonsense": "Content-Range: bytes all\r\nContent-Length: 100",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_server_that_lies_about_a_part_is_a_warning(
    probe: WebProbe, raw: Callable[..., Awaitable[Raw]], lie: str
) -> None:
    """What it sent can't be trusted; the service may fare better."""

    async def script(_target: str, _headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        _respond(writer, 206, LIES[lie], bytes(100))

    found = await probe.look("audio", (await raw(script)).url + "/a.wav?sig=SECRET")
    assert found.finding is not None
    assert (found.finding.severity, found.finding.field) == ("warning", "audio")
    assert "SECRET" not in found.finding.message + found.finding.remedy


async def test_a_body_without_end_ends_here(probe: WebProbe, raw: Callable[..., Awaitable[Raw]]) -> None:
    """No more is read than was asked for, and a little that was on its way."""
    sent = 0

    async def script(_target: str, _headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        _respond(writer, 200, "Content-Type: video/mp4", film(flags="faststart"))
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    found = await probe.look("video", (await raw(script)).url + "/a.mp4")
    assert found.size is None
    assert sent < 40 << 20


async def test_redirects_in_a_circle_are_an_error(probe: WebProbe, raw: Callable[..., Awaitable[Raw]]) -> None:
    """They would be one for the service too."""

    async def script(target: str, _headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        _respond(writer, 302, f"Location: {target}\r\nContent-Length: 0")

    server = await raw(script)
    found = await probe.look("video", server.url + "/a.mp4")
    assert found.finding is not None
    assert found.finding.severity == "error"
    assert "circles" in found.finding.message
    assert len(server.seen) == 6


async def test_a_file_that_changes_meanwhile_is_read_anew_and_then_left(
    probe: WebProbe, raw: Callable[..., Awaitable[Raw]]
) -> None:
    """Parts of two files say nothing about either."""
    content = film(8, noisy=True)
    count = 0

    async def script(_target: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        first, last = (int(number) for number in headers["range"].removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        place = f"Content-Range: bytes {first}-{first + len(part) - 1}/{len(content)}"
        _respond(writer, 206, f'{place}\r\nETag: "{count}"\r\nContent-Length: {len(part)}', part)

    found = await probe.look("video", (await raw(script)).url + "/a.mp4")
    assert found.finding is not None
    assert "changed" in found.finding.message
    assert count == 4


async def test_no_cookie_and_no_key_go_along(sandbox: Sandbox, raw: Callable[..., Awaitable[Raw]]) -> None:
    """Neither the key of the service nor what a host would remember us by."""
    heads: list[dict[str, str]] = []

    async def script(_target: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        heads.append(headers)
        _respond(writer, 503, "Set-Cookie: who=me\r\nContent-Length: 0")

    async with ChamelaionClient(sandbox.base_url, Credentials("key-SECRET")) as client:
        await WebProbe(client, sleep=_no_pause).look("video", (await raw(script)).url + "/a")
    assert len(heads) == 2
    assert not {"cookie", "x-api-key", "authorization"} & set(heads[1])
    assert heads[0]["accept-encoding"] == "identity"


async def test_a_host_that_can_not_be_reached_is_not_asked_for_each_address(probe: WebProbe) -> None:
    """200 addresses of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = [f"http://user@{host}/{number}.mp4" for number in range(2)]
        addresses += [f"http://{host}/{number}.mp4?s=SECRET" for number in range(200)]
        found = await asyncio.gather(*(probe.look("video", address) for address in addresses))
    findings = [seen.finding for seen in found if seen.finding is not None]
    assert len(findings) == 202
    assert {finding.severity for finding in findings} == {"warning"}
    assert f"{host} can't be reached from here" in findings[-1].message
    assert not any("SECRET" in finding.message for finding in findings)


async def test_a_host_that_is_silent_costs_its_time_out_once(
    hasty: WebProbe, raw: Callable[..., Awaitable[Raw]]
) -> None:
    """As many as may ask at once do; of the other forty, those that come before the second silence is over."""
    gone = asyncio.Event()

    async def script(_target: str, _headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        await gone.wait()

    server = await raw(script)
    found = await asyncio.gather(*(hasty.look("video", f"{server.url}/{number}") for number in range(44)))
    gone.set()
    assert len(server.seen) < 2 * PER_HOST
    assert all(seen.finding is not None and seen.finding.severity == "warning" for seen in found)


async def test_one_address_is_looked_at_once_at_a_time(sandbox: Sandbox, probe: WebProbe, folder: Path) -> None:
    """Ten dubs of one video are one look, also if one of those who wait gives up; each is told about its own field."""
    (folder / "shared.mp4").write_bytes(PAGE)
    before = len(sandbox.books.calls)
    url = f"{sandbox.files_url}/shared.mp4"
    looks = [asyncio.create_task(probe.look("video" if number % 2 else "audio", url)) for number in range(10)]
    await asyncio.sleep(0)
    looks[0].cancel()
    found = await asyncio.gather(*looks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    fields = [seen.finding.field for seen in found if isinstance(seen, WebLook) and seen.finding]
    assert fields == ["video", *["audio", "video"] * 4]
    assert len(sandbox.books.calls) == before + 1


async def test_who_gives_up_leaves_nothing_behind(probe: WebProbe, raw: Callable[..., Awaitable[Raw]]) -> None:
    """A look that is cancelled while its thread waits for a part lets the thread go."""
    content, waiting, gone = film(8, noisy=True), asyncio.Event(), asyncio.Event()

    async def script(_target: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        first, last = (int(number) for number in headers["range"].removeprefix("bytes=").split("-"))
        if first:
            waiting.set()
            await gone.wait()
        part = content[first : last + 1]
        place = f"Content-Range: bytes {first}-{first + len(part) - 1}/{len(content)}"
        _respond(writer, 206, f"{place}\r\nContent-Length: {len(part)}", part)

    task = asyncio.create_task(probe.look("video", (await raw(script)).url + "/a.mp4"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gone.set()
    await asyncio.to_thread(probe._threads.shutdown)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/a.mp4?s=SECRET", "http://localhost/a.mp4", "http://u:SECRET@example.com/a.mp4", "ftp://a/b"],
)
async def test_a_place_where_we_do_not_go_is_a_warning(url: str) -> None:
    """A service that is not on this machine may have other ways than we have."""
    async with ChamelaionClient("https://api.example.com/api", Credentials(), 0.3) as client:
        found = await WebProbe(client, sleep=_no_pause).look("video", url)
    assert found.finding is not None
    assert found.finding.severity == "warning"
    assert "from here" in found.finding.message
    assert "SECRET" not in found.finding.message


async def test_a_host_that_is_not_known_is_a_warning(probe: WebProbe) -> None:
    """``.invalid`` is never given to anybody (RFC 2606)."""
    found = await probe.look("video", "http://host.invalid/a.mp4?s=SECRET")
    assert found.finding is not None
    assert found.finding.severity == "warning"
    assert "SECRET" not in found.finding.message
