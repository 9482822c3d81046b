"""Files on disk that came from attempts, and what is half-way in a ``.part``."""

from __future__ import annotations

from pathlib import Path

from dubbatch.jobs import JobRecord, JobState, Output
from dubbatch.ledger.database import Database
from dubbatch.ledger.jobs import JobTable
from dubbatch.ledger.rows import output_from_row, output_to_row


class OutputTable:
    def __init__(self, db: Database, jobs: JobTable) -> None:
        self._db = db
        self._jobs = jobs

    def record(
        self, output: Output, job: JobRecord | None, state: JobState, *, error: str = "", hint: str = ""
    ) -> None:
        """A file is in its place; ``job`` (None: a row that was edited since) has what it wanted."""
        with self._db.atomic():
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

    def etag(self, part: Path, reference: str) -> str:
        """The validator of what is in ``part``; empty: nothing there that can be continued."""
        row = self._db.one("part", path=str(part))
        return str(row["etag"]) if row and row["reference"] == reference else ""

    def begin_part(self, part: Path, reference: str, etag: str) -> None:
        self._db.run("put_part", path=str(part), reference=reference, etag=etag)

    def drop_part(self, part: Path) -> None:
        self._db.run("drop_part", path=str(part))
