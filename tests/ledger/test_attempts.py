"""Paid once: what may be sent, what came of it, and what is asked for first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubbatch.errors import LedgerError
from dubbatch.jobs import ACCEPTED, LIVE, Attempt, Job, JobRecord, JobState, Media, Outcome
from dubbatch.ledger.attempts import next_number, serving
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger

MakeRecord = Callable[..., JobRecord]
Begin = Callable[..., list[JobRecord]]
MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def record(begin: Begin, make_record: MakeRecord) -> JobRecord:
    return begin([make_record("a")])[0]


def now(ledger: Ledger, record: JobRecord) -> JobRecord:
    """The job as it is by now."""
    current = ledger.jobs.get(record.batch, record.job.id)
    assert current is not None
    return current


#: Between the sends at 100 s and the redone ones at 200 s after the epoch.
ASKED = "1970-01-01T00:02:30+00:00"


def send(ledger: Ledger, record: JobRecord, attempt: Attempt, *, redo: bool = False) -> int:
    number = ledger.attempts.begin_send(now(ledger, record), attempt, 200.0 if redo else 100.0, redo=redo)
    assert number is not None
    return number


def buy(ledger: Ledger, record: JobRecord, attempt: Attempt, *, redo: bool = False) -> Attempt:
    """Send it, and have it accepted and completed."""
    number = send(ledger, record, attempt, redo=redo)
    accepted = ledger.attempts.accepted(number, attempt.reference, f"id-{attempt.reference}", 101.0)
    return ledger.attempts.update(replace(accepted, state=JobState.COMPLETED))


def plan_again(begin: Begin, record: JobRecord) -> JobRecord:
    """What a plan does that buys the row again."""
    return begin([replace(record, state=JobState.PENDING, reference="")])[0]


def test_a_send_is_on_disk_before_anything_leaves(
    ledger: Ledger, path: Path, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """A second connection, as the next run's is after a crash, sees it with no answer."""
    attempt = make_attempt(record)
    send(ledger, record, attempt)
    with Ledger(path) as other:
        known = other.attempts.get(attempt.reference)
        (sent,) = other.attempts.sends(attempt.reference)
        job = now(other, record)

    assert known == replace(attempt, state=JobState.SUBMITTING)
    assert (sent.started, sent.ended, sent.outcome) == (100.0, None, None)
    assert sent.may_have_been_accepted
    assert (job.state, job.reference) == (JobState.SUBMITTING, attempt.reference)


@pytest.mark.parametrize("state", sorted(LIVE | ACCEPTED))
def test_what_may_be_at_the_service_is_not_sent(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt, state: JobState
) -> None:
    """Not even on a person's word while it runs: another run was faster, and its attempt serves the job."""
    attempt = make_attempt(record)
    ledger.attempts.update(replace(attempt, state=state))

    for redo in (False, True):
        assert ledger.attempts.begin_send(now(ledger, record), attempt, 100.0, redo=redo) is None
    assert ledger.attempts.sends(attempt.reference) == []
    assert (now(ledger, record).state, now(ledger, record).reference) == (state, attempt.reference)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_redo_waits_for_the_attempt_that_is_under_way(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt, state: JobState
) -> None:
    """The next number would pay for the same work beside the one that runs."""
    ledger.attempts.update(make_attempt(record, state=state, request_id="id"))

    assert ledger.attempts.begin_send(record, make_attempt(record, 2), 100.0, redo=True) is None
    assert now(ledger, record).state is state


def test_an_attempt_that_was_accepted_and_failed_is_not_sent_again(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """Another try has the next number."""
    ledger.attempts.update(make_attempt(record, state=JobState.FAILED, request_id="id"))

    assert ledger.attempts.begin_send(record, make_attempt(record), 100.0) is None
    assert now(ledger, record).state is JobState.PENDING
    assert ledger.attempts.begin_send(record, make_attempt(record, 2), 100.0) is not None


@pytest.mark.parametrize("state", sorted(LIVE | {JobState.COMPLETED}))
def test_identical_work_is_followed_instead_of_sent(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt, state: JobState
) -> None:
    """Of another row, in whatever state it is that can still bring the output."""
    a, b = begin([make_record("a", fingerprint="same"), make_record("b", fingerprint="same")])
    twin = ledger.attempts.update(make_attempt(a, state=state, request_id="id"))

    assert ledger.attempts.begin_send(b, make_attempt(b), 100.0) is None
    assert now(ledger, b).reference == twin.reference
    assert now(ledger, b).state is state
    assert ledger.attempts.get(make_attempt(b).reference) is None


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.PENDING])
def test_identical_work_that_brought_nothing_is_sent(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt, state: JobState
) -> None:
    """Nobody would get an output otherwise."""
    a, b = begin([make_record("a", fingerprint="same"), make_record("b", fingerprint="same")])
    ledger.attempts.update(make_attempt(a, state=state))

    assert ledger.attempts.begin_send(b, make_attempt(b), 100.0) is not None


def test_finished_work_serves_before_running_work() -> None:
    """And a failed or pending attempt serves nobody."""
    media = Media("u", url="https://h/u")
    job = Job(id="a", video=media, audio=media, output="o", position=0)
    order = [JobState.COMPLETED, JobState.PROCESSING, JobState.QUEUED, JobState.UNSURE, JobState.SUBMITTING]
    attempts = [
        Attempt(reference=state, stem="s", n=1, batch="b", job=job.id, fingerprint="f", state=state)
        for state in JobState
    ]
    served = []
    while found := serving(attempts):
        served.append(found.state)
        attempts.remove(found)

    assert [state for state in served if state is not JobState.STALLED] == order
    assert set(served) == LIVE | {JobState.COMPLETED}


def test_the_ends_of_a_send(ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt) -> None:
    """Accepted, refused for now, refused for good, unknown: what is written of send, attempt and job."""
    records = begin([make_record(name) for name in ("accepted", "refused", "rejected", "unsure")])
    ends: dict[str, tuple[Outcome, JobState, str]] = {}
    for record in records:
        attempt = make_attempt(record)
        number, table, reference = send(ledger, record, attempt), ledger.attempts, attempt.reference
        match record.job.id:
            case "accepted":
                table.accepted(number, reference, "the-id", 7.0)
            case "refused":
                table.refused(number, reference, 7.0)
            case "rejected":
                table.rejected(number, reference, 7.0, error="bad row", hint="mend it")
            case "unsure":
                table.unsure(number, reference, 7.0, error="no answer")
        (sent,) = table.sends(reference)
        ended, job = table.get(reference), now(ledger, record)
        assert ended is not None
        assert sent.ended == 7.0
        assert sent.outcome is not None
        assert job.state is ended.state
        assert (job.error, job.hint) == (ended.error, ended.hint)
        ends[record.job.id] = (sent.outcome, ended.state, ended.request_id or ended.error)

    assert ends == {
        "accepted": (Outcome.ACCEPTED, JobState.QUEUED, "the-id"),
        "refused": (Outcome.REFUSED, JobState.PENDING, ""),
        "rejected": (Outcome.REFUSED, JobState.FAILED, "bad row"),
        "unsure": (Outcome.UNKNOWN, JobState.UNSURE, "no answer"),
    }


def test_an_end_without_its_attempt_is_a_ledgers_error(ledger: Ledger) -> None:
    """A ledger that was swapped while it was used."""
    with pytest.raises(LedgerError, match="not in the ledger"):
        ledger.attempts.accepted(1, "nobody", "id", 7.0)


def test_a_send_that_was_refused_may_be_sent_again_under_the_same_reference(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """Its job waits without an attempt meanwhile."""
    attempt = make_attempt(record)
    ledger.attempts.refused(send(ledger, record, attempt), attempt.reference, 101.0)

    assert now(ledger, record).reference == ""
    assert ledger.attempts.was_sent(attempt.reference)
    assert next_number(ledger.attempts.of_stem(attempt.stem)) == 1

    send(ledger, record, attempt)

    assert len(ledger.attempts.sends(attempt.reference)) == 2


def test_the_numbers_of_a_jobs_attempts_have_no_gaps(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """A refusal, for now or for good, leaves the number to the next send; so a lost ledger finds them all."""
    attempts, stem = ledger.attempts, make_attempt(record).stem
    assert next_number([]) == 1
    first = make_attempt(record)
    attempts.refused(send(ledger, record, first), first.reference, 1.0)
    attempts.rejected(send(ledger, record, first), first.reference, 2.0, error="bad")
    assert next_number(attempts.of_stem(stem)) == 1

    attempts.free_jobs(now_attempt(ledger, first))
    number = send(ledger, record, first)
    attempts.update(replace(attempts.accepted(number, first.reference, "id", 3.0), state=JobState.FAILED))
    assert next_number(attempts.of_stem(stem)) == 2

    attempts.free_jobs(now_attempt(ledger, first))
    second = make_attempt(record, 2)
    attempts.refused(send(ledger, record, second), second.reference, 4.0)
    assert next_number(attempts.of_stem(stem)) == 2


def test_news_of_an_attempt_reach_its_jobs(ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt) -> None:
    """With the reason of a failure, and what to do about it."""
    attempt = make_attempt(record)
    taken = ledger.attempts.accepted(send(ledger, record, attempt), attempt.reference, "id", 1.0)
    ledger.attempts.update(replace(taken, state=JobState.FAILED, error="why", hint="what to do"))

    job = now(ledger, record)

    assert (job.state, job.error, job.hint) == (JobState.FAILED, "why", "what to do")


def test_a_second_attempt_is_due_once_its_jobs_are_free(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """All the jobs that the failed one served, each in its batch."""
    (a,) = begin([make_record("a", fingerprint="same")])
    (b,) = begin([make_record("b", fingerprint="same")], batch="c")
    first = make_attempt(a)
    taken = ledger.attempts.accepted(send(ledger, a, first), first.reference, "id", 1.0)
    assert ledger.attempts.begin_send(b, make_attempt(b), 100.0) is None
    ledger.attempts.update(replace(taken, state=JobState.FAILED, error="internal error"))
    ledger.attempts.free_jobs(now_attempt(ledger, first))

    assert [(now(ledger, job).state, now(ledger, job).reference) for job in (a, b)] == [(JobState.PENDING, "")] * 2
    assert ledger.attempts.tries(first.fingerprint) == 1


def test_doubt_remains_of_work_whose_send_was_settled_with_a_no(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """A request may come late: it is asked for once more before every later POST. A refusal leaves no doubt."""
    lost, refused, crashed = begin([make_record(name, fingerprint="same") for name in ("lost", "refused", "crashed")])
    table = ledger.attempts
    ends = {record.job.id: make_attempt(record) for record in (lost, refused, crashed)}
    unsure = table.unsure(send(ledger, lost, ends["lost"]), ends["lost"].reference, 1.0, error="no answer")
    assert table.in_doubt("same", "") == []
    table.update(replace(unsure, state=JobState.PENDING))
    table.refused(send(ledger, refused, ends["refused"]), ends["refused"].reference, 1.0)
    send(ledger, crashed, ends["crashed"])
    table.update(ends["crashed"])

    assert [attempt.job for attempt in table.in_doubt("same", "")] == ["crashed", "lost"]
    assert table.in_doubt("other", "") == []
    assert [attempt.job for attempt in table.in_doubt("other", ends["lost"].stem)] == ["lost"]


def test_a_crash_leaves_what_is_to_be_settled_first(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """Submitting and unsure, of this batch; what is at the service is followed, also another batch's."""
    a, b, c, d = begin([make_record(name) for name in "abcd"])
    (e, f) = begin([make_record("e"), make_record("f")], batch="c")
    send(ledger, a, make_attempt(a))
    ledger.attempts.unsure(send(ledger, b, make_attempt(b)), make_attempt(b).reference, 1.0, error="no answer")
    for record, state in ((c, JobState.PROCESSING), (d, JobState.STALLED), (e, JobState.QUEUED), (f, JobState.QUEUED)):
        ledger.attempts.update(make_attempt(record, state=state, request_id="id"))
    begin([a, b, c, d, make_record("served", state=JobState.QUEUED, reference=make_attempt(e).reference)])

    assert [attempt.job for attempt in ledger.attempts.to_settle("b")] == ["a", "b"]
    assert [attempt.job for attempt in ledger.attempts.to_follow("b")] == ["c", "d", "e"]
    assert [attempt.job for attempt in ledger.attempts.to_follow("c")] == ["e", "f"]


def test_a_finished_attempt_of_a_row_that_was_edited_is_still_to_be_saved(
    ledger: Ledger, begin: Begin, record: JobRecord, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """It is paid for. The row itself is other work now."""
    attempt = buy(ledger, record, make_attempt(record))
    assert ledger.attempts.to_save("b", 10) == []
    begin([make_record("a", fingerprint="other")])

    assert ledger.attempts.to_save("b", 10) == [attempt]
    assert ledger.attempts.to_save("c", 10) == []


def test_a_request_found_in_the_account_is_taken_over(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """Without a send of this ledger's own."""
    found = make_attempt(record, state=JobState.PROCESSING, request_id="id", created_at="2026-01-01T00:00:00Z")
    ledger.attempts.adopt(record, found)

    assert ledger.attempts.get(found.reference) == found
    assert now(ledger, record).state is JobState.PROCESSING
    assert not ledger.attempts.was_sent(found.reference)


def test_a_send_of_a_lost_ledger_is_presumed_unsure(
    ledger: Ledger, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """On the word of the host's permit log; it is settled like one of our own."""
    ledger.attempts.presume(record, make_attempt(record), 55.0)
    (sent,) = ledger.attempts.sends(make_attempt(record).reference)

    assert (sent.started, sent.outcome) == (55.0, Outcome.UNKNOWN)
    assert now(ledger, record).state is JobState.UNSURE
    assert [attempt.job for attempt in ledger.attempts.to_settle("b")] == ["a"]


def test_a_redo_buys_again_what_was_bought_and_only_once(
    ledger: Ledger, begin: Begin, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """The word is used up by the send that it led to."""
    buy(ledger, record, make_attempt(record))
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    again = plan_again(begin, now(ledger, record))
    assert ledger.jobs.open_redos("b") == {"a"}

    send(ledger, again, make_attempt(record, 2), redo=True)

    assert ledger.jobs.open_redos("b") == frozenset()
    assert now(ledger, record).reference == make_attempt(record, 2).reference


def test_a_redo_that_the_service_refused_for_now_is_not_forgotten(
    ledger: Ledger, begin: Begin, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """A 429 is no purchase: without the word, the old output would count as the new one."""
    buy(ledger, record, make_attempt(record))
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    again = plan_again(begin, now(ledger, record))
    second = make_attempt(record, 2)
    ledger.attempts.refused(send(ledger, again, second, redo=True), second.reference, 1.0)
    assert ledger.jobs.open_redos("b") == {"a"}

    buy(ledger, record, second, redo=True)

    assert ledger.jobs.open_redos("b") == frozenset()
    assert next_number(ledger.attempts.of_stem(second.stem)) == 3


def test_a_redo_whose_answer_was_lost_is_open_again_only_when_it_is_surely_absent(
    ledger: Ledger, begin: Begin, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """While it is unsure it may have been bought."""
    buy(ledger, record, make_attempt(record))
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    again = plan_again(begin, now(ledger, record))
    second = make_attempt(record, 2)
    number = send(ledger, again, second, redo=True)
    unsure = ledger.attempts.unsure(number, second.reference, 1.0, error="no answer")
    assert ledger.jobs.open_redos("b") == frozenset()

    ledger.attempts.update(replace(unsure, state=JobState.PENDING))

    assert ledger.jobs.open_redos("b") == {"a"}


def test_a_redo_that_failed_by_the_services_own_fault_is_tried_again(
    ledger: Ledger, begin: Begin, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """The second try of the new purchase is not served by the old one either; tries count from the redo."""
    buy(ledger, record, make_attempt(record))
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    again = plan_again(begin, now(ledger, record))
    second, third = make_attempt(record, 2), make_attempt(record, 3)
    assert ledger.attempts.tries(second.fingerprint) == 1
    failed = replace(buy(ledger, again, second, redo=True), state=JobState.FAILED, error="internal error")
    ledger.attempts.update(failed)
    assert ledger.jobs.open_redos("b") == frozenset()
    assert ledger.attempts.tries(second.fingerprint) == 1
    ledger.attempts.free_jobs(now_attempt(ledger, second))
    assert ledger.jobs.open_redos("b") == {"a"}

    buy(ledger, record, third, redo=True)

    assert ledger.attempts.tries(second.fingerprint) == 2
    assert ledger.jobs.open_redos("b") == frozenset()


def test_a_redo_of_a_row_that_was_edited_meanwhile_does_not_buy_for_ever(
    ledger: Ledger, begin: Begin, record: JobRecord, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """The refused attempt of the old work stays behind; the edited row is new work, bought as such."""
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    first = make_attempt(record)
    ledger.attempts.refused(send(ledger, record, first, redo=True), first.reference, 1.0)
    assert ledger.jobs.open_redos("b") == {"a"}

    begin([make_record("a", fingerprint="other")])

    assert ledger.jobs.open_redos("b") == frozenset()


def test_counts_tell_how_often_each_job_was_bought(
    ledger: Ledger, begin: Begin, record: JobRecord, make_attempt: MakeAttempt
) -> None:
    """Accepted attempts alone, for the report."""
    buy(ledger, record, make_attempt(record))
    ledger.jobs.ask_redo("b", ["a"], ASKED)
    again = plan_again(begin, now(ledger, record))
    second = make_attempt(record, 2)
    ledger.attempts.refused(send(ledger, again, second, redo=True), second.reference, 1.0)
    assert ledger.attempts.counts("b") == {"a": 1}

    buy(ledger, record, second, redo=True)

    assert ledger.attempts.counts("b") == {"a": 2}


def test_a_reference_of_the_teams_own_is_the_work_that_was_sent_under_it(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """Refused, then sent for the row as it was edited: the reference names the new work."""
    (record,) = begin([make_record("a", fingerprint="old")])
    attempt = make_attempt(record, reference="theirs", stem="theirs")
    ledger.attempts.refused(send(ledger, record, attempt), "theirs", 1.0)
    (edited,) = begin([make_record("a", fingerprint="new")])
    buy(ledger, edited, replace(attempt, fingerprint="new"))

    assert [known.reference for known in ledger.attempts.with_fingerprint("new")] == ["theirs"]
    assert ledger.attempts.with_fingerprint("old") == []


ACTIONS = st.sampled_from(
    ["begin", "redo", "twin", "accepted", "refused", "rejected", "unsure", "absent", "found", "advance", "fail", "free"]
)
NEXT = {
    JobState.QUEUED: JobState.PROCESSING,
    JobState.PROCESSING: JobState.COMPLETED,
    JobState.STALLED: JobState.PROCESSING,
}


class Run:
    """Two rows of identical work, and every call that scheduler, settler and poller make."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        media = Media("u", url="https://h/u")
        self.records = {
            name: JobRecord(
                batch="b",
                job=Job(id=name, video=media, audio=media, output="o", position=n),
                state=JobState.PENDING,
                fingerprint="same",
            )
            for n, name in enumerate("ab")
        }
        self.plan("a", "b")
        self.sends: dict[str, int] = {}
        self.bought = 0
        self.words = 0

    def plan(self, *changed: str) -> None:
        for name in "ab":
            if name not in changed:
                self.records[name] = now(self.ledger, self.records[name])
        row = BatchRow("b", "/m", "/o", "[]", "")
        self.ledger.jobs.begin_batch(row, [self.records[name] for name in "ab"])

    @property
    def attempts(self) -> list[Attempt]:
        return self.ledger.attempts.with_fingerprint("same")

    def begin(self, name: str) -> None:
        record = now(self.ledger, self.records[name])
        if record.state is not JobState.PENDING:
            return
        stem = f"stem-{name}"
        n = next_number(self.ledger.attempts.of_stem(stem))
        attempt = Attempt(
            reference=f"{stem}-{n}",
            stem=stem,
            n=n,
            batch="b",
            job=name,
            fingerprint="same",
            state=JobState.PENDING,
        )
        redo = name in self.ledger.jobs.open_redos("b")
        before = self.attempts
        number = self.ledger.attempts.begin_send(record, attempt, 200.0 if redo else 100.0, redo=redo)
        held = [known for known in before if known.state in (LIVE if redo else LIVE | ACCEPTED)]
        if number is not None:
            assert not [known for known in held if redo is False or known.stem == stem]
            self.sends[attempt.reference] = number
        else:
            assert held

    def redo(self) -> None:
        record = now(self.ledger, self.records["a"])
        own = self.ledger.attempts.get(record.reference) if record.reference else None
        if record.state in (JobState.COMPLETED, JobState.FAILED) and (own is None or own.state not in LIVE):
            self.ledger.jobs.ask_redo("b", ["a"], ASKED)
            self.words += 1
            self.records["a"] = replace(record, state=JobState.PENDING, reference="", error="")
            self.plan("a")

    def end(self, action: str) -> None:
        table = self.ledger.attempts
        for attempt in self.attempts:
            if attempt.state is JobState.SUBMITTING:
                number, reference = self.sends[attempt.reference], attempt.reference
                match action:
                    case "accepted":
                        table.accepted(number, reference, f"id-{reference}", 2.0)
                        self.bought += 1
                    case "refused":
                        table.refused(number, reference, 2.0)
                    case "rejected":
                        table.rejected(number, reference, 2.0, error="bad")
                    case "unsure":
                        table.unsure(number, reference, 2.0, error="lost")
                return

    def settle(self, action: str) -> None:
        for attempt in self.attempts:
            if attempt.state is JobState.UNSURE:
                if action == "absent":
                    self.ledger.attempts.update(replace(attempt, state=JobState.PENDING, error=""))
                else:
                    self.ledger.attempts.update(replace(attempt, state=JobState.QUEUED, request_id="late", error=""))
                    self.bought += 1
                return

    def follow(self, action: str) -> None:
        for attempt in self.attempts:
            if attempt.state in NEXT:
                state = JobState.FAILED if action == "fail" else NEXT[attempt.state]
                self.ledger.attempts.update(replace(attempt, state=state))
                return

    def free(self) -> None:
        for attempt in self.attempts:
            if attempt.state is JobState.FAILED and attempt.request_id:
                self.ledger.attempts.free_jobs(attempt)
                return

    def do(self, action: str) -> None:
        match action:
            case "begin":
                self.begin("a")
            case "twin":
                self.begin("b")
            case "redo":
                self.redo()
            case "accepted" | "refused" | "rejected" | "unsure":
                self.end(action)
            case "absent" | "found":
                self.settle(action)
            case "advance" | "fail":
                self.follow(action)
            case "free":
                self.free()

    def check(self) -> None:
        for name in "ab":
            accepted = [attempt.n for attempt in self.ledger.attempts.of_stem(f"stem-{name}") if attempt.request_id]
            assert accepted == list(range(1, len(accepted) + 1))
        failed = [attempt for attempt in self.attempts if attempt.state is JobState.FAILED]
        assert self.bought <= 1 + len(failed) + self.words


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=40))
def test_whatever_happens_work_is_bought_once_more_only_after_a_failure_or_on_a_persons_word(
    actions: list[str],
) -> None:
    """Any order of sends, answers, losses, findings and failures; and no illegal change on the way."""
    with Ledger(None) as ledger:
        run = Run(ledger)
        for action in actions:
            run.do(action)
            run.check()


def test_a_redo_of_identical_rows_buys_the_work_once(
    ledger: Ledger, begin: Begin, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    """The first row's new attempt answers the second row's word; one from before that word does not."""
    a, b = begin([make_record(name, fingerprint="same") for name in ("a", "b")])
    first = make_attempt(a)
    ledger.attempts.accepted(send(ledger, a, first), first.reference, "r1", 1.0)
    ledger.attempts.update(replace(now_attempt(ledger, first), state=JobState.FAILED))
    ledger.attempts.free_jobs(now_attempt(ledger, first))
    ledger.jobs.ask_redo("b", ["a", "b"], "2026-01-01T00:00:00+00:00")
    second = replace(first, reference=f"{first.stem}-2", n=2)
    asked = 1_767_225_600.0

    assert ledger.attempts.begin_send(now(ledger, a), second, asked + 1, redo=True) is not None
    assert ledger.attempts.begin_send(now(ledger, b), make_attempt(b), asked + 2, redo=True) is None
    assert now(ledger, b).reference == second.reference
    assert ledger.jobs.open_redos("b") == frozenset()


def now_attempt(ledger: Ledger, attempt: Attempt) -> Attempt:
    found = ledger.attempts.get(attempt.reference)
    assert found is not None
    return found
