"""The log of permits in a real file, from this process and from others."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dubbatch.errors import LedgerError
from dubbatch.ledger.permit_log import SqlitePermitLog, permit_log_path
from dubbatch.pacing.permits import Permits
from dubbatch.pacing.rate import Rate

A_MINUTE = Rate(2, 60.0)

SENDER = """
import asyncio, sys
from pathlib import Path
from dubbatch.ledger.permit_log import SqlitePermitLog
from dubbatch.pacing.permits import Permits

async def main(path, name, limit, window_s, sends):
    log = SqlitePermitLog(path)
    permits = Permits(limit, window_s, log)
    for number in range(sends):
        await permits.take(f"{name}-{number}")
    log.close()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2], 30, 0.5, 60))
"""


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "permits.db"


@pytest.fixture
def log(path: Path, clock: Clock) -> Iterator[SqlitePermitLog]:
    log = SqlitePermitLog(path, clock=clock)
    yield log
    log.close()


async def test_permits_are_granted_up_to_the_limit_and_again_when_the_window_has_passed(
    log: SqlitePermitLog, clock: Clock
) -> None:
    assert await log.grant(A_MINUTE, "a") == 0
    clock.now_s += 10
    assert await log.grant(A_MINUTE, "b") == 0
    assert await log.grant(A_MINUTE, "c") == 50
    clock.now_s += 50
    assert await log.grant(A_MINUTE, "c") == 0
    assert await log.grant(A_MINUTE, "d") == 10


async def test_permits_keep_their_spacing(log: SqlitePermitLog, clock: Clock) -> None:
    spaced = Rate(60, 60.0, burst=1)

    assert await log.grant(spaced, "a") == 0
    clock.now_s += 0.25
    assert await log.grant(spaced, "b") == 0.75


async def test_a_permit_whose_post_leaves_later_counts_from_then(log: SqlitePermitLog, clock: Clock) -> None:
    """The last one of its reference: an earlier one was another POST's."""
    a_day = Rate(3, 100.0)
    for reference in ("a", "b", "a"):
        await log.grant(a_day, reference)
        clock.now_s += 10

    await log.renew("a")

    assert [(one.reference, one.age_s) for one in await log.recent()] == [("a", 30.0), ("b", 20.0), ("a", 0.0)]
    assert await log.grant(a_day, "c") == 70


async def test_a_permit_of_one_run_counts_for_the_next(log: SqlitePermitLog, path: Path, clock: Clock) -> None:
    await log.grant(A_MINUTE, "a")
    await log.grant(A_MINUTE, "b")
    await log.pause(90)
    log.close()
    clock.now_s += 20
    later = SqlitePermitLog(path, clock=clock)

    assert await later.grant(A_MINUTE, "c") == 70
    assert await later.used(60) == 2
    assert [(granted.reference, granted.age_s) for granted in await later.recent()] == [("a", 20.0), ("b", 20.0)]

    later.close()


async def test_each_run_applies_its_own_window(log: SqlitePermitLog, clock: Clock) -> None:
    await log.grant(Rate(1, 10.0), "a")

    assert await log.grant(Rate(1, 10.0), "b") == 10
    assert await log.grant(Rate(5, 60.0), "b") == 0


async def test_a_pause_binds_everyone_exactly_and_a_shorter_one_does_not_end_it(
    log: SqlitePermitLog, clock: Clock
) -> None:
    await log.pause(30.5)
    await log.pause(5)

    assert await log.grant(A_MINUTE, "a") == 30.5
    clock.now_s += 30.5
    assert await log.grant(A_MINUTE, "a") == 0


async def test_references_are_kept_for_an_hour(log: SqlitePermitLog, clock: Clock) -> None:
    await log.grant(A_MINUTE, "old")
    clock.now_s += 1800
    await log.grant(A_MINUTE, "young")
    clock.now_s += 1801
    await log.grant(A_MINUTE, "new")

    assert [granted.reference for granted in await log.recent()] == ["young", "new"]
    assert [granted.reference for granted in await log.recent(60)] == ["new"]


@pytest.mark.parametrize("back_s", [5.0, 86_400.0, 10.0**9])
async def test_a_clock_that_was_set_back_blocks_for_one_window_at_most(
    log: SqlitePermitLog, clock: Clock, back_s: float
) -> None:
    await log.grant(A_MINUTE, "a")
    await log.grant(A_MINUTE, "b")
    await log.pause(40)
    clock.now_s -= back_s

    assert await log.grant(A_MINUTE, "c") == 60
    assert {granted.age_s for granted in await log.recent()} == {0.0}

    clock.now_s += 60
    assert await log.grant(A_MINUTE, "c") == 0


def test_only_the_owner_may_read_the_file(log: SqlitePermitLog, path: Path) -> None:
    asyncio.run(log.grant(A_MINUTE, "a"))

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_pause_is_told_as_long_as_it_is_in_force(log: SqlitePermitLog, clock: Clock) -> None:
    """In seconds from now; before any, and after it, there is none."""
    assert await log.paused_s() == 0
    await log.pause(30)
    clock.now_s += 10
    assert await log.paused_s() == 20
    clock.now_s += 21
    assert await log.paused_s() == 0


async def test_the_ledgers_of_an_account_are_remembered_once_each(log: SqlitePermitLog, path: Path) -> None:
    """Also in a file that an older dubbatch has made, without a table for them."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as older:
        older.execute("CREATE TABLE permits (number INTEGER PRIMARY KEY, at_s REAL NOT NULL, reference TEXT NOT NULL)")

    assert await log.ledgers() == ()
    for name in ("/b/ledger.db", "/a/ledger.db", "/b/ledger.db"):
        await log.note_ledger(Path(name))

    assert await log.ledgers() == (Path("/a/ledger.db"), Path("/b/ledger.db"))


def test_a_file_that_is_no_log_is_an_error_that_says_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, " * 100)
    log = SqlitePermitLog(path)

    with pytest.raises(LedgerError, match="can't be used") as caught:
        asyncio.run(log.grant(A_MINUTE, "a"))

    assert str(path) in caught.value.message
    assert "remove the file" in caught.value.hint


async def test_a_grant_that_was_cancelled_is_taken_out_again(path: Path) -> None:
    """The thread is inside its transaction when the cancellation comes, and even a second one."""
    inside, go_on = threading.Event(), threading.Event()

    def slow_clock() -> float:
        inside.set()
        go_on.wait(5)
        return 1000.0

    log = SqlitePermitLog(path, clock=slow_clock)
    granting = asyncio.create_task(log.grant(A_MINUTE, "a"))
    await asyncio.to_thread(inside.wait, 5)
    granting.cancel()
    await asyncio.sleep(0)
    granting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await granting

    assert await log.recent() == ()
    assert await log.grant(A_MINUTE, "b") == 0
    log.close()


async def test_cancelled_takes_leave_exactly_the_permits_of_those_that_came_through(path: Path) -> None:
    log = SqlitePermitLog(path)
    permits = Permits(1000, 60.0, log)
    takes = [asyncio.create_task(permits.take(str(number))) for number in range(60)]
    for number, take in enumerate(takes):
        await asyncio.sleep(0.001)
        if number % 3 == 0:
            take.cancel()
    await asyncio.gather(*takes, return_exceptions=True)
    through = [str(number) for number, take in enumerate(takes) if not take.cancelled()]

    assert [granted.reference for granted in await log.recent()] == through
    log.close()


def test_processes_that_share_a_log_together_keep_the_limit(path: Path) -> None:
    """Two processes want 60 sends each at 30 in half a second: any window of both has 30 at most."""
    senders = [subprocess.Popen([sys.executable, "-c", SENDER, str(path), name]) for name in ("a", "b")]
    exits = [sender.wait(timeout=30) for sender in senders]
    log = SqlitePermitLog(path)
    granted = asyncio.run(log.recent())
    log.close()
    ages_s = [one.age_s for one in granted]

    assert exits == [0, 0]
    assert len({one.reference for one in granted}) == 120
    assert all(earlier - later >= 0.5 for earlier, later in zip(ages_s, ages_s[30:], strict=False))


def test_the_file_is_named_by_service_and_key_and_gives_the_key_away_to_nobody(tmp_path: Path) -> None:
    path = permit_log_path(tmp_path, "https://api.example.com/api", "secret-key")

    assert path.parent == tmp_path
    assert "secret" not in path.name
    assert path == permit_log_path(tmp_path, "HTTPS://API.example.com:443/api/", "secret-key")
    assert path != permit_log_path(tmp_path, "https://api.example.com/api", "other-key")
    assert path != permit_log_path(tmp_path, "https://other.example.com/api", "secret-key")
