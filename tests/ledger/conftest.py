"""A ledger in a real file, and the values that go into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger

URL = "https://media.example.com/v.mp4"
MakeRecord = Callable[..., JobRecord]
Begin = Callable[..., list[JobRecord]]
MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".dubbatch" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as ledger:
        yield ledger


@pytest.fixture
def make_record() -> MakeRecord:
    """A pending job of batch ``b``; keywords are fields of the record or of its job."""

    def make(job_id: str, **fields: Any) -> JobRecord:
        own = {name: fields.pop(name) for name in list(fields) if name in JobRecord.__dataclass_fields__}
        job = Job(
            **{
                "id": job_id,
                "video": Media(URL, url=URL),
                "audio": Media(URL, url=URL),
                "output": f"{job_id}.mp4",
                "position": 0,
                **fields,
            }
        )
        return JobRecord(
            **{"batch": "b", "job": job, "state": JobState.PENDING, "fingerprint": f"work-{job_id}", **own}
        )

    return make


@pytest.fixture
def begin(ledger: Ledger) -> Begin:
    """Record a plan of these jobs in this order; ``unselected`` are ids that the run was not asked for."""

    def put(records: Sequence[JobRecord], batch: str = "b", unselected: Sequence[str] = ()) -> list[JobRecord]:
        placed = [
            replace(record, batch=batch, job=replace(record.job, position=position))
            for position, record in enumerate(records)
        ]
        row = BatchRow(batch, f"/{batch}.csv", "/out", "[]", "2026-01-01T00:00:00Z")
        ledger.jobs.begin_batch(row, [replace(record, selected=record.job.id not in unselected) for record in placed])
        return placed

    return put


@pytest.fixture
def make_attempt() -> MakeAttempt:
    """The ``n``-th attempt of a job's work."""

    def make(record: JobRecord, n: int = 1, **fields: Any) -> Attempt:
        stem = f"stem-{record.job.id}-{record.fingerprint}"
        attempt = Attempt(
            reference=f"{stem}-{n}",
            stem=stem,
            n=n,
            batch=record.batch,
            job=record.job.id,
            fingerprint=record.fingerprint,
            state=JobState.PENDING,
            output=record.job.output,
        )
        return replace(attempt, **fields)

    return make
