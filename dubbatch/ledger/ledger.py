"""The ledger: the truth about what was sent, what came of it, and what is on disk.

One SQLite file for all batches of a project. Its tables are grouped by what they are
about; ``atomic`` makes several changes one. All methods are short and synchronous:
:class:`LedgerThread` keeps them off the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from dubbatch.durability import sync_folder
from dubbatch.errors import LedgerError
from dubbatch.events import EventHook, JobChanged
from dubbatch.ledger.account import AccountTable
from dubbatch.ledger.attempts import AttemptTable
from dubbatch.ledger.database import Database
from dubbatch.ledger.jobs import JobTable
from dubbatch.ledger.media import MediaTable
from dubbatch.ledger.outputs import OutputTable
from dubbatch.ledger.worker import WorkerThread

P = ParamSpec("P")
T = TypeVar("T")


class Ledger:
    """Opened on a path; ``Ledger(None)`` is an empty one in memory, for looking without leaving a trace."""

    def __init__(self, path: Path | None) -> None:
        """Raises LedgerError where the file can't be used."""
        if path is not None:
            _make_folder(path.parent)
        self._db = Database(path)
        self._changes: list[JobChanged] = []
        self.path = path
        self.jobs = JobTable(self._db, self._changes)
        self.attempts = AttemptTable(self._db, self.jobs)
        self.outputs = OutputTable(self._db, self.jobs)
        self.account = AccountTable(self._db)
        self.media = MediaTable(self._db)

    @classmethod
    def existing(cls, path: Path) -> Self:
        """One more connection to a ledger that is in use: one that was taken away meanwhile is not made anew.

        Raises LedgerError.
        """
        if not path.exists():
            raise LedgerError(f"the ledger {path} is no longer in its place", hint="put it back, and run again")
        return cls(path)

    @classmethod
    def copy_of(cls, path: Path) -> Self:
        """A copy in memory of the ledger at ``path``, to look at without leaving a trace."""
        copy = cls(None)
        try:
            copy._db.fill_from(path)
        except LedgerError:
            copy.close()
            raise
        return copy

    def atomic(self) -> AbstractContextManager[None]:
        return self._db.atomic()

    def drain_changes(self) -> list[JobChanged]:
        """The changes of jobs' states since the last call, in their order."""
        changes = self._changes.copy()
        self._changes.clear()
        return changes

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LedgerThread:
    """Runs the ledger's methods in one worker thread, in the order they were asked for.

    A call that was asked for is made even when its caller is cancelled: an answer that
    the service gave must reach the disk. Changes are told to the hook on the event loop,
    after their commit.
    """

    def __init__(self, ledger: Ledger, hook: EventHook) -> None:
        self.ledger = ledger
        self._hook = hook
        self._thread = WorkerThread("ledger")

    async def __call__(self, method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        result, changes = await loop.run_in_executor(self._thread, partial(self._call, method, *args, **kwargs))
        for change in changes:
            self._hook(change)
        return result

    def _call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, list[JobChanged]]:
        try:
            result = method(*args, **kwargs)
        except BaseException:
            # What was rolled back is not told.
            self.ledger.drain_changes()
            raise
        return result, self.ledger.drain_changes()

    def close(self) -> None:
        """Wait for what was asked for; who forgets it may lose that."""
        self._thread.shutdown()


def _make_folder(folder: Path) -> None:
    """The ledger's folder, which git ignores by itself."""
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            sync_folder(folder.parent)
        marker = folder / ".gitignore"
        if folder.name == ".dubbatch" and not marker.exists():
            marker.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise LedgerError(
            f"the ledger's folder {folder} can't be made: {error.strerror}",
            hint="make room, see that its parent is writable, or name another place with --ledger; nothing was sent",
        ) from error
