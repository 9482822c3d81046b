"""Sends that are on their way while other things happen: slow ones, refused ones, and books that fail."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.errors import LedgerError
from dubbatch.events import JobChanged
from dubbatch.jobs import JobRecord, JobState
from dubbatch.ledger.attempts import AttemptTable
from dubbatch.pacing.permits import Permits
from dubbatch.pacing.slots import Slot, Slots
from dubbatch.scheduler.lookup import LookUp, Wanted
from dubbatch.scheduler.poster import Poster
from dubbatch.scheduler.readiness import Readiness

if TYPE_CHECKING:
    from tests.pipeline.conftest import Project, WebServer


async def test_an_upload_that_takes_longer_than_settle_is_not_settled_while_it_is_on_its_way(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although another job is found in the account meanwhile; a row with the same work would be bought too."""
    project.write(
        project.row("slow", priority="9"),
        project.row("found", priority="5"),
        project.row("twin", audio="voices/slow.wav", priority="1"),
    )
    post, as_it_is_now, is_absent = Poster.post, Readiness.as_it_is_now, LookUp.is_absent

    async def slowly(self: Poster, want: Wanted) -> Any:
        if want.record.job.id == "slow":
            await asyncio.sleep(2.5)
        return await post(self, want)

    async def one_after_the_other(self: Readiness, record: JobRecord) -> JobRecord | None:
        await asyncio.sleep({"slow": 0.0, "found": 0.2, "twin": 1.7}[record.job.id])
        return await as_it_is_now(self, record)

    async def bought_meanwhile(self: LookUp, want: Wanted) -> bool:
        if want.record.job.id == "found" and not project.books.with_reference(want.reference):
            project.post(want.reference)
            self._read_whole = False
        return await is_absent(self, want)

    monkeypatch.setattr(Poster, "post", slowly)
    monkeypatch.setattr(Readiness, "as_it_is_now", one_after_the_other)
    monkeypatch.setattr(LookUp, "is_absent", bought_meanwhile)

    await project.run(concurrency=4)

    # What was found has no media: it fails.
    assert project.states() == {"slow": JobState.DOWNLOADED, "found": JobState.FAILED, "twin": JobState.DOWNLOADED}
    assert project.billed() == {project.reference("slow"): 1, project.reference("found"): 1}


@pytest.mark.parametrize("transfers", [1, 3])
async def test_no_more_uploads_than_transfers_are_on_their_way_at_once(
    project: Project, web: WebServer, monkeypatch: pytest.MonkeyPatch, transfers: int
) -> None:
    """What has nothing to upload waits for none of them."""
    project.speak("far")
    far = project.row("far", video=f"{web.origin}/video.mp4", audio=f"{web.origin}/voices/far.wav")
    project.write(*(project.row(job) for job in "abcdef"), far)
    post, under_way, most = Poster.post, set[str](), []

    async def counted(self: Poster, want: Wanted) -> Any:
        under_way.add(want.record.job.id)
        most.append(len(under_way - {"far"}))
        await asyncio.sleep(0.1)
        try:
            return await post(self, want)
        finally:
            under_way.discard(want.record.job.id)

    monkeypatch.setattr(Poster, "post", counted)

    result = await project.run(concurrency=8, transfers=transfers)

    assert result.counts == {JobState.DOWNLOADED: 7}
    assert max(most) == transfers


async def test_what_was_refused_stays_refused_however_long_it_took_to_leave(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its permit is never younger than its send: the next run would take it for a send that was not recorded."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "upload", "action": "answer", "status": 429, "nth": 1}])
    begin_send = AttemptTable.begin_send

    def on_a_slow_disk(self: AttemptTable, *args: Any, **kwargs: Any) -> int | None:
        send = begin_send(self, *args, **kwargs)
        time.sleep(0.3)
        return send

    monkeypatch.setattr(AttemptTable, "begin_send", on_a_slow_disk)
    await project.run(interrupted_after=1, rate_window_s=6.0)
    await project.run(rate_window_s=6.0)

    states = [event.after for event in project.events if isinstance(event, JobChanged)]
    assert JobState.UNSURE not in states
    assert states[-1] is JobState.DOWNLOADED


async def test_a_log_of_permits_that_fails_between_permit_and_post_costs_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_jobs("a")

    async def fail(self: Permits, reference: str) -> None:
        raise LedgerError("the log of permits can't be used")

    with monkeypatch.context() as patch:
        patch.setattr(Permits, "leaves", fail)
        with pytest.raises(LedgerError, match="log of permits"):
            await project.run()
    assert project.states() == {"a": JobState.PENDING}

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}


async def test_a_log_of_permits_that_fails_after_an_answer_loses_nothing_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is recorded before the rate learns that an earlier refusal was its own."""
    project.write_jobs("a")
    accepted = Slots.accepted

    async def fail(self: Permits) -> None:
        raise LedgerError("the log of permits can't be used")

    def explains_a_refusal(self: Slots, slot: Slot) -> bool:
        accepted(self, slot)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Permits, "was_rate", fail)
        patch.setattr(Slots, "accepted", explains_a_refusal)
        with pytest.raises(LedgerError, match="log of permits"):
            await project.run()

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {project.reference("a"): 1}
