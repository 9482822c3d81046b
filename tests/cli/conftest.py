"""The real command, in processes of their own or in this one, on a machine where nobody has used dubbatch before."""

from __future__ import annotations

import atexit
import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from dubbatch.cli.app import main
from dubbatch.interrupts import handled
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings
from tests.conftest import NO_KEYRING

MANIFESTS = Path(__file__).parents[2] / "manifests"
#: No test waits longer for a process.
PATIENCE_S = 30
#: A client that waits as a service needs that takes a moment for what takes minutes.
PACE = {"DUBBATCH_POLL_INTERVAL": "0.1", "DUBBATCH_SETTLE": "1"}


@dataclass
class Shell:
    """A working directory, and the environment that commands get there."""

    folder: Path
    environment: Mapping[str, str]
    #: What Python is given to run: the command, or a script that does something to it first.
    program: tuple[str, ...] = ("-m", "dubbatch")
    #: Everything that any command here has printed.
    printed: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``dubbatch`` to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
        self.printed += [out, err]
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def here(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``dubbatch`` in this process, where its libraries are loaded.

        For what only prepares, and for the many cases of one thing that a process of its own shows in one of them.
        """
        return self._run_here(b"", arguments, environment)

    def piped_here(self, data: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same with ``data`` on standard input."""
        return self._run_here(data, arguments, {})

    def _run_here(
        self, data: bytes, arguments: tuple[str, ...], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        out, err = io.BytesIO(), io.BytesIO()
        with (
            chdir(self.folder),
            patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            patch.object(sys, "argv", ["dubbatch", *arguments]),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(data))),
            _signals_kept(),
            redirect_stdout(io.TextIOWrapper(out, encoding="utf-8")),
            redirect_stderr(io.TextIOWrapper(err, encoding="utf-8")),
        ):
            with pytest.raises(SystemExit) as ended:
                main()
            said = [stream.getvalue().decode() for stream in (out, err)]
        self.printed += said
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(arguments, ended.value.code, *said)

    def piped(self, data: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``dubbatch`` with ``data`` on standard input."""
        command = [sys.executable, *self.program, *arguments]
        done = subprocess.run(
            command, input=data, cwd=self.folder, env=self.environment, capture_output=True, timeout=PATIENCE_S
        )
        return subprocess.CompletedProcess(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A ``dubbatch`` that goes on; it is killed at the end if it still runs then."""
        with subprocess.Popen(
            [sys.executable, *self.program, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def write_jobs(self, *jobs: str) -> None:
        """``batch.csv``: the tiny video with one voice for each job."""
        for number, job in enumerate(jobs):
            with wave.open(str(self.folder / "media" / f"{job}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                sound = np.sin(np.arange(8000) * (0.1 + 0.01 * number)) * 12000
                file.writeframes(sound.astype("<i2").tobytes())
        with (self.folder / "batch.csv").open("w", newline="", encoding="utf-8") as sheet:
            rows = csv.writer(sheet)
            rows.writerow(["id", "video", "audio"])
            rows.writerows([job, "media/tiny.mp4", f"media/{job}.wav"] for job in jobs)

    def listing(self) -> dict[str, tuple[int, int]]:
        """Every file, with size and time of its last change."""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
        }


@contextmanager
def _signals_kept() -> Iterator[None]:
    """What the command sets for signals, now and for its end, is not for the process of the tests."""
    before = {number: signal.getsignal(number) for number in handled()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        atexit.unregister(signal.signal)


OpenShell = Callable[..., Shell]


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has set nothing."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "LANG", "TMPDIR")}
    return {
        **kept,
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        # Reading the world's certificates takes long, and loopback needs none.
        "SSL_CERT_DIR": str(home),
        "PYTHONWARNINGS": "error",
        "PYTHON_KEYRING_BACKEND": NO_KEYRING,
    }


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, make_media: Callable[[Path], None]) -> Path:
    """An MP4 of one second, 64 x 64, with a picture only."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.mp4"
    make_media(path)
    return path


@pytest.fixture(scope="session")
def open_shell(bare: dict[str, str], tiny: Path) -> OpenShell:
    """Make a folder with a copy of ``manifests/``, and a shell in it."""

    def make(folder: Path, **environment: str) -> Shell:
        shutil.copytree(MANIFESTS, folder, ignore=shutil.ignore_patterns(".dubbatch", "*-dubs", "*.py", "__pycache__"))
        shutil.copy(tiny, folder / "media")
        return Shell(folder, {**bare, **environment})

    return make


@pytest.fixture
def shell(tmp_path: Path, open_shell: OpenShell) -> Shell:
    """Without a key."""
    return open_shell(tmp_path / "project")


@pytest.fixture
def open_service() -> Iterator[Callable[..., Sandbox]]:
    """Start services; ``settings`` are fields of SandboxSettings."""
    with ExitStack() as opened:

        def start(**settings: Any) -> Sandbox:
            quick: dict[str, Any] = {"seconds": 0.1, "per_media_second": 0, "pickup_s": 0, "key": "sk-secret-4711"}
            return opened.enter_context(Sandbox(SandboxSettings(**{**quick, **settings})))

        yield start


@pytest.fixture
def connected(tmp_path: Path, open_shell: OpenShell) -> Callable[[Sandbox], Shell]:
    """A shell with the address and the key of a service."""

    def make(service: Sandbox) -> Shell:
        account = {"CHAMELAION_BASE_URL": service.base_url, "CHAMELAION_API_KEY": service.key}
        return open_shell(tmp_path / "connected", **account, **PACE)

    return make
