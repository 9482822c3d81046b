"""What somebody is told who has mistyped a command line: what is wrong, and the line that was likely meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from dubbatch.cli.shell import as_typed
from dubbatch.errors import UsageError

#: The first example of a command's help.
_EXAMPLE = re.compile(r"^ +(dubbatch .*?)(?:  |$)", re.MULTILINE)
#: A name of a file ends so; a command's has no dot.
_SUFFIX = re.compile(r"\.[A-Za-z]{1,5}(?:#.*)?")


def told(error: click.UsageError) -> UsageError:
    """Click's finding in our words, with the command whose help to read."""
    where = error.ctx.command_path if error.ctx else "dubbatch"
    command = where.partition(" ")[2]
    prefix = f"{command}: " if command else ""
    hint = f"`{where} --help` explains it"
    if isinstance(error, click.NoSuchOption):
        near = nearest(error.option_name, _flags(error.ctx))
        meant = f"did you mean {near}? " if near else ""
        return UsageError(f"{prefix}there is no option {error.option_name}", hint=meant + hint)
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Argument):
        what = error.param.human_readable_name.rstrip(".")
        return UsageError(f"{prefix}{what} is missing. {error.param.help or ''}".rstrip(), hint=_like(error.ctx) + hint)
    message = error.format_message().rstrip(".")
    return UsageError(f"{prefix}{message[:1].lower()}{message[1:]}", hint=hint)


def no_command(words: Sequence[str], commands: Collection[str]) -> UsageError:
    """The first of ``words`` is no command: what was likely meant. Looks whether there is a file of that name."""
    word = words[0]
    path = Path(word)
    near = nearest(word, commands)
    if path.is_dir():
        hint = f"did you mean `{as_typed(['dubbatch', 'init', *words])}`, to make a manifest of what is in that folder?"
    elif path.is_file() or _SUFFIX.fullmatch(path.suffix):
        hint = f"did you mean `{as_typed(['dubbatch', 'run', *words])}`? To see first what it would send: plan"
    elif near:
        hint = f"Did you mean {near}? `dubbatch --help` lists all commands"
    else:
        hint = "`dubbatch --help` lists all commands"
    return UsageError(f"there is no command {word}", hint=hint)


def nearest(word: str, known: Collection[str]) -> str:
    """The one of ``known`` that ``word`` was likely meant to be; empty: none. Dashes and underscores don't count."""
    # Here: a command line that is all right starts without it.
    from difflib import get_close_matches

    by_letters = {_letters(name): name for name in known}
    close = get_close_matches(_letters(word), by_letters, 1)
    return by_letters[close[0]] if close else ""


def _letters(name: str) -> str:
    return re.sub(r"[-_]", "", name).casefold()


def _flags(ctx: click.Context | None) -> list[str]:
    if ctx is None:
        return []
    options = (param for param in ctx.command.get_params(ctx) if isinstance(param, click.Option))
    return [flag for option in options for flag in (*option.opts, *option.secondary_opts)]


def _like(ctx: click.Context | None) -> str:
    """The command's first example."""
    found = _EXAMPLE.search((ctx.command.epilog if ctx else None) or "")
    return f"for example: {found[1]}; " if found else ""
