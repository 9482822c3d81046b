"""``dubbatch run``: plan, send, follow, download, report."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from dubbatch.batch import Batch
from dubbatch.cli.closing import tell_end
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import MANIFEST, REMAINS, SOME_FAILED, worst
from dubbatch.cli.journal import Journal, warn
from dubbatch.cli.listing import show_problems, show_stop
from dubbatch.cli.options import manifests_argument, setting_options
from dubbatch.cli.outlook import extent
from dubbatch.cli.progress import progress_of
from dubbatch.cli.project import Project
from dubbatch.cli.serving import service_of
from dubbatch.cli.speech import say
from dubbatch.cli.standing import code_of_run
from dubbatch.cli.turns import in_time, in_turn, open_projects, words_for
from dubbatch.jobs import Job
from dubbatch.manifest import Manifest
from dubbatch.outlook import Outlook
from dubbatch.pipeline import run_batch
from dubbatch.planner import Plan
from dubbatch.result import RunResult
from dubbatch.settings import Settings

#: More than so many jobs are not sent by a person's slip of the hand (design, section 8).
_ASK_ABOVE = 10


_EPILOG = """\b
Exit codes: 0 all done, 1 some jobs failed, 2 usage, 3 the manifest has
problems, 4 no key, 5 tokens or a cap used up, 6 the service is away, 7 unsure
sends, 8 disk or ledger, 9 work remains, 75 another run has it, 130 and 143
interrupted. What to do about each: docs/troubleshooting.md

\b
Examples:
  dubbatch run spring.xlsx --sandbox           try it: free, no key needed
  dubbatch run spring.xlsx --limit 2           two jobs first, to look at them
  dubbatch run spring.xlsx --max-minutes 90    the rest, but no more than that
  dubbatch run spring.xlsx --only language=ja  one language alone
"""


@click.command("run", cls=Command, epilog=_EPILOG)
@manifests_argument
@setting_options()
@click.pass_obj
def command(journal: Journal, /, manifests: tuple[str, ...], **values: Any) -> int:
    """Send every row of MANIFEST that was not sent before, follow all, download and report.

    Run it again to go on: paid work is never repeated.
    """
    projects = open_projects(manifests, values, needs_rows=True)
    words, started_s = sys.argv[1:], time.monotonic()

    def run_one(project: Project) -> int:
        return _run_one(in_time(project, started_s), journal, words_for(project, projects, words))

    return in_turn(projects, journal, run_one)


def _run_one(project: Project, journal: Journal, words: Sequence[str]) -> int:
    warn(journal, project.resolved.warnings, project.batch)
    team = project.team
    loaded = project.load()
    warn(journal, project.cap_warnings(loaded.jobs), project.batch)
    if not may_go_on(loaded, project.settings, journal):
        return MANIFEST
    batch = Batch.of(loaded, project.ledger.absolute(), project.output_dir.absolute(), project.reports, team)
    jobs, is_whole = iter(loaded.jobs), not loaded.errors
    # The run takes the jobs over, and lets them go when the ledger has them: it may last for days.
    del loaded
    result = _run(project, batch, jobs, journal)
    code = code_of_run([cause.reason for cause in result.causes], result.counts) if result.counts else REMAINS
    # Rows too bad to be jobs are not among the counts, and were not done either.
    if result.counts and not is_whole:
        code = worst((code, SOME_FAILED))
    tell_end(result, code, project, journal, words)
    return code


def may_go_on(manifest: Manifest, settings: Settings, journal: Journal) -> bool:
    """Show what is wrong with the manifest; whether there is something to run all the same."""
    show_problems(manifest.problems, journal, manifest.batch, quiet=settings.quiet)
    if not manifest.errors:
        return True
    if settings.on_error == "skip" and any(not job.blocked and not job.skip for job in manifest.jobs):
        return True
    show_stop(manifest, journal)
    return False


def _run(project: Project, batch: Batch, jobs: Iterator[Job], journal: Journal) -> RunResult:
    settings = project.settings
    with service_of(project) as service, progress_of(project, journal, project.bulletin(batch.name)) as progress:

        def confirm(plan: Plan, coming: Outlook) -> bool:
            with progress.paused():
                show_problems(plan.problems, journal, batch.name, what="media", quiet=settings.quiet)
                return _is_wanted(coming, settings, journal)

        return asyncio.run(run_batch(batch, jobs, service, settings, hook=progress, confirm=confirm))


def _is_wanted(coming: Outlook, settings: Settings, journal: Journal) -> bool:
    """Ask once, where somebody is there to answer."""
    is_watched = sys.stdin.isatty() and sys.stdout.isatty()
    is_asked = is_watched and not (settings.yes or settings.sandbox) and coming.totals.all.to_send > _ASK_ABOVE
    for line in extent(coming, settings):
        if is_asked:
            # Where the question is, and also where nothing else is said: standard error may be redirected.
            say(line)
        elif not settings.quiet:
            journal.say(line)
    if not is_asked:
        return True
    # Not by click, whose question goes to standard error.
    click.echo("Send them? [y/N]: ", nl=False)
    return click.confirm("", default=False, prompt_suffix="", show_default=False)
