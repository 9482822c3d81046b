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


#: What a run asks for every job, or in every round.
_OFTEN = (
    "attempt attempts_in_doubt attempts_of_stem attempts_to_follow attempts_to_settle attempts_with_fingerprint job"
    " jobs_by_turn jobs_following jobs_to_fetch open_redos outputs_of_job outputs_of_reference redone sends_of"
    " usual_times"
).split()


@pytest.mark.parametrize("name", _OFTEN)
def test_a_query_that_is_asked_often_costs_the_same_however_much_is_done(path: Path, name: str) -> None:
    """In steps of SQLite's machine, of 300 and of 3,000 jobs, most of which are home."""
    Ledger(path).close()
    steps = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for first, last in ((0, 300), (300, 3000)):
            fill(connection, range(first, last))
            steps.append(steps_of(connection, re.sub(r"--.*", "", _queries()[name])))

    assert steps[1] <= 1.5 * steps[0] + 50


def fill(connection: sqlite3.Connection, numbers: range) -> None:
    """Jobs that are home, three for each that is to come; five are at the service."""
    connection.execute("BEGIN")
    for number in numbers:
        is_home, at_service = number % 4 > 0, number < 20 and number % 4 == 0
        state = "downloaded" if is_home else "processing" if at_service else "pending"
        bought = is_home or at_service
        connection.execute(
            "INSERT INTO jobs (batch, id, position, state, fingerprint, reference, row)"
            " VALUES ('b', ?, ?, ?, ?, ?, '{}')",
            (f"job-{number}", number, state, f"work-{number}", f"ref-{number}" if bought else ""),
        )
        if bought:
            connection.execute(
                "INSERT INTO attempts"
                " (reference, stem, n, batch, job, fingerprint, state, request_id, created_at, finished_at)"
                " VALUES (?, ?, 1, 'b', ?, ?, ?, ?, '2026-01-01', ?)",
                (
                    f"ref-{number}",
                    f"stem-{number}",
                    f"job-{number}",
                    f"work-{number}",
                    "completed" if is_home else state,
                    f"id-{number}",
                    "2026-01-02" if is_home else "",
                ),
            )
            connection.execute(
                "INSERT INTO sends (reference, started, outcome) VALUES (?, 1.0, 'accepted')", (f"ref-{number}",)
            )
        if is_home:
            connection.execute(
                "INSERT INTO outputs VALUES (?, 'b', ?, ?, 0, '', 1, 1.0, 'good', '')",
                (f"/out/{number}.mp4", f"job-{number}", f"ref-{number}"),
            )
    connection.execute("COMMIT")


def steps_of(connection: sqlite3.Connection, sql: str) -> int:
    """How many steps a query takes for job number 4, which is at the service."""
    given = {"batch": "b", "id": "job-4", "job": "job-4", "reference": "ref-4", "stem": "stem-4"}
    values = {"limit": 50, "offset": 0, "left_s": None, "fingerprint": "work-4", **given}
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    connection.execute(sql, values).fetchall()
    connection.set_progress_handler(None, 0)
    return steps
