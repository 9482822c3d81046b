"""What the core says instead of printing: frozen events, given to one hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dubbatch.jobs import JobState


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """A run knows what it will do. ``counts`` is of all the batch's jobs, earlier runs included."""

    batch: str
    jobs: int
    to_send: int
    counts: tuple[tuple[JobState, int], ...]
    #: Seconds of media of the jobs in each state, as far as they are known.
    lengths: tuple[tuple[JobState, float], ...] = ()
    #: What this account's latest jobs took at the service, in seconds; None: there were none.
    usual_s: float | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """So many jobs' media have been looked at, before anything is sent."""

    batch: str
    jobs: int
    of: int


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job's new state is in the ledger."""

    batch: str
    job: str
    before: JobState
    after: JobState
    detail: str = ""
    hint: str = ""
    #: Seconds of the longer of video and audio; None: not known.
    length_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One POST ended. ``outcome`` is accepted, refused or unknown."""

    batch: str
    job: str
    reference: str
    outcome: str
    seconds: float
    #: The service's own id, where it gave one.
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Transferred:
    """Bytes went over the line for a job, up or down."""

    batch: str
    job: str
    up: bool
    size: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How many slots are in use right now, and how many permits there are: so many in each window."""

    batch: str
    slots_used: int
    slots: int
    waiting_s: float = 0.0
    permits: int = 0
    window_s: float = 60.0
    #: False: this run sends no more, whatever waits.
    is_sending: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for a person: what happened, where, and what to do."""

    batch: str
    level: Level
    message: str
    hint: str = ""
    job: str = ""


Event = BatchStarted | Inspected | JobChanged | Sent | Transferred | Pace | Notice
EventHook = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The hook of those who don't want to know."""
