"""Completion by the Tab key: what a shell is offered, and at what price."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.cli.app import COMMANDS

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: What bash does when Tab is pressed, for the words of a command line; the last is the one to complete.
PRESS_TAB = """
eval "$(dubbatch completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
compopt() { printf 'compopt %s %s\\n' "$@"; }
_dubbatch_completion dubbatch
printf '%s\\n' "${COMPREPLY[@]}"
complete -p dubbatch
"""


def offered(shell: Shell, *words: str) -> list[str]:
    """What the command answers to a shell that asks for the last word."""
    asked = {"COMP_WORDS": " ".join(["dubbatch", *words]), "COMP_CWORD": str(len(words))}
    told = shell.here(_DUBBATCH_COMPLETE="bash_complete", **asked)
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["co"], ["plain,collect", "plain,config", "plain,completion"]),
        (["--v"], ["plain,--version"]),
        (["run", "--on-error", "s"], ["plain,stop", "plain,skip"]),
        (["plan", "x.csv", "--format", ""], ["plain,text", "plain,json"]),
        (["run", "--write"], ["plain,--write-back"]),
        (["run", "spring"], ["file,spring"]),
        (["run", "--output-dir", "o"], ["dir,o"]),
        (["run", "x.csv", "--only", ""], []),
        (["redo", "x.csv", "--id", ""], []),
        (["redo", "x.csv", "--from", "r"], ["file,r"]),
        (["init", "sp"], ["dir,sp"]),
        (["completion", "f"], ["plain,fish"]),
        (["nowhere", "--l"], []),
    ],
)
def test_commands_options_values_and_files_are_offered(shell: Shell, words: list[str], found: list[str]) -> None:
    """Each where it belongs; nothing for what only the sheet knows; no error for a command that there isn't."""
    assert offered(shell, *words) == found


def test_all_commands_are_offered_without_loading_one(shell: Shell) -> None:
    """A person waits for the answer."""
    code = (
        "import sys; from dubbatch.cli.app import app; import atexit;"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "app.main([], prog_name='dubbatch')"
    )
    environment = {"_DUBBATCH_COMPLETE": "bash_complete", "COMP_WORDS": "dubbatch ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**shell.environment, **environment},
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(done.stderr.split())
    assert done.stdout.split() == [f"plain,{name}" for name in COMMANDS]
    assert not {f"dubbatch.cli.{name}" for name in COMMANDS} & loaded
    assert not {"pydantic", "httpx", "sqlite3", "yaml", "rich", "asyncio"} & loaded


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell"])
def test_the_script_of_each_shell_asks_this_command(shell: Shell, name: str) -> None:
    """Alone on standard output, to be evaluated."""
    told = shell.here("completion", name)

    assert (told.returncode, told.stderr) == (0, "")
    assert "_DUBBATCH_COMPLETE" in told.stdout
    assert f"{name}_complete" in told.stdout
    assert "dubbatch" in told.stdout.split()


def test_another_shell_is_told_which_there_are(shell: Shell) -> None:
    """Exit code 2."""
    told = shell.here("completion", "tcsh")

    assert told.returncode == 2
    assert "'bash', 'zsh', 'fish', 'powershell'" in told.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sta"], ["status"]),
        (["run", "x.csv", "--on-error", "sk"], ["skip"]),
        (["run", ""], ["compopt -o default", ""]),
    ],
)
def test_bash_completes_by_the_script(shell: Shell, tmp_path: Path, words: list[str], found: list[str]) -> None:
    """The real shell, with the script evaluated as ``~/.bashrc`` does, asks and is answered."""
    command = tmp_path / "bin" / "dubbatch"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dubbatch "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{shell.environment['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESS_TAB, "bash", "dubbatch", *words],
        env={**shell.environment, "PATH": path},
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [*found, "complete -o nosort -F _dubbatch_completion dubbatch"]
