"""Folders that may not be written to: said before anything is sent, by the real command of a user who is not root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]
#: Root, but for the right to ignore permissions.
NO_OVERRIDE = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be looked into and not written to."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def humble(closed: Path) -> list[str]:
    """What comes before a command for which permissions hold."""
    prefix = NO_OVERRIDE if os.name == "posix" and os.geteuid() == 0 else []
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("root without setpriv: permissions hold for nobody here")
    if subprocess.run([*prefix, "touch", closed / "x"], capture_output=True, check=False).returncode == 0:
        pytest.skip("permissions don't hold here")
    return prefix


def run(shell: Shell, humble: list[str], *arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [*humble, sys.executable, "-m", "dubbatch", "run", "batch.csv", *arguments],
        cwd=shell.folder,
        env={**shell.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("option", "way_out"),
    [
        ("--output-dir={closed}/dubs", "--output-dir"),
        ("--ledger={closed}/new/ledger.db", "--ledger"),
        ("--report={closed}/report.json", "--report"),
        ("--output=closed/{id}.mp4", "--output-dir"),
        ("XDG_STATE_HOME={closed}", "XDG_STATE_HOME"),
    ],
)
def test_a_folder_that_may_not_be_written_to_is_told_before_anything_is_sent(
    open_service: Service, connected: Connected, humble: list[str], closed: Path, option: str, way_out: str
) -> None:
    """Exit 8, with the folder's name and what to do; no POST."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a")
    if option == "--output=closed/{id}.mp4":
        closed = shell.folder / "batch-dubs" / "closed"
        closed.mkdir(0o555, parents=True)
    name, _, value = option.replace("{closed}", str(closed)).partition("=")
    arguments, environment = ([f"{name}={value}"], {}) if name.startswith("--") else ([], {name: value})

    code, said = run(shell, humble, *arguments, **environment)

    assert code == 8, said
    assert str(closed) in said
    assert way_out in said
    assert "Traceback" not in said
    assert not service.books.posts
