"""Cron's contract: every exit code of design, section 8, by the real command in a pipe, with nobody there to ask.

``docs/cron.md`` tells what to do about each. ``test_exit_codes.py`` has each reason and each state as a value, also
those that take too long to come about here (a stalled job).
"""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.sandbox.server import Sandbox
from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]

PATIENCE_S = 30
INT, TERM = signal.SIGINT, signal.SIGTERM
LOST: dict[str, Any] = {"on": "post", "action": "drop", "accept": True}
#: The look-up before the first send is answered, and then nothing more.
NO_ANSWERS: list[dict[str, Any]] = [
    {"on": "get", "action": "answer"},
    {"on": "list", "action": "answer", "nth": 2, "count": 99},
]
#: The command, which gives a service up that it never reached after a moment instead of half a minute.
IMPATIENT = """
from dubbatch.cli.app import main
from dubbatch.pacing import backoff
backoff._NEVER_REACHED_PATIENCE_S = 0.2
main()
"""


def said_by(done: CompletedProcess[str]) -> str:
    """All that a mail of cron would have in it."""
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


def paid(service: Sandbox) -> list[int]:
    """How often each reference was billed: ones, or somebody has paid twice."""
    return sorted(service.books.bills().values())


@dataclass(frozen=True)
class Trouble:
    """What a run of one row meets."""

    service: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    #: Done to the project before.
    spoil: Callable[[Path], object] = lambda folder: None


def cut_the_film(folder: Path) -> None:
    film = folder / "media" / "tiny.mp4"
    film.write_bytes(film.read_bytes()[:-400])


def ruin(ledger: Path) -> None:
    ledger.write_text("no ledger" * 999)


#: The code, what the run meets, what it says is to be done, and whether anything was charged.
TROUBLES: dict[str, tuple[int, Trouble, str, bool]] = {
    "all is well": (0, Trouble(), "1 downloaded", True),
    "a job fails at the service": (
        1,
        Trouble(faults=[{"on": "post", "action": "fail", "message": "unsupported codec"}]),
        "redo",
        True,
    ),
    "a job is blocked by its media": (1, Trouble(spoil=cut_the_film), "copy or download the file again", False),
    "an option that is none": (2, Trouble(options=("--conccurrency", "2")), "--concurrency", False),
    "a setting that is none": (2, Trouble(environment={"DUBBATCH_TRANSFERS": "many"}), "nothing was sent", False),
    "a sheet without rows": (
        3,
        Trouble(spoil=lambda folder: (folder / "batch.csv").write_text("id,video,audio\n")),
        "Nothing was sent",
        False,
    ),
    "a sheet that is not there": (
        3,
        Trouble(spoil=lambda folder: (folder / "batch.csv").unlink()),
        "Check the path of the manifest. Nothing was sent.",
        False,
    ),
    "a key that is refused": (4, Trouble(environment={"CHAMELAION_API_KEY": "wrong"}), "mend it there", False),
    "tokens that are used up": (5, Trouble(service={"account_minutes": 0.0}), "add tokens", False),
    "a cap that is reached": (5, Trouble(options=("--max-minutes", "0.01")), "raise", False),
    "an answer that is lost": (
        7,
        Trouble(faults=[LOST, *NO_ANSWERS], options=("--max-time", "2")),
        "run again",
        True,
    ),
    "a ledger that is none": (
        8,
        Trouble(
            spoil=lambda folder: (folder / "none.db").write_text("no ledger" * 999), options=("--ledger", "none.db")
        ),
        "none.db",
        False,
    ),
    "outputs where a file is": (
        8,
        Trouble(spoil=lambda folder: (folder / "taken").touch(), options=("--output-dir", "taken")),
        "--output-dir",
        False,
    ),
    "a night that is too short": (
        9,
        Trouble(service={"seconds": 60.0}, options=("--max-time", "1")),
        "run again",
        True,
    ),
}


#: The first of each code is met by a process of its own.
BY_A_PROCESS = {code: name for name, (code, *_) in reversed(TROUBLES.items())}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_ends_a_run_with_its_code(open_service: Service, connected: Connected, name: str) -> None:
    """It says what to do, and the books say whether it cost anything."""
    code, trouble, remedy, is_charged = TROUBLES[name]
    service = open_service(**trouble.service)
    service.set_faults(trouble.faults)
    shell = connected(service)
    shell.write_jobs("a")
    trouble.spoil(shell.folder)

    command = shell if BY_A_PROCESS[code] == name else shell.here
    done = command("run", "batch.csv", *trouble.options, **trouble.environment)

    said = said_by(done)
    assert done.returncode == code, said
    assert remedy in said
    assert paid(service) == [1] * is_charged


def test_the_ledger_of_another_service_is_2(open_service: Service, connected: Connected) -> None:
    """What one service was paid for is no reason to send nothing to the other, nor to send it again."""
    first, second = open_service(), open_service()
    shell = connected(first)
    shell.write_jobs("a")
    assert shell.here("run", "batch.csv").returncode == 0

    elsewhere = shell("run", "batch.csv", CHAMELAION_BASE_URL=second.base_url)

    assert elsewhere.returncode == 2
    assert "--ledger" in said_by(elsewhere)
    assert not second.books.posts


def test_a_broken_sheet_is_3_and_its_good_rows_alone_are_1(open_service: Service, connected: Connected) -> None:
    """Nothing is sent, unless --on-error skip says so: then the bad rows are what is left to mend."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b")
    (shell.folder / "media" / "b.wav").unlink()

    stopped = shell.here("run", "batch.csv")
    posts = len(service.books.posts)
    skipped = shell("run", "batch.csv", "--on-error", "skip")

    assert (stopped.returncode, posts) == (3, 0)
    assert "remedy:" in stopped.stderr
    assert "--on-error skip" in stopped.stderr
    assert skipped.returncode == 1, said_by(skipped)
    assert paid(service) == [1]


def test_without_a_key_a_run_is_4_and_nothing_is_sent(shell: Shell) -> None:
    """It says which variable to set, and the free way to try."""
    told = shell("run", "demo.csv")

    assert told.returncode == 4
    assert "CHAMELAION_API_KEY" in told.stderr
    assert "--sandbox" in told.stderr
    assert not (shell.folder / "demo-dubs").exists()


@contextmanager
def stranger() -> Iterator[str]:
    """The address of a server that is not the service."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"


@pytest.mark.parametrize(("where", "remedy"), [(stranger, "check the base URL"), (nobody, "check the network")])
def test_a_service_that_is_not_there_is_6(shell: Shell, where: Any, remedy: str) -> None:
    """Whether somebody else answers or nobody: nothing is sent, and the jobs wait for the next night."""
    impatient = replace(shell, program=("-c", IMPATIENT))
    impatient.write_jobs("a")

    with where() as address:
        told = impatient("run", "batch.csv", CHAMELAION_API_KEY="k", CHAMELAION_BASE_URL=address)

    said = said_by(told)
    assert told.returncode == 6, said
    assert remedy in said
    assert "1 pending" in said


def test_the_gravest_of_several_codes_is_told_until_it_is_mended(open_service: Service, connected: Connected) -> None:
    """A failed, an unsure and a pending job: 7; then 1, for the failed one; 0 after a person's word."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("refused", "lost", "waits")
    refused = {"on": "post", "action": "answer", "status": 400, "nth": 1}
    service.set_faults([refused, {**LOST, "nth": 2}, *NO_ANSWERS])

    short = shell.here("run", "batch.csv", "--concurrency", "1", "--max-time", "2")
    service.set_faults([])
    whole = shell.here("run", "batch.csv")
    asked = shell.here("redo", "batch.csv", "--failed")
    mended = shell.here("run", "batch.csv")

    done = (short, whole, asked, mended)
    assert [one.returncode for one in done] == [7, 1, 0, 0], "\n".join(map(said_by, done))
    assert paid(service) == [1] * 3


def test_work_that_waits_for_the_next_night_is_9_then_0_and_0_it_stays(
    open_service: Service, connected: Connected
) -> None:
    """Every night after the last one needs neither key nor network, and has no trouble to mail."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs("a", "b")
    kept = {name: value for name, value in shell.environment.items() if not name.startswith("CHAMELAION_")}

    part = shell.here("run", "batch.csv", "--limit", "1", "--quiet")
    rest = shell.here("run", "batch.csv", "--quiet")
    none = replace(shell, environment=kept)("run", "batch.csv", "--quiet")

    done = (part, rest, none)
    assert [one.returncode for one in done] == [9, 0, 0], "\n".join(map(said_by, done))
    assert (rest.stderr, none.stderr) == ("", "")
    assert paid(service) == [1, 1]


def test_a_second_run_at_the_same_time_is_75_and_a_first_interrupt_130(
    open_service: Service, connected: Connected
) -> None:
    """75 names who has the batch; what runs at the service stays there, and the next run collects it."""
    service = open_service(seconds=60.0)
    shell = connected(service)
    shell.write_jobs("a", "b")
    with shell.start("run", "batch.csv") as process:
        wait_for(lambda: len(service.books.requests) == 2, process)
        second = shell("run", "batch.csv")
        process.send_signal(INT)
        out, _ = process.communicate(timeout=PATIENCE_S)

    assert second.returncode == 75
    assert f"process {process.pid}" in second.stderr
    assert "nothing was sent" in second.stderr
    assert process.returncode == 130
    assert "interrupted" in out
    service.advance(120)
    assert shell.here("run", "batch.csv").returncode == 0
    assert paid(service) == [1, 1]


@pytest.mark.parametrize(
    ("action", "signals", "code", "states"),
    [
        # An answer that comes is waited for and written down.
        ({"action": "slow", "seconds": 1.0}, (TERM,), 143, {"queued"}),
        # One that doesn't come is not, at the second signal.
        ({"action": "silence", "accept": True}, (TERM, INT), 130, {"unsure", "submitting"}),
    ],
)
def test_a_signal_amid_a_post_leaves_nothing_to_be_paid_twice(
    open_service: Service,
    connected: Connected,
    action: dict[str, Any],
    signals: tuple[signal.Signals, ...],
    code: int,
    states: set[str],
) -> None:
    """Once: in good order, with its answer. Twice: at once. ``states``: of the first job; the second is not sent."""
    service = open_service(seconds=60.0)
    service.set_faults([{"on": "post", "nth": 1, **action}])
    shell = connected(service)
    shell.write_jobs("a", "b")
    pause = threading.Event()
    with shell.start("run", "batch.csv", "--concurrency", "1") as process:
        wait_for(lambda: service.books.count("upload") > 0, process)
        for number in signals:
            process.send_signal(number)
            # Two that come at the same moment are one to the system.
            pause.wait(0.1)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == code, out + err
    assert "Traceback" not in err
    assert len(service.books.posts) == 1
    report = json.loads((shell.folder / "batch-dubs" / "report.json").read_text())
    assert report["jobs"][0]["state"] in states
    service.change(seconds=0.1)
    service.advance(120)
    after = shell.here("run", "batch.csv")
    assert after.returncode == 0, said_by(after)
    assert paid(service) == [1, 1]


def test_what_only_looks_has_codes_of_its_own(open_service: Service, connected: Connected) -> None:
    """``plan`` is 0 or 3, ``status`` and ``report`` 0 or 8, whatever there is to do; ``collect`` is as ``run``."""
    service = open_service(seconds=60.0)
    shell = connected(service)
    shell.write_jobs("a")

    def codes(*commands: str) -> list[int]:
        return [shell.here(command, "batch.csv").returncode for command in commands]

    assert codes("plan") == [0]
    assert shell.here("run", "batch.csv", "--max-time", "1").returncode == 9
    assert codes("status", "report", "collect") == [0, 0, 9]
    service.advance(120)
    assert codes("collect") == [0]
    (shell.folder / "media" / "a.wav").unlink()
    assert codes("plan") == [3]
    ruin(shell.folder / ".dubbatch" / "ledger.db")
    assert codes("status", "report") == [8, 8]
    assert shell("status", "batch.csv").returncode == 8
    assert paid(service) == [1]
