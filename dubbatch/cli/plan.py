"""``dubbatch plan``: what run would do, and what is wrong with which cell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from dubbatch.batch import Batch
from dubbatch.cli.exit_codes import MANIFEST, OK
from dubbatch.cli.listing import show_problems, show_stop
from dubbatch.cli.options import manifest_argument, setting_options
from dubbatch.cli.project import Project, open_project
from dubbatch.cli.render import plan_as_json, show_plan, show_warnings, unreadable_as_json
from dubbatch.cli.serving import credentials
from dubbatch.errors import ManifestError, ServiceError
from dubbatch.events import ignore
from dubbatch.inputs import Inputs
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.manifest import Manifest, parse_address
from dubbatch.manifest.problems import shown
from dubbatch.plan import Totals, totals
from dubbatch.planner import Plan, draw_up
from dubbatch.preview import ask_account
from dubbatch.service import Service


@click.command("plan")
@manifest_argument
@setting_options()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(manifest: str, form: str, **values: Any) -> int:
    """Show what `run` would do with each row of MANIFEST, what is wrong, minutes and time.

    Takes the options of `run`, so that the same line can be tried first.
    Nothing is sent, and nothing is written. Works offline, by what the ledger knows; with a
    key, the account is asked too, so that work which it already has is not counted.

    \b
    Example:
      dubbatch plan spring.csv --format json | jq .totals
    """
    try:
        project = open_project(manifest, values, needs_rows=True)
        loaded = project.load()
    except ManifestError as error:
        if form != "json":
            raise
        _print_json(unreadable_as_json(*_place(manifest), error))
        return MANIFEST
    show_warnings(project.resolved.warnings)
    plan, sums = asyncio.run(_draw_up(project, loaded))
    if form == "json":
        _print_json(plan_as_json(loaded, plan, sums))
    else:
        show_plan(plan, sums)
        show_problems(loaded.problems)
        if loaded.errors and project.settings.on_error == "stop":
            show_stop(loaded, would=True)
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


async def _draw_up(project: Project, manifest: Manifest) -> tuple[Plan, Totals]:
    with _copy_of_ledger(project.ledger) as ledger:
        thread = LedgerThread(ledger, ignore)
        try:
            plan = await draw_up(
                manifest.jobs,
                batch=manifest.batch,
                output_dir=project.output_dir.absolute(),
                ledger=thread,
                inputs=Inputs(thread),
                attempts=project.settings.attempts,
                only=project.settings.only,
            )
            plan = await _ask_account(project, manifest, plan, thread)
            account = ledger.account.get()
        finally:
            thread.close()
    settings = project.settings
    sums = totals(
        plan.chosen,
        rate_limit=settings.rate_limit,
        rate_window_s=settings.rate_window_s,
        slots=settings.concurrency or account.slots,
        usual_s=account.usual_s,
        limit=settings.limit,
    )
    return plan, sums


async def _ask_account(project: Project, manifest: Manifest, plan: Plan, thread: LedgerThread) -> Plan:
    """With a key, what the account already has is not counted as to be sent. Without an answer: at most."""
    if not any(row.sends for row in plan.chosen) or project.settings.sandbox or not (key := credentials()):
        return plan
    service = Service(project.settings.base_url, key)
    batch = Batch.of(manifest, project.ledger.absolute(), project.output_dir.absolute(), ())
    try:
        return await ask_account(batch, plan, service, project.settings, thread)
    except ServiceError as error:
        show_warnings([f"the account was not asked, so the numbers are an upper bound: {error.message}"])
        return plan


def _copy_of_ledger(path: Path) -> Ledger:
    """The ledger as it is, in memory: looking leaves no trace."""
    return Ledger.copy_of(path) if path.exists() else Ledger(None)
