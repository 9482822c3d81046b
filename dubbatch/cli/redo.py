"""``dubbatch redo``: a person's word that jobs are to be bought again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import click

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.journal import Journal
from dubbatch.cli.listing import show_problems
from dubbatch.cli.options import RECORD, manifest_argument, setting_options
from dubbatch.cli.outlook import amount
from dubbatch.cli.project import Project, open_project
from dubbatch.cli.speech import say
from dubbatch.cli.words import jobs
from dubbatch.errors import ManifestError, UsageError
from dubbatch.forecast import Sum
from dubbatch.forms import Price
from dubbatch.jobs import LIVE, JobRecord, JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.lock import batch_lock
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.review import Mark, read_review
from dubbatch.plan import minutes_of
from dubbatch.report.table import inert

_FAILED = frozenset({JobState.FAILED, JobState.SUSPECT})
#: What may still come: buying it again would be buying it blind.
_COMING = LIVE | {JobState.COMPLETED}
#: More jobs are told by their sum alone.
_TOLD = 20

_EPILOG = """\b
A reviewer's table is report.csv, or any .csv or .xlsx with a column id, and a
column redo with an x in the rows to be bought again. Ids alone mean all rows.

\b
Examples:
  dubbatch redo spring.xlsx --id ep01-ja       this job
  dubbatch redo spring.xlsx --failed           all that failed
  dubbatch redo spring.xlsx --from review.csv  what a reviewer has marked
"""


@dataclass(frozen=True, slots=True)
class _Request:
    """Which jobs somebody asks for."""

    ids: tuple[str, ...]
    marks: Sequence[Mark]
    failed: bool


@click.command("redo", cls=Command, epilog=_EPILOG)
@manifest_argument
@click.option("--id", "ids", multiple=True, metavar="ID", help="This job. Repeatable.")
@click.option("--failed", is_flag=True, help="Every job that failed or whose output is suspect.")
@click.option(
    *("--from", "table"),
    type=click.Path(path_type=str),
    metavar="TABLE",
    help="The rows that are marked in a reviewer's table: .csv, or .xlsx (or .xlsx#Sheet).",
)
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@setting_options((*RECORD, "price_per_minute"))
@click.pass_obj
def command(
    journal: Journal,
    /,
    manifest: str,
    ids: tuple[str, ...],
    failed: bool,
    table: str | None,
    yes: bool,
    **values: Any,
) -> int:
    """Ask for jobs of MANIFEST to be bought again. The next `run` does so, once.

    The minutes are shown first; what was downloaded before is kept as name.v1.mp4.
    """
    if not ids and not failed and table is None:
        raise UsageError(
            "which jobs?", hint="name them with --id, take all that failed with --failed, or a table with --from"
        )
    project = open_project(manifest, values)
    request = _Request(ids, _marks(table, project, journal) if table is not None else (), failed)
    with project.on_record() as record:
        if record is None:
            raise UsageError(f"batch {project.batch} was never run: nothing was bought yet", hint="use `dubbatch run`")
        ledger, batch = record
        with batch_lock(project.ledger, batch.name):
            asked = _ask(ledger, batch, request, project, journal, is_sure=yes)
    if asked:
        say(f"Recorded. `{project.call(()).other('run')}` buys {'it' if asked == 1 else 'them'} again, once.")
    return OK


def _marks(table: str, project: Project, journal: Journal) -> list[Mark]:
    """What a reviewer has marked. Raises UsageError, after all problems of the table have been told."""
    try:
        review = read_review(table, project.columns)
    except ManifestError as error:
        raise UsageError(
            f"--from {shown(table)}: {error.message}", hint=f"{error.hint} Nothing was recorded."
        ) from None
    _stop_at(review.problems, project, journal)
    if not review.marks:
        raise UsageError(
            f"--from {shown(table)}: no row is marked", hint="write x into the column redo of those that are meant"
        )
    return review.marks


def _stop_at(problems: Sequence[Problem], project: Project, journal: Journal) -> None:
    if problems:
        show_problems(problems, journal, project.batch, what="table")
        raise UsageError("the table can't be taken as it is", hint="mend the rows above; nothing was recorded")


def _ask(
    ledger: Ledger, batch: BatchRow, request: _Request, project: Project, journal: Journal, *, is_sure: bool
) -> int:
    """Show what is meant and record it, if that is wanted; how many jobs were recorded."""
    records = {record.job.id: record for record in ledger.jobs.all(batch.name) if record.present}
    chosen = _chosen(records, request, project, journal)
    if not chosen:
        say("No job failed: nothing to redo.")
        return 0
    open_redos = ledger.jobs.open_redos(batch.name)
    anew = [record for record in chosen if record.job.id not in open_redos]
    if before := len(chosen) - len(anew):
        say(f"{jobs(before)} asked for before, and bought once by the next run: not recorded again.")
    if not anew:
        return 0
    _show(anew, project.settings.price_per_minute)
    if not is_sure and sys.stdin.isatty() and not click.confirm("Buy these again with the next run?", default=False):
        say("Nothing was recorded.")
        return 0
    ledger.jobs.ask_redo(batch.name, (record.job.id for record in anew), datetime.now(UTC).isoformat())
    return len(anew)


def _chosen(records: Mapping[str, JobRecord], request: _Request, project: Project, journal: Journal) -> list[JobRecord]:
    """The jobs that are meant, each once. Raises UsageError for one that isn't there, or that may still come."""
    # A report puts a mark before an id that a spreadsheet program would take for a formula.
    by_cell = {**{inert(job): job for job in records}, **{job: job for job in records}}
    _stop_at(
        [
            problem
            for mark in request.marks
            for problem in _mistakes(mark, records.get(by_cell.get(mark.job, "")), by_cell)
        ],
        project,
        journal,
    )
    if missing := [job for job in request.ids if job not in records]:
        raise UsageError(f"no such job: {', '.join(missing)}", hint="`dubbatch status` and the report list the ids")
    if coming := [job for job in request.ids if records[job].state in _COMING]:
        raise UsageError(f"still at the service: {', '.join(coming)}", hint=f"{_WAIT}; nothing was recorded")
    named = dict.fromkeys([*request.ids, *(by_cell[mark.job] for mark in request.marks)])
    failed = (job for job, record in records.items() if request.failed and record.state in _FAILED)
    return [records[job] for job in dict.fromkeys([*named, *failed])]


def _mistakes(mark: Mark, record: JobRecord | None, known: Iterable[str]) -> Iterator[Problem]:
    """What is wrong with asking for a marked job."""
    if record is None:
        near = get_close_matches(mark.job, known, 1)
        remedy = (
            f"did you mean {near[0]}?" if near else "take the id from report.csv; is this the manifest's own table?"
        )
        yield Problem("error", mark.place, shown(mark.job), "the batch has no such job", remedy)
    elif record.state in _COMING:
        yield Problem("error", mark.place, shown(mark.job), "the job is still at the service", _WAIT)


def _show(anew: Sequence[JobRecord], price: Price | None) -> None:
    """The jobs, and what they come to."""
    minutes = [minutes_of(record) for record in anew]
    for record, length in list(zip(anew, minutes, strict=True))[:_TOLD]:
        say(f"  {record.job.id}  {record.state}  {f'{length:.2f} min' if length is not None else 'length unknown'}")
    if len(anew) > _TOLD:
        say(f"  and {len(anew) - _TOLD} more")
    known = [length for length in minutes if length is not None]
    total = Sum(len(anew), len(anew), sum(known), len(minutes) - len(known))
    say(f"{jobs(len(anew))}, {amount(total, price)} will be billed again.")


_WAIT = "wait until it has ended, or fetch it with `dubbatch collect`"
