"""What a person sees: the real command under a pseudo-terminal, and its screen as a terminal draws it."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from dubbatch.sandbox.server import Sandbox
from tests.cli.conftest import PATIENCE_S, Shell

pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals are of POSIX")
pyte = pytest.importorskip("pyte")
if sys.platform == "win32":
    pytest.skip("pseudo-terminals are of POSIX", allow_module_level=True)

Connected = Callable[[Sandbox], Shell]
Service = Callable[..., Sandbox]
_COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
#: Before what clears a line: a panel that came together with its end is to be seen before that.
_CLEARING = re.compile(r"(?=\x1b\[2K)")
#: A bar of rich, whatever is done of it.
_BAR = "━"


@dataclass
class Window:
    """A terminal with a command in it."""

    child: Any
    columns: int = 100
    rows: int = 24
    #: Every byte that came.
    text: str = ""
    screen: Any = field(init=False)
    #: What came and is not on the screen yet.
    _pieces: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.screen = pyte.HistoryScreen(self.columns, self.rows, history=1_000)
        self._stream = pyte.Stream(self.screen)

    def lines(self) -> list[str]:
        """What is to be seen, without what is empty."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def wait(self, is_there: Callable[[list[str]], bool]) -> list[str]:
        """Look until it is there; the lines then. Fails with the screen when patience or the command is over."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not is_there(self.lines()):
            if not self._draw() and not self._read():
                break
        assert is_there(self.lines()), "\n".join(self.lines())
        return self.lines()

    def end(self) -> int:
        """Wait for the end; the exit code."""
        while self._draw() or self._read():
            pass
        self.child.close()
        return int(self.child.exitstatus)

    def resize(self, columns: int) -> None:
        while self._draw():
            pass
        self.child.setwinsize(self.rows, columns)
        self.screen.resize(self.rows, columns)

    def _read(self) -> bool:
        try:
            text = self.child.read_nonblocking(65_536, timeout=0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.text += text
        self._pieces += _CLEARING.split(text)
        return True

    def _draw(self) -> bool:
        """The next piece, if there is one."""
        if self._pieces:
            self._stream.feed(self._pieces.popleft())
            return True
        return False


@contextmanager
def opened(shell: Shell, *arguments: str, columns: int = 100, **environment: str) -> Iterator[Window]:
    """The command in a window of its own; it is killed at the end if it still runs then."""
    child = pexpect.spawn(
        sys.executable,
        [*shell.program, *arguments],
        cwd=str(shell.folder),
        env={**shell.environment, "TERM": "xterm-256color", **environment},
        dimensions=(24, columns),
        encoding="utf-8",
        timeout=PATIENCE_S,
    )
    try:
        yield Window(child, columns)
    finally:
        child.close(force=True)


def has(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(text in line for line in lines)


@pytest.fixture
def slow(open_service: Service, connected: Connected) -> Shell:
    """Four jobs, one at a time, half a second each."""
    shell = connected(open_service(seconds=0.5, concurrency=1))
    shell.write_jobs("ep01", "ep02", "ep03", "ep04")
    return shell


def test_a_run_shows_where_it_stands_and_leaves_nothing_but_its_lines(slow: Shell) -> None:
    """Jobs by state, minutes, what is left, slots, permits and transfers; then the end, and no trace of the panel."""
    with opened(slow, "run", "batch.csv") as window:
        panel = window.wait(has("left, done at"))
        during = "\n".join(panel)
        code = window.end()
        after = window.lines()

    assert code == 0
    assert re.search(_BAR + r".* of 4 done", during)
    assert re.search(r"\d of 0\.1 media minutes, about \d+ s left, done at \d\d:\d\d", during)
    assert re.search(r"\d of \d+ slots, \d of 60 permits", during)
    assert re.search(r"up \d.* kB \(.*/s\)", during)
    assert not has(_BAR)(after)
    assert not has("media minutes, about")(after)
    assert after[0].startswith("4 jobs, 4 to send")
    assert "Batch batch: 4 jobs: 4 downloaded" in after
    # The cursor is there again, and the terminal is as it was.
    assert window.text.rfind("\x1b[?25h") > window.text.rfind("\x1b[?25l")


def test_trouble_stays_above_the_panel_and_is_told_by_cause_at_the_end(slow: Shell) -> None:
    """What is wrong with a row, once at once and once with what to do."""
    (slow.folder / "media" / "ep02.wav").write_bytes(b"RIFF....WAVE and no sound")
    with opened(slow, "run", "batch.csv") as window:
        window.wait(has(" of 4 done"))
        code = window.end()
        after = window.lines()

    assert code == 1
    assert has("error: ")(after)
    assert has("1 blocked: ")(after)
    assert has("job ep02; not charged")(after)
    assert has("once the rows are mended: 1 job")(after)


def test_a_window_that_changes_its_size_keeps_a_whole_panel(slow: Shell) -> None:
    """Wider and narrower, in the middle of a run."""
    with opened(slow, "run", "batch.csv", columns=120) as window:
        window.wait(has(" of 4 done"))
        for columns in (80, 140, 90):
            window.resize(columns)
            window.wait(has("slots"))
        code = window.end()
        after = window.lines()

    assert code == 0
    assert not has(_BAR)(after)
    assert not has("permits")(after)


def test_watching_shows_the_same_of_a_run_in_another_process(slow: Shell) -> None:
    """And ends when that ends, with how it stands then."""
    with slow.start("run", "batch.csv") as running, opened(slow, "status", "batch.csv", "--watch") as window:
        panel = "\n".join(window.wait(has("slots")))
        code = window.end()
        after = window.lines()
        running.wait(PATIENCE_S)

    assert code == 0
    assert re.search(_BAR + r".* of 4 done", panel)
    assert not has(_BAR)(after)
    assert has("Batch batch: 4 jobs: 4 downloaded")(after)
    assert running.returncode == 0


def test_watching_ends_by_ctrl_c_and_disturbs_no_run(slow: Shell) -> None:
    """The run is another process's."""
    with slow.start("run", "batch.csv") as running, opened(slow, "status", "batch.csv", "--watch") as window:
        window.wait(has("slots"))
        window.child.sendintr()
        code = window.end()
        running.communicate(timeout=PATIENCE_S)

    assert code == 130
    assert not has(_BAR)(window.lines())
    assert running.returncode == 0


def test_more_than_ten_jobs_are_asked_for_once(open_service: Service, connected: Connected) -> None:
    """With minutes and the end; no is no, and costs nothing."""
    service = open_service()
    shell = connected(service)
    shell.write_jobs(*(f"ep{number:02}" for number in range(11)))
    with opened(shell, "run", "batch.csv") as window:
        asked = window.wait(has("Send them? [y/N]"))
        window.child.send("n\r")
        code = window.end()

    assert has("11 jobs, 11 to send: 0.18 media minutes, done in about")(asked)
    assert has("Nothing was sent.")(window.lines())
    assert (code, len(service.books.posts)) == (9, 0)


def test_ctrl_c_once_leaves_in_good_order_and_says_what_next(slow: Shell) -> None:
    """The panel goes, the end is told."""
    with opened(slow, "run", "batch.csv") as window:
        window.wait(has("slots"))
        window.child.kill(signal.SIGINT)
        code = window.end()
        after = window.lines()

    assert code == 130
    assert not has(_BAR)(after)
    assert has("Next: dubbatch run batch.csv")(after)


def test_no_color_is_obeyed(slow: Shell) -> None:
    """no-color.org: the panel stays, its colours go."""
    with opened(slow, "run", "batch.csv", "--limit", "1", NO_COLOR="1") as window:
        window.wait(has(" of 4 done"))
        window.end()

    assert _COLOUR.search(window.text) is None


def test_a_terminal_gets_json_where_json_is_asked_for(slow: Shell) -> None:
    """Unless it goes into a file: then somebody looks on."""
    with opened(slow, "run", "batch.csv", "--limit", "1", "--log-format", "json") as window:
        window.end()
    with opened(slow, "run", "batch.csv", "--limit", "1", "--log-format", "json", "--log-file", "l") as looked_at:
        looked_at.wait(has(" of 4 done"))
        looked_at.end()

    assert _BAR not in window.text
    assert '"action": "ended"' in window.text
    assert '"action": "ended"' not in looked_at.text
    assert '"action": "ended"' in (slow.folder / "l").read_text()
