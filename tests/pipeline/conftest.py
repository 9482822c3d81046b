"""A project as a team has it: a sheet, small real media, a ledger, and the sandbox as its service."""

from __future__ import annotations

import asyncio
import csv
import http.client
import json
import os
import signal
import sys
import threading
import uuid
import wave
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from dubbatch import identity
from dubbatch.api.credentials import Credentials
from dubbatch.batch import Batch
from dubbatch.errors import LedgerError
from dubbatch.events import Event, JobChanged, Notice, Sent
from dubbatch.jobs import JobRecord, JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.media import KnownMedia
from dubbatch.manifest import load
from dubbatch.media.facts import Facts
from dubbatch.media.hashing import digests_of, sha256_of, stamp_of
from dubbatch.pipeline import collect_batch, run_batch
from dubbatch.result import RunResult
from dubbatch.sandbox.books import Books, Request
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.service import Service
from dubbatch.settings import Settings

#: A service that takes a moment for what takes minutes, and a client that waits accordingly.
SERVICE: dict[str, Any] = {"seconds": 0.05, "per_media_second": 0.0, "jitter": 0.0, "pickup_s": 0.0, "concurrency": 8}
PACE = Settings(poll_interval_s=0.05, settle_s=0.5, timeout_s=5.0, concurrency=4)
_VOICE_RATE = 8000
#: What ``video.mp4`` and every voice are, as a look at them finds.
VIDEO = Facts(
    container="mov,mp4,m4a,3gp,3g2,mj2", brand="isom", duration_s=1.0, video=True, width=64, height=64,
    frame_rate=10.0, video_codec="mpeg4",
)  # fmt: skip
VOICE = Facts(
    container="wav",
    duration_s=1.0,
    audio=True,
    audio_codec="pcm_s16le",
    channels=1,
    loudness_db=-11.74,
    peak_db=-8.73,
    audible_s=1.0,
)
#: By the hash of what was made.
_MADE: dict[str, Facts] = {}


@dataclass
class Project:
    """A folder with manifests, and the service that it uses. Runs are given settings by name."""

    folder: Path
    sandbox: Sandbox
    #: What the latest run said.
    events: list[Event] = field(default_factory=list)
    #: Where runs find the service; empty: at the sandbox itself.
    base_url: str = ""

    @property
    def ledger(self) -> Path:
        return self.folder / ".dubbatch" / "ledger.db"

    @property
    def books(self) -> Books:
        """What the service accepted and billed."""
        return self.sandbox.books

    @property
    def service(self) -> Service:
        return Service(self.base_url or self.sandbox.base_url, Credentials(api_key=self.sandbox.key))

    def speak(self, name: str, pitch: str = "") -> Path:
        """Write the voice ``name``: one second, unlike any other unless the pitch is the same."""
        path = self.folder / "voices" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        hertz = 200 + zlib.crc32((pitch or name).encode()) % 3_000_000 / 1000
        sound = np.sin(2 * np.pi * hertz * np.arange(_VOICE_RATE) / _VOICE_RATE) * 12000
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, _VOICE_RATE, 0, "NONE", ""))
            file.writeframes(sound.astype("<i2").tobytes())
        _MADE[sha256_of(path)] = VOICE
        return path

    def remember_media(self) -> None:
        """Tell the ledger what the media that were made here are: to look at them takes longer than most runs.

        Files that a test has put in their place are looked at.
        """
        paths = [self.folder / "video.mp4", *(self.folder / "voices").glob("*.wav")]
        with suppress(LedgerError), Ledger(self.ledger) as ledger:
            for path in paths:
                if path.is_file() and (facts := _MADE.get(sha256_of(path))) is not None:
                    stamp, digests = stamp_of(path), digests_of(path)
                    ledger.media.put(
                        KnownMedia(
                            path, stamp.size, stamp.mtime_ns, stamp.inode, digests.sha256, digests.checksum,
                            facts.to_json(),
                        )
                    )  # fmt: skip

    def row(self, job: str, **cells: str) -> dict[str, str]:
        """A row with a voice of its own, uploaded."""
        if "audio" not in cells:
            self.speak(job)
        return {"id": job, "video": "video.mp4", "audio": f"voices/{job}.wav", **cells}

    def write(self, *rows: dict[str, str], name: str = "batch.csv") -> Path:
        headers = list(dict.fromkeys(header for row in rows for header in row))
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            sheet = csv.DictWriter(file, headers, restval="")
            sheet.writeheader()
            sheet.writerows(rows)
        return path

    def write_jobs(self, *jobs: str, name: str = "batch.csv") -> Path:
        return self.write(*(self.row(job) for job in jobs), name=name)

    def reference(self, job: str, n: int = 1) -> str:
        """Of an upload of the job's voice as it is now."""
        keys = [identity.file_key(sha256_of(self.folder / name)) for name in ("video.mp4", f"voices/{job}.wav")]
        return identity.references(job, identity.fingerprint(*keys)).at(n)

    async def run(
        self,
        name: str = "batch.csv",
        *,
        hook: Callable[[Event], None] | None = None,
        key: str = "",
        interrupted_after: int = 0,
        **settings: Any,
    ) -> RunResult:
        """One run of a manifest; ``hook`` hears each event after it was noted. Ctrl-C comes after so many sends."""
        chosen = replace(PACE, **settings)
        path = self.folder / name
        folder = chosen.output_dir or self.folder / f"{path.stem}-dubs"
        manifest = load(path, batch=path.stem, output_template=chosen.output)
        reports = (folder / "report.csv", folder / "report.json")
        self.events.clear()

        def note(event: Event) -> None:
            self.events.append(event)
            if hook is not None:
                hook(event)
            if isinstance(event, Sent) and len(self.sent()) == interrupted_after:
                signal.raise_signal(signal.SIGINT)

        service = Service(self.sandbox.base_url, Credentials(api_key=key)) if key else self.service
        batch = Batch.of(manifest, self.ledger, folder, reports)
        self.remember_media()
        return await run_batch(batch, manifest.jobs, service, chosen, hook=note)

    async def collect(self, name: str = "batch", reports: tuple[Path, ...] = ()) -> RunResult:
        with Ledger(self.ledger) as ledger:
            batch = ledger.jobs.batch(name)
        assert batch is not None
        self.events.clear()
        return await collect_batch(batch, self.ledger, self.service, PACE, hook=self.events.append, reports=reports)

    def records(self, batch: str = "batch") -> dict[str, JobRecord]:
        copy = Ledger.copy_of(self.ledger)
        with copy:
            return {record.job.id: record for record in copy.jobs.all(batch)}

    def states(self, batch: str = "batch") -> dict[str, JobState]:
        return {job: record.state for job, record in self.records(batch).items()}

    def ask_redo(self, *jobs: str) -> None:
        with Ledger(self.ledger) as ledger:
            ledger.jobs.ask_redo("batch", jobs, "2026-01-01T00:00:00Z")

    def lose_ledger(self) -> None:
        for file in self.ledger.parent.iterdir():
            file.unlink()

    def files(self, batch: str = "batch") -> dict[str, bytes]:
        """All that lies among the outputs, the reports left out."""
        root = self.folder / f"{batch}-dubs"
        found = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("report."))
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}

    def stamps(self, batch: str = "batch") -> dict[str, tuple[int, int]]:
        """Which file each output is and when it was written: equal only if nobody has touched it."""
        root = self.folder / f"{batch}-dubs"
        return {name: ((root / name).stat().st_ino, (root / name).stat().st_mtime_ns) for name in self.files(batch)}

    def billed(self) -> Counter[str]:
        """How often each of our references was billed."""
        return Counter({name: count for name, count in self.books.bills().items() if name})

    def request(self, reference: str) -> Request:
        """The one request with this reference."""
        (found,) = self.books.with_reference(reference)
        return found

    def served(self, reference: str) -> bytes:
        """The output of the one request with this reference, as the service has it."""
        return (self.sandbox.folder / "outputs" / f"{self.request(reference).id}.mp4").read_bytes()

    def sent(self) -> list[Sent]:
        """The sends of the latest run."""
        return [event for event in self.events if isinstance(event, Sent)]

    def processing(self) -> int:
        """How many jobs the latest run has heard of as processing."""
        heard = (event for event in self.events if isinstance(event, JobChanged))
        return sum(event.after is JobState.PROCESSING for event in heard)

    def told(self) -> str:
        """All sentences for people of the latest run."""
        notices = [event for event in self.events if isinstance(event, Notice)]
        return "\n".join(f"{event.job}: {event.message} {event.hint}" for event in notices)

    def post(self, reference: str = "") -> str:
        """Somebody else's POST with the same key; its media can't be had, so it soon ends as failed."""
        inputs = [{"type": kind, "url": f"http://127.0.0.1:9/{kind}"} for kind in ("video", "audio")]
        body = {"inputs": inputs} | ({"reference_id": reference} if reference else {})
        parts = urlsplit(self.sandbox.base_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            headers = {"x-api-key": self.sandbox.key, "Content-Type": "application/json"}
            connection.request("POST", f"{parts.path}/v1/lipsync/generate", json.dumps(body), headers)
            return str(json.load(connection.getresponse())["request_id"])
        finally:
            connection.close()


OpenProject = Callable[[Path], Project]


@pytest.fixture(autouse=True, scope="session")
def own_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A state directory, with the log of permits, that is not the developer's, also for what modules share."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # Reading the world's certificates takes longer than most runs here, and loopback needs none.
        env.delenv("SSL_CERT_FILE", raising=False)
        env.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))
        yield


@pytest.fixture
def state_home() -> Path:
    """Where the log of permits is for this test."""
    return Path(os.environ["XDG_STATE_HOME"])


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory, make_media: Callable[[Path], None]) -> bytes:
    """An MP4 of one second, 64 x 64, with a picture only: the sandbox adds the sound."""
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    make_media(path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def open_project(video: bytes) -> Iterator[OpenProject]:
    """Make a project in a folder, with a sandbox of its own that serves until the next one is made."""
    opened: list[Project] = []
    closing: list[Future[None]] = []
    with ThreadPoolExecutor(8) as pool:

        def close(project: Project) -> None:
            project.sandbox.__exit__(None, None, None)

        def make(folder: Path) -> Project:
            # Stopping a server takes longer than most tests: it is done beside the next one.
            while opened:
                closing.append(pool.submit(close, opened.pop()))
            folder.mkdir(exist_ok=True)
            (folder / "video.mp4").write_bytes(video)
            _MADE[sha256_of(folder / "video.mp4")] = VIDEO
            # A key of its own: the log of permits goes by address and key, and ports come back.
            settings = SandboxSettings(**SERVICE, key=f"key-{uuid.uuid4()}", rate_limit=1000)
            project = Project(folder, Sandbox(settings, books=folder / "service").__enter__())
            opened.append(project)
            return project

        yield make
        for project in opened:
            close(project)
    for future in closing:
        future.result()


@pytest.fixture
def project(tmp_path: Path, open_project: OpenProject) -> Iterator[Project]:
    """A new project; no key may have reached the outputs' origin when the test ends."""
    project = open_project(tmp_path / "project")
    yield project
    assert project.books.leaks == []


#: What the process does, as Python tells it (PEP 578); a hook may raise to refuse it.
Hook = Callable[[str, tuple[Any, ...]], None]
Listen = Callable[[Hook], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def listen() -> Listen:
    """Hear audit events for a while: Python's own hooks can't be taken away again."""
    hooks: list[Hook] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        for hook in hooks:
            hook(event, arguments)

    @contextmanager
    def listening(hook: Hook) -> Iterator[None]:
        hooks.append(hook)
        try:
            yield
        finally:
            hooks.remove(hook)

    sys.addaudithook(hear)
    return listening


class Door:
    """A way to the service that can be shut: new connections are refused, those that are open go on."""

    def __init__(self, to: str) -> None:
        self._to = urlsplit(to)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._passing: set[asyncio.Task[Any]] = set()
        #: What becomes of bytes on their way to the service; their number stays.
        self.change: Callable[[bytes], bytes] = bytes

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self._to.path}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Shut it, and wait until nobody is on the way any more."""
        self.shut()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
        for way in (_pass_on(reader, back, self.change), _pass_on(there, writer, bytes)):
            task = asyncio.ensure_future(way)
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
) -> None:
    try:
        while chunk := await reader.read(1 << 16):
            writer.write(change(chunk))
            await writer.drain()
    finally:
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()


@pytest.fixture
async def door(project: Project) -> AsyncIterator[Door]:
    """The way that the project's runs take to the service."""
    door = Door(project.sandbox.base_url)
    await door.open()
    project.base_url = door.base_url
    yield door
    await door.close()


@dataclass
class WebServer:
    """Somebody's web server. ``asked`` are the paths that were fetched."""

    origin: str
    asked: list[str]


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(urlsplit(self.path).path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield WebServer(f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()
        thread.join()


@pytest.fixture
def web(project: Project) -> Iterator[WebServer]:
    """The project's media on a web server."""
    with serving(project.folder) as server:
        yield server
