"""What all stages of one run share: the batch, the settings, the ledger, the service, and the way to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from dubbatch.api.client import ChamelaionClient
from dubbatch.asking import Asking
from dubbatch.events import EventHook, Level, Notice
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.listing import Listing
from dubbatch.settings import Settings
from dubbatch.stop import Stop


class News:
    """Tells those who wait that something has changed. Take a ticket, look, then wait on the ticket."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """Set at the next news: taken before looking, so that nothing slips in between."""
        return self._event

    def tell(self) -> None:
        told, self._event = self._event, asyncio.Event()
        told.set()


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run. The clocks are passed in: ``clock`` is monotonic, ``wall`` tells seconds since the epoch."""

    batch: str
    output_dir: Path
    settings: Settings
    ledger: LedgerThread
    client: ChamelaionClient
    asking: Asking
    listing: Listing
    stop: Stop
    hook: EventHook
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    news: News = field(default_factory=News)

    @property
    def books(self) -> Ledger:
        """The ledger's tables; call their methods through ``ledger``."""
        return self.ledger.ledger

    async def sleep_for(self, seconds: float) -> None:
        """A sleep that ``Stop`` can cut short."""
        await self.sleep(seconds)

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is; a run's ledger is always a file."""
        return self.books.path or Path()

    def notice(self, level: Level, message: str, hint: str = "", job: str = "") -> None:
        self.hook(Notice(self.batch, level, message, hint, job))
