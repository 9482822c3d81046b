"""The same work from two ledgers, two batches or two machines: adopted, waited for, or noticed; not bought again."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.cli.standing import code_of_run
from dubbatch.errors import BatchBusy
from dubbatch.jobs import JobState
from dubbatch.result import RunResult
from dubbatch.stop import StopReason

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

#: A process that has sent, and dies before it hears anything.
SILENT = {"on": "upload", "action": "silence", "accept": True, "nth": 1}


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - the books are another thread's
        await asyncio.sleep(0.01)


@asynccontextmanager
async def dying(project: Project, name: str = "batch.csv", **settings: Any) -> AsyncIterator[None]:
    """A run that is gone at the end of the block, as by ``kill -9``: what it has not written down is lost."""
    task = asyncio.create_task(project.run(name, **settings))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with warnings.catch_warnings():
            # A connection that was just being opened is not closed by who was cancelled.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def run_apart(project: Project) -> RunResult:
    # Longer than any machine takes for the test: until then a request that can't be seen is not given up.
    return asyncio.run(project.run(concurrency=1, settle_s=600.0))


def another_machine(project: Project, folder: Path) -> Project:
    """The same manifest and media somewhere else, with a ledger of its own."""
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns(".dubbatch", "*-dubs", "service"))
    return replace(project, folder=folder, events=[])


def forget_permits(state_home: Path) -> None:
    for log in list(state_home.rglob("permits-*")):
        log.unlink()


@pytest.mark.parametrize("loses", ["the ledger", "the ledger and the log of permits"])
@pytest.mark.parametrize("invisible_s", [0.0, 0.6])
async def test_a_ledger_lost_while_sends_were_in_the_air(
    project: Project, state_home: Path, loses: str, invisible_s: float
) -> None:
    """Killed in mid-POST, the requests accepted, some of them not visible for a while: adopted all the same.

    With the log of permits gone too, the one request that is visible, and young, says that there may be others.
    """
    project.write_jobs("a", "b", "c")
    seen, hidden = project.reference("a"), [project.reference(job) for job in "bc"]
    lag = {"on": "upload", "action": "invisible", "seconds": invisible_s}
    late = [{**lag, "reference": reference} for reference in hidden] if invisible_s else []
    project.sandbox.set_faults([{"on": "upload", "action": "slow", "seconds": 30, "reference": seen}, *late])
    async with dying(project):
        await until(lambda: len(project.books.requests) == 3)
    project.lose_ledger()
    if loses != "the ledger":
        forget_permits(state_home)
    project.sandbox.set_faults([])

    result = await asyncio.wait_for(project.run(settle_s=1.2), 20)

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert project.billed() == dict.fromkeys([seen, *hidden], 1)


@pytest.mark.parametrize("moves", ["the manifest", "the folder", "to another machine"])
async def test_the_same_rows_elsewhere_are_adopted(project: Project, state_home: Path, moves: str) -> None:
    """Renamed, moved, or opened on a second machine: one and the same work, and nothing is sent for it."""
    project.write_jobs("a", "b")
    await project.run()
    there, name = project, "batch.csv"
    if moves == "the manifest":
        name = "renamed.csv"
        (project.folder / "batch.csv").rename(project.folder / name)
    elif moves == "the folder":
        there = replace(project, folder=project.folder.parent / "moved", events=[])
        # The service's books are where they were.
        shutil.copytree(project.folder, there.folder, ignore=shutil.ignore_patterns("service", "*-dubs"))
    else:
        there = another_machine(project, project.folder.parent / "elsewhere")
        forget_permits(state_home)

    result = await there.run(name)

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert there.sent() == []
    assert project.billed() == {project.reference(job): 1 for job in "ab"}
    stem = name.removesuffix(".csv")
    assert there.files(stem) == {f"{job}.mp4": project.served(project.reference(job)) for job in "ab"}


async def test_two_machines_at_the_same_moment_stop_and_say_so(project: Project, tmp_path: Path) -> None:
    """Both looked a job up before the other had sent it: noticed, also while each follows only that one.

    What was bought is collected, nothing more is sent, and one machine after the other buys nothing twice.
    """
    project.sandbox.change(seconds=7200.0)
    project.write_jobs("a", "b")
    machines = [project, another_machine(project, tmp_path / "other")]
    project.sandbox.set_faults([{"on": "upload", "action": "invisible", "seconds": 3600}])
    runs = [asyncio.create_task(asyncio.to_thread(run_apart, each)) for each in machines]
    await until(lambda: len(project.books.requests) == 2)
    project.sandbox.set_faults([])
    project.sandbox.advance(3600)
    await until(lambda: all("another machine" in each.told() for each in machines))
    project.sandbox.advance(7200)

    for result in await asyncio.wait_for(asyncio.gather(*runs), 20):
        assert [cause.reason for cause in result.causes] == [StopReason.ANOTHER_MACHINE]
        assert code_of_run([cause.reason for cause in result.causes], result.counts) == 75
        assert result.counts == {JobState.DOWNLOADED: 1, JobState.PENDING: 1}, [each.told() for each in machines]

    project.sandbox.change(seconds=0.05)
    for each in machines:
        assert (await each.run()).counts == {JobState.DOWNLOADED: 2}
    assert project.billed() == {project.reference("a"): 2, project.reference("b"): 1}


async def test_a_batch_that_a_run_has_is_refused_and_one_left_by_a_kill_is_free(project: Project) -> None:
    """Who has it, since when; for ``collect`` too. The lock of a process that is gone holds nobody."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a")
    async with dying(project):
        await until(lambda: len(project.books.requests) == 1)
        second = replace(project, events=[])
        for attempt in (second.run(), second.collect()):
            with pytest.raises(BatchBusy) as refused:
                await attempt
            assert f"process {os.getpid()} on " in refused.value.message
            assert ", since 20" in refused.value.message
    project.sandbox.advance(120)

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}


@pytest.mark.parametrize("lag_s", [0.0, 0.3])
async def test_a_batch_killed_in_mid_post_does_not_keep_another_from_its_end(project: Project, lag_s: float) -> None:
    """Identical work in two batches on one ledger: the one that lives settles the send of the one that died."""
    project.write_jobs("a", name="one.csv")
    project.write_jobs("a", "b", name="two.csv")
    lost = [SILENT, {"on": "upload", "action": "invisible", "seconds": lag_s, "nth": 1}]
    project.sandbox.set_faults(lost if not lag_s else [lost[1]])
    async with dying(project, "one.csv"):
        await until(lambda: len(project.books.requests) == 1)
        living = asyncio.create_task(replace(project, events=[]).run("two.csv", settle_s=1.0))
        await until(lambda: len(project.books.requests) == 2 or living.done())

    result = await asyncio.wait_for(living, 20)

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.billed() == {project.reference(job): 1 for job in "ab"}
