"""``dubbatch collect``: fetch what has finished."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from dubbatch.cli.audience import while_read
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.options import FETCHING, RECORD, manifest_argument, setting_options
from dubbatch.cli.progress import Progress
from dubbatch.cli.project import open_project
from dubbatch.cli.render import show_end, show_warnings
from dubbatch.cli.serving import service_of
from dubbatch.cli.speech import say
from dubbatch.cli.standing import code_of_run
from dubbatch.errors import KeyRefused
from dubbatch.pipeline import collect_batch

_EPILOG = """\b
Examples:
  dubbatch collect spring.xlsx               fetch what is done by now
  dubbatch collect spring.xlsx --write-back  the results into the sheet, too
"""


@click.command("collect", cls=Command, epilog=_EPILOG)
@manifest_argument
@setting_options((*RECORD, "base_url", *FETCHING))
def command(manifest: str, **values: Any) -> int:
    """Ask once how the jobs of MANIFEST stand and fetch what has finished. Sends nothing, waits for nothing.

    Outputs that were moved away are fetched again, free.
    """
    project = open_project(manifest, values)
    show_warnings(project.resolved.warnings)
    team = project.team
    with project.on_record() as record:
        if record is None:
            say(f"Batch {project.batch}: no run yet, so there is nothing to collect.")
            return OK
        _, batch = record
    settings = project.settings
    reports = (*(Path(batch.output_dir) / name for name in ("report.csv", "report.json")), *settings.report)
    with service_of(project) as service, Progress(sys.stderr, quiet=settings.quiet, bar=settings.progress) as progress:
        if not service.credentials:
            raise KeyRefused("no key for the service", hint="set CHAMELAION_API_KEY; nothing was sent")
        collecting = collect_batch(
            batch, project.ledger.absolute(), service, settings, hook=progress, reports=reports, team=team
        )
        result = asyncio.run(collecting)
    with while_read(sys.stdout):
        show_end(result, quiet=settings.quiet)
    return code_of_run([cause.reason for cause in result.causes], result.counts)
