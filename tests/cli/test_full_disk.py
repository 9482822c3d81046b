"""A disk that is full, a real one: said, waited for, and nothing is lost or bought twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.errors import DiskError
from dubbatch.jobs import JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.server import Sandbox
from tests.story import write_report

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tmpfs is Linux's")

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]
#: Sees that the disk is full, waits a moment for room where a person gets half an hour, and fills it if it is told to.
COMMAND = """
import os, sys
from contextlib import suppress
from dubbatch.cli.app import main
from dubbatch.tracker import downloader

downloader._FULL_PAUSE_S, downloader._FULL_PATIENCE_S = 0.1, float(os.environ["PATIENCE_S"])

def fill(event, arguments):
    if event == "dubbatch.post" and arguments[0] == "after":
        with open(os.environ["FILLED"], "ab", 0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

if "FILLED" in os.environ:
    sys.addaudithook(fill)
main(sys.argv[1:])
"""


@dataclass(frozen=True)
class Disk:
    """A small file system of its own. Where this process may not mount, it is in a namespace that ``keeper`` holds."""

    path: Path
    keeper: int | None

    @property
    def here(self) -> Path:
        """Where this process finds it."""
        return Path(f"/proc/{self.keeper}/root{self.path}") if self.keeper else self.path

    @property
    def inside(self) -> list[str]:
        """What comes before a command that is to see it."""
        return ["nsenter", "--preserve-credentials", "-U", "-m", "-t", str(self.keeper)] if self.keeper else []

    def resize(self, size: str) -> None:
        subprocess.run([*self.inside, "mount", "-o", f"remount,size={size}", self.path], check=True)

    def fill(self) -> Path:
        """Take all that is free; the file that has it."""
        filled = self.here / "filled"
        with filled.open("wb", 0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        return filled


@contextmanager
def _mounted(path: Path) -> Iterator[Disk]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], check=True, capture_output=True)
    try:
        yield Disk(path, None)
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextmanager
def _mounted_in_a_namespace(path: Path) -> Iterator[Disk]:
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && echo ready && exec sleep 1000'
    with subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", script, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as keeper:
        assert keeper.stdout is not None
        try:
            if keeper.stdout.readline() != "ready\n":
                pytest.skip("neither mount nor unshare is permitted here: no small disk to fill")
            yield Disk(path, keeper.pid)
        finally:
            keeper.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    try:
        mounted = _mounted(path)
        small = mounted.__enter__()
    except (subprocess.CalledProcessError, FileNotFoundError):
        mounted = _mounted_in_a_namespace(path)
        small = mounted.__enter__()
    yield small
    mounted.__exit__(None, None, None)


@contextmanager
def started(shell: Shell, disk: Disk, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``dubbatch run batch.csv`` with less patience, on a machine that has the disk."""
    with subprocess.Popen(
        [*disk.inside, sys.executable, "-c", COMMAND, "run", str(shell.folder / "batch.csv"), *arguments],
        cwd=shell.folder,
        env={**shell.environment, "PATIENCE_S": "0.3", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(shell: Shell, disk: Disk, *arguments: str, **environment: str) -> tuple[int, str]:
    with started(shell, disk, *arguments, **environment) as process:
        out, _ = process.communicate(timeout=30)
    return process.returncode, out


def served(service: Sandbox) -> dict[str, str]:
    """The SHA-256 of each job's output as the service has it."""
    return {
        request.reference.split("-")[0]: _sha256(service.folder / "outputs" / f"{request.id}.mp4")
        for request in service.books.requests.values()
    }


def kept(folder: Path) -> dict[str, str]:
    return {path.name.removesuffix(".mp4"): _sha256(path) for path in folder.iterdir() if path.suffix != ".lock"}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_full_disk_of_outputs_is_waited_for_and_nothing_is_bought_again(
    open_service: Service, connected: Connected, disk: Disk
) -> None:
    """Exit 8 where no room comes; where it comes, the waiting run goes on with what it has. Reports lie there too."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b", "c")
    outputs = disk.path / "dubs"
    filled = disk.fill()
    os.truncate(filled, filled.stat().st_size - (16 << 10))

    code, said = run(shell, disk, "--output-dir", str(outputs))

    assert code == 8, said
    assert "downloads wait:" in said
    assert "report.json can't be written" in said
    assert "make room" in said
    posts = len(service.books.posts)

    with started(shell, disk, "--output-dir", str(outputs), PATIENCE_S="20") as waiting:
        timer = threading.Timer(15, waiting.kill)
        timer.start()
        assert waiting.stdout is not None
        assert any("downloads wait:" in line for line in waiting.stdout)
        disk.resize("10m")
        said, _ = waiting.communicate(timeout=30)
        timer.cancel()

    assert waiting.returncode == 0, said
    assert len(service.books.posts) == posts
    assert sorted(service.books.bills().values()) == [1] * 3
    here = disk.here / "dubs"
    assert {path.name for path in here.iterdir()} == {"a.mp4", "b.mp4", "c.mp4", "report.csv", "report.json"}
    assert {job: digest for job, digest in kept(here).items() if job in "abc"} == served(service)


def test_a_disk_that_fills_before_an_answer_is_recorded_costs_nothing(
    open_service: Service, connected: Connected, disk: Disk
) -> None:
    """The service has accepted, the ledger can't say so: exit 8, and the next run finds what was bought."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b")
    ledger = ("--ledger", str(disk.path / "ledger.db"))
    filled = disk.path / "filled"

    code, said = run(shell, disk, *ledger, FILLED=str(filled))

    assert code == 8, said
    assert "ledger" in said
    assert "make room" in said
    accepted = set(service.books.requests)
    assert accepted
    (disk.here / "filled").unlink()

    code, said = run(shell, disk, *ledger)

    assert code == 0, said
    assert accepted <= set(service.books.requests)
    assert sorted(service.books.bills().values()) == [1] * 2
    assert {job: digest for job, digest in kept(shell.folder / "batch-dubs").items() if job in "ab"} == served(service)


def test_a_full_disk_leaves_the_old_report_as_it_was(disk: Disk) -> None:
    """It takes the place of the old one whole or not at all."""
    if disk.keeper:
        pytest.skip("this process may not mount")
    with Ledger(None) as ledger:
        ledger.jobs.begin_batch(BatchRow("b", "/b.csv", "/out", '["note"]', "2026-01-01T00:00:00Z"), [])
        for name in ("report.csv", "report.json", "report.xlsx"):
            report = disk.path / name
            report.write_text("old")
            filled = disk.fill()

            with pytest.raises(DiskError, match="No space") as caught:
                write_report(report, ledger, "b")

            assert "make room" in caught.value.hint
            assert report.read_text() == "old"
            assert {path.name for path in disk.path.iterdir()} <= {"report.csv", "report.json", "report.xlsx", "filled"}
            filled.unlink()
        assert ledger.jobs.counts("b").get(JobState.FAILED, 0) == 0
