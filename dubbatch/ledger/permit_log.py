"""The log of permits in a file: shared by all runs on the host, and kept over a restart.

It lies in the user's state directory, apart from any batch's ledger, because the rate
limit belongs to the account. Each step is one write transaction (``BEGIN IMMEDIATE``:
a read that becomes a write later would let two runs grant the same permit), and the
clock is read inside it: a wait for the lock must not make a permit look older than it is.

Times are of the wall clock, the only one that outlives a restart. If it was set back,
entries from the future are taken for entries of this moment, so they block for one
window at most. If it was set forward, the entries look older than they are and one
window may see too many: no log of times can tell.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from dubbatch.errors import LedgerError
from dubbatch.identity import canonical_url
from dubbatch.moments import COMMIT, around
from dubbatch.pacing.permits import KEPT_S, Granted
from dubbatch.pacing.rate import Rate

T = TypeVar("T")

_BUSY_TIMEOUT_S = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS permits (number INTEGER PRIMARY KEY, at_s REAL NOT NULL, reference TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS permits_at ON permits (at_s);
CREATE TABLE IF NOT EXISTS pause (
    one INTEGER PRIMARY KEY CHECK (one = 1), since_s REAL NOT NULL, until_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ledgers (path TEXT PRIMARY KEY);
"""


def permit_log_path(state_dir: Path, base_url: str, key: str) -> Path:
    """Where the permits of one account at one service are logged. Pure; the name gives nothing away."""
    service = canonical_url(base_url).rstrip("/")
    account = hashlib.sha256(f"{service}\n{key}".encode()).hexdigest()
    return state_dir / f"permits-{account[:32]}.db"


class SqlitePermitLog:
    """A :class:`~dubbatch.pacing.permits.PermitLog` in the file ``path``, which is made when it is first needed.

    Its methods work in a thread, so the event loop never waits for the disk or for another run.
    ``clock`` gives seconds since the epoch. All methods raise LedgerError if the file can't be used.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def grant(self, rate: Rate, reference: str) -> float:
        """Grant a permit now and return 0.0, or return the seconds to wait."""
        granting = asyncio.ensure_future(asyncio.to_thread(self._grant, rate, reference))
        try:
            _, wait_s = await asyncio.shield(granting)
        except asyncio.CancelledError:
            # The thread can't be stopped: whatever it grants is taken out again, as nobody sends it.
            await _undisturbed(self._undo(granting))
            raise
        return wait_s

    async def renew(self, reference: str) -> None:
        """The POST of the last permit for ``reference`` leaves only now: it counts from now."""
        await asyncio.to_thread(self._renew, reference)

    async def pause(self, seconds: float) -> None:
        """Grant nothing to anyone for ``seconds`` from now; a longer pause in force stays."""
        now_s = self._clock()
        await asyncio.to_thread(self._pause, now_s, now_s + seconds)

    async def used(self, window_s: float) -> int:
        """How many permits were granted in the last ``window_s`` seconds."""
        return len(await self.recent(window_s))

    async def recent(self, within_s: float = KEPT_S) -> tuple[Granted, ...]:
        """The permits of the last ``within_s`` seconds (an hour's are kept), oldest first."""
        return await asyncio.to_thread(self._recent, within_s)

    async def paused_s(self) -> float:
        """For how many seconds more nobody may send; 0.0: no pause is in force."""
        return await asyncio.to_thread(self._paused_s)

    async def note_ledger(self, path: Path) -> None:
        """Remember that the ledger at ``path`` is used with this account."""
        await asyncio.to_thread(self._note_ledger, str(path))

    async def ledgers(self) -> tuple[Path, ...]:
        """The ledgers that were used with this account on this host, wherever they lie."""
        return await asyncio.to_thread(self._ledgers)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _grant(self, rate: Rate, reference: str) -> tuple[int | None, float]:
        """The number of the permit, if it was granted, and the seconds to wait, if not."""
        with self._transaction() as db:
            now_s = self._clock()
            self._mend(db, now_s)
            db.execute("DELETE FROM permits WHERE at_s < ?", (now_s - max(KEPT_S, rate.window_s),))
            paused_until_s = _one(db, "SELECT until_s FROM pause")
            wait_s = rate.wait_s(
                now_s,
                last_of_burst_s=_last(db, rate.at_once),
                last_of_limit_s=_last(db, rate.limit),
                paused_until_s=now_s if paused_until_s is None else paused_until_s,
            )
            if wait_s > 0:
                return None, wait_s
            done = db.execute("INSERT INTO permits (at_s, reference) VALUES (?, ?)", (now_s, reference))
            return done.lastrowid, 0.0

    def _renew(self, reference: str) -> None:
        with self._transaction() as db:
            db.execute(
                "UPDATE permits SET at_s = ? WHERE number = (SELECT max(number) FROM permits WHERE reference = ?)",
                (self._clock(), reference),
            )

    def _pause(self, since_s: float, until_s: float) -> None:
        with self._transaction() as db:
            self._mend(db, self._clock())
            db.execute(
                "INSERT INTO pause VALUES (1, ?, ?)"
                " ON CONFLICT (one) DO UPDATE SET since_s = excluded.since_s, until_s = excluded.until_s"
                " WHERE excluded.until_s > until_s",
                (since_s, until_s),
            )

    def _recent(self, within_s: float) -> tuple[Granted, ...]:
        with self._transaction() as db:
            now_s = self._clock()
            rows = db.execute(
                "SELECT reference, at_s FROM permits WHERE at_s > ? ORDER BY at_s, number", (now_s - within_s,)
            ).fetchall()
        return tuple(Granted(str(reference), max(0.0, now_s - at_s)) for reference, at_s in rows)

    def _paused_s(self) -> float:
        with self._transaction() as db:
            now_s = self._clock()
            until_s = _one(db, "SELECT until_s FROM pause WHERE since_s <= ?", now_s)
        return max(0.0, (until_s or 0.0) - now_s)

    def _note_ledger(self, path: str) -> None:
        with self._transaction() as db:
            db.execute("INSERT INTO ledgers (path) VALUES (?) ON CONFLICT DO NOTHING", (path,))

    def _ledgers(self) -> tuple[Path, ...]:
        with self._transaction() as db:
            rows = db.execute("SELECT path FROM ledgers ORDER BY path").fetchall()
        return tuple(Path(path) for (path,) in rows)

    async def _undo(self, granting: asyncio.Future[tuple[int | None, float]]) -> None:
        with suppress(LedgerError):
            number, _ = await granting
            if number is not None:
                await asyncio.to_thread(self._forget, number)

    def _forget(self, number: int) -> None:
        with self._transaction() as db:
            db.execute("DELETE FROM permits WHERE number = ?", (number,))

    @staticmethod
    def _mend(db: sqlite3.Connection, now_s: float) -> None:
        """Bring entries from the future to this moment; a pause keeps its length."""
        db.execute("UPDATE permits SET at_s = :now WHERE at_s > :now", {"now": now_s})
        db.execute(
            "UPDATE pause SET since_s = :now, until_s = :now + until_s - since_s WHERE since_s > :now", {"now": now_s}
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._open()
                with around(COMMIT, "permits"), self._connection as db:
                    db.execute("BEGIN IMMEDIATE")
                    yield db
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"the log of permits {self._path} can't be used: {error}; without it nothing is sent",
                hint=self._way_out(error),
            ) from error

    def _way_out(self, error: Exception) -> str:
        if "full" in str(error) or "No space" in str(error):
            return "make room on the disk and run again"
        if isinstance(error, OSError) or "readonly" in str(error) or "unable to open" in str(error):
            return f"make {self._path.parent} writable, or name another folder in XDG_STATE_HOME, and run again"
        return "it only remembers the sends of the last hour: wait a minute, remove the file and run again"

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite would make the file with the umask's mode: references are nobody else's business.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        # The threads of to_thread take turns; self._lock keeps them apart.
        db = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            # No WAL: it doesn't work on network drives, where home directories may lie, and two
            # processes that switch to it at once get "locked" without the busy timeout.
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
        except sqlite3.Error:
            db.close()
            raise
        return db


def _last(db: sqlite3.Connection, number: int) -> float | None:
    """When the ``number``-th last permit was granted."""
    return _one(db, "SELECT at_s FROM permits ORDER BY at_s DESC LIMIT 1 OFFSET ?", number - 1)


def _one(db: sqlite3.Connection, query: str, *values: object) -> float | None:
    row = db.execute(query, values).fetchone()
    return None if row is None or row[0] is None else float(row[0])


async def _undisturbed(work: Coroutine[Any, Any, T]) -> None:
    """Await ``work`` to its end, whoever cancels meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
