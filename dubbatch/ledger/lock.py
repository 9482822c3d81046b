"""One run at a time for each batch: an OS lock, free the moment its holder is gone."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from dubbatch.errors import BatchBusy, LedgerError
from dubbatch.identity import slug


@contextmanager
def batch_lock(ledger: Path, batch: str) -> Iterator[None]:
    """Hold the lock of ``batch`` beside its ledger. Raises BatchBusy naming who holds it and since when."""
    path = beside(ledger, batch, ".lock")
    # The holder's name lies beside the lock: on Windows a locked file can't be read.
    note = beside(ledger, batch, ".holder")
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise BatchBusy(
            f"another run works on batch {batch}: {_holder(note)}",
            hint="wait for it to end, or look at it with `dubbatch status`; nothing was sent",
        ) from error
    except (OSError, NotImplementedError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        raise LedgerError(
            f"the batch can't be locked in {path.parent}: {reason}", hint=f"{_way_out(error)}; nothing was sent"
        ) from error
    try:
        _leave_note(note)
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def beside(ledger: Path, batch: str, suffix: str) -> Path:
    """A file of one batch beside its ledger."""
    digest = hashlib.sha256(batch.encode()).hexdigest()[:8]
    return ledger.with_name(f"{ledger.stem}.{slug(batch)}-{digest}{suffix}")


def _way_out(error: Exception) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "make room on the disk and run again"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make that folder writable, or name another place with --ledger"
    return "a network drive? Put the ledger on a local disk: --ledger ~/dubbatch/ledger.db"


def _leave_note(note: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    # The lock holds without it: a full disk shows where something is lost by it.
    with suppress(OSError):
        note.write_text(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}))


def is_locked(ledger: Path, batch: str) -> bool:
    """Whether a run works on ``batch`` right now. Raises LedgerError."""
    try:
        with batch_lock(ledger, batch):
            return False
    except BatchBusy:
        return True


def is_held(ledger: Path, batch: str) -> bool | None:
    """Whether the process that last took the lock is there, without touching the lock; None: that can't be known here.

    A look must never keep a run from starting, so this goes by the note beside the lock.
    """
    try:
        holder = json.loads(beside(ledger, batch, ".holder").read_text())
        if os.name != "posix" or holder["host"] != platform.node():
            return None
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's.
        return True
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return True


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its process is just starting"
