"""The file: who may read it, what survives, and how it fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dubbatch.errors import LedgerError
from dubbatch.ledger.ledger import Ledger

#: Puts one change in, says so, and waits inside the transaction until it is killed.
DIES_INSIDE = """
import sys
from pathlib import Path
from dubbatch.ledger.ledger import Ledger

with Ledger(Path(sys.argv[1])) as ledger, ledger.atomic():
    ledger.account.remember_slots(99)
    print("inside", flush=True)
    sys.stdin.read()
"""

#: Adds one to the learned slots, so many times.
ADDS = """
import sys
from pathlib import Path
from dubbatch.ledger.ledger import Ledger

with Ledger(Path(sys.argv[1])) as ledger:
    for _ in range(int(sys.argv[2])):
        with ledger.atomic():
            ledger.account.remember_slots((ledger.account.get().slots or 0) + 1)
"""

#: Opens a ledger that isn't there yet, at the moment that it is told.
OPENS = """
import sys
from pathlib import Path
from dubbatch.ledger.ledger import Ledger

print("ready", flush=True)
sys.stdin.readline()
with Ledger(Path(sys.argv[1])):
    pass
"""


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that this process may look into and not write to, even where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if user == 0:
                os.seteuid(0)
            folder.chmod(0o755)


def test_the_ledger_and_the_files_beside_it_are_the_owners_alone(ledger: Ledger, path: Path) -> None:
    """It holds signed links; SQLite's own files get the mode of the ledger."""
    ledger.account.belong_to("https://api.example.com")

    modes = {file.name: mode_of(file) for file in path.parent.iterdir() if file.name.startswith("ledger")}

    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_its_folder_ignores_itself_for_git(ledger: Ledger, path: Path) -> None:
    """A ledger that is committed by mistake would be shared, and with it the links."""
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_of_the_teams_own_gets_no_gitignore(tmp_path: Path) -> None:
    """``--ledger here/ledger.db`` says nothing about the rest of ``here``."""
    Ledger(tmp_path / "here" / "ledger.db").close()

    assert {file.name for file in (tmp_path / "here").iterdir()} == {"ledger.db", "ledger.opening.lock"}


def test_a_commit_that_returned_survives_a_power_cut(ledger: Ledger) -> None:
    """WAL with synchronous FULL (2): NORMAL may lose the last commits."""
    connection = ledger._db._connection

    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_an_atomic_change_that_fails_leaves_nothing(ledger: Ledger) -> None:
    """Also what was done in an atomic inside it, which had ended well."""
    ledger.account.belong_to("service")

    def fail_outside() -> None:
        with ledger.atomic():
            ledger.account.remember_usual(7.0)
            with ledger.atomic():
                ledger.account.remember_slots(9)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_outside()

    assert ledger.account.get().slots is None
    assert ledger.account.get().usual_s is None


def test_a_failure_inside_undoes_the_whole(ledger: Ledger) -> None:
    """The inner change joins the outer one, and the ledger can be used afterwards."""
    ledger.account.belong_to("service")

    def fail_inside() -> None:
        with ledger.atomic():
            ledger.account.remember_slots(9)
            with ledger.atomic():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    ledger.account.remember_usual(3.0)

    assert ledger.account.get().slots is None
    assert ledger.account.get().usual_s == 3.0


def test_a_process_killed_inside_a_transaction_leaves_the_old_state(path: Path) -> None:
    """kill -9: no code of ours runs any more."""
    with Ledger(path) as ledger:
        ledger.account.belong_to("service")
        ledger.account.remember_slots(4)
    with subprocess.Popen(
        [sys.executable, "-c", DIES_INSIDE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"inside\n"
        process.kill()

    assert process.returncode == -signal.SIGKILL
    with Ledger(path) as ledger:
        assert ledger.account.get().slots == 4


def test_processes_that_share_a_ledger_lose_no_change(path: Path) -> None:
    """Each reads and writes in one transaction, so the changes come one after the other."""
    with Ledger(path) as ledger:
        ledger.account.belong_to("service")
        others = [subprocess.Popen([sys.executable, "-c", ADDS, str(path), "20"]) for _ in range(2)]

        assert [other.wait(timeout=30) for other in others] == [0, 0]
        assert ledger.account.get().slots == 40


@pytest.mark.parametrize("name", ["first.db", "second.db"])
def test_a_new_ledger_may_be_opened_by_several_processes_at_once(tmp_path: Path, name: str) -> None:
    """One of them makes it, and the others wait for that instead of failing as locked out."""
    with ExitStack() as stack:
        others = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPENS, str(tmp_path / name)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
            )
            for _ in range(4)
        ]  # fmt: skip
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        for other in others:
            assert other.stdin is not None
            other.stdin.write("now\n")
            other.stdin.flush()
        ends = [other.communicate(timeout=30)[1] for other in others]

    assert ends == [""] * 4
    assert [other.returncode for other in others] == [0] * 4


def test_a_ledger_from_the_future_is_refused_and_left_alone(path: Path) -> None:
    """It holds money: better no run than a wrong reading."""
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()

    for opened in (Ledger, Ledger.copy_of):
        with pytest.raises(LedgerError, match=r"newer dubbatch \(format 999") as caught:
            opened(path)
        assert str(path) in caught.value.message
        assert "update dubbatch" in caught.value.hint


def test_a_file_that_is_no_database_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """And the file stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)

    with pytest.raises(LedgerError, match="not a database") as caught:
        Ledger(path)

    assert str(path) in caught.value.message
    assert "--ledger" in caught.value.hint
    assert path.read_text().startswith("not a database")


def test_a_folder_in_the_ledgers_place_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """``--ledger some/folder`` is a common slip."""
    with pytest.raises(LedgerError, match="can't be used") as caught:
        Ledger(tmp_path)

    assert "folder" in caught.value.hint


def test_a_file_in_the_place_of_the_ledgers_folder_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """The folder can't be made."""
    (tmp_path / ".dubbatch").write_text("")

    with pytest.raises(LedgerError, match="folder") as caught:
        Ledger(tmp_path / ".dubbatch" / "ledger.db")

    assert "--ledger" in caught.value.hint


@pytest.mark.parametrize("name", ["ledger.db", ".dubbatch/ledger.db"])
def test_a_folder_that_can_not_be_written_to_is_an_error_with_a_way_out(closed_folder: Path, name: str) -> None:
    """Whether the file or its folder would have to be made there."""
    with pytest.raises(LedgerError) as caught:
        Ledger(closed_folder / name)

    assert str(closed_folder) in caught.value.message
    assert "writable" in caught.value.hint


def test_a_statement_that_fails_is_told_as_a_ledgers_error(ledger: Ledger) -> None:
    """No error of SQLite gets out, also not from many statements at once."""
    with pytest.raises(LedgerError):
        ledger._db.run("put_send", reference="nobody", started=1.0)
    with pytest.raises(LedgerError):
        ledger._db.run_many("put_send", [{"reference": "nobody", "started": 1.0}])


def test_a_copy_knows_what_the_ledger_knows_and_leaves_no_trace(path: Path) -> None:
    """What ``plan`` looks at: changes to it are nobody's."""
    with Ledger(path) as ledger:
        ledger.account.belong_to("service")
        ledger.account.remember_slots(5)
    before = sorted(file.name for file in path.parent.iterdir())

    with Ledger.copy_of(path) as copy:
        slots = copy.account.get().slots
        copy.account.remember_slots(50)

    assert slots == 5
    assert sorted(file.name for file in path.parent.iterdir()) == before
    with Ledger(path) as ledger:
        assert ledger.account.get().slots == 5


def test_a_ledger_in_memory_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a plan where there is no ledger yet."""
    monkeypatch.chdir(tmp_path)
    with Ledger(None) as ledger:
        ledger.account.belong_to("service")

    assert list(tmp_path.iterdir()) == []
