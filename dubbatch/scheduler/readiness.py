"""What must be true right before a job is sent: its files as planned, its work not bought, no send in doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dubbatch.errors import MediaError
from dubbatch.events import Level
from dubbatch.inputs import Inputs
from dubbatch.jobs import Attempt, JobRecord, JobState
from dubbatch.ledger.attempts import serving
from dubbatch.preflight.examination import Checks, examine_again
from dubbatch.run import Run
from dubbatch.scheduler.lookup import Wanted
from dubbatch.scheduler.setbacks import Setbacks
from dubbatch.scheduler.settler import Settler
from dubbatch.settlement import failed_for_good

#: Between two tries to ask once more for a send in doubt, where the service gave no answer.
_NO_ANSWER_PAUSE_S = 2.0
#: A file that changes under each of so many uploads is being written: a person must look.
_MOST_CHANGES = 3


class Readiness:
    """The last looks at a job. ``take_up`` is given what is found at the service on the way."""

    def __init__(
        self,
        run: Run,
        *,
        inputs: Inputs,
        checks: Checks,
        settler: Settler,
        setbacks: Setbacks,
        take_up: Callable[[Attempt], None],
    ) -> None:
        self._run = run
        self._inputs = inputs
        self._checks = checks
        self._settler = settler
        self._setbacks = setbacks
        self._take_up = take_up
        self._changes: dict[str, int] = {}

    async def as_it_is_now(self, record: JobRecord) -> JobRecord | None:
        """The job with the fingerprint of its files at this moment; blocked (None) where they can't be read."""
        run, books = self._run, self._run.books
        try:
            if self._changes.get(record.job.id, 0) >= _MOST_CHANGES:
                raise MediaError("a file of this job changes again and again", hint="wait until it is written")
            work = await self._inputs.measure(record.job)
        except MediaError as error:
            hint = error.hint or "mend the file and run again; nothing was sent for it"
            await run.ledger(books.jobs.change, record, JobState.BLOCKED, error=error.message, hint=hint)
            return None
        if work.fingerprint == record.fingerprint:
            return record
        run.notice(Level.INFO, "a file has changed since the plan: the row is planned anew", job=record.job.id)
        anew = replace(record, fingerprint=work.fingerprint, video_key=work.video_key, audio_key=work.audio_key)
        judged = (await examine_again(anew, self._checks)).record
        if judged.state is JobState.BLOCKED:
            await run.ledger(books.jobs.change, record, JobState.BLOCKED, error=judged.error, hint=judged.hint)
            return None
        return await run.ledger(books.jobs.replan, judged)

    async def is_answered(self, record: JobRecord) -> bool:
        """Whether an attempt, whichever row bought it, serves this work already, or its failure holds for it too.

        The job follows that attempt then.
        """
        other = await self._run.ledger(self._attach_answer, record)
        if other is not None:
            self._take_up(other)
        return other is not None

    def _attach_answer(self, record: JobRecord) -> Attempt | None:
        """In the ledger's thread: the attempt that serves the work, or failed it for good; the job follows it now."""
        table = self._run.books.attempts
        same = table.with_fingerprint(record.fingerprint)
        if not same:
            return None
        tries = table.tries(record.fingerprint)
        other = serving(same) or failed_for_good(same, tries, self._run.settings.attempts)
        if other is not None:
            table.attach(record, other)
        return other

    async def is_free_of_doubt(self, want: Wanted) -> bool:
        """Ask once more for earlier sends of this work whose answers were lost (design, point 4)."""
        run = self._run
        for attempt in await run.ledger(run.books.attempts.in_doubt, want.record.fingerprint, want.references.stem):
            found = await self._settler.find_again(attempt)
            if found is None:
                await run.sleep(_NO_ANSWER_PAUSE_S)
                self._setbacks.silence(
                    want.record.job.id, "the service doesn't say whether it has an earlier send of it"
                )
                return False
            if found and (late := await run.ledger(run.books.attempts.get, attempt.reference)):
                if late.fingerprint == want.record.fingerprint:
                    await run.ledger(run.books.attempts.attach, want.record, late)
                self._take_up(late)
                return False
        return True

    async def forget_files(self, want: Wanted) -> None:
        """A file was not what it was planned as: it is read again before the next try."""
        job = want.record.job
        self._changes[job.id] = self._changes.get(job.id, 0) + 1
        for path in filter(None, (job.video.path, job.audio.path)):
            await self._run.ledger(self._run.books.media.forget, path)
