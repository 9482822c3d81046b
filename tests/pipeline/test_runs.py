"""Whole runs against a service that does what it should: what is sent, and what lies in the folder afterwards."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from dubbatch.errors import BatchBusy, UsageError
from dubbatch.events import BatchStarted, Event, Sent
from dubbatch.jobs import JobState
from dubbatch.media.checks import check_output
from dubbatch.result import RunResult
from dubbatch.sandbox.books import Kind
from dubbatch.stop import StopReason

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project, WebServer


async def test_uploads_come_home_playable_and_are_reported(project: Project) -> None:
    """Each row is billed once; the file under its plain name is the service's, byte for byte."""
    project.write_jobs("a", "b", "c")

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert result.causes == ()
    assert project.billed() == {project.reference(job): 1 for job in "abc"}
    assert project.files() == {f"{job}.mp4": project.served(project.reference(job)) for job in "abc"}
    for job in "abc":
        assert check_output(result.output_dir / f"{job}.mp4", durations_s=[1.0]).ok
    report = json.loads((result.output_dir / "report.json").read_text())
    assert [(job["id"], job["state"]) for job in report["jobs"]] == [(job, "downloaded") for job in "abc"]
    with (result.output_dir / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["a", "b", "c"]


async def test_addresses_are_sent_as_they_are(project: Project, web: WebServer) -> None:
    """With two web addresses nothing is uploaded: the service fetches them."""
    project.speak("a")
    video, audio = f"{web.origin}/video.mp4?Signature=tonight", f"{web.origin}/voices/a.wav"
    project.write(project.row("a", video=video, audio=audio))

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    (request,) = project.books.requests.values()
    assert (request.kind, request.video_url, request.audio_url) == (Kind.GENERATE, video, audio)
    assert set(web.asked) == {"/video.mp4", "/voices/a.wav"}
    assert "tonight" not in (result.output_dir / "report.json").read_text()


async def test_an_address_beside_a_file_is_fetched_first(project: Project, web: WebServer) -> None:
    """Both go up as files then, and what was fetched is not left behind."""
    project.write(project.row("a", video=f"{web.origin}/video.mp4"))

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    (request,) = project.books.requests.values()
    assert (request.kind, request.video_url) == (Kind.UPLOAD, "")
    # Looked at before, and then fetched once.
    assert web.asked == ["/video.mp4", "/video.mp4"]
    assert not (project.ledger.parent / "fetched").exists()


async def test_a_second_run_sends_nothing_asks_nothing_and_touches_nothing(project: Project) -> None:
    """What is done is done: the service is not even called, and no file is written anew."""
    project.write_jobs("a", "b")
    await project.run()
    posts, calls, stamps = len(project.books.posts), len(project.books.calls), project.stamps()

    result = await project.run(key="not-even-valid")

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert (len(project.books.posts), len(project.books.calls)) == (posts, calls)
    assert project.stamps() == stamps


async def test_identical_work_is_bought_once_within_a_batch_and_between_two(project: Project) -> None:
    """Two rows and another manifest ask for the same: one bill, three files."""
    project.speak("same")
    twins = [project.row(job, audio="voices/same.wav") for job in ("a", "b", "c")]
    project.write(*twins[:2])
    project.write(twins[2], name="other.csv")

    first = await project.run()
    second = await project.run("other.csv")

    assert first.counts == {JobState.DOWNLOADED: 2}
    assert second.counts == {JobState.DOWNLOADED: 1}
    (request,) = project.books.requests.values()
    bought = project.served(request.reference)
    assert project.files() == {"a.mp4": bought, "b.mp4": bought}
    assert project.files("other") == {"c.mp4": bought}


async def test_two_batches_work_on_one_ledger_at_once(project: Project) -> None:
    """Each gets its files, and the work that they share is bought once."""
    project.speak("same")
    project.write(project.row("a"), project.row("b"), project.row("c", audio="voices/same.wav"))
    project.write(project.row("x"), project.row("y"), project.row("z", audio="voices/same.wav"), name="other.csv")

    def run(name: str) -> RunResult:
        return asyncio.run(project.run(name))

    # The ledger is there already.
    await project.run(only=("a",))
    # In threads, as a program would: signals are the main thread's.
    results = await asyncio.gather(*(asyncio.to_thread(run, name) for name in ("batch.csv", "other.csv")))

    assert [result.counts for result in results] == [{JobState.DOWNLOADED: 3}] * 2
    assert sorted(project.billed().values()) == [1] * 5
    assert project.files()["c.mp4"] == project.files("other")["z.mp4"]


async def test_the_same_batch_twice_at_once_is_refused(project: Project) -> None:
    """The second says who has it, and nothing is sent for it."""
    project.write_jobs("a")
    refused: list[BatchBusy] = []

    async def second() -> None:
        with pytest.raises(BatchBusy, match=f"process {os.getpid()} on") as caught:
            await project.run()
        refused.append(caught.value)

    def hook(event: Event) -> None:
        if isinstance(event, BatchStarted):
            started.append(asyncio.ensure_future(second()))

    started: list[asyncio.Future[None]] = []
    result = await project.run(hook=hook)
    await asyncio.gather(*started)

    assert len(refused) == 1
    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}


async def test_limit_sends_so_many_and_the_next_run_the_others(project: Project) -> None:
    """They go in their order: priority first, then as the manifest has them."""
    project.write(project.row("a"), project.row("b"), project.row("c", priority="1"))

    first = await project.run(limit=2)

    assert first.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 1}
    assert [cause.reason for cause in first.causes] == [StopReason.LIMIT]
    assert project.states() == {"a": JobState.DOWNLOADED, "b": JobState.PENDING, "c": JobState.DOWNLOADED}

    second = await project.run(limit=2)

    assert second.counts == {JobState.DOWNLOADED: 3}
    assert set(project.billed().values()) == {1}


async def test_only_the_selected_rows_are_sent_and_counted(project: Project) -> None:
    """By id, or by what stands in a column."""
    project.write(project.row("a", language="de"), project.row("b", language="ja"), project.row("c", language="ja"))

    by_id = await project.run(only=("a",))

    assert by_id.counts == {JobState.DOWNLOADED: 1}
    assert set(project.files()) == {"a.mp4"}

    by_column = await project.run(only=("language=ja",))

    assert by_column.counts == {JobState.DOWNLOADED: 2}
    assert set(project.files()) == {"a.mp4", "b.mp4", "c.mp4"}

    with pytest.raises(UsageError, match="no job matches"):
        await project.run(only=("language=fr",))


async def test_after_max_time_jobs_stay_at_the_service_and_the_next_run_collects_them(project: Project) -> None:
    """They are followed by whoever comes next, and not bought again."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b")

    first = await project.run(max_time_s=1.0)

    assert [cause.reason for cause in first.causes] == [StopReason.TIME]
    assert sum(first.counts.values()) == 2
    assert set(first.counts) <= {JobState.QUEUED, JobState.PROCESSING}
    assert project.files() == {}

    project.sandbox.advance(120)
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 2}
    assert set(project.billed().values()) == {1}


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, StopReason.INTERRUPTED), (signal.SIGTERM, StopReason.TERMINATED)]
)
async def test_a_signal_leaves_in_good_order(project: Project, number: signal.Signals, reason: StopReason) -> None:
    """No more sends; what runs is left to the next run, and the handlers of before are back."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b")
    before = signal.getsignal(number)

    def hook(event: Event) -> None:
        if isinstance(event, Sent):
            signal.raise_signal(number)

    result = await project.run(hook=hook, concurrency=1)

    assert [cause.reason for cause in result.causes] == [reason]
    assert sorted(project.billed().values()) == [1]
    assert result.counts[JobState.PENDING] == 1
    assert (result.output_dir / "report.json").exists()
    assert signal.getsignal(number) is before


async def test_a_removed_row_is_not_sent_and_what_is_in_flight_is_collected(project: Project) -> None:
    """Both are listed as removed, outside the numbers; the file that was paid for comes home."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("running", "waiting", "stays")
    await project.run(limit=1, interrupted_after=1)
    project.write_jobs("stays")
    project.sandbox.advance(120)
    project.sandbox.change(seconds=0.1)

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert sorted(result.removed) == ["running", "waiting"]
    assert project.billed() == {project.reference("running"): 1, project.reference("stays"): 1}
    assert set(project.files()) == {"running.mp4", "stays.mp4"}


async def test_a_row_to_be_skipped_is_not_sent(project: Project) -> None:
    """It has a state of its own, and is sent once the word is taken back."""
    project.write(project.row("a"), project.row("b", skip="yes"))

    skipped = await project.run()

    assert skipped.counts == {JobState.DOWNLOADED: 1, JobState.SKIPPED: 1}
    assert project.billed() == {project.reference("a"): 1}

    project.write_jobs("a", "b")
    wanted = await project.run()

    assert wanted.counts == {JobState.DOWNLOADED: 2}
    assert set(project.billed().values()) == {1}


async def test_redo_buys_exactly_once_more_and_keeps_the_old_file(project: Project) -> None:
    """The plain name is the new output; a third run finds nothing to do."""
    project.write_jobs("a", "b")
    await project.run()
    old = project.files()["a.mp4"]
    project.ask_redo("a")

    result = await project.run()
    await project.run()

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.billed() == {project.reference("a"): 1, project.reference("a", 2): 1, project.reference("b"): 1}
    assert set(project.files()) == {"a.mp4", "a.v1.mp4", "b.mp4"}
    assert project.files()["a.v1.mp4"] == old
    assert project.files()["a.mp4"] == project.served(project.reference("a", 2))


async def test_two_runs_in_one_loop_leave_the_handlers_of_signals_as_they_were(project: Project) -> None:
    """Whichever ends first."""
    project.write_jobs("a")
    project.write(project.row("b"), project.row("c"), project.row("d"), name="other.csv")
    before = signal.getsignal(signal.SIGINT)
    try:
        await asyncio.gather(project.run(), project.run("other.csv", concurrency=1))
        after = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert after is before
