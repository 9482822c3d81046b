"""The ``dubbatch`` command: its subcommands by name, and the one place where errors become exit codes.

Subcommands are imported when they are called: ``dubbatch --help`` needs none of the
libraries that a run needs.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import FrameType
from typing import Any, NoReturn

import click

from dubbatch import __version__
from dubbatch.cli.exit_codes import INTERRUPTED, TERMINATED, USAGE, code_of_error
from dubbatch.errors import DubbatchError

#: Name -> what it does; the module of the same name in this package has the command.
COMMANDS: Mapping[str, str] = {
    "run": "Plan, send, follow, download, report; run it again to go on.",
    "plan": "Show what run would do and what is wrong with which cell; sends nothing.",
    "status": "Show where a batch stands, from the ledger, at once.",
    "collect": "Fetch what has finished; sends nothing.",
    "redo": "Ask for jobs to be bought again, on your word.",
    "report": "Write the reports again from the ledger.",
    "account": "Is the service up, is the key valid, whose is it, latest requests.",
    "config": "Show every setting and where it came from.",
    "sandbox": "Run the service on loopback, for trying things and for tests.",
}

EPILOG = """\b
Examples:
  dubbatch run spring.csv --sandbox     try it: free, no key needed
  dubbatch plan spring.csv              what would be sent, what is wrong
  dubbatch run spring.csv               do it, and do it again to go on
"""


class LazyGroup(click.Group):
    """Loads a subcommand's module when it is called, and suggests names for mistyped ones."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"dubbatch.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]}?" if near else " See dubbatch --help."
            raise click.UsageError(f"there is no command {args[0]}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dubbatch")
def app() -> None:
    """Dub a spreadsheet of videos: every row is sent to the lip-sync API once, followed, downloaded and checked."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code (design, section 8)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        code: Any = app.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = USAGE
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("interrupted", err=True)
        code = TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
    except DubbatchError as error:
        show_error(error)
        code = code_of_error(error)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nobody is left to tell.
        sys.stderr.close()
        code = 0
    finally:
        # The code is decided: one more Ctrl-C while Python winds down must not replace it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    sys.exit(code if isinstance(code, int) else 0)


class _Terminated(KeyboardInterrupt):
    """SIGTERM outside of a run: nothing is under way, so it ends at once."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Terminated if number == signal.SIGTERM else KeyboardInterrupt


def show_error(error: DubbatchError) -> None:
    click.echo(f"dubbatch: {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
