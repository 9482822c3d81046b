"""The service that a command talks to, with its key; or the sandbox, started for as long as it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from dubbatch.api.credentials import Credentials
from dubbatch.cli.keys import find_key
from dubbatch.cli.project import Project
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.service import SANDBOX, Service


@contextmanager
def service_of(project: Project) -> Iterator[Service]:
    """The service a command talks to; the sandbox is started for as long as it is needed."""
    if not project.settings.sandbox:
        base_url = project.settings.base_url
        yield Service(base_url, find_key(base_url).credentials)
        return
    books = project.ledger.with_name("sandbox-books")
    # Loaded by name, as the subcommands are: a web server that a real run has no use for.
    server = importlib.import_module("dubbatch.sandbox.server")
    with server.Sandbox(SandboxSettings.quick(), books=books) as sandbox:
        yield Service(sandbox.base_url, Credentials(api_key=sandbox.key), SANDBOX)
