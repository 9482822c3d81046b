"""What commands print: line by line, and nothing in it that a terminal would obey.

Names of files, headers and ids come from a manifest that somebody mailed, and words from the service.
"""

from __future__ import annotations

import sys

import click

from dubbatch.api.text import printable, unsigned
from dubbatch.cli.audience import while_read


def say(text: str, *, err: bool = False) -> None:
    """Print ``text`` as one line, whatever is in it, without secrets of URLs."""
    stream = sys.stderr if err else sys.stdout
    # Who stops reading must not change what a command does, nor its exit code.
    with while_read(stream):
        click.echo(encodable(unsigned(printable(text)), stream), err=err)


def encodable(text: str, stream: object) -> str:
    """``text`` with marks in place of what ``stream`` can't print."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
