"""What a run would find in the account: for looking ahead, on a copy of the ledger, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dubbatch.batch import Batch, row_of
from dubbatch.events import ignore
from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.opening import open_run
from dubbatch.plan import Action, Planned
from dubbatch.planner import Plan
from dubbatch.scheduler.lookup import LookUp
from dubbatch.service import Service, recent_posts
from dubbatch.settings import Settings
from dubbatch.stop import Stop


async def ask_account(batch: Batch, plan: Plan, service: Service, settings: Settings, thread: LedgerThread) -> Plan:
    """The plan with what the account has already. ``thread`` has a copy of the ledger: its content changes.

    Waits for nothing. Raises ServiceError where the account doesn't answer.
    """
    stop = Stop()
    await thread(thread.ledger.jobs.begin_batch, row_of(batch), plan.records())
    at_once = replace(settings, settle_s=0.0)
    async with open_run(batch.name, batch.output_dir, service, at_once, thread, ignore, stop) as run:
        lookup = LookUp(run, await recent_posts(service.permit_log()), now=run.client.clock.now)
        # Offline, one quick try is enough: the plan stands without it.
        await run.asking.once(lambda: run.client.list_requests(limit=1, offset=0))
        await lookup.prepare()
    return replace(plan, rows=await thread(_all_looked_up, thread.ledger, plan.rows))


def _all_looked_up(ledger: Ledger, rows: Iterable[Planned]) -> tuple[Planned, ...]:
    return tuple(_as_looked_up(ledger, row) for row in rows)


def _as_looked_up(ledger: Ledger, row: Planned) -> Planned:
    record = ledger.jobs.get(row.record.batch, row.record.job.id)
    if record is None or not row.sends or record.state is JobState.PENDING:
        return row
    if record.state is JobState.BLOCKED:
        return Planned(record, Action.BLOCKED, record.error)
    if record.state is JobState.UNSURE:
        return Planned(record, Action.UNSURE, "this host sent it within the hour: it is asked for first")
    return Planned(record, Action.ADOPT, "the account has it already")
