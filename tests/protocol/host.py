"""A machine on which dubbatch runs, dies and runs again: the product's own pieces, put together as its pipeline does.

Time, the network's other end and death come from here; the ledger and the log of permits are real files. A
death is an error that is raised at one of the product's moments (``dubbatch.moments``) or on the way of a
POST: from then on every further moment raises it too, so that nothing more is committed, sent or asked.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dubbatch.events import Event, JobChanged
from dubbatch.jobs import Job, may_follow
from dubbatch.ledger.ledger import Ledger
from dubbatch.settings import Settings
from dubbatch.stop import StopReason
from tests.protocol.books import EPOCH_S
from tests.protocol.loop import VirtualLoop
from tests.protocol.pieces import Pieces
from tests.protocol.script import Fate, Fault
from tests.protocol.service import SETTLE_S, Service

T = TypeVar("T")

#: Jobs of each batch.
Manifests = Mapping[str, list[Job]]


class Killed(BaseException):
    """The process is dead: no code of the product may see to that."""


@dataclass(frozen=True)
class Death:
    """At the ``nth`` moment whose name begins so."""

    moment: str
    nth: int


@dataclass
class Host:
    """One machine with its clock, its files and the account it uses."""

    folder: Path
    newest_first: bool
    page_size: int
    now_s: float = 0.0
    #: How much the wall clock is wrong.
    clock_error_s: float = 0.0
    changes: list[JobChanged] = field(default_factory=list)
    #: Why the runs of the last process stopped.
    reasons: set[StopReason] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.service = Service(self.newest_first, self.page_size, self._reached, self.wall, self._is_on_record)
        self._loop: VirtualLoop | None = None
        self._death: Death | None = None
        self._moments = 0
        self._dead: asyncio.Future[None] | None = None
        self._reader: sqlite3.Connection | None = None
        (self.folder / "project").mkdir()

    @property
    def ledger(self) -> Path:
        return self.folder / "project" / "ledger.db"

    @property
    def now(self) -> float:
        return self._loop.now if self._loop else self.now_s

    def wall(self) -> float:
        return EPOCH_S + self.now + self.clock_error_s

    # What happens between two processes.

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    def set_clock(self, error_s: float) -> None:
        self.service.latest_wall_s = max(self.service.latest_wall_s, self.wall())
        self.clock_error_s = error_s

    def lose_ledger(self) -> None:
        shutil.rmtree(self.ledger.parent)
        self.ledger.parent.mkdir()
        self.service.ledger_lost_s = self.now

    def move(self) -> None:
        """Another machine takes over, when all that this one has sent is visible."""
        self.pass_time(SETTLE_S)
        self.lose_ledger()
        (self.folder / "permits.db").unlink(missing_ok=True)
        self.service.moved_s = self.now

    def keep_copy(self) -> None:
        with suppress(FileNotFoundError):
            shutil.copy(self.ledger, self._copy)

    @property
    def has_copy(self) -> bool:
        return self._copy.exists()

    def restore_copy(self) -> None:
        self.lose_ledger()
        shutil.copy(self._copy, self.ledger)

    @property
    def _copy(self) -> Path:
        return self.folder / "copy.db"

    def ask_redo(self, batch: str, job: str) -> None:
        with Ledger(self.ledger) as ledger:
            ledger.jobs.ask_redo(batch, [job], _iso(self.wall()))

    def look(self, read: Callable[[Ledger], T]) -> T:
        """What the ledger says, once its process has ended."""
        with Ledger(self.ledger) as ledger:
            return read(ledger)

    # One process.

    def run(
        self,
        manifests: Manifests,
        *,
        fates: Iterable[Fate] = (),
        faults: Sequence[Fault] = (),
        death: Death | None = None,
        **settings: Any,
    ) -> bool:
        """Run these batches side by side until they end or the process dies; whether it lived."""
        self.service.script(fates, faults)
        self.service.process_s = self.now_s
        self._death, self._moments, self.reasons = death, 0, set()
        chosen = Settings(settle_s=SETTLE_S, poll_interval_s=30.0, rate_limit=3, **settings)
        self._loop = loop = VirtualLoop(self.now_s)
        troubles: list[Mapping[str, Any]] = []
        loop.set_exception_handler(lambda _, context: troubles.append(context))
        try:
            with _heard(self._reached), asyncio.Runner(loop_factory=lambda: loop) as runner:
                return runner.run(self._live(manifests, chosen))
        finally:
            self.now_s, self._loop = loop.now, None
            if self._reader:
                self._reader.close()
                self._reader = None
            if not self.died:
                assert troubles == []

    async def _live(self, manifests: Manifests, settings: Settings) -> bool:
        self._dead = asyncio.get_running_loop().create_future()
        pieces = Pieces(self.folder, self.ledger, self.service, self.wall, self._hear)
        work = asyncio.gather(*(pieces.run(name, jobs, settings) for name, jobs in manifests.items()))
        first: set[asyncio.Future[Any]] = {work, self._dead}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not self.died:
            self.reasons = {cause.reason for stop in await work for cause in stop.reasons}
            return True
        while rest := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in rest:
                task.cancel()
            await asyncio.wait(rest)
        await asyncio.wait({work})
        return False

    @property
    def died(self) -> bool:
        """Whether the last process did not come to its end."""
        return self._dead is not None and self._dead.done()

    def _reached(self, moment: str) -> None:
        """A moment of this process: does it die here, or has it died before?"""
        if self._loop is None or self._dead is None:
            return
        if self._death is not None and moment.startswith(self._death.moment):
            self._moments += 1
            if self._moments == self._death.nth and not self.died:
                self._dead.set_result(None)
        if self.died:
            raise Killed

    def _is_on_record(self, reference: str) -> bool:
        if self._reader is None:
            self._reader = sqlite3.connect(self.ledger)
        query = "SELECT count(*) FROM sends WHERE reference = ? AND ended IS NULL"
        return bool(self._reader.execute(query, (reference,)).fetchone()[0])

    def _hear(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            self.changes.append(event)
            assert may_follow(event.before, event.after), event


_listener: Callable[[str], None] | None = None


@cache
def _install() -> None:
    # An audit hook stays for as long as the process lives: there is one, and it asks who listens.
    def hook(event: str, args: tuple[Any, ...]) -> None:
        if _listener is not None and event.startswith("dubbatch."):
            _listener(f"{event.removeprefix('dubbatch.')}: {args[0]}")

    sys.addaudithook(hook)


@contextmanager
def _heard(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell ``listener`` of the product's moments."""
    global _listener
    _install()
    _listener = listener
    try:
        yield
    finally:
        _listener = None


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
