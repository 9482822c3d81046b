"""``dubbatch login``: the key into the system's keyring."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from dubbatch.api.addresses import shown
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.keyring import Keyring
from dubbatch.cli.keys import key_of_environment, open_keyring
from dubbatch.cli.options import setting_options
from dubbatch.cli.project import settings_here
from dubbatch.cli.render import show_warnings
from dubbatch.cli.speech import say
from dubbatch.errors import KeyRefused, ServiceError, UsageError
from dubbatch.settings import Settings

#: Of a line on standard input, in bytes.
_LINE_MAX = 8 << 10
_NOT_STORED = "nothing was stored"


_EPILOG = """\b
Examples:
  dubbatch login                         asks for the key, and hides it
  pass show chamelaion | dubbatch login  from another program
  dubbatch login --forget                take it out again
"""


@click.command("login", cls=Command, epilog=_EPILOG)
@click.option("--forget", is_flag=True, help="Take the key out of the keyring again.")
@setting_options(("base_url",))
def command(forget: bool, **values: Any) -> int:
    """Store the key in the system's keyring, after the service has said that it is valid.

    The key is asked for and not shown; a script gives it as one line on standard input. It is kept for
    the service's address, and is never sent to another one. A key in the environment or in a .env file
    comes first.
    """
    resolved = settings_here(values)
    show_warnings(resolved.warnings)
    settings = resolved.settings
    keyring, before_it = open_keyring(settings.base_url), key_of_environment()
    if forget:
        _forget(keyring, settings)
    else:
        _store(keyring, settings)
    if before_it is not None:
        say(f"The key from {before_it.origin} is used all the same: it comes before the keyring.")
    return OK


def _store(keyring: Keyring, settings: Settings) -> None:
    # Before anybody types a key: whether there is a keyring to put it into.
    is_new = not keyring.read()
    key = _asked_for()
    owner = asyncio.run(_owner_of(key, settings))
    name = keyring.store(key)
    where = f"{'Stored' if is_new else 'Stored, in the place of the one before,'} in the keyring ({name})"
    say(f"The key is valid, of {owner}. {where} for {shown(settings.base_url)}.")


def _forget(keyring: Keyring, settings: Settings) -> None:
    if keyring.forget():
        say(f"The key for {shown(settings.base_url)} is no longer in the keyring.")
    else:
        say(f"The keyring has no key for {shown(settings.base_url)}.")


def _asked_for() -> str:
    """The key, from a person or a script. Raises UsageError where none comes."""
    if sys.stdin.isatty():
        key: str = click.prompt("API key (it is not shown)", hide_input=True, err=True)
    else:
        # Of what PowerShell pipes, the first character is no part of the key.
        key = sys.stdin.buffer.readline(_LINE_MAX).decode("utf-8-sig", "replace")
    if not key.strip():
        raise UsageError("no key came", hint=f"give it as one line; {_NOT_STORED}")
    return key.strip()


async def _owner_of(key: str, settings: Settings) -> str:
    """Whose key it is. Raises ServiceError where the service refuses it, or does not say: then nothing is stored."""
    async with ChamelaionClient(settings.base_url, Credentials(api_key=key), settings.timeout_s) as client:
        try:
            account = await client.whoami()
        except KeyRefused as error:
            raise KeyRefused(error.message, hint=f"copy it again from the dashboard; {_NOT_STORED}") from error
        except ServiceError as error:
            hint = f"check the network and --base-url; the key could not be checked, so {_NOT_STORED}"
            raise ServiceError(error.message, hint=hint) from error
    return account.name or "an account without a name"
