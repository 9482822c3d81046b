"""The ``dubbatch`` command: its subcommands by name, and the one place where errors become exit codes.

Subcommands are imported when they are called: ``dubbatch --help`` needs none of the
libraries that a run needs.
"""

from __future__ import annotations

import atexit
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from dubbatch.cli.audience import while_read
from dubbatch.cli.command import LOOKS
from dubbatch.cli.exit_codes import INTERRUPTED, SOME_FAILED, TERMINATED, USAGE, code_of_error
from dubbatch.cli.journal import Journal, asks_for_json
from dubbatch.cli.logfile import asked_for
from dubbatch.cli.speech import say
from dubbatch.cli.usage import no_command, told
from dubbatch.errors import DubbatchError
from dubbatch.interrupts import handled

#: Name -> what it does; the module of the same name in this package has the command.
COMMANDS: Mapping[str, str] = {
    "run": "Plan, send, follow, download, report; run it again to go on.",
    "plan": "Show what run would do and what is wrong with which cell; sends nothing.",
    "status": "Show where a batch stands, from the ledger, at once.",
    "collect": "Fetch what has finished; sends nothing.",
    "redo": "Ask for jobs to be bought again, on your word.",
    "report": "Write the reports again from the ledger.",
    "init": "Pair the videos and audio tracks of a folder and write a manifest.",
    "account": "Show the service, the key, limits learned, and what the account has.",
    "login": "Store the key in the system's keyring.",
    "config": "Show every setting and where it came from.",
    "schema": "Print the JSON Schema of manifests, for editors.",
    "sandbox": "Run the service on loopback, for trying things and for tests.",
    "completion": "Print what makes your shell complete commands, options and files.",
}

EPILOG = """\b
Examples:
  dubbatch run spring.csv --sandbox     try it: free, no key needed
  dubbatch plan spring.csv              what would be sent, what is wrong
  dubbatch run spring.csv               do it, and do it again to go on
  dubbatch init spring                  no sheet yet: make one of a folder

What a command takes: dubbatch COMMAND --help, or dubbatch help COMMAND.
"""

_NAME = "dubbatch"

#: The commands that keep a log.
_LOGGED = ("run", "plan", "collect")

#: Signals, after which the next one waits for nothing.
_PATIENT_SIGNALS = 2


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
        words = [*args[1:2], "--help"] if args[0] == "help" else args
        if words[0] in COMMANDS or words[0].startswith("-"):
            return super().resolve_command(ctx, words)
        if ctx.resilient_parsing:
            # A shell asks how to complete the line.
            return None, None, []
        raise no_command(words if words is args else words[:1], COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of the commands, without loading one of them."""
        named = [CompletionItem(name, help=what) for name, what in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *super(click.Group, self).shell_complete(ctx, incomplete)]


def _show_version(ctx: click.Context, _param: click.Parameter, is_asked: bool) -> None:
    if not is_asked or ctx.resilient_parsing:
        return
    # Loaded by name, as the subcommands are.
    for line in importlib.import_module("dubbatch.cli.version").version_lines():
        say(line)
    ctx.exit()


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings=dict(LOOKS))
@click.option(
    *("--version", "-V"),
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and those that a report of a bug needs.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """Dub a spreadsheet of videos: every row is sent to the lip-sync API once, followed, downloaded and checked."""
    context.ensure_object(Journal)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code (design, section 8)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _fill_gaps()
    journal = _opened_journal(words)
    ending = _Ending(journal)
    for number in handled():
        signal.signal(number, ending)
    try:
        # By its name also where it is started as ``python -m dubbatch``: what it says can be typed then.
        code: Any = app.main(args=words, prog_name=_NAME, standalone_mode=False, obj=journal)
    except click.exceptions.NoArgsIsHelpError as error:
        # Not 0: in a crontab, a line without a command must not pass for one that has done its work.
        error.show()
        code = USAGE
    except click.UsageError as error:
        journal.error(told(error))
        code = USAGE
    except (click.Abort, KeyboardInterrupt, _Terminated) as error:
        code = TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
        journal.farewell(_word(code), code)
    except DubbatchError as error:
        journal.error(error)
        code = code_of_error(error)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nobody is left to tell.
        code = 0
    except Exception as error:  # noqa: BLE001  (the last resort: Python's own would print what is secret)
        # A signal that came up in the import of a library may leave it as another error.
        if not ending.is_asked:
            show_mistake(error, journal)
        code = SOME_FAILED
    journal.close()
    ending.leave(code if isinstance(code, int) else 0)


def _fill_gaps() -> None:
    """Standard streams that the caller has closed lead nowhere: a ledger must not be opened in the place of one."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _opened_journal(words: Sequence[str]) -> Journal:
    """With the log that the command line names, so that it has also what goes wrong before the settings are known."""
    journal = Journal(is_json=asks_for_json(words, os.environ))
    path = asked_for(words)
    if path is not None and words[0] in _LOGGED:
        # Where it can't be had, that is told when the settings are.
        with suppress(DubbatchError):
            journal.open("text" if journal.speaks else "json", path, is_quiet=False)
    return journal


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C outside of a run.

    Not KeyboardInterrupt itself: where that passes through ``exec``, as in the import of a library, Python
    kills itself at its end, whatever the exit code.
    """


class _Terminated(SystemExit):
    """SIGTERM, or a closed terminal, outside of a run: nothing is under way, so it ends at once.

    As a SystemExit it passes through what makes its own of a KeyboardInterrupt, such as a prompt.
    """


class _Ending:
    """What signals do outside of a run: the first ends the command, and its code is decided by that.

    Those after it must neither replace the code nor break off the clearing away. But Python waits for
    its threads, and one that hangs (a drive, a name to resolve) must not keep it for ever: the third
    leaves as it is.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._code: int | None = None
        self._signals = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._code is None:
            is_interrupt = number == signal.SIGINT
            self._code = INTERRUPTED if is_interrupt else TERMINATED
            if _in_event_loop():
                self._leave_at_once()
            raise _Interrupted if is_interrupt else _Terminated
        if self._signals > _PATIENT_SIGNALS:
            os._exit(self._code)

    @property
    def is_asked(self) -> bool:
        """Whether a signal has asked for the end."""
        return self._code is not None

    def _leave_at_once(self) -> NoReturn:
        """Exit without unwinding: as safe as ``kill -9``.

        An exception that comes up inside the event loop itself can lose it a wake-up, and what waits for that
        would keep the command for ever.
        """
        code = self._code or INTERRUPTED
        self._journal.last_words(_word(code), code)
        os._exit(code)

    def leave(self, code: int) -> NoReturn:
        """Exit with the code, whether or not somebody is left to read what was printed."""
        if self._code is None:
            self._code = code
        for stream in (sys.stdout, sys.stderr):
            with while_read(stream):
                stream.flush()
        for number in handled():
            # After its threads Python takes handlers away, and a signal that is not ignored then kills it.
            atexit.register(signal.signal, number, signal.SIG_IGN)
        sys.exit(self._code)


def _word(code: int) -> str:
    return "terminated" if code == TERMINATED else "interrupted"


def _in_event_loop() -> bool:
    # Looked up, not imported: most commands have no use for it.
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def show_mistake(error: Exception, journal: Journal) -> None:
    """Tell of what should not have happened: with the way to it, which is needed to mend it, and no secrets."""
    import traceback

    told = "this is a mistake in dubbatch. What was sent is on record: run again to go on."
    journal.mistake(told, "".join(traceback.format_exception(error)).splitlines(), SOME_FAILED)
