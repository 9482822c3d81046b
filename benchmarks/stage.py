"""Where a client is measured: the sandbox in a process of its own, jobs by URL, media as small as they get."""

from __future__ import annotations

import csv
import multiprocessing
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import av

from dubbatch.sandbox.books import Books
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

_PEERS = Path(__file__).parent / "peers"
#: A client that needs longer is stopped: what it left undone counts as lost.
_PATIENCE_S = 180


@dataclass(frozen=True)
class Client:
    """``command`` makes the command line for a file of jobs (CSV); ``takes_rows``: it reads them from its input."""

    name: str
    command: Callable[[Path], list[str]]
    takes_rows: bool = False


def dubbatch(concurrency: str, rate_window_s: float, poll_interval_s: float, *options: str) -> Client:
    def command(jobs: Path) -> list[str]:
        pace = ["--concurrency", concurrency, "--rate-window", f"{rate_window_s}s", "--poll-interval"]
        run = [sys.executable, "-m", "dubbatch", "run", str(jobs), *pace, f"{poll_interval_s}s", *options]
        return [*run, "--ledger", str(jobs.parent / "ledger.db"), "--yes", "--no-progress"]

    return Client(f"dubbatch, {concurrency}", command)


def sdk(threads: int, poll_interval_s: float) -> Client:
    peer = [sys.executable, str(_PEERS / "sdk.py")]
    return Client("SDK and threads", lambda jobs: [*peer, str(jobs), str(threads), str(poll_interval_s)])


def curl(processes: int, poll_interval_s: float) -> Client | None:
    """None where curl or xargs is absent."""
    if not (shutil.which("curl") and shutil.which("xargs")):
        return None
    job = ["sh", str(_PEERS / "curl.sh"), str(poll_interval_s)]
    return Client("curl under xargs", lambda _: ["xargs", "-n", "3", "-P", str(processes), *job], takes_rows=True)


@contextmanager
def media_server(folder: Path) -> Iterator[str]:
    """Serves a tiny video and a tiny voice; yields its address."""
    _make_media(folder)
    with _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def run(client: Client, settings: SandboxSettings, folder: Path, jobs: int, media: str) -> Books:
    """What the service's books say when the client has worked off so many jobs. ``folder`` may hold older books."""
    rows = [(f"job-{n:03}", f"{media}/video.mp4?job={n}", f"{media}/voice.wav?job={n}") for n in range(jobs)]
    manifest = folder / "jobs.csv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "video", "audio"), *rows])
    with _service(settings, folder / "books") as (base_url, key), (folder / "client.log").open("w") as log:
        own = {"CHAMELAION_BASE_URL": base_url, "CHAMELAION_API_KEY": key, "XDG_STATE_HOME": str(folder / "state")}
        subprocess.run(
            client.command(manifest),
            input="\n".join(" ".join(row) for row in rows) if client.takes_rows else "",
            text=True,
            stdout=log,
            stderr=log,
            env={**os.environ, **own},
            timeout=_PATIENCE_S,
            check=False,
        )
        return Books.load(folder / "books")


@contextmanager
def _service(settings: SandboxSettings, books: Path) -> Iterator[tuple[str, str]]:
    """A sandbox in a process of its own, so that it shares no interpreter with anybody; its address and key."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(settings, books, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def _serve(settings: SandboxSettings, books: Path, pipe: Connection) -> None:
    # Else each thread that makes an output keeps the service, and with it the time that it notes, waiting for 5 ms.
    sys.setswitchinterval(0.0005)
    with Sandbox(settings, books=books) as sandbox:
        pipe.send((sandbox.base_url, sandbox.key))
        pipe.recv()


class _Server(ThreadingHTTPServer):
    #: A connection that finds no room here comes again after a whole second.
    request_queue_size = 128


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def _make_media(folder: Path) -> None:
    with wave.open(str(folder / "voice.wav"), "wb") as voice:
        voice.setparams((1, 2, 16_000, 0, "NONE", ""))
        voice.writeframes(bytes(2 * 3_200))
    with av.open(str(folder / "video.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for _ in range(2):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
