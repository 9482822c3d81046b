"""The SQLite file: opened safely, migrated, and changed only inside ``atomic()``.

WAL with synchronous FULL: a commit that returned survives a power cut (NORMAL may lose
the last ones, and one lost "sent" is one job paid twice). Statements live in
``queries.sql`` by name, so that what the ledger asks can be read in one place.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

from filelock import FileLock, Timeout

from dubbatch.errors import LedgerError
from dubbatch.ledger.migrations import pending_migrations
from dubbatch.moments import COMMIT, WRITE, around, reached

Row = sqlite3.Row
Value = str | int | float | None

#: Of the library that Python was built with, for reports of bugs.
SQLITE_VERSION = sqlite3.sqlite_version

_BUSY_S = 30.0
#: With fewer bytes free, a failing write is taken for a full disk.
_LITTLE = 256 << 10


@cache
def _queries() -> Mapping[str, str]:
    text = resources.files("dubbatch.ledger").joinpath("queries.sql").read_text(encoding="utf-8")
    blocks = re.split(r"^-- name: (\w+)\s*$", text, flags=re.MULTILINE)[1:]
    return dict(zip(blocks[0::2], (sql.strip() for sql in blocks[1::2]), strict=True))


class Database:
    """One connection. Used by one thread at a time; several processes may each have their own."""

    def __init__(self, path: Path | None) -> None:
        """Open (and create, and migrate) the file; ``None`` is an empty one in memory.

        Raises LedgerError where SQLite can't work: no permission, a full disk, a network drive.
        """
        self.path = path
        self._depth = 0
        try:
            self._connection = _connect(path)
            with _closed_on_failure(self._connection):
                _prepare(self._connection, path)
                self._migrate(path)
        except (sqlite3.Error, OSError) as error:
            raise _ledger_error(path, error) from error

    def _migrate(self, origin: Path | None) -> None:
        # Without a look before, everybody who opens the file would take the lock of those who write.
        if not pending_migrations(self._version(), origin or "in memory"):
            return
        with self.atomic():
            for number, sql in pending_migrations(self._version(), origin or "in memory"):
                for statement in _statements(sql):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything inside happens, durably, or nothing does. Inside another ``atomic`` it joins that one."""
        if self._depth:
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._depth = 0
            # The first error is the one to tell; a failed rollback is undone by SQLite at the next open.
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        self._depth = 0
        with around(COMMIT, "ledger"):
            self._execute("COMMIT")

    def run(self, name: str, /, **values: Value) -> int:
        """Run a named statement; how many rows it changed."""
        return self._write(name, values).rowcount

    def run_many(self, name: str, rows: Iterable[Mapping[str, Value]]) -> None:
        with self.atomic():
            reached(WRITE, name)
            try:
                self._connection.executemany(_queries()[name], rows)
            except sqlite3.Error as error:
                raise _ledger_error(self.path, error) from error

    def insert(self, name: str, /, **values: Value) -> int:
        """Run a named INSERT; the new row's number."""
        return int(self._write(name, values).lastrowid or 0)

    def one(self, name: str, /, **values: Value) -> Row | None:
        row: Row | None = self._execute(_queries()[name], values).fetchone()
        return row

    def all(self, name: str, /, **values: Value) -> list[Row]:
        return self._execute(_queries()[name], values).fetchall()

    def fill_from(self, path: Path) -> None:
        """Take the content of another file's database, and migrate it here. Raises LedgerError."""
        try:
            source = sqlite3.connect(path, timeout=_BUSY_S)
            with closing(source):
                source.backup(self._connection)
            self._migrate(path)
        except (sqlite3.Error, OSError) as error:
            raise _ledger_error(path, error) from error

    def close(self) -> None:
        self._connection.close()

    def _write(self, name: str, values: Mapping[str, Value]) -> sqlite3.Cursor:
        with self.atomic():
            reached(WRITE, name)
            return self._execute(_queries()[name], values)

    def _execute(self, sql: str, values: Mapping[str, Value] | None = None) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values or {})
        except (sqlite3.Error, UnicodeError) as error:
            if sql == "COMMIT" and self._connection.in_transaction:
                self._connection.rollback()
            raise _ledger_error(self.path, error) from error


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        # Created here, not by SQLite, so that the file is never readable by others: it holds signed links.
        path.touch(mode=0o600, exist_ok=True)
    return sqlite3.connect(path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    connection.row_factory = sqlite3.Row
    # In one statement: another process may be making this very ledger.
    tables, version = connection.execute(
        "SELECT (SELECT count(*) FROM sqlite_master), user_version FROM pragma_user_version"
    ).fetchone()
    if tables and not version:
        hint = "name another place with --ledger; nothing was written into that file"
        raise LedgerError(f"{path} is another program's database, not a ledger", hint=hint)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if path is None or connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    with _alone(path):
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"this filesystem can't keep a write-ahead log (journal mode {mode})")


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _statements(sql: str) -> Iterator[str]:
    """The statements of a script one by one: ``executescript`` would commit behind our back."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _ledger_error(path: Path | None, error: Exception) -> LedgerError:
    where = path or "in memory"
    if path is not None and path.is_dir():
        hint = "that is a folder: name a file in it with --ledger"
    elif isinstance(error, PermissionError) or "readonly" in str(error) or "unable to open" in str(error):
        hint = f"make {path.parent if path else 'its folder'} writable, or name another place with --ledger"
    elif "full" in str(error) or ("I/O" in str(error) and not _has_room(path)):
        hint = "make room on the disk and run again: what was recorded before is safe"
    elif "locked" in str(error) or "write-ahead" in str(error):
        hint = "a network drive? Put the ledger on a local disk: --ledger ~/dubbatch/ledger.db"
    else:
        hint = "run again; if it stays, name another place with --ledger: finished work is found in the account again"
    return LedgerError(f"the ledger {where} can't be used: {error}", hint=hint)


def _has_room(path: Path | None) -> bool:
    """SQLite's shared memory on a full disk is an I/O error among others."""
    try:
        return path is None or shutil.disk_usage(path.parent).free >= _LITTLE
    except OSError:
        return True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time turn a new file to write-ahead logging: SQLite's busy timeout does not hold there."""
    try:
        with FileLock(path.with_name(f"{path.stem}.opening.lock"), timeout=_BUSY_S, mode=0o600):
            yield
    except Timeout as error:
        raise sqlite3.OperationalError("database is locked: another process has been opening it for long") from error
