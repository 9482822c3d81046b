"""``dubbatch plan``: what run would do, and what is wrong with which cell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from dubbatch.batch import Batch
from dubbatch.cli.command import Command, GroupedOption
from dubbatch.cli.exit_codes import MANIFEST, OK
from dubbatch.cli.journal import Journal, warn
from dubbatch.cli.keys import find_key
from dubbatch.cli.listing import show_problems, show_stop
from dubbatch.cli.options import manifests_argument, setting_options
from dubbatch.cli.outlook import show_plan
from dubbatch.cli.plan_json import plan_as_json, unreadable_as_json
from dubbatch.cli.progress import Progress, progress_of
from dubbatch.cli.project import Project
from dubbatch.cli.turns import in_turn, open_projects
from dubbatch.errors import LedgerError, ManifestError, ServiceError
from dubbatch.events import ignore
from dubbatch.inputs import Inputs
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.manifest import Manifest, parse_address
from dubbatch.manifest.problems import shown
from dubbatch.opening import open_checks
from dubbatch.option import Group
from dubbatch.outlook import Outlook, outlook
from dubbatch.planner import Plan, draw_up
from dubbatch.preview import ask_account
from dubbatch.selection import check_columns
from dubbatch.service import SANDBOX_URL, Service

_EPILOG = """\b
Examples:
  dubbatch plan spring.xlsx                each row, and what they come to
  dubbatch plan spring.xlsx --by language  the sums of each language, too
  dubbatch plan spring.xlsx --format json  for programs
"""


@click.command("plan", cls=Command, epilog=_EPILOG)
@manifests_argument
@setting_options()
@click.option(
    "--by",
    cls=GroupedOption,
    group=Group.SHOWN,
    multiple=True,
    metavar="COLUMN",
    help="Sum up by this column, too. Repeatable.",
)
@click.option(
    *("--format", "form"),
    cls=GroupedOption,
    group=Group.SHOWN,
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.pass_obj
def command(journal: Journal, /, manifests: tuple[str, ...], form: str, by: tuple[str, ...], **values: Any) -> int:
    """Show what `run` would do with each row of MANIFEST, what is wrong, minutes, money and time.

    Takes the options of `run`, so that the same line can be tried first.
    It costs nothing and sends nothing. The media are looked at, and what is found of them is kept in the
    ledger. Works offline, by what the ledger knows; with a key, the account is asked too, so that work
    which it already has is not counted.
    """
    try:
        projects = open_projects(manifests, values, needs_rows=True)
    except ManifestError as error:
        if form != "json" or len(manifests) > 1:
            raise
        _print_json(unreadable_as_json(*_place(manifests[0]), error))
        return MANIFEST
    return in_turn(projects, journal, lambda project: _plan_one(project, journal, form, by))


def _plan_one(project: Project, journal: Journal, form: str, by: Sequence[str]) -> int:
    try:
        # What run would refuse, this refuses, too.
        _ = project.team
        loaded = project.load()
    except ManifestError as error:
        if form != "json":
            raise
        _print_json(unreadable_as_json(*_place(project.named), error))
        return MANIFEST
    warn(journal, project.resolved.warnings, project.batch)
    warn(journal, project.cap_warnings(loaded.jobs), project.batch)
    check_columns(by, next(iter(loaded.jobs), None), "--by")
    settings = project.settings
    with progress_of(project, journal) as progress:
        plan, coming = asyncio.run(_draw_up(project, loaded, progress, journal))
    if form == "json":
        _print_json(plan_as_json(loaded, plan, coming, settings, by, datetime.now(UTC)))
    else:
        is_stopped = bool(loaded.errors) and settings.on_error == "stop"
        show_plan(plan, coming, settings, by, is_stopped=is_stopped)
        show_problems(loaded.problems, journal, loaded.batch)
        show_problems(plan.problems, journal, loaded.batch, what="media")
        if is_stopped:
            show_stop(loaded, journal, would=True)
    return MANIFEST if loaded.errors else OK


def _place(manifest: str) -> tuple[str, str]:
    """The file and the sheet that a problem of the whole names."""
    try:
        origin = parse_address(manifest)
    except ManifestError:
        return shown(manifest), ""
    return str(origin.path), origin.sheet


def _print_json(value: dict[str, Any]) -> None:
    # Escaped, what a terminal would obey and what standard output can't encode is plain text, and the same JSON.
    click.echo(json.dumps(value, allow_nan=False, indent=2))


async def _draw_up(project: Project, manifest: Manifest, progress: Progress, journal: Journal) -> tuple[Plan, Outlook]:
    settings = project.settings
    with _copy_of_ledger(project.ledger) as ledger, _memory(project.ledger, ledger) as memory:
        thread, remembering = LedgerThread(ledger, ignore), LedgerThread(memory, ignore)
        try:
            base_url = SANDBOX_URL if settings.sandbox else settings.base_url
            async with open_checks(
                manifest.batch, base_url, settings, remembering, progress, is_watchful=True
            ) as checks:
                plan = await draw_up(
                    manifest.jobs,
                    batch=manifest.batch,
                    output_dir=project.output_dir.absolute(),
                    ledger=thread,
                    inputs=Inputs(remembering),
                    attempts=settings.attempts,
                    only=settings.only,
                    checks=checks,
                )
            with progress.paused():
                plan = await _ask_account(project, manifest, plan, thread, journal)
            return plan, await thread(outlook, plan, manifest.batch, ledger, settings)
        finally:
            remembering.close()
            thread.close()


async def _ask_account(
    project: Project, manifest: Manifest, plan: Plan, thread: LedgerThread, journal: Journal
) -> Plan:
    """With a key, what the account already has is not counted as to be sent. Without an answer: at most."""
    if not any(row.sends for row in plan.chosen) or project.settings.sandbox:
        return plan
    service = Service(project.settings.base_url, find_key(project.settings.base_url).credentials)
    if not service.credentials:
        return plan
    batch = Batch.of(manifest, project.ledger.absolute(), project.output_dir.absolute(), ())
    try:
        return await ask_account(batch, plan, service, project.settings, thread)
    except ServiceError as error:
        told = f"the account was not asked, so the numbers are an upper bound: {error.message}"
        warn(journal, [told], manifest.batch)
        return plan


def _copy_of_ledger(path: Path) -> Ledger:
    """The ledger as it is, in memory: what a plan supposes is recorded nowhere."""
    return Ledger.copy_of(path) if path.exists() else Ledger(None)


@contextmanager
def _memory(path: Path, copy: Ledger) -> Iterator[Ledger]:
    """Where what is found of media is kept, so that neither the next plan nor the run looks at them again.

    Where no ledger can be written, it is forgotten with the copy.
    """
    try:
        ledger = Ledger(path)
    except LedgerError:
        yield copy
        return
    with ledger:
        yield ledger
