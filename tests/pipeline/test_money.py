"""What could be bought twice, or by the wrong job: names that meet, copies of the ledger, endless failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.jobs import JobState
from dubbatch.result import RunResult
from dubbatch.settings import Settings

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

ENDLESS = [{"on": "upload", "action": "fail", "message": "internal error"}]


async def test_a_second_attempt_never_takes_the_reference_that_another_row_was_given(project: Project) -> None:
    """``promo-2`` is what the second attempt of ``promo`` would be called, and it is the other row's."""
    project.write(project.row("a", reference_id="promo"), project.row("b", reference_id="promo-2"))
    await project.run()
    bought = project.files()
    project.ask_redo("a")

    await project.run()

    assert project.states() == {"a": JobState.BLOCKED, "b": JobState.DOWNLOADED}
    assert "promo-2" in project.records()["a"].error
    assert project.billed() == {"promo": 1, "promo-2": 1}
    assert project.files() == bought == {"a.mp4": project.served("promo"), "b.mp4": project.served("promo-2")}


async def test_the_attempt_after_a_failure_never_takes_the_reference_of_another_row(project: Project) -> None:
    """The same, where the service's own fault makes the second attempt due."""
    project.write(project.row("a", reference_id="promo"), project.row("b", reference_id="promo-2"))
    project.sandbox.set_faults([{"on": "upload", "action": "fail", "reference": "promo"}])

    await project.run()

    assert project.states() == {"a": JobState.BLOCKED, "b": JobState.DOWNLOADED}
    assert project.billed() == {"promo": 1, "promo-2": 1}
    assert project.files() == {"b.mp4": project.served("promo-2")}


async def test_a_row_given_the_reference_of_another_rows_second_attempt_does_not_get_its_output(
    project: Project,
) -> None:
    """The other way round: the second attempt was first."""
    project.write(project.row("a", reference_id="promo"))
    await project.run()
    project.ask_redo("a")
    await project.run()
    assert project.billed() == {"promo": 1, "promo-2": 1}
    project.write(project.row("a", reference_id="promo"), project.row("b", reference_id="promo-2"))

    await project.run()

    assert project.states() == {"a": JobState.DOWNLOADED, "b": JobState.BLOCKED}
    assert project.billed() == {"promo": 1, "promo-2": 1}
    assert "b.mp4" not in project.files()


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_work_that_always_fails_is_tried_no_oftener_for_being_in_many_rows(
    project: Project, concurrency: int
) -> None:
    """The attempts are counted by work, in all its rows and all runs together."""
    project.write(project.row("a"), *(project.row(f"twin-{n}", audio="voices/a.wav") for n in range(4)))
    project.sandbox.set_faults(ENDLESS)

    for _ in range(3):
        result = await project.run(concurrency=concurrency)

    assert result.counts == {JobState.FAILED: 5}
    assert sum(project.billed().values()) == Settings().attempts


async def test_the_last_job_that_runs_gets_its_second_attempt_in_the_same_run(project: Project) -> None:
    """The run does not end between the failure and the attempt that is due."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "fail", "nth": 1}])

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1, project.reference("a", 2): 1}


@pytest.mark.parametrize("is_other_host", [False, True])
async def test_a_redo_that_a_restored_ledger_still_has_open_is_bought_once(
    project: Project, state_home: Path, is_other_host: bool
) -> None:
    """The backup was made after the word to buy again, and before the run that did."""
    project.write_jobs("a")
    await project.run()
    project.ask_redo("a")
    backup = project.ledger.read_bytes()
    await project.run()
    project.lose_ledger()
    project.ledger.write_bytes(backup)
    for log in list(state_home.rglob("permits-*")) if is_other_host else []:
        log.unlink()

    for _ in range(2):
        result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1, project.reference("a", 2): 1}


async def test_a_post_that_is_never_accepted_is_left_to_a_later_run(project: Project) -> None:
    """500 again and again, and nothing in the account: a few sends, a word about it, and the run ends."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "answer", "status": 500}])

    result = await asyncio.wait_for(project.run(settle_s=0.1), 20)

    assert result.counts == {JobState.PENDING: 1}
    assert "a: not sent in this run" in project.told()
    assert 1 <= len(project.books.posts) <= 5
    assert project.billed() == {}

    project.sandbox.set_faults([])
    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}


@pytest.mark.parametrize("accept", [True, False])
async def test_a_post_that_was_cut_off_is_settled_under_the_manifests_new_name(project: Project, accept: bool) -> None:
    """The process dies with the POST under way, and the manifest is renamed before the next run."""
    sheet = project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "silence", "accept": accept, "nth": 1}])
    dying = asyncio.create_task(project.run())
    while not project.books.posts:  # noqa: ASYNC110 - the books are another thread's
        await asyncio.sleep(0.02)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert project.states() == {"a": JobState.SUBMITTING}
    sheet.rename(project.folder / "renamed.csv")

    result = await asyncio.wait_for(project.run("renamed.csv"), 20)

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}
    assert project.files("renamed") == {"a.mp4": project.served(project.reference("a"))}


async def test_two_batches_with_the_same_id_and_work_end_well_at_the_same_time(project: Project) -> None:
    """On a ledger that is new to both: bought once, and both have their file."""
    project.write_jobs("a", name="one.csv")
    project.write_jobs("a", name="two.csv")
    project.sandbox.change(seconds=0.3)

    def run(name: str) -> RunResult:
        return asyncio.run(project.run(name))

    results = await asyncio.gather(*(asyncio.to_thread(run, name) for name in ("one.csv", "two.csv")))

    assert [(result.counts, result.causes) for result in results] == [({JobState.DOWNLOADED: 1}, ())] * 2
    assert project.billed() == {project.reference("a"): 1}
    assert project.files("one") == project.files("two") == {"a.mp4": project.served(project.reference("a"))}
