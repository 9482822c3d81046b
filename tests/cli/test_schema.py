"""``dubbatch schema``: for editors, and for whoever redirects it into a file."""

from __future__ import annotations

import json

from click.testing import CliRunner

from dubbatch.cli.schema import command
from dubbatch.manifest.schema import manifest_schema
from dubbatch.report.file import SUFFIXES


def test_it_prints_the_schema_alone() -> None:
    """Standard output is the file."""
    result = CliRunner().invoke(command, [])

    assert json.loads(result.stdout) == manifest_schema(SUFFIXES)
    assert result.stdout.isascii()
    assert not result.stderr
