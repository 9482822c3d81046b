"""Checks what came, shelves it, and records it: the last steps of a job."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dubbatch.errors import DiskError, MediaError
from dubbatch.jobs import Attempt, JobRecord, JobState, Output, OutputVerdict
from dubbatch.ledger.outputs import PartRow
from dubbatch.media.checks import Verdict, check_output
from dubbatch.media.facts import Facts
from dubbatch.preflight.memory import remembered
from dubbatch.run import Run
from dubbatch.tracker.shelf import (
    SUSPECT_SUFFIX,
    copy_to_part,
    digest_if_there,
    free_version,
    move_aside,
    part_path,
    remove,
    shelve,
    target_path,
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
        return part_path(self.place)

    @property
    def job(self) -> str:
        """Whose output it is: an attempt may have been bought for another job's identical work."""
        return self.attempt.job if self.record is None else self.record.job.id


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file that is put into its place."""

    sha256: str
    duration_s: float | None = None
    #: What is odd about it; empty: nothing.
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a part; the ``warning`` is about what does no harm."""

    verdict: Verdict
    warning: str


class Shelving:
    def __init__(self, run: Run) -> None:
        self._run = run

    async def check(self, goal: Goal) -> Checked:
        """Judge the part; its duration only where those of both video and audio are known."""
        video, durations_s = await self._run.ledger(self._expected, goal)
        try:
            verdict = await asyncio.to_thread(check_output, goal.part, durations_s=durations_s)
        except MediaError as error:
            raise DiskError(error.message, hint=error.hint) from error
        return Checked(verdict, _other_frame(verdict, video))

    async def put_whole(self, goal: Goal, part: PartRow | None) -> bool:
        """Finish what an earlier run had fetched and checked, and was killed over; False: there is no such thing."""
        if part is None or not part.sha256:
            return False
        for path in (goal.place, goal.part):
            if await asyncio.to_thread(digest_if_there, path) == part.sha256:
                await self.put(goal, Content(part.sha256, part.duration_s, part.warning))
                return True
        return False

    async def copy(self, goal: Goal, output: Output) -> None:
        """Put a copy of what another job, or another place, has already."""
        part = PartRow(goal.part, self._run.batch, goal.attempt.reference)
        await self._run.ledger(self._run.books.outputs.put_part, part)
        await asyncio.to_thread(copy_to_part, output.path, goal.part)
        await self.put(goal, Content(output.sha256, output.duration_s, output.warning))

    async def passed(self, goal: Goal, content: Content) -> None:
        """Record that the part is whole, before it gets its name."""
        part = PartRow(
            goal.part, self._run.batch, goal.attempt.reference, "", content.sha256, content.duration_s, content.warning
        )
        await self._run.ledger(self._run.books.outputs.put_part, part)

    async def put(self, goal: Goal, content: Content) -> None:
        """Give the part its name; block the job where a file lies there that is not ours."""
        while (shelved := await asyncio.to_thread(shelve, goal.part, goal.place, content.sha256)).in_the_way:
            if not await self._make_way(goal, shelved.in_the_way):
                await self._drop_part(goal)
                await self._block(goal, goal.place)
                return
        await self.record(goal, content, shelved.size)

    async def record(self, goal: Goal, content: Content, size: int) -> None:
        """The file is in its place: the job has what it wanted."""
        run, output = self._run, self._output(goal, goal.place, content, size)
        await run.ledger(run.books.outputs.record, output, goal.record, JobState.DOWNLOADED, part=goal.part)

    async def suspect(self, goal: Goal, reason: str) -> None:
        """Keep bytes that don't pass, under a name that nobody takes for an output."""
        run = self._run
        place, digest, size = await asyncio.to_thread(_shelve_suspect, goal)
        output = replace(self._output(goal, place, Content(digest), size), verdict=OutputVerdict.SUSPECT)
        hint = f"look at {place.name}; `dubbatch collect` fetches it once more, free; `dubbatch redo` buys it again"
        await run.ledger(
            run.books.outputs.record, output, goal.record, JobState.SUSPECT, part=goal.part, error=reason, hint=hint
        )

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

    async def clear_away(self) -> None:
        """Remove the parts of this batch that nothing will finish: renamed rows, other outputs, other folders."""
        table = self._run.books.outputs
        for part in await self._run.ledger(table.parts, self._run.batch):
            # What can't be removed costs room, and nothing else.
            with suppress(DiskError):
                if not await self._is_awaited(part):
                    await asyncio.to_thread(remove, part.path)
                    await self._run.ledger(table.drop_part, part.path)

    async def _is_awaited(self, part: PartRow) -> bool:
        """Whether a later run goes on with it: for a finished job, or for the output of a row as it was before."""
        run, books = self._run, self._run.books
        attempt = await run.ledger(books.attempts.get, part.reference)
        if attempt is None or attempt.state is not JobState.COMPLETED:
            return False
        jobs = await run.ledger(books.jobs.following, part.reference)
        if not jobs:
            return not await run.ledger(books.outputs.of_reference, part.reference)
        mine = (job for job in jobs if job.batch == run.batch and job.state is JobState.COMPLETED)
        return any(part_path(target_path(run.output_dir, job.job.output)) == part.path for job in mine)

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
        for moved in await run.ledger(table.of_job, run.batch, goal.job):
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
        await asyncio.to_thread(remove, goal.part)
        await self._run.ledger(self._run.books.outputs.drop_part, goal.part)

    def _expected(self, goal: Goal) -> tuple[Facts | None, list[float]]:
        """In the ledger's thread: what the job's video is, and how long its media are: empty unless both are known."""
        if goal.record is None:
            return None, []
        video = remembered(self._run.books, goal.record.job.video)
        audio = remembered(self._run.books, goal.record.job.audio)
        known = [facts.duration_s for facts in (video, audio) if facts is not None and facts.duration_s is not None]
        return video, known if len(known) == 2 else []

    def _output(self, goal: Goal, place: Path, content: Content, size: int) -> Output:
        return Output(
            batch=self._run.batch,
            job=goal.job,
            reference=goal.attempt.reference,
            path=place,
            version=goal.version,
            sha256=content.sha256,
            size=size,
            duration_s=content.duration_s,
            warning=content.warning,
        )


def _other_frame(verdict: Verdict, video: Facts | None) -> str:
    """What is odd about a picture of another size than the video's; empty: nothing, or it is not known."""
    if (
        video is None
        or not verdict.ok
        or not video.width
        or (verdict.width, verdict.height) == (video.width, video.height)
    ):
        return ""
    return f"its picture is {verdict.width} x {verdict.height}, the video's {video.width} x {video.height}"


def _shelve_suspect(goal: Goal) -> tuple[Path, str, int]:
    """Where suspect bytes are kept now, their digest and number: never over another file, and the same bytes once.

    Raises DiskError.
    """
    digest = digest_if_there(goal.part)
    place = first = goal.place.with_name(goal.place.stem + SUSPECT_SUFFIX)
    while (shelved := shelve(goal.part, place, digest)).in_the_way:
        place = version_path(first, free_version(first, ()))
    return place, digest, shelved.size
