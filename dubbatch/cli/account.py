"""``dubbatch account``: the service, the key, and the latest requests."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from dubbatch.api.addresses import shown
from dubbatch.api.client import ChamelaionClient
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import AWAY, OK
from dubbatch.cli.serving import credentials
from dubbatch.cli.speech import say
from dubbatch.errors import KeyRefused
from dubbatch.settings import OPTIONS, resolve

_LATEST = 10


_EPILOG = """\b
Examples:
  dubbatch account                                         is the key valid
  dubbatch account --base-url https://dub.example.com/api  of another service
"""


@click.command("account", cls=Command, epilog=_EPILOG)
@click.option("--base-url", metavar="URL", help=OPTIONS["base_url"].help)
def command(base_url: str | None) -> int:
    """Is the service up, is the key valid, whose is it, and what were the latest requests. Costs nothing."""
    here = Path.cwd()
    flags = {"base_url": base_url} if base_url else {}
    settings = resolve(flags=flags, env=os.environ, manifest={}, toml={}, here=here, beside=here).settings
    return asyncio.run(_show(settings.base_url, settings.timeout_s))


async def _show(base_url: str, timeout_s: float) -> int:
    key = credentials()
    async with ChamelaionClient(base_url, key, timeout_s) as client:
        is_up = await client.health()
        say(f"service   {shown(base_url)}: {'up' if is_up else 'no healthy answer'}")
        if not key:
            raise KeyRefused("no key for the service", hint="set CHAMELAION_API_KEY")
        account = await client.whoami()
        say(f"key       valid, of {account.name or 'an account without a name'}")
        page = await client.list_requests(limit=_LATEST, offset=0)
        say(f"requests  {page.total} in all")
        for request in page.requests[:_LATEST]:
            say(f"  {request.created_at or '-':<27} {request.status:<11} {request.reference_id or request.id}")
    return OK if is_up else AWAY
