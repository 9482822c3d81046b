"""``dubbatch config``: every setting, its value, and where it came from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.cli.options import MANIFEST_HELP, setting_options
from dubbatch.cli.project import open_project
from dubbatch.cli.render import show_config, show_warnings
from dubbatch.settings import resolve

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
    """Show every setting in force (for MANIFEST, if named), its value, and where it came from."""
    if manifest is not None:
        resolved = open_project(manifest, values, needs_rows=True).resolved
    else:
        here = Path.cwd()
        resolved = resolve(flags={}, env=os.environ, manifest={}, toml={}, here=here, beside=here)
    show_warnings(resolved.warnings)
    show_config(resolved)
    return OK
