"""The key: where it is found, and in which order it is looked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from dubbatch.api.credentials import Credentials
from dubbatch.cli.keyring import Keyring, is_installed
from dubbatch.cli.toml import read_small
from dubbatch.errors import NoKeyring, UsageError

_NAMES = ("CHAMELAION_API_KEY", "CHAMELAION_BEARER_TOKEN")
#: Of ``.env``, in bytes.
_DOTENV_MAX = 64 << 10
#: How long a keyring is waited for: where a person may unlock it, and where nobody is.
_PERSON_S, _NOBODY_S = 60.0, 10.0


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The key, and where it stands."""

    credentials: Credentials
    #: In words for a person; empty: there is none.
    origin: str = ""


def find_key(base_url: str) -> FoundKey:
    """The key for the service at ``base_url``: environment, ``.env`` in the working directory, the system's keyring.

    Never from beside a manifest. The keyring is asked only where the others have none, and what is wrong with it is
    told only where a key is missed. Raises UsageError for a ``.env`` or a key that can't be used.
    """
    return key_of_environment() or _key_of_keyring(base_url)


def key_of_environment() -> FoundKey | None:
    """The key from the environment, else from ``.env``. Raises UsageError."""
    if given := {name: os.environ[name] for name in _NAMES if os.environ.get(name)}:
        return _found(given, "environment")
    path = Path(".env")
    if given := {name: value for name, value in _dotenv(path).items() if name in _NAMES and value}:
        return _found(given, str(path.absolute()))
    return None


def open_keyring(base_url: str) -> Keyring:
    """The keyring's place for the key of the service at ``base_url``. Raises UsageError."""
    return Keyring(base_url, patience_s=_PERSON_S if sys.stdin.isatty() else _NOBODY_S)


def _found(given: Mapping[str, str], where: str) -> FoundKey:
    return FoundKey(Credentials(given.get(_NAMES[0], ""), given.get(_NAMES[1], "")), f"{where} {', '.join(given)}")


def _key_of_keyring(base_url: str) -> FoundKey:
    if not is_installed():
        return FoundKey(Credentials())
    try:
        key = open_keyring(base_url).read()
    except NoKeyring as error:
        return FoundKey(Credentials(trouble=error.message))
    return FoundKey(Credentials(key), "keyring" if key else "")


def _dotenv(path: Path) -> dict[str, str | None]:
    # A pipe of that name is not waited for, and ${OTHER} is not filled in: a few lines of it make gigabytes.
    if not path.is_file():
        return {}
    try:
        return dotenv_values(stream=io.StringIO(read_small(path, _DOTENV_MAX)), interpolate=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path.absolute()} can't be read as text", hint="save it as UTF-8, with the key alone; nothing was sent"
        ) from error
