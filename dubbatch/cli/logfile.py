"""The file that a log is appended to: which files it may be, and how a line gets into it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dubbatch.errors import DiskError, UsageError

#: How a manifest may call its log: a mailed one must not be able to append to what other programs obey.
SUFFIXES: Final = (".log", ".jsonl", ".ndjson", ".txt")


class LogFile:
    """Appended to, line by line, and never waited for. Raises DiskError where that can't be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Whether a line could not be written.
        self.has_failed = False
        try:
            # A pipe that nobody reads is not waited for; names of jobs and files are nobody else's business.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise DiskError(
                f"the log can't be written to {path}: {error.strerror or error}",
                hint="name another file with --log-file, or make its folder, and writable; nothing was sent",
            ) from error

    def write(self, line: str) -> None:
        """In one piece, past all buffers: two runs may append to the same file, and a run may be killed."""
        data = f"{line}\n".encode(errors="replace")
        try:
            self.has_failed |= os.write(self._descriptor, data) < len(data)
        except OSError:
            self.has_failed = True

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def manifests_flaw(path: Path, folder: Path) -> str:
    """What is wrong with a log that a manifest in ``folder`` names; empty: nothing."""
    if path.suffix.lower() not in SUFFIXES:
        return f"a manifest's log is called {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "a manifest's log is in its own folder"
    return ""


def check_apart(path: Path, others: Iterable[Path]) -> None:
    """Raises UsageError where a log would be appended to a file that has another purpose."""
    for other in others:
        if path.resolve() == other.resolve():
            raise UsageError(f"the log would be appended to {other}, which is no log", hint="name another --log-file")


def asked_for(arguments: Sequence[str]) -> Path | None:
    """The log that a command line names, before it is understood; None: none, or one that it names otherwise, too."""
    named, others, before = "", [], ""
    for word in arguments:
        if before == "--log-file":
            named = word
        elif word.startswith("--log-file="):
            named = word.partition("=")[2]
        else:
            others.append(Path(word))
        before = word
    return Path(named) if named and Path(named) not in others else None
