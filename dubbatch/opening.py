"""What the stages of a run need, opened for as long as it lasts: the look at the media, and what they all share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dubbatch.api.client import ChamelaionClient
from dubbatch.asking import Asking
from dubbatch.events import EventHook, Inspected, Level, Notice
from dubbatch.ledger.ledger import LedgerThread
from dubbatch.listing import Listing
from dubbatch.preflight.examination import Checks
from dubbatch.preflight.inspector import open_inspector
from dubbatch.run import Run
from dubbatch.service import Service
from dubbatch.settings import Settings
from dubbatch.stop import Stop


@asynccontextmanager
async def open_checks(
    batch: str,
    base_url: str,
    settings: Settings,
    thread: LedgerThread,
    hook: EventHook,
    *,
    is_watchful: bool = False,
) -> AsyncIterator[Checks]:
    """What looks at the media of a batch before they are sent, as its settings say; ``base_url`` is the service's.

    ``is_watchful``: as in Checks.
    """
    async with open_inspector(
        thread, base_url, probe_urls=settings.probe_urls, tolerance=settings.length_tolerance
    ) as inspector:
        yield Checks(
            inspector=inspector,
            is_strict=settings.strict,
            must_know_length=bool(settings.caps),
            is_watchful=is_watchful,
            tell=lambda done, of: hook(Inspected(batch, done, of)),
        )


@asynccontextmanager
async def open_run(
    batch: str,
    output_dir: Path,
    service: Service,
    settings: Settings,
    thread: LedgerThread,
    hook: EventHook,
    stop: Stop,
) -> AsyncIterator[Run]:
    """What the stages of one run share, with a client that is closed at its end."""
    asking = Asking(stop, tell=lambda message, hint: hook(Notice(batch, Level.WARNING, message, hint)))
    account = await thread(thread.ledger.account.get)
    async with ChamelaionClient(service.base_url, service.credentials, settings.timeout_s) as client:
        yield Run(
            batch=batch,
            output_dir=output_dir,
            settings=settings,
            ledger=thread,
            client=client,
            asking=asking,
            listing=Listing(client, asking, account.newest_first),
            stop=stop,
            hook=hook,
        )
