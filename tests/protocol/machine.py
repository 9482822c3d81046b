"""The protocol of paying once as a state machine for hypothesis.

One example is the life of a project: runs of two batches with lost answers, invisible requests, broken
questions and deaths at chosen moments, and between them a ledger that is lost or set back, another machine,
edited rows, redos, and a clock that jumps. The service's model judges every POST (``service.py``); books and
ledger are compared when the last runs, without trouble, have ended.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dubbatch import identity
from dubbatch.jobs import LIVE, Attempt, Job, JobRecord, JobState, Media
from dubbatch.ledger.ledger import Ledger
from tests.protocol.books import Accepted, Work
from tests.protocol.host import Death, Host
from tests.protocol.script import LOST, REFUSED, Fate, Fault, How, Life, Trouble, Way, When
from tests.protocol.service import SETTLE_S, Service

ATTEMPTS = 2
ROWS = {"first": ("a", "b", "c"), "second": ("a", "d")}
TRACKS = ("one", "two", "three", "four", "five")
POST_MOMENTS = ("post: before", "post: accepted", "post: answered")
_VIDEO = "https://media.example.com/clip.mp4"
_AUDIO = "https://media.example.com/{}.wav"
#: Files without a disk under them: nothing here is about power cuts.
_MEMORY = Path("/dev/shm")

shares = st.sampled_from((0.0, 0.4, 1.0))
lives = st.sampled_from((Life.GOOD, Life.GOOD, Life.GOOD, Life.OWN_FAULT, Life.MEDIA_FAULT, Life.SLOW))
accepted_fates = st.builds(
    Fate, st.just(How.ACCEPTED), st.just(True), st.sampled_from((0.0, 30.0)), shares, shares, lives
)
lost_fates = st.builds(Fate, st.sampled_from(LOST), st.booleans(), st.sampled_from((0.0, 30.0)), shares, shares, lives)
refused_fates = st.builds(Fate, st.sampled_from(REFUSED), st.just(False))
fates = st.lists(st.one_of(lost_fates, lost_fates, accepted_fates, refused_fates), max_size=6)
faults = st.lists(
    st.builds(
        Fault,
        st.sampled_from(Trouble),
        st.sampled_from(Way),
        st.sampled_from((1, 2, 5, 30, 200)),
        st.sampled_from(When),
    ),
    max_size=5,
)
deaths = st.one_of(
    st.none(),
    st.builds(
        Death,
        st.sampled_from((*POST_MOMENTS, "question", "commit: after")),
        st.integers(1, 6),
    ),
    st.builds(Death, st.just(""), st.integers(1, 150)),
)
rows = st.sampled_from([(batch, job) for batch, jobs in ROWS.items() for job in jobs])


class Protocol(RuleBasedStateMachine):
    """A project, its machine and the service."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dubbatch-protocol-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.redos: Counter[str] = Counter()
        #: The rows that ever had this track: identical work, which one of them buys for all.
        self.sharers: dict[str, set[str]] = defaultdict(set)
        self.has_failed = False

    @initialize(
        newest_first=st.booleans(),
        page_size=st.sampled_from((1, 2, 100)),
        others=st.integers(0, 3),
        tracks=st.tuples(*[st.sampled_from(TRACKS)] * 5),
        given=st.booleans(),
        life=lives,
    )
    def begin(
        self, newest_first: bool, page_size: int, others: int, tracks: tuple[str, ...], given: bool, life: Life
    ) -> None:
        """Two sheets, some rows of the same work, and an account that others use too."""
        self.host = Host(self.folder, newest_first, page_size)
        self.service.usual_life = life
        for number in range(others):
            self.service.add("", ("other", "work"), -86400.0 + number, Fate())
        names = iter(tracks)
        self.sheets = {
            batch: {job: self._row(job, next(names), given=given and job == "c") for job in jobs}
            for batch, jobs in ROWS.items()
        }
        self.removed: dict[tuple[str, str], Job] = {}

    @property
    def service(self) -> Service:
        return self.host.service

    @rule(
        batch=st.sampled_from(list(ROWS)),
        fates=fates,
        faults=faults,
        death=deaths,
        concurrency=st.sampled_from((None, 1)),
    )
    def run(
        self, batch: str, fates: list[Fate], faults: list[Fault], death: Death | None, concurrency: int | None
    ) -> None:
        self._run(batch, fates=fates, faults=faults, death=death, concurrency=concurrency)

    @rule(fates=fates, faults=faults, death=deaths)
    def run_both(self, fates: list[Fate], faults: list[Fault], death: Death | None) -> None:
        self._run(*ROWS, fates=fates, faults=faults, death=death)

    @rule(what=st.sampled_from(("lost", "moved", "copied", "restored")))
    def befall_the_ledger(self, what: str) -> None:
        """It is lost, or left behind with the machine, or kept in a copy, or set back to that copy."""
        match what:
            case "lost":
                self.host.lose_ledger()
            case "moved":
                self.host.move()
            case "copied":
                self.host.keep_copy()
            case "restored" if self.host.has_copy:
                self.host.restore_copy()

    @rule(seconds=st.sampled_from((1.0, SETTLE_S, 4000.0)), clock_error_s=st.sampled_from((0.0, -1500.0, 1500.0)))
    def pass_time(self, seconds: float, clock_error_s: float) -> None:
        self.host.pass_time(seconds)
        self.host.set_clock(clock_error_s)

    @rule(row=rows, track=st.sampled_from(("", *TRACKS)))
    def edit(self, row: tuple[str, str], track: str) -> None:
        """Give a row another track; none takes it out of its sheet, or puts it back."""
        batch, job = row
        sheet = self.sheets[batch]
        if track and job in sheet:
            sheet[job] = self._row(job, track, given=bool(sheet[job].reference_id))
        elif row in self.removed:
            sheet[job] = self.removed.pop(row)
        elif job in sheet and len(sheet) > 1:
            self.removed[row] = sheet.pop(job)

    @rule(row=rows)
    def ask_redo(self, row: tuple[str, str]) -> None:
        batch, job = row
        if job in self.sheets[batch]:
            self.host.ask_redo(batch, job)
            self.redos[job] += 1

    def _row(self, job: str, track: str, *, given: bool) -> Job:
        self.sharers[_AUDIO.format(track)].add(job)
        return Job(
            id=job,
            video=Media(_VIDEO, url=_VIDEO),
            audio=Media(_AUDIO.format(track), url=_AUDIO.format(track)),
            output=f"{job}.mp4",
            position=ord(job),
            reference_id="promo" if given else "",
        )

    def teardown(self) -> None:
        try:
            if hasattr(self, "host") and not self.has_failed:
                self.come_to_the_end()
        finally:
            shutil.rmtree(self.folder)

    def _run(self, *batches: str, **trouble: Any) -> bool:
        self.has_failed = True
        manifests = {batch: list(self.sheets[batch].values()) for batch in batches}
        lived = self.host.run(manifests, attempts=ATTEMPTS, **trouble)
        assert not self.service.violations, self.service.violations
        self._check_attempts()
        self.has_failed = False
        return lived

    def _check_attempts(self) -> None:
        """No work of a row was bought oftener than allowed, and none under one reference twice."""
        ours = [request for request in self.service.requests if request.reference]
        assert max(Counter(request.reference for request in ours).values(), default=0) <= 1
        bought = Counter((_stem(request), request.work) for request in ours)
        for (stem, _), times in bought.items():
            assert times <= ATTEMPTS * (1 + sum(self.redos.values())), f"{stem} was bought {times} times"
        if self.service.ledger_lost_s < 0:
            for work, times in Counter(request.work for request in ours).items():
                assert times <= ATTEMPTS * (1 + sum(self.redos.values())), f"{work} was bought {times} times"

    def come_to_the_end(self) -> None:
        """Run without trouble until nothing is left to do; compare the ledger with the service's books."""
        for _ in range(2):
            assert self._run(*ROWS)
            self.host.pass_time(3600.0)
        posts = len(self.service.posts)
        assert self._run(*ROWS)
        assert len(self.service.posts) == posts, "a run after the end has sent something"
        for batch in ROWS:
            for record, attempt in self.host.look(partial(_state, batch)):
                self._check_end(record, attempt)
        for request in self._expected():
            attempt = self.host.look(partial(_attempt, request.reference))
            assert attempt is not None, f"{request.reference} is paid and unknown"
            assert attempt.request_id == request.id

    def _check_end(self, record: JobRecord, attempt: Attempt | None) -> None:
        assert attempt is None or attempt.state not in LIVE, (record, attempt)
        if not record.present:
            return
        if record.state is JobState.BLOCKED:
            assert record.job.reference_id
            assert record.error
            return
        assert record.state in (JobState.COMPLETED, JobState.FAILED), record
        assert bool(record.error) == (record.state is JobState.FAILED)
        assert attempt is not None
        if record.state is JobState.COMPLETED or attempt.request_id:
            (request,) = [known for known in self.service.requests if known.id == attempt.request_id]
            # A reference that the team chose says nothing of the work, and the log of permits knows no more.
            is_lost = bool(record.job.reference_id) and self.service.ledger_lost_s >= 0
            assert is_lost or request.work == _work(record.job), "another work's output"
            has_failed = request.life in (Life.OWN_FAULT, Life.MEDIA_FAULT)
            assert has_failed == (record.state is JobState.FAILED), (record, request)

    def _expected(self) -> Iterator[Accepted]:
        """What the ledger must know of the books: all, or after a loss what the rows as they are now lead to.

        A row that has an output is not asked for: by a ledger from before a redo, or by one that has bought the
        same work for another row because it did not know of this one's.
        """
        is_lost = self.service.ledger_lost_s >= 0
        rows = [job for sheet in self.sheets.values() for job in sheet.values() if not job.reference_id]
        stems = {_stem_of(job): _work(job) for job in rows if len(self.sharers[_work(job)[1]]) == 1 and not self.redos}
        for request in self.service.requests:
            if request.reference and (not is_lost or stems.get(_stem(request)) == request.work):
                yield request


def _work(job: Job) -> Work:
    return (job.video.url or "", job.audio.url or "")


def _stem_of(job: Job) -> str:
    work = identity.fingerprint(*map(identity.url_key, _work(job)))
    return identity.references(job.id, work, job.reference_id).stem


def _stem(request: Accepted) -> str:
    stem, dash, number = request.reference.rpartition("-")
    return stem if dash and number.isdigit() else request.reference


def _state(batch: str, ledger: Ledger) -> list[tuple[JobRecord, Attempt | None]]:
    return [(record, ledger.attempts.get(record.reference)) for record in ledger.jobs.all(batch)]


def _attempt(reference: str, ledger: Ledger) -> Attempt | None:
    return ledger.attempts.get(reference)
