"""Several manifests in one command: in turn, each to its end, and the code that matters most."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable

import pytest

from dubbatch.sandbox.server import Sandbox
from tests.cli.conftest import PATIENCE_S, Shell
from tests.waiting import wait_for

Connected = Callable[[Sandbox], Shell]
Service = Callable[..., Sandbox]


@pytest.fixture
def service(open_service: Service) -> Sandbox:
    return open_service()


def write_two(shell: Shell) -> Shell:
    """``first.csv`` and ``second.csv``, a job each."""
    for name in ("first", "second"):
        shell.write_jobs(f"{name}-ep01")
        shutil.move(shell.folder / "batch.csv", shell.folder / f"{name}.csv")
    return shell


@pytest.fixture
def two(service: Sandbox, connected: Connected) -> Shell:
    """A shell with ``first.csv`` and ``second.csv``."""
    return write_two(connected(service))


def test_each_is_run_to_its_end_in_turn(two: Shell) -> None:
    """With a report each."""
    done = two("run", "first.csv", "second.csv")

    assert done.returncode == 0
    assert done.stdout.index("Batch first: 1 job") < done.stdout.index("Batch second: 1 job")
    assert [line for line in done.stderr.splitlines() if line.endswith(".csv:")] == ["first.csv:", "second.csv:"]
    for name in ("first", "second"):
        assert (two.folder / f"{name}-dubs" / f"{name}-ep01.mp4").exists()


def test_one_that_is_bad_stops_no_other(two: Shell) -> None:
    """The code of the bad one is told, although the last one went well."""
    done = two.here("run", "broken.csv", "second.csv")

    assert done.returncode == 3
    assert "Batch second: 1 job: 1 downloaded" in done.stdout


def test_the_first_code_in_the_contracts_order_wins(two: Shell, service: Sandbox) -> None:
    """3 (problems) is before 9 (work remains), wherever it stands in the line."""
    two.write_jobs("ep01", "ep02")
    done = two.here("run", "batch.csv", "broken.csv", "--limit", "1")

    assert done.returncode == 3
    assert len(service.books.posts) == 1


def test_a_slip_in_the_last_is_told_before_the_first_begins(two: Shell, service: Sandbox) -> None:
    """Nothing is paid for by a command that was not meant so."""
    done = two.here("run", "first.csv", "misspelt.csv")

    assert done.returncode == 3
    assert "misspelt.csv" in done.stderr
    assert len(service.books.posts) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("first.csv", "./first.csv"), "the same batch"),
        (("first.csv", "second.csv", "--batch", "spring"), "the same batch"),
        (("first.csv", "second.csv", "--report", "all.xlsx"), "the same report"),
        (("first.csv", "second.csv", "--output-dir", "out"), "the same report"),
    ],
)
def test_what_one_would_overwrite_of_the_other_is_told(
    two: Shell, service: Sandbox, arguments: tuple[str, ...], said: str
) -> None:
    """Before anything is sent."""
    done = two.here("run", *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert len(service.books.posts) == 0


def test_status_report_and_collect_take_several_too(two: Shell) -> None:
    """What was run together is looked at together."""
    two.here("run", "first.csv", "second.csv")
    for command in ("status", "report", "collect", "plan"):
        done = two.here(command, "first.csv", "second.csv")
        assert (done.returncode, "first" in done.stdout, "second" in done.stdout) == (0, True, True)


def test_an_interruption_ends_all(open_service: Service, connected: Connected) -> None:
    """The next ones are not begun, and that is said."""
    service = open_service(seconds=20)
    shell = write_two(connected(service))
    with shell.start("run", "first.csv", "second.csv") as process:
        wait_for(lambda: len(service.books.requests) == 1, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert "not begun: second.csv" in err
    assert "Batch second" not in out


def test_max_time_bounds_the_command_and_not_each(open_service: Service, connected: Connected) -> None:
    """Cron's night is as long as it is, however many sheets there are: the second gets nothing of what is over."""
    service = open_service(seconds=20)
    shell = write_two(connected(service))
    done = shell.here("run", "first.csv", "second.csv", "--max-time", "2")

    assert done.returncode == 9
    assert done.stdout.count("stopped: the time that --max-time allows is over") == 2
    assert [reference[:8] for reference in service.books.bills()] == ["first-ep"]
