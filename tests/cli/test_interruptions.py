"""Runs that are killed, interrupted, or started twice: what was bought is neither lost nor bought again."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.interrupts import handled
from dubbatch.media.checks import check_output
from dubbatch.sandbox.books import Books
from dubbatch.sandbox.server import Sandbox
from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]

PATIENCE_S = 30
INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL

#: The command, which sends itself SIGNALS when it has come to each of MOMENTS, one after the other: names of
#: ``dubbatch.moments`` or Python's own audit events, each with a stage and a part of what it is about.
AT_MOMENTS = """
import os, sys
moments = [moment.split("|") for moment in os.environ["MOMENTS"].split()]
def hook(told, arguments):
    if moments and told == moments[0][0]:
        event, stage, what = moments[0]
        if (not stage or arguments[0] == stage) and what in str(arguments):
            del moments[0]
            for number in os.environ["SIGNALS"].split() if not moments else ():
                os.kill(os.getpid(), int(number))
sys.addaudithook(hook)
from dubbatch.cli.app import main
main()
"""
#: The command with standard input as its terminal, whose Ctrl-C and whose end it feels.
IN_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from dubbatch.cli.app import main
main()
"""
#: The command, and a thread that never ends.
WITH_A_HANGING_THREAD = """
import threading
threading.Thread(target=threading.Event().wait).start()
from dubbatch.cli.app import main
main()
"""


def at(moments: str, *signals: signal.Signals) -> dict[str, str]:
    """The environment for AT_MOMENTS."""
    return {"MOMENTS": moments, "SIGNALS": " ".join(str(int(number)) for number in signals)}


def goes_on(shell: Shell, service: Sandbox, jobs: int) -> None:
    """The next run brings everything home, every job is billed once, and nothing temporary is left."""
    service.set_faults([])
    service.change(seconds=0.1)
    service.advance(120)
    after = shell.here("run", "batch.csv")
    assert after.returncode == 0, after.stderr
    assert sorted(service.books.bills().values()) == [1] * jobs
    outputs = sorted((shell.folder / "batch-dubs").glob("*.mp4"))
    assert len(outputs) == jobs
    assert all(check_output(path, durations_s=[1.0]).ok for path in outputs)
    assert [path for path in shell.folder.rglob("*") if path.name.endswith(".part")] == []


@dataclass(frozen=True)
class Phase:
    """Where a run is when the signals come: it has made so many calls of a kind, or is at a moment."""

    settings: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    calls: str = ""
    moment: str = ""


LONG = {"seconds": 60.0}
LOST = {"on": "post", "action": "drop", "accept": True}
PHASES = {
    "look-up": Phase({}, [{"on": "list", "action": "silence"}], "list"),
    "settling": Phase(
        LONG,
        [LOST, {"on": "get", "action": "answer"}, {"on": "list", "action": "answer", "nth": 2, "count": 99}],
        "get",
    ),
    "download": Phase({}, [{"on": "output", "action": "slow", "seconds": 0.5}], "output"),
    "report": Phase(moment="open||report.csv"),
}
CASES = [
    # What is in flight when a POST is under way is the contract of cron: test_cron.py.
    ("download", (INT,), 130, {"downloaded"}),
    ("look-up", (INT,), 130, {"pending"}),
    ("settling", (INT, INT, INT), 130, None),
    ("report", (HUP, HUP), 143, None),
]


@pytest.mark.parametrize(("phase", "signals", "code", "states"), CASES)
def test_signals_end_a_run_wherever_it_is_and_the_next_one_goes_on(
    open_service: Service,
    connected: Connected,
    phase: str,
    signals: tuple[signal.Signals, ...],
    code: int,
    states: set[str] | None,
) -> None:
    """No traceback, nothing bought twice, nothing left behind; ``states``: of the first job then."""
    what = PHASES[phase]
    service = open_service(**what.settings)
    service.set_faults(what.faults)
    shell = connected(service)
    shell.write_jobs("a", "b")
    victim = replace(shell, program=("-c", AT_MOMENTS)) if what.moment else shell
    pause = threading.Event()
    with victim.start("run", "batch.csv", "--concurrency", "1", **at(what.moment, *signals)) as process:
        if what.calls:
            wait_for(lambda: service.books.count(what.calls) > 0, process)
            for number in signals:
                process.send_signal(number)
                # Two that come at the same moment are one to the system.
                pause.wait(0.1)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == code, out + err
    assert "Traceback" not in err
    assert "never awaited" not in err
    if what.settings is LONG:
        # The one slot is taken, and no POST came after the signal.
        assert len(service.books.posts) == 1
    if states:
        report = json.loads((shell.folder / "batch-dubs" / "report.json").read_text())
        assert report["jobs"][0]["state"] in states
    goes_on(shell, service, 2)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the end that a person holds, and the end that a process has."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    for end in (ours, theirs):
        with suppress(OSError):
            os.close(end)


@pytest.mark.parametrize(("does", "code"), [("types Ctrl-C", 130), ("closes the window", 143)])
def test_a_person_who_is_asked_and_goes_away_has_sent_nothing(
    open_service: Service, connected: Connected, terminal: tuple[int, int], does: str, code: int
) -> None:
    """Eleven jobs are asked about; what was planned is not kept either."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs(*"abcdefghijk")
    ours, theirs = terminal
    with in_terminal(shell, theirs, "run", "batch.csv") as process:
        os.close(theirs)
        asked = b""
        while b"Send them?" not in asked:
            asked += os.read(ours, 4096)
        pause = threading.Event()
        while does == "types Ctrl-C" and process.poll() is None:
            # Right before the prompt waits it would be heard only with the next key.
            os.write(ours, b"\x03")
            pause.wait(0.2)
        if does != "types Ctrl-C":
            os.close(ours)
        assert process.wait(timeout=PATIENCE_S) == code

    assert len(service.books.posts) == 0


def test_a_terminal_that_is_closed_ends_a_run_as_sigterm_does(
    open_service: Service, connected: Connected, terminal: tuple[int, int]
) -> None:
    """An ssh session that breaks: in good order, although nothing can be shown any more."""
    service = open_service(**LONG)
    shell = connected(service)
    shell.write_jobs("a", "b")
    ours, theirs = terminal
    with in_terminal(shell, theirs, "run", "batch.csv") as process:
        os.close(theirs)
        wait_for(lambda: service.books.count("list") >= 6, process)
        os.close(ours)
        assert process.wait(timeout=PATIENCE_S) == 143

    goes_on(shell, service, 2)


def in_terminal(shell: Shell, end: int, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, *arguments],
        cwd=shell.folder,
        env={**shell.environment, "TERM": "xterm"},
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )


def test_under_nohup_a_closed_terminal_changes_nothing() -> None:
    """Whoever started it said so; Ctrl-C and SIGTERM are still heard."""
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        assert set(handled()) == {INT, TERM}
    finally:
        signal.signal(HUP, before)
    assert set(handled()) == {INT, TERM, HUP}


def test_a_thread_that_hangs_does_not_keep_the_command_for_ever(shell: Shell) -> None:
    """It has ended with its code, and the third Ctrl-C doesn't wait for the thread."""
    with replace(shell, program=("-c", WITH_A_HANGING_THREAD)).start("--version") as process:
        assert process.stdout is not None
        process.stdout.readline()
        pause = threading.Event()
        while process.poll() is None:
            process.send_signal(INT)
            pause.wait(0.05)

    # 130 where the first came before the command had ended.
    assert process.returncode in (0, 130)


#: Between the statements that write down one send.
COMMIT_PATHS = [
    "dubbatch.write|before|put_send",
    "dubbatch.write|before|put_send dubbatch.commit|after|ledger",
    "dubbatch.post|after|",
    "dubbatch.write|before|end_send dubbatch.write|before|put_attempt",
    "dubbatch.write|before|end_send dubbatch.commit|after|ledger",
]


def test_killed_between_any_two_steps_of_a_send_a_batch_goes_on(open_service: Service, connected: Connected) -> None:
    """kill -9 five times, each at another moment of the way from the ledger to the service and back."""
    service = open_service()
    shell = connected(service)
    jobs = "abcde"
    shell.write_jobs(*jobs)
    victim = replace(shell, program=("-c", AT_MOMENTS))
    for moments in COMMIT_PATHS:
        killed = victim("run", "batch.csv", "--concurrency", "1", DUBBATCH_SETTLE="0.3", **at(moments, KILL))
        assert killed.returncode == -KILL, killed.stderr

    goes_on(shell, service, len(jobs))


#: Reports are refreshed at once after every change.
OFTEN = "from dubbatch import refresh\nrefresh._LEAST_PAUSE_S, refresh._PAUSES = 0.01, 0\n"


def test_killed_in_the_middle_of_a_refresh_a_run_leaves_the_last_whole_reports(
    open_service: Service, connected: Connected
) -> None:
    """What was half written is cleared away by the next one."""
    service = open_service(seconds=2.0)
    shell = connected(service)
    shell.write_jobs("a", "b")
    victim = replace(shell, program=("-c", OFTEN + AT_MOMENTS))

    killed = victim("run", "batch.csv", "--concurrency", "1", **at("os.rename||report.json open||.report.json.", KILL))

    assert killed.returncode == -KILL, killed.stderr
    folder = shell.folder / "batch-dubs"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    lines = (folder / "report.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [job["id"] for job in report["jobs"]] == ["a", "b"]
    assert [line.split(",")[0] for line in lines] == ["id", "a", "b"]
    assert report["finished_at"] == ""
    assert [path.name for path in folder.iterdir() if path.name.startswith(".report.csv.")]
    goes_on(shell, service, 2)


def test_a_run_killed_in_the_middle_goes_on_and_every_job_is_billed_once(shell: Shell) -> None:
    """kill -9 while jobs are at the service; the sandbox, killed with it, keeps its books too."""
    shell.write_jobs("a", "b", "c", "d")
    folder = shell.folder / ".dubbatch" / "sandbox-books"
    with shell.start("run", "batch.csv", "--sandbox", DUBBATCH_SETTLE="1") as process:
        wait_for(lambda: len(Books.load(folder).requests) >= 2, process)
        process.kill()
    outputs = shell.folder / "batch-dubs" / "sandbox"
    before = list(outputs.glob("*.mp4"))

    again = shell.here("run", "batch.csv", "--sandbox", DUBBATCH_SETTLE="1")

    assert len(before) < 4
    assert again.returncode == 0, again.stderr
    assert sorted(Books.load(folder).bills().values()) == [1] * 4
    files = sorted(outputs.glob("*.mp4"))
    assert len(files) == 4
    assert all(check_output(path, durations_s=[1.0]).ok for path in files)
