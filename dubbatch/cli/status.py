"""``dubbatch status``: where a batch stands, from the ledger alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from dubbatch.bulletin import Reader, bulletin_path
from dubbatch.cli.advice import Left, step_lines, steps
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.journal import Journal
from dubbatch.cli.options import RECORD, manifests_argument, setting_options
from dubbatch.cli.project import Project
from dubbatch.cli.render import counted, trouble_lines
from dubbatch.cli.speech import say
from dubbatch.cli.turns import in_turn, open_projects
from dubbatch.cli.watch import watch
from dubbatch.errors import UsageError
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.lock import is_held
from dubbatch.report.causes import troubles

_EPILOG = """\b
Examples:
  dubbatch status spring.xlsx            jobs by state, and what is wrong
  dubbatch status spring.xlsx --watch    look on at a run in another window
  dubbatch status spring.xlsx --sandbox  of what was tried in the sandbox
"""


@click.command("status", cls=Command, epilog=_EPILOG)
@manifests_argument
@click.option("--watch", "is_watched", is_flag=True, help="Look on while another process runs it, until that ends.")
@setting_options(RECORD)
@click.pass_obj
def command(journal: Journal, /, manifests: tuple[str, ...], is_watched: bool, **values: Any) -> int:
    """Show where the batch of MANIFEST stands, at once: from the ledger, without network or reading the rows."""
    projects = open_projects(manifests, values)
    if is_watched:
        if len(projects) > 1:
            raise UsageError("--watch looks at one manifest", hint="name one, or leave --watch out")
        watch(_reader(projects[0].ledger, _batch(projects[0])), projects[0].batch)
    return in_turn(projects, journal, _status, keeps_log=False)


def _reader(ledger: Path, batch: str) -> Reader:
    return Reader(bulletin_path(ledger, batch), is_held=partial(is_held, ledger, batch))


def _batch(project: Project) -> str:
    """The batch's name, which an earlier run may have on record under another one."""
    with project.on_record() as record:
        return project.batch if record is None else record[1].name


def _status(project: Project) -> int:
    with project.on_record() as record:
        if record is None:
            say(f"Batch {project.batch}: no run yet (looked in {project.ledger}).")
        else:
            _show(project, *record)
    return OK


def _show(project: Project, ledger: Ledger, batch: BatchRow) -> None:
    counts = ledger.jobs.counts(batch.name)
    is_under_way = _reader(project.ledger, batch.name).look() is not None
    not_ended = ", under way (--watch looks on)" if is_under_way else ", not ended (interrupted?)"
    say(f"Batch {batch.name}: {counted(counts)}")
    say(f"last run started {batch.started_at}{f', ended {batch.finished_at}' if batch.finished_at else not_ended}")
    for line in trouble_lines(list(troubles(ledger, batch.name))):
        say(line)
    if removed := ledger.jobs.removed(batch.name):
        say(f"  no longer in the manifest: {', '.join(removed)}")
    say(f"outputs in {batch.output_dir}")
    if not is_under_way:
        call = project.call([])
        for line in step_lines(list(steps(Left(counts), call.of("run")))):
            say(line)
