"""Caps on what a batch may buy: never exceeded, whatever is lost or killed, and gone on with when they are raised."""

from __future__ import annotations

from typing import Any

import pytest

from dubbatch.events import JobChanged
from dubbatch.forms import Cap
from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.stop import StopReason

#: Every job lasts a second.
SECOND = 1 / 60


def capped(jobs: int, column: str = "", value: str = "") -> Cap:
    """Room for so many jobs."""
    return Cap((jobs + 0.5) * SECOND, column, value)


async def test_a_run_under_a_cap_ends_cleanly_and_goes_on_when_it_is_raised(project: Any) -> None:
    """What was bought before counts, what waits says why, and nothing is bought twice."""
    project.write_jobs("a", "b", "c", "d", "e")

    first = await project.run(max_minutes=capped(2))
    again = await project.run(max_minutes=capped(2))
    # A permit that no send followed would have this run ask for what never was.
    unsure = [event for event in project.events if isinstance(event, JobChanged) and event.after is JobState.UNSURE]
    waiting = project.records()
    raised = await project.run(max_minutes=capped(4))
    last = await project.run()

    assert unsure == []
    assert [cause.reason for cause in first.causes] == [StopReason.CAP]
    assert first.counts == again.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 3}
    assert "0.03 minutes are bought in all, and 3 jobs of 0.05 minutes wait" in first.causes[0].message
    assert {record.error for record in waiting.values() if record.state is JobState.PENDING} == {
        "waits: of the 0.0416667 minutes that may be bought, 0.01 are left"
    }
    assert raised.counts == {JobState.DOWNLOADED: 4, JobState.PENDING: 1}
    assert last.counts == {JobState.DOWNLOADED: 5}
    assert set(project.billed().values()) == {1}


async def test_caps_of_languages_hold_beside_that_of_the_batch(project: Any) -> None:
    """Each by itself; the other languages go on."""
    project.write(*(project.row(f"{language}{n}", language=language) for language in ("de", "fr") for n in range(3)))

    result = await project.run(max_minutes=capped(4), max_minutes_by=(capped(1, "language", "de"),))

    states = project.states()
    assert [states[f"de{n}"] for n in range(3)].count(JobState.DOWNLOADED) == 1
    assert [states[f"fr{n}"] for n in range(3)].count(JobState.DOWNLOADED) == 3
    assert [cause.reason for cause in result.causes] == [StopReason.CAP]


@pytest.mark.parametrize("answer", [{"action": "drop"}, {"action": "answer", "status": 500}], ids=str)
async def test_an_unsure_send_counts_until_it_is_known_not_to_be_there(project: Any, answer: dict[str, Any]) -> None:
    """The answers of all sends are lost, the requests are there: no job is sent in their place."""
    project.write_jobs("a", "b", "c", "d")
    project.sandbox.set_faults({"rules": [{"on": "post", "accept": True, **answer}]})

    result = await project.run(max_minutes=capped(2))

    assert len(project.books.requests) == 2
    assert result.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 2}


async def test_what_the_service_refuses_gives_its_minutes_back(project: Any) -> None:
    """A job that is refused for good cost nothing: one that waited takes its place."""
    project.write_jobs("a", "b", "c")
    project.sandbox.set_faults({"rules": [{"on": "post", "action": "answer", "status": 400, "count": 1}]})

    await project.run(max_minutes=capped(1), concurrency=1)

    states = list(project.states().values())
    assert sorted(states) == sorted([JobState.FAILED, JobState.DOWNLOADED, JobState.PENDING])
    assert len(project.books.requests) == 1


async def test_a_lost_ledger_has_no_new_budget(project: Any) -> None:
    """What the account has is adopted, and counts."""
    project.write_jobs("a", "b", "c", "d")
    await project.run(max_minutes=capped(2))
    project.lose_ledger()

    await project.run(max_minutes=capped(3))

    assert len(project.books.requests) == 3


async def test_an_interrupted_run_s_purchases_count_in_the_next(project: Any) -> None:
    project.write_jobs("a", "b", "c", "d", "e")
    await project.run(max_minutes=capped(3), concurrency=1, interrupted_after=2)

    await project.run(max_minutes=capped(3))

    assert len(project.books.requests) == 3


async def test_identical_work_costs_the_budget_once(project: Any) -> None:
    """Rows that are served by another's purchase are not held back."""
    project.speak("same", "one pitch")
    rows = [{"id": name, "video": "video.mp4", "audio": "voices/same.wav"} for name in ("a", "b", "c")]
    project.write(*rows, project.row("z"))

    result = await project.run(max_minutes=capped(1))

    assert len(project.books.requests) == 1
    # All the rows of the work that was bought.
    assert result.counts in (
        {JobState.DOWNLOADED: 3, JobState.PENDING: 1},
        {JobState.DOWNLOADED: 1, JobState.PENDING: 3},
    )


async def test_a_redo_counts_as_the_purchase_that_it_is(project: Any) -> None:
    project.write_jobs("a", "b")
    await project.run(max_minutes=capped(1))
    done = next(job for job, state in project.states().items() if state is JobState.DOWNLOADED)
    project.ask_redo(done)

    held = await project.run(max_minutes=capped(1))
    assert len(project.books.requests) == 1
    assert [cause.reason for cause in held.causes] == [StopReason.CAP]
    assert project.records()[done].error.startswith("waits: ")
    await project.run(max_minutes=capped(3))

    assert len(project.books.requests) == 3


@pytest.mark.parametrize(
    "fault", [{"status": 429}, {"status": 429, "retry_after_s": 0.1}, {"status": 500}], ids=["429", "retry", "500"]
)
async def test_a_refusal_or_a_lost_answer_leaves_no_room_unused(project: Any, fault: dict[str, Any]) -> None:
    """Not accepted, so it cost nothing: what fits is bought in the same run."""
    project.write_jobs("a", "b", "c", "d")
    project.sandbox.set_faults({"rules": [{"on": "post", "action": "answer", "count": 1, **fault}]})

    result = await project.run(max_minutes=capped(2))

    assert result.counts == {JobState.DOWNLOADED: 2, JobState.PENDING: 2}
    assert len(project.books.requests) == 2


async def test_a_plan_with_fewer_slots_than_jobs_fills_the_cap(project: Any) -> None:
    """Its refusals are those of every day."""
    project.sandbox.change(concurrency=2, seconds=0.2)
    project.write_jobs(*"abcdefgh")

    result = await project.run(max_minutes=capped(5), concurrency=6)

    assert result.counts == {JobState.DOWNLOADED: 5, JobState.PENDING: 3}


async def test_what_could_not_be_sent_in_this_run_gives_its_minutes_to_others(project: Any) -> None:
    """Its answers are lost again and again: it waits for a later run, and a shorter job is bought."""
    row = {"video": "http://127.0.0.1:9/v.mp4", "language": "de"}
    project.write(
        {"id": "a", "audio": "http://127.0.0.1:9/a.wav", "minutes": "1", **row},
        {"id": "b", "audio": "http://127.0.0.1:9/b.wav", "minutes": "0.5", **row},
    )
    project.sandbox.set_faults({"rules": [{"on": "post", "action": "drop", "count": 5}]})

    await project.run(
        max_minutes_by=(Cap(1.0, "language", "de"),), probe_urls=False, concurrency=1, settle_s=0.1, attempts=1
    )

    assert [request.reference.split("-")[0] for request in project.books.requests.values()] == ["b"]


async def test_a_renamed_batch_redoes_and_tries_again_under_the_cap_of_all(project: Any) -> None:
    """What was bought under its old name counts also where the row has no attempt for the moment."""
    sheet = project.write_jobs("a", "b", name="spring.csv")
    await project.run("spring.csv")
    sheet.rename(sheet.with_name("summer.csv"))
    await project.run("summer.csv")
    with Ledger(project.ledger) as ledger:
        ledger.jobs.ask_redo("summer", ["a"], "2026-01-01T00:00:00Z")

    await project.run("summer.csv", max_minutes=capped(2))

    assert len(project.books.requests) == 2


async def test_another_sheet_with_the_same_rows_is_not_charged_for_them(project: Any) -> None:
    """It gets copies, which cost nothing."""
    project.write_jobs("a", "b", name="spring.csv")
    project.write_jobs("a", "b", "c", name="summer.csv")
    await project.run("spring.csv")

    result = await project.run("summer.csv", max_minutes=capped(1))

    assert result.counts == {JobState.DOWNLOADED: 3}


async def test_after_a_lost_ledger_rows_that_are_not_sent_now_count_too(project: Any) -> None:
    """What this run was not asked for, and what is skipped by now."""
    rows = [project.row(job) for job in ("a", "b", "c", "d")]
    project.write(*rows)
    await project.run(only=("a", "b"))
    project.lose_ledger()
    project.write({**rows[0], "skip": "x"}, *rows[1:])

    await project.run(only=("c", "d"), max_minutes=capped(3))

    assert len(project.books.requests) == 3


async def test_a_run_that_ends_for_another_reason_says_too_what_a_cap_holds_back(project: Any) -> None:
    """The order of the exit codes decides which of the two is told."""
    project.write_jobs("a", "b")

    result = await project.run(max_minutes=capped(1), limit=1)

    assert {cause.reason for cause in result.causes} == {StopReason.LIMIT, StopReason.CAP}


async def test_under_a_cap_an_unknown_length_blocks_its_job_until_a_column_tells_it(project: Any) -> None:
    """Nobody looks at the addresses here."""
    row = {"video": "http://127.0.0.1:9/v.mp4", "audio": "http://127.0.0.1:9/a.wav"}
    project.write({"id": "a", **row, "minutes": ""}, {"id": "b", **row, "minutes": "0.01"})

    result = await project.run(max_minutes=capped(9), probe_urls=False)

    assert result.counts[JobState.BLOCKED] == 1
    assert "its length is not known" in project.records()["a"].error
    assert len(project.books.requests) == 1


async def test_of_what_is_left_a_shorter_job_is_bought(project: Any) -> None:
    """The longest come first; one that does not fit does not keep the others from it."""
    project.write(
        *(
            {
                "id": job,
                "video": "http://127.0.0.1:9/v.mp4",
                "audio": f"http://127.0.0.1:9/{job}.wav",
                "minutes": minutes,
            }
            for job, minutes in (("long", "10"), ("middle", "4"), ("short", "3"), ("tiny", "0.5"))
        )
    )

    await project.run(max_minutes=Cap(8.0), probe_urls=False)

    states = project.states()
    assert states["long"] is JobState.PENDING
    assert {states[job] for job in ("middle", "short", "tiny")} == {JobState.FAILED}
    assert sorted(r.reference.split("-")[0] for r in project.books.requests.values()) == ["middle", "short", "tiny"]
