"""``dubbatch config``: every setting, the place that it came from, and where the key is found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dubbatch.settings import OPTIONS

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.cli.conftest import Shell


def told_of(told: CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Setting -> its value and where it came from; below the empty line: what is in force."""
    assert told.returncode == 0, told.stderr
    rows = [re.split(r" {2,}", line, maxsplit=2) for line in told.stdout.splitlines() if line]
    return {row[0]: (row[1], row[2] if len(row) > 2 else "") for row in rows}


def test_config_shows_every_setting_and_the_place_that_it_came_from(shell: Shell) -> None:
    """Flag before environment before manifest before dubbatch.toml before default; then what is in force."""
    (shell.folder / "dubbatch.toml").write_text('transfers = 2\nconcurrency = 9\nrate_limit = 30\nsettle = "5m"\n')
    lines = (shell.folder / "demo.yaml").read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "concurrency: 2" in line)

    told = told_of(shell("config", "demo.yaml", "--transfers", "3", DUBBATCH_RATE_LIMIT="20"))

    assert told["transfers"] == ("3", "flag --transfers")
    assert told["rate_limit"] == ("20", "environment DUBBATCH_RATE_LIMIT")
    assert told["concurrency"] == ("2", f"manifest demo.yaml, line {number}")
    assert told["settle"] == ("300s", f"dubbatch.toml {shell.folder / 'dubbatch.toml'}")
    assert told["poll_interval"] == ("5s", "default")
    assert told["output_dir"] == ("-", "default")
    assert told["outputs"] == (str(shell.folder / "demo-dubs"), "")
    assert told.keys() >= {option.name for option in OPTIONS.values()}


def test_without_a_manifest_the_working_directory_and_the_flags_count(shell: Shell) -> None:
    """As for a manifest that lay there; the vendor's own variable is told by its name."""
    (shell.folder / "dubbatch.toml").write_text('transfers = 2\nledger = "books/l.db"\n')
    elsewhere = "https://sdk.example.com/api"

    told = told_of(shell.here("config", "--settle", "3m", "--output", "x" * 60, CHAMELAION_BASE_URL=elsewhere))

    assert told["transfers"] == ("2", f"dubbatch.toml {shell.folder / 'dubbatch.toml'}")
    assert told["ledger"] == (str(shell.folder / "books" / "l.db"), f"dubbatch.toml {shell.folder / 'dubbatch.toml'}")
    assert told["settle"] == ("180s", "flag --settle")
    assert told["output"] == ("x" * 60, "flag --output")
    assert told["base_url"] == (elsewhere, "environment CHAMELAION_BASE_URL")
    assert told["key"] == ("none", "")


def test_columns_are_as_wide_as_their_longest_value(shell: Shell) -> None:
    """Nothing is cut, and everything stands below its like."""
    told = shell.here("config", "--output", "x" * 60)

    settings = told.stdout.split("\n\n")[0].splitlines()
    starts = {re.split(r"(?= (?:default|flag --output)$)", line)[0].__len__() for line in settings}
    assert len(settings) == len(OPTIONS)
    assert len(starts) == 1


@pytest.mark.parametrize("name", ["CHAMELAION_API_KEY", "CHAMELAION_BEARER_TOKEN"])
def test_the_keys_place_is_told_and_the_key_is_not(shell: Shell, name: str) -> None:
    """The environment comes before ``.env``."""
    (shell.folder / ".env").write_text("CHAMELAION_API_KEY=sk-of-the-file-4711\n")

    by_file = shell.here("config", "demo.csv")
    by_environment = shell.here("config", "demo.csv", **{name: "sk-of-the-shell-4711"})

    assert told_of(by_file)["key"][0] == f"from {shell.folder / '.env'} CHAMELAION_API_KEY"
    assert told_of(by_environment)["key"][0] == f"from environment {name}"
    assert "4711" not in by_file.stdout + by_environment.stdout


def test_the_sandbox_has_a_ledger_a_folder_and_a_pace_of_its_own(shell: Shell) -> None:
    """What ``run --sandbox`` would use; the key of the real account is no part of it."""
    told = told_of(shell.here("config", "demo.csv", "--sandbox", CHAMELAION_API_KEY="k"))

    assert told["ledger"] == (str(shell.folder / ".dubbatch" / "sandbox.db"), "")
    assert told["outputs"] == (str(shell.folder / "demo-dubs" / "sandbox"), "")
    assert told["poll_interval"] == ("0.5s", "default with --sandbox")
    assert told["key"] == ("the sandbox's own", "")


DELIMITERS = [
    ("flag", ";", ("--report-csv-delimiter", ";"), {}, "", ""),
    ("environment", "tab", (), {"DUBBATCH_REPORT_CSV_DELIMITER": "TAB"}, "", ""),
    ("manifest", "|", (), {}, "  report.csv_delimiter: '|'\n", ""),
    ("dubbatch.toml", ";", (), {}, "", '"report.csv_delimiter" = ";"\nreport = ["x.json"]\n'),
    ("dubbatch.toml", ";", (), {}, "", 'report.csv_delimiter = ";"\n'),
    ("dubbatch.toml", ";", (), {}, "", '[report]\ncsv_delimiter = ";"\n'),
]


@pytest.mark.parametrize(("origin", "word", "flags", "environment", "manifest", "toml"), DELIMITERS)
def test_the_delimiter_of_csv_reports_is_set_in_any_way(
    shell: Shell, origin: str, word: str, flags: tuple[str, ...], environment: dict[str, str], manifest: str, toml: str
) -> None:
    """Its name has a dot: in TOML that is a table, unless it is quoted."""
    text = (shell.folder / "demo.yaml").read_text(encoding="utf-8")
    assert "settings:\n" in text
    (shell.folder / "demo.yaml").write_text(text.replace("settings:\n", "settings:\n" + manifest), encoding="utf-8")
    (shell.folder / "dubbatch.toml").write_text(toml)

    told = shell.here("config", "demo.yaml", *flags, **environment)

    value, place = told_of(told)["report.csv_delimiter"]
    assert (value, place.split()[0]) == (word, origin)


@pytest.mark.parametrize(
    ("toml", "said"),
    [('[report]\ndelimiter = ";"\n', "unknown setting report.delimiter"), ("[report]\ncsv_delimiter = 1\n", "tab")],
)
def test_a_table_of_report_that_makes_no_sense_is_told(shell: Shell, toml: str, said: str) -> None:
    """As any other key is."""
    (shell.folder / "dubbatch.toml").write_text(toml)

    told = shell.here("config", "demo.csv")

    assert told.returncode == 2
    assert said in told.stderr
