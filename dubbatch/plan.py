"""Manifest against ledger: what a run will do with each row. Decides; sends and records nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dubbatch.jobs import LIVE, Attempt, Job, JobRecord, JobState


class Action(StrEnum):
    """What a run does with a row (design, section 10)."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ADOPT = "adopt"
    REDO = "redo"
    UNSURE = "unsure"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


#: Actions that buy something.
SENDS = frozenset({Action.NEW, Action.CHANGED, Action.REDO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows that bears on one row."""

    #: The row as it was planned last; None: never.
    record: JobRecord | None = None
    #: The last attempt of this very work of this job.
    own: Attempt | None = None
    #: An attempt of identical work that another job bought.
    twin: Attempt | None = None
    #: A person asked to buy it again, and no send has done so yet.
    redo: bool = False
    #: ``own`` failed by the service's own fault, and another attempt may be bought unasked.
    another_try: bool = False
    #: Its current file lies under another name than the row has now.
    misplaced: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """One row, what is done with it, and why."""

    record: JobRecord
    action: Action
    reason: str

    @property
    def sends(self) -> bool:
        return self.action in SENDS


def decide(
    batch: str, job: Job, fingerprint: str, known: Known, *, length_s: float | None = None, selected: bool = True
) -> Planned:
    """The plan for one row. ``fingerprint`` is empty where its media can't be read (the job is blocked then).

    ``selected``: whether this run was asked for it.
    """

    def planned(
        action: Action, state: JobState, reason: str, *, reference: str = "", error: str = "", hint: str = ""
    ) -> Planned:
        record = JobRecord(
            batch=batch, job=job, state=state, fingerprint=fingerprint, reference=reference, error=error, hint=hint,
            selected=selected, length_s=length_s,
        )  # fmt: skip
        return Planned(record, action, reason)

    before = known.record
    is_same_work = before is not None and before.fingerprint == fingerprint and bool(fingerprint)
    # A row that is not to be dubbed, or was not asked for, gets nothing of what another row has bought.
    twin = known.twin if selected and not job.skip and not job.blocked else None
    serving = next((attempt for attempt in (known.own, twin) if _is_worth(attempt, known.own)), None)
    if known.redo and not job.blocked and not job.skip and not _is_live(known.own):
        return planned(Action.REDO, JobState.PENDING, "asked for with redo")
    if known.own is not None and known.another_try and not job.blocked and not job.skip:
        reason = f"failed at the service ({known.own.error}): another attempt is due"
        return planned(Action.NEW, JobState.PENDING, reason)
    if job.skip and _is_over(before if is_same_work else None, serving):
        return planned(Action.SKIPPED, JobState.SKIPPED, job.blocked or "the row says skip", error=job.blocked)
    if before is not None and is_same_work and before.reference:
        action, state, reason = _go_on(before, known)
        return planned(action, state, reason, reference=before.reference, error=before.error, hint=before.hint)
    if serving is not None:
        return planned(
            Action.ADOPT, serving.state, _adopted_from(serving, job), reference=serving.reference,
            error=serving.error, hint=serving.hint,
        )  # fmt: skip
    if job.skip:
        return planned(Action.SKIPPED, JobState.SKIPPED, job.blocked or "the row says skip", error=job.blocked)
    if job.blocked:
        hint = job.remedy or "mend the row and run again"
        return planned(Action.BLOCKED, JobState.BLOCKED, job.blocked, error=job.blocked, hint=hint)
    if before is not None and before.fingerprint and not is_same_work:
        return planned(Action.CHANGED, JobState.PENDING, "video, audio or options are not what was sent before")
    return planned(Action.NEW, JobState.PENDING, "not sent yet")


def _go_on(before: JobRecord, known: Known) -> tuple[Action, JobState, str]:
    """The same row as before, served by an attempt already."""
    state = before.state
    # Another batch's run may have brought the attempt further while this plan waited for a person.
    if state not in (JobState.DOWNLOADED, JobState.SUSPECT) and known.own is not None:
        state = known.own.state
    if state in (JobState.SUBMITTING, JobState.UNSURE):
        return Action.UNSURE, state, "the answer of its send was lost: it is asked for, and not sent again before that"
    if state is JobState.DOWNLOADED and known.misplaced:
        return Action.UNCHANGED, JobState.COMPLETED, "its output gets a new name"
    reasons = {
        JobState.DOWNLOADED: "done",
        JobState.FAILED: f"failed: {before.error}" if before.error else "failed",
        JobState.SUSPECT: f"suspect: {before.error}",
        JobState.COMPLETED: "finished at the service, to be fetched",
        JobState.STALLED: "stalled: looked at again",
    }
    return Action.UNCHANGED, state, reasons.get(state, "running at the service")


def _is_over(before: JobRecord | None, serving: Attempt | None) -> bool:
    """Whether what was bought for a row came to nothing: there is nothing left to wait for or to keep."""
    state = before.state if before is not None and before.reference else serving.state if serving else None
    return state in (JobState.FAILED, JobState.SUSPECT)


def _is_live(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.state in LIVE


def _is_worth(serving: Attempt | None, own: Attempt | None) -> bool:
    """Whether an attempt serves the row: what was bought, or may have been. A failed twin is not this row's."""
    if serving is None:
        return False
    if serving is own:
        return serving.state is not JobState.PENDING
    return serving.state in LIVE | {JobState.COMPLETED}


def _adopted_from(attempt: Attempt, job: Job) -> str:
    if attempt.job == job.id:
        return "this very work was bought before"
    return f"the same work as {attempt.job} of batch {attempt.batch}: bought once"


def twins_within(planned: Iterable[Planned]) -> list[Planned]:
    """Of identical work in several rows of one plan, the first is sent and the others are served by it."""
    first: dict[str, str] = {}
    result = []
    for entry in planned:
        work = entry.record.fingerprint
        if entry.sends and work in first:
            entry = Planned(entry.record, Action.ADOPT, f"the same work as {first[work]}: bought once")
        elif entry.sends and entry.record.selected:
            first.setdefault(work, entry.record.job.id)
        result.append(entry)
    return result


def _urgency(entry: Planned) -> tuple[int, float, int]:
    """The order in which jobs are sent (design, section 6)."""
    job = entry.record.job
    return -job.priority, -(entry.record.length_s or 0.0), job.position


@dataclass(frozen=True, slots=True)
class Totals:
    """What a plan comes to. ``minutes`` of what is to be sent, as far as known; ``eta_s`` at best."""

    jobs: int
    to_send: int
    minutes: float
    unknown_minutes: int
    eta_s: float


def minutes_of(record: JobRecord) -> float | None:
    """Media minutes of a job: measured, or what the team states; None: not known."""
    if record.length_s is not None:
        return record.length_s / 60
    return record.job.minutes


#: What a job is taken to need before this account's own times are known ("most take 1 to 3 minutes", api.md).
_USUAL_S = 120.0
#: Concurrent jobs before the account's own number is known (design, section 6).
_SLOTS = 4


def totals(
    planned: Sequence[Planned],
    *,
    rate_limit: int,
    rate_window_s: float,
    slots: int | None,
    usual_s: float | None,
    limit: int | None = None,
) -> Totals:
    """Jobs, minutes, and the time that rate and slots allow at best. ``limit``: at most so many are sent."""
    sending = sorted((entry for entry in planned if entry.sends), key=_urgency)[:limit]
    lengths = [minutes_of(entry.record) for entry in sending]
    known = [length for length in lengths if length is not None]
    n = len(sending)
    job_s = usual_s or _USUAL_S
    rate_s = max(0, (n - 1) // rate_limit) * rate_window_s
    slot_s = -(-n // (slots or _SLOTS)) * job_s
    eta_s = max(rate_s + job_s, slot_s) if n else 0.0
    return Totals(len(planned), n, sum(known), n - len(known), eta_s)
