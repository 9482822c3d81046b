"""A batch from outside: what a run is given, and what of it there is to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dubbatch.events import BatchStarted, EventHook, Level, Notice
from dubbatch.jobs import OPEN, JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.manifest import Manifest
from dubbatch.outlook import usual_s
from dubbatch.plan import Planned
from dubbatch.planner import Plan
from dubbatch.report.file import is_there
from dubbatch.report.place import check_place
from dubbatch.tracker.shelf import check_writable
from dubbatch.writeback.rows import TeamFile


@dataclass(frozen=True, slots=True)
class Batch:
    """What a run keeps of a manifest, and where its ledger and outputs are. Its jobs are in the ledger."""

    name: str
    #: Where it is, with the sheet that was chosen.
    manifest: str
    #: The team's own headers, in order.
    columns: tuple[str, ...]
    ledger: Path
    output_dir: Path
    #: Where reports go; the first two are ``report.csv`` and ``report.json`` in the output directory.
    reports: tuple[Path, ...]
    #: The sheet that the results are written into; None: nothing of the team's is touched.
    team: TeamFile | None = None

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        ledger: Path,
        output_dir: Path,
        reports: tuple[Path, ...],
        team: TeamFile | None = None,
    ) -> Batch:
        team = team and replace(team, digest=manifest.digest, layout=manifest.layout)
        return cls(manifest.batch, manifest.origin.resolved, manifest.columns, ledger, output_dir, reports, team)


def start_of(batch: str, ledger: Ledger, *, to_send: int = 0, selected_only: bool = False) -> BatchStarted:
    """Where the jobs stand as a run begins that is to send so many of them."""
    counts = ledger.jobs.counts(batch, selected_only=selected_only)
    lengths = ledger.jobs.lengths(batch, selected_only=selected_only)
    jobs = sum(counts.values())
    return BatchStarted(
        batch,
        jobs,
        to_send,
        tuple(sorted(counts.items())),
        tuple(sorted(lengths.items())),
        usual_s(ledger, sum(lengths.values()) / max(1, jobs)),
    )


def row_of(batch: Batch) -> BatchRow:
    return BatchRow(
        name=batch.name,
        manifest=batch.manifest,
        output_dir=str(batch.output_dir),
        columns=json.dumps(batch.columns, ensure_ascii=False),
        started_at=timestamp(),
    )


def fetched_folder(ledger: Path, batch: str) -> Path:
    """Where inputs are kept from their fetching to their upload; gone when the run ends."""
    return ledger.parent / "fetched" / hashlib.sha256(batch.encode()).hexdigest()[:16]


def check_places(batch: Batch, ledger: Ledger) -> None:
    """Make sure, before anything is sent, that what will come can be put where it belongs. Raises DiskError."""
    check_writable(batch.output_dir)
    names = {record.job.output.rpartition("/")[0] for record in ledger.jobs.all(batch.name) if record.state in OPEN}
    for name in names:
        folder = batch.output_dir.joinpath(*name.split("/"))
        # One that is a link or a file is told when it is met, and concerns its own jobs.
        if folder.is_dir() and not folder.is_symlink():
            check_writable(folder)
    for report in batch.reports:
        check_place(report)


def backups_folder(ledger: Path) -> Path:
    """Where the team's sheet is kept as it was before results were written into it."""
    return ledger.parent / "backups"


def is_finished(batch: Batch, ledger: Ledger, delimiter: str) -> bool:
    """Whether an earlier run brought this batch to its end and wrote all its reports: there is nothing to add.

    ``delimiter``: of CSV reports, as they are wanted now.
    """
    row, known = row_of(batch), ledger.jobs.batch(batch.name)
    if known is None or not known.finished_at:
        return False
    is_same = (known.manifest, known.output_dir, known.columns) == (row.manifest, row.output_dir, row.columns)
    counts = ledger.jobs.counts(batch.name, selected_only=True)
    return (
        is_same
        and not has_work(counts, batch.name, ledger)
        and all(is_there(path, delimiter) for path in batch.reports)
    )


def fetch_again(ledger: Ledger, batch: str) -> None:
    """What is on record and not in its place, and what did not pass the checks, is to be fetched once more."""
    for record in list(ledger.jobs.all(batch)):
        output = ledger.outputs.current(record) if record.state is JobState.DOWNLOADED else None
        is_away = record.state is JobState.DOWNLOADED and (output is None or not _is_there(output.path))
        if is_away or record.state is JobState.SUSPECT:
            ledger.jobs.change(record, JobState.COMPLETED)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # A folder that we may not look into: whatever is in it can't be had from there.
        return False


def count_missing(batch: str, ledger: Ledger) -> int:
    """How many outputs that were downloaded are no longer in their place."""
    downloaded = (row for row in ledger.jobs.standings(batch) if row.state is JobState.DOWNLOADED)
    return sum(row.path is None or not _is_there(Path(row.path)) for row in downloaded)


def notice_missing(batch: str, missing: int, hook: EventHook) -> None:
    """One line for outputs that were moved away: that is the team's right, and they can be had again."""
    if missing:
        message = f"{missing} outputs that were downloaded are no longer in their place"
        hook(Notice(batch, Level.INFO, message, "`dubbatch collect` fetches them again, free"))


def timestamp() -> str:
    """This moment, as the ledger has it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def needs_key(plan: Plan, ledger: Ledger) -> bool:
    """Whether a plan can't be carried out from what is here already."""
    batch = plan.rows[0].record.batch if plan.rows else ""
    return _is_at_service(batch, ledger) or any(_asks(row, ledger) for row in plan.chosen)


def _asks(row: Planned, ledger: Ledger) -> bool:
    """Whether a row has the service asked, or sent to: a finished one whose file is here is only copied."""
    if row.record.state is JobState.COMPLETED:
        return not any(output.path.exists() for output in ledger.outputs.of_reference(row.record.reference))
    return row.record.state in OPEN


def has_work(counts: Mapping[JobState, int], batch: str, ledger: Ledger) -> bool:
    """Whether a run has anything to do besides its report."""
    return any(counts.get(state) for state in OPEN) or _is_at_service(batch, ledger)


def _is_at_service(batch: str, ledger: Ledger) -> bool:
    """Whether anything of this batch is followed, settled or fetched, whatever became of its rows."""
    table = ledger.attempts
    is_live = table.to_follow(batch) or table.to_settle(batch)
    return bool(is_live or table.to_save(batch, 1) or ledger.jobs.to_fetch(batch, 1))
