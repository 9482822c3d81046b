"""``dubbatch run``: plan, send, follow, download, report."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from dubbatch.batch import Batch, RunResult
from dubbatch.cli.audience import while_read
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import MANIFEST, OK, SOME_FAILED, worst
from dubbatch.cli.listing import show_problems, show_stop
from dubbatch.cli.options import manifest_argument, setting_options
from dubbatch.cli.outlook import counted, extent
from dubbatch.cli.progress import Progress
from dubbatch.cli.project import Project, open_project
from dubbatch.cli.render import show_end, show_warnings
from dubbatch.cli.serving import service_of
from dubbatch.cli.speech import say
from dubbatch.cli.standing import code_of_run
from dubbatch.jobs import Job, JobState
from dubbatch.manifest import Manifest
from dubbatch.outlook import Outlook
from dubbatch.pipeline import run_batch
from dubbatch.planner import Plan
from dubbatch.settings import Settings
from dubbatch.stop import StopReason

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
@manifest_argument
@setting_options()
def command(manifest: str, **values: Any) -> int:
    """Send every row of MANIFEST that was not sent before, follow all, download and report.

    Run it again to go on: paid work is never repeated.
    """
    project = open_project(manifest, values, needs_rows=True)
    show_warnings(project.resolved.warnings)
    team = project.team
    loaded = project.load()
    show_warnings(project.cap_warnings(loaded.jobs))
    if not may_go_on(loaded, project.settings):
        return MANIFEST
    batch = Batch.of(loaded, project.ledger.absolute(), project.output_dir.absolute(), project.reports, team)
    jobs, is_whole = iter(loaded.jobs), not loaded.errors
    # The run takes the jobs over, and lets them go when the ledger has them: it may last for days.
    del loaded
    result = _run(project, batch, jobs)
    with while_read(sys.stdout):
        show_end(result, quiet=project.settings.quiet)
        if not project.settings.quiet:
            show_pilot(result, sys.argv[1:])
    if not result.counts:
        return OK
    code = code_of_run([cause.reason for cause in result.causes], result.counts)
    # Rows too bad to be jobs are not among the counts, and were not done either.
    return code if is_whole else worst((code, SOME_FAILED))


def show_pilot(result: RunResult, words: Sequence[str]) -> None:
    """After a run that ``--limit`` has ended: how to go on with the rest. ``words``: as it was called."""
    waiting = result.counts.get(JobState.PENDING, 0)
    if not waiting or all(cause.reason is not StopReason.LIMIT for cause in result.causes):
        return
    minutes = result.lengths.pending_s / 60
    wait = "waits" if waiting == 1 else "wait"
    say(f"{counted(waiting)} of {minutes:.2f} media minutes {wait}. If the outputs are as you want them, go on:")
    say(f"  dubbatch {shlex.join(_without_limit(words))}")


def _without_limit(words: Sequence[str]) -> Iterator[str]:
    """A command's words but for ``--limit N`` and ``--limit=N``."""
    is_number = False
    for word in words:
        if not is_number and word != "--limit" and not word.startswith("--limit="):
            yield word
        is_number = word == "--limit"


def may_go_on(manifest: Manifest, settings: Settings) -> bool:
    """Show what is wrong with the manifest; whether there is something to run all the same."""
    show_problems(manifest.problems, quiet=settings.quiet)
    if not manifest.errors:
        return True
    if settings.on_error == "skip" and any(not job.blocked and not job.skip for job in manifest.jobs):
        return True
    show_stop(manifest)
    return False


def _run(project: Project, batch: Batch, jobs: Iterator[Job]) -> RunResult:
    settings = project.settings
    with service_of(project) as service, Progress(sys.stderr, quiet=settings.quiet, bar=settings.progress) as progress:

        def confirm(plan: Plan, coming: Outlook) -> bool:
            with progress.paused():
                show_problems(plan.problems, what="media", quiet=settings.quiet)
                return _is_wanted(coming, settings)

        return asyncio.run(run_batch(batch, jobs, service, settings, hook=progress, confirm=confirm))


def _is_wanted(coming: Outlook, settings: Settings) -> bool:
    """Ask once, where somebody is there to answer."""
    if not settings.quiet:
        for line in extent(coming, settings):
            say(line, err=True)
    is_watched = sys.stdin.isatty() and sys.stdout.isatty()
    if settings.yes or settings.sandbox or coming.totals.all.to_send <= _ASK_ABOVE or not is_watched:
        return True
    return click.confirm("Send them?", default=False)
