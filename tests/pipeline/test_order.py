"""Who is sent first, and that nobody waits for ever (design, section 6, "Order")."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import TYPE_CHECKING

from dubbatch.jobs import JobState

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


def lengthen(voice: Path, seconds: int) -> None:
    """Make a voice of one second that many times as long."""
    with wave.open(str(voice), "rb") as file:
        parameters, sound = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(voice), "wb") as file:
        file.setparams(parameters)
        file.writeframes(sound * seconds)


async def test_higher_priority_goes_first_then_longer_media_then_the_manifests_order(project: Project) -> None:
    rows = [
        project.row(job, priority=priority) for job, priority in zip("abcde", ["0", "", "5", "-1", "0"], strict=True)
    ]
    project.write(*rows)
    lengthen(project.folder / "voices" / "b.wav", 5)

    await project.run(concurrency=1)

    assert [sent.job for sent in project.sent()] == list("cbaed")


async def test_a_job_that_is_refused_again_and_again_does_not_keep_the_others_waiting(project: Project) -> None:
    """It comes first by its priority, and the service says 429 to it and to nobody else."""
    project.write(project.row("refused", priority="9"), *(project.row(job) for job in "abcdef"))
    always = {"on": "post", "action": "answer", "status": 429, "reference": project.reference("refused")}
    project.sandbox.set_faults([always])

    result = await project.run(concurrency=2, rate_limit=600, rate_window_s=6.0, max_time_s=3.0)

    assert result.counts == {JobState.DOWNLOADED: 6, JobState.PENDING: 1}
