"""``dubbatch config``: every setting, its value, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from dubbatch.api.addresses import shown
from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.keys import find_key
from dubbatch.cli.options import MANIFEST_HELP, setting_options
from dubbatch.cli.project import Project, open_project, settings_here
from dubbatch.cli.render import show_warnings
from dubbatch.cli.speech import say
from dubbatch.resolution import Resolved
from dubbatch.settings import OPTIONS, shown_value

_EPILOG = """\b
Examples:
  dubbatch config                            what holds without a manifest
  dubbatch config spring.xlsx                what holds for this one
  dubbatch config spring.xlsx --transfers 8  what a flag would change
"""


@click.command("config", cls=Command, epilog=_EPILOG)
@click.argument("manifest", required=False, type=click.Path(path_type=str), help=MANIFEST_HELP)
@setting_options()
def command(manifest: str | None, **values: Any) -> int:
    """Show every setting in force (for MANIFEST, if named), its value, and where it came from.

    Takes the options of `run`, so that the same line can be tried first. The key is never shown, only
    where it comes from. Sends nothing.
    """
    project = open_project(manifest, values, needs_rows=True) if manifest is not None else None
    resolved = project.resolved if project is not None else settings_here(values)
    show_warnings(resolved.warnings)
    _show([(option.name, _value(field, resolved), resolved.places[option.name]) for field, option in OPTIONS.items()])
    say("")
    for line in _in_force(resolved, project):
        say(line)
    return OK


def _show(rows: Sequence[tuple[str, str, str]]) -> None:
    """In columns as wide as their longest, so that nothing is cut."""
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, place in rows:
        say(f"{name:<{names}}  {value:<{values}}  {place}")


def _value(field: str, resolved: Resolved) -> str:
    value = getattr(resolved.settings, field)
    if value is None or value in ((), ""):
        return "auto" if field == "concurrency" else "-"
    return shown(value) if field == "base_url" else shown_value(value)


def _in_force(resolved: Resolved, project: Project | None) -> Iterator[str]:
    """What the settings come to: of the manifest its batch and its places, and the key's own."""
    if project is not None:
        yield f"batch    {project.batch}"
        yield f"ledger   {project.ledger.absolute()}"
        yield f"outputs  {project.output_dir.absolute()}"
    yield f"key      {_key(resolved)}"


def _key(resolved: Resolved) -> str:
    if resolved.settings.sandbox:
        return "the sandbox's own"
    key = find_key(resolved.settings.base_url)
    if key.origin:
        return f"from {key.origin}"
    return "none" + (f": {key.credentials.trouble}" if key.credentials.trouble else "")
