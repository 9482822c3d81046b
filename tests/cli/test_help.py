"""What somebody reads who does not know yet what to type, or has mistyped it."""

from __future__ import annotations

import platform
import re
import shlex
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner
from pytest_regressions.file_regression import FileRegressionFixture

from dubbatch import __version__
from dubbatch.cli.app import COMMANDS, app
from dubbatch.cli.options import given_flags
from dubbatch.cli.usage import told
from dubbatch.errors import UsageError
from dubbatch.resolution import resolve

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

#: Of the terminal; click leaves a margin of two.
COLUMNS = 100
TEXTS = Path(__file__).with_suffix("")
_EXAMPLE = re.compile(r"^ +dubbatch (.*?)(?:  .*)?$", re.MULTILINE)


def help_of(*words: str) -> str:
    return CliRunner().invoke(app, [*words, "--help"], prog_name="dubbatch", terminal_width=COLUMNS - 2).output


def examples(text: str) -> list[str]:
    return _EXAMPLE.findall(text.rpartition("Examples:")[2])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_reads_as_it_did(name: str, file_regression: FileRegressionFixture) -> None:
    """Whoever changes it sees what people will see (``pytest --force-regen`` writes the files)."""
    file_regression.check(help_of(name), basename=name, extension=".txt")


def test_the_help_of_dubbatch_reads_as_it_did(file_regression: FileRegressionFixture) -> None:
    """All commands, and how to begin."""
    file_regression.check(help_of(), basename="dubbatch", extension=".txt")


def test_the_real_command_prints_that_help(shell: Shell) -> None:
    """In as many columns as the terminal has; ``dubbatch help run`` is the same."""
    typed = shell("run", "--help", COLUMNS=str(COLUMNS), NO_COLOR="1")
    asked = shell("help", "run", COLUMNS=str(COLUMNS), NO_COLOR="1")

    assert (typed.returncode, typed.stderr) == (0, "")
    assert typed.stdout == (TEXTS / "run.txt").read_text(encoding="utf-8")
    assert asked.stdout == typed.stdout


@pytest.mark.parametrize("name", [*COMMANDS, ""])
def test_no_line_is_longer_than_the_screen_is_wide(name: str) -> None:
    """On the narrowest terminal that people have, too."""
    narrow = CliRunner().invoke(app, [*filter(None, [name]), "--help"], prog_name="dubbatch", terminal_width=80)

    assert max(map(len, narrow.output.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_work_as_typed(name: str) -> None:
    """They are taken apart as a shell does, and every option and value in them is one that there is."""
    lines = examples(help_of(name))

    assert 1 <= len(lines) <= 4
    for line in lines:
        word, *words = shlex.split(re.split(r" [>|] ", line)[0])
        command = app.get_command(click.Context(app), word)
        assert word == name
        assert command is not None
        values = command.make_context(word, words).params
        if "output_dir" in values:
            resolve(flags=given_flags(values), env={}, manifest={}, toml={}, here=Path(), beside=Path())


MISTYPED: dict[str, tuple[str, str]] = {
    "rnu spring.csv": ("there is no command rnu", "Did you mean run?"),
    "spring.csv --sandbox": ("there is no command spring.csv", "did you mean `dubbatch run spring.csv --sandbox`?"),
    "'my dubs.xlsx#June'": ("there is no command my dubs", "`dubbatch run 'my dubs.xlsx#June'`"),
    "tests": ("there is no command tests", "`dubbatch init tests`"),
    "frobnicate": ("there is no command frobnicate", "`dubbatch --help`"),
    "help colect": ("there is no command colect", "Did you mean collect?"),
    "run --outputdir x spring.csv": ("run: there is no option --outputdir", "--output-dir? `dubbatch run --help`"),
    "run --max_time 5 spring.csv": ("run: there is no option --max_time", "did you mean --max-time?"),
    "run spring.csv --Sandbox": ("there is no option --Sandbox", "did you mean --sandbox?"),
    "plan spring.csv --frobnicate": ("plan: there is no option --frobnicate", "`dubbatch plan --help`"),
    "plan spring.csv --format jsn": ("plan: invalid value for '--format': 'jsn'", "`dubbatch plan --help`"),
    "run spring.csv --limit": ("run: option '--limit' requires an argument", "`dubbatch run --help`"),
    "status": ("status: MANIFEST is missing. The sheet: .xlsx", "for example: dubbatch status spring.xlsx;"),
    "init": ("init: FOLDER is missing.", "for example: dubbatch init spring;"),
    "--frobnicate": ("there is no option --frobnicate", "`dubbatch --help`"),
}


@pytest.mark.parametrize("line", MISTYPED)
def test_a_mistyped_line_is_told_what_was_likely_meant(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong first, then the line to type, or the help to read."""
    monkeypatch.chdir(Path(__file__).parents[2])
    try:
        app.main(shlex.split(line), prog_name="dubbatch", standalone_mode=False)
    except click.UsageError as found:
        error = told(found)
    except UsageError as found:
        error = found
    else:
        pytest.fail("it was taken for a good one")

    message, hint = MISTYPED[line]
    assert message in error.message
    assert hint in error.hint


def test_a_value_that_an_option_does_not_take_names_the_nearest(shell: Shell) -> None:
    """By the real command, exit code 2, in two lines."""
    told = shell("run", "demo.csv", "--on-error", "stopp")

    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr == (
        "dubbatch: --on-error is 'stopp': expected stop or skip; did you mean stop?\n"
        "  nothing was sent; --help explains the option\n"
    )


def test_dubbatch_alone_shows_its_help_and_is_no_success(shell: Shell) -> None:
    """A crontab's line without its command must not pass for one that has done its work."""
    told = shell(COLUMNS=str(COLUMNS))

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (TEXTS / "dubbatch.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_what_a_report_of_a_bug_needs(shell: Shell, flag: str) -> None:
    """In the first line dubbatch's own; then all that takes part, and nothing that is secret."""
    told = shell(flag, CHAMELAION_API_KEY="sk-secret-4711")

    first, *rest = told.stdout.splitlines()
    assert (told.returncode, told.stderr) == (0, "")
    assert first == f"dubbatch {__version__}"
    assert "4711" not in told.stdout
    assert f"Python {platform.python_version()}" in rest[0]
    assert rest[1].startswith(f"SQLite {sqlite3.sqlite_version}; FFmpeg ")
    for name in "httpx httpcore pydantic pandas av click rich tenacity keyring".split():
        assert re.search(rf"\b{name} (\d|not installed)", rest[2])
    assert rest[3].startswith("permits are logged in ~")


def test_a_library_that_is_missing_is_told_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That may be the bug."""
    monkeypatch.setitem(sys.modules, "av", None)

    app.main(["--version"], standalone_mode=False)

    assert "FFmpeg can't be loaded" in capsys.readouterr().out
