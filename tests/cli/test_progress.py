"""What a person sees of a run: on a terminal (a real pty), in a log, and when nobody looks."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

import pytest

from dubbatch.cli.panel import folds, problem_line, status_line
from dubbatch.cli.progress import Progress
from dubbatch.events import BatchStarted, Event, JobChanged, Level, Notice, Pace, Sent, Transferred
from dubbatch.jobs import JobState
from dubbatch.stats import Stats, problem_of
from tests.clock import Clock

BATCH = "spring"
_CSI = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Terminal:
    """A pty, and what stands on its screen: carriage return, line feed, cursor up, erase line."""

    def __init__(self) -> None:
        # These three exist on POSIX only.
        fcntl = pytest.importorskip("fcntl")
        termios = pytest.importorskip("termios")
        self._reader, writer = os.openpty()
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self._reader, False)
        self.stream: TextIO = os.fdopen(writer, "w", encoding="utf-8")
        self.text = ""

    def read(self) -> str:
        """All that came so far."""
        self.stream.flush()
        try:
            while chunk := os.read(self._reader, 65_536):
                self.text += chunk.decode()
        except BlockingIOError:
            pass
        return self.text

    def screen(self) -> list[str]:
        """The lines that are not empty."""
        lines, at, text = [""], 0, self.read()
        while text:
            found = _CSI.match(text)
            if found:
                if found[2] == "A":
                    at = max(0, at - int(found[1] or 1))
                elif found[2] == "K":
                    lines[at] = ""
                text = text[found.end() :]
                continue
            if text[0] == "\n":
                at += 1
                lines += [""] * (at + 1 - len(lines))
            elif text[0] != "\r":
                lines[at] += text[0]
            text = text[1:]
        return [shown.rstrip() for shown in lines if shown.strip()]

    def resize(self, columns: int) -> None:
        fcntl = pytest.importorskip("fcntl")
        termios = pytest.importorskip("termios")
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def close(self) -> None:
        self.stream.close()
        os.close(self._reader)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def started(**counts: int) -> BatchStarted:
    states = tuple((JobState(word), n) for word, n in counts.items())
    return BatchStarted(BATCH, sum(counts.values()), counts.get("pending", 0), states)


def changed(before: JobState, after: JobState, detail: str = "", hint: str = "", job: str = "ep01") -> JobChanged:
    return JobChanged(BATCH, job, before, after, detail, hint)


def line(event: Event) -> str | None:
    problem = problem_of(event)
    return None if problem is None else problem_line(problem)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Notice(BATCH, Level.WARNING, "the service is slow"), "warning: the service is slow"),
        (Notice(BATCH, Level.WARNING, "slow", "wait", "ep01"), "warning: ep01: slow (wait)"),
        (Notice(BATCH, Level.ERROR, "the disk is full", "make room"), "error: the disk is full (make room)"),
        (Notice(BATCH, Level.INFO, "all is well"), None),
        (
            changed(JobState.PROCESSING, JobState.FAILED, "no face", "mend the row"),
            "error: ep01: failed: no face (mend the row)",
        ),
        (changed(JobState.PENDING, JobState.BLOCKED, "it is gone"), "error: ep01: blocked: it is gone"),
        (changed(JobState.COMPLETED, JobState.SUSPECT, "no audio"), "error: ep01: suspect: no audio"),
        (changed(JobState.QUEUED, JobState.STALLED, "no progress"), "warning: ep01: stalled: no progress"),
        (changed(JobState.QUEUED, JobState.FAILED), "error: ep01: failed"),
        (changed(JobState.COMPLETED, JobState.DOWNLOADED), None),
        (changed(JobState.SUBMITTING, JobState.UNSURE, "no answer"), None),
        (started(pending=3), None),
        (Sent(BATCH, "ep01", "r", "unknown", 1.0), None),
        (Transferred(BATCH, "ep01", up=True, size=1), None),
        (Pace(BATCH, 1, 2), None),
    ],
)
def test_each_event_has_its_line(event: Event, expected: str | None) -> None:
    """One line for trouble, none for what goes as it should."""
    assert line(event) == expected


def test_a_line_is_one_printable_line_without_secrets() -> None:
    """The last border before a terminal, whatever slipped through the others."""
    text = line(Notice(BATCH, Level.ERROR, "a\x1b[31mb\nc\x9b2Jd https://x.example/v?sig=geheim", "e\rf", "ep\t1"))

    assert text == "error: ep 1: ab cd https://x.example/v?... (e f)"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([started(downloaded=8, pending=2)], "after 2 min: 8 of 10 done (8 by earlier runs); 2 pending"),
        ([started(downloaded=2)], "after 2 min: 2 of 2 done (2 by earlier runs)"),
        (
            [
                started(pending=2, queued=1, failed=1, skipped=1),
                Pace(BATCH, 3, 4, waiting_s=200.0),
                Transferred(BATCH, "ep01", up=True, size=3_000_000),
            ],
            "after 2 min: 0 of 4 done; 2 pending, 1 queued, 1 failed, 1 skipped; "
            "3 of 4 slots, next send in 80 s; up 3.0 MB (0 bytes/s)",
        ),
        (
            [
                BatchStarted(
                    BATCH,
                    3,
                    2,
                    ((JobState.PENDING, 2), (JobState.DOWNLOADED, 1)),
                    ((JobState.PENDING, 1200.0), (JobState.DOWNLOADED, 600.0)),
                    usual_s=300.0,
                ),
                Pace(BATCH, 0, 1, permits=60),
            ],
            "after 2 min: 1 of 3 done (1 by earlier runs); 2 pending; "
            "10.0 of 30.0 media minutes, about 10 min left, done at 09:10; 0 of 1 slots, 0 of 60 permits",
        ),
    ],
)
def test_the_status_says_in_words_where_the_run_stands(events: list[Event], expected: str, clock: Clock) -> None:
    """What is done, by whom, what the others do, and how fast it goes."""
    stats = Stats(clock)
    for event in events:
        stats(event)
    clock.now_s += 120

    assert status_line(stats.snapshot(), datetime(2026, 11, 21, 9, 0, tzinfo=UTC)) == expected


def test_a_log_gets_trouble_at_once_and_a_line_a_minute(log: io.StringIO, clock: Clock) -> None:
    """Plain text, however often one looks."""
    with Progress(log, clock=clock) as progress:
        progress(started(pending=2))
        progress(changed(JobState.PENDING, JobState.BLOCKED, "it is gone"))
        assert log.getvalue() == "error: ep01: blocked: it is gone\n"
        for _ in range(150):
            clock.now_s += 1
            progress.tick()

    assert log.getvalue().splitlines()[1:] == [
        "after 1 min: 0 of 2 done; 1 pending, 1 blocked",
        "after 2 min: 0 of 2 done; 1 pending, 1 blocked",
    ]
    assert "\x1b" not in log.getvalue()


def test_before_a_run_knows_what_to_do_a_log_gets_nothing(log: io.StringIO, clock: Clock) -> None:
    """Hashing a hundred videos may take its minutes."""
    with Progress(log, clock=clock) as progress:
        clock.now_s += 600
        progress.tick()

    assert log.getvalue() == ""


def test_quiet_tells_errors_only(log: io.StringIO, clock: Clock) -> None:
    """What a cron job mails."""
    with Progress(log, quiet=True, clock=clock) as progress:
        progress(started(pending=2))
        progress(Notice(BATCH, Level.WARNING, "slow"))
        progress(changed(JobState.QUEUED, JobState.STALLED, "no progress"))
        progress(changed(JobState.QUEUED, JobState.FAILED, "no face"))
        clock.now_s += 600
        progress.tick()

    assert log.getvalue() == "error: ep01: failed: no face\n"


def test_without_progress_trouble_is_told_all_the_same(log: io.StringIO, clock: Clock) -> None:
    """--no-progress takes the minutes' lines away, nothing else."""
    with Progress(log, bar=False, clock=clock) as progress:
        progress(started(pending=2))
        progress(Notice(BATCH, Level.WARNING, "slow"))
        clock.now_s += 600
        progress.tick()

    assert log.getvalue() == "warning: slow\n"


def test_a_notice_and_the_change_that_follows_are_one_line(log: io.StringIO, clock: Clock) -> None:
    """The poller tells of a stalled job before the ledger does; two such jobs are two lines."""
    with Progress(log, clock=clock) as progress:
        progress(started(queued=2))
        for job in ("ep01", "ep02"):
            progress(Notice(BATCH, Level.WARNING, "no progress", "", job))
            progress(changed(JobState.QUEUED, JobState.STALLED, "no progress", job=job))

    assert log.getvalue() == "warning: ep01: no progress\nwarning: ep02: no progress\n"


def test_trouble_of_another_batch_is_not_told_here(log: io.StringIO, clock: Clock) -> None:
    """Identical work moves its jobs too; its own run tells of it."""
    with Progress(log, clock=clock) as progress:
        progress(started(pending=1))
        progress(JobChanged("autumn", "ep01", JobState.QUEUED, JobState.FAILED, "no face"))

    assert log.getvalue() == ""


def test_events_are_counted_in_the_stats_that_were_given(log: io.StringIO, clock: Clock) -> None:
    """Another view may show the same numbers."""
    stats = Stats(clock)
    with Progress(log, stats=stats, clock=clock) as progress:
        progress(started(downloaded=1, pending=1))

    assert (stats.snapshot().done, stats.snapshot().jobs) == (1, 2)


def test_a_terminal_shows_a_bar_that_leaves_nothing_but_the_lines_of_trouble(terminal: Terminal, clock: Clock) -> None:
    """Where the run stands, drawn in place; an id's brackets are no markup."""
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(downloaded=1, pending=3))
        progress(Pace(BATCH, 2, 4))
        progress.tick()
        progress(changed(JobState.PENDING, JobState.BLOCKED, "gone [red]", job="[bold]ep01"))
        progress(changed(JobState.PENDING, JobState.SUBMITTING))
        progress.tick()
        during = terminal.screen()

    assert during[0] == "error: [bold]ep01: blocked: gone [red]"
    assert during[1].endswith("1 of 4 done (1 by earlier runs), 0 s")
    assert during[2:] == ["1 pending, 1 submitting, 1 blocked", "2 of 4 slots"]
    assert terminal.screen() == during[:1]
    # The cursor is there again.
    assert terminal.read().rfind("\x1b[?25h") > terminal.read().rfind("\x1b[?25l")


def test_a_run_that_breaks_leaves_the_terminal_as_it_was(terminal: Terminal, clock: Clock) -> None:
    """The error that is told next stands on a clean line."""

    def run() -> None:
        with Progress(terminal.stream, clock=clock) as progress:
            progress(started(pending=3))
            progress.tick()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()

    assert terminal.screen() == []
    assert terminal.read().rfind("\x1b[?25h") > terminal.read().rfind("\x1b[?25l")


def test_the_bar_makes_way_for_a_question_and_comes_back(terminal: Terminal, clock: Clock) -> None:
    """Nothing is drawn over what a person types."""
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(pending=3))
        progress.tick()
        with progress.paused():
            progress.tick()
            asking = terminal.screen()
        progress.tick()
        after = terminal.screen()

    assert asking == []
    assert after[-1] == "3 pending"


def test_no_color_means_no_colours(terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """no-color.org: the bar stays, its colours go."""
    monkeypatch.setenv("NO_COLOR", "1")
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(downloaded=1, pending=1))
        progress.tick()
        assert terminal.screen()
    codes = [code for code, kind in _CSI.findall(terminal.read()) if kind == "m"]

    assert not [code for code in codes if re.search(r"(^|;)([34][0-8]|9[0-7]|10[0-7])(;|$)", code)]


@pytest.mark.parametrize("how", ["dumb", "bar", "quiet"])
def test_a_terminal_that_can_or_should_show_no_bar_gets_lines(
    terminal: Terminal, clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """TERM=dumb, --no-progress and --quiet."""
    monkeypatch.setenv("TERM", "dumb" if how == "dumb" else "xterm")
    with Progress(terminal.stream, quiet=how == "quiet", bar=how != "bar", clock=clock) as progress:
        progress(started(pending=1))
        progress(Notice(BATCH, Level.ERROR, "the disk is full"))
        clock.now_s += 10
        progress.tick()

    assert terminal.read().replace("\r\n", "\n") == "error: the disk is full\n"


def test_a_file_is_no_terminal_even_if_colours_are_forced(
    log: io.StringIO, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI sets FORCE_COLOR; a log is still a log."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(log, clock=clock) as progress:
        progress(started(pending=1))
        progress.tick()

    assert log.getvalue() == ""


def test_a_stream_of_another_encoding_gets_what_it_can_hold(clock: Clock) -> None:
    """LANG=C under cron: a job with a Japanese id is no reason to fall silent."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with Progress(stream, clock=clock) as progress:
        progress(changed(JobState.QUEUED, JobState.FAILED, "no face", job="第1話"))

    assert raw.getvalue() == b"error: ?1?: failed: no face" + os.linesep.encode()


def test_a_pipe_whose_reader_has_gone_ends_no_run(clock: Clock) -> None:
    """Jobs that are paid for are followed to their end, whoever looks."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with Progress(stream, clock=clock) as progress:
        progress(started(pending=1))
        progress(Notice(BATCH, Level.ERROR, "the disk is full"))
        clock.now_s += 60
        progress.tick()
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_a_terminal_that_was_closed_ends_no_run(terminal: Terminal, clock: Clock) -> None:
    """The window was shut while the bar was shown."""
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(pending=1))
        progress.tick()
        terminal.stream.close()
        progress(Notice(BATCH, Level.ERROR, "the disk is full"))
        progress.tick()


@pytest.mark.parametrize(
    ("widths", "columns", "expected"),
    [([], 80, 0), ([79, 40, 0], 80, 0), ([80], 80, 0), ([81], 80, 1), ([79, 40, 10], 40, 1), ([79, 60], 20, 3 + 2)],
)
def test_a_terminal_that_is_made_narrower_folds_lines(widths: list[int], columns: int, expected: int) -> None:
    """So many rows more have to be taken away."""
    assert folds(widths, columns) == expected


def test_a_terminal_that_does_not_know_its_size_is_drawn_on_too(terminal: Terminal, clock: Clock) -> None:
    """A serial line, and many a container, say 0 columns."""
    terminal.resize(0)
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(downloaded=1, pending=3))
        progress.tick()
        progress.tick()
        assert "1 of 4 done" in terminal.read()


def test_a_panel_takes_away_the_folds_that_a_narrower_terminal_made(terminal: Terminal, clock: Clock) -> None:
    """Where nothing was folded, nothing more is taken away."""
    with Progress(terminal.stream, clock=clock) as progress:
        progress(started(downloaded=1, pending=3))
        progress.tick()
        terminal.read()
        before = terminal.text.count("\x1b[1A\x1b[2K")
        terminal.resize(30)
        progress.tick()
        ups = terminal.read().count("\x1b[1A\x1b[2K") - before

    # Two lines are drawn, of which the first, with its bar, was three rows of 30.
    assert ups == 1 + 2
