"""The real command on a machine where nobody has used it before, and a service that says what it should not."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

KEY = "sk-4711/very+secret=="
MEDIA = Path(__file__).parents[2] / "manifests" / "media"
#: No test waits longer for a process.
PATIENCE_S = 50
_RATE = 8000


@dataclass
class Shell:
    """A project folder, and the environment that commands get there."""

    folder: Path
    environment: dict[str, str]
    #: Everything that any command here has printed.
    printed: bytes = b""

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``dubbatch`` to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
        self.printed += out + err
        texts = (text.decode("utf-8", "backslashreplace") for text in (out, err))
        return subprocess.CompletedProcess(arguments, process.returncode, *texts)

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(
            [sys.executable, "-m", "dubbatch", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def speak(self, *names: str) -> None:
        """Write voices of one second, each unlike any other, as ``media/<name>.wav``."""
        for name in names:
            pitch = 0.1 + 0.001 * (sum(name.encode()) % 500)
            sound = np.sin(np.arange(_RATE) * pitch) * 12_000
            with wave.open(str(self.folder / "media" / f"{name}.wav"), "wb") as file:
                file.setparams((1, 2, _RATE, 0, "NONE", ""))
                file.writeframes(sound.astype("<i2").tobytes())

    def write_jobs(self, *jobs: str) -> None:
        """``batch.csv``: one video, with one voice for each job."""
        self.speak(*jobs)
        rows = "".join(f"{job},media/tiny.mp4,media/{job}.wav\n" for job in jobs)
        self.write("batch.csv", f"id,video,audio\n{rows}")

    def files(self) -> Iterator[Path]:
        """Every file that a command may have written: of the project, the home and the temporary directory."""
        for place in (self.folder, Path(self.environment["HOME"]), Path(self.environment["TMPDIR"])):
            yield from (path for path in place.rglob("*") if path.is_file())


#: What an edit adds to an answer to change its status and headers.
STATUS, HEAD = "_status", "_head"
#: Changes an answer of the service before it leaves; ``kind`` is ``POST``, ``get``, ``list``, ``me`` or ``health``.
Edit = Callable[[str, dict[str, Any]], dict[str, Any]]


def _as_it_is(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    return answer


@dataclass
class Twisted:
    """A service whose JSON passes through ``edit`` on its way out; all else is the sandbox behind it."""

    sandbox: Sandbox
    edit: Edit = _as_it_is
    base_url: str = ""
    #: Where the project's files are served, for web addresses in manifests.
    files: Path = Path()
    #: Method and path of what was asked.
    asked: list[str] = field(default_factory=list)

    def link(self, name: str, query: str = "") -> str:
        """The web address of a file of the project."""
        return f"http://{urlsplit(self.base_url).netloc}/files/{name}{query}"


class _Relay(BaseHTTPRequestHandler):
    """One request of the API, passed on; its answer, twisted."""

    protocol_version = "HTTP/1.1"

    def __init__(self, twisted: Twisted, *args: Any) -> None:
        self.twisted = twisted
        super().__init__(*args)

    def log_message(self, format: str, *args: object) -> None:
        self.twisted.asked.append(f"{self.command} {self.path}")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/files/"):
            return self._answer(200, (self.twisted.files / path.removeprefix("/files/")).read_bytes())
        kinds = {"/users/me": "me", "/health": "health", "/requests": "list"}
        return self._pass_on(next((kind for end, kind in kinds.items() if path.endswith(end)), "get"))

    def do_POST(self) -> None:
        self._pass_on("POST")

    def _pass_on(self, kind: str) -> None:
        service = http.client.HTTPConnection(urlsplit(self.twisted.sandbox.base_url).netloc, timeout=PATIENCE_S)
        hops = ("host", "connection", "transfer-encoding")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hops}
        service.request(self.command, self.path, self._body(), headers)
        with service.getresponse() as answer:
            body = answer.read()
            twisted = self.twisted.edit(kind, json.loads(body))
            status, head = twisted.pop(STATUS, answer.status), twisted.pop(HEAD, {})
            self._answer(status, json.dumps(twisted).encode(), head)
        service.close()

    def _answer(self, status: int, body: bytes, head: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **head}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A project with one small video, and no key."""
    folder, home, tmp = (tmp_path / name for name in ("project", "home", "tmp"))
    for path in (folder / "media", home, tmp):
        path.mkdir(parents=True)
    shutil.copy(MEDIA / "harbor.mp4", folder / "media" / "tiny.mp4")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "LANG", "PYTHONPATH")}
    places = {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "TMPDIR": str(tmp),
        # Reading the world's certificates takes long, and loopback needs none.
        "SSL_CERT_DIR": str(home),
    }
    pace = {"DUBBATCH_POLL_INTERVAL": "0.1", "DUBBATCH_SETTLE": "0.5"}
    return Shell(folder, {**kept, **places, **pace})


@pytest.fixture
def twisted(shell: Shell) -> Iterator[Twisted]:
    """A service whose answers a test may change; the shell uses it."""
    settings = SandboxSettings(seconds=0.1, per_media_second=0, pickup_s=0, key=KEY, rate_limit=1000)
    with ExitStack() as stack:
        service = Twisted(stack.enter_context(Sandbox(settings)), files=shell.folder)
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Relay, service)))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        path = urlsplit(service.sandbox.base_url).path
        service.base_url = f"http://127.0.0.1:{server.server_port}{path}"
        shell.environment |= {"CHAMELAION_BASE_URL": service.base_url, "CHAMELAION_API_KEY": KEY}
        yield service
