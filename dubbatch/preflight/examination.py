"""Has the media looked at of the rows that would be sent, and lets the rules decide what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dubbatch.jobs import Job, JobRecord, Media, Place
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.manifest.problems import Finding, Problem, located
from dubbatch.plan import UNKNOWN_LENGTH, Action, Length, Planned, examined, length_of
from dubbatch.preflight.inspector import Inspected, Inspector
from dubbatch.preflight.memory import remembered
from dubbatch.preflight.siblings import Track
from dubbatch.preflight.siblings import findings as findings_among

#: Jobs that are looked at side by side: a long film at their head must not hold up the workers.
_AT_ONCE = 256
_NOTHING = Inspected(None, None, ())
_OTHER_FILE = Finding(
    "another file is behind the {}'s address than when it was looked at: what was made of the old one stays as it is",
    "`dubbatch redo` with --id and this job's id buys it again, with the new file",
    "warning",
)
#: By job.
_Seen = dict[str, Inspected]


def _to_nobody(done: int, of: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What is looked at before a row is sent, and how strictly."""

    #: None: media are not looked at.
    inspector: Inspector | None = None
    #: Warnings block their jobs, too.
    is_strict: bool = False
    #: What is bought has a cap, so a length that nobody knows blocks its job.
    must_know_length: bool = False
    #: Whether rows that are done are asked for, too: another file may be behind their addresses by now.
    is_watchful: bool = False
    #: Told how many jobs have been looked at, of how many.
    tell: Callable[[int, int], None] = _to_nobody

    def judge(self, row: Planned, seen: Inspected) -> Planned:
        """The row after a look at its media."""
        strictness = {"is_strict": self.is_strict, "must_know_length": self.must_know_length}
        return examined(row, seen.findings, _length(row, seen), **strictness)


async def examine(
    rows: Sequence[Planned], checks: Checks, ledger: LedgerThread
) -> tuple[list[Planned], tuple[Problem, ...]]:
    """The rows as they are after a look at the media of those that this run would send, and what was found.

    Raises LedgerError.
    """
    due = [row for row in rows if row.sends and row.record.selected]
    stale = await _stale(rows, checks)
    if not due:
        return list(rows), stale
    seen = await _look_at_all([*due, *_counted(rows, checks)], checks)
    tracks = await ledger(_tracks, ledger.ledger, rows, seen)
    for job, findings in findings_among(tracks).items():
        if job in seen:
            seen[job] = replace(seen[job], findings=(*seen[job].findings, *findings))
    result, problems = [], list[Problem]()
    for row in rows:
        found = seen.get(row.record.job.id)
        if found is None:
            result.append(row)
        elif row.sends and row.record.selected:
            result.append(checks.judge(row, found))
            problems += _problems(result[-1], found, checks)
        else:
            result.append(Planned(replace(row.record, length_s=_length(row, found).seconds), row.action, row.reason))
    return result, (*problems, *stale)


def _counted(rows: Iterable[Planned], checks: Checks) -> list[Planned]:
    """Rows that are not sent now, and that the account may turn out to have: what they cost counts under a cap."""
    if not checks.must_know_length:
        return []
    idle = (row for row in rows if not (row.sends and row.record.selected))
    return [row for row in idle if row.record.fingerprint and not row.record.reference and row.record.length_s is None]


def _length(row: Planned, seen: Inspected) -> Length:
    video_s, audio_s = (None if facts is None else facts.duration_s for facts in (seen.video, seen.audio))
    return length_of(video_s, audio_s, row.record.job.minutes)


def _problems(judged: Planned, seen: Inspected, checks: Checks) -> Iterator[Problem]:
    job = judged.record.job
    yield from (_located(finding, job, checks) for finding in seen.findings)
    if judged.record.error == UNKNOWN_LENGTH.message:
        yield _located(UNKNOWN_LENGTH, job, checks)


async def examine_again(record: JobRecord, checks: Checks) -> Planned:
    """A pending job whose file has changed since it was planned. Raises LedgerError."""
    row = Planned(record, Action.CHANGED, "")
    if checks.inspector is None:
        return checks.judge(row, _NOTHING)
    return checks.judge(row, await checks.inspector.inspect(record.job))


async def _stale(rows: Sequence[Planned], checks: Checks) -> tuple[Problem, ...]:
    """Rows that were bought, and whose addresses lead to other files by now: a warning, never a purchase."""
    inspector = checks.inspector
    if inspector is None or not checks.is_watchful:
        return ()
    bought = [row.record for row in rows if row.record.reference and row.record.selected and not row.sends]
    media: dict[str, Media] = {}
    for record in bought:
        media |= {one.url: one for one in (record.job.video, record.job.audio) if one.url is not None}
    urls, changed = iter(media), set[str]()

    async def work() -> None:
        for url in urls:
            if await inspector.has_changed(media[url]):
                changed.add(url)

    await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(media)))))
    # Strictness is about what would be sent: these are not.
    lenient = replace(checks, is_strict=False)
    return tuple(
        _located(replace(_OTHER_FILE, message=_OTHER_FILE.message.format(role), field=role), record.job, lenient)
        for record in bought
        for role, one in (("video", record.job.video), ("audio", record.job.audio))
        if one.url in changed
    )


async def _look_at_all(rows: Sequence[Planned], checks: Checks) -> _Seen:
    inspector = checks.inspector
    if inspector is None:
        return dict.fromkeys((row.record.job.id for row in rows), _NOTHING)
    seen: _Seen = {}
    remaining = iter(rows)

    async def work() -> None:
        for row in remaining:
            seen[row.record.job.id] = await inspector.inspect(row.record.job)
            checks.tell(len(seen), len(rows))

    await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, len(rows)))))
    return seen


def _tracks(ledger: Ledger, rows: Iterable[Planned], seen: _Seen) -> list[Track]:
    """In the ledger's thread: the audio tracks whose sound is known, also those of rows that were sent before."""
    tracks = []
    for row in rows:
        job = row.record.job
        facts = seen[job.id].audio if job.id in seen else remembered(ledger, job.audio) if job.audio.path else None
        if facts is not None:
            audio = job.audio.url or job.audio.text
            tracks.append(Track(job.id, row.record.video_key or job.video.text, job.language, facts, audio))
    return tracks


def _located(finding: Finding, job: Job, checks: Checks) -> Problem:
    place, value = _where(finding, job)
    severity = "error" if checks.is_strict else finding.severity
    return located(replace(finding, severity=severity), place, value, job=job.id)


def _where(finding: Finding, job: Job) -> tuple[Place, str]:
    """The cell that a finding is about, and what stands there."""
    if finding.field == "video":
        return job.video_place or job.place, job.video.text
    if finding.field == "audio":
        return job.audio_place or job.place, job.audio.text
    return job.place, ""
