"""What SQLite makes of the named queries: a run asks them for every job, so none may read a table from end to end."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from dubbatch.ledger.ledger import Ledger

#: Tables that grow with the jobs of all batches.
_LARGE = "jobs|attempts|sends|outputs|media|requests"
#: Asked once a run.
_ONCE = {"count_requests"}


def _queries() -> dict[str, str]:
    text = resources.files("dubbatch.ledger").joinpath("queries.sql").read_text(encoding="utf-8")
    blocks = re.split(r"^-- name: (\w+)\s*$", text, flags=re.MULTILINE)[1:]
    return dict(zip(blocks[0::2], blocks[1::2], strict=True))


@pytest.mark.parametrize("name", sorted(_queries().keys() - _ONCE))
def test_a_query_finds_its_rows_by_an_index(path: Path, name: str) -> None:
    """A partial index counts only for a query that names its condition."""
    Ledger(path).close()
    sql = re.sub(r"--.*", "", _queries()[name])
    values = dict.fromkeys(re.findall(r":(\w+)", sql), "x")
    with closing(sqlite3.connect(path)) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    assert [step for step in steps if re.fullmatch(rf"SCAN ({_LARGE})", step)] == []
