"""Reports that stay fresh while a run goes on: rewritten after changes, in a thread and a connection of their own.

Only CSV and JSON: a workbook is rewritten at the end alone. A run for days is watched by them, and a run that is
killed leaves the last ones. They must never cost it anything: commits of what was sent and paid do not wait for
them (readers of a write-ahead log block nobody), at most one part in twenty of the time goes into them, and one
that can't be written is a warning.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubbatch.errors import DiskError, DubbatchError
from dubbatch.events import Event, EventHook, JobChanged, Level, Notice
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.file import write_reports
from dubbatch.report.table import prepare

#: The formats that are cheap enough to be written again and again, and that show up in place in what has them open.
_FRESH = (".csv", ".json")
_LEAST_PAUSE_S = 5.0
#: Of the time from one round to the next, as parts of what the round took: with the round itself they are twenty.
_PAUSES = 19
_REPORT_IT = "this is a fault of dubbatch: please report it; nothing else is touched by it"


def pause_after(took_s: float) -> float:
    """Seconds from the end of a round that took so long to the next: rounds take 5 % of the time at most.

    Up to rounds of 1.5 s one begins every 30 s or sooner; slower ones come less often, so that the 5 % hold.
    """
    return max(_PAUSES * took_s, _LEAST_PAUSE_S)


class Heard:
    """A run's hook that passes everything on and remembers whether a job of the batch has changed."""

    def __init__(self, batch: str, hook: EventHook) -> None:
        self.batch = batch
        self._hook = hook
        self._change = asyncio.Event()
        # The reports on disk are an earlier run's, or there are none yet.
        self._change.set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, JobChanged) and event.batch == self.batch:
            self._change.set()
        self._hook(event)

    def again(self) -> None:
        """What was heard has not been written everywhere."""
        self._change.set()

    async def next_change(self) -> None:
        """Wait until something has changed since the last call."""
        await self._change.wait()
        self._change.clear()


@asynccontextmanager
async def refreshing(
    reports: Sequence[Path],
    ledger: Path,
    heard: Heard,
    *,
    delimiter: str = ",",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Keep the batch's ``reports`` fresh while the block runs. ``delimiter`` is CSV's.

    At its end, also when it is cancelled, a round in progress is given up and waited for: no late refresh can
    take the place of a final report. What a round meets is told once, as a warning.
    """
    fresh = [path for path in reports if path.suffix.lower() in _FRESH]
    rounds = _Rounds(ledger, heard, delimiter, clock, sleep, paths=fresh)
    going = asyncio.ensure_future(rounds.go_on())
    try:
        yield
    finally:
        rounds.has_ended.set()
        going.cancel()
        await _all_the_way(going)
    if not going.cancelled() and (mistake := going.exception()):
        # Of ours; the final reports may succeed all the same, and the run is none the worse for it.
        heard(Notice(heard.batch, Level.WARNING, f"the reports were not kept fresh: {mistake!r}", _REPORT_IT))


@dataclass
class _Rounds:
    ledger: Path
    heard: Heard
    delimiter: str
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    #: What is still tried.
    paths: list[Path]
    has_ended: threading.Event = field(default_factory=threading.Event)
    _told: set[Path | None] = field(default_factory=set)

    async def go_on(self) -> None:
        pause_s = pause_after(0)
        # Once, and not the first round's doing.
        await asyncio.to_thread(prepare)
        while self.paths:
            await self.sleep(pause_s)
            await self.heard.next_change()
            begun = self.clock()
            await self._round()
            pause_s = pause_after(self.clock() - begun)

    async def _round(self) -> None:
        writing = asyncio.ensure_future(asyncio.to_thread(self._write))
        try:
            failed = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await _all_the_way(writing)
            raise
        except DubbatchError as error:
            self._tell(None, error)
            return
        for path, reason in failed.items():
            self._tell(path, reason)
            if isinstance(reason.__cause__, PermissionError):
                # Somebody closes it, and it can be written again.
                self.heard.again()
            else:
                # A full disk has better things to keep.
                self.paths.remove(path)

    def _write(self) -> dict[Path, DiskError]:
        with Ledger.existing(self.ledger) as ledger:
            return write_reports(
                self.paths, ledger, self.heard.batch, delimiter=self.delimiter, is_wanted=self._is_wanted
            )

    def _is_wanted(self) -> bool:
        return not self.has_ended.is_set()

    def _tell(self, path: Path | None, error: DubbatchError) -> None:
        if path not in self._told:
            self._told.add(path)
            hint = "the run goes on, and writes it at its end" + (f"; {error.hint}" if error.hint else "")
            self.heard(Notice(self.heard.batch, Level.WARNING, error.message, hint))


async def _all_the_way(work: asyncio.Future[Any]) -> None:
    """Wait until ``work`` has ended, whatever becomes of who waits; what came of it is not looked at."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
