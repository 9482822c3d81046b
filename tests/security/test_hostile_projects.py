"""A project folder that somebody sent: what lies in it beside the manifest is refused well, and at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dubbatch.cli.keys import key_of_environment
from dubbatch.cli.project import open_project
from dubbatch.errors import LedgerError, UsageError
from dubbatch.ledger.ledger import Ledger

#: Filled in, the last of these lines would have 10^22 characters.
BOMB = "A=aaaaaaaaaa\n" + "".join(f"{chr(66 + n)}={f'${{{chr(65 + n)}}}' * 10}\n" for n in range(21))
LEDGER = ".dubbatch/ledger.db"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a manifest in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "batch.csv").write_text("video,audio\na.mp4,a.wav\n")
    (tmp_path / ".dubbatch").mkdir()
    return tmp_path


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE invoices (amount)")


def _link_to_precious(path: Path) -> None:
    (path.parents[1] / "precious").write_text("precious")
    path.symlink_to("../precious")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("dubbatch.toml", lambda path: path.write_text("a = " + "[" * 8_000), "dubbatch.toml can't be read"),
        ("dubbatch.toml", lambda path: path.write_text("a = " + "{a=" * 2_000), "dubbatch.toml can't be read"),
        ("dubbatch.toml", lambda path: path.write_text("#" * 9_000), "larger than 8 KB"),
        ("dubbatch.toml", lambda path: path.write_text(".".join("a" * 9_000) + " = 1"), "larger than 8 KB"),
        ("dubbatch.toml", lambda path: path.write_text("limit = " + "9" * 5_000), "dubbatch.toml can't be read"),
        ("dubbatch.toml", lambda path: path.write_bytes(b"a = '\xff'"), "dubbatch.toml can't be read"),
        (".env", lambda path: path.write_text(f"{BOMB}CHAMELAION_API_KEY='${{V}} '"), "the API key has"),
        (".env", lambda path: path.write_text("#" * 70_000), ".env can't be read"),
        (".env", lambda path: path.write_bytes(b"CHAMELAION_API_KEY=\xff"), ".env can't be read"),
        (LEDGER, lambda path: path.write_bytes(os.urandom(10_000)), "file is not a database"),
        (LEDGER, _foreign, "another program's database"),
        (LEDGER, _link_to_precious, "file is not a database"),
        (LEDGER, os.mkfifo, "can't be used"),
        (LEDGER, lambda path: path.symlink_to("/dev/zero"), "can't be used"),
    ],
)
def test_what_lies_beside_a_manifest_is_refused_with_a_way_out(
    folder: Path, name: str, make: Callable[[Path], Any], words: str
) -> None:
    """A sentence says what and where; what was there is left as it was."""
    path = folder / name
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises((UsageError, LedgerError), match=words) as caught:
        _open()

    assert caught.value.hint
    assert not before or path.read_bytes() == before


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", [".env", "dubbatch.toml"])
def test_what_is_no_file_holds_no_settings_and_is_not_waited_for(
    folder: Path, name: str, make: Callable[[Path], Any]
) -> None:
    """A pipe has no end if nobody writes into it."""
    make(folder / name)

    _open()

    assert not key_of_environment()


def _open() -> None:
    """What every command opens before it does anything."""
    project = open_project("batch.csv", {})
    key_of_environment()
    with Ledger(project.ledger):
        return
