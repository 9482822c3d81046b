"""Gathers what bears on each row, from the files and the ledger, and lets ``plan`` decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dubbatch import identity
from dubbatch.errors import UsageError
from dubbatch.inputs import Inputs, Measured
from dubbatch.jobs import Attempt, Job, JobRecord, JobState
from dubbatch.ledger.attempts import serving
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.plan import Known, Planned, decide, twins_within
from dubbatch.settlement import may_try_again


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do with every row, and which of them it was asked for (``record.selected``)."""

    rows: tuple[Planned, ...]
    #: Ids that the ledger knows and the manifest no longer has.
    removed: tuple[str, ...]
    #: Whether it says anything that the ledger does not have already.
    is_news: bool

    @property
    def chosen(self) -> tuple[Planned, ...]:
        return tuple(row for row in self.rows if row.record.selected)

    def records(self) -> Iterable[JobRecord]:
        """What the ledger records of a plan."""
        return (row.record for row in self.rows)


async def draw_up(
    jobs: Sequence[Job],
    *,
    batch: str,
    output_dir: Path,
    ledger: LedgerThread,
    inputs: Inputs,
    attempts: int,
    only: Collection[str] = (),
) -> Plan:
    """Plan every job of a manifest. Reads the ledger and the media; changes nothing but the memory of hashes.

    ``attempts``: how many may be bought of one work unasked. ``only``: ids or ``column=value``; empty selects all.
    Raises UsageError where it selects nothing,
    LedgerError.
    """
    chosen = select(jobs, only)
    redos = await ledger(ledger.ledger.jobs.open_redos, batch)
    rows: list[Planned] = []
    is_news = False
    async for measured in inputs.measure_all(jobs):
        known = await ledger(_known, ledger.ledger, batch, measured, output_dir, measured.job.id in redos)
        known = replace(known, another_try=await ledger(_is_due_again, ledger.ledger, known, attempts))
        row = _planned(batch, measured, known)
        row = replace(row, record=replace(row.record, selected=measured.job.id in chosen))
        is_news = is_news or row.record != known.record
        rows.append(row)
    left = await ledger(_left, ledger.ledger, batch, {job.id for job in jobs})
    is_news = is_news or any(record.present for record in left)
    return Plan(tuple(twins_within(rows)), tuple(record.job.id for record in left), is_news)


def select(jobs: Iterable[Job], only: Collection[str]) -> frozenset[str]:
    """The ids that ``--only`` asks for; all where it asks for nothing. Raises UsageError where none matches."""
    every = list(jobs)
    if not only:
        return frozenset(job.id for job in every)
    chosen = frozenset(job.id for job in every if any(_matches(job, wish) for wish in only))
    if not chosen:
        raise UsageError(
            f"--only {', '.join(only)}: no job matches", hint="give a job's id, or column=value as in the manifest"
        )
    return chosen


def _matches(job: Job, wish: str) -> bool:
    if wish == job.id:
        return True
    column, equals, value = wish.partition("=")
    if not equals:
        return False
    fields = {"language": job.language, "id": job.id, "output": job.output, **job.columns}
    return any(name.strip().lower() == column.strip().lower() and text == value for name, text in fields.items())


def _planned(batch: str, measured: Measured, known: Known) -> Planned:
    job, work = measured.job, measured.work
    if work is None:
        reason = measured.error.message if measured.error else "its media can't be read"
        job = job if job.skip or job.blocked else replace(job, blocked=reason)
        return decide(batch, job, "", known)
    return decide(batch, job, work.fingerprint, known, length_s=work.length_s)


def _known(ledger: Ledger, batch: str, measured: Measured, output_dir: Path, redo: bool) -> Known:
    """What the ledger has on one row."""
    job = measured.job
    record = ledger.jobs.get(batch, job.id)
    if measured.work is None:
        return Known(record=record, redo=False)
    work = measured.work.fingerprint
    if record is not None and record.fingerprint == work and record.reference:
        own: Attempt | None = ledger.attempts.get(record.reference)
        return Known(record=record, own=own, redo=redo, misplaced=_is_misplaced(ledger, record, job, output_dir))
    stem = identity.references(job.id, work, job.reference_id).stem
    # A reference that the team chose stays with the row when its media change: not all its attempts are this work.
    attempts = [attempt for attempt in ledger.attempts.of_stem(stem) if attempt.fingerprint == work]
    twin = serving([attempt for attempt in ledger.attempts.with_fingerprint(work) if attempt.stem != stem])
    return Known(record=record, own=attempts[-1] if attempts else None, twin=twin, redo=redo)


def _is_due_again(ledger: Ledger, known: Known, attempts: int) -> bool:
    """Whether the last attempt failed by the service's own fault, and an earlier run ended before the next was sent."""
    own = known.own
    if own is None or own.state is not JobState.FAILED or not own.request_id:
        return False
    return may_try_again(own.error, ledger.attempts.tries(own.fingerprint), attempts)


def _is_misplaced(ledger: Ledger, record: JobRecord, job: Job, output_dir: Path) -> bool:
    """Whether the job's file is there, but under another name than the row gives it now."""
    output = ledger.outputs.current(record)
    if output is None:
        return False
    place = output_dir.resolve().joinpath(*job.output.split("/"))
    return output.path != place and output.path.exists()


def _left(ledger: Ledger, batch: str, ids: Collection[str]) -> list[JobRecord]:
    return [record for record in ledger.jobs.all(batch) if record.job.id not in ids]
