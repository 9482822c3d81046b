"""What the commands print, word for word: the texts are kept as files, so that a change of one is seen.

``pytest --force-regen`` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_regressions.file_regression import FileRegressionFixture

from dubbatch.sandbox.server import Sandbox
from tests.cli.conftest import Shell

Connected = Callable[[Sandbox], Shell]
Service = Callable[..., Sandbox]

#: What differs from call to call, and what stands for it.
_DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\d\d:\d\d(?: on \w+, \d{4}-\d\d-\d\d)?"), "HH:MM"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}"), "REQUEST"),
    (re.compile(r"-[a-z2-7]{20}-(?=\d)"), "-REFERENCE-"),
    (re.compile(r'"seconds": [\d.e-]+'), '"seconds": S'),
    # A quick job may end between two looks at it.
    (re.compile(r'"completed"(.*?)"before": "\w+"'), r'"completed"\1"before": "STATE"'),
)


@pytest.fixture
def same(file_regression: FileRegressionFixture) -> Callable[[str, Path], None]:
    """Compares a text with the one that is kept."""

    def check(text: str, folder: Path) -> None:
        text = text.replace(str(folder), "/work")
        for pattern, word in _DIFFERS:
            text = pattern.sub(word, text)
        file_regression.check(text, extension=".txt", encoding="utf-8")

    return check


@pytest.fixture
def mixed(open_service: Service, connected: Connected) -> Shell:
    """Four jobs, of which one fails at the service and one is blocked by its file; one at a time, so in order."""
    service = open_service(concurrency=1)
    shell = connected(service)
    shell.write_jobs("ep01", "ep02", "ep03", "ep04")
    (shell.folder / "media" / "ep03.wav").write_bytes(b"no sound at all")
    service.set_faults([{"on": "post", "action": "fail", "message": "no face was found", "nth": 2}])
    return shell


def test_a_run_in_a_pipe_reads_as_it_did(mixed: Shell, same: Callable[[str, Path], None]) -> None:
    """A line for each problem while it goes on; at the end what was done, what not and why, and what next."""
    done = mixed("run", "batch.csv", "--concurrency", "1", "--price-per-minute", "0.60 EUR")

    assert done.returncode == 1
    same(f"{done.stderr}--\n{done.stdout}", mixed.folder)


def test_what_comes_after_it_reads_as_it_did(mixed: Shell, same: Callable[[str, Path], None]) -> None:
    """Status, redo, a plan of the rest, and a quiet run that mends the row."""
    mixed("run", "batch.csv", "--concurrency", "1")
    status = mixed("status", "batch.csv")
    redo = mixed("redo", "batch.csv", "--failed")
    plan = mixed("plan", "batch.csv", "--by", "language")
    quiet = mixed("run", "batch.csv", "--quiet")

    parts = (status, redo, plan, quiet)
    told = "".join(f"$ dubbatch {' '.join(part.args)}\n{part.stderr}{part.stdout}" for part in parts)
    assert [part.returncode for part in parts] == [0, 0, 0, 1]
    same(told, mixed.folder)


def test_a_pilot_and_a_cap_read_as_they_did(
    open_service: Service, connected: Connected, same: Callable[[str, Path], None]
) -> None:
    """Each says how to go on, with the very line."""
    shell = connected(open_service(concurrency=1))
    shell.write_jobs("ep01", "ep02", "ep03", "ep04")
    pilot = shell("run", "batch.csv", "--limit", "1", "--concurrency", "1")
    capped = shell("run", "batch.csv", "--max-minutes", "0.05", "--concurrency", "1")

    assert (pilot.returncode, capped.returncode) == (9, 5)
    same(f"{pilot.stdout}--\n{capped.stdout}", shell.folder)


def test_a_log_in_json_reads_as_it_did(mixed: Shell, same: Callable[[str, Path], None]) -> None:
    """What programs go by: names of actions and of fields."""
    done = mixed("run", "batch.csv", "--concurrency", "1", "--log-format", "json", "--only", "ep02", "--only", "ep03")
    kept = [line for line in done.stderr.splitlines() if '"processing"' not in line.partition('"batch"')[0]]

    assert (done.returncode, done.stdout) == (1, "")
    same("\n".join(kept), mixed.folder)


def test_a_bad_sheet_reads_as_it_did(shell: Shell, same: Callable[[str, Path], None]) -> None:
    """Each problem at its cell, with its remedy."""
    told = shell("run", "broken.csv")

    assert (told.returncode, told.stdout) == (3, "")
    same(told.stderr, shell.folder)
