"""What a plan comes to, for people: jobs, minutes, money, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from dubbatch.cli.speech import say
from dubbatch.cli.words import hour, jobs, span
from dubbatch.forecast import Sum
from dubbatch.forms import Price
from dubbatch.outlook import Outlook
from dubbatch.plan import Action, minutes_of
from dubbatch.planner import Plan
from dubbatch.settings import Settings

#: More rows that can't be sent are told by their problems alone.
_BLOCKED_MAX = 10


def extent(coming: Outlook, settings: Settings) -> Iterator[str]:
    """What is sent, what it costs, and when it is done; then what caps hold back. The sandbox keeps its own times."""
    every = coming.totals.all
    line = f"{jobs(every.jobs)}, {every.to_send} to send"
    if every.to_send:
        line += f": {amount(every, settings.price_per_minute)}"
        if not settings.sandbox:
            eta_s = coming.totals.eta_s
            line += f", done in about {span(eta_s)}, at {hour(datetime.now().astimezone(), eta_s)}"
            line += "" if coming.is_learned else " (if a job takes 2 min: this account's own times are not known yet)"
    yield line
    held = coming.totals.held
    if held.to_send:
        caps = " and ".join(dict.fromkeys(shortage.cap_named for shortage in coming.choice.held.values()))
        yield (
            f"held back by {caps}: {jobs(held.to_send)}, {amount(held, settings.price_per_minute)}; "
            f"bought before: {coming.bought_minutes:.2f} minutes"
        )


def amount(these: Sum, price: Price | None) -> str:
    """Minutes, money where there is a price, and what is not known."""
    unknown = f" and {jobs(these.unknown_minutes)} of unknown length" if these.unknown_minutes else ""
    money = f" ({price.of(these.minutes)})" if price else ""
    return f"{these.minutes:.2f} media minutes{money}{unknown}"


def show_plan(plan: Plan, coming: Outlook, settings: Settings, by: Sequence[str], *, is_stopped: bool = False) -> None:
    """Each row, then what they come to. ``is_stopped``: nothing is sent before the bad rows are mended."""
    rows = coming.rows
    blocked = [row for row in rows if row.action is Action.BLOCKED]
    if len(blocked) > _BLOCKED_MAX:
        rows = tuple(row for row in rows if row.action is not Action.BLOCKED)
    width = max([4, *(len(row.record.job.id) for row in rows)])
    for row in rows:
        length = minutes_of(row.record)
        minutes = f"{length:6.2f}" if length is not None else "     ?"
        held = coming.choice.held.get(row.record.job.id)
        waits = f"; waits: {held.message}" if held else ""
        say(f"{row.action:<10} {row.record.job.id:<{width}} {minutes} min  {row.reason}{waits}")
    if len(blocked) > _BLOCKED_MAX:
        say(f"{'blocked':<10} {len(blocked)} jobs: see the problems")
    for removed in plan.removed:
        say(f"{'removed':<10} {removed:<{width}}             no longer in the manifest; its files stay")
    counts = {action.value: n for action, n in coming.totals.actions.items() if n}
    if plan.removed:
        counts["removed"] = len(plan.removed)
    for column in by:
        _show_groups(column, coming.by_column(column), settings.price_per_minute)
    say(", ".join(f"{n} {name}" for name, n in counts.items()))
    for number, line in enumerate(extent(coming, settings)):
        say(f"without the bad rows: {line}" if is_stopped and not number else line)


def _show_groups(column: str, groups: dict[str, Sum], price: Price | None) -> None:
    table = Table(box=None, pad_edge=False, title=None, header_style="")
    table.add_column(column, overflow="fold")
    for name in ("jobs", "to send", "minutes", *(["cost"] if price else [])):
        table.add_column(name, justify="right")
    for value, these in groups.items():
        unknown = f" + {these.unknown_minutes} unknown" if these.unknown_minutes else ""
        cells = [value or "-", f"{these.jobs:,}", f"{these.to_send:,}", f"{these.minutes:,.2f}{unknown}"]
        table.add_row(*cells, *([price.of(these.minutes)] if price else []))
    console = Console(no_color=True, highlight=False, markup=False, emoji=False, width=_WIDE)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        say(line.rstrip())


#: No line of a table is folded: a terminal wraps it, and a pipe has no width.
_WIDE = 400
