"""What is told while a run goes on: a calm panel on a terminal, plain lines elsewhere, entries in the log.

Progress is an event hook: it counts (``dubbatch.stats``), tells trouble at once, and shows where
the run stands from time to time. What can't be shown (a closed terminal, a broken pipe) is
not worth ending a paid run for, so it is not shown.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from types import TracebackType
from typing import Self, TextIO

from dubbatch.api.text import clean
from dubbatch.bulletin import Bulletin
from dubbatch.cli.entries import entry_of, progress_entry
from dubbatch.cli.journal import Entry, Journal
from dubbatch.cli.panel import LINE_MAX, Silence, now_here, problem_line, view_on
from dubbatch.cli.project import Project
from dubbatch.events import Event, Level, Notice
from dubbatch.stats import Stats, problem_of

#: Between two looks: a terminal is drawn anew that often.
_TICK_S = 1 / 3
_ENTRY_EVERY_S = 60.0


def notice_line(event: Notice) -> str:
    hint = f" ({event.hint})" if event.hint else ""
    return clean(": ".join(filter(None, (event.job, event.message))) + hint, limit=LINE_MAX)


class Progress:
    """An event hook to be entered around a run.

    On a terminal (and with ``bar``) a panel; else a line a minute (without ``bar``: none). Trouble is
    told at once in either; ``quiet`` tells errors and nothing else. ``journal`` gets all of it, and where it takes
    standard error, nothing else is shown there; ``bulletin`` is for those who watch. ``clock`` is monotonic.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        bar: bool = True,
        journal: Journal | None = None,
        bulletin: Bulletin | None = None,
        stats: Stats | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = now_here,
    ) -> None:
        self._stats = stats or Stats(clock)
        self._quiet = quiet
        self._journal = journal
        self._bulletin = bulletin
        is_spoken = journal is None or journal.speaks
        self._view = view_on(stream, is_shown=bar and not quiet, now=now) if is_spoken else Silence()
        self._entered_s = 0.0
        self._told: tuple[str, str] | None = None
        # Events come from the run's thread, looks from our own.
        self._lock = threading.RLock()
        self._is_paused = False
        self._ended = threading.Event()
        self._ticking = threading.Thread(target=self._keep_ticking, name="progress", daemon=True)

    def __call__(self, event: Event) -> None:
        if self._journal is not None and (entry := entry_of(event)) is not None:
            self._journal.enter(entry)
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
                    self._view.say(problem_line(problem))

    def _tell(self, notice: Notice) -> None:
        """What a run noticed, and is no trouble."""
        if not self._quiet:
            with _if_it_can_be_shown():
                self._view.say(notice_line(notice))

    def tick(self) -> None:
        """Show where the run stands, if it is time to."""
        with self._lock:
            snapshot = self._stats.snapshot()
            if self._bulletin is not None:
                self._bulletin.post(snapshot)
            if self._journal is not None and snapshot.batch and snapshot.elapsed_s - self._entered_s >= _ENTRY_EVERY_S:
                self._entered_s = snapshot.elapsed_s
                self._journal.enter(progress_entry(snapshot))
            with _if_it_can_be_shown():
                if not self._is_paused:
                    self._view.show(snapshot)

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
        if self._bulletin is not None:
            self._bulletin.take_down()

    def _keep_ticking(self) -> None:
        while not self._ended.wait(_TICK_S):
            try:
                self.tick()
            except Exception as error:  # noqa: BLE001  (a run is worth more than what is shown of it)
                self._give_up(error)
                return

    def _give_up(self, error: Exception) -> None:
        told = f"where the run stands can't be shown any more: {type(error).__name__}: {error}"
        if self._journal is not None:
            self._journal.enter(Entry("error", "notice", told, "the run goes on; please report it"))


def progress_of(project: Project, journal: Journal, bulletin: Bulletin | None = None) -> Progress:
    """As the settings of a command want it."""
    settings = project.settings
    return Progress(sys.stderr, quiet=settings.quiet, bar=settings.progress, journal=journal, bulletin=bulletin)


@contextmanager
def _if_it_can_be_shown() -> Iterator[None]:
    # ValueError: the stream was closed.
    with suppress(OSError, ValueError):
        yield
