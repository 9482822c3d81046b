"""What the service's model writes down: what it accepted, what it was sent, and what it answered with "no"."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from dubbatch.jobs import Outcome
from tests.protocol.script import Life

#: Where the service's clock stands at second 0.
EPOCH_S = 1_700_000_000.0
#: Addresses of video and audio.
Work = tuple[str, str]

_LIFE_S = {Life.GOOD: 40.0, Life.OWN_FAULT: 25.0, Life.MEDIA_FAULT: 5.0, Life.SLOW: 2400.0}


@dataclass
class Accepted:
    """A request that will be billed. All times are the service's seconds."""

    id: str
    reference: str
    work: Work
    created_s: float
    listed_from_s: float
    known_from_s: float
    visible_from_s: float
    life: Life

    def body(self, now: float, *, odd: bool = False) -> dict[str, object]:
        age_s, life_s = now - self.created_s, _LIFE_S[self.life]
        fails = self.life in (Life.OWN_FAULT, Life.MEDIA_FAULT)
        status = "queued" if age_s < life_s / 4 else "processing"
        if age_s >= life_s:
            status = "failed" if fails else "completed"
        elif odd:
            status = "uploading"
        return {
            "id": self.id,
            "status": status,
            "created_at": _iso(self.created_s),
            "reference_id": self.reference or None,
            "started_at": None if status == "queued" else _iso(self.created_s + life_s / 4),
            "finished_at": _iso(self.created_s + life_s) if age_s >= life_s else None,
            "output_url": None if status != "completed" or odd else f"https://cdn.example.com/{self.id}.mp4",
            "error_message": self.life.value if status == "failed" else None,
            "a_field_of_tomorrow": 1,
        }


@dataclass
class Post:
    """One POST as it was seen from both ends."""

    reference: str
    work: Work
    started_s: float
    wall_s: float
    #: When the client got its answer, gave up, or died.
    ended_s: float | None = None
    #: What the client understood; None: it died before.
    outcome: Outcome | None = None


@dataclass(frozen=True)
class No:
    """A question about one reference that was answered with "no"."""

    by_list: bool
    asked_s: float
    #: When the process began that asked.
    process_s: float


@dataclass
class Reading:
    """The whole list, read page by page."""

    asked_s: float
    places: set[int] = field(default_factory=set)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(EPOCH_S + at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
