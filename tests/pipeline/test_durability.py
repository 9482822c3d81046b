"""What must be on the disk before what, and a kill at the moments in between."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.jobs import JobState

if TYPE_CHECKING:
    from tests.pipeline.conftest import Listen, Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], None]:
    """Tells of each file and folder that is made durable: Python has no audit event for that."""

    def tell(told: Callable[[str], None]) -> None:
        fsync = os.fsync

        def telling(descriptor: int) -> None:
            told(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", telling)

    return tell


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which file a descriptor is of")
async def test_a_power_cut_finds_the_file_before_its_record(
    project: Project, listen: Listen, synced: Callable[[Callable[[str], None]], None]
) -> None:
    """Content, name and folder are durable before the ledger says so; a report's content before its name."""
    project.write(project.row("a", language="ja"))
    outputs = project.folder / "batch-dubs"
    place, part = outputs / "ja" / "a.mp4", outputs / "ja" / "a.mp4.part"
    happened: list[str] = []
    synced(lambda path: happened.append(f"sync {path}"))

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            happened.append(f"name {arguments[1]}")
        elif event == "dubbatch.write":
            happened.append(arguments[1])
        elif event == "dubbatch.commit":
            happened.append(f"{arguments[0]} commit")

    with listen(hear):
        result = await project.run(output="{language}/{id}.mp4")

    assert result.counts == {JobState.DOWNLOADED: 1}
    # The folder is as new as the file.
    steps = [f"sync {outputs}", f"sync {part}", f"name {place}", f"sync {place.parent}", "put_output", "after commit"]
    at = -1
    for step in steps:
        at = happened.index(step, at + 1)
    for name in ("report.csv", "report.json"):
        named = happened.index(f"name {outputs / name}")
        assert happened[named - 1].startswith(f"sync {outputs}/.{name}.")


async def test_an_older_output_is_on_record_before_it_moves(project: Project, listen: Listen) -> None:
    """And it has moved before the new one is given the name."""
    project.write_jobs("a")
    await project.run()
    project.speak("a", "edited")
    happened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            happened.append(Path(arguments[1]).name)
        elif event == "dubbatch.write":
            happened.append(arguments[1])

    with listen(hear):
        await project.run()

    steps = [step for step in happened if step in ("move_output", "a.v1.mp4", "a.mp4", "put_output")]
    assert steps == ["move_output", "a.v1.mp4", "a.mp4", "put_output"]


#: One after the other: each file of the run is on its way to its name at one of them.
MOMENTS = ("os.rename::1", "os.rename::2", "os.rename::1")


async def test_kills_between_a_files_steps_lose_nothing_and_leave_nothing(project: Project) -> None:
    """kill -9 while an older output moves aside, while new ones get their names, over the reports."""
    project.write_jobs("a")
    await project.run()
    older = project.reference("a")
    project.speak("a", "edited")
    project.write(project.row("a", audio="voices/a.wav"), project.row("b"))

    codes = [killed(project, moment) for moment in MOMENTS]
    result = await project.run()

    assert codes == [-9] * len(MOMENTS)
    assert result.counts == {JobState.DOWNLOADED: 2}
    newer, other = project.reference("a"), project.reference("b")
    assert project.billed() == {older: 1, newer: 1, other: 1}
    files = {"a.mp4": newer, "a.v1.mp4": older, "b.mp4": other}
    assert project.files() == {name: project.served(reference) for name, reference in files.items()}
    assert list(project.folder.rglob("*.part")) == []


def killed(project: Project, moment: str) -> int:
    """The real command, killed at a moment; its exit code."""
    environment = {
        **os.environ,
        "CHAMELAION_BASE_URL": project.sandbox.base_url,
        "CHAMELAION_API_KEY": project.sandbox.key,
        "CHAOS_MOMENT": moment,
        "DUBBATCH_POLL_INTERVAL": "0.05",
        "DUBBATCH_SETTLE": "0.4",
    }
    command = [sys.executable, "-m", "tests.chaos.victim", "run", str(project.folder / "batch.csv"), "--quiet"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode
