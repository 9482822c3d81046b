"""The values that travel through a run, and which change of a job's state is legal.

A job is one row of the manifest; an attempt is one paid try at it; a send is one
POST of an attempt. All three are frozen: a change is a new value, recorded in the
ledger, never an edit in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class JobState(StrEnum):
    """Where a job stands. An attempt uses the states from pending to stalled."""

    #: Not sent, or refused by the service: may be sent.
    PENDING = "pending"
    #: A send is recorded; its answer is not.
    SUBMITTING = "submitting"
    #: The answer of a send was lost: it is asked for until it is found or settled.
    UNSURE = "unsure"
    #: Accepted (and billed), waiting at the service.
    QUEUED = "queued"
    #: Being generated. A status word that we don't know counts as this one.
    PROCESSING = "processing"
    #: Generated; the output is still at the service.
    COMPLETED = "completed"
    #: The output is on disk, whole and playable.
    DOWNLOADED = "downloaded"
    #: Fetched three times, the same bytes, and they don't pass the checks.
    SUSPECT = "suspect"
    #: Refused for good, or failed at the service.
    FAILED = "failed"
    #: No progress for longer than this account's jobs take: later runs look again.
    STALLED = "stalled"
    #: A person must mend the row; not sent.
    BLOCKED = "blocked"
    #: The manifest says not to dub this row.
    SKIPPED = "skipped"


#: The service holds (or may hold) a paid request that has not ended.
LIVE = frozenset({JobState.SUBMITTING, JobState.UNSURE, JobState.QUEUED, JobState.PROCESSING, JobState.STALLED})
#: The service has accepted the attempt: it is never sent again by itself.
ACCEPTED = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.STALLED, JobState.COMPLETED})
#: Nothing more happens without a person.
ENDED = frozenset({JobState.DOWNLOADED, JobState.SUSPECT, JobState.FAILED, JobState.BLOCKED, JobState.SKIPPED})
#: A run has still to do something for it.
OPEN = frozenset(JobState) - ENDED

#: The hint of an attempt that failed and is followed by another one: no trouble that a person has to do with.
ONE_MORE = "the service's own fault: another attempt follows by itself"

_AT_SERVICE = frozenset({JobState.QUEUED, JobState.PROCESSING, JobState.COMPLETED, JobState.FAILED})

#: From each state, the states that may follow within one plan of the row.
#: (An edited row is planned anew and starts again from pending.)
LEGAL_CHANGES: Mapping[JobState, frozenset[JobState]] = {
    # adopted (any state at the service), served by identical work (any state of an attempt), or taken for unsure on
    # the permit log's word
    JobState.PENDING: _AT_SERVICE
    | {JobState.SUBMITTING, JobState.UNSURE, JobState.STALLED}
    | {JobState.DOWNLOADED, JobState.BLOCKED, JobState.SKIPPED},
    JobState.SUBMITTING: _AT_SERVICE | {JobState.UNSURE, JobState.PENDING},
    JobState.UNSURE: _AT_SERVICE | {JobState.PENDING, JobState.BLOCKED},
    JobState.QUEUED: _AT_SERVICE | {JobState.STALLED},
    JobState.PROCESSING: _AT_SERVICE | {JobState.STALLED},
    JobState.STALLED: _AT_SERVICE,
    JobState.COMPLETED: frozenset({JobState.DOWNLOADED, JobState.SUSPECT, JobState.FAILED, JobState.BLOCKED}),
    # a second attempt, a redo, or a request that came late; unsure, where a row of the same work sends it once more
    JobState.FAILED: _AT_SERVICE | {JobState.PENDING, JobState.UNSURE, JobState.BLOCKED, JobState.SKIPPED},
    # a redo; or collect fetching again what was moved away
    JobState.DOWNLOADED: frozenset({JobState.PENDING, JobState.COMPLETED, JobState.SKIPPED}),
    JobState.SUSPECT: frozenset({JobState.PENDING, JobState.COMPLETED, JobState.SKIPPED}),
    JobState.BLOCKED: frozenset({JobState.PENDING, JobState.COMPLETED, JobState.SKIPPED, JobState.DOWNLOADED}),
    JobState.SKIPPED: frozenset({JobState.PENDING, JobState.BLOCKED, JobState.DOWNLOADED}),
}


def may_follow(before: JobState, after: JobState) -> bool:
    """Whether a job may go from ``before`` to ``after`` (staying is always legal)."""
    return before == after or after in LEGAL_CHANGES[before]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a manifest something stands, as a person counts there.

    ``row`` is the line of a YAML file or the row of a sheet (the header is row 1);
    ``column`` is the header's text in a table, the column's number in YAML.
    """

    file: str
    row: int | None = None
    column: str | int | None = None
    sheet: str = ""

    def __str__(self) -> str:
        file = f"{self.file}#{self.sheet}" if self.sheet else self.file
        if isinstance(self.column, int):
            return f"{file}:{self.row}:{self.column}"
        where = file if self.row is None else f"{file}, row {self.row}"
        return f"{where}, column {self.column}" if self.column else where


@dataclass(frozen=True, slots=True)
class Media:
    """A video or an audio track: a local file (``path``) or a web address (``url``), never both."""

    #: As the manifest has it.
    text: str
    #: Absolute path of a local file.
    path: Path | None = None
    #: http(s) address, as it is sent to the service.
    url: str | None = None

    @property
    def is_local(self) -> bool:
        return self.path is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of a manifest: video + audio -> output."""

    id: str
    video: Media
    audio: Media
    #: File name inside the output directory, ``/`` between folders, safe on every system.
    output: str
    #: Place in the manifest's order, from 0.
    position: int
    language: str = ""
    #: A reference chosen by the team; empty: dubbatch makes one.
    reference_id: str = ""
    disable_active_speaker_detection: bool = False
    #: Only for uploads; empty: the service's default.
    model: str = ""
    #: Higher is sent first.
    priority: int = 0
    #: Media minutes as the team states them.
    minutes: float | None = None
    skip: bool = False
    #: The team's own columns, in their order.
    columns: Mapping[str, str] = field(default_factory=dict)
    place: Place = Place("")
    #: Why a person must mend the row first, or why it is skipped; empty: it can be sent, or says so itself.
    blocked: str = ""
    #: What a person can do about it. Nothing of the work: two jobs that differ in it are the same.
    remedy: str = field(default="", compare=False)
    #: What is odd about its row, in words for a person; nothing of the work either.
    warnings: tuple[str, ...] = field(default=(), compare=False)
    #: Where the cells of video and audio stand; None: as the job. The ledger doesn't keep it: the manifest has it.
    video_place: Place | None = field(default=None, compare=False)
    audio_place: Place | None = field(default=None, compare=False)

    @property
    def is_upload(self) -> bool:
        """Whether the job goes to ``/generate-with-media`` (design: one local file is enough)."""
        return self.video.is_local or self.audio.is_local


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One paid try at a job, known to the service by its reference."""

    reference: str
    #: The reference without its number: what all attempts of one job's work share.
    stem: str
    #: 1 for the first; advances only when the service accepted the one before.
    n: int
    #: The batch and the job that this attempt was bought for.
    batch: str
    job: str
    fingerprint: str
    state: JobState
    #: The service's id; empty until it is known.
    request_id: str = ""
    #: The service's own times, ISO 8601; empty until it tells.
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    #: Why it failed, and what to do about it.
    error: str = ""
    hint: str = ""
    #: Name of the output inside the output directory when the attempt was sent.
    output: str = ""
    #: Longer of video and audio in seconds, as far as it was known when it was sent: what it counts in a budget.
    length_s: float | None = None


class Outcome(StrEnum):
    """What one send's answer says about that send (design, "Paying once", point 3)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One POST of an attempt. ``outcome`` is None while the answer is awaited, or after a crash."""

    reference: str
    #: Wall-clock seconds since the epoch, for people and reports; never for waiting.
    started: float
    ended: float | None = None
    outcome: Outcome | None = None

    @property
    def may_have_been_accepted(self) -> bool:
        return self.outcome is None or self.outcome is Outcome.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the ledger knows it: the row as it was planned, and what has become of it."""

    batch: str
    job: Job
    state: JobState
    #: Of the row as it was planned; empty while it is not known (blocked, skipped).
    fingerprint: str = ""
    #: The attempt that serves the job (its own, or identical work's); empty: none yet.
    reference: str = ""
    error: str = ""
    hint: str = ""
    #: False: the row has left the manifest.
    present: bool = True
    #: Whether the latest run was asked for it (``--only``).
    selected: bool = True
    #: Longer of video and audio in seconds, measured or as the team states it; None: not known.
    length_s: float | None = None
    #: How video and audio count in the fingerprint, to tell which of them has changed; empty: not known.
    video_key: str = ""
    audio_key: str = ""
    #: What is odd about its media, in words for a person; nothing that kept it from being sent.
    warnings: tuple[str, ...] = ()


class OutputVerdict(StrEnum):
    """What the checks said of a file that was fetched."""

    GOOD = "good"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file on disk that came from an attempt."""

    batch: str
    job: str
    reference: str
    #: Absolute path where it was put.
    path: Path
    #: 0: the current output under the plain name; n: moved aside as ``name.vn.mp4``.
    version: int
    sha256: str
    size: int
    duration_s: float | None
    verdict: OutputVerdict = OutputVerdict.GOOD
    #: What is odd about it, in words for a person; nothing that makes it worthless.
    warning: str = ""
