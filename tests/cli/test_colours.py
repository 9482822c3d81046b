"""Escape codes: none in what a program or a file reads, and no colours for who does not want them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: What asks programs for colours, wherever they print to. In a pipe dubbatch does not listen.
ASKED_FOR = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
#: Colours of letters and of what is behind them (ECMA-48, SGR).
_COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10\d)(?:;\d+)*m")
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


@pytest.mark.parametrize("line", _LINES)
def test_no_escape_code_gets_into_a_pipe(shell: Shell, line: str) -> None:
    """Neither on standard output nor on standard error, with an error or without, even if colours are asked for."""
    told = shell(*line.split(), **ASKED_FOR)

    assert told.stdout + told.stderr
    assert "\x1b" not in told.stdout + told.stderr


def test_no_escape_code_of_a_run_gets_into_a_pipe(shell: Shell) -> None:
    """From its plan to its end; nor from what looks at it afterwards."""
    shell.write_jobs("a", "b")
    lines = ["run batch.csv --sandbox", "collect batch.csv --sandbox", "redo batch.csv --sandbox --id a"]
    told = [shell(*line.split(), **ASKED_FOR) for line in [*lines, "report batch.csv --sandbox"]]

    assert [done.returncode for done in told] == [0] * 4
    assert [done for done in told if "\x1b" in done.stdout + done.stderr] == []


def on_a_terminal(shell: Shell, line: str, answer: str = "", **environment: str) -> str:
    """All that the command prints to a terminal."""
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(
        sys.executable,
        [*shell.program, *line.split()],
        cwd=str(shell.folder),
        env={**shell.environment, **environment},
        encoding="utf-8",
        timeout=30,
    )
    if answer:
        child.expect("next run")
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def test_no_colour_is_shown_to_who_does_not_want_any(shell: Shell) -> None:
    """NO_COLOR, on a terminal that has colours: a run with its progress, a question, a mistake, help."""
    shell.write_jobs("a", "b")
    wish = {"NO_COLOR": "1", "TERM": "xterm-256color"}

    shown = [
        on_a_terminal(shell, "run batch.csv --sandbox", **wish),
        on_a_terminal(shell, "redo batch.csv --sandbox --id a", "n", **wish),
        on_a_terminal(shell, "rnu", **wish),
        on_a_terminal(shell, "--help", **wish),
    ]

    assert "2 downloaded" in shown[0]
    assert "Nothing was recorded." in shown[1]
    assert "Did you mean run?" in shown[2]
    assert [text for text in shown if _COLOUR.search(text)] == []


def test_a_dumb_terminal_gets_plain_lines(shell: Shell) -> None:
    """An editor's shell, a console of a build: no cursor to move."""
    shell.write_jobs("a", "b")

    shown = on_a_terminal(shell, "run batch.csv --sandbox", TERM="dumb")

    assert "2 downloaded" in shown
    assert "\x1b" not in shown
