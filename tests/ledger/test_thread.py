"""The ledger off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from dubbatch.errors import LedgerError
from dubbatch.events import Event, JobChanged
from dubbatch.jobs import JobRecord, JobState
from dubbatch.ledger.ledger import Ledger, LedgerThread


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def thread(ledger: Ledger, told: list[Event]) -> Iterator[LedgerThread]:
    thread = LedgerThread(ledger, told.append)
    yield thread
    thread.close()


@pytest.fixture
def record(begin: Callable[..., list[JobRecord]], make_record: Callable[..., JobRecord]) -> JobRecord:
    return begin([make_record("a")])[0]


async def test_calls_run_in_one_thread_in_the_order_they_were_asked_for(thread: LedgerThread) -> None:
    """So two calls never interleave, and the loop is never held up."""
    seen: list[tuple[int, int]] = []
    await asyncio.gather(*(thread(lambda n: seen.append((n, threading.get_ident())), n) for n in range(50)))

    assert [n for n, _ in seen] == list(range(50))
    assert len({ident for _, ident in seen}) == 1
    assert seen[0][1] != threading.get_ident()


async def test_a_change_is_told_on_the_loop_after_it_was_committed(
    thread: LedgerThread, ledger: Ledger, told: list[Event], record: JobRecord
) -> None:
    """Who hears of it finds it in the ledger."""
    await thread(ledger.jobs.change, record, JobState.BLOCKED, error="why")

    assert told == [JobChanged("b", "a", JobState.PENDING, JobState.BLOCKED, "why")]


async def test_what_was_rolled_back_is_not_told(
    thread: LedgerThread, ledger: Ledger, told: list[Event], record: JobRecord
) -> None:
    """Neither now nor with the next call."""

    def fail() -> None:
        with ledger.atomic():
            ledger.jobs.change(record, JobState.BLOCKED)
            raise LedgerError("no")

    with pytest.raises(LedgerError, match="no"):
        await thread(fail)
    await thread(ledger.jobs.counts, "b")

    assert told == []
    assert ledger.jobs.counts("b") == {JobState.PENDING: 1}


async def test_a_call_that_was_begun_is_finished_though_its_caller_is_cancelled(
    thread: LedgerThread, ledger: Ledger, record: JobRecord
) -> None:
    """An answer that the service gave must reach the disk."""
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go_on.wait(5)
        ledger.jobs.change(record, JobState.BLOCKED)

    call = asyncio.create_task(thread(slow))
    await asyncio.to_thread(begun.wait, 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    go_on.set()
    thread.close()

    assert ledger.jobs.counts("b") == {JobState.BLOCKED: 1}


async def test_a_call_that_was_asked_for_is_made_though_its_caller_is_cancelled_before(
    thread: LedgerThread, ledger: Ledger, record: JobRecord
) -> None:
    """It waited for its turn."""
    go_on = threading.Event()
    before = asyncio.create_task(thread(go_on.wait, 5))
    call = asyncio.create_task(thread(ledger.jobs.change, record, JobState.BLOCKED))
    await asyncio.sleep(0)
    call.cancel()
    go_on.set()
    await before
    thread.close()

    assert call.cancelled()
    assert ledger.jobs.counts("b") == {JobState.BLOCKED: 1}
