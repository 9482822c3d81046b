"""Where a run stands, posted beside its ledger for those who watch from another process.

It is no record: what was sent and paid is in the ledger. So it is replaced once a second without waiting for the disk,
it is taken down at the end, and one that no longer changes is of a run that was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dubbatch.events import Level
from dubbatch.jobs import JobState, Outcome
from dubbatch.ledger.lock import beside
from dubbatch.stats import Problem, Snapshot

_EVERY_S = 1.0
#: A run whose bulletin is older has ended, or its machine sleeps.
STALE_S = 10.0


def bulletin_path(ledger: Path, batch: str) -> Path:
    """Where the run of a batch posts."""
    return beside(ledger, batch, ".progress")


class Bulletin:
    """Posts snapshots of one run at ``path``. What can't be written is not worth ending a run for."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is monotonic, in seconds."""
        self._path = path
        self._clock = clock
        self._posted_s: float | None = None

    def post(self, snapshot: Snapshot) -> None:
        """Post it if the last one is a second old. Of a run that has not begun there is nothing to post.

        Whoever finds the batch busy has not begun, and leaves the bulletin of the other run alone.
        """
        now_s = self._clock()
        has_begun = bool(snapshot.batch) or snapshot.inspected != (0, 0)
        if not has_begun or (self._posted_s is not None and now_s - self._posted_s < _EVERY_S):
            return
        self._posted_s = now_s
        part = self._path.with_name(self._path.name + ".part")
        with suppress(OSError):
            part.write_text(json.dumps(_as_json(snapshot)), encoding="utf-8")
            part.replace(self._path)

    def take_down(self) -> None:
        if self._posted_s is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class Reader:
    """Looks at a bulletin again and again."""

    def __init__(
        self,
        path: Path,
        *,
        is_held: Callable[[], bool | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``is_held``: whether the run's process is there; None: it can't be known, so age decides.

        ``clock`` is monotonic; ``wall`` tells seconds since the epoch, as files' times do.
        """
        self._path = path
        self._is_held = is_held
        self._clock = clock
        self._wall = wall
        self._stamp: int | None = None
        self._last: Snapshot | None = None
        self._changed_s = 0.0

    def look(self) -> Snapshot | None:
        """Where the run stands; None: none is under way."""
        is_held = self._is_held()
        found = None if is_held is False else self._read()
        # A process that was stopped for a while says nothing, and goes on.
        return found if is_held or self._clock() - self._changed_s < STALE_S else None

    def _read(self) -> Snapshot | None:
        """What was posted last, and by when it has changed."""
        try:
            stat = self._path.stat()
            data = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            # It is being replaced, or the drive is away for a moment.
            return self._last
        if stat.st_mtime_ns != self._stamp:
            # At the first look only the file's own time tells its age; a clock that is ahead makes it no older.
            age_s = max(0.0, self._wall() - stat.st_mtime) if self._stamp is None else 0.0
            self._stamp, self._changed_s = stat.st_mtime_ns, self._clock() - age_s
        self._last = _from_json(data)
        return self._last


def _as_json(snapshot: Snapshot) -> dict[str, Any]:
    values = {item.name: getattr(snapshot, item.name) for item in fields(Snapshot)}
    values |= {name: dict(values[name]) for name in ("counts", "sends", "lengths")}
    return values | {"problems": [asdict(problem) for problem in snapshot.problems]}


def _from_json(data: Any) -> Snapshot | None:
    """A posted snapshot; None: it is none, or another version's."""
    try:
        values = {item.name: data[item.name] for item in fields(Snapshot)}
        values |= {
            "counts": dict.fromkeys(JobState, 0) | _by_state(values["counts"]),
            "lengths": dict.fromkeys(JobState, 0.0) | _by_state(values["lengths"]),
            "sends": {Outcome(word): int(n) for word, n in values["sends"].items()},
            "inspected": tuple(values["inspected"]),
            "problems": tuple(_problem(problem) for problem in values["problems"]),
        }
        return Snapshot(**values)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _by_state(numbers: Mapping[str, float]) -> dict[JobState, Any]:
    return {JobState(word): number for word, number in numbers.items()}


def _problem(data: Mapping[str, Any]) -> Problem:
    state = data["state"]
    return Problem(
        Level(data["level"]), data["message"], data["hint"], data["job"], None if state is None else JobState(state)
    )
