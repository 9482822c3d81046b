"""``dubbatch redo``: a person's word that jobs are to be bought again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.options import RECORD, manifest_argument, setting_options
from dubbatch.cli.project import open_project
from dubbatch.cli.speech import say
from dubbatch.errors import UsageError
from dubbatch.jobs import LIVE, JobRecord, JobState
from dubbatch.ledger.lock import batch_lock
from dubbatch.plan import minutes_of

_FAILED = frozenset({JobState.FAILED, JobState.SUSPECT})


_EPILOG = """\b
Examples:
  dubbatch redo spring.xlsx --id ep01-ja        this job
  dubbatch redo spring.xlsx --failed            all that failed
  dubbatch redo spring.xlsx --from review.csv   the rows that a reviewer has marked
"""


@click.command("redo", cls=Command, epilog=_EPILOG)
@manifest_argument
@click.option("--id", "ids", multiple=True, metavar="ID", help="This job. Repeatable.")
@click.option("--failed", is_flag=True, help="Every job that failed or whose output is suspect.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@setting_options(RECORD)
def command(manifest: str, ids: tuple[str, ...], failed: bool, yes: bool, **values: Any) -> int:
    """Ask for jobs of MANIFEST to be bought again. The next `run` does so, once.

    The minutes are shown first; what was downloaded before is kept as name.v1.mp4.
    """
    if not ids and not failed:
        raise UsageError("which jobs?", hint="name them with --id, or take all that failed with --failed")
    project = open_project(manifest, values)
    with project.on_record() as record:
        if record is None:
            raise UsageError(f"batch {project.batch} was never run: nothing was bought yet", hint="use `dubbatch run`")
        ledger, batch = record
        with batch_lock(project.ledger, batch.name):
            chosen = _chosen(list(ledger.jobs.all(batch.name)), ids, failed)
            if not chosen:
                say("No job failed: nothing to redo.")
                return OK
            _show(chosen)
            if (
                not yes
                and sys.stdin.isatty()
                and not click.confirm("Buy these again with the next run?", default=False)
            ):
                say("Nothing was recorded.")
                return OK
            ledger.jobs.ask_redo(batch.name, (record.job.id for record in chosen), datetime.now(UTC).isoformat())
    again = f"dubbatch run {manifest}" + (" --sandbox" if project.settings.sandbox else "")
    say(f"Recorded. `{again}` buys {'it' if len(chosen) == 1 else 'them'} again, once.")
    return OK


def _chosen(records: Iterable[JobRecord], ids: tuple[str, ...], failed: bool) -> list[JobRecord]:
    """The jobs that are meant. Raises UsageError for one that isn't there, or that may still come."""
    by_id = {record.job.id: record for record in records if record.present}
    missing = [job for job in ids if job not in by_id]
    if missing:
        raise UsageError(f"no such job: {', '.join(missing)}", hint="`dubbatch status` and the report list the ids")
    running = [job for job in ids if by_id[job].state in LIVE]
    if running:
        raise UsageError(
            f"still at the service: {', '.join(running)}", hint="wait until it has ended; nothing was recorded"
        )
    named = [by_id[job] for job in dict.fromkeys(ids)]
    return named + [record for record in by_id.values() if failed and record.state in _FAILED and record not in named]


def _show(chosen: list[JobRecord]) -> None:
    minutes = [minutes_of(record) for record in chosen]
    for record, length in zip(chosen, minutes, strict=True):
        say(f"  {record.job.id}  {record.state}  {f'{length:.1f} min' if length is not None else 'length unknown'}")
    total = sum(length for length in minutes if length is not None)
    jobs = "1 job" if len(chosen) == 1 else f"{len(chosen)} jobs"
    say(f"{jobs}, {total:.1f} media minutes will be billed again.")
