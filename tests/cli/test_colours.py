"""Escape codes: none in what a program or a file reads, and none where the terminal knows none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: What asks programs for colours, wherever they print to. In a pipe dubbatch does not listen.
ASKED_FOR = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
_LINES = [
    "--help",
    "--version",
    "help run",
    "rnu",
    "run",
    "run demo.csv",
    "plan demo.csv --by language",
    "plan broken.csv",
    "status demo.csv",
    "config demo.csv",
    "redo demo.csv --failed",
    "account --base-url http://127.0.0.1:1",
]


@pytest.fixture
def connected_shell(open_service: Callable[..., Sandbox], connected: Callable[[Sandbox], Shell]) -> Shell:
    """With two jobs that nobody has bought yet."""
    shell = connected(open_service())
    shell.write_jobs("a", "b")
    return shell


@pytest.mark.parametrize("line", _LINES)
def test_no_escape_code_gets_into_what_is_no_terminal(shell: Shell, line: str) -> None:
    """Neither on standard output nor on standard error, with an error or without, even if colours are asked for."""
    told = shell.here(*line.split(), **ASKED_FOR)

    assert told.stdout + told.stderr
    assert "\x1b" not in told.stdout + told.stderr


def test_no_escape_code_of_a_run_gets_into_a_pipe(connected_shell: Shell) -> None:
    """From its plan to its end, by the process itself; nor from what looks at it afterwards, nor from a mistake."""
    ran = connected_shell("run", "batch.csv", **ASKED_FOR)
    mistyped = connected_shell("rnu", "batch.csv", **ASKED_FOR)
    lines = ["collect batch.csv", "redo batch.csv --id a", "report batch.csv", "status batch.csv"]
    after = [connected_shell.here(*line.split(), **ASKED_FOR) for line in lines]

    assert [done.returncode for done in (ran, mistyped, *after)] == [0, 2, 0, 0, 0, 0]
    assert [done for done in (ran, mistyped, *after) if "\x1b" in done.stdout + done.stderr] == []


def test_a_dumb_terminal_gets_plain_lines(connected_shell: Shell) -> None:
    """An editor's shell, a console of a build: no cursor to move."""
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(
        sys.executable,
        [*connected_shell.program, "run", "batch.csv"],
        cwd=str(connected_shell.folder),
        env={**connected_shell.environment, "TERM": "dumb"},
        encoding="utf-8",
        timeout=30,
    )
    child.expect(pexpect.EOF)
    child.close()
    shown = str(child.before)

    assert "2 downloaded" in shown
    assert "\x1b" not in shown
