"""Writes the books: every record is in the file before its answer goes out.

A record is handed to the kernel at once, which outlives a kill -9 of the process; ``sync`` waits for the
disk as well, which outlives a power cut. The service waits for ``sync`` where money is concerned: when a
request is accepted.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dubbatch.errors import UsageError
from dubbatch.sandbox.books import JOURNAL, Books, Kind, Request


class Journal:
    """The open journal of one books folder, and the books that it adds up to. One process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, make it if it isn't there. Raises UsageError if another sandbox has it."""
        self.folder = folder
        for part in (folder, folder / "media", folder / "outputs"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(str(folder / "lock"), thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"another sandbox keeps its books in {folder}", hint="choose another --books") from None
        self.books = Books.load(folder)
        self._file = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        """Remove what a kill left of a record: the next one would be glued to it and both be lost."""
        path = self.folder / JOURNAL
        with path.open("rb") as file:
            whole = sum(len(line) for line in file if line.endswith(b"\n"))
        os.truncate(self._file, whole)

    @property
    def secret(self) -> bytes:
        """What links are signed with: kept, so that they stay good over a restart."""
        path = self.folder / "secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        return path.read_bytes()

    def post(self, kind: Kind, at: float) -> int:
        """A POST has arrived; its number."""
        number = len(self.books.posts) + 1
        self._write("post", number=number, kind=kind, at=at)
        return number

    def answer(self, number: int, at: float, *, status: int, counted: bool, reference: str, request_id: str) -> None:
        """A POST's fate is decided. ``status`` 0: no answer goes out."""
        answered = {"number": number, "status": status, "counted": counted}
        self._write("answer", **answered, reference=reference, request_id=request_id, answered_at=at)

    def request(self, request: Request) -> None:
        """A request is accepted, and billed."""
        self._write("request", **asdict(request))

    def started(self, request_id: str, at: float) -> None:
        self._write("started", id=request_id, at=at)

    def finished(self, request_id: str, at: float, *, minutes: float = 0.0, error: str = "") -> None:
        self._write("finished", id=request_id, at=at, minutes=minutes, error=error)

    def call(self, kind: Kind, at: float, *, asked: str = "", range_: str = "", fault: str = "") -> None:
        self._write("call", kind=kind, at=at, asked=asked, range=range_, fault=fault)

    def told(self, request_id: str, at: float) -> None:
        """An answer says that the request has ended; noted the first time only."""
        if request_id not in self.books.told:
            self._write("told", id=request_id, at=at)

    def leak(self, at: float, where: str) -> None:
        self._write("leak", at=at, where=where)

    def _write(self, type_: str, **values: Any) -> None:
        record = {"type": type_, **values}
        self.books.apply(record)
        line = memoryview(json.dumps(record).encode() + b"\n")
        while line:
            line = line[os.write(self._file, line) :]

    async def sync(self) -> None:
        """Everything written so far is on the disk."""
        await asyncio.to_thread(os.fsync, self._file)

    def close(self) -> None:
        os.close(self._file)
        self._lock.release()
