"""Whatever the service answers to questions, and however much of it: nothing is bought twice, every file comes home."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch import asking, identity, settlement
from dubbatch.events import Event, Notice, Pace, Sent
from dubbatch.jobs import Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.listing import Listing
from dubbatch.opening import open_run
from dubbatch.pacing import backoff
from dubbatch.sandbox.books import JOURNAL, Kind, Request, Status
from dubbatch.sandbox.journal import Journal
from dubbatch.scheduler import readiness
from dubbatch.scheduler.lookup import LookUp
from dubbatch.settings import Settings
from dubbatch.stop import Stop, StopReason

if TYPE_CHECKING:
    from tests.pipeline.conftest import Door, OpenProject, Project

JOBS = "abcdef"
OLDER = 10_000
QUESTIONS = ["get", "list"]
#: What a question may get for an answer; each hits a share of them.
TROUBLE: tuple[dict[str, Any], ...] = (
    {"action": "drop"},
    {"action": "answer", "status": 500},
    {"action": "answer", "status": 503, "error": "busy"},
    {"action": "answer", "status": 429},
    {"action": "answer", "status": 429, "retry_after_s": 1, "nth": 9, "probability": 1},
    {"action": "answer", "status": 429, "retry_after_s": 1, "as_date": True, "nth": 30, "probability": 1},
    {"action": "garbage"},
    {"action": "html"},
    {"action": "text"},
    {"action": "no_url"},
    {"action": "status", "word": "uploading"},
)


MANY = [f"old-{n}" for n in range(150)]


def old_record(job: str, n: int) -> JobRecord:
    video, audio = (Media(url, url=url) for url in (f"https://example.com/{job}.{kind}" for kind in ("mp4", "wav")))
    work = identity.fingerprint(identity.url_key(video.text), identity.url_key(audio.text))
    planned = Job(id=job, video=video, audio=audio, output=f"{job}.mp4", position=n)
    return JobRecord(batch="batch", job=planned, state=JobState.PENDING, fingerprint=work)


RECORDS = [old_record(job, n) for n, job in enumerate(MANY)]


@pytest.fixture(scope="module")
def old_journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The books of an old account; each 66th of its requests is one of ``RECORDS``."""
    ours = (identity.references(record.job.id, record.fingerprint).at(1) for record in RECORDS)
    bought = {place * 66: reference for place, reference in enumerate(ours)}
    folder = tmp_path_factory.mktemp("old")
    journal, start = Journal(folder), time() - 90_000
    for number in range(OLDER):
        old = Request(
            id=f"old-{number}",
            kind=Kind.GENERATE,
            number=number + 1,
            created_at=start + number,
            reference=bought.get(number, ""),
            status=Status.COMPLETED,
            finished_at=start + number + 60,
        )
        journal.request(old)
    journal.close()
    return (folder / JOURNAL).read_bytes()


@pytest.fixture
def old_project(tmp_path: Path, open_project: OpenProject, old_journal: bytes) -> Project:
    """A project whose account has 10,000 requests."""
    books = tmp_path / "project" / "service"
    books.mkdir(parents=True)
    (books / JOURNAL).write_bytes(old_journal)
    return open_project(tmp_path / "project")


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries of a question, a moment."""
    monkeypatch.setattr(asking, "_BASE_S", 0.02)
    monkeypatch.setattr(backoff, "_AWAY_BASE_S", 0.02)
    monkeypatch.setattr(settlement, "_LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(readiness, "_NO_ANSWER_PAUSE_S", 0.1)


def forget(project: Project, state_home: Path) -> None:
    """The ledger is lost, and so is this host's log of permits."""
    project.lose_ledger()
    for log in state_home.rglob("permits-*"):
        log.unlink()


@pytest.mark.usefixtures("quick_pauses")
@pytest.mark.parametrize(("order", "size", "seed"), [("newest", 3, 1), ("oldest", 20, 2)])
async def test_questions_that_go_wrong_cost_no_money(
    project: Project, state_home: Path, order: str, size: int, seed: int
) -> None:
    """Every fourth fails, also when a lost answer is settled and when the account is read for a lost ledger."""
    project.sandbox.change(order=order, by_reference=order, page_size=size, max_page_size=size, nulls=seed == 1)
    project.write_jobs(*JOBS)
    questions = [{"on": QUESTIONS, "probability": 0.03, **rule} for rule in TROUBLE]
    lost = [{"on": "post", "action": "drop", "accept": accept, "probability": 0.2} for accept in (True, False)]
    project.sandbox.set_faults({"seed": seed, "rules": [*lost, *questions]})

    first = await project.run()
    forget(project, state_home)
    stamps = project.stamps()
    second = await project.run()

    assert first.counts == second.counts == {JobState.DOWNLOADED: len(JOBS)}
    assert project.billed() == {project.reference(job): 1 for job in JOBS}
    assert project.stamps() == stamps


async def test_a_list_that_grows_while_it_is_read_hides_nothing(project: Project, state_home: Path) -> None:
    """Somebody else buys all the time, so pages shift; what a lost ledger had bought is found all the same."""
    project.sandbox.change(page_size=5, max_page_size=5, rate_limit=100_000)
    project.write_jobs(*JOBS)
    await project.run()
    forget(project, state_home)
    done = threading.Event()

    def buy() -> None:
        while not done.wait(0.005):
            project.post()

    somebody = threading.Thread(target=buy)
    somebody.start()
    try:
        result = await project.run()
    finally:
        done.set()
        somebody.join()

    assert result.counts == {JobState.DOWNLOADED: len(JOBS)}
    assert project.sent() == []
    assert project.billed() == {project.reference(job): 1 for job in JOBS}


async def test_ten_thousand_requests_of_other_work_are_not_read_for_a_few_jobs(
    old_project: Project, state_home: Path
) -> None:
    """A few jobs are asked for one by one, whether they are new or were bought by a ledger that is lost."""
    project, jobs = old_project, JOBS[:4]
    project.write_jobs(*jobs)

    # The sandbox takes its time to list so many.
    first = await project.run(poll_interval_s=0.3)
    forget(project, state_home)
    before = project.books.count("list")
    second = await project.run(poll_interval_s=0.3)

    assert first.counts == second.counts == {JobState.DOWNLOADED: len(jobs)}
    bills = project.billed()
    assert [bills[project.reference(job)] for job in jobs] == [1] * len(jobs)
    # Reading it all would be a hundred calls.
    assert before < 50
    assert project.books.count("list") - before < 50


async def test_a_proxy_that_answers_for_the_service_for_a_moment_stops_nothing(project: Project) -> None:
    """While the service restarts there are 404 pages and redirects: neither absence, nor loss, nor a wrong address."""
    project.write_jobs("taken", "a", "b")
    lost = {"on": "post", "action": "drop", "accept": True, "nth": 1, "reference": project.reference("taken")}
    page = {"on": QUESTIONS, "action": "html", "status": 404, "nth": 3, "count": 4}
    moved = {"on": QUESTIONS, "action": "redirect", "nth": 7, "count": 2}
    project.sandbox.set_faults([lost, page, moved])

    result = await project.run()

    assert (result.counts, result.causes) == ({JobState.DOWNLOADED: 3}, ())
    assert project.billed() == {project.reference(job): 1 for job in ("taken", "a", "b")}
    assert [call.fault for call in project.books.calls].count("redirect") == 2


@asynccontextmanager
async def looking_up(project: Project) -> AsyncIterator[tuple[LookUp, Listing]]:
    """The look-up of a new ledger, and the list that it reads."""
    ledger = Ledger(project.ledger)
    with ledger:
        thread = LedgerThread(ledger, lambda event: None)
        ledger.account.belong_to("service")
        ledger.jobs.begin_batch(BatchRow("batch", "batch.csv", "dubs", "[]", "2026-01-01"), RECORDS)
        try:
            settings = Settings(settle_s=0.5)
            async with open_run(
                "batch", project.folder, project.service, settings, thread, lambda event: None, Stop()
            ) as run:
                yield LookUp(run, {}, now=run.client.clock.now), run.listing
        finally:
            thread.close()


async def test_after_a_lost_ledger_an_old_account_is_read_once(old_project: Project) -> None:
    """150 jobs spread among 10,000 requests are adopted for a hundred list calls, not for one or two a job."""
    old_project.sandbox.change(order="oldest", page_size=100, max_page_size=100)

    async with looking_up(old_project) as (lookup, listing):
        await lookup.prepare()

    assert old_project.states() == dict.fromkeys(MANY, JobState.PROCESSING)
    assert listing.calls <= OLDER / 100 + 1


@pytest.mark.parametrize("accept", [True, False])
async def test_a_filter_that_is_not_heeded_is_made_good_by_the_whole_list(
    project: Project, door: Door, state_home: Path, accept: bool
) -> None:
    """The service takes no notice of ``reference_id``: settled, sent once, and adopted after a lost ledger.

    What the service failed by its own fault gets its second attempt.
    """
    project.sandbox.change(page_size=5, max_page_size=5)
    for n in range(12):
        project.post(f"other-{n}")
    project.write_jobs("a", "b", "fails")
    door.change = lambda sent: sent.replace(b"reference_id=", b"reference_xx=")
    rule = {"on": "post", "action": "drop", "accept": accept, "nth": 1, "reference": project.reference("a")}
    failing = {"on": "post", "action": "fail", "reference": project.reference("fails")}
    project.sandbox.set_faults([rule, failing])

    first = await asyncio.wait_for(project.run(), 20)
    forget(project, state_home)
    second = await project.run()

    assert first.counts == second.counts == {JobState.DOWNLOADED: 3}
    assert [project.billed()[project.reference(job)] for job in ("a", "b", "fails")] == [1, 1, 1]
    assert project.billed()[project.reference("fails", 2)] == 1


async def test_another_machines_request_is_adopted_while_we_are_unsure(project: Project) -> None:
    """It carries our own reference, so it is our own work: there is no second POST, however it ends."""
    project.write_jobs("a")
    ours = project.reference("a")
    project.sandbox.set_faults([{"on": "upload", "action": "drop", "nth": 1}])

    def hook(event: Event) -> None:
        if isinstance(event, Sent):
            project.post(ours)

    result = await project.run(hook=hook)

    assert result.counts == {JobState.FAILED: 1}
    assert project.billed() == {ours: 1}
    assert project.records()["a"].reference == ours


async def test_a_service_without_any_answer_of_use_is_given_up_and_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """501 for everything: nothing is sent, and the run ends."""
    monkeypatch.setattr(asking, "_PATIENCE_S", 0.3)
    project.write_jobs("a", "b")
    project.sandbox.set_faults([{"on": [*QUESTIONS, "post"], "action": "answer", "status": 501, "error": "not here"}])

    result = await asyncio.wait_for(project.run(), 20)

    assert [cause.reason for cause in result.causes] == [StopReason.AWAY]
    assert "not here" in result.causes[0].message
    assert result.counts == {JobState.PENDING: 2}
    assert len(project.books.posts) == 0


async def test_who_died_while_waiting_for_younger_requests_waits_again(project: Project, state_home: Path) -> None:
    """A ledger lost with sends in the air: one is found, and its sibling may not be visible yet."""
    project.write_jobs("seen", "hidden")
    hidden = project.reference("hidden")
    project.sandbox.set_faults([{"on": "post", "action": "invisible", "seconds": 1.2, "reference": hidden}])
    await project.run(interrupted_after=2)
    forget(project, state_home)
    waiting = asyncio.Event()

    def hook(event: Event) -> None:
        if isinstance(event, Notice) and "looking again" in event.message:
            waiting.set()

    work = asyncio.ensure_future(project.run(hook=hook, settle_s=1.5))
    await asyncio.wait_for(waiting.wait(), 10)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    result = await project.run(settle_s=1.5)

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.sent() == []
    assert project.billed() == {project.reference("seen"): 1, hidden: 1}


@pytest.mark.parametrize("accept", [True, False])
async def test_an_edited_row_with_a_given_reference_waits_for_what_is_in_the_air(
    project: Project, accept: bool
) -> None:
    """The old row's send is settled first: adopted, the new work has the next number; absent, it takes its place."""
    project.write(project.row("a", reference_id="EP-01"), project.row("b"))
    project.sandbox.set_faults([{"on": "post", "action": "drop", "accept": accept, "nth": 1, "reference": "EP-01"}])
    work = asyncio.ensure_future(project.run(settle_s=30.0, hook=lambda event: stop_at_sent(event, work)))
    with suppress(asyncio.CancelledError):
        await work
    # The list shows it before the first question about it has an answer.
    project.sandbox.set_faults(
        [{"on": QUESTIONS, "reference": "EP-01", "action": "answer", "status": 500, "nth": 1, "count": 2}]
    )
    project.speak("a", "edited meanwhile")

    result = await asyncio.wait_for(project.run(), 20)

    assert result.counts == {JobState.DOWNLOADED: 2}
    names = ["EP-01", "EP-01-2"] if accept else ["EP-01"]
    assert project.billed() == {**dict.fromkeys(names, 1), project.reference("b"): 1}
    assert project.files()["a.mp4"] == project.served(names[-1])
    # Waiting is no hurry, and costs no permits: the other job needs them.
    assert sum(isinstance(event, Pace) for event in project.events) < 60
    assert len(await project.service.permit_log().recent()) <= 5


def stop_at_sent(event: Event, work: asyncio.Future[Any]) -> None:
    if isinstance(event, Sent) and event.reference == "EP-01":
        work.cancel()
