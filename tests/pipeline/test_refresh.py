"""Reports that are fresh while a run goes on: whole whenever they are read, and never later than the final ones."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch import refresh
from dubbatch.errors import LedgerError
from dubbatch.events import Event, JobChanged, Level, Notice
from dubbatch.jobs import Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.refresh import Heard, pause_after, refreshing

if TYPE_CHECKING:
    from tests.pipeline.conftest import Listen, Project

BATCH = "spring"


@pytest.mark.parametrize(
    ("took_s", "pause_s"), [(0.0, 5.0), (0.1, 5.0), (0.2, 5.0), (5 / 19, 5.0), (1.0, 19.0), (1.5, 28.5), (10.0, 190.0)]
)
def test_the_pause_after_a_round(took_s: float, pause_s: float) -> None:
    """Five seconds at least, and nineteen parts of twenty."""
    assert pause_after(took_s) == pytest.approx(pause_s)


@given(st.floats(0, 1e6))
def test_rounds_take_one_part_in_twenty_and_come_every_half_minute_while_they_are_short(took_s: float) -> None:
    """Issue 7: at most 5 % of the time; where both can't be, the 5 % win."""
    period_s = took_s + pause_after(took_s)

    assert took_s <= 0.05 * period_s * (1 + 1e-9)
    assert period_s <= 30.0 * (1 + 1e-9) or took_s > 1.5


@dataclass
class VirtualTime:
    """A clock that a test moves: each sleep is noted, and ends when the test says so."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _asleep: asyncio.Event = field(default_factory=asyncio.Event)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self._waiting.append(asyncio.get_running_loop().create_future())
        self._asleep.set()
        await self._waiting[-1]

    async def pass_on(self) -> None:
        """End the sleep that is, or comes, and wait for the next."""
        await self._asleep.wait()
        self._asleep.clear()
        self.now += self.sleeps[-1]
        self._waiting.popleft().set_result(None)
        await self._asleep.wait()


@dataclass
class Batch:
    """A ledger with one batch, its reports, and all that was said."""

    ledger: Ledger
    reports: tuple[Path, ...]
    time: VirtualTime = field(default_factory=VirtualTime)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.heard = Heard(BATCH, self.events.append)

    @property
    def folder(self) -> Path:
        return self.reports[0].parent

    def begin(self, jobs: int) -> None:
        media = Media("https://cdn.example.com/v.mp4", url="https://cdn.example.com/v.mp4")
        records = (
            JobRecord(
                batch=BATCH,
                job=Job(id=f"ep{n:05d}", video=media, audio=media, output=f"{n}.mp4", position=n),
                state=JobState.PENDING,
                fingerprint=f"work {n}",
            )
            for n in range(jobs)
        )
        row = BatchRow(BATCH, "/m/spring.csv", str(self.folder), "[]", "2026-11-21T01:00:00Z")
        self.ledger.jobs.begin_batch(row, records)

    def change(self, job: str, state: JobState) -> None:
        """As a run does: recorded, then told."""
        record = self.ledger.jobs.get(BATCH, job)
        assert record is not None
        self.ledger.jobs.change(record, state)
        for change in self.ledger.drain_changes():
            self.heard(change)

    @asynccontextmanager
    async def goes_on(self) -> AsyncIterator[None]:
        path = self.ledger.path
        assert path is not None
        async with refreshing(self.reports, path, self.heard, clock=self.time.clock, sleep=self.time.sleep):
            yield

    def states(self) -> dict[str, str]:
        return {job["id"]: job["state"] for job in json.loads(self.reports[1].read_bytes())["jobs"]}

    def warnings(self) -> list[Notice]:
        return [event for event in self.events if isinstance(event, Notice) and event.level is Level.WARNING]

    def parts(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name.endswith(".part")]


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    folder = tmp_path / "dubs"
    folder.mkdir()
    with Ledger(tmp_path / ".dubbatch" / "ledger.db") as ledger:
        yield Batch(ledger, (folder / "report.csv", folder / "report.json"))


async def test_reports_are_written_after_changes_and_only_then(batch: Batch) -> None:
    """The first ones in any case: there are none, or those of an earlier run. The run's end is not known yet."""
    batch.begin(3)
    async with batch.goes_on():
        assert list(batch.folder.iterdir()) == []
        await batch.time.pass_on()
        assert batch.states() == dict.fromkeys(("ep00000", "ep00001", "ep00002"), "pending")
        assert json.loads(batch.reports[1].read_bytes())["finished_at"] == ""

        batch.change("ep00001", JobState.FAILED)
        await batch.time.pass_on()
        assert batch.states()["ep00001"] == "failed"
        assert b"failed" in batch.reports[0].read_bytes()

        before = batch.reports[0].stat().st_ino
        quiet = asyncio.ensure_future(batch.time.pass_on())
        batch.heard(JobChanged("another", "ep00001", JobState.PENDING, JobState.FAILED))
        await asyncio.wait([quiet], timeout=0.1)
        assert not quiet.done()
        assert batch.reports[0].stat().st_ino == before
        batch.change("ep00002", JobState.FAILED)
        await quiet
        assert batch.reports[0].stat().st_ino != before

    assert set(batch.time.sleeps) == {5.0}
    assert batch.warnings() == []


async def test_a_slow_round_is_followed_by_a_longer_pause(batch: Batch, listen: Listen) -> None:
    """Of nineteen times what it took."""
    batch.begin(1)

    def slow(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith("report.json"):
            batch.time.now += 4.0

    with listen(slow):
        async with batch.goes_on():
            await batch.time.pass_on()

    assert batch.time.sleeps == [5.0, 76.0]


async def test_workbooks_wait_for_the_end(batch: Batch) -> None:
    """They are not asked for: a run with no other report has no rounds at all."""
    batch.begin(1)
    batch.reports = (batch.folder / "report.xlsx",)

    async with batch.goes_on():
        await asyncio.sleep(0)

    assert batch.time.sleeps == []
    assert list(batch.folder.iterdir()) == []


async def test_a_report_that_can_not_be_written_is_one_warning_and_the_others_are_written(batch: Batch) -> None:
    """A folder has its place: that is not tried again before the end."""
    batch.begin(2)
    batch.reports[0].mkdir()
    async with batch.goes_on():
        for job in ("ep00000", "ep00001"):
            await batch.time.pass_on()
            batch.change(job, JobState.FAILED)
        await batch.time.pass_on()

    (warning,) = batch.warnings()
    assert "report.csv can't be written" in warning.message
    assert "at its end" in warning.hint
    assert set(batch.states().values()) == {"failed"}
    assert batch.parts() == []


async def test_a_report_that_was_open_elsewhere_is_fresh_again_once_it_is_closed(batch: Batch, listen: Listen) -> None:
    """Excel on Windows lets nobody replace what it shows. Said once, however long that takes."""
    batch.begin(1)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith("report.csv"):
            raise PermissionError(13, "it is open")

    async with batch.goes_on():
        with listen(refuse):
            await batch.time.pass_on()
            batch.heard(JobChanged(BATCH, "ep00000", JobState.PENDING, JobState.QUEUED))
            await batch.time.pass_on()
        assert not batch.reports[0].exists()
        batch.change("ep00000", JobState.FAILED)
        await batch.time.pass_on()

    assert len(batch.warnings()) == 1
    assert b"failed" in batch.reports[0].read_bytes()


async def test_a_ledger_that_can_not_be_read_is_one_warning_and_no_new_ledger(batch: Batch) -> None:
    """Somebody has moved it: the run itself has it open."""
    batch.begin(1)
    path = batch.ledger.path
    assert path is not None
    path.rename(path.with_name("moved.db"))
    async with batch.goes_on():
        await batch.time.pass_on()
        batch.change("ep00000", JobState.FAILED)
        await batch.time.pass_on()

    (warning,) = batch.warnings()
    assert "no longer in its place" in warning.message
    assert not path.exists()


@dataclass
class Gate:
    """Holds a round in the middle of its writing until the test lets it go on."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and ".report.json." in str(arguments[0]) and not self.entered.is_set():
            self.entered.set()
            self.opened.wait(10)


async def test_a_round_in_progress_is_given_up_when_the_work_ends(batch: Batch, listen: Listen) -> None:
    """It is waited for, has replaced nothing, and leaves no part: whatever is written then is the last."""
    batch.begin(5_000)
    gate = Gate()
    for report in batch.reports:
        report.write_text("older", encoding="utf-8")
    with listen(gate.hook):
        async with batch.goes_on():
            passing = asyncio.ensure_future(batch.time.pass_on())
            await asyncio.to_thread(gate.entered.wait, 10)
            asyncio.get_running_loop().call_later(0.05, gate.opened.set)
    passing.cancel()

    assert [report.read_text(encoding="utf-8") for report in batch.reports] == ["older", "older"]
    assert batch.parts() == []


async def test_who_cancels_twice_waits_for_the_round_all_the_same(batch: Batch, listen: Listen) -> None:
    """The final reports follow."""
    batch.begin(5_000)
    gate = Gate()

    async def work() -> None:
        async with batch.goes_on():
            await asyncio.get_running_loop().create_future()

    with listen(gate.hook):
        task = asyncio.ensure_future(work())
        passing = asyncio.ensure_future(batch.time.pass_on())
        await asyncio.to_thread(gate.entered.wait, 10)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        gate.opened.set()
        await asyncio.wait([task])
    passing.cancel()

    assert task.cancelled()
    assert [report.exists() for report in batch.reports] == [False, False]
    assert batch.parts() == []


async def test_commits_do_not_wait_for_a_round_nor_a_round_for_commits(batch: Batch, listen: Listen) -> None:
    """The pay-once protocol goes on while a report is half written, and a round reads while a commit is open."""
    batch.begin(2)
    gate = Gate()
    with listen(gate.hook):
        async with batch.goes_on():
            passing = asyncio.ensure_future(batch.time.pass_on())
            await asyncio.to_thread(gate.entered.wait, 10)
            batch.change("ep00000", JobState.FAILED)
            with batch.ledger.atomic():
                batch.ledger.account.belong_to("a service")
                gate.opened.set()
                await passing

    assert batch.states()["ep00000"] == "failed"


async def test_a_mistake_in_a_round_is_told_when_the_work_is_done(batch: Batch, listen: Listen) -> None:
    """It neither ends the run nor stays hidden."""
    batch.begin(1)
    is_done = False

    def fail(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and ".report.json." in str(arguments[0]):
            raise MemoryError("no more")

    async def work() -> None:
        nonlocal is_done
        async with batch.goes_on():
            passing = asyncio.ensure_future(batch.time.pass_on())
            await asyncio.wait([passing], timeout=0.2)
            passing.cancel()
            is_done = True

    with listen(fail):
        await work()

    assert is_done
    assert [warning.message for warning in batch.warnings()] == [
        "the reports were not kept fresh: MemoryError('no more')"
    ]
    assert batch.parts() == []


def test_a_second_connection_takes_no_lock(tmp_path: Path) -> None:
    """Opening one while another has a change open neither waits nor fails."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as first, first.atomic():
        first.account.belong_to("a service")
        with Ledger.existing(path) as second:
            assert second.jobs.batches() == []
    with pytest.raises(LedgerError, match="no longer in its place"):
        Ledger.existing(tmp_path / "none.db")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other at once."""
    monkeypatch.setattr(refresh, "_LEAST_PAUSE_S", 0.005)
    monkeypatch.setattr(refresh, "_PAUSES", 0)


def whole(path: Path, jobs: int) -> list[str]:
    """The states of a report that is whole, with all its rows; none while there is none yet."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        found = json.loads(text)["jobs"]
    else:
        found = list(csv.DictReader(StringIO(text, newline=""), strict=True))
    assert len(found) == jobs
    return [row["state"] for row in found]


@pytest.mark.usefixtures("often")
async def test_reports_are_whole_at_every_moment_of_a_run_and_the_final_ones_are_the_last(project: Project) -> None:
    """A reader in a loop finds every row in every one of them."""
    jobs = [f"job{n}" for n in range(12)]
    project.write_jobs(*jobs)
    folder = project.folder / "batch-dubs"
    seen: set[tuple[str, ...]] = set()

    async def read() -> None:
        while True:
            for name in ("report.csv", "report.json"):
                seen.add(tuple(whole(folder / name, len(jobs))))
            await asyncio.sleep(0.002)

    reader = asyncio.ensure_future(read())
    result = await project.run()
    # The final ones, and a time in which a late round would show.
    last = {name: (folder / name).read_bytes() for name in ("report.csv", "report.json")}
    await asyncio.sleep(0.1)
    reader.cancel()
    await asyncio.wait([reader])

    assert reader.cancelled()
    assert result.counts == {JobState.DOWNLOADED: 12}
    assert len(seen) > 3
    assert last == {name: (folder / name).read_bytes() for name in last}
    assert set(whole(folder / "report.json", 12)) == {"downloaded"}
    assert json.loads(last["report.json"])["finished_at"]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("often")
async def test_the_reports_of_collect_are_fresh_too(project: Project) -> None:
    """Fetching a large batch takes hours; here the service takes its time to answer."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b")
    await project.run(interrupted_after=2)
    report = project.folder / "fresh.json"
    project.sandbox.set_faults([{"on": kind, "action": "slow", "seconds": 0.5} for kind in ("list", "get")])

    is_early = False

    async def read() -> None:
        nonlocal is_early
        while not is_early:
            is_early = report.exists()
            await asyncio.sleep(0.005)

    reader = asyncio.ensure_future(read())
    await project.collect(reports=(report,))
    reader.cancel()

    assert is_early
    assert whole(report, 2) == [state.value for state in project.states().values()]
