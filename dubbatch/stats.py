"""Counts events and hands out snapshots; draws nothing, and never grows with the batch.

Counting starts with ``BatchStarted``, which says where the jobs stand. Events of other batches
(identical work is served across batches) are not counted, nor are changes out of a state in
which no counted job stands: those are of rows that left the manifest or were not selected.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dubbatch.events import BatchStarted, Event, Inspected, JobChanged, Level, Notice, Pace, Sent, Transferred
from dubbatch.flow import ON_THEIR_WAY, Ahead, Flow, remaining_s
from dubbatch.jobs import ONE_MORE, JobState, Outcome

#: Speeds are of the last so many seconds, counted in stretches of one of them each.
_SPEED_SPAN_S = 5.0
_STRETCH_S = 0.5
_PROBLEMS = 5

#: States that are news of trouble. A stalled job is looked at again by itself; the others need a person.
_TROUBLE: Mapping[JobState, Level] = {
    JobState.FAILED: Level.ERROR,
    JobState.BLOCKED: Level.ERROR,
    JobState.SUSPECT: Level.ERROR,
    JobState.STALLED: Level.WARNING,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know of. ``state`` is where the job ended up, if it is about one."""

    level: Level
    message: str
    hint: str = ""
    job: str = ""
    state: JobState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a run stands at one moment. Sizes in bytes, speeds in bytes a second."""

    batch: str
    jobs: int
    to_send: int
    #: Jobs by state; every state is a key.
    counts: Mapping[JobState, int]
    #: Downloaded by earlier runs.
    done_before: int
    #: POSTs of this run by what their answers said; every outcome is a key.
    sends: Mapping[Outcome, int]
    bytes_up: int
    bytes_down: int
    up_per_s: float
    down_per_s: float
    slots_used: int
    #: 0: not known yet.
    slots: int
    #: Until the next permit.
    waiting_s: float
    #: The latest, oldest first.
    problems: tuple[Problem, ...]
    elapsed_s: float
    #: Jobs whose media have been looked at, of how many, before the batch has started; 0, 0: none are.
    inspected: tuple[int, int] = (0, 0)
    #: Seconds of media by state, as far as they are known; every state is a key.
    lengths: Mapping[JobState, float]
    #: POSTs of the last window, and how many a window may have; 0: not known yet.
    permits_used: int = 0
    permits: int = 0
    #: Until all is done that this run can do; None: not known, or nothing is to do.
    remaining_s: float | None = None

    @property
    def done(self) -> int:
        return self.counts[JobState.DOWNLOADED]

    @property
    def wanted(self) -> int:
        """Jobs that are to be done: those that the manifest skips are not."""
        return self.jobs - self.counts[JobState.SKIPPED]

    @property
    def minutes_done(self) -> float:
        """Media minutes that are downloaded, by whatever run."""
        return self.lengths.get(JobState.DOWNLOADED, 0.0) / 60

    @property
    def minutes_wanted(self) -> float:
        """Media minutes of the jobs that are to be done."""
        return sum(length_s for state, length_s in self.lengths.items() if state is not JobState.SKIPPED) / 60


def problem_of(event: Event) -> Problem | None:
    """What an event has to say to a person who only wants to hear of trouble."""
    match event:
        case Notice(level=Level.WARNING | Level.ERROR):
            return Problem(event.level, event.message, event.hint, event.job)
        case JobChanged(after=after) if after in _TROUBLE and after is not event.before:
            level = Level.WARNING if event.hint == ONE_MORE else _TROUBLE[after]
            return Problem(level, event.detail, event.hint, event.job, after)
        case _:
            return None


class Speed:
    """Bytes a second over the last few seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        #: (number of the stretch, its bytes), oldest first.
        self._stretches: deque[tuple[int, int]] = deque()

    def add(self, size: int) -> None:
        number = int(self._clock() // _STRETCH_S)
        if self._stretches and self._stretches[-1][0] == number:
            size += self._stretches.pop()[1]
        self._stretches.append((number, size))
        self._forget()

    def per_s(self) -> float:
        self._forget()
        if not self._stretches:
            return 0.0
        # A transfer that began just now is not slow because the span before it was silent.
        spent_s = self._clock() - self._stretches[0][0] * _STRETCH_S
        return sum(size for _, size in self._stretches) / max(_STRETCH_S, spent_s)

    def _forget(self) -> None:
        oldest = (self._clock() - _SPEED_SPAN_S) / _STRETCH_S
        while self._stretches and self._stretches[0][0] < oldest:
            self._stretches.popleft()


class Stats:
    """An event hook that counts. Not thread-safe: whoever shares it holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._began_s = clock()
        self._started = BatchStarted("", 0, 0, ())
        self._counts = dict.fromkeys(JobState, 0)
        self._lengths = dict.fromkeys(JobState, 0.0)
        self._flow = Flow(clock)
        self._sends = dict.fromkeys(Outcome, 0)
        #: When the POSTs of the last window ended.
        self._posts: deque[float] = deque()
        self._bytes = {True: 0, False: 0}
        self._speed = {True: Speed(clock), False: Speed(clock)}
        self._pace = Pace("", 0, 0)
        self._paced_s = 0.0
        self._problems: deque[Problem] = deque(maxlen=_PROBLEMS)
        self._inspected = (0, 0)

    def __call__(self, event: Event) -> None:
        if self.is_foreign(event):
            return
        if problem := problem_of(event):
            self._problems.append(problem)
        match event:
            case Inspected():
                self._inspected = (event.jobs, event.of)
            case BatchStarted():
                self._started = event
                self._counts = dict.fromkeys(JobState, 0) | dict(event.counts)
                self._lengths = dict.fromkeys(JobState, 0.0) | dict(event.lengths)
                self._flow = Flow(self._clock, event.usual_s)
            case JobChanged():
                self._move(event)
            case Sent():
                self._sends[Outcome(event.outcome)] += 1
                self._posts.append(self._clock())
                self._permits_used()
            case Transferred():
                self._bytes[event.up] += event.size
                self._speed[event.up].add(event.size)
            case Pace():
                self._pace, self._paced_s = event, self._clock()

    def is_foreign(self, event: Event) -> bool:
        """Whether an event is of another batch than the one that was started."""
        ours = self._started.batch
        return bool(ours) and event.batch != ours and not isinstance(event, BatchStarted)

    def snapshot(self) -> Snapshot:
        now = self._clock()
        return Snapshot(
            batch=self._started.batch,
            jobs=self._started.jobs,
            to_send=self._started.to_send,
            counts=MappingProxyType(self._counts.copy()),
            done_before=dict(self._started.counts).get(JobState.DOWNLOADED, 0),
            sends=MappingProxyType(self._sends.copy()),
            bytes_up=self._bytes[True],
            bytes_down=self._bytes[False],
            up_per_s=self._speed[True].per_s(),
            down_per_s=self._speed[False].per_s(),
            slots_used=self._pace.slots_used,
            slots=self._pace.slots,
            waiting_s=max(0.0, self._pace.waiting_s - (now - self._paced_s)),
            problems=tuple(self._problems),
            elapsed_s=now - self._began_s,
            inspected=self._inspected,
            lengths=MappingProxyType(self._lengths.copy()),
            permits_used=self._permits_used(),
            permits=self._pace.permits,
            remaining_s=self._remaining_s(),
        )

    def _move(self, change: JobChanged) -> None:
        before, after = change.before, change.after
        if not self._counts[before]:
            return
        self._counts[before] -= 1
        self._counts[after] += 1
        length_s = change.length_s or 0.0
        self._lengths[before] = max(0.0, self._lengths[before] - length_s)
        self._lengths[after] += length_s
        self._flow.move(change.job, after)

    def _permits_used(self) -> int:
        while self._posts and self._posts[0] <= self._clock() - self._pace.window_s:
            self._posts.popleft()
        return len(self._posts)

    def _remaining_s(self) -> float | None:
        took_s = self._flow.took_s
        on_their_way = sum(self._counts[state] for state in ON_THEIR_WAY)
        sent = self._sends[Outcome.ACCEPTED]
        waiting = min(self._counts[JobState.PENDING], max(0, self._started.to_send - sent))
        waiting = waiting if self._pace.is_sending else 0
        if took_s is None or not waiting + on_their_way:
            return None
        ages_s = self._flow.ages_s(on_their_way)
        used, permits = self._permits_used(), self._pace.permits
        free = max(0, permits - used)
        return remaining_s(Ahead(waiting, ages_s, took_s, self._pace.slots, permits, free, self._pace.window_s))
