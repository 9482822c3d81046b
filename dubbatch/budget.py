"""What a batch may still buy under its caps.

A job counts the longer of its video and audio, from the moment that its send is committed: accepted and adopted
attempts count for ever, whatever became of them, and one whose answer was lost counts until it is known that the
service does not have it. What is bought is in the ledger, so a run that is killed forgets nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dubbatch.forms import Cap
from dubbatch.jobs import LIVE, Attempt, Job, JobRecord
from dubbatch.ledger.attempts import Spent
from dubbatch.ledger.ledger import Ledger
from dubbatch.selection import value_in

#: Seconds by which a sum of many lengths may be wrong.
_ROUNDING_S = 1e-6
RAISE_IT = "raise the cap and run again: it goes on where it stopped"


@dataclass(frozen=True, slots=True)
class Shortage:
    """A cap that a job does not fit under any more."""

    cap: Cap
    #: In the cap's column; empty for a cap of the whole batch.
    value: str
    left_s: float

    @property
    def message(self) -> str:
        """Part of a sentence."""
        left = f"{self.left_s / 60:.2f} are left" if self.left_s > _ROUNDING_S else "none are left"
        return f"of the {minutes(self.cap.minutes)} that may be bought{self._whose}, {left}"

    @property
    def cap_named(self) -> str:
        """``the cap of 5 minutes for language de``."""
        return f"the cap of {minutes(self.cap.minutes)}{self._whose}"

    @property
    def _whose(self) -> str:
        return f" for {self.cap.column} {self.value or 'that is empty'}" if self.cap.column else ""


def minutes(number: float) -> str:
    """A number of minutes as a person says it."""
    return "1 minute" if number == 1 else f"{number:g} minutes"


#: A cap, by its number, and the value that it bounds.
_Pot = tuple[int, str]


class Tally:
    """Adds up what is bought, cap by cap. Pure: lengths in, shortages out."""

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._caps = caps
        self._used_s: dict[_Pot, float] = defaultdict(float)

    def add(self, job: Job, seconds: float) -> None:
        for pot in self._pots(job):
            self._used_s[pot] += seconds

    def shortage(self, job: Job, seconds: float) -> Shortage | None:
        """The first cap under which so many seconds more of this job would not fit."""
        for number, value in self._pots(job):
            left_s = self._caps[number].minutes * 60 - self._used_s.get((number, value), 0.0)
            if seconds > left_s + _ROUNDING_S:
                return Shortage(self._caps[number], value_in(job, self._caps[number].column) if value else "", left_s)
        return None

    def _pots(self, job: Job) -> Iterable[_Pot]:
        for number, cap in enumerate(self._caps):
            value = value_in(job, cap.column).casefold() if cap.column else ""
            if not cap.value or cap.value.casefold() == value:
                yield number, value


class Budget:
    """The caps of one batch against its ledger. Used in the ledger's thread, best inside the transaction of a send.

    What was bought for the same jobs while the batch had another name counts too: a renamed manifest has no new budget.
    """

    def __init__(self, caps: Sequence[Cap], ledger: Ledger, batch: str, planned: Sequence[JobRecord] = ()) -> None:
        """``planned``: the rows of a plan that is not recorded yet, as they stand in the manifest now."""
        self._caps = caps
        self._ledger = ledger
        self._batch = batch
        self._planned = planned

    @property
    def has_caps(self) -> bool:
        return bool(self._caps)

    def spent_s(self) -> float:
        """Seconds that the batch has bought, or may have."""
        inherited = sum(spent.length_s for spent in self._inherited())
        return self._ledger.attempts.spent_in_all(self._batch) + inherited

    def left_s(self, reserved: Collection[JobRecord] = ()) -> float | None:
        """Seconds that a cap of the whole batch leaves; None: it has none."""
        if not self._caps or self._caps[0].column:
            return None
        reserved_s = sum(other.length_s or 0.0 for other in reserved)
        return self._caps[0].minutes * 60 - self.spent_s() - reserved_s + _ROUNDING_S

    def tally(self, reserved: Collection[JobRecord] = ()) -> Tally:
        """What is bought by now, cap by cap. ``reserved``: jobs that are about to be."""
        tally = Tally(self._caps)
        for spent in (*self._ledger.attempts.spent(self._batch), *self._inherited()):
            if (job := self._jobs.get(spent.job)) is not None:
                tally.add(job, spent.length_s)
        for other in reserved:
            tally.add(other.job, other.length_s or 0.0)
        return tally

    def shortage(self, record: JobRecord, reserved: Collection[JobRecord] = ()) -> Shortage | None:
        """The cap that keeps a job from being bought now; None: it fits. One of unknown length never does."""
        if not self._caps:
            return None
        if record.length_s is None:
            return Shortage(self._caps[0], "", 0.0)
        if any(cap.column for cap in self._caps):
            return self.tally(reserved).shortage(record.job, record.length_s)
        # The common case, summed up by the database: it is asked before every send.
        left_s = self.left_s(reserved) or 0.0
        return Shortage(self._caps[0], "", left_s) if record.length_s > left_s else None

    def _inherited(self) -> list[Spent]:
        return [Spent(one.job, self._length_s(one) or 0.0) for one in self._bought_elsewhere()]

    def _bought_elsewhere(self) -> list[Attempt]:
        """Of attempts whose answers were lost, as it is known by now."""
        attempts = self._ledger.attempts
        now = [attempts.get(one.reference) if not one.request_id else one for one in self._foreign]
        return [one for one in now if one is not None and (one.request_id or one.state in LIVE)]

    def unknown(self) -> int:
        """How many attempts are bought whose length nobody knows yet: no cap counts them."""
        foreign = sum(self._length_s(one) is None for one in self._bought_elsewhere())
        return self._ledger.attempts.spent_unknown(self._batch) + foreign

    def _length_s(self, attempt: Attempt) -> float | None:
        if attempt.length_s is not None:
            return attempt.length_s
        outputs = self._ledger.outputs.of_reference(attempt.reference)
        record = next((record for record in self._planned if record.job.id == attempt.job), None)
        record = record or self._ledger.jobs.get(self._batch, attempt.job)
        known = [*(output.duration_s for output in outputs), record.length_s if record else None]
        return next((length_s for length_s in known if length_s is not None), None)

    @cached_property
    def _foreign(self) -> Sequence[Attempt]:
        """Attempts for these jobs, under the name of a batch whose manifest is no more, or is this one."""
        found = {one.reference: one for one in self._ledger.attempts.inherited(self._batch)}
        works = {(record.fingerprint, record.job.id) for record in self._planned if record.fingerprint}
        for same in self._ledger.attempts.with_fingerprints({work for work, _ in works}).values():
            found |= {one.reference: one for one in same if (one.fingerprint, one.job) in works}
        found = {reference: one for reference, one in found.items() if one.batch != self._batch}
        former = {batch for batch in {one.batch for one in found.values()} if self._is_former(batch)}
        return [one for one in found.values() if one.batch in former and (one.request_id or one.state in LIVE)]

    def _is_former(self, batch: str) -> bool:
        """Whether another batch is this one under an older name: two sheets may well list the same row."""
        theirs, ours = self._ledger.jobs.batch(batch), self._ledger.jobs.batch(self._batch)
        if theirs is None:
            return True
        return (ours is not None and ours.manifest == theirs.manifest) or not _is_there(theirs.manifest)

    @cached_property
    def _jobs(self) -> Mapping[str, Job]:
        """Those of the batch, by id: a run does not change what stands in their columns."""
        known = {record.job.id: record.job for record in self._ledger.jobs.all(self._batch)}
        return known | {record.job.id: record.job for record in self._planned}


def _is_there(manifest: str) -> bool:
    """Whether the file of a manifest, as the ledger has it, still exists; it may be told with a sheet."""
    try:
        return Path(manifest).exists() or Path(manifest.rpartition("#")[0] or manifest).exists()
    except OSError:
        return True
