"""Runs that are killed, interrupted, or started twice: what was bought is neither lost nor bought again."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dubbatch.media.checks import check_output
from dubbatch.sandbox.books import Books
from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]


def wait_for(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look again and again until it is so; the process must not end before."""
    pause = threading.Event()
    for _ in range(3000):
        if is_so():
            return
        assert process.poll() is None, process.communicate()
        pause.wait(0.01)
    raise AssertionError("it never came to that")


def test_a_run_killed_in_the_middle_goes_on_and_every_job_is_billed_once(shell: Shell) -> None:
    """kill -9 while jobs are at the service; the sandbox, killed with it, keeps its books too."""
    shell.write_jobs("a", "b", "c", "d")
    folder = shell.folder / ".dubbatch" / "sandbox-books"
    with shell.start("run", "batch.csv", "--sandbox", DUBBATCH_SETTLE="1") as process:
        wait_for(lambda: len(Books.load(folder).requests) >= 2, process)
        process.kill()
    outputs = shell.folder / "batch-dubs" / "sandbox"
    before = list(outputs.glob("*.mp4"))

    again = shell("run", "batch.csv", "--sandbox", DUBBATCH_SETTLE="1")

    assert len(before) < 4
    assert again.returncode == 0, again.stderr
    assert sorted(Books.load(folder).bills().values()) == [1] * 4
    files = sorted(outputs.glob("*.mp4"))
    assert len(files) == 4
    assert all(check_output(path, durations_s=[1.0]).ok for path in files)


def test_one_interrupt_leaves_in_good_order_and_another_run_meanwhile_is_refused(
    open_service: Service, connected: Connected
) -> None:
    """130: what runs stays at the service, and the next run collects it; 75 names who has the batch."""
    service = open_service(seconds=60.0)
    shell = connected(service)
    shell.write_jobs("a", "b")
    with shell.start("run", "batch.csv") as process:
        wait_for(lambda: len(service.books.requests) == 2, process)
        second = shell("run", "batch.csv")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert second.returncode == 75
    assert f"process {process.pid}" in second.stderr
    assert process.returncode == 130
    assert "interrupted" in out
    service.advance(120)

    after = shell("run", "batch.csv")

    assert after.returncode == 0
    assert sorted(service.books.bills().values()) == [1] * 2


def test_two_interrupts_end_a_run_that_waits_for_an_answer(open_service: Service, connected: Connected) -> None:
    """The POST in flight is given up; its job is asked for by the next run, and billed once."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b")
    silent = {"on": "post", "action": "silence", "accept": True, "nth": 1}
    service.set_faults([silent])
    pause = threading.Event()
    with shell.start("run", "batch.csv", "--limit", "1", "--concurrency", "1") as process:
        wait_for(lambda: len(service.books.requests) == 1, process)
        # Two that come at the same moment are one to the system: hence as often as it takes.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            pause.wait(0.2)

    assert process.returncode == 130

    after = shell("run", "batch.csv")

    assert after.returncode == 0, after.stderr
    assert sorted(service.books.bills().values()) == [1] * 2
