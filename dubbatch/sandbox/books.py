"""What was asked of the sandbox, what it accepted, and what it billed.

The books are a folder: ``journal.jsonl`` (one JSON object a line, appended, see ``journal``), the signing
``secret``, ``media/`` (inputs of requests that are not done) and ``outputs/``. This module reads the
journal: a line is a record with a ``type``, and the books are what all records together say. Reading takes
no lock, so that a test can look while the service runs; a last line that is still being written is left out.

Times are seconds since the epoch, by the sandbox's own clock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

JOURNAL = "journal.jsonl"


class Kind(StrEnum):
    """Which call it was."""

    GENERATE = "generate"
    UPLOAD = "upload"
    GET = "get"
    LIST = "list"
    ME = "me"
    HEALTH = "health"
    OUTPUT = "output"
    FILE = "file"


class Status(StrEnum):
    """The service's own words for where a request stands."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What a fault has in store for one request, from the moment it is accepted."""

    #: GET and list don't know it for so many seconds, beyond the service's own lag.
    invisible_s: float = 0.0
    #: It ends ``failed`` with this message.
    fail: str = ""
    #: The status word that is shown as long as it is not done.
    word: str = ""
    #: Seconds after completion without an ``output_url``; infinity: it never gets one.
    no_url_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One accepted request. Each was billed once: a reference that has two of them was paid for twice."""

    id: str
    kind: Kind
    #: 1 for the first of these books.
    number: int
    created_at: float
    reference: str = ""
    #: Addresses; empty for an uploaded file.
    video_url: str = ""
    audio_url: str = ""
    disable_active_speaker_detection: bool = False
    model: str = ""
    fate: Fate = Fate()
    status: Status = Status.QUEUED
    started_at: float | None = None
    finished_at: float | None = None
    error: str = ""
    #: Media minutes of the output; what the account pays for.
    minutes: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.status in (Status.COMPLETED, Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One POST to a generation endpoint, also one that was refused or lost."""

    number: int
    kind: Kind
    #: When its head arrived.
    at: float
    #: Whether the rate limit counted it.
    counted: bool = False
    #: What was answered; 0: the connection broke without an answer; None: not answered yet, or killed before.
    status: int | None = None
    reference: str = ""
    #: Of the request that it created; empty if it created none, whatever was answered.
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of any other kind."""

    kind: Kind
    at: float
    #: The id or the reference that was asked for; of files the path.
    asked: str = ""
    #: The Range header, of outputs and files.
    range: str = ""
    #: The action of the fault that it met.
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The API key arrived where it must never be sent."""

    at: float
    where: str


@dataclass(slots=True)
class Books:
    """Everything that the journal says, in its order."""

    #: By id, oldest first.
    requests: dict[str, Request] = field(default_factory=dict)
    #: By number, which is the order of arrival.
    posts: dict[int, Post] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    #: By id of a request that has ended: when an answer first said so.
    told: dict[str, float] = field(default_factory=dict)
    #: The longest that a fault hides a request from GET and list, in seconds.
    most_invisible_s: float = 0.0
    #: The latest time in the journal.
    last_at: float = 0.0
    _references: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Books:
        """Read the books in ``folder``; empty ones if there are none yet."""
        books = cls()
        for record in _records(folder / JOURNAL):
            books.apply(record)
        return books

    def with_reference(self, reference: str) -> list[Request]:
        """The requests that have this reference, oldest first."""
        return [self.requests[id_] for id_ in self._references.get(reference, ())]

    def bills(self) -> Counter[str]:
        """How often each reference was billed; more than once is money lost."""
        return Counter(request.reference for request in self.requests.values())

    @property
    def minutes(self) -> float:
        """Media minutes billed in all."""
        return sum(request.minutes for request in self.requests.values())

    def count(self, kind: Kind | str) -> int:
        """How many calls, or POSTs, of one kind there were."""
        posts = sum(post.kind == kind for post in self.posts.values())
        return posts + sum(call.kind == kind for call in self.calls)

    def most_posts_in(self, window_s: float) -> int:
        """The most POSTs that arrived in any window of ``window_s`` seconds."""
        times = sorted(post.at for post in self.posts.values())
        most = first = 0
        for last, at in enumerate(times):
            while at - times[first] >= window_s:
                first += 1
            most = max(most, last - first + 1)
        return most

    def apply(self, record: Mapping[str, Any]) -> None:
        """Add one record of the journal."""
        values = dict(record)
        kind = values.pop("type")
        self.last_at = max(self.last_at, values.get("at", 0.0), values.get("created_at", 0.0))
        match kind:
            case "request":
                request = Request(**{**_known(Request, values), "fate": Fate(**_known(Fate, values["fate"]))})
                self.requests[request.id] = request
                self.most_invisible_s = max(self.most_invisible_s, request.fate.invisible_s)
                if request.reference:
                    self._references.setdefault(request.reference, []).append(request.id)
            case "started":
                self._change(values["id"], status=Status.PROCESSING, started_at=values["at"])
            case "finished":
                status = Status.FAILED if values["error"] else Status.COMPLETED
                ended = {"finished_at": values["at"], "error": values["error"], "minutes": values["minutes"]}
                self._change(values["id"], status=status, **ended)
            case "post":
                self.posts[values["number"]] = Post(**_known(Post, values))
            case "answer":
                self.posts[values["number"]] = replace(self.posts[values["number"]], **_known(Post, values))
            case "call":
                self.calls.append(Call(**_known(Call, values)))
            case "told":
                self.told[values["id"]] = values["at"]
            case "leak":
                self.leaks.append(Leak(**_known(Leak, values)))

    def _change(self, request_id: str, **changes: Any) -> None:
        self.requests[request_id] = replace(self.requests[request_id], **changes)


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that ``kind`` has fields for, words as members of their enum."""
    enums = {"kind": Kind, "status": Status if kind is Request else int}
    names = {field.name for field in fields(kind)}
    return {
        name: enums[name](value) if name in enums and value is not None else value
        for name, value in values.items()
        if name in names
    }


def _records(journal: Path) -> Iterator[Mapping[str, Any]]:
    try:
        file = journal.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
