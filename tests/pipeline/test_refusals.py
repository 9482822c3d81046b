"""A service that refuses: for its pace, its plan, its tokens, the key, or the job itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dubbatch.cli.standing import code_of_run
from dubbatch.events import Event, JobChanged, Sent
from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.stop import StopReason
from dubbatch.tracker import poller

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


async def test_retry_after_is_obeyed_by_all_jobs(project: Project) -> None:
    """No POST comes before the second that the service named; nothing is lost by it."""
    project.write_jobs("a", "b", "c")
    too_many = {"on": "post", "action": "answer", "status": 429, "retry_after_s": 1, "nth": 1}
    project.sandbox.set_faults([too_many])

    result = await project.run(concurrency=1)

    assert result.counts == {JobState.DOWNLOADED: 3}
    first, second, *_ = project.books.posts.values()
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 1.0
    assert project.billed() == {project.reference(job): 1 for job in "abc"}


async def test_a_plan_that_refuses_more_jobs_at_once_still_takes_them_all(project: Project) -> None:
    """Slots are learned from the refusals, which carry no Retry-After, and remembered for the next run."""
    project.sandbox.change(when_full="refuse", concurrency=2, seconds=0.3)
    jobs = ["a", "b", "c", "d", "e"]
    project.write_jobs(*jobs)

    result = await project.run(concurrency=None)

    assert result.counts == {JobState.DOWNLOADED: 5}
    assert project.billed() == {project.reference(job): 1 for job in jobs}
    assert 429 in {post.status for post in project.books.posts.values()}
    with Ledger.copy_of(project.ledger) as ledger:
        # One more than the plan's two where a job ended at the service just before its slot was asked for.
        assert ledger.account.get().slots in (2, 3)


async def test_without_tokens_the_rest_waits_and_what_runs_comes_home(project: Project) -> None:
    """412 in the middle: nothing more is sent, and a later run goes on where it stopped."""
    jobs = ["a", "b", "c", "d", "e"]
    project.write_jobs(*jobs)
    project.sandbox.set_faults([{"on": "post", "action": "answer", "status": 412, "nth": 3, "count": 99}])

    first = await project.run(concurrency=2)

    assert [cause.reason for cause in first.causes] == [StopReason.TOKENS]
    assert "tokens" in first.causes[0].message
    assert first.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 3}

    project.sandbox.set_faults([])
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 5}
    assert project.billed() == {project.reference(job): 1 for job in jobs}


async def test_a_service_that_was_never_reached_is_given_up(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent; when the service is there, the next run does it all."""
    monkeypatch.setattr("dubbatch.pacing.backoff._NEVER_REACHED_PATIENCE_S", 0.1)
    project.write_jobs("a", "b")
    project.sandbox.set_faults([{"on": ["list", "get", "post"], "action": "drop"}])

    first = await project.run()

    assert first.causes[0].reason is StopReason.AWAY
    assert first.counts == {JobState.PENDING: 2}
    assert len(project.books.posts) == 0

    project.sandbox.set_faults([])
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 2}


async def test_a_wrong_key_stops_the_run_before_anything_is_sent(project: Project) -> None:
    """The look-up is refused: no POST follows, and the key is in no sentence."""
    project.write_jobs("a", "b")

    result = await project.run(key="key-that-was-revoked")

    assert result.causes[0].reason is StopReason.KEY
    assert result.counts == {JobState.PENDING: 2}
    assert len(project.books.posts) == 0
    assert "key-that-was-revoked" not in f"{result}{project.events}"


async def test_a_key_that_is_revoked_while_jobs_run_stops_everything(project: Project) -> None:
    """What runs stays at the service, and the next run, with a good key, collects it."""
    project.sandbox.change(seconds=60.0)
    key = project.sandbox.key
    project.write_jobs("a", "b", "c", "d")

    def hook(event: Event) -> None:
        if isinstance(event, Sent) and len(project.sent()) == 2:
            project.sandbox.change(key="another")

    first = await project.run(hook=hook, concurrency=2, key=key)

    assert [cause.reason for cause in first.causes] == [StopReason.KEY]
    assert first.counts.get(JobState.PENDING) == 2
    assert project.files() == {}

    project.sandbox.change(key=key, seconds=0.1)
    project.sandbox.advance(120)
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 4}
    assert set(project.billed().values()) == {1}


async def test_the_services_own_fault_gets_a_second_attempt_and_others_do_not(project: Project) -> None:
    """A second attempt has the next number; a video that can't be had is not bought twice."""
    project.write_jobs("own", "media", "good", "never")
    failing = [
        ("own", "internal error", 1),
        ("media", "video URL is not accessible", 1),
        ("never", "processing timed out", 1),
    ]
    rules = [
        {"on": "post", "action": "fail", "message": words, "nth": nth, "reference": project.reference(job)}
        for job, words, nth in failing
    ]
    again = {"on": "post", "action": "fail", "message": "out of capacity", "reference": project.reference("never", 2)}
    project.sandbox.set_faults([*rules, again])

    result = await project.run()
    told = [event.hint for event in project.events if isinstance(event, JobChanged) and event.job == "own"]
    await project.run()

    assert result.counts == {JobState.DOWNLOADED: 2, JobState.FAILED: 2}
    assert [hint for hint in told if hint] == ["the service's own fault: another attempt follows by itself"]
    assert project.billed() == {
        project.reference("own"): 1,
        project.reference("own", 2): 1,
        project.reference("media"): 1,
        project.reference("good"): 1,
        project.reference("never"): 1,
        project.reference("never", 2): 1,
    }
    assert project.files()["own.mp4"] == project.served(project.reference("own", 2))
    records = project.records()
    assert records["media"].error == "video URL is not accessible"
    assert records["never"].error == "out of capacity"
    assert "redo" in records["media"].hint
    assert "redo" in records["never"].hint


async def test_a_job_that_the_service_refuses_fails_alone_and_costs_nothing(project: Project) -> None:
    """400 is about this one; the others go on, and a later run doesn't try it again by itself."""
    project.write_jobs("bad", "good")
    refusal = {"on": "post", "action": "answer", "status": 400, "error": "video file is required"}
    project.sandbox.set_faults([{**refusal, "reference": project.reference("bad")}])

    first = await project.run()
    posts = len(project.books.posts)
    second = await project.run()

    assert first.counts == second.counts == {JobState.DOWNLOADED: 1, JobState.FAILED: 1}
    assert "video file is required" in project.records()["bad"].error
    assert project.billed() == {project.reference("good"): 1}
    assert len(project.books.posts) == posts


async def test_a_wrong_key_is_one_cause(project: Project) -> None:
    """That the account could not be looked up follows from it, and is not told as another."""
    project.write_jobs("a")

    result = await project.run(key="key-that-was-revoked")

    assert [cause.reason for cause in result.causes] == [StopReason.KEY]


async def test_what_runs_comes_home_although_the_tokens_are_used_up_and_exit_says_so(project: Project) -> None:
    """412 in the middle of long jobs: they are followed to their end, and the code is that of the tokens."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a", "b", "c", "d")
    project.sandbox.set_faults([{"on": "post", "action": "answer", "status": 412, "nth": 3, "count": 99}])

    outcomes = []

    def hook(event: Event) -> None:
        if isinstance(event, Sent):
            outcomes.append(event.outcome)
            # The refusal may be here before the answers of those that were sent with it.
            if "refused" in outcomes:
                project.sandbox.advance(120)

    result = await project.run(hook=hook, concurrency=3)

    assert result.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 2}
    assert code_of_run([cause.reason for cause in result.causes], result.counts) == 5
    assert len(project.books.posts) <= 4


async def test_a_job_that_stalls_is_left_at_the_service_and_taken_up_by_a_later_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as long as usual without progress: 9, not sent again, and fetched when it has finished after all."""
    monkeypatch.setattr(poller, "_STALL_S", 0.3)
    monkeypatch.setattr(poller, "_STALL_USUAL", 0)
    project.sandbox.change(seconds=3600.0)
    project.write_jobs("a")

    first = await project.run()
    still = await project.run()
    project.sandbox.advance(7200)
    late = await project.run()

    assert first.counts == still.counts == {JobState.STALLED: 1}
    assert code_of_run([cause.reason for cause in first.causes], first.counts) == 9
    assert late.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}
