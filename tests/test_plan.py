"""What a run will do with each row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.jobs import LIVE, Attempt, Job, JobRecord, JobState, Media
from dubbatch.manifest.problems import Finding
from dubbatch.plan import SENDS, Action, Known, Length, Planned, decide, examined, length_of, minutes_of, twins_within

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
    planned = decide("b", job, "work", known)

    assert (planned.action, planned.record.state, planned.record.reference) == (action, state, reference)
    assert why in planned.reason
    assert planned.record == replace(planned.record, batch="b", job=job, fingerprint="work", present=True)
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


@pytest.mark.parametrize(
    ("video_s", "audio_s", "minutes", "seconds", "is_known"),
    [
        (10.0, 12.0, None, 12.0, True),
        (12.0, 10.0, 5.0, 12.0, True),
        (None, None, None, None, False),
        (10.0, None, None, 10.0, False),
        (None, 10.0, None, 10.0, False),
        (None, None, 2.0, 120.0, True),
        (10.0, None, 2.0, 120.0, True),
        (300.0, None, 2.0, 300.0, True),
    ],
)
def test_a_job_is_as_long_as_the_longer_of_its_media(
    video_s: float | None, audio_s: float | None, minutes: float | None, seconds: float | None, is_known: bool
) -> None:
    """Where one of them is not known, the other may be longer; what the team states stands in for it."""
    assert length_of(video_s, audio_s, minutes) == Length(seconds, is_known)


ODD = Finding("the picture is odd", "look at it", "warning", "video")
BROKEN = Finding("the file is cut", "export it again", "error", "audio")
DUE = Planned(JobRecord(batch="b", job=JOB, state=P, fingerprint="work"), Action.NEW, "not sent yet")


def test_an_error_in_the_media_blocks_the_job_and_a_warning_goes_along() -> None:
    """Both are told with what to do."""
    passed = examined(DUE, [ODD], Length(90.0, True))
    blocked = examined(DUE, [ODD, BROKEN], Length(90.0, True))

    assert (passed.action, passed.record.state, passed.record.length_s) == (Action.NEW, P, 90.0)
    assert passed.record.warnings == ("the picture is odd",)
    assert (blocked.action, blocked.record.state) == (Action.BLOCKED, B)
    assert (blocked.record.error, blocked.record.hint) == ("the file is cut", "export it again")
    assert blocked.record.warnings == ("the picture is odd",)


def test_strictly_a_warning_blocks_as_an_error_does() -> None:
    """And each is told once."""
    judged = examined(DUE, [ODD, BROKEN, ODD], Length(90.0, True), is_strict=True)

    assert (judged.action, judged.record.warnings) == (Action.BLOCKED, ())
    assert judged.record.error == "the picture is odd; the file is cut"
    assert judged.record.hint == "look at it; export it again"


def test_under_a_cap_a_job_of_unknown_length_is_blocked_until_it_is_known() -> None:
    """What could not be measured could be of any length."""
    blocked = examined(DUE, [], Length(90.0, False), must_know_length=True)

    assert blocked.action is Action.BLOCKED
    assert "a column minutes" in blocked.record.hint
    assert examined(DUE, [], Length(90.0, True), must_know_length=True).action is Action.NEW
    assert examined(DUE, [], Length(90.0, False)).action is Action.NEW


VIDEO, VOICE = Media("v.mp4", path=Path("/m/v.mp4")), Media("a.wav", path=Path("/m/a.wav"))
UPLOAD = replace(JOB, video=VIDEO, audio=VOICE)


@pytest.mark.parametrize(
    ("now", "keys", "reason"),
    [
        ({}, ("v2", "a1"), "the content of the video v.mp4 has changed"),
        ({}, ("v1", "a2"), "the content of the audio a.wav has changed"),
        (
            {"audio": Media("b.wav", path=Path("/m/b.wav"))},
            ("v1", "a2"),
            "the audio is b.wav, it was a.wav",
        ),
        (
            {"video": Media("u", url="https://h/v.mp4?X-Amz-Signature=secret")},
            ("v2", "a1"),
            "the video is u, it was v.mp4",
        ),
        ({"disable_active_speaker_detection": True}, ("v1", "a1"), "disable_active_speaker_detection is on now"),
        ({"model": "lipsync-3"}, ("v1", "a1"), "the model is lipsync-3, it was the default one"),
        (
            {"model": "lipsync-3"},
            ("v2", "a1"),
            "the content of the video v.mp4 has changed; the model is lipsync-3, it was the default one",
        ),
        # A file that has another name and the same content is the same work; an old ledger has no keys.
        ({"audio": Media("b.wav", path=Path("/m/b.wav"))}, ("v1", "a1"), "video, audio or options are not what"),
    ],
)
def test_a_changed_row_tells_what_has_changed(now: dict[str, Any], keys: tuple[str, str], reason: str) -> None:
    """As far as the ledger can tell."""
    old = JobRecord(batch="b", job=UPLOAD, state=D, fingerprint="old", reference="r", video_key="v1", audio_key="a1")

    planned = decide("b", replace(UPLOAD, **now), "work", Known(record=old), keys=keys)

    assert planned.action is Action.CHANGED
    assert planned.reason.startswith(reason)
