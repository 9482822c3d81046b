"""What a run will do with each row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.jobs import LIVE, Attempt, Job, JobRecord, JobState, Media
from dubbatch.plan import SENDS, Action, Known, Planned, decide, minutes_of, totals, twins_within

MEDIA = Media("u", url="https://h/u")
JOB = Job(id="a", video=MEDIA, audio=MEDIA, output="a.mp4", position=0)
P, S, U, Q, R, C, D, X, F, T, B, K = (
    JobState.PENDING,
    JobState.SUBMITTING,
    JobState.UNSURE,
    JobState.QUEUED,
    JobState.PROCESSING,
    JobState.COMPLETED,
    JobState.DOWNLOADED,
    JobState.SUSPECT,
    JobState.FAILED,
    JobState.STALLED,
    JobState.BLOCKED,
    JobState.SKIPPED,
)


def row(state: JobState, reference: str = "r-1", fingerprint: str = "work", **more: Any) -> JobRecord:
    """The row as it was planned last."""
    return JobRecord(batch="b", job=JOB, state=state, fingerprint=fingerprint, reference=reference, **more)


def attempt(state: JobState, job: str = "a", batch: str = "b", reference: str = "r-1", **more: Any) -> Attempt:
    return Attempt(reference=reference, stem="r", n=1, batch=batch, job=job, fingerprint="work", state=state, **more)


def before(state: JobState, own: JobState, **more: Any) -> Known:
    return Known(record=row(state), own=attempt(own), **more)


TWIN = attempt(C, job="t", batch="old", reference="t-1")
SKIP = replace(JOB, skip=True)
BAD = replace(JOB, blocked="no audio")
OLD = row(D, fingerprint="old", reference="old-1")

TABLE: list[tuple[str, Job, Known, Action, JobState, str, str]] = [
    # what is known of the row -> what is done, the state it has then, the attempt that serves it, why
    ("never seen", JOB, Known(), Action.NEW, P, "", "not sent yet"),
    ("planned, not sent", JOB, Known(record=row(P, "")), Action.NEW, P, "", "not sent yet"),
    ("refused for now", JOB, Known(record=row(P, ""), own=attempt(P)), Action.NEW, P, "", "not sent yet"),
    ("mended", JOB, Known(record=row(B, "", "")), Action.NEW, P, "", "not sent yet"),
    ("no longer skipped", JOB, Known(record=row(K, "")), Action.NEW, P, "", "not sent yet"),
    ("edited", JOB, Known(record=OLD), Action.CHANGED, P, "", "not what was sent before"),
    ("edited, never sent", JOB, Known(record=row(P, "", "old")), Action.CHANGED, P, "", "not what was sent before"),
    ("edited back", JOB, Known(record=OLD, own=attempt(C)), Action.ADOPT, C, "r-1", "very work was bought before"),
    ("edited back, running", JOB, Known(record=OLD, own=attempt(R)), Action.ADOPT, R, "r-1", "bought before"),
    ("edited back, failed", JOB, Known(record=OLD, own=attempt(F)), Action.ADOPT, F, "r-1", "bought before"),
    ("edited to identical work", JOB, Known(record=OLD, twin=TWIN), Action.ADOPT, C, "t-1", "as t of batch old"),
    ("identical work", JOB, Known(twin=TWIN), Action.ADOPT, C, "t-1", "the same work as t of batch old: bought once"),
    ("identical, running", JOB, Known(twin=replace(TWIN, state=T)), Action.ADOPT, T, "t-1", "bought once"),
    ("identical, failed", JOB, Known(twin=replace(TWIN, state=F)), Action.NEW, P, "", "not sent yet"),
    ("identical, own refused", JOB, Known(own=attempt(P), twin=TWIN), Action.ADOPT, C, "t-1", "bought once"),
    ("submitting", JOB, before(S, S), Action.UNSURE, S, "r-1", "answer of its send was lost"),
    ("unsure", JOB, before(U, U), Action.UNSURE, U, "r-1", "not sent again before that"),
    ("queued", JOB, before(Q, Q), Action.UNCHANGED, Q, "r-1", "running at the service"),
    ("processing", JOB, before(R, R), Action.UNCHANGED, R, "r-1", "running at the service"),
    ("stalled", JOB, before(T, T), Action.UNCHANGED, T, "r-1", "looked at again"),
    ("completed", JOB, before(C, C), Action.UNCHANGED, C, "r-1", "to be fetched"),
    ("downloaded", JOB, before(D, C), Action.UNCHANGED, D, "r-1", "done"),
    ("suspect", JOB, before(X, C), Action.UNCHANGED, X, "r-1", "suspect"),
    ("failed", JOB, before(F, F), Action.UNCHANGED, F, "r-1", "failed"),
    ("failed, once more", JOB, before(F, F, another_try=True), Action.NEW, P, "", "another attempt is due"),
    ("a file was in the way", JOB, before(B, C), Action.UNCHANGED, C, "r-1", "to be fetched"),
    ("brought on by another batch", JOB, before(Q, C), Action.UNCHANGED, C, "r-1", "to be fetched"),
    ("misplaced", JOB, before(D, C, misplaced=True), Action.UNCHANGED, C, "r-1", "a new name"),
    ("misplaced, not home yet", JOB, before(Q, Q, misplaced=True), Action.UNCHANGED, Q, "r-1", "running"),
    ("redo of what is home", JOB, before(D, C, redo=True), Action.REDO, P, "", "asked for with redo"),
    ("redo of what failed", JOB, before(F, F, redo=True), Action.REDO, P, "", "asked for with redo"),
    ("skipped, with a twin", SKIP, Known(twin=TWIN), Action.SKIPPED, K, "", "the row says skip"),
    ("hidden", replace(SKIP, blocked="the row is hidden"), Known(), Action.SKIPPED, K, "", "the row is hidden"),
    ("blocked, with a twin", BAD, Known(twin=TWIN), Action.BLOCKED, B, "", "no audio"),
    ("redo with a twin", JOB, Known(twin=TWIN, redo=True), Action.REDO, P, "", "asked for with redo"),
    ("redo, refused for now", JOB, Known(record=row(P, ""), own=attempt(P), redo=True), Action.REDO, P, "", "redo"),
    ("redo while it runs", JOB, before(R, R, redo=True), Action.UNCHANGED, R, "r-1", "running"),
    ("redo while unsure", JOB, before(U, U, redo=True), Action.UNSURE, U, "r-1", "was lost"),
    ("redo of a skipped row", SKIP, Known(redo=True), Action.SKIPPED, K, "", "skip"),
    ("redo of a bad row", BAD, Known(redo=True), Action.BLOCKED, B, "", "no audio"),
    ("bad", BAD, Known(), Action.BLOCKED, B, "", "no audio"),
    ("bad, edited", BAD, Known(record=OLD), Action.BLOCKED, B, "", "no audio"),
    ("skip", SKIP, Known(), Action.SKIPPED, K, "", "the row says skip"),
    ("skip, edited", SKIP, Known(record=OLD), Action.SKIPPED, K, "", "the row says skip"),
    ("skip of what was bought", SKIP, before(D, C), Action.UNCHANGED, D, "r-1", "done"),
    ("skip of what runs", SKIP, before(R, R), Action.UNCHANGED, R, "r-1", "running"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("job", "known", "action", "state", "reference", "why"),
    [entry[1:] for entry in TABLE],
    ids=[entry[0] for entry in TABLE],
)
def test_the_plan_of_a_row(job: Job, known: Known, action: Action, state: JobState, reference: str, why: str) -> None:
    """Design, section 10: every action, with the reason that a person reads."""
    planned = decide("b", job, "work", known, length_s=9.0)

    assert (planned.action, planned.record.state, planned.record.reference) == (action, state, reference)
    assert why in planned.reason
    assert planned.record == replace(planned.record, batch="b", job=job, fingerprint="work", length_s=9.0, present=True)
    assert planned.sends is (action in {Action.NEW, Action.CHANGED, Action.REDO})


def test_a_row_that_was_not_asked_for_gets_nothing_of_what_another_bought() -> None:
    """``--only`` leaves it as it is: a later run that is asked for it adopts the work."""
    planned = decide("b", JOB, "work", Known(twin=TWIN), selected=False)

    assert (planned.action, planned.record.state, planned.record.reference) == (Action.NEW, P, "")


def test_a_blocked_row_says_what_to_do_about_it() -> None:
    """Its own remedy, where it has one; and the remedy alone makes no other row of it."""
    job = replace(BAD, remedy="did you mean media/a.wav?")

    assert decide("b", job, "", Known()).record.hint == "did you mean media/a.wav?"
    assert decide("b", BAD, "", Known()).record.hint == "mend the row and run again"
    assert job == BAD


def test_every_action_is_in_the_table() -> None:
    """And only three of them buy."""
    assert {entry[3] for entry in TABLE} == set(Action)
    assert frozenset({Action.NEW, Action.CHANGED, Action.REDO}) == SENDS


def test_a_row_whose_media_can_not_be_read_is_blocked_whatever_it_was() -> None:
    """Its work is not known, so nothing of the ledger can be said to be the same."""
    planned = decide("b", BAD, "", Known(record=row(D, fingerprint="")))

    assert planned.action is Action.BLOCKED
    assert planned.record.error == "no audio"
    assert planned.record.hint


def test_the_reason_of_a_failure_goes_on_with_the_row() -> None:
    """In the plan and in the record."""
    failed = row(F, error="no such video", hint="mend the link")
    planned = decide("b", JOB, "work", Known(record=failed, own=attempt(F)))
    adopted = decide("b", JOB, "work", Known(record=OLD, own=attempt(F, error="why", hint="what to do")))

    assert planned.reason == "failed: no such video"
    assert (planned.record.error, planned.record.hint) == ("no such video", "mend the link")
    assert (adopted.record.error, adopted.record.hint) == ("why", "what to do")


RECORDS = st.builds(row, st.sampled_from(JobState), st.sampled_from(["", "r-1"]), st.sampled_from(["", "work", "old"]))
ATTEMPTS = st.none() | st.builds(attempt, st.sampled_from([P, S, U, Q, R, C, F, T]))
KNOWN = st.builds(
    Known, record=st.none() | RECORDS, own=ATTEMPTS, twin=ATTEMPTS, redo=st.booleans(), misplaced=st.booleans()
)


@given(st.sampled_from([JOB, SKIP, BAD]), st.sampled_from(["work", ""]), KNOWN)
def test_nothing_is_bought_that_is_under_way_or_was_bought(job: Job, work: str, known: Known) -> None:
    """Whatever the ledger knows: only redo buys again, and never beside an attempt that runs."""
    planned = decide("b", job, work, known)
    own = known.own.state if known.own else None

    if planned.sends:
        assert own not in LIVE
        assert not job.skip
        assert not job.blocked
        assert planned.record.state is P
        assert planned.record.reference == ""
    if planned.sends and planned.action is not Action.REDO:
        assert own in (None, P)
        assert known.twin is None or known.twin.state in (P, F)


def entry(job_id: str, work: str, action: Action, **job: Any) -> Planned:
    record = JobRecord(batch="b", job=replace(JOB, id=job_id, **job), state=P, fingerprint=work)
    return Planned(record, action, "because")


def test_of_identical_work_in_one_plan_the_first_is_bought() -> None:
    """So it is with a redo: one purchase answers for all rows of the same work."""
    rows = [
        entry("a", "one", Action.NEW),
        entry("b", "one", Action.NEW),
        entry("c", "two", Action.UNCHANGED),
        entry("d", "two", Action.CHANGED),
        entry("e", "two", Action.NEW),
        entry("f", "one", Action.REDO),
    ]
    planned = twins_within(rows)

    assert [p.action for p in planned] == [
        Action.NEW,
        Action.ADOPT,
        Action.UNCHANGED,
        Action.CHANGED,
        Action.ADOPT,
        Action.ADOPT,
    ]
    assert planned[1].reason == "the same work as a: bought once"
    assert planned[4].reason == "the same work as d: bought once"
    assert [p.record for p in planned] == [p.record for p in rows]


def test_minutes_are_measured_before_they_are_believed() -> None:
    """What the team states counts where nothing could be measured."""
    stated = replace(row(P), job=replace(JOB, minutes=2.0))

    assert minutes_of(replace(stated, length_s=90.0)) == 1.5
    assert minutes_of(stated) == 2.0
    assert minutes_of(row(P)) is None


def test_a_limit_counts_the_jobs_that_are_sent_first() -> None:
    """By priority, then the longest, then in the manifest's order."""
    rows = [
        Planned(
            JobRecord(batch="b", job=replace(JOB, id=name, priority=priority, position=n), state=P, length_s=length),
            Action.NEW,
            "",
        )
        for n, (name, priority, length) in enumerate([("a", 0, 60.0), ("b", 0, 120.0), ("c", 5, 30.0)])
    ]

    sums = totals(rows, rate_limit=60, rate_window_s=60, slots=4, usual_s=None, limit=2)

    assert (sums.jobs, sums.to_send, sums.minutes) == (3, 2, 2.5)


def test_totals_count_what_is_to_be_sent() -> None:
    """Minutes as far as they are known, and how many are not."""
    rows = [
        entry("a", "1", Action.NEW, minutes=2.0),
        entry("b", "2", Action.CHANGED),
        entry("c", "3", Action.REDO, minutes=0.5),
        entry("d", "4", Action.UNCHANGED, minutes=100.0),
    ]
    sums = totals(rows, rate_limit=60, rate_window_s=60.0, slots=None, usual_s=None)

    assert (sums.jobs, sums.to_send, sums.minutes, sums.unknown_minutes) == (4, 3, 2.5, 1)


@pytest.mark.parametrize(
    ("jobs", "rate", "slots", "usual_s", "eta_s"),
    [
        (0, 60, 4, 100.0, 0.0),
        (1, 60, 4, 100.0, 100.0),
        (4, 60, 4, 100.0, 100.0),
        (5, 60, 4, 100.0, 200.0),
        (5, 60, None, None, 240.0),
        (3, 1, 100, 10.0, 130.0),
        (60, 60, 100, 10.0, 10.0),
        (61, 60, 100, 10.0, 70.0),
    ],
)
def test_the_time_is_what_rate_and_slots_allow_at_best(
    jobs: int, rate: int, slots: int | None, usual_s: float | None, eta_s: float
) -> None:
    """Whichever is the narrower; before anything was learned, four slots and two minutes a job."""
    rows = [entry(str(n), str(n), Action.NEW) for n in range(jobs)]

    assert totals(rows, rate_limit=rate, rate_window_s=60.0, slots=slots, usual_s=usual_s).eta_s == eta_s
