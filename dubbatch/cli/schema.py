"""``dubbatch schema``: the JSON Schema of manifests."""

from __future__ import annotations

import json

import click

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK
from dubbatch.manifest.schema import manifest_schema
from dubbatch.report.file import SUFFIXES

_EPILOG = """\b
Examples:
  dubbatch schema > manifest.schema.json  a file that editors read
"""


@click.command("schema", cls=Command, epilog=_EPILOG)
def command() -> int:
    """Print the JSON Schema of manifests: editors complete and check by it while you type.

    A manifest names it in its first line (YAML), or under the key $schema (JSON):

    \b
      # yaml-language-server: $schema=manifest.schema.json
    """
    # Escaped, it is the same JSON in whatever encoding the output is redirected.
    click.echo(json.dumps(manifest_schema(SUFFIXES), indent=2))
    return OK
