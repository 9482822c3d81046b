"""Checks what came, shelves it, and records it: the last steps of a job."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from dubbatch.errors import DiskError, MediaError
from dubbatch.jobs import Attempt, JobRecord, JobState, Output, OutputVerdict
from dubbatch.media.checks import Verdict, check_output
from dubbatch.run import Run
from dubbatch.tracker.shelf import (
    SUSPECT_SUFFIX,
    digest_if_there,
    disk_errors,
    free_version,
    make_folder,
    move_aside,
    put_in_place,
    version_path,
)

FOREIGN_FILE = "a file of this name is there that dubbatch did not put there"


@dataclass(frozen=True, slots=True)
class Goal:
    """One output to bring home to ``place``. Without a ``record`` it is an older one, with its ``version``."""

    attempt: Attempt
    place: Path
    record: JobRecord | None
    version: int = 0

    @property
    def part(self) -> Path:
        return self.place.with_name(self.place.name + ".part")


class Shelving:
    def __init__(self, run: Run) -> None:
        self._run = run

    async def check(self, goal: Goal) -> Verdict:
        """Judge the part; its duration only where those of both video and audio are known."""
        durations = [await self._duration(path) for path in self._inputs(goal)]
        known = [duration for duration in durations if duration is not None]
        try:
            return await asyncio.to_thread(
                check_output, goal.part, durations_s=known if len(known) == len(durations) else []
            )
        except MediaError as error:
            raise DiskError(error.message, hint=error.hint) from error

    async def put(self, goal: Goal, sha256: str, duration_s: float | None) -> None:
        """Give the part its name; block the job where a file lies there that is not ours."""
        place = goal.place
        await asyncio.to_thread(make_folder, place.parent)
        there = await asyncio.to_thread(digest_if_there, place)
        if there == sha256:
            await self._drop_part(goal)
        elif there and not await self._make_way(goal, there):
            await self._drop_part(goal)
            await self._block(goal, place)
            return
        else:
            await asyncio.to_thread(put_in_place, goal.part, place)
        await self.record(goal, place, sha256, duration_s)

    async def record(self, goal: Goal, place: Path, sha256: str, duration_s: float | None) -> None:
        """The file is in its place: the job has what it wanted."""
        run = self._run
        size = (await asyncio.to_thread(place.stat)).st_size
        output = self._output(goal, place, sha256, size, duration_s)
        with disk_errors(place):
            await run.ledger(run.books.outputs.drop_part, goal.part)
        await run.ledger(run.books.outputs.record, output, goal.record, JobState.DOWNLOADED)

    async def suspect(self, goal: Goal, reason: str) -> None:
        """Keep bytes that don't pass, under a name that nobody takes for an output."""
        run = self._run
        place = goal.place.with_name(goal.place.stem + SUSPECT_SUFFIX)
        digest = await asyncio.to_thread(digest_if_there, goal.part)
        with disk_errors(place):
            await asyncio.to_thread(goal.part.replace, place)
        size = (await asyncio.to_thread(place.stat)).st_size
        output = replace(self._output(goal, place, digest, size, None), verdict=OutputVerdict.SUSPECT)
        hint = f"look at {place.name}; if it is no good, buy it again with `dubbatch redo`"
        await run.ledger(run.books.outputs.drop_part, goal.part)
        await run.ledger(run.books.outputs.record, output, goal.record, JobState.SUSPECT, error=reason, hint=hint)

    async def lose(self, goal: Goal, message: str, reason: str) -> None:
        """The output can't be had: the attempt failed, although it was billed."""
        run = self._run
        await self._drop_part(goal)
        lost = replace(
            goal.attempt,
            state=JobState.FAILED,
            error=f"{message} ({reason})" if reason else message,
            hint="it was billed: ask the vendor about it, or buy it again with `dubbatch redo`",
        )
        await run.ledger(run.books.attempts.update, lost)

    async def _make_way(self, goal: Goal, there: str) -> bool:
        """Move the file in the goal's place aside if the ledger knows its bytes; whether the place is free now.

        The new name is recorded before the file moves. After a crash between the two, the file
        is known by its SHA-256, and moves to where the ledger says that it is.
        """
        run, table, place = self._run, self._run.books.outputs, goal.place
        current = await run.ledger(table.at, place)
        if current is not None and current.sha256 == there and current.batch == run.batch:
            known = await run.ledger(table.of_job, current.batch, current.job)
            version = await asyncio.to_thread(free_version, place, known)
            aside = version_path(place, version)
            await run.ledger(table.moved, current, aside, version)
            await asyncio.to_thread(move_aside, place, aside)
            return True
        for moved in await run.ledger(table.of_job, run.batch, goal.attempt.job):
            if moved.sha256 == there and not await asyncio.to_thread(moved.path.exists):
                await asyncio.to_thread(move_aside, place, moved.path)
                return True
        return False

    async def _block(self, goal: Goal, place: Path) -> None:
        if goal.record is None:
            return
        run, hint = self._run, f"move {place.name} away and run again: the output is fetched again, free"
        await run.ledger(run.books.jobs.change, goal.record, JobState.BLOCKED, error=FOREIGN_FILE, hint=hint)

    async def _drop_part(self, goal: Goal) -> None:
        with disk_errors(goal.part):
            await asyncio.to_thread(goal.part.unlink, missing_ok=True)
        await self._run.ledger(self._run.books.outputs.drop_part, goal.part)

    def _inputs(self, goal: Goal) -> list[Path | None]:
        job = goal.record.job if goal.record else None
        return [job.video.path, job.audio.path] if job else [None]

    async def _duration(self, path: Path | None) -> float | None:
        known = await self._run.ledger(self._run.books.media.get, path) if path else None
        return known.duration_s if known else None

    def _output(self, goal: Goal, place: Path, sha256: str, size: int, duration_s: float | None) -> Output:
        return Output(
            batch=self._run.batch,
            job=goal.attempt.job if goal.record is None else goal.record.job.id,
            reference=goal.attempt.reference,
            path=place,
            version=goal.version,
            sha256=sha256,
            size=size,
            duration_s=duration_s,
        )
