"""Gathers what bears on each row, from the files and the ledger, and lets ``plan`` decide.

Two passes: what is done with each row, by its fingerprint and the ledger; then, of those alone that would be sent, a
look at their media, which may block them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dubbatch import identity
from dubbatch.inputs import Inputs, Measured
from dubbatch.jobs import Attempt, Job, JobRecord, JobState
from dubbatch.ledger.attempts import serving
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.manifest.problems import Problem
from dubbatch.plan import Known, Planned, decide, twins_within
from dubbatch.preflight.examination import Checks, examine
from dubbatch.selection import select
from dubbatch.settlement import may_try_again

#: Rows that are planned in one call of the ledger.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do with every row, and which of them it was asked for (``record.selected``)."""

    rows: tuple[Planned, ...]
    #: Ids that the ledger knows and the manifest no longer has.
    removed: tuple[str, ...]
    #: Whether it says anything that the ledger does not have already.
    is_news: bool
    #: What a look at the media of rows that would be sent has shown.
    problems: tuple[Problem, ...] = ()

    @property
    def chosen(self) -> tuple[Planned, ...]:
        return tuple(row for row in self.rows if row.record.selected)

    def records(self) -> Iterable[JobRecord]:
        """What the ledger records of a plan."""
        return (row.record for row in self.rows)


async def draw_up(
    jobs: Iterable[Job],
    *,
    batch: str,
    output_dir: Path,
    ledger: LedgerThread,
    inputs: Inputs,
    attempts: int,
    only: Collection[str] = (),
    checks: Checks | None = None,
) -> Plan:
    """Plan every job of a manifest. Reads the ledger and the media; changes nothing but what is remembered of media.

    ``attempts``: how many may be bought of one work unasked. ``only``: ids or ``column=value``; empty selects all.
    Raises UsageError where it selects nothing, LedgerError.
    """
    every = list(jobs)
    books = _Books(
        ledger.ledger,
        batch,
        output_dir,
        attempts,
        redos=await ledger(ledger.ledger.jobs.open_redos, batch),
        chosen=select(every, only),
    )
    rows: list[Planned] = []
    is_news = False
    async for page in _paged(inputs.measure_all(every)):
        # Each call costs a change of threads, as much as planning a row.
        planned, has_news = await ledger(books.plan, page)
        rows += planned
        is_news = is_news or has_news
    left = await ledger(ledger.ledger.jobs.others, batch, {job.id for job in every})
    rows, problems = await examine(rows, checks or Checks(), ledger)
    return Plan(tuple(twins_within(rows)), tuple(left), is_news or any(left.values()), problems)


async def _paged(every: AsyncIterator[Measured]) -> AsyncIterator[list[Measured]]:
    page: list[Measured] = []
    async for measured in every:
        page.append(measured)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


@dataclass(frozen=True)
class _Books:
    """What the ledger has on the rows of one batch. Used in the ledger's thread."""

    ledger: Ledger
    batch: str
    output_dir: Path
    attempts: int
    redos: Collection[str]
    chosen: Collection[str]

    @cached_property
    def _folder(self) -> Path:
        return self.output_dir.resolve()

    def plan(self, page: Sequence[Measured]) -> tuple[list[Planned], bool]:
        """The plan for some rows, and whether it says of any what the ledger does not have already."""
        records = self.ledger.jobs.several(self.batch, [measured.job.id for measured in page])
        bought = self.ledger.attempts.with_fingerprints([row.work.fingerprint for row in page if row.work])
        rows, is_news = [], False
        for measured in page:
            same = bought.get(measured.work.fingerprint, ()) if measured.work else ()
            known = self._known(measured, records.get(measured.job.id), same)
            row = self._planned(measured, known)
            rows.append(row)
            is_news = is_news or row.record != known.record
        return rows, is_news

    def _planned(self, measured: Measured, known: Known) -> Planned:
        job, work = measured.job, measured.work
        is_chosen = job.id in self.chosen
        if work is None:
            reason = measured.error.message if measured.error else "its media can't be read"
            job = job if job.skip or job.blocked else replace(job, blocked=reason)
            return decide(self.batch, job, "", known, selected=is_chosen)
        keys = (work.video_key, work.audio_key)
        return decide(self.batch, job, work.fingerprint, known, keys=keys, selected=is_chosen)

    def _known(self, measured: Measured, record: JobRecord | None, same: Sequence[Attempt]) -> Known:
        """``same``: the attempts of the row's work."""
        job = measured.job
        if measured.work is None:
            return Known(record=record, redo=False)
        work, redo, twin, is_misplaced = measured.work.fingerprint, job.id in self.redos, None, False
        if record is not None and record.fingerprint == work and record.reference:
            own = self.ledger.attempts.get(record.reference)
            is_misplaced = self._is_misplaced(record, job)
        else:
            own, twin = _bought(same, job, work)
        is_due = own is not None and self._is_due_again(own)
        return Known(record=record, own=own, twin=twin, redo=redo, another_try=is_due, misplaced=is_misplaced)

    def _is_due_again(self, own: Attempt) -> bool:
        """Whether it failed by the service's own fault, and an earlier run ended before the next was sent."""
        if own.state is not JobState.FAILED or not own.request_id:
            return False
        return may_try_again(own.error, self.ledger.attempts.tries(own.fingerprint), self.attempts)

    def _is_misplaced(self, record: JobRecord, job: Job) -> bool:
        """Whether the job's file is there, but under another name than the row gives it now."""
        output = self.ledger.outputs.current(record)
        if output is None:
            return False
        place = self._folder.joinpath(*job.output.split("/"))
        return output.path != place and output.path.exists()


def _bought(same: Sequence[Attempt], job: Job, work: str) -> tuple[Attempt | None, Attempt | None]:
    """Of the attempts of a job's work: the last of its own, and the one that another job bought and that serves it."""
    if not same:
        return None, None
    stem = identity.references(job.id, work, job.reference_id).stem
    own = [attempt for attempt in same if attempt.stem == stem]
    twin = serving([attempt for attempt in same if attempt.stem != stem])
    return max(own, key=lambda attempt: attempt.n, default=None), twin
