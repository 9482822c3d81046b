"""What is counted of a run's events, and what a snapshot says."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.events import BatchStarted, Event, JobChanged, Level, Notice, Pace, Sent, Transferred
from dubbatch.jobs import JobState, Outcome
from dubbatch.stats import Problem, Snapshot, Speed, Stats, problem_of
from tests.clock import Clock

BATCH = "spring"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stats(clock: Clock) -> Stats:
    return Stats(clock)


def started(**counts: int) -> BatchStarted:
    states = tuple((JobState(word), n) for word, n in counts.items())
    return BatchStarted(BATCH, sum(counts.values()), counts.get("pending", 0), states)


def changed(before: JobState, after: JobState, *, batch: str = BATCH, detail: str = "") -> JobChanged:
    return JobChanged(batch, "ep01", before, after, detail)


def after(stats: Stats, *events: Event) -> Snapshot:
    for event in events:
        stats(event)
    return stats.snapshot()


def test_before_anything_started_everything_is_nothing(stats: Stats) -> None:
    """A view may ask at any time."""
    snapshot = stats.snapshot()

    assert (snapshot.batch, snapshot.jobs, snapshot.done, snapshot.wanted) == ("", 0, 0, 0)
    assert dict.fromkeys(JobState, 0) == snapshot.counts
    assert dict.fromkeys(Outcome, 0) == snapshot.sends
    assert (snapshot.up_per_s, snapshot.down_per_s, snapshot.waiting_s, snapshot.problems) == (0.0, 0.0, 0.0, ())


def test_jobs_are_counted_from_where_earlier_runs_left_them(stats: Stats) -> None:
    """Done by earlier runs and done by this run are two numbers."""
    snapshot = after(
        stats,
        started(downloaded=7, pending=3, skipped=2),
        changed(JobState.PENDING, JobState.SUBMITTING),
        changed(JobState.SUBMITTING, JobState.QUEUED),
        changed(JobState.QUEUED, JobState.COMPLETED),
        changed(JobState.COMPLETED, JobState.DOWNLOADED),
        changed(JobState.PENDING, JobState.SUBMITTING),
    )

    assert {state: n for state, n in snapshot.counts.items() if n} == {
        JobState.DOWNLOADED: 8,
        JobState.PENDING: 1,
        JobState.SUBMITTING: 1,
        JobState.SKIPPED: 2,
    }
    assert (snapshot.jobs, snapshot.wanted, snapshot.to_send) == (12, 10, 3)
    assert (snapshot.done, snapshot.done_before) == (8, 7)


def test_what_is_fetched_again_is_not_done_in_the_meantime(stats: Stats) -> None:
    """Collect takes a job back from downloaded; that makes no negative number."""
    snapshot = after(stats, started(downloaded=2), changed(JobState.DOWNLOADED, JobState.COMPLETED))

    assert (snapshot.done, snapshot.done_before) == (1, 2)


def test_jobs_of_other_batches_and_removed_rows_are_not_counted(stats: Stats) -> None:
    """Identical work moves jobs of other batches; rows that left the manifest are still collected."""
    stats(started(pending=1))
    before = stats.snapshot()

    snapshot = after(
        stats,
        changed(JobState.PENDING, JobState.FAILED, batch="autumn", detail="theirs"),
        Transferred("autumn", "ep01", up=True, size=5),
        changed(JobState.PROCESSING, JobState.COMPLETED),
    )

    assert (before.counts, before.problems, before.bytes_up) == (
        snapshot.counts,
        snapshot.problems,
        snapshot.bytes_up,
    )


def test_sends_are_counted_by_what_their_answers_said(stats: Stats) -> None:
    """Accepted, refused, unknown."""
    outcomes = ["accepted", "refused", "accepted", "unknown"]

    snapshot = after(stats, started(pending=4), *(Sent(BATCH, "ep01", "r", outcome, 0.1) for outcome in outcomes))

    assert snapshot.sends == {Outcome.ACCEPTED: 2, Outcome.REFUSED: 1, Outcome.UNKNOWN: 1}


def test_bytes_and_speeds_are_told_apart_by_direction(stats: Stats, clock: Clock) -> None:
    """Two seconds of 1000 bytes a second up, and half of that down."""
    for _ in range(4):
        stats(Transferred(BATCH, "ep01", up=True, size=500))
        stats(Transferred(BATCH, "ep02", up=False, size=250))
        clock.now_s += 0.5
    snapshot = stats.snapshot()

    assert (snapshot.bytes_up, snapshot.bytes_down) == (2_000, 1_000)
    assert (snapshot.up_per_s, snapshot.down_per_s) == (1_000.0, 500.0)


def test_the_speed_is_that_of_the_last_seconds(clock: Clock) -> None:
    """What went over the line before is history; what stands still has no speed."""
    speed = Speed(clock)
    speed.add(1_000_000_000)
    clock.now_s += 60
    for _ in range(20):
        speed.add(500)
        clock.now_s += 0.5

    assert speed.per_s() == 1_000.0
    clock.now_s += 10
    assert speed.per_s() == 0.0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 10**9)), max_size=60))
def test_a_speed_is_never_negative_nor_faster_than_all_bytes_at_once(steps: list[tuple[float, int]]) -> None:
    """Whatever the rhythm, and in constant memory."""
    clock = Clock()
    speed = Speed(clock)
    for pause_s, size in steps:
        clock.now_s += pause_s
        speed.add(size)

        assert 0 <= speed.per_s() <= 2 * sum(size for _, size in steps)
        assert len(speed._stretches) <= 12


def test_pace_is_the_latest_and_the_wait_runs_down(stats: Stats, clock: Clock) -> None:
    """Nobody says every second how long a permit still takes."""
    stats(Pace(BATCH, 1, 2))
    stats(Pace(BATCH, 3, 4, waiting_s=10.0))
    clock.now_s += 4
    early = stats.snapshot()
    clock.now_s += 60
    late = stats.snapshot()

    assert (early.slots_used, early.slots, early.waiting_s, early.elapsed_s) == (3, 4, 6.0, 4.0)
    assert (late.waiting_s, late.elapsed_s) == (0.0, 64.0)


def test_the_last_five_problems_are_kept(stats: Stats) -> None:
    """Oldest first, and never more: a run may have a hundred thousand."""
    snapshot = after(stats, *(Notice(BATCH, Level.WARNING, str(n)) for n in range(100)))

    assert [problem.message for problem in snapshot.problems] == ["95", "96", "97", "98", "99"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Notice(BATCH, Level.INFO, "all is well"), None),
        (Notice(BATCH, Level.WARNING, "slow", "wait", "ep01"), Problem(Level.WARNING, "slow", "wait", "ep01")),
        (Notice(BATCH, Level.ERROR, "full", "make room"), Problem(Level.ERROR, "full", "make room")),
        (
            JobChanged(BATCH, "ep01", JobState.QUEUED, JobState.FAILED, "no face", "mend it"),
            Problem(Level.ERROR, "no face", "mend it", "ep01", JobState.FAILED),
        ),
        (changed(JobState.PENDING, JobState.BLOCKED), Problem(Level.ERROR, "", "", "ep01", JobState.BLOCKED)),
        (changed(JobState.COMPLETED, JobState.SUSPECT), Problem(Level.ERROR, "", "", "ep01", JobState.SUSPECT)),
        (changed(JobState.QUEUED, JobState.STALLED), Problem(Level.WARNING, "", "", "ep01", JobState.STALLED)),
        (changed(JobState.FAILED, JobState.FAILED), None),
        (changed(JobState.PENDING, JobState.SUBMITTING), None),
        (changed(JobState.COMPLETED, JobState.DOWNLOADED), None),
        (changed(JobState.SUBMITTING, JobState.UNSURE), None),
        (started(failed=1), None),
        (Sent(BATCH, "ep01", "r", "refused", 0.1), None),
        (Transferred(BATCH, "ep01", up=True, size=1), None),
        (Pace(BATCH, 1, 2), None),
    ],
)
def test_trouble_is_told_from_what_is_not(event: Event, expected: Problem | None) -> None:
    """Warnings, errors, and jobs that went where a person should look."""
    assert problem_of(event) == expected


def test_a_snapshot_does_not_change(stats: Stats) -> None:
    """It is of its moment, for whoever holds it, in whatever thread."""
    snapshot = after(stats, started(pending=1))
    stats(changed(JobState.PENDING, JobState.SUBMITTING))

    assert snapshot.counts[JobState.PENDING] == 1
    with pytest.raises(FrozenInstanceError):
        snapshot.jobs = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        snapshot.counts[JobState.PENDING] = 2  # type: ignore[index]


def test_a_second_start_counts_anew(stats: Stats) -> None:
    """The ledger's own counts are the truth."""
    snapshot = after(stats, started(pending=5), started(downloaded=5))

    assert (snapshot.done, snapshot.done_before, snapshot.counts[JobState.PENDING]) == (5, 5, 0)


@given(st.lists(st.tuples(st.sampled_from(JobState), st.sampled_from(JobState)), max_size=50))
def test_no_change_makes_jobs_appear_or_vanish(changes: list[tuple[JobState, JobState]]) -> None:
    """Every number stays a number of jobs, and they add up."""
    stats = Stats(Clock())

    snapshot = after(stats, started(pending=3, queued=2), *(changed(*change) for change in changes))

    assert sum(snapshot.counts.values()) == 5
    assert min(snapshot.counts.values()) >= 0


def test_minutes_move_with_their_jobs(stats: Stats) -> None:
    """What is skipped is not wanted, and a length that is not known is none."""
    begun = BatchStarted(
        BATCH,
        4,
        2,
        ((JobState.PENDING, 3), (JobState.SKIPPED, 1)),
        ((JobState.PENDING, 300.0), (JobState.SKIPPED, 60.0)),
    )
    done = JobChanged(BATCH, "ep01", JobState.PENDING, JobState.DOWNLOADED, length_s=120.0)
    unknown = JobChanged(BATCH, "ep02", JobState.PENDING, JobState.DOWNLOADED)
    snapshot = after(stats, begun, done, unknown)

    assert (snapshot.minutes_done, snapshot.minutes_wanted) == (2.0, 5.0)


def test_permits_are_in_use_for_one_window(stats: Stats, clock: Clock) -> None:
    """Each POST from its end on."""
    for _ in range(3):
        stats(Sent(BATCH, "ep01", "r", "refused", 0.1))
        clock.now_s += 25
    snapshot = after(stats, Pace(BATCH, 0, 4, permits=60, window_s=60.0))

    assert (snapshot.permits_used, snapshot.permits) == (2, 60)


def test_what_no_run_sends_takes_no_time(stats: Stats, clock: Clock) -> None:
    """A limit, and a stop, leave jobs to a later run."""
    begun = BatchStarted(BATCH, 100, 1, ((JobState.PENDING, 100),), usual_s=60.0)
    limited = after(stats, begun, Pace(BATCH, 0, 1))
    stopped = after(stats, Pace(BATCH, 0, 1, is_sending=False))

    assert (limited.remaining_s, stopped.remaining_s) == (60.0, None)
