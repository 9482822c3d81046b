"""What cron's log and exit code say when things go wrong before, beside and behind a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dubbatch.cli.turns import gravest
from dubbatch.sandbox.server import Sandbox
from tests.cli.conftest import PATIENCE_S, Shell

Connected = Callable[[Sandbox], Shell]
Service = Callable[..., Sandbox]


def log_of(shell: Shell, name: str = "run.log") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shell.folder / name).read_text().splitlines()]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("run", "gone.csv"), 3), (("run", "demo.yaml", "--limit", "0"), 2), (("collect", "demo.yaml", "--limt"), 2)],
)
def test_a_night_that_ends_before_it_begins_is_in_the_log(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    """Else the last good night's end stays the last entry for ever."""
    done = shell(*arguments, "--log-format", "json", "--log-file", "run.log")
    error, end = log_of(shell)

    assert done.returncode == code
    assert (error["action"], error["message"] != "") == ("error", True)
    assert (end["action"], end["exit_code"]) == ("ended", code)


def test_of_several_manifests_the_last_entry_has_the_code_of_the_command(
    open_service: Service, connected: Connected
) -> None:
    """Whatever the last of them ended with."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    done = shell("run", "broken.csv", "batch.csv", "--log-format", "json", "--log-file", "run.log", "--quiet")
    ends = [entry for entry in log_of(shell) if entry["action"] == "ended"]

    assert [(end["batch"], end["exit_code"]) for end in ends] == [("broken", 3), ("batch", 0), ("", 3)]
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 75], 75),
        ([75, 9], 75),
        ([75, 4], 4),
        ([1, 75, 0], 1),
        ([3, 1], 3),
        ([0, 0], 0),
        ([9, 6], 6),
        ([143], 143),
    ],
)
def test_a_busy_batch_hides_nothing_that_a_person_must_know(codes: list[int], expected: int) -> None:
    """cron takes 75 for fine."""
    assert gravest(codes) == expected


def test_a_reader_that_has_gone_changes_neither_the_run_nor_its_code(
    open_service: Service, connected: Connected
) -> None:
    """``2>&1 | head -0``, for a run that has something to say and for one that ends at once."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    codes = []
    for manifest in ("gone.csv", "batch.csv"):
        with subprocess.Popen(
            [sys.executable, *shell.program, "run", manifest],
            cwd=shell.folder,
            env=dict(shell.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            process.stdout.close()
            codes.append(process.wait(PATIENCE_S))

    assert codes == [3, 0]
    assert (shell.folder / "batch-dubs" / "ep01.mp4").exists()


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell to close a stream with")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere_and_changes_no_code(
    open_service: Service, connected: Connected, closed: str
) -> None:
    """Least of all may the ledger be opened in its place."""
    shell = connected(open_service())
    shell.write_jobs("ep01")
    line = f'"$0" -m dubbatch run batch.csv {closed}'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], cwd=shell.folder, env=dict(shell.environment), timeout=PATIENCE_S
    )

    assert done.returncode == 0
    assert shell("status", "batch.csv").stdout.startswith("Batch batch: 1 job: 1 downloaded")


def test_a_mailed_manifest_can_not_make_the_log_something_that_is_obeyed(shell: Shell) -> None:
    """It is a problem of its line, and nothing is appended anywhere."""
    (shell.folder / "s.yaml").write_text(
        "version: 1\nsettings: {log_file: ../.bashrc}\njobs:\n  - {video: media/tiny.mp4, audio: media/harbor.de.wav}\n"
    )
    done = shell("run", "s.yaml", "--sandbox")

    assert done.returncode == 3
    assert "a manifest's log is called .log, .jsonl, .ndjson or .txt" in done.stderr
    assert not (shell.folder.parent / ".bashrc").exists()


@pytest.mark.parametrize("file", ["batch.csv", ".dubbatch/ledger.db", "batch-dubs/report.csv"])
def test_no_log_is_appended_to_what_is_no_log(shell: Shell, file: str) -> None:
    """The sheet stays as it was."""
    shell.write_jobs("ep01")
    before = (shell.folder / "batch.csv").read_bytes()
    done = shell("run", "batch.csv", "--log-file", file)

    assert done.returncode in (2, 8)
    assert (shell.folder / "batch.csv").read_bytes() == before


def test_a_mistyped_address_costs_no_ledger(open_service: Service, connected: Connected) -> None:
    """The right one is taken from then on, and what is next does not repeat the wrong one."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("ep01")
    wrong = shell("run", "batch.csv", "--base-url", service.base_url.removesuffix("/api"))
    right = shell("run", "batch.csv")

    assert (wrong.returncode, right.returncode) == (6, 0)
    assert "Next: dubbatch run batch.csv  # with the right --base-url" in wrong.stdout


def test_the_next_line_for_one_of_several_manifests_names_that_one_alone(
    open_service: Service, connected: Connected
) -> None:
    """A cap that is raised for one is raised for no other."""
    shell = connected(open_service())
    for name in ("first", "second"):
        shell.write_jobs(f"{name}-ep01", f"{name}-ep02")
        shutil.move(shell.folder / "batch.csv", shell.folder / f"{name}.csv")
    done = shell("run", "first.csv", "second.csv", "--max-minutes", "0.02")

    assert done.returncode == 5
    assert "Next: dubbatch run first.csv --max-minutes 1  #" in done.stdout
