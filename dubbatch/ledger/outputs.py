"""Files on disk that came from attempts, and what is half-way in a ``.part``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubbatch.jobs import JobRecord, JobState, Output
from dubbatch.ledger.database import Database, Row
from dubbatch.ledger.jobs import JobTable
from dubbatch.ledger.rows import output_from_row, output_to_row


@dataclass(frozen=True, slots=True)
class PartRow:
    """A ``.part`` that this batch's run has begun: whose bytes are in it, and how far it has come."""

    path: Path
    batch: str
    reference: str
    #: Tells this version of the file from others; empty: what is there can't be continued.
    etag: str = ""
    #: Of the whole content, once it has passed the checks: only its name is missing then.
    sha256: str = ""
    duration_s: float | None = None
    warning: str = ""


class OutputTable:
    def __init__(self, db: Database, jobs: JobTable) -> None:
        self._db = db
        self._jobs = jobs

    def record(
        self,
        output: Output,
        job: JobRecord | None,
        state: JobState,
        *,
        part: Path | None = None,
        error: str = "",
        hint: str = "",
    ) -> None:
        """A file is in its place; ``job`` (None: a row that was edited since) has what it wanted.

        ``part`` is where it came from, and is no more.
        """
        with self._db.atomic():
            if part is not None:
                self.drop_part(part)
            self._db.run("put_output", **output_to_row(output))
            if job is not None:
                self._jobs.change(job, state, error=error, hint=hint)

    def moved(self, output: Output, path: Path, version: int) -> None:
        """An older output makes room (or comes back): recorded before the file moves."""
        self._db.run("move_output", from_path=str(output.path), path=str(path), version=version)

    def of_job(self, batch: str, job: str) -> list[Output]:
        return [output_from_row(row) for row in self._db.all("outputs_of_job", batch=batch, job=job)]

    def of_reference(self, reference: str) -> list[Output]:
        """Good files of one attempt, wherever and for whomever they were put."""
        return [output_from_row(row) for row in self._db.all("outputs_of_reference", reference=reference)]

    def at(self, path: Path) -> Output | None:
        """What was put at ``path``."""
        row = self._db.one("output_at", path=str(path))
        return output_from_row(row) if row else None

    def current(self, record: JobRecord) -> Output | None:
        """The file that serves the job as it is planned now."""
        row = self._db.one("output_of", batch=record.batch, job=record.job.id, reference=record.reference)
        return output_from_row(row) if row else None

    def part(self, path: Path, reference: str) -> PartRow | None:
        """What is in a part; None where it is not of this attempt: other bytes would be joined."""
        row = self._db.one("part", path=str(path))
        return _part(row) if row and row["reference"] == reference else None

    def parts(self, batch: str) -> list[PartRow]:
        return [_part(row) for row in self._db.all("parts_of", batch=batch)]

    def put_part(self, part: PartRow) -> None:
        self._db.run(
            "put_part",
            path=str(part.path),
            batch=part.batch,
            reference=part.reference,
            etag=part.etag,
            sha256=part.sha256,
            duration_s=part.duration_s,
            warning=part.warning,
        )

    def drop_part(self, part: Path) -> None:
        self._db.run("drop_part", path=str(part))


def _part(row: Row) -> PartRow:
    return PartRow(**{**dict(row), "path": Path(row["path"])})
