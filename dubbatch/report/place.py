"""Where a report goes: tried before anything is paid, and told of where it can't be written.

A report appears whole or not at all: it is written beside its place and then renamed.
"""

from __future__ import annotations

import errno
import glob
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from dubbatch.errors import DiskError


def check_place(path: Path) -> None:
    """Raises DiskError unless a report can be put there: to be asked before anything is paid."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "that is a folder")
        with TemporaryFile(dir=path.parent):
            # That it could be made is all that was to be known.
            return


def clear_leftovers(path: Path) -> None:
    """Remove what a run that was killed while it wrote this report has left. For the holder of the batch's lock."""
    with suppress(OSError):
        for part in path.parent.glob(f".{glob.escape(path.name)}.????????.part"):
            # A workbook's parts are a folder of them.
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Makes DiskError of what goes wrong with the report ``path``."""
    try:
        yield
    except OSError as error:
        message = f"the report {path} can't be written: {error.strerror or error}"
        raise DiskError(message, hint=_way_out(error)) from error


def _way_out(error: OSError) -> str:
    if isinstance(error, PermissionError):
        cure = "close it where it is open (Excel?), make its folder writable, or name another place with --report"
    elif isinstance(error, IsADirectoryError):
        cure = "move that folder away, or name another place with --report"
    else:
        cure = "make room and see that its folder can be written"
    return f"{cure}; nothing is lost: `dubbatch report` writes it again from the ledger, free"
