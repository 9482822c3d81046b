"""Lost answers, lost ledgers and strangers: whatever happens, a job is billed once, and a doubt is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.events import BatchStarted, Event, JobChanged, Sent, Transferred
from dubbatch.jobs import JobState
from dubbatch.sandbox.books import Status
from dubbatch.stop import StopReason

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project, WebServer

#: Ways to lose an answer; each on its own job.
LOST: dict[str, dict[str, Any]] = {
    "dropped": {"action": "drop"},
    "silent": {"action": "silence"},
    "fault": {"action": "answer", "status": 500},
    "gateway": {"action": "html", "status": 502},
    "cut": {"action": "garbage"},
    "page": {"action": "html"},
    "words": {"action": "text"},
}


def lose(project: Project, *, accept: bool) -> None:
    """The first POST of each job of ``LOST`` gets no usable answer."""
    rules = [
        {"on": "post", "nth": 1, "accept": accept, "reference": project.reference(job), **how}
        for job, how in LOST.items()
    ]
    project.sandbox.set_faults(rules)


async def test_an_answer_lost_after_acceptance_is_adopted_and_billed_once(project: Project) -> None:
    """The request is found under its reference; there is no second POST."""
    project.write_jobs(*LOST)
    lose(project, accept=True)

    result = await project.run(timeout_s=0.7)

    assert result.counts == {JobState.DOWNLOADED: len(LOST)}
    assert project.billed() == {project.reference(job): 1 for job in LOST}
    assert len(project.books.posts) == len(LOST)


async def test_a_post_lost_before_acceptance_is_sent_again_under_its_reference(project: Project) -> None:
    """Only after both ways of asking have said no, after settle; and then billed once."""
    project.write_jobs(*LOST)
    lose(project, accept=False)

    result = await project.run(timeout_s=0.7, concurrency=None)

    assert result.counts == {JobState.DOWNLOADED: len(LOST)}
    assert project.billed() == {project.reference(job): 1 for job in LOST}
    for job in LOST:
        first, second = [post for post in project.books.posts.values() if post.reference == project.reference(job)]
        assert (first.request_id, second.status) == ("", 200)
        assert second.at - first.at >= 0.5


async def test_lost_answers_of_addresses_are_adopted_too(project: Project, web: WebServer) -> None:
    """The JSON endpoint is paid for as the other is."""
    project.speak("a")
    project.write(project.row("a", video=f"{web.origin}/video.mp4", audio=f"{web.origin}/voices/a.wav"))
    project.sandbox.set_faults([{"on": "generate", "action": "drop", "accept": True, "nth": 1}])

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert list(project.billed().values()) == [1]


async def test_a_request_that_is_visible_late_is_waited_for(project: Project) -> None:
    """Absent and not visible yet look the same: within settle neither is sent again nor taken for gone."""
    project.sandbox.change(lag_s=0.3)
    project.write_jobs("lost", "normal")
    rule = {"on": "post", "action": "drop", "accept": True, "nth": 1, "reference": project.reference("lost")}
    project.sandbox.set_faults([rule])

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.billed() == {project.reference("lost"): 1, project.reference("normal"): 1}


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_the_account_is_read_whole_whatever_the_order_and_size_of_its_pages(
    project: Project, state_home: Path, order: str
) -> None:
    """Two requests a page among 30 of others: a lost answer, and then a lost ledger, cost nothing twice."""
    project.sandbox.change(order=order, by_reference=order, page_size=2, max_page_size=2)
    for _ in range(30):
        project.post()
    project.write_jobs("a", "b", "c", "d")
    project.sandbox.set_faults([{"on": "upload", "action": "drop", "accept": True, "nth": 2}])

    first = await project.run()

    assert first.counts == {JobState.DOWNLOADED: 4}

    project.lose_ledger()
    # Nor does the log of permits remember: another host, or another day.
    logs = list(state_home.rglob("permits-*"))
    assert logs
    for log in logs:
        log.unlink()
    stamps = project.stamps()
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 4}
    assert project.sent() == []
    assert project.billed() == {project.reference(job): 1 for job in "abcd"}
    assert project.stamps() == stamps


async def test_after_a_lost_ledger_the_account_is_adopted_and_no_file_is_touched(project: Project) -> None:
    """Files of the same bytes are taken over where they lie; a moved one comes again; new rows are bought."""
    project.write_jobs("a", "b")
    await project.run()
    project.lose_ledger()
    (project.folder / "batch-dubs" / "b.mp4").unlink()
    before = project.stamps()
    project.write_jobs("a", "b", "new")

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert [send.job for send in project.sent()] == ["new"]
    assert set(project.billed().values()) == {1}
    assert project.stamps()["a.mp4"] == before["a.mp4"]
    assert project.files()["b.mp4"] == project.served(project.reference("b"))


async def test_after_a_lost_ledger_a_file_with_other_bytes_is_not_overwritten(project: Project) -> None:
    """Somebody has worked on it: the job is blocked and says so, and the others go on."""
    project.write_jobs("a", "b")
    await project.run()
    project.lose_ledger()
    edited = project.folder / "batch-dubs" / "a.mp4"
    edited.write_bytes(b"colour graded by hand")

    result = await project.run()

    assert project.states() == {"a": JobState.BLOCKED, "b": JobState.DOWNLOADED}
    assert result.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    assert edited.read_bytes() == b"colour graded by hand"
    assert set(project.billed().values()) == {1}


async def test_a_ledger_lost_while_jobs_run_adopts_them_running(project: Project) -> None:
    """What was not finished then is followed, and fetched when it is."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b")
    await project.run(interrupted_after=2)
    project.lose_ledger()

    def hook(event: Event) -> None:
        if isinstance(event, BatchStarted):
            project.sandbox.advance(120)

    result = await project.run(hook=hook)

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert set(project.billed().values()) == {1}


async def test_an_older_copy_of_the_ledger_buys_nothing_twice(project: Project) -> None:
    """Restored from a backup that was made before the sends."""
    project.write_jobs("a", "b", "c")
    await project.run(limit=1)
    backup = project.ledger.read_bytes()
    await project.run()
    project.lose_ledger()
    project.ledger.write_bytes(backup)

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert project.billed() == {project.reference(job): 1 for job in "abc"}


async def test_a_given_reference_is_sent_as_it_is(project: Project) -> None:
    """The team's own name for a job stays its name."""
    project.write(project.row("a", reference_id="EP-01/ja"))

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {"EP-01/ja": 1}


async def test_a_given_reference_that_the_account_has_already_is_somebody_elses(project: Project) -> None:
    """The job is blocked, not adopted: another tool's dub of another video may be behind it."""
    project.post("EP-01")
    project.write(project.row("a", reference_id="EP-01"), project.row("b"))

    result = await project.run()

    assert result.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    record = project.records()["a"]
    assert "EP-01" in record.hint or "reference_id" in record.hint
    assert "did not send" in record.error
    assert project.billed() == {"EP-01": 1, project.reference("b"): 1}


async def test_a_request_that_the_service_forgets_is_not_sent_again(project: Project) -> None:
    """Accepted and then unknown for settle: failed, and the person is told that it may have been billed."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "post", "action": "invisible", "seconds": 3600}])

    first = await project.run()
    second = await project.run()

    assert first.counts == second.counts == {JobState.FAILED: 1}
    assert "may have been billed" in project.records()["a"].hint
    assert project.billed() == {project.reference("a"): 1}


async def test_a_stranger_with_our_reference_stops_the_sends(project: Project) -> None:
    """Another machine runs the same work: what was sent is collected, and nothing more is sent."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b", "c", "d", "e", "f")

    def hook(event: Event) -> None:
        if isinstance(event, Sent) and len(project.sent()) == 4:
            project.post(project.reference("a"))
        if isinstance(event, JobChanged) and project.processing() == 4:
            project.sandbox.advance(120)

    result = await project.run(hook=hook, concurrency=4)

    assert [cause.reason for cause in result.causes] == [StopReason.ANOTHER_MACHINE]
    assert result.counts == {JobState.DOWNLOADED: 4, JobState.PENDING: 2}


async def test_a_request_that_comes_late_is_recognised_as_ours(project: Project) -> None:
    """A send given up as absent turns up after the second one: told as billed twice, and nothing stops."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b", "c")
    late = project.reference("a")
    hidden = {"on": "post", "action": "drop", "nth": 1, "reference": late}
    project.sandbox.set_faults([hidden])

    def hook(event: Event) -> None:
        if isinstance(event, Sent) and event.reference == late and event.outcome == "accepted":
            project.post(late)
        if isinstance(event, JobChanged) and project.processing() == 3:
            project.sandbox.advance(120)

    result = await project.run(hook=hook)

    assert result.causes == ()
    assert result.counts == {JobState.DOWNLOADED: 3}
    assert "came late" in project.told()
    assert "billed too" in project.told()


async def test_a_file_that_changes_after_the_plan_is_sent_as_other_work(project: Project) -> None:
    """Looked at right before its send: the reference that goes out is that of the new content."""
    project.write_jobs("a")
    planned = project.reference("a")

    def hook(event: Event) -> None:
        if isinstance(event, BatchStarted):
            project.speak("a", "edited meanwhile")

    result = await project.run(hook=hook)

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.reference("a") != planned
    assert project.billed() == {project.reference("a"): 1}


async def test_a_file_that_changes_during_its_upload_is_not_accepted_under_the_old_reference(project: Project) -> None:
    """The upload is broken off before its end, and the row planned anew."""
    project.write_jobs("a")
    planned = project.reference("a")

    def hook(event: Event) -> None:
        if isinstance(event, Transferred) and event.up and project.reference("a") == planned:
            project.speak("a", "edited meanwhile")

    result = await project.run(hook=hook)

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.reference("a") != planned
    assert project.billed() == {project.reference("a"): 1}
    assert project.request(project.reference("a")).status is Status.COMPLETED
