"""Keeps a run under its caps: holds back what does not fit, and says at the end what was held back."""

from __future__ import annotations

from dubbatch.budget import RAISE_IT, Budget, Shortage
from dubbatch.events import Level
from dubbatch.jobs import JobRecord, JobState
from dubbatch.ledger.attempts import serving
from dubbatch.plan import UNKNOWN_LENGTH
from dubbatch.run import Run
from dubbatch.stop import StopReason


class Purse:
    """One run's caps. What does not fit stays pending: a later run, or a higher cap, sends it.

    A job's minutes are reserved before it takes a permit, and until its send is in the ledger, which counts it from
    then on. A permit that no send follows would make the next run ask for a request that never was.
    """

    def __init__(self, run: Run, budget: Budget) -> None:
        self._run = run
        self._budget = budget
        #: By job.
        self._reserved: dict[str, JobRecord] = {}
        self._has_room_again = False

    def left_s(self) -> float | None:
        """In the ledger's thread: seconds that may still be bought, with all that is on its way; None: any number."""
        return self._budget.left_s(self._reserved.values())

    def reserve(self, record: JobRecord) -> bool:
        """In the ledger's thread: whether the job fits under the caps. What can't be measured never does."""
        if self._budget.has_caps and record.length_s is None:
            error, hint = UNKNOWN_LENGTH.message, UNKNOWN_LENGTH.remedy
            self._run.books.jobs.change(record, JobState.BLOCKED, error=error, hint=hint)
            return False
        is_affordable = self._fits(record)
        if is_affordable:
            self._reserved[record.job.id] = record
        return is_affordable

    def can_pay(self, record: JobRecord) -> bool:
        """The same, in the transaction of the send: the look that counts, for a row may have changed since."""
        is_affordable = self._fits(record)
        if is_affordable and self._budget.has_caps:
            # From here on the ledger counts it, and it serves all rows of the same work.
            self._reserved.pop(record.job.id, None)
            self._run.books.jobs.release_same(record)
        return is_affordable

    def _fits(self, record: JobRecord) -> bool:
        others = [other for job, other in self._reserved.items() if job != record.job.id]
        shortage = self._budget.shortage(record, others)
        if shortage is not None:
            self._hold(record, shortage)
        return shortage is None

    def _hold(self, record: JobRecord, shortage: Shortage) -> None:
        self._run.books.jobs.hold(record, error=f"waits: {shortage.message}", hint=RAISE_IT)

    def keep(self, record: JobRecord) -> None:
        """A send was refused for now: its minutes stay reserved until the job is in its turn again."""
        if self._budget.has_caps:
            self._reserved[record.job.id] = record

    def give_back(self, job: str) -> None:
        """The job is not on its way any more: what was reserved for it and not sent can be had by others."""
        if self._reserved.pop(job, None) is not None:
            self._has_room_again = True

    def refund(self) -> None:
        """Something that counted was not bought after all."""
        self._has_room_again = True

    async def reopened(self) -> bool:
        """Whether jobs that were held back may be tried again, because minutes came back since."""
        if not self._has_room_again or not self._budget.has_caps:
            return False
        self._has_room_again = False
        released = await self._run.ledger(self._run.books.jobs.release_held, self._run.batch)
        return released > 0

    async def tell_start(self) -> None:
        """Say what a cap can't count."""
        if not self._budget.has_caps:
            return
        unknown = await self._run.ledger(self._budget.unknown)
        if unknown:
            attempts = "an attempt" if unknown == 1 else f"{unknown} attempts"
            message = f"the length of {attempts} that was bought before is not known, so no cap counts it yet"
            self._run.notice(Level.WARNING, message, "it counts as soon as its output is here")

    async def tell_end(self) -> None:
        """Where a cap holds something back, that is one of the reasons of the run's end."""
        if not self._budget.has_caps:
            return
        caps = await self._run.ledger(self._hold_rest)
        if not caps:
            return
        held, length_s = await self._run.ledger(self._run.books.jobs.held, self._run.batch)
        spent_s = await self._run.ledger(self._budget.spent_s)
        waiting = f"{length_s / 60:.2f} minutes wait"
        jobs = f"1 job of {waiting}s" if held == 1 else f"{held} jobs of {waiting}"
        bought = f"{spent_s / 60:.2f} minutes are bought in all"
        self._run.stop.sending(StopReason.CAP, f"{' and '.join(caps)}: {bought}, and {jobs}", RAISE_IT)

    def _hold_rest(self) -> list[str]:
        """In the ledger's thread: mark all that does not fit; the caps that it does not fit under, by name."""
        books, tally = self._run.books, self._budget.tally()
        redos = books.jobs.open_redos(self._run.batch)
        caps: dict[str, None] = {}
        with books.atomic():
            for record in list(books.jobs.pending(self._run.batch)):
                shortage = tally.shortage(record.job, record.length_s or 0.0)
                # What was bought of the same work serves a row for nothing, but not one that is to be bought again.
                is_free = record.job.id not in redos and serving(books.attempts.with_fingerprint(record.fingerprint))
                if shortage is not None and not is_free:
                    self._hold(record, shortage)
                    caps.setdefault(shortage.cap_named)
        return list(caps)
