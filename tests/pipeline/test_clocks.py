"""Clocks that jump or are hours off, ours or the service's: nothing is bought twice, and nothing waits for hours."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.settings import Settings

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project

DAY = 86_400
HOUR = 3_600

#: The command on a machine whose clock is set while it works: by each of OFFSETS in turn, every EVERY looks at it.
WITH_A_CLOCK_THAT_JUMPS = """
import os, time
from itertools import count
looks, real = count(), time.time
offsets = [float(text) for text in os.environ["OFFSETS"].split()]
every = int(os.environ["EVERY"])
time.time = lambda: real() + offsets[next(looks) // every % len(offsets)]
from dubbatch.cli.app import main
main()
"""


async def command(project: Project, *offsets_s: float, every: int = 1, settle: str = "0.5") -> str:
    """Run the real command to its end, with exit code 0; what it said."""
    account = {"CHAMELAION_BASE_URL": project.sandbox.base_url, "CHAMELAION_API_KEY": project.sandbox.key}
    pace = {"DUBBATCH_POLL_INTERVAL": "0.05", "DUBBATCH_SETTLE": settle, "DUBBATCH_TIMEOUT": "5"}
    clock = {"OFFSETS": " ".join(map(str, offsets_s)), "EVERY": str(every)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_A_CLOCK_THAT_JUMPS, "run", "batch.csv"),
        cwd=project.folder,
        env={**os.environ, **account, **pace, **clock},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, told.decode()
    return told.decode()


async def test_a_clock_that_jumps_while_a_batch_runs_changes_nothing(project: Project) -> None:
    """Forth and back by a day, between any two looks at it; lost answers are settled by the time that passes."""
    jobs = "abcd"
    project.write_jobs(*jobs)
    lost = {"on": "upload", "action": "drop", "accept": True, "nth": 2}
    never = {"on": "upload", "action": "drop", "nth": 3}
    project.sandbox.set_faults([{**rule, "count": 1} for rule in (lost, never)])

    await command(project, 0, DAY, -DAY, every=7)

    assert set(project.states().values()) == {JobState.DOWNLOADED}
    assert project.billed() == {project.reference(job): 1 for job in jobs}


@pytest.mark.parametrize("set_s", [DAY, -DAY])
async def test_permits_of_another_time_hold_up_nothing_and_are_not_forgotten(project: Project, set_s: float) -> None:
    """The clock was set after a run: its log of permits is from the future, or a day old, and the ledger is lost."""
    project.write_jobs("a", "b")
    await command(project, set_s)
    project.lose_ledger()
    project.write_jobs("a", "b", "c")

    result = await asyncio.wait_for(project.run(), 20)

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert project.billed() == {project.reference(job): 1 for job in "abc"}


async def test_a_service_whose_clock_is_ahead_makes_nobody_wait_for_hours(project: Project) -> None:
    """Its requests are from the future to us: as young as can be, and that is over after settle."""
    project.sandbox.advance(3 * HOUR)
    project.write_jobs("a", "b")
    await project.run()
    project.lose_ledger()
    project.write_jobs("a", "b", "c")

    result = await asyncio.wait_for(project.run(), 20)

    assert result.counts == {JobState.DOWNLOADED: 3}
    assert project.billed() == {project.reference(job): 1 for job in "abc"}


async def test_how_young_a_request_is_goes_by_the_services_clock(project: Project, state_home: Path) -> None:
    """Ours is hours ahead, the ledger and the log of permits are lost, and one of two requests is not visible yet."""
    project.write_jobs("a", "b")
    hidden = {"on": "upload", "action": "invisible", "seconds": 3.0, "reference": project.reference("b")}
    project.sandbox.set_faults([hidden])
    await project.run(interrupted_after=2)
    project.lose_ledger()
    for log in list(state_home.rglob("permits-*")):
        log.unlink()

    await command(project, 3 * HOUR, settle="4")

    assert project.billed() == {project.reference(job): 1 for job in "ab"}


async def test_a_date_to_come_back_at_is_read_by_the_services_clock(project: Project) -> None:
    """A day behind, we would wait for a day."""
    project.write_jobs("a")
    too_many = {"on": "upload", "action": "answer", "status": 429, "retry_after_s": 1, "as_date": True}
    project.sandbox.set_faults([{**too_many, "nth": 1}])

    await command(project, -DAY)

    assert project.billed() == {project.reference("a"): 1}


async def test_a_redo_asked_for_with_the_clock_ahead_is_not_bought_without_end(project: Project) -> None:
    """What counts as a try since a person's word goes by the order of the sends, not by their times."""
    project.write_jobs("a")
    await project.run()
    with Ledger(project.ledger) as ledger:
        ledger.jobs.ask_redo("batch", ["a"], "2099-01-01T00:00:00Z")
    project.sandbox.set_faults([{"on": "upload", "action": "fail", "message": "internal error"}])

    result = await asyncio.wait_for(project.run(), 20)

    assert result.counts == {JobState.FAILED: 1}
    assert sum(project.billed().values()) == 1 + Settings().attempts
