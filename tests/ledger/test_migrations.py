"""From an empty file to the tables of today, one numbered step after the other."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from dubbatch.errors import LedgerError
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.migrations import pending_migrations


def sql_files() -> list[str]:
    files = resources.files("dubbatch.ledger.migrations").iterdir()
    return sorted(file.name for file in files if file.name.endswith(".sql"))


def test_the_files_are_numbered_from_one_without_gaps() -> None:
    """A gap, or a number used twice, would run them in an order that nobody meant."""
    numbers = [int(match[1]) for name in sql_files() if (match := re.fullmatch(r"(\d{3})_[a-z_]+\.sql", name))]

    assert numbers == list(range(1, len(sql_files()) + 1))


def test_a_blank_ledger_runs_them_all_and_a_current_one_none() -> None:
    """Each runs once."""
    every = [number for number, _ in pending_migrations(0, "here")]

    assert every == list(range(1, len(sql_files()) + 1))
    assert pending_migrations(every[-1], "here") == []


def test_the_number_of_the_last_one_is_kept_in_the_file(path: Path) -> None:
    """``user_version`` is what the next dubbatch goes by."""
    Ledger(path).close()
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert version == len(sql_files())
    assert {"account", "batches", "jobs", "attempts", "sends", "outputs", "media", "redos"} <= tables


def test_a_later_format_is_named_with_the_file() -> None:
    """So that a person knows which ledger it is."""
    with pytest.raises(LedgerError, match=r"/somewhere/ledger\.db was .*format 50"):
        pending_migrations(50, Path("/somewhere/ledger.db"))
