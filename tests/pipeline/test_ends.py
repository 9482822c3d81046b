"""However a run ends, its reports say what came of it, and the error that ended it is the one that is told."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.errors import BatchBusy, DiskError, LedgerError
from dubbatch.events import Event, JobChanged, Sent
from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.moments import WRITE

if TYPE_CHECKING:
    from tests.pipeline.conftest import Hook, Listen, Project

REPORTS = ("report.csv", "report.json")
#: Jobs that outlast every run here.
LONG = 600.0


def reported(project: Project) -> dict[str, Any]:
    """The JSON report; the CSV has the same jobs in the same states."""
    folder = project.folder / "batch-dubs"
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["id"], row["state"]) for row in csv.DictReader(file, strict=True)]
    assert rows == [(job["id"], job["state"]) for job in report["jobs"]]
    assert [path.name for path in folder.iterdir() if path.suffix == ".part"] == []
    return report


def states(report: dict[str, Any]) -> dict[str, str]:
    return {job["id"]: job["state"] for job in report["jobs"]}


def raised(number: signal.Signals, times: int) -> Callable[[Event], None]:
    """A hook that has the process get a signal at the first send, and at once again."""

    def hook(event: Event) -> None:
        if isinstance(event, Sent):
            for _ in range(times):
                signal.raise_signal(number)

    return hook


ENDS: dict[str, dict[str, Any]] = {
    "Ctrl-C": {"hook": raised(signal.SIGINT, 1)},
    "Ctrl-C twice": {"hook": raised(signal.SIGINT, 2)},
    "SIGTERM": {"hook": raised(signal.SIGTERM, 1)},
    "--max-time": {"max_time_s": 0.5},
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_run_that_is_stopped_leaves_reports_with_its_end(project: Project, end: str) -> None:
    """What is at the service stands there as such."""
    project.sandbox.change(seconds=LONG)
    project.write_jobs("a", "b")

    result = await project.run(concurrency=1, **ENDS[end])
    report = reported(project)

    assert [path.name for path in result.reports] == ["report.csv", "report.json"]
    assert states(report)["b"] == "pending" or end == "--max-time"
    assert states(report) == {job: state.value for job, state in project.states().items()}
    assert report["finished_at"]


async def test_a_run_that_ends_by_itself_leaves_reports_with_its_end(project: Project) -> None:
    """As ever."""
    project.write_jobs("a")

    await project.run()
    report = reported(project)

    assert states(report) == {"a": "downloaded"}
    assert report["finished_at"]


def mistake(event: Event) -> None:
    if isinstance(event, JobChanged) and event.after is JobState.QUEUED:
        raise RuntimeError("a mistake in what hears events")


async def test_a_mistake_in_the_middle_leaves_reports(project: Project) -> None:
    """Of the states as they are in the ledger by then; the run has no end on record."""
    project.sandbox.change(seconds=LONG)
    project.write_jobs("a")

    with pytest.raises(RuntimeError, match="hears events"):
        await project.run(hook=mistake)
    report = reported(project)

    assert states(report) == {"a": "queued"}
    assert report["finished_at"] == ""


def refusing(event: str, what: str, error: Callable[[], BaseException]) -> Hook:
    """An audit hook that lets no moment pass that is about ``what``."""

    def hook(told: str, arguments: tuple[Any, ...]) -> None:
        if told == event and any(what in str(argument) for argument in arguments):
            raise error()

    return hook


def no_ledger() -> BaseException:
    return LedgerError("the ledger can't be written")


def no_room() -> BaseException:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_ledger_that_fails_in_the_middle_leaves_reports_of_what_it_has(
    project: Project, listen: Listen
) -> None:
    """Its disk is full: it can be read."""
    project.sandbox.change(seconds=LONG)
    project.write_jobs("a", "b")

    with (
        listen(refusing("dubbatch.write", "end_send", no_ledger)),
        pytest.raises(LedgerError, match="can't be written"),
    ):
        await project.run()
    report = reported(project)

    assert "submitting" in states(report).values()
    assert report["finished_at"] == ""


async def test_an_error_at_the_reports_hides_no_error(project: Project, listen: Listen) -> None:
    """It is a warning, and an older report stays."""
    project.write_jobs("a")
    await project.run()
    before = {path.name: path.read_bytes() for path in (project.folder / "batch-dubs").glob("report.*")}
    project.write_jobs("a", "b")
    refusals = [refusing("dubbatch.write", "end_send", no_ledger), refusing("open", ".report.json.", no_room)]

    with listen(refusals[0]), listen(refusals[1]), pytest.raises(LedgerError, match="the ledger can't be written"):
        await project.run()
    after = {path.name: path.read_bytes() for path in (project.folder / "batch-dubs").glob("report.*")}

    assert "report.json can't be written: No space left" in project.told()
    assert after["report.json"] == before["report.json"]
    assert b"b.wav" in after["report.csv"]


async def test_a_place_that_can_not_be_written_leaves_the_other_reports(project: Project) -> None:
    """It is found before anything is sent."""
    project.write_jobs("a")
    (project.folder / "batch-dubs" / "report.json").mkdir(parents=True)

    with pytest.raises(DiskError, match=r"report\.json can't be written"):
        await project.run()

    assert not project.books.requests
    assert "pending" in (project.folder / "batch-dubs" / "report.csv").read_text(encoding="utf-8-sig")


async def test_a_run_that_its_program_cancels_leaves_reports(project: Project) -> None:
    """Who embeds dubbatch ends it so."""
    project.sandbox.change(seconds=LONG)
    project.write_jobs("a")
    task: asyncio.Task[Any]

    def cancel(event: Event) -> None:
        if isinstance(event, Sent):
            task.cancel()

    task = asyncio.ensure_future(project.run(hook=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    report = reported(project)

    assert states(report) == {job: state.value for job, state in project.states().items()}
    assert report["finished_at"] == ""


async def test_a_batch_that_another_run_has_keeps_its_reports_as_they_are(project: Project) -> None:
    """Nothing was begun: what they say is the other's to say."""
    project.write_jobs("a")
    second: list[BaseException] = []

    async def another() -> None:
        try:
            await project.run()
        except BatchBusy as error:
            second.append(error)
        folder = project.folder / "batch-dubs"
        assert not list(folder.glob("report.*"))

    tasks: list[asyncio.Task[None]] = []

    def hook(event: Event) -> None:
        if isinstance(event, Sent) and not tasks:
            tasks.append(asyncio.ensure_future(another()))

    project.sandbox.change(seconds=0.5)
    await project.run(hook=hook)
    await tasks[0]

    assert len(second) == 1


async def test_collect_that_an_error_ends_leaves_reports(project: Project, listen: Listen) -> None:
    """As a run does."""
    project.write_jobs("a")
    await project.run()
    (project.folder / "batch-dubs" / "a.mp4").unlink()
    report = project.folder / "collected.json"

    with listen(refusing("dubbatch.write", "change_job", no_ledger)), pytest.raises(LedgerError):
        await project.collect(reports=(report,))

    assert states(json.loads(report.read_text(encoding="utf-8"))) == {"a": "downloaded"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_while_the_books_are_closed_break_nothing_off(
    project: Project, listen: Listen, number: signal.Signals
) -> None:
    """The reports of a large batch take seconds, and are worth them."""
    project.write_jobs("a")

    def interrupt(event: str, arguments: tuple[Any, ...]) -> None:
        if event == WRITE and arguments[1] == "finish_batch":
            signal.raise_signal(number)
            signal.raise_signal(number)

    with listen(interrupt):
        await project.run()
    report = reported(project)

    assert states(report) == {"a": "downloaded"}
    assert report["finished_at"]


async def test_a_collection_that_breaks_off_is_no_finished_batch(project: Project, listen: Listen) -> None:
    """Its reports are half-way ones: the next run writes them anew, although it has nothing to send."""
    project.write_jobs("a")
    await project.run()
    output = next(iter((project.folder / "batch-dubs").glob("*.mp4")))
    output.unlink()

    def break_off(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and "report." in str(arguments[1]):
            raise OSError(errno.EIO, "the drive is gone")

    with listen(break_off):
        result = await project.collect(reports=tuple(project.folder / "batch-dubs" / name for name in REPORTS))
    assert result.reports == ()
    assert ended(project) == ""

    await project.run()

    assert states(reported(project)) == {"a": "downloaded"}
    assert ended(project)


def ended(project: Project) -> str:
    with Ledger(project.ledger) as ledger:
        batch = ledger.jobs.batch("batch")
        return batch.finished_at if batch else "no batch"
