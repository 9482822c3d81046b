"""Where the new sheet goes: in the place of the team's own, or beside it where that is somebody's at the moment.

The sheet as it was is kept, once a run, among the backups beside the ledger. Nothing is overwritten that we have
not read: what changes while we write stays as it is, and the new sheet lies beside it.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dubbatch.durability import replacing, sync_folder
from dubbatch.errors import BatchBusy, DiskError, LedgerError
from dubbatch.ledger.lock import batch_lock
from dubbatch.report.place import clear_leftovers

#: Of each sheet, so many are kept.
_BACKUPS_MAX = 10
#: What programs put beside a file that they have open: Excel, LibreOffice.
_LOCKS = ("~${name}", ".~lock.{name}#")
_WAY_OUT = "make room, or see that its folder can be written; `dubbatch report --write-back` then fills it in, free"


class InUse(Exception):
    """The sheet can't be replaced now: why, as the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Put:
    """Where the new sheet is."""

    path: Path
    #: Why it is not in the place of the team's own; empty: it is.
    reason: str = ""
    #: The sheet as it was before; None: it is still there.
    backup: Path | None = None
    #: What became of an older sheet beside it that somebody has worked in; empty: there was none.
    note: str = ""


def put(path: Path, seen: bytes, write: Callable[[IO[bytes]], None], backups: Path, moment: str) -> Put:
    """Put what ``write`` writes where ``path`` is, whose bytes were ``seen``, or beside it.

    ``moment`` is part of the backups' names. Raises DiskError where neither can be done; what ``write`` raises.
    """
    real = path.resolve()
    beside = sidecar(path)
    with _alone(real, backups) as is_alone:
        if is_alone:
            for place in (real, beside):
                clear_leftovers(place)
        try:
            if not is_alone:
                raise InUse("is being written by another dubbatch")
            backup = _replace(path, real, seen, write, backups, moment)
            return Put(path, backup=backup, note=_put_away(beside, backups, moment))
        except InUse as error:
            reason = str(error)
        except OSError as error:
            raise _disk_error(path, error) from error
        try:
            note = _put_away(beside, backups, moment)
            with replacing(beside) as part:
                _write(part, write)
            backups.mkdir(parents=True, exist_ok=True)
            _mark(beside, backups).write_text(_digest(beside), encoding="ascii")
        except OSError as error:
            raise _disk_error(beside, error) from error
        return Put(beside, reason, note=note)


def sidecar(path: Path) -> Path:
    """The name beside ``path`` for a sheet that can't take its place."""
    return path.with_name(f"{path.stem}.dubbatch{path.suffix}")


@contextmanager
def _alone(real: Path, backups: Path) -> Iterator[bool]:
    """Whether no other dubbatch writes this sheet now: two tabs of one workbook are two batches."""
    with ExitStack() as held:
        try:
            held.enter_context(batch_lock(backups, real.name))
        except BatchBusy:
            yield False
            return
        except LedgerError as error:
            raise DiskError(error.message, hint=error.hint) from error
        yield True


def _replace(
    path: Path, real: Path, seen: bytes, write: Callable[[IO[bytes]], None], backups: Path, moment: str
) -> Path:
    """Put the new sheet where the old one is, and that among the backups. Raises InUse, OSError."""
    _check_free(path, real)
    backup = _back_up(real, seen, backups, moment)
    try:
        with replacing(real) as part:
            _write(part, write)
            _look_alike(part, real)
            _check_free(path, real)
            _check_unchanged(real, seen)
        sync_folder(real.parent)
    except PermissionError as error:
        raise InUse("is open in another program, or may not be written") from error
    return backup


def _check_free(path: Path, real: Path) -> None:
    # Some programs put their lock beside the link, some where it leads.
    for pattern in _LOCKS:
        for place in (path, real):
            lock = place.with_name(pattern.format(name=place.name))
            if lock.exists():
                raise InUse(f"is open in another program (its lock file is {lock.name})")
    # Who may write all the same (an administrator) is not meant to.
    if not real.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(real, os.W_OK):
        raise InUse("is read-only")


def _check_unchanged(path: Path, seen: bytes) -> None:
    if path.read_bytes() != seen:
        raise InUse("was changed while the results were written")


def _write(part: Path, write: Callable[[IO[bytes]], None]) -> None:
    with part.open("xb") as file:
        write(file)


def _look_alike(part: Path, path: Path) -> None:
    """The new file is whose the old one was."""
    there = path.stat()
    # Only an administrator can give a file to another; its group is what shared folders go by.
    for owner in ((-1, there.st_gid), (there.st_uid, -1)):
        with suppress(OSError, AttributeError):
            os.chown(part, *owner)
    # Access lists and other marks, too; the times are its own.
    shutil.copystat(path, part)
    os.utime(part)


def _put_away(beside: Path, backups: Path, moment: str) -> str:
    """Take away an older sheet beside the team's, which says less than the new one. What is not ours alone is told."""
    if not beside.exists():
        return ""
    mark = _mark(beside, backups)
    if mark.exists() and mark.read_text(encoding="ascii") == _digest(beside):
        beside.unlink()
        return ""
    kept = _back_up(beside, beside.read_bytes(), backups, moment)
    beside.unlink()
    return f"{beside.name} beside it was not as dubbatch had written it, and is now {kept}"


def _mark(beside: Path, backups: Path) -> Path:
    """Where it is written down what we have put beside the sheet."""
    return backups / f"{beside.name}.sha256"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _back_up(path: Path, data: bytes, backups: Path, moment: str) -> Path:
    backup = backups / f"{path.stem}.{moment}{path.suffix}"
    for part in backups.glob(f".{glob.escape(path.stem)}.*.part"):
        part.unlink(missing_ok=True)
    try:
        with replacing(backup) as part:
            part.write_bytes(data)
    except OSError as error:
        message = f"{path} can't be kept as it is among the backups in {backups}: {error.strerror or error}"
        raise DiskError(f"{message}; no results were written into it", hint=_WAY_OUT) from error
    name = f"{glob.escape(path.stem)}.[0-9]*T[0-9]*Z{glob.escape(path.suffix)}"
    for old in sorted(backups.glob(name))[:-_BACKUPS_MAX]:
        old.unlink(missing_ok=True)
    return backup


def _disk_error(path: Path, error: OSError) -> DiskError:
    return DiskError(f"the sheet {path} can't be written: {error.strerror or error}", hint=_WAY_OUT)
