"""One run at a time for each batch."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dubbatch.errors import BatchBusy, LedgerError
from dubbatch.ledger.lock import batch_lock

HOLDS = """
import sys
from pathlib import Path
from dubbatch.ledger.lock import batch_lock

with batch_lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(ledger: Path, batch: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process has the lock."""
    arguments = [sys.executable, "-c", HOLDS, str(ledger), batch]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_batch_that_another_process_works_on_is_busy_until_that_is_gone(tmp_path: Path) -> None:
    """It is named, with its host and since when. A kill -9 frees the lock at once."""
    ledger = tmp_path / "ledger.db"
    with held_elsewhere(ledger, "spring") as other:
        with pytest.raises(BatchBusy, match=f"batch spring: process {other.pid} on {platform.node()}, since 2") as busy:
            batch_lock(ledger, "spring").__enter__()
        with batch_lock(ledger, "autumn"):
            pass
        other.kill()
        other.wait()
        with batch_lock(ledger, "spring"):
            pass

    assert "nothing was sent" in busy.value.hint


def test_the_holder_is_named_by_this_process_too(tmp_path: Path) -> None:
    """Twice in one process is as busy as twice in two."""
    ledger = tmp_path / "ledger.db"
    with batch_lock(ledger, "b"):
        with pytest.raises(BatchBusy, match=f"process {os.getpid()} "), batch_lock(ledger, "b"):
            pass
        with pytest.raises(BatchBusy), batch_lock(ledger, "b"):
            pass
    with batch_lock(ledger, "b"):
        pass


def test_a_lock_is_given_back_when_a_run_fails(tmp_path: Path) -> None:
    """Free means free."""
    with pytest.raises(ZeroDivisionError), batch_lock(tmp_path / "ledger.db", "b"):
        raise ZeroDivisionError

    with batch_lock(tmp_path / "ledger.db", "b"):
        pass
    assert list(tmp_path.glob("*.holder")) == []


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_has_not_said_its_name_yet_is_busy_all_the_same(tmp_path: Path, note: str) -> None:
    """The note is for people; the lock is what counts."""
    with batch_lock(tmp_path / "ledger.db", "b"):
        for file in tmp_path.glob("*.holder"):
            file.write_text(note)
        with pytest.raises(BatchBusy, match="just starting"), batch_lock(tmp_path / "ledger.db", "b"):
            pass


def test_batches_whose_names_look_alike_have_locks_of_their_own(tmp_path: Path) -> None:
    """File names are made safe, and stay apart."""
    ledger = tmp_path / "ledger.db"
    names = ["a/b", "a b", "A-B", "日本", "../x"]
    with ExitStack() as held:
        for name in names:
            held.enter_context(batch_lock(ledger, name))
        locks = list(tmp_path.glob("*.lock"))

    assert len(locks) == len(names)


def test_a_place_that_can_not_be_locked_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """Never a traceback."""
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerError, match="can't be locked") as caught, batch_lock(tmp_path / "file" / "x.db", "b"):
        pass

    assert "--ledger" in caught.value.hint


def test_a_note_that_can_not_be_written_does_not_stop_a_run(tmp_path: Path) -> None:
    """The lock holds without it."""
    with batch_lock(tmp_path / "ledger.db", "b"):
        (lock,) = tmp_path.glob("*.lock")
    lock.with_suffix(".holder").mkdir()

    with batch_lock(tmp_path / "ledger.db", "b"):
        pass
