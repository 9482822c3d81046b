"""The log's entries: what each event, problem and end is called, and which fields it has (docs/cron.md). Pure.

A job's change of state is called by its new state, so that a program picks what it wants by one word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubbatch.cli.exit_codes import OK, REMAINS
from dubbatch.cli.journal import ENDED, Entry
from dubbatch.events import BatchStarted, Event, JobChanged, Level, Notice, Sent
from dubbatch.jobs import JobState
from dubbatch.manifest import Problem
from dubbatch.report.causes import Cause
from dubbatch.result import RunResult
from dubbatch.stats import Snapshot, problem_of

#: States that are no trouble yet, and worth more than a look.
_LEVELS = {JobState.UNSURE: Level.WARNING}
#: Of what has gone wrong, so much stands in the message of the end; all of it is in its fields.
_TOLD_MAX = 3


def entry_of(event: Event) -> Entry | None:
    """An event's entry; None: it is one of very many that say nothing by themselves."""
    match event:
        case BatchStarted():
            more = {"jobs": event.jobs, "to_send": event.to_send, "counts": dict(event.counts)}
            return Entry("info", "started", batch=event.batch, more=more)
        case JobChanged():
            trouble = problem_of(event)
            level = trouble.level if trouble else _LEVELS.get(event.after, Level.INFO)
            more = {"before": event.before.value}
            return Entry(level.value, event.after.value, event.detail, event.hint, event.batch, event.job, more)
        case Sent():
            level = Level.INFO if event.outcome == "accepted" else Level.WARNING
            more = {
                "outcome": event.outcome,
                "reference_id": event.reference,
                "request_id": event.request_id,
                "seconds": round(event.seconds, 3),
            }
            return Entry(level.value, "sent", batch=event.batch, job=event.job, more=more)
        case Notice():
            return Entry(event.level.value, "notice", event.message, event.hint, event.batch, event.job)
        case _:
            return None


def progress_entry(snapshot: Snapshot) -> Entry:
    """Where a run stands, once a minute."""
    remaining_s = snapshot.remaining_s
    more = {
        "elapsed_s": round(snapshot.elapsed_s),
        "remaining_s": None if remaining_s is None else round(remaining_s),
        "done": snapshot.done,
        "done_before": snapshot.done_before,
        "wanted": snapshot.wanted,
        "counts": _present(snapshot.counts),
        "minutes_done": round(snapshot.minutes_done, 3),
        "minutes_wanted": round(snapshot.minutes_wanted, 3),
        "slots_used": snapshot.slots_used,
        "slots": snapshot.slots,
        "permits_used": snapshot.permits_used,
        "permits": snapshot.permits,
        "bytes_up": snapshot.bytes_up,
        "bytes_down": snapshot.bytes_down,
    }
    return Entry("info", "progress", batch=snapshot.batch, more=more)


def problem_entry(problem: Problem, batch: str) -> Entry:
    """What is wrong with a cell of the manifest, or with a job's media."""
    told = problem.as_json()
    more = {name: told[name] for name in ("file", "sheet", "row", "column", "value")}
    return Entry(problem.severity, "problem", problem.message, problem.remedy, batch, problem.job, more)


def end_entry(result: RunResult, exit_code: int) -> Entry:
    """How a run ended: the last entry of each batch."""
    stopped = [{"reason": cause.reason.value, "message": cause.message, "hint": cause.hint} for cause in result.causes]
    more: dict[str, Any] = {
        "exit_code": exit_code,
        "jobs": sum(result.counts.values()),
        "counts": _present(result.counts),
        "done_before": result.done_before,
        "sent": result.bought.jobs,
        "minutes_bought": round(result.bought.length_s / 60, 3),
        "minutes_bought_in_all": round(result.bought_in_all_s / 60, 3),
        "stopped": stopped,
        "troubles": [_trouble(cause) for cause in result.troubles],
        "output_dir": str(result.output_dir),
        "reports": [str(path.absolute()) for path in result.reports],
    }
    told = [cause.message for cause in result.causes] + [
        f"{cause.jobs} {cause.state or 'odd'}: {cause.error}" for cause in result.troubles
    ]
    hints = [cause.hint for cause in result.causes] + [cause.hint for cause in result.troubles]
    level = {OK: "info", REMAINS: "warning"}.get(exit_code, "error")
    return Entry(level, ENDED, "; ".join(told[:_TOLD_MAX]), next(filter(None, hints), ""), result.batch, more=more)


def _trouble(cause: Cause) -> dict[str, Any]:
    return {
        "state": cause.state.value if cause.state else "",
        "error": cause.error,
        "hint": cause.hint,
        "jobs": cause.jobs,
        "examples": [example.job for example in cause.examples],
    }


def _present(counts: Mapping[JobState, int]) -> dict[str, int]:
    return {state.value: n for state, n in counts.items() if n}
