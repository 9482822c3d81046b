"""What a person sees while a run goes on: a calm bar on a terminal, plain lines elsewhere.

Progress is an event hook: it counts (``dubbatch.stats``), tells trouble at once, and shows where
the run stands from time to time. What can't be shown (a closed terminal, a broken pipe) is
not worth ending a paid run for, so it is not shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dubbatch.api.text import clean
from dubbatch.cli.speech import encodable
from dubbatch.events import Event, Level, Notice
from dubbatch.jobs import JobState
from dubbatch.stats import Problem, Snapshot, Stats, problem_of

#: Between two looks: a terminal is drawn anew that often.
_TICK_S = 1 / 3
_LINE_EVERY_S = 60.0
#: The first line of a look at the media comes earlier.
_FIRST_LOOK_S = 10.0
_LINE_MAX = 1_000
_BAR_WIDTH = 30


def line(event: Event) -> str | None:
    """The line that tells of an event; None: it is not worth one."""
    problem = problem_of(event)
    return None if problem is None else _problem_line(problem)


def notice_line(event: Notice) -> str:
    hint = f" ({event.hint})" if event.hint else ""
    return clean(": ".join(filter(None, (event.job, event.message))) + hint, limit=_LINE_MAX)


def status_line(snapshot: Snapshot) -> str:
    """Where the run stands, in one line without times to come."""
    parts = [done_text(snapshot), states_text(snapshot), pace_text(snapshot)]
    return f"after {snapshot.elapsed_s / 60:.0f} min: " + "; ".join(filter(None, parts))


def inspection_text(snapshot: Snapshot) -> str:
    """How far the look at the media has come; empty: it is over, or there is none."""
    done, of = snapshot.inspected
    return "" if snapshot.batch or not of else f"looking at the media: {done:,} of {of:,} jobs"


def done_text(snapshot: Snapshot) -> str:
    before = f" ({snapshot.done_before} by earlier runs)" if snapshot.done_before else ""
    return f"{snapshot.done} of {snapshot.wanted} done{before}"


def states_text(snapshot: Snapshot) -> str:
    """The jobs that are not done, by state, as ``2 processing, 1 failed``; empty: all are."""
    others = ((state, n) for state, n in snapshot.counts.items() if n and state is not JobState.DOWNLOADED)
    return ", ".join(f"{n} {state}" for state, n in others)


def pace_text(snapshot: Snapshot) -> str:
    """Slots and transfers, as far as there are any."""
    parts = []
    if snapshot.slots:
        parts.append(f"{snapshot.slots_used} of {snapshot.slots} slots")
    if snapshot.waiting_s >= 1:
        parts.append(f"next send in {snapshot.waiting_s:.0f} s")
    for word, total, speed in (
        ("up", snapshot.bytes_up, snapshot.up_per_s),
        ("down", snapshot.bytes_down, snapshot.down_per_s),
    ):
        if total:
            parts.append(f"{word} {decimal(total)} ({decimal(int(speed))}/s)")
    return ", ".join(parts)


def _problem_line(problem: Problem) -> str:
    words = [problem.level.value, problem.job, problem.state.value if problem.state else "", problem.message]
    hint = f" ({problem.hint})" if problem.hint else ""
    return clean(": ".join(filter(None, words)) + hint, limit=_LINE_MAX)


class _View(Protocol):
    """Where progress is shown."""

    def say(self, text: str) -> None:
        """One line, at once."""

    def show(self, snapshot: Snapshot) -> None:
        """Where the run stands, if it is time to tell."""

    def hide(self) -> None:
        """Leave nothing behind but the lines."""


class _Lines:
    """Plain text: no colours, no cursor."""

    def __init__(self, stream: TextIO, every_s: float | None) -> None:
        """``every_s``: how often to tell where the run stands; None: never."""
        self._stream = stream
        self._every_s = every_s
        self._told_s = 0.0

    def say(self, text: str) -> None:
        self._stream.write(f"{encodable(text, self._stream)}\n")
        self._stream.flush()

    def show(self, snapshot: Snapshot) -> None:
        text = status_line(snapshot) if snapshot.batch else inspection_text(snapshot)
        # Before anything is sent, a person soon wonders whether it hangs.
        every_s = self._every_s if snapshot.batch or self._told_s else _FIRST_LOOK_S
        if self._every_s is not None and every_s is not None and text and snapshot.elapsed_s - self._told_s >= every_s:
            self._told_s = snapshot.elapsed_s
            self.say(text)

    def hide(self) -> None:
        """Lines stay."""


class _Bar:
    """A few lines at the bottom of a terminal, drawn anew in place; they vanish at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def say(self, text: str) -> None:
        self._console.print(Text(encodable(text, self._console.file)), soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        if not snapshot.batch and not inspection_text(snapshot):
            return
        if self._live is None:
            # Standard output belongs to whoever reads it: rich must not send it here.
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        self._live.update(_drawn(snapshot), refresh=True)

    def hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _drawn(snapshot: Snapshot) -> Group:
    top = Table.grid(padding=(0, 1))
    if looking := inspection_text(snapshot):
        done, of = snapshot.inspected
        top.add_row(ProgressBar(of, done, width=_BAR_WIDTH), _one_line(looking))
        return Group(top)
    # Without jobs to do, a total of 0 would be drawn as not known.
    total = max(1, snapshot.wanted)
    top.add_row(ProgressBar(total, min(snapshot.done, total), width=_BAR_WIDTH), _one_line(done_text(snapshot)))
    below = (states_text(snapshot), pace_text(snapshot))
    return Group(top, *(_one_line(text) for text in below if text))


def _one_line(text: str) -> Text:
    # Text, never markup: an id may have brackets in it.
    return Text(text, no_wrap=True, overflow="ellipsis")


class Progress:
    """An event hook to be entered around a run.

    On a terminal (and with ``bar``) a bar; else a line a minute (without ``bar``: none). Trouble is
    told at once in either; ``quiet`` tells errors and nothing else. ``clock`` is monotonic.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        bar: bool = True,
        stats: Stats | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stats = stats or Stats(clock)
        self._quiet = quiet
        self._view = _view(stream, is_shown=bar and not quiet)
        self._told: tuple[str, str] | None = None
        # Events come from the run's thread, looks from our own.
        self._lock = threading.RLock()
        self._is_paused = False
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._keep_ticking, name="progress", daemon=True)

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._stats(event)
            if isinstance(event, Notice) and event.level is Level.INFO:
                self._tell(event)
                return
            problem = None if self._stats.is_foreign(event) else problem_of(event)
            if problem is None or (self._quiet and problem.level is not Level.ERROR):
                return
            # A notice and the change that follows from it say the same.
            if self._told != (problem.job, problem.message):
                self._told = (problem.job, problem.message)
                with _if_it_can_be_shown():
                    self._view.say(_problem_line(problem))

    def _tell(self, notice: Notice) -> None:
        """What a run noticed, and is no trouble."""
        if not self._quiet:
            with _if_it_can_be_shown():
                self._view.say(notice_line(notice))

    def tick(self) -> None:
        """Show where the run stands, if it is time to."""
        with self._lock, _if_it_can_be_shown():
            if not self._is_paused:
                self._view.show(self._stats.snapshot())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the terminal free, for a question."""
        with self._lock, _if_it_can_be_shown():
            self._is_paused = True
            self._view.hide()
        try:
            yield
        finally:
            self._is_paused = False

    def __enter__(self) -> Self:
        self._ticking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._ticking.join()
        with self._lock, _if_it_can_be_shown():
            self._view.hide()

    def _keep_ticking(self) -> None:
        while not self._ended.wait(_TICK_S):
            self.tick()


def _view(stream: TextIO, *, is_shown: bool) -> _View:
    # Asked of the stream itself: FORCE_COLOR makes rich see a terminal in a file.
    if is_shown and stream.isatty():
        console = Console(file=stream, force_terminal=True, markup=False, highlight=False, emoji=False)
        if not console.is_dumb_terminal:
            return _Bar(console)
    return _Lines(stream, _LINE_EVERY_S if is_shown else None)


@contextmanager
def _if_it_can_be_shown() -> Iterator[None]:
    # ValueError: the stream was closed.
    with suppress(OSError, ValueError):
        yield
