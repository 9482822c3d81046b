"""The end of a run: by itself, by a signal or by an error. Whichever it is, the reports say what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from dubbatch.errors import DubbatchError
from dubbatch.events import EventHook, Level, Notice
from dubbatch.ledger.ledger import LedgerThread
from dubbatch.refresh import Heard, refreshing
from dubbatch.result import RunResult, rewrite
from dubbatch.run import Run
from dubbatch.signals import stopping_on_signals
from dubbatch.stop import Stop, StopReason


async def see_through(run: Run, work: Coroutine[Any, Any, None], reports: Sequence[Path], heard: Heard) -> None:
    """Do the work of a run to its end, with reports that stay fresh; signals end it sooner."""
    task = asyncio.ensure_future(work)
    with stopping_on_signals(run.stop, task):
        async with refreshing(
            reports, run.ledger_path, heard, delimiter=run.settings.csv_delimiter, clock=run.clock, sleep=run.sleep
        ):
            await _to_the_end(task, run.stop)


async def undisturbed(stop: Stop, work: Coroutine[Any, Any, RunResult]) -> RunResult:
    """Close a run's books whole: signals are noted, and break nothing off."""
    with stopping_on_signals(stop, asyncio.get_running_loop().create_future()):
        return await work


async def _to_the_end(work: asyncio.Future[None], stop: Stop) -> None:
    """Wait for the work; a second signal has cancelled it, and that is an end like others."""
    try:
        await work
    except asyncio.CancelledError:
        if not stop.leaves:
            raise
    except BaseExceptionGroup as group:
        raise _first_of(group) from group


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of ours that ended a run; what else ended with it followed from it."""
    ours = group.subgroup(DubbatchError)
    error: BaseException = ours or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def stop_in_time(run: Run) -> None:
    """Leave in good order when ``max_time`` is over."""
    if run.settings.max_time_s is None:
        return
    await run.sleep(run.settings.max_time_s)
    run.stop.everything(
        StopReason.TIME,
        "the time that --max-time allows is over",
        "what runs stays at the service; run again to go on",
    )


@asynccontextmanager
async def reported(
    batch: str, reports: Sequence[Path], delimiter: str, thread: LedgerThread, hook: EventHook
) -> AsyncIterator[None]:
    """Where an error ends the block, the reports say what the ledger has by then.

    What goes wrong with them is a warning at most: the error that came first is the one to tell.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):
            for error in (await thread(rewrite, batch, reports, thread.ledger, delimiter)).values():
                hook(Notice(batch, Level.WARNING, error.message, error.hint))
        raise
