"""``dubbatch completion``: what a shell needs to complete our command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK

_SHELLS = ("bash", "zsh", "fish", "powershell")
_NAME = "dubbatch"

EPILOG = """\b
Examples:
  dubbatch completion bash                  look at it first

\b
For every new shell, add one line:
  eval "$(dubbatch completion bash)"        to ~/.bashrc (bash 4.4 or later)
  eval "$(dubbatch completion zsh)"         to ~/.zshrc, below compinit
  dubbatch completion fish | source         to ~/.config/fish/config.fish
  dubbatch completion powershell | Out-String | Invoke-Expression     to $PROFILE
"""


@click.command("completion", cls=Command, epilog=EPILOG)
@click.argument("shell", type=click.Choice(_SHELLS), help="Yours: `echo $0` tells it.")
def command(shell: str) -> int:
    """Print the script that makes SHELL complete commands, options, their values and files with the Tab key."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}", click.get_current_context())
    root = click.get_current_context().find_root().command
    # As bytes: a line feed that becomes two characters on Windows is none for a shell.
    click.echo(found(root, {}, _NAME, f"_{_NAME.upper()}_COMPLETE").source().encode(), nl=False)
    return OK
