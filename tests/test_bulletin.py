"""Where a run stands, posted for those who watch from another process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dubbatch.bulletin import STALE_S, Bulletin, Reader, bulletin_path
from dubbatch.events import BatchStarted, Inspected, JobChanged, Level, Notice, Pace, Sent, Transferred
from dubbatch.jobs import JobState
from dubbatch.stats import Snapshot, Stats
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return bulletin_path(tmp_path / "ledger.db", "spring")


def a_snapshot(clock: Clock) -> Snapshot:
    stats = Stats(clock)
    counts = ((JobState.PENDING, 2), (JobState.DOWNLOADED, 1))
    stats(BatchStarted("spring", 3, 2, counts, ((JobState.PENDING, 90.0),), usual_s=60.0))
    stats(JobChanged("spring", "ep01", JobState.PENDING, JobState.FAILED, "no face", "mend it", 45.0))
    stats(Notice("spring", Level.WARNING, "the service is slow"))
    stats(Pace("spring", 1, 4, 0.0, 60))
    stats(Sent("spring", "ep01", "r", "accepted", 0.1))
    stats(Transferred("spring", "ep01", up=True, size=1_000))
    return stats.snapshot()


def test_who_watches_sees_what_the_run_sees(path: Path, clock: Clock) -> None:
    """Everything that a panel shows."""
    posted = a_snapshot(clock)
    Bulletin(path, clock).post(posted)

    assert Reader(path, clock=clock).look() == posted


def test_it_is_posted_once_a_second_and_taken_down_at_the_end(path: Path, clock: Clock) -> None:
    """A look every third of a second writes no more than that."""
    bulletin = Bulletin(path, clock)
    stamps = set()
    for _ in range(7):
        bulletin.post(a_snapshot(clock))
        stamps.add(path.stat().st_ino)
        clock.now_s += 1 / 3

    assert len(stamps) <= 3
    bulletin.take_down()
    assert list(path.parent.iterdir()) == []
    assert Reader(path, clock=clock).look() is None


def test_a_run_that_has_not_begun_leaves_the_bulletin_of_another_alone(path: Path, clock: Clock) -> None:
    """The second run of a batch finds it busy."""
    Bulletin(path, clock).post(a_snapshot(clock))
    second = Bulletin(path, clock)
    second.post(Stats(clock).snapshot())
    second.take_down()

    assert Reader(path, clock=clock).look() is not None


def test_the_look_at_the_media_is_posted_too(path: Path, clock: Clock) -> None:
    """It may take its minutes."""
    stats = Stats(clock)
    stats(Inspected("spring", 3, 10))
    Bulletin(path, clock).post(stats.snapshot())

    found = Reader(path, clock=clock).look()
    assert found is not None
    assert found.inspected == (3, 10)


def test_a_bulletin_that_no_longer_changes_is_of_a_run_that_was_killed(path: Path, clock: Clock) -> None:
    """Nobody takes it down after kill -9."""
    Bulletin(path, clock).post(a_snapshot(clock))
    reader = Reader(path, clock=clock)
    seen = [reader.look() is not None]
    for _ in range(3):
        clock.now_s += STALE_S / 2
        seen.append(reader.look() is not None)

    assert seen == [True, True, False, False]


def test_an_old_bulletin_is_none_at_the_first_look(path: Path, clock: Clock) -> None:
    """Yesterday's run was killed."""
    Bulletin(path, clock).post(a_snapshot(clock))
    wall_s = path.stat().st_mtime
    os.utime(path, (wall_s - 3600, wall_s - 3600))

    assert Reader(path, clock=clock, wall=lambda: wall_s).look() is None


def test_a_clock_that_is_ahead_makes_no_bulletin_older(path: Path, clock: Clock) -> None:
    """The ledger's drive is another machine's."""
    Bulletin(path, clock).post(a_snapshot(clock))

    assert Reader(path, clock=clock, wall=lambda: path.stat().st_mtime - 500).look() is not None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"batch": "spring"}', "\udcff"])
def test_what_is_no_bulletin_is_none(path: Path, clock: Clock, text: str) -> None:
    """Cut, or of another version."""
    path.write_text(text, errors="surrogateescape")

    assert Reader(path, clock=clock).look() is None


@pytest.mark.parametrize(("name", "value"), [("counts", {"unheard-of": 1}), ("problems", [{}]), ("sends", None)])
def test_a_bulletin_of_another_version_is_none(path: Path, clock: Clock, name: str, value: object) -> None:
    """What is missing or unknown is not guessed at."""
    Bulletin(path, clock).post(a_snapshot(clock))
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, name: value}))

    assert Reader(path, clock=clock).look() is None


def test_a_folder_that_can_not_be_written_to_ends_no_run(tmp_path: Path, clock: Clock) -> None:
    """It is for those who watch; the run goes on without them."""
    (tmp_path / "file").write_text("")
    bulletin = Bulletin(tmp_path / "file" / "ledger.progress", clock)
    bulletin.post(a_snapshot(clock))
    bulletin.take_down()


def test_a_process_that_was_stopped_for_a_while_is_still_under_way(path: Path, clock: Clock) -> None:
    """Ctrl-Z, or a machine that sleeps: nothing is posted, and nothing has ended."""
    Bulletin(path, clock).post(a_snapshot(clock))
    reader = Reader(path, is_held=lambda: True, clock=clock)
    first = reader.look()
    clock.now_s += 100 * STALE_S

    assert first is not None
    assert reader.look() == first


def test_a_process_that_is_gone_is_not_waited_for(path: Path, clock: Clock) -> None:
    """kill -9 a moment ago: the bulletin is fresh, and nobody will take it down."""
    Bulletin(path, clock).post(a_snapshot(clock))

    assert Reader(path, is_held=lambda: False, clock=clock).look() is None


def test_one_failed_look_ends_no_watching(path: Path, clock: Clock) -> None:
    """It was being replaced, or the drive was away for a moment."""
    Bulletin(path, clock).post(a_snapshot(clock))
    reader = Reader(path, clock=clock)
    seen = reader.look()
    path.write_text("{")

    assert seen is not None
    assert reader.look() == seen
