"""``dubbatch report``: write the reports again from the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from dubbatch.batch import backups_folder
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.journal import Journal
from dubbatch.cli.options import RECORD, REPORTS, manifests_argument, setting_options
from dubbatch.cli.project import Project
from dubbatch.cli.render import show_sheet
from dubbatch.cli.speech import say
from dubbatch.cli.turns import in_turn, open_projects
from dubbatch.report.file import write_reports
from dubbatch.writeback.writeback import write_back

_EPILOG = """\b
Examples:
  dubbatch report spring.xlsx                       report.csv and .json again
  dubbatch report spring.xlsx --report status.xlsx  a workbook for people, too
  dubbatch report spring.xlsx --write-back          the results into the sheet
"""


@click.command("report", cls=Command, epilog=_EPILOG)
@manifests_argument
@setting_options((*RECORD, *REPORTS, "write_back"))
@click.pass_obj
def command(journal: Journal, /, manifests: tuple[str, ...], **values: Any) -> int:
    """Write report.csv and report.json of MANIFEST's batch again, from the ledger; sends nothing.

    With --write-back, the results go into the sheet, too.
    """
    return in_turn(open_projects(manifests, values), journal, _report, keeps_log=False)


def _report(project: Project) -> int:
    team = project.team
    with project.on_record() as record:
        if record is None:
            say(f"Batch {project.batch}: no run yet, so there is nothing to report.")
            return OK
        ledger, batch = record
        paths = project.reports_in(Path(batch.output_dir))
        failed = write_reports(paths, ledger, batch.name, delimiter=project.settings.csv_delimiter)
        for path in paths:
            if path not in failed:
                say(str(path))
        for error in failed.values():
            raise error
        if team is not None:
            show_sheet(write_back(team, ledger, batch.name, backups_folder(project.ledger), datetime.now(UTC)))
    return OK
