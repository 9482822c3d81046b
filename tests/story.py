"""What the ledger of a run has, told job by job: filled through its own methods, as a run would fill it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dubbatch.identity import references
from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media, Output, OutputVerdict
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.file import write_reports

BATCH = "spring"
NOW = 1_800_000_000.0


class Story:
    """A batch whose jobs go as far as a test says."""

    def __init__(self, ledger: Ledger, output_dir: Path) -> None:
        self.ledger = ledger
        self.output_dir = output_dir
        self.own: tuple[str, ...] = ()
        self.jobs: list[Job] = []
        self._sends = 0

    def plan(self, *ids: str, lengths_s: Mapping[str, float] | None = None, **fields: object) -> None:
        """Jobs of two URLs each, all to be sent; ``fields`` are given to every one of them."""
        for job_id in ids:
            plain = Job(
                id=job_id,
                video=Media("https://cdn.example.com/v.mp4", url="https://cdn.example.com/v.mp4"),
                audio=Media("https://cdn.example.com/a.wav", url="https://cdn.example.com/a.wav"),
                output=f"{job_id}.mp4",
                position=len(self.jobs),
                language="ja",
            )
            self.jobs.append(replace(plain, **fields))  # type: ignore[arg-type]
        self.begin([(job, JobState.PENDING) for job in self.jobs], lengths_s or {})

    def begin(self, planned: Sequence[tuple[Job, JobState]], lengths_s: Mapping[str, float] | None = None) -> None:
        """Record a plan; rows of an earlier one that are not in it have left the manifest."""
        batch = BatchRow(BATCH, "/m/spring.csv", str(self.output_dir), json.dumps(self.own), "2026-11-21T01:00:00Z")
        records = [
            JobRecord(
                batch=BATCH,
                job=job,
                state=state,
                fingerprint=f"work of {job.id}",
                length_s=(lengths_s or {}).get(job.id),
            )
            for job, state in planned
        ]
        self.ledger.jobs.begin_batch(batch, records)

    def record(self, job_id: str) -> JobRecord:
        found = self.ledger.jobs.get(BATCH, job_id)
        assert found is not None
        return found

    def attempt(self, job_id: str, n: int = 1) -> Attempt:
        """The n-th attempt at a job, as it is before its send."""
        record = self.record(job_id)
        refs = references(job_id, record.fingerprint)
        return Attempt(
            reference=refs.at(n),
            stem=refs.stem,
            n=n,
            batch=BATCH,
            job=job_id,
            fingerprint=record.fingerprint,
            state=JobState.PENDING,
            output=record.job.output,
            length_s=record.length_s,
        )

    def send(self, job_id: str, n: int = 1, *, redo: bool = False) -> int:
        send = self.ledger.attempts.begin_send(self.record(job_id), self.attempt(job_id, n), NOW, redo=redo)
        assert send is not None
        return send

    def accept(self, job_id: str, n: int = 1, *, redo: bool = False) -> Attempt:
        self._sends += 1
        send, reference = self.send(job_id, n, redo=redo), self.attempt(job_id, n).reference
        return self.ledger.attempts.accepted(send, reference, f"request-{self._sends}", NOW + 1)

    def end(self, attempt: Attempt, state: JobState, *, error: str = "", hint: str = "") -> Attempt:
        """What the service says of an attempt in the end, with its own times."""
        return self.ledger.attempts.update(
            replace(
                attempt,
                state=state,
                created_at="2026-11-21T01:00:01Z",
                started_at="2026-11-21T01:00:05Z",
                finished_at="2026-11-21T01:02:00Z",
                error=error,
                hint=hint,
            )
        )

    def shelve(
        self, job_id: str, path: Path, *, duration_s: float | None = 12.5, verdict: OutputVerdict = OutputVerdict.GOOD
    ) -> Output:
        """A file that came from the attempt that serves the job."""
        record = self.record(job_id)
        output = Output(
            batch=BATCH,
            job=job_id,
            reference=record.reference,
            path=path,
            version=0,
            sha256="ab" * 32,
            size=123_456,
            duration_s=duration_s,
            verdict=verdict,
        )
        state = JobState.DOWNLOADED if verdict is OutputVerdict.GOOD else JobState.SUSPECT
        self.ledger.outputs.record(output, record, state)
        return output

    def download(self, job_id: str, name: str = "", **more: float | None) -> None:
        """A job from its send to its file."""
        self.end(self.accept(job_id), JobState.COMPLETED)
        self.shelve(job_id, self.output_dir.joinpath(name or f"{job_id}.mp4"), **more)  # type: ignore[arg-type]


def write_report(path: Path, ledger: Ledger, batch: str, *, delimiter: str = ",", finished_at: str = "") -> None:
    """One report. Raises the DiskError that a run would tell."""
    for error in write_reports([path], ledger, batch, delimiter=delimiter, finished_at=finished_at).values():
        raise error
