"""Manifest against ledger: what a run will do with each row. Decides; sends and records nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from dubbatch.api.addresses import shown
from dubbatch.jobs import LIVE, Attempt, Job, JobRecord, JobState, Media
from dubbatch.manifest.problems import Finding


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
    batch: str,
    job: Job,
    fingerprint: str,
    known: Known,
    *,
    keys: tuple[str, str] = ("", ""),
    selected: bool = True,
) -> Planned:
    """The plan for one row. ``fingerprint`` is empty where its media can't be read (the job is blocked then).

    ``keys``: how its video and its audio count in the fingerprint. ``selected``: whether this run was asked for it.
    """
    before = known.record
    is_same_work = before is not None and before.fingerprint == fingerprint and bool(fingerprint)
    # A row that is not to be dubbed, or was not asked for, gets nothing of what another row has bought.
    twin = known.twin if selected and not job.skip and not job.blocked else None
    serving = next((attempt for attempt in (known.own, twin) if _is_worth(attempt, known.own)), None)
    kept = before.warnings if before is not None and is_same_work else ()

    def planned(
        action: Action, state: JobState, reason: str, *, reference: str = "", error: str = "", hint: str = ""
    ) -> Planned:
        record = JobRecord(
            batch=batch, job=job, state=state, fingerprint=fingerprint, reference=reference, error=error, hint=hint,
            selected=selected, length_s=_known_length_s(before if is_same_work else None, serving, job),
            video_key=keys[0], audio_key=keys[1], warnings=_distinct(job.warnings, kept),
        )  # fmt: skip
        return Planned(record, action, reason)

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
        return planned(Action.CHANGED, JobState.PENDING, "; ".join(_changes(before, job, keys)) or _SOMETHING_CHANGED)
    return planned(Action.NEW, JobState.PENDING, "not sent yet")


def _distinct(*warnings: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(warnings)))


def _known_length_s(before: JobRecord | None, serving: Attempt | None, job: Job) -> float | None:
    """How long a job's media are by what was known before anybody looks at them again."""
    if before is not None and before.length_s is not None:
        return before.length_s
    if serving is not None and serving.length_s is not None:
        return serving.length_s
    return length_of(None, None, job.minutes).seconds


_SOMETHING_CHANGED = "video, audio or options are not what was sent before"


def _changes(before: JobRecord, job: Job, keys: tuple[str, str]) -> Iterator[str]:
    """What makes a row other work than it was, as far as can be told."""
    was = before.job
    media = (("video", was.video, job.video), ("audio", was.audio, job.audio))
    for (role, old, new), old_key, new_key in zip(media, (before.video_key, before.audio_key), keys, strict=True):
        if old_key and old_key == new_key:
            continue
        if (old.path, old.url) != (new.path, new.url):
            yield f"the {role} is {_named(new)}, it was {_named(old)}"
        elif old_key:
            yield f"the content of the {role} {_named(new)} has changed"
    if was.disable_active_speaker_detection != job.disable_active_speaker_detection:
        yield f"disable_active_speaker_detection is {'on' if job.disable_active_speaker_detection else 'off'} now"
    if was.model != job.model and job.is_upload:
        yield f"the model is {job.model or 'the default one'}, it was {was.model or 'the default one'}"


def _named(media: Media) -> str:
    return shown(media.text) or "none"


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


def urgency(entry: Planned) -> tuple[int, float, int]:
    """The order in which jobs are sent (design, section 6)."""
    job = entry.record.job
    return -job.priority, -(entry.record.length_s or 0.0), job.position


def minutes_of(record: JobRecord) -> float | None:
    """Media minutes of a job: measured, or what the team states; None: not known."""
    if record.length_s is not None:
        return record.length_s / 60
    return record.job.minutes


@dataclass(frozen=True, slots=True)
class Length:
    """How long a job's media are: of video and audio the longer, which is what the service bills."""

    #: None: nothing is known.
    seconds: float | None
    #: Whether it is that of both. What one of them lasts is an estimate: the other may be longer.
    is_known: bool


def length_of(video_s: float | None, audio_s: float | None, minutes: float | None) -> Length:
    """``minutes``: what the team states; it stands in for what could not be measured."""
    measured = [length for length in (video_s, audio_s) if length is not None]
    if len(measured) == 2:
        return Length(max(measured), is_known=True)
    if minutes is not None:
        return Length(max([minutes * 60, *measured]), is_known=True)
    return Length(max(measured, default=None), is_known=False)


def examined(
    row: Planned,
    findings: Sequence[Finding],
    length: Length,
    *,
    is_strict: bool = False,
    must_know_length: bool = False,
) -> Planned:
    """A row that would be sent, after a look at its media: errors block it, warnings go along.

    ``is_strict``: warnings block it too. ``must_know_length``: what is bought has a cap.
    """
    blocking = [finding for finding in findings if is_strict or finding.severity == "error"]
    if must_know_length and not length.is_known and not blocking:
        blocking = [UNKNOWN_LENGTH]
    odd = (finding.message for finding in findings if finding not in blocking)
    record = replace(row.record, length_s=length.seconds, warnings=_distinct(row.record.job.warnings, odd))
    if not blocking:
        return Planned(record, row.action, row.reason)
    error = "; ".join(dict.fromkeys(finding.message for finding in blocking))
    hint = "; ".join(dict.fromkeys(finding.remedy for finding in blocking))
    return Planned(replace(record, state=JobState.BLOCKED, error=error, hint=hint), Action.BLOCKED, error)


UNKNOWN_LENGTH = Finding(
    "its length is not known, and what is bought has a cap",
    "write the length in minutes into a column minutes, and run again; nothing was sent for it",
)
