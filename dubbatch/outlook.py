"""What carrying out a plan comes to, with what the ledger knows of the account and of what is bought already."""

from __future__ import annotations

from dataclasses import dataclass

from dubbatch.api.wire import epoch_s
from dubbatch.budget import Budget
from dubbatch.forecast import Choice, Pace, Sum, Totals, by_column, choose, totals, usual
from dubbatch.ledger.ledger import Ledger
from dubbatch.plan import Planned
from dubbatch.planner import Plan
from dubbatch.settings import Settings

#: No job takes longer.
_LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """A plan's rows that a run was asked for, which of them it sends, and what they come to."""

    rows: tuple[Planned, ...]
    choice: Choice
    totals: Totals
    #: Minutes that the batch has bought before.
    bought_minutes: float
    #: Whether the time is learned from this account's own jobs.
    is_learned: bool

    def by_column(self, column: str) -> dict[str, Sum]:
        """What they come to by what stands in a column."""
        return by_column(self.rows, self.choice, column)


def outlook(plan: Plan, batch: str, ledger: Ledger, settings: Settings) -> Outlook:
    """In the ledger's thread: what a run of ``plan`` would do under these settings."""
    budget = Budget(settings.caps, ledger, batch, [row.record for row in plan.rows] if settings.caps else ())
    choice = choose(plan.chosen, limit=settings.limit, tally=budget.tally() if budget.has_caps else None)
    history = history_of(ledger)
    pace = Pace(
        settings.rate_limit,
        settings.rate_window_s,
        settings.concurrency or ledger.account.get().slots,
        usual(history),
    )
    bought_minutes = budget.spent_s() / 60
    return Outlook(plan.chosen, choice, totals(plan.chosen, choice, pace), bought_minutes, bool(history))


def usual_s(ledger: Ledger, length_s: float) -> float | None:
    """How long a job of such media takes at this account, in seconds; None: it had none yet."""
    history = history_of(ledger)
    return usual(history).of(length_s, length_s) if history else None


def history_of(ledger: Ledger) -> list[tuple[float, float | None]]:
    """What the account's latest jobs took: (seconds at the service, seconds of media if known)."""
    times = (
        (epoch_s(started), epoch_s(finished), length_s) for started, finished, length_s in ledger.account.history()
    )
    return [
        (end - start, length_s)
        for start, end, length_s in times
        # A clock that was set wrong says nothing of how long a job takes.
        if start is not None and end is not None and 0 <= end - start <= _LONGEST_S
    ]
