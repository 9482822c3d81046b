"""The service that a command talks to, with its key; or the sandbox, started for as long as it is needed."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from dubbatch.api.credentials import Credentials
from dubbatch.cli.project import Project, read_small
from dubbatch.errors import UsageError
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.service import SANDBOX, Service

_KEYS = ("CHAMELAION_API_KEY", "CHAMELAION_BEARER_TOKEN")
#: Of ``.env``, in bytes.
_DOTENV_MAX = 64 << 10


@contextmanager
def service_of(project: Project) -> Iterator[Service]:
    """The service a command talks to; the sandbox is started for as long as it is needed."""
    if not project.settings.sandbox:
        yield Service(project.settings.base_url, credentials())
        return
    books = project.ledger.with_name("sandbox-books")
    # Loaded by name, as the subcommands are: a web server that a real run has no use for.
    server = importlib.import_module("dubbatch.sandbox.server")
    with server.Sandbox(SandboxSettings.quick(), books=books) as sandbox:
        yield Service(sandbox.base_url, Credentials(api_key=sandbox.key), SANDBOX)


def credentials() -> Credentials:
    """The key from the environment, else from ``.env`` in the working directory (never from beside a manifest)."""
    env = {name: os.environ[name] for name in _KEYS if os.environ.get(name)}
    if not env:
        env = {name: value for name, value in _dotenv(Path(".env")).items() if name in _KEYS and value}
    return Credentials(env.get(_KEYS[0], ""), env.get(_KEYS[1], ""))


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
