"""What a run holds of a manifest does not grow with it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from dubbatch.batch import Batch
from dubbatch.events import BatchStarted, Event
from dubbatch.jobs import Job
from dubbatch.ledger.ledger import Ledger
from dubbatch.manifest import load
from dubbatch.pipeline import run_batch
from dubbatch.settings import Settings

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project


class _Enough(Exception):
    """The run has come as far as this test looks."""


def jobs_in_memory(language: str) -> int:
    gc.collect()
    return sum(isinstance(value, Job) and value.language == language for value in gc.get_objects())


async def test_once_planned_the_jobs_are_in_the_ledger_and_not_in_memory(project: Project) -> None:
    """Where the caller kept nothing of the manifest but an iterator over its jobs."""
    language = "qaa"
    url = "https://cdn.example.com"
    rows = [{"id": f"{n}", "video": f"{url}/{n}.mp4", "audio": f"{url}/{n}.wav"} for n in range(700)]
    path = project.write(*({**row, "language": language} for row in rows))
    manifest = load(path, batch="batch", output_template="{id}.mp4")
    batch, jobs = Batch.of(manifest, project.ledger, project.folder / "dubs", ()), iter(manifest.jobs)
    del manifest
    held: list[int] = []

    def look(event: Event) -> None:
        if isinstance(event, BatchStarted):
            held.append(jobs_in_memory(language))
            raise _Enough

    before = jobs_in_memory(language)
    with pytest.raises(_Enough):
        await run_batch(batch, jobs, project.service, Settings(), hook=look)

    assert (before, held) == (700, [0])
    with Ledger(project.ledger) as ledger:
        assert sum(1 for _ in ledger.jobs.all("batch")) == 700
