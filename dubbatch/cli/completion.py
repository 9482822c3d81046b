"""``dubbatch completion``: what a shell needs to complete our command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import OK

_SHELLS = ("bash", "zsh", "fish", "powershell")
_NAME = "dubbatch"
_SHELL_HELP = "bash, zsh, fish or powershell; `echo $0` tells yours."

_EPILOG = """\b
With one line in its own file, every new shell completes:
  bash, in ~/.bashrc                      eval "$(dubbatch completion bash)"
  zsh, in ~/.zshrc below compinit         eval "$(dubbatch completion zsh)"
  fish, in ~/.config/fish/config.fish     dubbatch completion fish | source
  PowerShell, in $PROFILE                 dubbatch completion powershell |
                                          Out-String | Invoke-Expression

\b
Examples:
  dubbatch completion bash                   look at it first
  dubbatch completion zsh > ~/.dubbatch.zsh  or keep it in a file
"""


@click.command("completion", cls=Command, epilog=_EPILOG)
@click.argument("shell", type=click.Choice(_SHELLS), metavar="SHELL", help=_SHELL_HELP)
def command(shell: str) -> int:
    """Print the script that makes SHELL complete commands, options, their values and files with the Tab key."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}", click.get_current_context())
    root = click.get_current_context().find_root().command
    # As bytes: a line feed that becomes two characters on Windows is none for a shell.
    click.echo(found(root, {}, _NAME, f"_{_NAME.upper()}_COMPLETE").source().encode(), nl=False)
    return OK
