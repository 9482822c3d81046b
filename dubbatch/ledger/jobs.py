"""The jobs of each batch: planned rows, their states, and who is sent next."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from dubbatch.errors import LedgerError
from dubbatch.events import JobChanged
from dubbatch.jobs import ENDED, JobRecord, JobState, may_follow
from dubbatch.ledger.database import Database, Row, Value
from dubbatch.ledger.rows import job_to_json, record_from_row
from dubbatch.ledger.standing import Standing

_PAGE = 500
#: An attempt's news do not touch a job that has what it wanted, or that a person must mend.
_DEAF = ENDED - {JobState.FAILED}


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What the ledger keeps of a batch besides its jobs."""

    name: str
    manifest: str
    output_dir: str
    #: JSON list of the team's own headers.
    columns: str
    started_at: str
    finished_at: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one job, and what to do about it."""

    job: str
    state: JobState
    error: str
    hint: str


class JobTable:
    """Every change of a job's state goes through here, is checked, and is told in ``changes``."""

    def __init__(self, db: Database, changes: list[JobChanged]) -> None:
        self._db = db
        self._changes = changes

    def begin_batch(self, batch: BatchRow, planned: Iterable[JobRecord]) -> None:
        """Record a plan. Rows that are not in it have left the manifest."""
        with self._db.atomic():
            self._db.run(
                "put_batch",
                name=batch.name,
                manifest=batch.manifest,
                output_dir=batch.output_dir,
                columns=batch.columns,
                started_at=batch.started_at,
            )
            self._db.run("leave_all", batch=batch.name)
            self._db.run_many("put_job", map(_planned_row, planned))

    def finish_batch(self, name: str, finished_at: str) -> None:
        self._db.run("finish_batch", name=name, finished_at=finished_at)

    def batch(self, name: str) -> BatchRow | None:
        row = self._db.one("batch", name=name)
        return BatchRow(**dict(row)) if row else None

    def batch_of_manifest(self, manifest: str) -> BatchRow | None:
        """The batch that was last planned from this file."""
        row = self._db.one("batch_of_manifest", manifest=manifest)
        return BatchRow(**dict(row)) if row else None

    def get(self, batch: str, job: str) -> JobRecord | None:
        row = self._db.one("job", batch=batch, id=job)
        return record_from_row(row) if row else None

    def several(self, batch: str, ids: Iterable[str]) -> dict[str, JobRecord]:
        """Those of a page of jobs that the ledger knows, by id."""
        rows = self._db.all("jobs_with_ids", batch=batch, ids=json.dumps(list(ids)))
        return {row["id"]: record_from_row(row) for row in rows}

    def all(self, batch: str) -> Iterator[JobRecord]:
        """Every job in the manifest's order, removed rows last; read in pages, so memory stays flat."""
        for left in (0, 1):
            yield from self._paged("jobs_after", batch=batch, left=left)

    def standings(self, batch: str, *, troubled_only: bool = False) -> Iterator[Standing]:
        """The manifest's jobs in its order with what serves them, for reports; read in pages.

        ``troubled_only``: of the selected jobs those with which something is wrong.
        """
        return map(Standing.of, self._pages("standings_after", batch=batch, troubled=int(troubled_only)))

    def minutes(self, batch: str) -> dict[str, float | None]:
        """Media minutes of the manifest's jobs: measured, or what the team states; None: not known."""
        return {row["id"]: row["minutes"] for row in self._db.all("job_minutes", batch=batch)}

    def pending(self, batch: str) -> Iterator[JobRecord]:
        """What a run is to send, in the manifest's order; read in pages. The order of sending is ``by_turn``'s."""
        return self._paged("pending_after", batch=batch)

    def count_pending(self, batch: str) -> int:
        """How many ``pending`` has."""
        row = self._db.one("count_pending", batch=batch)
        return int(row["n"]) if row else 0

    def unserved(self, batch: str) -> Iterator[JobRecord]:
        """As ``pending``, with the rows that a run is not to send: what was bought for them is money, too."""
        return self._paged("unserved_after", batch=batch)

    def count_unserved(self, batch: str) -> int:
        row = self._db.one("count_unserved", batch=batch)
        return int(row["n"]) if row else 0

    def _paged(self, query: str, **values: Value) -> Iterator[JobRecord]:
        return map(record_from_row, self._pages(query, **values))

    def _pages(self, query: str, **values: Value) -> Iterator[Row]:
        """A query's rows after a position and an id, page after page: an OFFSET would walk over all before it."""
        position, job = -1, ""
        while rows := self._db.all(query, position=position, id=job, limit=_PAGE, **values):
            yield from rows
            position, job = rows[-1]["position"], rows[-1]["id"]

    def troubles(self, batch: str) -> list[Trouble]:
        """What is wrong with which job, in the manifest's order; the rows themselves are not read."""
        rows = self._db.all("job_troubles", batch=batch)
        return [Trouble(row["id"], JobState(row["state"]), row["error"], row["hint"]) for row in rows]

    def others(self, batch: str, ids: Collection[str]) -> dict[str, bool]:
        """The jobs that are not among ``ids``, in the order of ``all``: id -> whether the manifest had it until now."""
        rows = self._db.all("job_ids", batch=batch)
        return {row["id"]: bool(row["present"]) for row in rows if row["id"] not in ids}

    def by_turn(self, batch: str, limit: int, offset: int = 0, *, left_s: float | None = None) -> list[JobRecord]:
        """The jobs to send, ``offset`` of them left out: priority, then longest media, then the manifest's order.

        ``left_s``: no longer ones than so many seconds, but for what identical work serves; None: of any length.
        """
        rows = self._db.all("jobs_by_turn", batch=batch, limit=limit, offset=offset, left_s=left_s)
        return [record_from_row(row) for row in rows]

    def following(self, reference: str) -> list[JobRecord]:
        """The jobs, of any batch, that this attempt serves."""
        return [record_from_row(row) for row in self._db.all("jobs_following", reference=reference)]

    def to_fetch(self, batch: str, limit: int) -> list[JobRecord]:
        return [record_from_row(row) for row in self._db.all("jobs_to_fetch", batch=batch, limit=limit)]

    def counts(self, batch: str, *, selected_only: bool = False) -> dict[JobState, int]:
        """Jobs by state, rows that left the manifest not among them."""
        rows = self._db.all("state_counts", batch=batch, selected=int(selected_only))
        return {JobState(row["state"]): row["n"] for row in rows}

    def lengths(self, batch: str, *, selected_only: bool = False) -> dict[JobState, float]:
        """Seconds of media of the jobs of ``counts`` by state, as far as they are known."""
        rows = self._db.all("state_lengths", batch=batch, selected=int(selected_only))
        return {JobState(row["state"]): row["length_s"] for row in rows}

    def batches(self) -> list[str]:
        """The names of all batches that this ledger knows."""
        return [row["name"] for row in self._db.all("batch_names")]

    def removed(self, batch: str) -> list[str]:
        return [row["id"] for row in self._db.all("removed_jobs", batch=batch)]

    def change(
        self, record: JobRecord, state: JobState, *, error: str = "", hint: str = "", reference: str | None = None
    ) -> None:
        """Set one job's state. Raises LedgerError for a change that the life of a job does not know."""
        if not may_follow(record.state, state):
            raise LedgerError(
                f"job {record.job.id}: {record.state} can't become {state}",
                hint="this is a fault of dubbatch: please report it; nothing was sent for it",
            )
        serving = record.reference if reference is None else reference
        self._db.run(
            "change_job",
            batch=record.batch,
            id=record.job.id,
            state=state.value,
            error=error,
            hint=hint,
            reference=serving,
        )
        if state is not record.state:
            self._changes.append(
                JobChanged(record.batch, record.job.id, record.state, state, error, hint, record.length_s)
            )

    def replan(self, anew: JobRecord) -> JobRecord:
        """A pending job's file is not what it was when the row was planned: it is other work now."""
        self._db.run(
            "replan_job",
            batch=anew.batch,
            id=anew.job.id,
            fingerprint=anew.fingerprint,
            length_s=anew.length_s,
            video_key=anew.video_key,
            audio_key=anew.audio_key,
            warnings="\n".join(anew.warnings),
        )
        return replace(anew, reference="")

    def hold(self, record: JobRecord, *, error: str, hint: str) -> None:
        """A cap keeps this pending job from being sent, until it is released or planned again."""
        self._db.run("hold_job", batch=record.batch, id=record.job.id, error=error, hint=hint)

    def release_same(self, record: JobRecord) -> None:
        """Rows of the same work need no minutes of their own any more."""
        self._db.run("release_same", batch=record.batch, fingerprint=record.fingerprint)

    def release_held(self, batch: str) -> int:
        """What a cap held back may be tried again: something was bought that cost nothing after all. How many."""
        return self._db.run("release_held", batch=batch)

    def held(self, batch: str) -> tuple[int, float]:
        """How many jobs a cap holds back, and their seconds."""
        row = self._db.one("held_jobs", batch=batch)
        return (row["n"], row["length_s"] or 0.0) if row else (0, 0.0)

    def carry(self, reference: str, state: JobState, *, error: str = "", hint: str = "") -> None:
        """Hand an attempt's new state on to the jobs that it serves; pending lets go of them."""
        for record in self.following(reference):
            if record.state in _DEAF:
                continue
            serving = "" if state is JobState.PENDING else reference
            self.change(record, state, error=error, hint=hint, reference=serving)

    def ask_redo(self, batch: str, jobs: Iterable[str], asked_at: str) -> None:
        """Record, once, a person's word to buy these jobs again."""
        with self._db.atomic():
            for job in jobs:
                self._db.run("put_redo", batch=batch, job=job, asked_at=asked_at)

    def open_redos(self, batch: str) -> frozenset[str]:
        """Jobs that a person asked to buy again and that no send has fulfilled yet."""
        return frozenset(row["job"] for row in self._db.all("open_redos", batch=batch))


def _planned_row(record: JobRecord) -> dict[str, Value]:
    job = record.job
    return {
        "batch": record.batch,
        "id": job.id,
        "position": job.position,
        "selected": int(record.selected),
        "state": record.state.value,
        "fingerprint": record.fingerprint,
        "reference": record.reference,
        "priority": job.priority,
        "length_s": record.length_s,
        "video_key": record.video_key,
        "audio_key": record.audio_key,
        "warnings": "\n".join(record.warnings),
        "row": job_to_json(job),
        "error": record.error,
        "hint": record.hint,
    }
