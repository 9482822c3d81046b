"""One row a job: what the ledger knows of it, joined, and safe to hand out (design, section 10).

Rows that have left the manifest are no rows of the report: they are listed apart, by id,
outside totals and minutes. Rows are read in pages, so memory does not grow with the batch.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from dubbatch.api.addresses import shown
from dubbatch.api.text import unsigned
from dubbatch.errors import UsageError
from dubbatch.jobs import JobState, Media, OutputVerdict
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.standing import Standing

#: A scheme is short; without a bound, a long cell that is no address would be searched again and again.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,20}://\S+", re.IGNORECASE)
#: What most addresses look like: short, printable, and without login and query, so that it is shown as it is.
_HARMLESS = re.compile(r"https?://[A-Za-z0-9.:-]{1,80}/[!\"$->A-~]{0,180}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One job as reports have it. Texts are empty and numbers None where there is nothing to tell."""

    id: str
    state: JobState
    #: As the manifest has them; addresses without login and query, which may sign them.
    video: str
    audio: str
    language: str
    #: Of the attempt that serves the job; before there is one, the manifest's own.
    reference_id: str
    request_id: str
    #: How many attempts the service accepted for this job; 0 where identical work of another job serves it.
    attempts: int
    #: The service's own times, ISO 8601.
    created_at: str
    started_at: str
    finished_at: str
    #: Path of the file, relative to the output directory, with ``/``; only of the attempt that serves the job.
    output: str
    sha256: str
    bytes: int | None
    duration_s: float | None
    error: str
    hint: str
    #: What is odd about the media or the output, and has kept nothing from being done.
    warning: str
    #: The job that bought this one's identical work (``batch/job`` where it is another batch's); empty: it did itself.
    paid_by: str
    #: Media minutes as they were known before the job was sent, and as the output has them.
    estimated_minutes: float | None
    minutes: float | None
    #: The team's own columns.
    columns: Mapping[str, str]


#: The fixed columns of every report, in their order.
FIELDS: tuple[str, ...] = tuple(item.name for item in fields(ReportRow) if item.name != "columns")


@dataclass(frozen=True, slots=True)
class Totals:
    """How many jobs stand where; every state is a key of ``counts``."""

    counts: Mapping[JobState, int]

    @classmethod
    def of(cls, counts: Mapping[JobState, int]) -> Totals:
        return cls({state: counts.get(state, 0) for state in JobState})

    @property
    def jobs(self) -> int:
        return sum(self.counts.values())

    def as_json(self) -> dict[str, int]:
        """The object ``totals`` of the JSON report."""
        return {"jobs": self.jobs} | {state.value: n for state, n in self.counts.items()}


def report_rows(ledger: Ledger, batch: str, *, troubled_only: bool = False) -> Iterator[ReportRow]:
    """The rows of a batch in the manifest's order. Raises UsageError where the ledger has no such batch.

    ``troubled_only``: of the selected jobs those with which something is wrong.
    """
    output_dir = str(Path(known_batch(ledger, batch).output_dir).resolve())
    accepted = ledger.attempts.counts(batch)
    for standing in ledger.jobs.standings(batch, troubled_only=troubled_only):
        yield _row(standing, accepted=accepted.get(standing.job, 0), output_dir=output_dir)


@dataclass(frozen=True, slots=True)
class Minutes:
    """Media minutes of a batch."""

    #: That the service accepted, once for each attempt, as far as lengths are known.
    bought: float
    #: Of the attempts whose outputs are here: as they were known before, and as the outputs last.
    estimated: float
    actual: float

    @classmethod
    def of(cls, ledger: Ledger, batch: str) -> Minutes:
        lengths = ledger.attempts.lengths(batch)
        return cls(media_minutes(ledger, batch), round(lengths.estimated_s / 60, 3), round(lengths.actual_s / 60, 3))


def media_minutes(ledger: Ledger, batch: str) -> float:
    """Media minutes that the service accepted for the batch's jobs: once for each attempt, as far as lengths are known.

    What serves several jobs was bought once and counts once.
    """
    accepted = ledger.attempts.counts(batch)
    lengths = ledger.jobs.minutes(batch).items()
    known = (accepted.get(job, 0) * length for job, length in lengths if length is not None and math.isfinite(length))
    return round(math.fsum(known), 3)


def known_batch(ledger: Ledger, batch: str) -> BatchRow:
    """Raises UsageError where the ledger has no such batch."""
    found = ledger.jobs.batch(batch)
    if found is None:
        raise UsageError(
            f"the ledger has no batch {batch}", hint="`dubbatch run` begins one; nothing was sent by this command"
        )
    return found


def _row(standing: Standing, *, accepted: int, output_dir: str) -> ReportRow:
    is_good = standing.verdict is OutputVerdict.GOOD
    estimated = standing.minutes if standing.length_s is None else standing.length_s / 60
    warnings = standing.warnings if not standing.warning else (*standing.warnings, standing.warning)
    return ReportRow(
        id=standing.job,
        state=standing.state,
        video=_shown_media(standing.video),
        audio=_shown_media(standing.audio),
        language=standing.language,
        reference_id=standing.reference or standing.reference_id,
        request_id=standing.request_id or "",
        attempts=accepted,
        created_at=standing.created_at or "",
        started_at=standing.started_at or "",
        finished_at=standing.finished_at or "",
        output="" if standing.path is None else relative(standing.path, output_dir),
        sha256=standing.sha256 or "",
        bytes=standing.size,
        duration_s=_finite(standing.duration_s),
        error=without_secrets(standing.error),
        hint=without_secrets(standing.hint),
        warning=without_secrets("; ".join(warnings)),
        paid_by=_payer(standing),
        estimated_minutes=in_minutes(None if estimated is None else estimated * 60),
        minutes=in_minutes(standing.duration_s) if is_good else None,
        columns={header: without_secrets(text) for header, text in standing.columns.items()},
    )


def _payer(standing: Standing) -> str:
    batch, job = standing.paid_batch, standing.paid_job
    if job is None or (batch, job) == (standing.batch, standing.job):
        return ""
    return job if batch == standing.batch else f"{batch}/{job}"


def in_minutes(seconds: float | None) -> float | None:
    """Media minutes as reports tell them; None where there is nothing to tell, or no number."""
    finite = _finite(seconds)
    return None if finite is None else round(finite / 60, 4)


def _shown_media(media: Media) -> str:
    if _HARMLESS.fullmatch(media.text):
        return media.text
    return shown(media.text) if media.url is not None else without_secrets(media.text)


def without_secrets(text: str) -> str:
    """``text`` as it is, but for the addresses in it."""
    if "://" not in text and "?" not in text:
        return text
    return unsigned(_ADDRESS.sub(lambda found: shown(found[0]), text))


def relative(path: str, folder: str) -> str:
    """The way from ``folder`` to ``path``, with ``/``; both absolute."""
    inside = path.removeprefix(folder + os.sep)
    if len(inside) < len(path) and os.sep == "/" and ".." not in inside:
        # Nearly all of them; the way there takes longer to find than all the rest of a row.
        return inside
    try:
        way = os.path.relpath(path, folder)
    except ValueError:
        # On Windows there is no way from one drive to another.
        way = path
    return way.replace(os.sep, "/")


def _finite(number: float | None) -> float | None:
    """JSON knows neither infinity nor NaN, and a damaged file can claim either as its length."""
    return number if number is not None and math.isfinite(number) else None
