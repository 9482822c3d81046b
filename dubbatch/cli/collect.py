"""``dubbatch collect``: fetch what has finished."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dubbatch.cli.closing import tell_end
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.journal import ENDED, Entry, Journal, warn
from dubbatch.cli.options import FETCHING, RECORD, manifests_argument, setting_options
from dubbatch.cli.progress import progress_of
from dubbatch.cli.project import Project
from dubbatch.cli.serving import service_of
from dubbatch.cli.speech import say
from dubbatch.cli.standing import code_of_run
from dubbatch.cli.turns import in_turn, open_projects, words_for
from dubbatch.pipeline import collect_batch

_EPILOG = """\b
Examples:
  dubbatch collect spring.xlsx               fetch what is done by now
  dubbatch collect spring.xlsx --write-back  the results into the sheet, too
"""


@click.command("collect", cls=Command, epilog=_EPILOG)
@manifests_argument
@setting_options((*RECORD, "base_url", *FETCHING))
@click.pass_obj
def command(journal: Journal, /, manifests: tuple[str, ...], **values: Any) -> int:
    """Ask once how the jobs of MANIFEST stand and fetch what has finished. Sends nothing, waits for nothing.

    Outputs that were moved away are fetched again, free.
    """
    projects, words = open_projects(manifests, values), sys.argv[1:]

    def collect_one(project: Project) -> int:
        return _collect(project, journal, words_for(project, projects, words))

    return in_turn(projects, journal, collect_one)


def _collect(project: Project, journal: Journal, words: Sequence[str]) -> int:
    warn(journal, project.resolved.warnings, project.batch)
    team = project.team
    with project.on_record() as record:
        if record is None:
            told = f"Batch {project.batch}: no run yet, so there is nothing to collect."
            if journal.speaks:
                say(told)
            journal.enter(Entry("info", ENDED, told, batch=project.batch, more={"exit_code": OK}))
            return OK
        _, batch = record
    settings = project.settings
    reports = project.reports_in(Path(batch.output_dir))
    with service_of(project) as service, progress_of(project, journal, project.bulletin(batch.name)) as progress:
        if not service.credentials:
            raise service.credentials.missing()
        collecting = collect_batch(
            batch, project.ledger.absolute(), service, settings, hook=progress, reports=reports, team=team
        )
        result = asyncio.run(collecting)
    code = code_of_run([cause.reason for cause in result.causes], result.counts)
    tell_end(result, code, project, journal, words)
    return code
