"""Texts for people: problems, plans, states and the last lines of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dubbatch.api.addresses import shown
from dubbatch.cli.speech import say
from dubbatch.errors import ManifestError
from dubbatch.jobs import JobState
from dubbatch.plan import Action, minutes_of
from dubbatch.settings import OPTIONS, Resolved, shown_value

if TYPE_CHECKING:
    # For their names only: ``dubbatch status`` starts without what plans and runs.
    from dubbatch.batch import RunResult
    from dubbatch.ledger.jobs import BatchRow
    from dubbatch.ledger.ledger import Ledger
    from dubbatch.manifest import Manifest
    from dubbatch.plan import Planned, Totals
    from dubbatch.planner import Plan

#: The order in which states are listed: what is done first, what needs a person next.
_STATES = (
    JobState.DOWNLOADED,
    JobState.FAILED,
    JobState.SUSPECT,
    JobState.BLOCKED,
    JobState.UNSURE,
    JobState.SUBMITTING,
    JobState.STALLED,
    JobState.COMPLETED,
    JobState.PROCESSING,
    JobState.QUEUED,
    JobState.PENDING,
    JobState.SKIPPED,
)


#: More rows that can't be sent are told by their problems alone.
_BLOCKED_MAX = 10


def show_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}", err=True)


def show_plan(plan: Plan, sums: Totals) -> None:
    rows = plan.chosen
    blocked = [row for row in rows if row.action is Action.BLOCKED]
    if len(blocked) > _BLOCKED_MAX:
        rows = tuple(row for row in rows if row.action is not Action.BLOCKED)
    width = max([4, *(len(row.record.job.id) for row in rows)])
    for row in rows:
        length = minutes_of(row.record)
        minutes = f"{length:6.2f}" if length is not None else "     ?"
        say(f"{row.action:<10} {row.record.job.id:<{width}} {minutes} min  {row.reason}")
    if len(blocked) > _BLOCKED_MAX:
        say(f"{'blocked':<10} {len(blocked)} jobs: see the problems")
    for removed in plan.removed:
        say(f"{'removed':<10} {removed:<{width}}             no longer in the manifest; its files stay")
    unknown = f" (and {sums.unknown_minutes} of unknown length)" if sums.unknown_minutes else ""
    say(
        f"{sums.jobs} jobs, {sums.to_send} to send at most: {sums.minutes:.2f} media minutes{unknown}, "
        f"about {span(sums.eta_s)}."
    )


def unreadable_as_json(file: str, sheet: str, error: ManifestError) -> dict[str, Any]:
    """The same object for a manifest that can't be read at all: one problem, of the file as a whole."""
    problem = {
        "severity": "error", "file": file, "sheet": sheet, "row": None, "column": None, "value": "",
        "message": error.message, "remedy": error.hint, "job": "",
    }  # fmt: skip
    totals = {"jobs": 0, "to_send": 0, "minutes": 0.0, "unknown_minutes": 0, "eta_s": 0.0}
    return {"schema": 1, "batch": "", "problems": [problem], "jobs": [], "removed": [], "totals": totals}


def plan_as_json(manifest: Manifest, plan: Plan, sums: Totals) -> dict[str, Any]:
    """The object of design section 10, schema 1."""
    return {
        "schema": 1,
        "batch": manifest.batch,
        "problems": [problem.as_json() for problem in manifest.problems],
        "jobs": [_planned_as_json(row) for row in plan.chosen],
        "removed": list(plan.removed),
        "totals": {
            "jobs": sums.jobs,
            "to_send": sums.to_send,
            "minutes": round(sums.minutes, 3),
            "unknown_minutes": sums.unknown_minutes,
            "eta_s": round(sums.eta_s, 1),
        },
    }


def _planned_as_json(row: Planned) -> dict[str, Any]:
    job, length = row.record.job, minutes_of(row.record)
    return {
        "id": job.id,
        "action": row.action.value,
        "video": shown(job.video.text),
        "audio": shown(job.audio.text),
        "language": job.language,
        "output": job.output,
        "minutes": round(length, 4) if length is not None else None,
        "reason": row.reason,
    }


def show_status(ledger: Ledger, batch: BatchRow) -> None:
    counts = ledger.jobs.counts(batch.name)
    ended = f", ended {batch.finished_at}" if batch.finished_at else ", not ended (running, or interrupted)"
    say(f"Batch {batch.name}: {_counted(counts)}")
    say(f"last run started {batch.started_at}{ended}")
    for trouble in ledger.jobs.troubles(batch.name):
        say(f"  {trouble.job}  {trouble.state}: {trouble.error}")
        if trouble.hint:
            say(f"      {trouble.hint}")
    if removed := ledger.jobs.removed(batch.name):
        say(f"  no longer in the manifest: {', '.join(removed)}")
    say(f"outputs in {batch.output_dir}")


def show_end(result: RunResult, *, quiet: bool) -> None:
    """The last lines of a run; ``quiet`` leaves why it stopped, and the very last."""
    lines = list(_closing_lines(result))
    for line in [*lines[: len(result.causes)], lines[-1]] if quiet else lines:
        say(line)


def _closing_lines(result: RunResult) -> Iterable[str]:
    """How a run ended: why it stopped, what is done, where the files are. The files come last."""
    if not result.counts:
        yield "Nothing was sent."
        return
    for cause in result.causes:
        yield f"stopped: {cause.message}" + (f" ({cause.hint})" if cause.hint else "")
    yield f"Batch {result.batch}: {_counted(result.counts)}"
    if result.removed:
        yield f"No longer in the manifest, left out of the numbers: {', '.join(result.removed)}"
    if result.reports:
        yield f"Outputs in {result.output_dir}, reports: {', '.join(path.name for path in result.reports)}"


def show_config(resolved: Resolved) -> None:
    width = max(len(option.name) for option in OPTIONS.values())
    for field, option in OPTIONS.items():
        value = getattr(resolved.settings, field)
        none = "auto" if option.name == "concurrency" else "-"
        text = none if value is None or value in ((), "") else shown_value(value)
        text = shown(text) if option.name == "base_url" else text
        say(f"{option.name:<{width}}  {text:<32} {resolved.origins[option.name]}")


def _counted(counts: Mapping[JobState, int]) -> str:
    total = sum(counts.values())
    told = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    return f"{total} jobs: {told}" if total else "no jobs"


def span(seconds: float) -> str:
    """A stretch of time as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
