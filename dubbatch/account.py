"""What there is to know of an account: by its own list, by this host's log of permits, by the ledgers used with it.

Nothing here costs anything. Ledgers are read from copies in memory: a run that has one goes on undisturbed, and
none is made, migrated or locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.wire import Request, epoch_s
from dubbatch.asking import Asking
from dubbatch.errors import LedgerError, ServiceUnreachable
from dubbatch.jobs import Attempt
from dubbatch.ledger.account import Refusal
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.permit_log import SqlitePermitLog
from dubbatch.listing import Listing
from dubbatch.service import Service
from dubbatch.stop import Stop

#: So many requests of the account are read at most; in an account with more, the newest.
READ_MAX = 5_000


@dataclass(frozen=True, slots=True)
class AccountList:
    """The account's requests, the newest first."""

    requests: tuple[Request, ...]
    #: How many the service says there are.
    total: int


@dataclass(frozen=True, slots=True)
class HostLog:
    """What this host has done with the account of late, whichever run it was."""

    #: Permits granted in the last window.
    used: int = 0
    #: Nobody sends for so many seconds more, on the service's word.
    paused_s: float = 0.0
    #: The ledgers that were used with the account, wherever they lie.
    ledgers: tuple[Path, ...] = ()
    #: Why the log can't be read; empty: it can.
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """What one ledger has learned of its account."""

    ledger: Path
    #: Jobs that run at once; None: not learned yet.
    slots: int | None
    #: Seconds that this account's jobs usually take; None: not learned yet.
    usual_s: float | None
    #: Whether the account's list begins with the newest; None: not known.
    newest_first: bool | None
    #: The latest sends that the service did not take, newest first.
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """A ledger that says nothing here, and why."""

    ledger: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A request of the account that no ledger here knows."""

    request: Request
    #: The job whose reference it carries, although another request was recorded for it; empty: it is nobody's here.
    job: str = ""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the ledgers of this host say."""

    learned: tuple[Learned, ...]
    unread: tuple[Unread, ...]
    #: In the order of the account's list.
    unknown: tuple[Unknown, ...]


async def read_list(client: ChamelaionClient, *, most: int = READ_MAX, patience_s: float = 60.0) -> AccountList:
    """The newest ``most`` of the account's requests, or as many as can be read in ``patience_s``: a person waits.

    Raises ServiceError where none can.
    """
    listing = Listing(client, Asking(Stop()))
    found: dict[str, Request] = {}
    pages = total = 0
    # What came before a reading breaks off is as true as the rest of it.
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            async for page in listing.from_newest():
                found |= {request.id: request for request in page.requests}
                pages, total = pages + 1, page.total
                if len(found) >= most:
                    break
    if not pages:
        raise ServiceUnreachable(
            f"the account's list of requests did not come within {patience_s:g} s",
            hint="the service may be busy: try again later; nothing was sent",
        )
    newest = sorted(found.values(), key=lambda request: epoch_s(request.created_at) or 0.0, reverse=True)
    return AccountList(tuple(newest[:most]), total)


async def read_log(service: Service, window_s: float) -> HostLog:
    """What this host's log says of the account, and of the last ``window_s`` seconds. No log is made."""
    path = service.permit_file()
    if not path.exists():
        return HostLog()
    log = SqlitePermitLog(path)
    try:
        return HostLog(await log.used(window_s), await log.paused_s(), await log.ledgers())
    except LedgerError as error:
        return HostLog(trouble=error.message)
    finally:
        log.close()


def look_up(paths: Iterable[Path], label: str, requests: Sequence[Request], refusals: int) -> OnRecord:
    """What the ledgers at ``paths`` say of the service ``label``, and which of ``requests`` none of them knows.

    ``refusals``: how many of each are wanted.
    """
    learned, unread, attempts = list[Learned](), list[Unread](), list[Attempt]()
    references = {request.reference_id for request in requests if request.reference_id}
    for path in paths:
        try:
            with Ledger.copy_of(_there(path)) as ledger:
                learned.append(_learned(path, ledger, label, refusals))
                attempts += ledger.attempts.with_references(references)
        except LedgerError as error:
            unread.append(Unread(path, error.message))
    return OnRecord(tuple(learned), tuple(unread), tuple(_unknown(requests, attempts)))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise LedgerError("it is no longer there", hint="put it back, or go on without what it knows")
    return path


def _learned(path: Path, ledger: Ledger, label: str, refusals: int) -> Learned:
    """Raises LedgerError for the ledger of another service."""
    account = ledger.account.get()
    if account.service != label:
        owner = account.service or "no service yet"
        raise LedgerError(f"it belongs to {owner}", hint="name the ledger of this service with --ledger")
    told = tuple(ledger.account.refusals(refusals))
    return Learned(path, account.slots, account.usual_s, account.newest_first, told)


def _unknown(requests: Iterable[Request], attempts: Iterable[Attempt]) -> Iterator[Unknown]:
    """Requests that no attempt has. One under the reference of an attempt that has none yet will be that one's."""
    by_reference = dict[str, list[Attempt]]()
    for attempt in attempts:
        by_reference.setdefault(attempt.reference, []).append(attempt)
    for request in requests:
        same = by_reference.get(request.reference_id, [])
        if not any(attempt.request_id in ("", request.id) for attempt in same):
            yield Unknown(request, same[0].job if same else "")
