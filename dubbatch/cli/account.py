"""``dubbatch account``: the service, the key, what was learned, and what the account has."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from dubbatch.account import AccountList, HostLog, Learned, OnRecord, Unknown, look_up, read_list, read_log
from dubbatch.api.addresses import shown
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.wire import Request
from dubbatch.cli.account_json import account_as_json
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import AWAY, OK
from dubbatch.cli.keys import FoundKey, find_key
from dubbatch.cli.options import setting_options
from dubbatch.cli.project import settings_here
from dubbatch.cli.render import show_warnings
from dubbatch.cli.speech import say
from dubbatch.cli.words import span
from dubbatch.errors import KeyRefused
from dubbatch.ledger.account import Refusal
from dubbatch.service import Service
from dubbatch.settings import Settings

#: How many requests, refusals and unknown requests are shown: the latest of each.
_LATEST = 10


_EPILOG = """\b
Examples:
  dubbatch account                           is the key valid, and what is new
  dubbatch account --ledger /spring/dubs.db  with a ledger that lies elsewhere
  dubbatch account --format json             for a program
"""


@click.command("account", cls=Command, epilog=_EPILOG)
@setting_options(("base_url", "ledger"))
@click.option(
    *("--format", "form"),
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
def command(form: str, **values: Any) -> int:
    """Show the service, the key and the account: what was learned, refused and bought of late.

    The account's list is compared with every ledger that this host has used with it: a request that
    none of them knows was bought elsewhere. Costs nothing; no ledger is changed.
    """
    resolved = settings_here(values)
    show_warnings(resolved.warnings)
    settings = resolved.settings
    key = find_key(settings.base_url)
    service = Service(settings.base_url, key.credentials)
    tell: Callable[[str], object] = say if form == "text" else lambda line: None
    is_up, owner, listed = asyncio.run(_ask(service, key, settings, tell))
    log = asyncio.run(read_log(service, settings.rate_window_s))
    record = look_up(_ledgers(settings, log), service.label, listed.requests, _LATEST)
    if form == "json":
        told = account_as_json(shown(settings.base_url), key.origin, owner, listed, log, record, latest=_LATEST)
        click.echo(json.dumps({**told, "up": is_up}, indent=2))
    else:
        for line in (*_host_lines(log, settings), *_record_lines(record), *_list_lines(listed, record)):
            say(line)
    return OK if is_up else AWAY


async def _ask(
    service: Service, key: FoundKey, settings: Settings, tell: Callable[[str], object]
) -> tuple[bool, str, AccountList]:
    """Whether the service is up, whose the key is, and what the account has. Raises ServiceError."""
    async with ChamelaionClient(service.base_url, service.credentials, settings.timeout_s) as client:
        is_up = await client.health()
        tell(f"service   {shown(service.base_url)}: {'up' if is_up else 'no healthy answer'}")
        if not service.credentials:
            raise service.credentials.missing()
        try:
            owner = (await client.whoami()).name
        except KeyRefused as error:
            how = "store another one with `dubbatch login`" if key.origin == "keyring" else "mend it there"
            hint = f"the key is from {key.origin}: {how}"
            raise KeyRefused(error.message, hint=hint) from error
        tell(f"key       valid, of {owner or 'an account without a name'}; from {key.origin}")
        return is_up, owner, await read_list(client)


def _ledgers(settings: Settings, log: HostLog) -> Iterator[Path]:
    """The ledger of the working directory, the one that is named, and those that this host has used; each once."""
    usual = Path(".dubbatch", "ledger.db")
    named = (settings.ledger,) if settings.ledger else ()
    seen = set[Path]()
    for path in (*((usual,) if usual.exists() else ()), *named, *log.ledgers):
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield real


def _host_lines(log: HostLog, settings: Settings) -> Iterator[str]:
    sent = f"{log.used} of {settings.rate_limit} POSTs in the last {span(settings.rate_window_s)}, by this host"
    paused = f"; it pauses for {span(log.paused_s)} more, as the service asked" if log.paused_s else ""
    yield f"pace      {sent}{paused}" if not log.trouble else f"pace      not known: {log.trouble}"


def _record_lines(record: OnRecord) -> Iterator[str]:
    if not record.learned:
        yield "ledgers   none here was used with this account"
    for learned in record.learned:
        yield f"ledger    {learned.ledger}: {_limits(learned)}"
    for unread in record.unread:
        yield f"left out  {unread.ledger}: {unread.reason}"
    if refusals := _latest_refusals(record):
        yield "refused   the latest sends that the service did not take:"
    for refusal in refusals:
        when = datetime.fromtimestamp(refusal.at_s, UTC)
        yield f"  {when:%Y-%m-%dT%H:%M:%SZ}  {refusal.job} of batch {refusal.batch}: {refusal.said}"


def _latest_refusals(record: OnRecord) -> list[Refusal]:
    """Of all ledgers, newest first."""
    every = (refusal for learned in record.learned for refusal in learned.refusals)
    return heapq.nlargest(_LATEST, every, key=lambda refusal: refusal.at_s)


def _limits(learned: Learned) -> str:
    limits = []
    if learned.slots is not None:
        limits.append(f"{learned.slots} job{'' if learned.slots == 1 else 's'} at once")
    if learned.usual_s is not None:
        limits.append(f"a job usually takes {span(learned.usual_s)}")
    if learned.newest_first is not None:
        limits.append(f"the list begins with the {'newest' if learned.newest_first else 'oldest'}")
    return ", ".join(limits) or "nothing learned yet"


def _list_lines(listed: AccountList, record: OnRecord) -> Iterator[str]:
    yield f"requests  {listed.total} in all" + (", the latest:" if listed.requests else "")
    for request in listed.requests[:_LATEST]:
        yield _request_line(request)
    of_what = f"the newest {len(listed.requests)} requests" if len(listed.requests) < listed.total else "all requests"
    if not record.unknown:
        yield f"unknown   none: the ledgers here know {of_what}"
        return
    yield f"unknown   {len(record.unknown)} of {of_what} no ledger here knows" + (
        ", the newest:" if len(record.unknown) > _LATEST else ":"
    )
    for unknown in record.unknown[:_LATEST]:
        yield _unknown_line(unknown)
    yield "  They were bought elsewhere: by another machine, program or person, or with a ledger that is gone."


def _unknown_line(unknown: Unknown) -> str:
    line = f"{_request_line(unknown.request)}  {unknown.request.id}"
    return f"{line}  (billed beside the one that job {unknown.job} has)" if unknown.job else line


def _request_line(request: Request) -> str:
    return f"  {request.created_at or '-':<27} {request.status:<11} {request.reference_id or '-'}"
