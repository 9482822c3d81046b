"""Plans of real files against a real ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch import identity
from dubbatch.errors import UsageError
from dubbatch.events import ignore
from dubbatch.inputs import Inputs
from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media, Output
from dubbatch.ledger.attempts import next_number
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.plan import Action
from dubbatch.planner import Plan, draw_up

DrawUp = Callable[..., Awaitable[Plan]]


@pytest.fixture
def thread(tmp_path: Path) -> Iterator[LedgerThread]:
    with Ledger(tmp_path / ".dubbatch" / "ledger.db") as ledger:
        thread = LedgerThread(ledger, ignore)
        yield thread
        thread.close()


@pytest.fixture
def draw(thread: LedgerThread, tmp_path: Path) -> DrawUp:
    """Plan these jobs, and record the plan as a run does."""

    async def draw(jobs: Sequence[Job], only: Sequence[str] = (), batch: str = "b", record: bool = True) -> Plan:
        placed = [replace(job, position=position) for position, job in enumerate(jobs)]
        plan = await draw_up(
            placed,
            batch=batch,
            output_dir=tmp_path / "out",
            ledger=thread,
            inputs=Inputs(thread),
            attempts=2,
            only=only,
        )
        if record:
            row = BatchRow(batch, "/m", str(tmp_path / "out"), "[]", "now")
            await thread(thread.ledger.jobs.begin_batch, row, plan.records())
        return plan

    return draw


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """A job of two files; its video is made with the content given."""

    def make(name: str, content: str = "video", **fields: Any) -> Job:
        video, audio = tmp_path / f"{name}.mp4", tmp_path / "voice.wav"
        video.write_text(content)
        audio.write_text("voice")
        made = Job(
            id=name,
            video=Media(video.name, path=video),
            audio=Media(audio.name, path=audio),
            output=f"{name}.mp4",
            position=0,
        )
        return replace(made, **fields)

    return make


def take_away(*jobs: Job) -> None:
    for job in jobs:
        if job.video.path:
            job.video.path.unlink()


def actions(plan: Plan) -> dict[str, Action]:
    return {row.record.job.id: row.action for row in plan.rows}


def of(plan: Plan, job: str) -> JobRecord:
    return next(row.record for row in plan.rows if row.record.job.id == job)


def buy(ledger: Ledger, planned: JobRecord, state: JobState = JobState.COMPLETED) -> Attempt:
    """Send the job, and have the service bring it to ``state``."""
    record = ledger.jobs.get(planned.batch, planned.job.id)
    assert record is not None
    references = identity.references(record.job.id, record.fingerprint, record.job.reference_id)
    n = next_number(ledger.attempts.of_stem(references.stem))
    attempt = Attempt(
        reference=references.at(n),
        stem=references.stem,
        n=n,
        batch=record.batch,
        job=record.job.id,
        fingerprint=record.fingerprint,
        state=JobState.PENDING,
    )
    redo = record.job.id in ledger.jobs.open_redos(record.batch)
    send = ledger.attempts.begin_send(record, attempt, 1.0, redo=redo)
    assert send is not None
    taken = ledger.attempts.accepted(send, attempt.reference, f"id-{attempt.reference}", 2.0)
    return ledger.attempts.update(replace(taken, state=state))


def bring_home(ledger: Ledger, planned: JobRecord, path: Path) -> None:
    record = ledger.jobs.get(planned.batch, planned.job.id)
    assert record is not None
    path.parent.mkdir(exist_ok=True)
    path.write_text("output")
    output = Output(
        batch=record.batch,
        job=record.job.id,
        reference=record.reference,
        path=path,
        version=0,
        sha256="00",
        size=6,
        duration_s=None,
    )
    ledger.outputs.record(output, record, JobState.DOWNLOADED)


async def test_new_rows_are_sent_and_the_plan_itself_records_nothing(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread
) -> None:
    """But what was learned of the files."""
    plan = await draw([job("a", "one"), job("b", "two")], record=False)

    assert actions(plan) == {"a": Action.NEW, "b": Action.NEW}
    assert [row.record.fingerprint != "" for row in plan.rows] == [True, True]
    assert list(thread.ledger.jobs.all("b")) == []
    assert thread.ledger.media.get(Path(plan.rows[0].record.job.video.path or "")) is not None


async def test_a_second_plan_of_what_was_bought_sends_nothing(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread, tmp_path: Path
) -> None:
    """At the service, and home."""
    a = job("a")
    plan = await draw([a])
    buy(thread.ledger, of(plan, "a"), JobState.PROCESSING)
    again = await draw([a])
    assert (actions(again), of(again, "a").state) == ({"a": Action.UNCHANGED}, JobState.PROCESSING)

    thread.ledger.attempts.update(
        replace(thread.ledger.attempts.to_follow("b")[0], state=JobState.COMPLETED),
    )
    bring_home(thread.ledger, of(again, "a"), tmp_path / "out" / "a.mp4")
    home = await draw([a])

    assert (actions(home), of(home, "a").state) == ({"a": Action.UNCHANGED}, JobState.DOWNLOADED)


async def test_identical_files_in_two_rows_are_bought_once(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread
) -> None:
    """In one plan, in a later one, and in another batch of the ledger."""
    a, b, c = job("a", "same"), job("b", "same"), job("c", "same")
    first = await draw([a, b])
    assert actions(first) == {"a": Action.NEW, "b": Action.ADOPT}
    buy(thread.ledger, of(first, "a"), JobState.QUEUED)

    second = await draw([a, b])
    elsewhere = await draw([c], batch="other")

    assert actions(second) == {"a": Action.UNCHANGED, "b": Action.ADOPT}
    assert actions(elsewhere) == {"c": Action.ADOPT}
    assert of(second, "b").reference == of(second, "a").reference == of(elsewhere, "c").reference
    assert of(elsewhere, "c").state is JobState.QUEUED


async def test_a_file_that_changed_is_new_work_and_changed_back_is_the_old_one_again(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread
) -> None:
    """What was bought before is used, and nothing is sent."""
    old = await draw([job("a", "one")])
    bought = buy(thread.ledger, of(old, "a"))
    changed = await draw([job("a", "another")])
    assert actions(changed) == {"a": Action.CHANGED}
    buy(thread.ledger, of(changed, "a"))

    back = await draw([job("a", "one")])

    assert actions(back) == {"a": Action.ADOPT}
    assert (of(back, "a").reference, of(back, "a").state) == (bought.reference, JobState.COMPLETED)


async def test_an_edited_row_with_a_reference_of_the_teams_own_is_new_work_too(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread
) -> None:
    """The reference stays with the row; the old output is not the new work's."""
    old = await draw([job("a", "one", reference_id="theirs")])
    buy(thread.ledger, of(old, "a"))

    changed = await draw([job("a", "another", reference_id="theirs")])
    assert actions(changed) == {"a": Action.CHANGED}
    second = buy(thread.ledger, of(changed, "a"))
    back = await draw([job("a", "one", reference_id="theirs")])

    assert second.reference == "theirs-2"
    assert (actions(back), of(back, "a").reference) == ({"a": Action.ADOPT}, "theirs")


async def test_a_row_that_left_the_manifest_is_listed(draw: DrawUp, job: Callable[..., Job]) -> None:
    """Once and for all later plans, until it comes back."""
    a, b = job("a", "one"), job("b", "two")
    await draw([a, b])

    assert (await draw([b])).removed == ("a",)
    assert (await draw([b])).removed == ("a",)
    assert (await draw([a, b])).removed == ()


async def test_a_redo_is_planned_until_a_send_fulfils_it(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread, tmp_path: Path
) -> None:
    """Once; a run that was stopped before the send keeps the word."""
    a = job("a")
    plan = await draw([a])
    first = buy(thread.ledger, of(plan, "a"))
    bring_home(thread.ledger, of(plan, "a"), tmp_path / "out" / "a.mp4")
    thread.ledger.jobs.ask_redo("b", ["a"], "now")

    assert actions(await draw([a])) == {"a": Action.REDO}
    again = await draw([a])
    assert actions(again) == {"a": Action.REDO}
    second = buy(thread.ledger, of(again, "a"))

    assert (first.n, second.n) == (1, 2)
    done = await draw([a])
    assert (actions(done), of(done, "a").reference) == ({"a": Action.UNCHANGED}, second.reference)


@pytest.mark.parametrize("batch", ["b", "renamed"])
async def test_a_run_that_died_before_the_second_attempt_leaves_it_to_the_next(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread, batch: str
) -> None:
    """The first failed by the service's own fault: that is no end, whatever the manifest is called by then."""
    row = job("a")
    failed = buy(thread.ledger, of(await draw([row]), "a"), JobState.FAILED)
    thread.ledger.attempts.free_jobs(replace(failed, error="internal error"))

    plan = await draw([row], batch=batch)

    assert actions(plan) == {"a": Action.NEW}
    assert of(plan, "a").state is JobState.PENDING


async def test_a_failure_that_is_not_the_services_own_stays_one(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread
) -> None:
    row = job("a")
    failed = buy(thread.ledger, of(await draw([row]), "a"), JobState.FAILED)
    thread.ledger.attempts.update(replace(failed, error="video URL is not accessible"))

    plan = await draw([row])

    assert of(plan, "a").state is JobState.FAILED


async def test_an_output_that_the_row_names_otherwise_now_gets_its_new_name(
    draw: DrawUp, job: Callable[..., Job], thread: LedgerThread, tmp_path: Path
) -> None:
    """Only if it is there; what the team moved away is the team's."""
    a = job("a")
    plan = await draw([a])
    buy(thread.ledger, of(plan, "a"))
    bring_home(thread.ledger, of(plan, "a"), tmp_path / "out" / "a.mp4")
    renamed = replace(a, output="ja/a.mp4")

    assert of(await draw([renamed], record=False), "a").state is JobState.COMPLETED
    (tmp_path / "out" / "a.mp4").unlink()
    assert of(await draw([renamed], record=False), "a").state is JobState.DOWNLOADED


async def test_a_row_whose_file_is_missing_is_blocked_and_goes_on_when_it_is_there(
    draw: DrawUp, job: Callable[..., Job]
) -> None:
    """The others are not held up; a skipped row needs no file."""
    a, b, c = job("a", "one"), job("b", "two"), job("c", "three", skip=True)
    take_away(a, c)
    plan = await draw([a, b, c])

    assert actions(plan) == {"a": Action.BLOCKED, "b": Action.NEW, "c": Action.SKIPPED}
    assert "a.mp4" in of(plan, "a").error
    assert actions(await draw([job("a", "one"), b, c]))["a"] is Action.NEW


@pytest.fixture
def rows(job: Callable[..., Job]) -> list[Job]:
    return [
        job("ep1-ja", "1", language="ja", columns={"Client": "ACME", "Due": "a=b"}),
        job("ep1-de", "2", language="de", columns={"Client": "ACME", "Due": ""}),
        job("ep2=x", "3", language="ja", columns={"Client": "Other", "Due": ""}),
    ]


@pytest.mark.parametrize(
    ("only", "selected"),
    [
        ([], {"ep1-ja", "ep1-de", "ep2=x"}),
        (["ep1-de"], {"ep1-de"}),
        (["ep1-de", "ep1-ja"], {"ep1-de", "ep1-ja"}),
        (["language=ja"], {"ep1-ja", "ep2=x"}),
        (["client=ACME"], {"ep1-ja", "ep1-de"}),
        (["Due=a=b"], {"ep1-ja"}),
        (["ep2=x"], {"ep2=x"}),
        (["language=de", "Client=Other"], {"ep1-de", "ep2=x"}),
        (["output=ep1-de.mp4"], {"ep1-de"}),
    ],
)
async def test_only_selects_by_id_or_by_column(
    draw: DrawUp, rows: list[Job], only: list[str], selected: set[str], thread: LedgerThread
) -> None:
    """Headers in any case, values as they stand; the other rows are planned and not sent."""
    plan = await draw(rows, only=only)

    assert {row.record.job.id for row in plan.chosen} == selected
    assert len(plan.rows) == 3
    assert {record.job.id for record in thread.ledger.jobs.by_turn("b", 9)} == selected


@pytest.mark.parametrize("only", ["ep9", "language=xx", "nobody=x", "=ja"])
async def test_only_that_selects_nothing_is_a_usage_error(draw: DrawUp, rows: list[Job], only: str) -> None:
    """A slip of the pen must not look like a batch that is done."""
    with pytest.raises(UsageError, match="no job matches") as caught:
        await draw(rows, only=[only])

    assert only in caught.value.message
    assert "column=value" in caught.value.hint


async def test_many_rows_are_planned_as_few_are(draw: DrawUp, thread: LedgerThread) -> None:
    """In their order, identical work bought once though it stands far apart, and nothing is news the second time."""
    addresses = [Media(f"https://h/{n}.mp4", url=f"https://h/{n}.mp4") for n in range(1_200)]
    jobs = [
        Job(id=f"{n}", video=video, audio=addresses[0], output=f"{n}.mp4", position=0)
        for n, video in enumerate([*addresses, addresses[7]])
    ]

    plan = await draw(jobs)

    assert [row.record.job.id for row in plan.rows] == [job.id for job in jobs]
    assert [row.record.job.id for row in plan.rows if row.action is not Action.NEW] == ["1200"]
    assert (plan.is_news, (await draw(jobs)).is_news) == (True, False)
    bought = buy(thread.ledger, of(plan, "7"), JobState.QUEUED)
    assert of(await draw(jobs, batch="other"), "1200").reference == bought.reference
