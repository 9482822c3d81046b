"""Attempts and their sends: where "paid once" is written down.

A send is recorded before anything leaves and its answer right after it came. A crash
between the two leaves a send without an outcome, which counts as unknown: its attempt
is settled before it may be sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from dubbatch.errors import LedgerError
from dubbatch.jobs import ACCEPTED, LIVE, Attempt, JobRecord, JobState, Outcome, Send
from dubbatch.ledger.database import Database
from dubbatch.ledger.jobs import JobTable
from dubbatch.ledger.rows import attempt_from_row, attempt_to_row, send_from_row

#: Which of several attempts for identical work is best: finished before running before unsure.
_SERVING = (JobState.COMPLETED, *sorted(LIVE, key=list(JobState).index, reverse=True))


def _always() -> bool:
    return True


class Spent(NamedTuple):
    """What one job's attempts count in a budget."""

    job: str
    #: Seconds, as far as they are known.
    length_s: float


class Lengths(NamedTuple):
    """Seconds of media of one batch."""

    #: Of the attempts whose outputs are here: as they were known when they were sent.
    estimated_s: float
    #: Of the same, as the outputs last.
    actual_s: float
    #: Of what is still to be sent, as far as known.
    pending_s: float


class Bought(NamedTuple):
    """What sends have bought."""

    jobs: int
    #: Seconds, as far as they are known.
    length_s: float


NOTHING = Bought(0, 0.0)


class AttemptTable:
    """The attempts of all batches: the same work is bought once whoever asks for it."""

    def __init__(self, db: Database, jobs: JobTable) -> None:
        self._db = db
        self._jobs = jobs

    def get(self, reference: str) -> Attempt | None:
        row = self._db.one("attempt", reference=reference)
        return attempt_from_row(row) if row else None

    def of_stem(self, stem: str) -> list[Attempt]:
        """All attempts of one job's work, in their order."""
        return [attempt_from_row(row) for row in self._db.all("attempts_of_stem", stem=stem)]

    def with_fingerprint(self, fingerprint: str) -> list[Attempt]:
        return [attempt_from_row(row) for row in self._db.all("attempts_with_fingerprint", fingerprint=fingerprint)]

    def with_fingerprints(self, fingerprints: Iterable[str]) -> dict[str, list[Attempt]]:
        """The attempts of a page of works; a work without any is left out."""
        found: dict[str, list[Attempt]] = {}
        for row in self._db.all("attempts_with_fingerprints", fingerprints=json.dumps(list(fingerprints))):
            found.setdefault(row["fingerprint"], []).append(attempt_from_row(row))
        return found

    def to_settle(self, batch: str) -> list[Attempt]:
        return [attempt_from_row(row) for row in self._db.all("attempts_to_settle", batch=batch)]

    def to_follow(self, batch: str) -> list[Attempt]:
        """Attempts at the service that this batch bought, or that serve one of its jobs."""
        return [attempt_from_row(row) for row in self._db.all("attempts_to_follow", batch=batch)]

    def to_save(self, batch: str, limit: int) -> list[Attempt]:
        """Finished attempts of rows as they were before an edit, whose outputs are not on disk."""
        return [attempt_from_row(row) for row in self._db.all("attempts_to_save", batch=batch, limit=limit)]

    def in_doubt(self, fingerprint: str, stem: str) -> list[Attempt]:
        """Attempts of this work, or of this stem, with an unknown send: asked for once more before any later POST."""
        rows = self._db.all("attempts_in_doubt", fingerprint=fingerprint, stem=stem)
        return [attempt_from_row(row) for row in rows]

    def sends(self, reference: str) -> list[Send]:
        return [send_from_row(row) for row in self._db.all("sends_of", reference=reference)]

    def with_references(self, references: Iterable[str]) -> list[Attempt]:
        rows = self._db.all("attempts_with_references", references=json.dumps(list(references)))
        return [attempt_from_row(row) for row in rows]

    def was_sent(self, reference: str) -> bool:
        return self._db.one("was_sent", reference=reference) is not None

    def tries(self, fingerprint: str) -> int:
        """Accepted attempts of this work, whichever row bought them, since a person last asked for it again."""
        redone = self._db.one("redone", fingerprint=fingerprint)
        bought = [attempt for attempt in self.with_fingerprint(fingerprint) if attempt.request_id]
        return sum(1 for attempt in bought if redone is None or self._sent_from(attempt, redone["first"]))

    def counts(self, batch: str) -> dict[str, int]:
        """How many attempts of each job the service accepted."""
        return {row["job"]: row["n"] for row in self._db.all("attempt_counts", batch=batch)}

    def spent(self, batch: str) -> list[Spent]:
        """What each job of a batch has bought, or may have bought; jobs without are left out."""
        return [Spent(row["job"], row["length_s"]) for row in self._db.all("spent", batch=batch)]

    def spent_in_all(self, batch: str) -> float:
        """Seconds that all jobs of a batch have bought, or may have."""
        row = self._db.one("spent_in_all", batch=batch)
        return float(row["length_s"]) if row else 0.0

    def bought_since(self, batch: str, since: float) -> Bought:
        """What a batch has bought by sends since then (seconds since the epoch)."""
        row = self._db.one("bought_since", batch=batch, since=since)
        return Bought(row["jobs"], row["length_s"]) if row else NOTHING

    def inherited(self, batch: str) -> list[Attempt]:
        """What was bought, or may have been, for these very jobs under another batch's name."""
        return [attempt_from_row(row) for row in self._db.all("inherited", batch=batch)]

    def spent_unknown(self, batch: str) -> int:
        """How many attempts a batch has bought whose length nobody knows yet."""
        row = self._db.one("spent_unknown", batch=batch)
        return int(row["n"]) if row else 0

    def lengths(self, batch: str) -> Lengths:
        """How long what a batch has bought was taken to be, and is."""
        row = self._db.one("compared_lengths", batch=batch)
        pending = self._db.one("pending_length", batch=batch)
        return Lengths(
            estimated_s=float(row["estimated_s"]) if row else 0.0,
            actual_s=float(row["actual_s"]) if row else 0.0,
            pending_s=float(pending["length_s"]) if pending else 0.0,
        )

    def begin_send(
        self,
        record: JobRecord,
        attempt: Attempt,
        now: float,
        *,
        redo: bool = False,
        is_affordable: Callable[[], bool] = _always,
    ) -> int | None:
        """Commit that a POST of ``attempt`` is about to leave; the send's number.

        None: nothing is to be sent, because the attempt, or identical work, is at the service already (the
        job follows it), or because it is not affordable: asked last, in the same transaction.
        """
        with self._db.atomic():
            known = self.get(attempt.reference)
            if known is not None and (known.state in LIVE | ACCEPTED or known.request_id):
                # Another run on this ledger was faster: its attempt serves this job, or is over.
                if known.fingerprint == attempt.fingerprint and known.state in LIVE | ACCEPTED:
                    self.attach(record, known)
                return None
            same = self.with_fingerprint(attempt.fingerprint)
            if redo and (running := self._running(attempt)):
                self.attach(record, running)
                return None
            if twin := serving([other for other in same if not redo or self._answers_redo(other, record)]):
                self.attach(record, twin)
                if redo:
                    self.fulfil_redo(record, twin)
                return None
            if not is_affordable():
                return None
            self._put(replace(attempt, state=JobState.SUBMITTING))
            self._jobs.change(record, JobState.SUBMITTING, reference=attempt.reference)
            if redo:
                self.fulfil_redo(record, attempt)
            return self._db.insert("put_send", reference=attempt.reference, started=now)

    def accepted(self, send: int, reference: str, request_id: str, now: float) -> Attempt:
        return self._end(send, reference, now, Outcome.ACCEPTED, JobState.QUEUED, request_id=request_id)

    def refused(self, send: int, reference: str, now: float, *, said: str = "") -> Attempt:
        """The service did not take it now, and ``said`` why: back to pending, under the same reference."""
        return self._end(send, reference, now, Outcome.REFUSED, JobState.PENDING, said=said)

    def rejected(self, send: int, reference: str, now: float, *, error: str, hint: str = "") -> Attempt:
        """The service will not take it as it is: the job fails, nothing was paid."""
        return self._end(send, reference, now, Outcome.REFUSED, JobState.FAILED, said=error, error=error, hint=hint)

    def unsure(self, send: int, reference: str, now: float, *, error: str) -> Attempt:
        return self._end(send, reference, now, Outcome.UNKNOWN, JobState.UNSURE, error=error)

    def update(self, attempt: Attempt) -> Attempt:
        """Record what the service says of an attempt, and hand its state on to its jobs.

        What has ended does not run again: such news is older than what another run recorded.
        """
        with self._db.atomic():
            known = self.get(attempt.reference)
            if known is not None and _is_stale(attempt, known):
                return known
            self._put(attempt)
            self._jobs.carry(attempt.reference, attempt.state, error=attempt.error, hint=attempt.hint)
        return attempt

    def update_all(self, attempts: Iterable[Attempt]) -> list[Attempt]:
        """Record what the service says of several attempts, in one commit; each as it stands then."""
        with self._db.atomic():
            return [self.update(attempt) for attempt in attempts]

    def adopt(self, record: JobRecord, attempt: Attempt) -> Attempt:
        """Take over a request found in the account (or presumed there) for a job that has no attempt yet."""
        with self._db.atomic():
            self._put(attempt)
            self.attach(record, attempt)
        return attempt

    def presume(self, record: JobRecord, attempt: Attempt, started: float) -> Attempt:
        """Take a send for unsure that this ledger never recorded, on the word of the host's permit log."""
        with self._db.atomic():
            self.adopt(record, replace(attempt, state=JobState.UNSURE))
            send = self._db.insert("put_send", reference=attempt.reference, started=started)
            self._db.run("end_send", id=send, ended=started, outcome=Outcome.UNKNOWN.value, said="")
        return attempt

    def attach(self, record: JobRecord, attempt: Attempt) -> None:
        """Let ``attempt`` serve the job from now on."""
        self._jobs.change(record, attempt.state, reference=attempt.reference, error=attempt.error, hint=attempt.hint)

    def free_jobs(self, failed: Attempt) -> None:
        """Record that an attempt failed, and make its jobs pending: another attempt is due."""
        with self._db.atomic():
            self.update(failed)
            self._jobs.carry(failed.reference, JobState.PENDING)

    def _end(
        self,
        send: int,
        reference: str,
        now: float,
        outcome: Outcome,
        state: JobState,
        *,
        request_id: str = "",
        said: str = "",
        error: str = "",
        hint: str = "",
    ) -> Attempt:
        with self._db.atomic():
            self._db.run("end_send", id=send, ended=now, outcome=outcome.value, said=said)
            attempt = self.get(reference)
            if attempt is None:
                raise LedgerError(
                    f"{reference} was sent and is not in the ledger", hint="restore the ledger, or run again"
                )
            return self.update(replace(attempt, state=state, request_id=request_id, error=error, hint=hint))

    def _running(self, attempt: Attempt) -> Attempt | None:
        """Another attempt of the same work of the same job that has not ended."""
        same = (known for known in self.of_stem(attempt.stem) if known.fingerprint == attempt.fingerprint)
        return next((known for known in same if known.state in LIVE), None)

    def _answers_redo(self, attempt: Attempt, record: JobRecord) -> bool:
        """Whether identical work was sent for another row since a person asked for this one again: once is enough."""
        asked = self._db.one("redo_asked", batch=record.batch, job=record.job.id)
        if asked is None or (attempt.batch, attempt.job) == (record.batch, record.job.id):
            return False
        return self._sent_since(attempt, _epoch_s(asked["asked_at"]))

    def _sent_since(self, attempt: Attempt, since: float) -> bool:
        return self._db.one("sent_since", reference=attempt.reference, since=since) is not None

    def _sent_from(self, attempt: Attempt, first: int) -> bool:
        return self._db.one("sent_from", reference=attempt.reference, first=first) is not None

    def fulfil_redo(self, record: JobRecord, attempt: Attempt) -> None:
        """A person's open word to buy a job again is kept with this attempt; no open word: nothing happens."""
        self._db.run("fulfil_redo", batch=record.batch, job=record.job.id, reference=attempt.reference)

    def _put(self, attempt: Attempt) -> None:
        self._db.run("put_attempt", **attempt_to_row(attempt))


def _epoch_s(asked_at: str) -> float:
    return datetime.fromisoformat(asked_at).timestamp()


def serving(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt, of several for identical work, that serves all its jobs."""
    candidates = [attempt for attempt in attempts if attempt.state in _SERVING]
    return min(candidates, key=lambda attempt: _SERVING.index(attempt.state), default=None)


def next_number(attempts: Sequence[Attempt]) -> int:
    """The number of the next attempt of a stem: it advances only past those that the service accepted."""
    return 1 + max((attempt.n for attempt in attempts if attempt.request_id), default=0)


def _is_stale(news: Attempt, known: Attempt) -> bool:
    has_ended = known.state in (JobState.COMPLETED, JobState.FAILED)
    return has_ended and news.state in LIVE and bool(known.request_id) and news.request_id == known.request_id
