"""Caps: what counts as bought, what fits, and that nothing ever goes over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch import identity
from dubbatch.budget import Budget, Tally
from dubbatch.forms import Cap, parse_cap
from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger

MEDIA = Media("u", url="https://h/u")
JOB = Job(id="a", video=MEDIA, audio=MEDIA, output="a.mp4", position=0)


def job(name: str, **fields: Any) -> Job:
    return replace(JOB, id=name, **fields)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.db") as opened:
        yield opened


def planned(ledger: Ledger, *jobs: Job, seconds: float | None = 60.0, batch: str = "b") -> list[JobRecord]:
    records = [
        JobRecord(batch=batch, job=one, state=JobState.PENDING, fingerprint=f"work of {one.id}", length_s=seconds)
        for one in jobs
    ]
    ledger.jobs.begin_batch(BatchRow(batch, "m", "o", "[]", "now"), records)
    return records


def begun(ledger: Ledger, record: JobRecord) -> tuple[int, Attempt]:
    """A send that has left."""
    refs = identity.references(record.job.id, record.fingerprint)
    attempt = Attempt(
        reference=refs.at(1), stem=refs.stem, n=1, batch=record.batch, job=record.job.id,
        fingerprint=record.fingerprint, state=JobState.PENDING, length_s=record.length_s,
    )  # fmt: skip
    send = ledger.attempts.begin_send(record, attempt, 1.0)
    assert send is not None
    return send, attempt


def test_a_job_counts_from_the_moment_its_send_is_committed_until_the_service_refuses_it(ledger: Ledger) -> None:
    """A kill in between finds it counted."""
    (record,) = planned(ledger, JOB)
    budget = Budget([Cap(10.0)], ledger, "b")

    send, attempt = begun(ledger, record)
    assert budget.spent_s() == 60.0
    ledger.attempts.refused(send, attempt.reference, 2.0)
    assert budget.spent_s() == 0.0


@pytest.mark.parametrize("then", ["accepted", "unsure", "failed", "completed"])
def test_what_was_accepted_or_may_have_been_counts(ledger: Ledger, then: str) -> None:
    """Also what failed at the service: it may have been billed."""
    (record,) = planned(ledger, JOB)
    send, attempt = begun(ledger, record)
    if then == "unsure":
        ledger.attempts.unsure(send, attempt.reference, 2.0, error="time-out")
    else:
        taken = ledger.attempts.accepted(send, attempt.reference, "id", 2.0)
        if then != "accepted":
            ledger.attempts.update(replace(taken, state=JobState(then)))

    assert Budget([], ledger, "b").spent_s() == 60.0


def test_a_lost_answer_that_turns_out_to_be_none_is_given_back(ledger: Ledger) -> None:
    """Settled with two noes, the attempt is pending again."""
    (record,) = planned(ledger, JOB)
    send, attempt = begun(ledger, record)
    unsure = ledger.attempts.unsure(send, attempt.reference, 2.0, error="time-out")

    ledger.attempts.update(replace(unsure, state=JobState.PENDING, error=""))

    assert Budget([], ledger, "b").spent_s() == 0.0


def test_what_is_adopted_counts(ledger: Ledger) -> None:
    """It was bought for this batch, by whichever ledger."""
    (record,) = planned(ledger, JOB)
    refs = identity.references(record.job.id, record.fingerprint)
    found = Attempt(
        reference=refs.at(1), stem=refs.stem, n=1, batch="b", job="a", fingerprint=record.fingerprint,
        state=JobState.QUEUED, request_id="id", length_s=60.0,
    )  # fmt: skip

    ledger.attempts.adopt(record, found)

    assert Budget([], ledger, "b").spent_s() == 60.0


def test_another_batch_s_purchase_costs_this_one_nothing(ledger: Ledger) -> None:
    (record,) = planned(ledger, JOB, batch="other")
    begun(ledger, record)

    assert Budget([], ledger, "b").spent_s() == 0.0


def test_a_renamed_batch_has_no_new_budget(ledger: Ledger) -> None:
    """What was bought for the same jobs under another name counts; a twin's purchase does not."""
    (record,) = planned(ledger, JOB, batch="spring")
    send, attempt = begun(ledger, record)
    taken = ledger.attempts.accepted(send, attempt.reference, "id", 2.0)
    served = replace(record, batch="summer", reference=taken.reference, state=JobState.QUEUED)
    twin = replace(served, job=job("twin"))

    assert Budget([], ledger, "summer", [served, twin]).spent_s() == 60.0
    ledger.jobs.begin_batch(BatchRow("summer", "m", "o", "[]", "now"), [served, twin])
    assert Budget([], ledger, "summer").spent_s() == 60.0
    assert Budget([Cap(1.5, "id")], ledger, "summer").shortage(replace(served, reference="")) is not None


def test_a_row_that_left_the_manifest_has_been_bought_all_the_same(ledger: Ledger) -> None:
    (record,) = planned(ledger, JOB)
    begun(ledger, record)
    planned(ledger, job("z"))

    assert Budget([], ledger, "b").spent_s() == 60.0
    assert Budget([Cap(1.0, "id", "a")], ledger, "b").tally().shortage(JOB, 1.0) is not None


def test_what_was_bought_before_its_length_was_known_counts_when_it_is(ledger: Ledger) -> None:
    """As its job is known to last now."""
    (record,) = planned(ledger, JOB, seconds=None)
    begun(ledger, record)
    assert Budget([], ledger, "b").spent_s() == 0.0

    planned(ledger, JOB, seconds=45.0)

    assert Budget([], ledger, "b").spent_s() == 45.0


def test_the_last_second_of_a_cap_can_be_bought_and_not_one_more(ledger: Ledger) -> None:
    """Sums of many lengths don't come out even: a millionth of a second is let pass."""
    record, other = planned(ledger, JOB, job("b"))
    begun(ledger, record)

    assert Budget([Cap(2.0)], ledger, "b").shortage(other) is None
    short = Budget([Cap(1.999)], ledger, "b").shortage(other)
    assert short is not None
    assert short.message == "of the 1.999 minutes that may be bought, 1.00 are left"


def test_a_job_of_unknown_length_never_fits_under_a_cap(ledger: Ledger) -> None:
    (record,) = planned(ledger, JOB, seconds=None)

    assert Budget([Cap(1000.0)], ledger, "b").shortage(record) is not None
    assert Budget([], ledger, "b").shortage(record) is None


def test_a_send_that_does_not_fit_is_not_begun(ledger: Ledger) -> None:
    """It is asked in the transaction that would record it."""
    (record,) = planned(ledger, JOB)
    refs = identity.references("a", record.fingerprint)
    attempt = Attempt(
        reference=refs.at(1), stem=refs.stem, n=1, batch="b", job="a", fingerprint=record.fingerprint,
        state=JobState.PENDING,
    )  # fmt: skip

    assert ledger.attempts.begin_send(record, attempt, 1.0, is_affordable=lambda: False) is None
    assert ledger.attempts.get(attempt.reference) is None
    kept = ledger.jobs.get("b", "a")
    assert kept is not None
    assert kept.state is JobState.PENDING


def test_caps_of_a_column_bound_each_value_or_one(ledger: Ledger) -> None:
    """In any case and spelling; the whole batch's cap holds beside them."""
    german, french = job("g", language="de", columns={"Client": "ACME"}), job("f", language="FR")
    records = planned(ledger, german, french, job("h", language="DE"))
    begun(ledger, records[0])

    def fits(*caps: str) -> list[bool]:
        budget = Budget([parse_cap(cap) for cap in caps], ledger, "b")
        return [budget.shortage(record) is None for record in records[1:]]

    assert fits("language=de:1.5") == [True, False]
    assert fits("Language:1.5") == [True, False]
    assert fits("language=fr:0.5") == [False, True]
    assert fits("client=acme:1") == [True, True]
    assert fits("client=acme:1", "language:2") == [True, True]


def test_a_shortage_names_the_cap_and_what_is_left() -> None:
    tally = Tally([Cap(5.0, "language")])
    tally.add(job("a", language="de"), 240.0)

    short = tally.shortage(job("b", language="de"), 90.0)

    assert short is not None
    assert short.message == "of the 5 minutes that may be bought for language de, 1.00 are left"


@given(
    lengths=st.lists(st.tuples(st.floats(0.1, 5000), st.sampled_from(["de", "fr", "ja"])), max_size=60),
    caps=st.lists(
        st.builds(Cap, st.floats(0.1, 200), st.sampled_from(["", "language"]), st.sampled_from(["", "de"])), max_size=4
    ),
)
def test_whatever_is_taken_no_cap_is_ever_exceeded(lengths: list[tuple[float, str]], caps: Sequence[Cap]) -> None:
    """And what is refused would have exceeded one."""
    caps = [cap if cap.column else replace(cap, value="") for cap in caps]
    tally, taken = Tally(caps), list[tuple[float, str]]()

    def used(cap: Cap, language: str) -> float:
        whose = {language} if cap.column else {"de", "fr", "ja"}
        return sum(seconds for seconds, spoken in taken if spoken in whose)

    for number, (seconds, language) in enumerate(lengths):
        one = job(str(number), language=language)
        bounding = [cap for cap in caps if not cap.value or cap.value == language]
        is_over = any(used(cap, language) + seconds > cap.minutes * 60 + 1e-5 for cap in bounding)
        if tally.shortage(one, seconds) is None:
            assert not is_over
            tally.add(one, seconds)
            taken.append((seconds, language))
        else:
            assert any(used(cap, language) + seconds > cap.minutes * 60 - 1e-5 for cap in bounding)
