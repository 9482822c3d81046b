"""``dubbatch status``: where a batch stands, from the ledger alone."""

from __future__ import annotations

from typing import Any

import click

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.options import RECORD, manifest_argument, setting_options
from dubbatch.cli.project import open_project
from dubbatch.cli.render import show_status
from dubbatch.cli.speech import say

_EPILOG = """\b
Examples:
  dubbatch status spring.xlsx            jobs by state, and what is wrong
  dubbatch status spring.xlsx --sandbox  of what was tried in the sandbox
"""


@click.command("status", cls=Command, epilog=_EPILOG)
@manifest_argument
@setting_options(RECORD)
def command(manifest: str, **values: Any) -> int:
    """Show where the batch of MANIFEST stands, at once: from the ledger, without network or reading the rows."""
    project = open_project(manifest, values)
    with project.on_record() as record:
        if record is None:
            say(f"Batch {project.batch}: no run yet (looked in {project.ledger}).")
        else:
            show_status(*record)
    return OK
