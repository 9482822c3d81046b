"""Where a run stands, as text and as a few lines at the bottom of a terminal that are drawn anew in place."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dubbatch.api.text import clean
from dubbatch.cli.speech import encodable
from dubbatch.cli.words import hour, span
from dubbatch.jobs import JobState
from dubbatch.stats import Problem, Snapshot

_LINE_EVERY_S = 60.0
#: The first line of a look at the media comes earlier.
_FIRST_LOOK_S = 10.0
LINE_MAX = 1_000
_BAR_WIDTH = 30
#: Columns: what is wider has to be taken away fold by fold where a terminal is made narrower.
_PANEL_WIDTH = 79


def now_here() -> datetime:
    """With the zone of this machine, whose hours people read."""
    return datetime.now().astimezone()


def status_line(snapshot: Snapshot, now: datetime) -> str:
    """Where the run stands, in one line."""
    # Whole minutes: lines of a log come once a minute.
    return f"after {snapshot.elapsed_s / 60:.0f} min: " + "; ".join(filter(None, _texts(snapshot, now)))


def _texts(snapshot: Snapshot, now: datetime) -> tuple[str, ...]:
    return (
        done_text(snapshot),
        states_text(snapshot),
        time_text(snapshot, now),
        pace_text(snapshot),
        transfer_text(snapshot),
    )


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


def time_text(snapshot: Snapshot, now: datetime) -> str:
    """Media minutes, and how long it takes still, as far as they are known."""
    parts = []
    if snapshot.minutes_wanted:
        parts.append(f"{snapshot.minutes_done:.1f} of {snapshot.minutes_wanted:.1f} media minutes")
    if (left_s := snapshot.remaining_s) is not None:
        parts.append(f"about {span(left_s)} left, done at {hour(now, left_s)}")
    return ", ".join(parts)


def pace_text(snapshot: Snapshot) -> str:
    """Slots and permits, as far as there are any."""
    parts = []
    if snapshot.slots:
        parts.append(f"{snapshot.slots_used} of {snapshot.slots} slots")
    if snapshot.permits:
        parts.append(f"{snapshot.permits_used} of {snapshot.permits} permits")
    if snapshot.waiting_s >= 1:
        parts.append(f"next send in {snapshot.waiting_s:.0f} s")
    return ", ".join(parts)


def transfer_text(snapshot: Snapshot) -> str:
    """What went over the line, and how fast it goes."""
    ways = (
        ("up", snapshot.bytes_up, snapshot.up_per_s),
        ("down", snapshot.bytes_down, snapshot.down_per_s),
    )
    return ", ".join(f"{word} {decimal(total)} ({decimal(int(speed))}/s)" for word, total, speed in ways if total)


def problem_line(problem: Problem) -> str:
    """One printable line, without secrets."""
    words = [problem.level.value, problem.job, problem.state.value if problem.state else "", problem.message]
    hint = f" ({problem.hint})" if problem.hint else ""
    return clean(": ".join(filter(None, words)) + hint, limit=LINE_MAX)


class View(Protocol):
    """Where progress is shown."""

    def say(self, text: str) -> None:
        """One line, at once."""

    def show(self, snapshot: Snapshot) -> None:
        """Where the run stands, if it is time to tell."""

    def hide(self) -> None:
        """Leave nothing behind but the lines."""


class Silence:
    """Nobody is to be told."""

    def say(self, text: str) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        pass

    def hide(self) -> None:
        pass


class Lines:
    """Plain text: no colours, no cursor."""

    def __init__(self, stream: TextIO, every_s: float | None, now: Callable[[], datetime]) -> None:
        """``every_s``: how often to tell where the run stands; None: never."""
        self._stream = stream
        self._every_s = every_s
        self._now = now
        self._told_s = 0.0

    def say(self, text: str) -> None:
        self._stream.write(f"{encodable(text, self._stream)}\n")
        self._stream.flush()

    def show(self, snapshot: Snapshot) -> None:
        text = status_line(snapshot, self._now()) if snapshot.batch else inspection_text(snapshot)
        # Before anything is sent, a person soon wonders whether it hangs.
        every_s = self._every_s if snapshot.batch or self._told_s else _FIRST_LOOK_S
        if self._every_s is not None and every_s is not None and text and snapshot.elapsed_s - self._told_s >= every_s:
            self._told_s = snapshot.elapsed_s
            self.say(text)

    def hide(self) -> None:
        """Lines stay."""


class Panel:
    """A few lines at the bottom of a terminal, drawn anew in place; they vanish at the end."""

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        self._console = console
        self._now = now
        self._live: Live | None = None
        #: Of the lines that stand on the terminal now.
        self._widths: list[int] = []

    def say(self, text: str) -> None:
        self._console.print(Text(encodable(text, self._console.file)), soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        if not snapshot.batch and not inspection_text(snapshot):
            return
        self._clear_folds()
        if self._live is None:
            # Standard output belongs to whoever reads it: rich must not send it here.
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        drawn = Constrain(_drawn(snapshot, self._now()), _PANEL_WIDTH)
        self._live.update(drawn, refresh=True)
        self._widths = [Segment.get_line_length(line) for line in self._console.render_lines(drawn, pad=False)]

    def _clear_folds(self) -> None:
        """Take away the rows that a narrower terminal has made of the lines there; what draws knows nothing of them."""
        if more := folds(self._widths, _columns(self._console)):
            self._console.file.write("\r\x1b[2K" + "\x1b[1A\x1b[2K" * more)
        self._widths = []

    def hide(self) -> None:
        if self._live is not None:
            self._clear_folds()
            self._live.stop()
            self._live = None


def _columns(console: Console) -> int:
    """Of the very terminal that is drawn on; some say that they have none."""
    try:
        return os.get_terminal_size(console.file.fileno()).columns or console.width
    except (OSError, ValueError):
        return console.width


def folds(widths: Sequence[int], columns: int) -> int:
    """How many rows more than lines there are where a terminal of so many columns folds lines of these widths. Pure."""
    return sum(max(0, width - 1) // columns for width in widths)


def _drawn(snapshot: Snapshot, now: datetime) -> Group:
    top = Table.grid(padding=(0, 1))
    if looking := inspection_text(snapshot):
        done, of = snapshot.inspected
        top.add_row(ProgressBar(of, done, width=_BAR_WIDTH), _one_line(looking))
        return Group(top)
    # Without jobs to do, a total of 0 would be drawn as not known.
    total = max(1, snapshot.wanted)
    first, *below = _texts(snapshot, now)
    first = f"{first}, {span(snapshot.elapsed_s)}"
    top.add_row(ProgressBar(total, min(snapshot.done, total), width=_BAR_WIDTH), _one_line(first))
    return Group(top, *(_one_line(text) for text in below if text))


def _one_line(text: str) -> Text:
    # Text, never markup: an id may have brackets in it.
    return Text(text, no_wrap=True, overflow="ellipsis")


def view_on(stream: TextIO, *, is_shown: bool, now: Callable[[], datetime] = now_here) -> View:
    """A panel on a terminal that can show one, else lines; without ``is_shown`` trouble alone."""
    # Asked of the stream itself: FORCE_COLOR makes rich see a terminal in a file.
    if is_shown and stream.isatty():
        console = Console(file=stream, force_terminal=True, markup=False, highlight=False, emoji=False)
        if not console.is_dumb_terminal:
            return Panel(console, now)
    return Lines(stream, _LINE_EVERY_S if is_shown else None, now)
