"""Jobs by what stands in their columns: the known ones and the team's own. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

from dubbatch.errors import UsageError
from dubbatch.forms import Cap
from dubbatch.jobs import Job
from dubbatch.manifest.columns import normal

#: Values of a column that are named in a message.
_NAMED = 8


def columns_of(job: Job) -> dict[str, str]:
    """Everything that a job can be chosen, grouped and capped by: header -> text."""
    return {
        "id": job.id, "language": job.language, "video": job.video.text, "audio": job.audio.text, "output": job.output,
        "reference_id": job.reference_id, "model": job.model, "priority": str(job.priority), **job.columns,
    }  # fmt: skip


def value_in(job: Job, column: str) -> str:
    """The text in a column, its header compared as manifests are read; empty also where there is no such column."""
    if column == "language":
        return job.language
    wanted = normal(column)
    return next((text.strip() for name, text in columns_of(job).items() if normal(name) == wanted), "")


def check_columns(columns: Iterable[str], job: Job | None, what: str) -> None:
    """Raises UsageError for a column that jobs like this one don't have. ``what`` has named it."""
    if job is None:
        return
    known = columns_of(job)
    names = {normal(name) for name in known}
    for column in columns:
        if normal(column) not in names:
            hint = f"the columns are {', '.join(known)}; nothing was sent"
            raise UsageError(f"{what}: the manifest has no column {column!r}", hint=hint)


def unmet(caps: Iterable[Cap], jobs: Iterable[Job]) -> Iterator[str]:
    """Of caps on one value of a column, those whose value no job has; with what is there."""
    named = [cap for cap in caps if cap.value]
    if not named:
        return
    every = list(jobs)
    for cap in named:
        values = {text.casefold(): text for job in every if (text := value_in(job, cap.column))}
        if every and cap.value.casefold() not in values:
            near = get_close_matches(cap.value.casefold(), values, 1)
            there = ", ".join(list(values.values())[:_NAMED]) or "nothing"
            hint = f"did you mean {values[near[0]]}?" if near else f"there {'is' if len(values) < 2 else 'are'} {there}"
            yield f"no row has {cap.value!r} in {cap.column}, so the cap on it holds nothing back ({hint})"


def select(jobs: Iterable[Job], only: Collection[str]) -> frozenset[str]:
    """The ids that ``--only`` asks for; all where it asks for nothing. Raises UsageError where none matches."""
    every = list(jobs)
    if not only:
        return frozenset(job.id for job in every)
    chosen = frozenset(job.id for job in every if any(_matches(job, wish) for wish in only))
    if not chosen:
        columns = ", ".join(columns_of(every[0])) if every else ""
        hint = f"give a job's id, or column=value; the columns are {columns}"
        raise UsageError(f"--only {', '.join(only)}: no job matches", hint=hint)
    return chosen


def _matches(job: Job, wish: str) -> bool:
    if wish == job.id:
        return True
    column, equals, value = wish.partition("=")
    if not equals:
        return False
    wanted, value = normal(column), value.strip().casefold()
    fields = columns_of(job).items()
    return any(normal(name) == wanted and text.strip().casefold() == value for name, text in fields)
