"""Trouble with one job, one file or one answer: what is paid for comes home, and the others go on."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from typing import TYPE_CHECKING

import pytest

from dubbatch.batch import fetched_folder
from dubbatch.cli.standing import code_of_run
from dubbatch.events import Event, JobChanged
from dubbatch.jobs import JobState
from dubbatch.pacing.backoff import delay_s
from dubbatch.tracker import fetching, poller

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project, WebServer

#: The storage doesn't answer as it should, whoever asks.
NO_STORAGE = [{"on": "output", "action": "answer", "status": 503}]


def interrupt_when_finished(event: Event) -> None:
    """Ctrl-C as soon as the service has finished a job."""
    if isinstance(event, JobChanged) and event.after is JobState.COMPLETED:
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries of a download, a moment."""

    def pause_s(failures: int, *, base_s: float, cap_s: float) -> float:
        return delay_s(failures, base_s=base_s / 10, cap_s=cap_s / 10)

    monkeypatch.setattr(fetching, "delay_s", pause_s)


@pytest.mark.usefixtures("quick_pauses")
async def test_a_storage_that_refuses_for_a_moment_loses_nothing(project: Project) -> None:
    """403 on more links than an expired one explains, and then it works: not lost."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "output", "action": "expired", "nth": 1, "count": 5}])

    result = await project.run(settle_s=30.0)

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.books.count("output") == 6
    assert project.files() == {"a.mp4": project.served(project.reference("a"))}


@pytest.mark.usefixtures("quick_pauses")
async def test_a_finished_request_without_a_link_outlives_a_lost_ledger(project: Project) -> None:
    """Adopted from the account it has no link either, yet: a later run fetches it."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "no_url", "seconds": 3600}])
    await project.run(max_time_s=0.7)
    project.lose_ledger()

    early = await project.run(max_time_s=2.0)
    project.sandbox.advance(7200)
    late = await project.run()

    assert JobState.FAILED not in early.counts
    assert late.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}


async def test_a_row_that_left_the_manifest_is_fetched_although_nothing_else_is_open(project: Project) -> None:
    """It was paid for; the row that stays was done before."""
    project.write_jobs("stays")
    await project.run()
    project.write_jobs("stays", "leaves")
    project.sandbox.set_faults(NO_STORAGE)
    await project.run(hook=interrupt_when_finished)
    assert project.states() == {"stays": JobState.DOWNLOADED, "leaves": JobState.COMPLETED}
    project.sandbox.set_faults([])
    project.write_jobs("stays")

    result = await project.run()

    assert (result.counts, result.removed) == ({JobState.DOWNLOADED: 1}, ("leaves",))
    assert project.files()["leaves.mp4"] == project.served(project.reference("leaves"))


async def test_two_manifests_with_one_folder_and_one_id_do_not_take_the_name_from_each_other(
    project: Project,
) -> None:
    """Other work under a name that is taken: blocked, however often both are run."""
    shared = project.folder / "shared-dubs"
    project.speak("one")
    project.speak("two")
    for name in ("one", "two"):
        project.write(project.row("a", audio=f"voices/{name}.wav"), name=f"{name}.csv")
    await project.run("one.csv", output_dir=shared)
    stamps = project.stamps("shared")

    for _ in range(2):
        second = await project.run("two.csv", output_dir=shared)
        first = await project.run("one.csv", output_dir=shared)

    assert first.counts == {JobState.DOWNLOADED: 1}
    assert second.counts == {JobState.BLOCKED: 1}
    assert project.stamps("shared") == stamps
    assert set(stamps) == {"a.mp4"}
    assert set(project.billed().values()) == {1}


async def test_a_request_that_can_not_be_asked_for_does_not_keep_the_run_from_its_end(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the list's filter nor GET speaks of it: stalled after a while, and another run looks again."""
    monkeypatch.setattr(poller, "_STALL_S", 0.5)
    monkeypatch.setattr(poller, "_STALL_USUAL", 0)
    project.write_jobs("a")
    silent = {"on": ["get", "list"], "action": "answer", "status": 500, "reference": project.reference("a")}
    project.sandbox.set_faults([silent])

    result = await asyncio.wait_for(project.run(), 20)

    assert project.states() == {"a": JobState.STALLED}
    assert code_of_run([cause.reason for cause in result.causes], result.counts) == 9

    project.sandbox.set_faults([])
    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert set(project.billed().values()) == {1}


async def test_a_folder_where_a_fetched_input_should_lie_concerns_that_job_alone(
    project: Project, web: WebServer
) -> None:
    """Told about that job, not raised; nothing was sent for it, and the others are done."""
    address = f"{web.origin}/video.mp4"
    place = hashlib.sha256(f"a\n{address}".encode()).hexdigest()[:32]
    (fetched_folder(project.ledger, "batch") / f"{place}.mp4").mkdir(parents=True)
    project.write(project.row("a", video=address), project.row("b"), project.row("c", video=address))

    result = await asyncio.wait_for(project.run(), 20)

    assert result.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 2}
    assert project.states()["a"] is JobState.BLOCKED
    assert project.billed() == {send.reference: 1 for send in project.sent() if send.job in ("b", "c")}


async def test_a_failed_row_can_be_skipped(project: Project) -> None:
    """Nothing is left to wait for: skipped, and the batch ends as done."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "fail", "message": "video URL is not accessible"}])
    failed = await project.run()
    project.write(project.row("a", skip="yes"))

    skipped = await project.run()

    assert failed.counts == {JobState.FAILED: 1}
    assert skipped.counts == {JobState.SKIPPED: 1}
    assert code_of_run([cause.reason for cause in skipped.causes], skipped.counts) == 0
    assert project.billed() == {project.reference("a"): 1}
