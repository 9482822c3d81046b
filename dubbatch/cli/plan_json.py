"""The object that ``dubbatch plan --format json`` prints (design, section 10), schema 1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dubbatch.api.addresses import shown
from dubbatch.errors import ManifestError
from dubbatch.forecast import Sum
from dubbatch.forms import Price
from dubbatch.manifest import Manifest
from dubbatch.outlook import Outlook
from dubbatch.plan import Planned, minutes_of
from dubbatch.planner import Plan
from dubbatch.settings import Settings

_SCHEMA = 1


def unreadable_as_json(file: str, sheet: str, error: ManifestError) -> dict[str, Any]:
    """The object for a manifest that can't be read at all: one problem, of the file as a whole."""
    problem = {
        "severity": "error", "file": file, "sheet": sheet, "row": None, "column": None, "value": "",
        "message": error.message, "remedy": error.hint, "job": "",
    }  # fmt: skip
    totals = {"jobs": 0, "to_send": 0, "minutes": 0.0, "unknown_minutes": 0, "eta_s": 0.0}
    return {"schema": _SCHEMA, "batch": "", "problems": [problem], "jobs": [], "removed": [], "totals": totals}


def plan_as_json(
    manifest: Manifest, plan: Plan, coming: Outlook, settings: Settings, by: Sequence[str], now: datetime
) -> dict[str, Any]:
    """``now``: when it is printed, with its zone."""
    price, totals = settings.price_per_minute, coming.totals
    finish = (now + timedelta(seconds=totals.eta_s)).astimezone(UTC).isoformat(timespec="seconds")
    return {
        "schema": _SCHEMA,
        "batch": manifest.batch,
        "problems": [problem.as_json() for problem in (*manifest.problems, *plan.problems)],
        "jobs": [_planned(row, coming) for row in coming.rows],
        "removed": list(plan.removed),
        "totals": {
            **_sum(totals.all, price),
            "eta_s": round(totals.eta_s, 1),
            "finish_at": finish.replace("+00:00", "Z"),
            "actions": {action.value: n for action, n in totals.actions.items()} | {"removed": len(plan.removed)},
            "held": {**_sum(totals.held, price), "jobs": totals.held.to_send},
            "bought_minutes": round(coming.bought_minutes, 3),
        },
        "by": {
            column: {value: _sum(these, price) for value, these in coming.by_column(column).items()} for column in by
        },
    }


def _sum(these: Sum, price: Price | None) -> dict[str, Any]:
    return {
        "jobs": these.jobs,
        "to_send": these.to_send,
        "minutes": round(these.minutes, 3),
        "unknown_minutes": these.unknown_minutes,
        "cost": round(price.amount * these.minutes, 4) if price else None,
        "currency": price.currency if price else "",
    }


def _planned(row: Planned, coming: Outlook) -> dict[str, Any]:
    job, length = row.record.job, minutes_of(row.record)
    held = coming.choice.held.get(job.id)
    return {
        "id": job.id,
        "action": row.action.value,
        "video": shown(job.video.text),
        "audio": shown(job.audio.text),
        "language": job.language,
        "output": job.output,
        "minutes": round(length, 4) if length is not None else None,
        "reason": f"{row.reason}; waits: {held.message}" if held else row.reason,
        "held": held is not None,
        "warnings": list(row.record.warnings),
    }
