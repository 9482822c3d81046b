"""A model of the service, written from its contract alone, with books of all it was asked and sent.

It has the methods of the client that the run's pieces call. What a POST comes to and how a question is
answered is scripted from outside (``Fate``, ``Fault``); its own judgement is in ``violations``: what the
service, who knows what it accepted, must never see.

The one promise it keeps, which the documentation of ``--settle`` names: a request is visible for good
before ``settle`` seconds have passed since its POST ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat

from dubbatch.api.answers import Verdict, error_of, judge
from dubbatch.api.wire import Page, Request, read_page, read_request
from dubbatch.errors import ServiceUnreachable, UnreadableAnswer
from dubbatch.jobs import Outcome
from tests.protocol.books import Accepted, No, Post, Reading, Work
from tests.protocol.script import Fate, Fault, How, Life, Trouble, Way, When, answer

SETTLE_S = 120.0
#: A question's way there and back; a POST's, where nothing is scripted.
ANSWER_S = 0.1
#: Until the client calls a silent service away.
TIMEOUT_S = 60.0
#: More than the life of one project here can need.
MOST_POSTS = 200
#: The share of ``settle`` within which a request may still be invisible.
_SURELY_VISIBLE = 0.95


@dataclass
class Service:
    """The account. ``reached`` is called where a process may die; ``wall`` is the host's clock."""

    newest_first: bool
    page_size: int
    reached: Callable[[str], None]
    wall: Callable[[], float]
    #: What a fresh look into the ledger's file says: is a send of this reference on record, unanswered?
    is_on_record: Callable[[str], bool]
    requests: list[Accepted] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    noes: dict[str, list[No]] = field(default_factory=dict)
    #: When each run of this process was last granted a permit for each reference.
    permits: dict[str, dict[str, float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    #: When the process that asks now has begun; when its ledger was last lost or set back.
    process_s: float = 0.0
    ledger_lost_s: float = -1.0
    #: When the work went to another machine, with neither ledger nor log of permits.
    moved_s: float = -1.0
    #: The latest time that the host's clock has shown before it was set.
    latest_wall_s: float = 0.0
    questions: int = 0
    #: What becomes of requests whose fate is not scripted.
    usual_life: Life = Life.GOOD

    def __post_init__(self) -> None:
        self.script((), ())
        self._readings: list[Reading] = []

    def script(self, fates: Iterable[Fate], faults: Sequence[Fault]) -> None:
        """A new process, and what becomes of its first POSTs and questions; those after them go as usual."""
        self.permits.clear()
        self._fates = chain(fates, repeat(Fate(life=self.usual_life)))
        self._faults = {way: [fault for fault in faults if fault.way is way] for way in Way}

    def add(self, reference: str, work: Work, created_s: float, fate: Fate) -> Accepted:
        span_s = _SURELY_VISIBLE * SETTLE_S
        request = Accepted(
            id=f"00000000-0000-4000-8000-{len(self.requests):012}",
            reference=reference,
            work=work,
            created_s=created_s,
            listed_from_s=created_s + fate.hidden_from_list * span_s,
            known_from_s=created_s + fate.hidden_from_get * span_s,
            visible_from_s=created_s + span_s,
            life=fate.life,
        )
        self.requests.append(request)
        return request

    # The client's methods.

    async def generate(
        self, video_url: str, audio_url: str, *, reference_id: str, disable_active_speaker_detection: bool = False
    ) -> Verdict:
        work = (video_url, audio_url)
        fate = next(self._fates)
        self.reached("post: before")
        post = Post(reference_id, work, _now(), self.wall())
        self._judge(post)
        self.posts.append(post)
        assert len(self.posts) < MOST_POSTS, "it sends and sends"
        request: Accepted | None = None

        def arrive() -> None:
            nonlocal request
            if request is None and fate.accepted:
                request = self.add(reference_id, work, _now(), fate)

        answered_s = TIMEOUT_S if fate.how is How.SILENCE else max(ANSWER_S, fate.travel_s)
        try:
            await asyncio.sleep(min(fate.travel_s, answered_s))
            arrive()
            self.reached("post: accepted")
            await asyncio.sleep(answered_s - min(fate.travel_s, answered_s))
            self.reached("post: answered")
        finally:
            # What has left arrives, whatever has become of the sender.
            arrive()
            post.ended_s = _now()
        verdict = judge(answer(fate.how, request.id if request else ""))
        post.outcome = verdict.outcome
        return verdict

    async def get_request(self, id_or_reference: str) -> Request:
        asked_s, trouble = await self._question(Way.SINGLE, id_or_reference)
        now = _now()
        horizon_s = "visible_from_s" if trouble is Trouble.STALE else "known_from_s"
        found = [
            request
            for request in self.requests
            if id_or_reference in (request.id, request.reference) and now >= getattr(request, horizon_s)
        ]
        if not found:
            self._said_no(id_or_reference, by_list=False, asked_s=asked_s)
            raise error_of(404, b'{"error": "not found"}', None, "GET", one=True)
        request = read_request(json.dumps(found[0].body(now, odd=trouble is Trouble.NO_LINK)).encode())
        if id_or_reference not in (request.id, request.reference_id):
            raise UnreadableAnswer("the service answered with another request than was asked for")
        return request

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        asked_s, trouble = await self._question(Way.FILTER if reference_id else Way.LIST, reference_id or "")
        now = _now()
        horizon_s = "visible_from_s" if trouble is Trouble.STALE else "listed_from_s"
        listed = [
            request
            for request in sorted(self.requests, key=lambda known: known.created_s, reverse=self.newest_first)
            if now >= getattr(request, horizon_s) and reference_id in (None, request.reference)
        ]
        size = min(limit, self.page_size)
        if reference_id is None:
            self._read_on(asked_s, range(offset, offset + size), listed)
        elif not listed:
            self._said_no(reference_id, by_list=True, asked_s=asked_s)
        data = [request.body(now, odd=trouble is Trouble.NO_LINK) for request in listed[offset : offset + size]]
        pagination = {"limit": size, "offset": offset, "total": len(listed)}
        return read_page(json.dumps({"data": data or None, "pagination": pagination}).encode())

    async def _question(self, way: Way, about: str) -> tuple[float, Trouble | None]:
        """What every question goes through: when it was asked, what is wrong with its answer. Raises ServiceError."""
        asked_s = _now()
        self.reached("question")
        self.questions += 1
        trouble = self._trouble(way, about)
        await asyncio.sleep(TIMEOUT_S if trouble is Trouble.BROKEN else ANSWER_S)
        match trouble:
            case Trouble.BROKEN:
                raise ServiceUnreachable("silent for 60 s")
            case Trouble.RATE:
                raise error_of(429, b'{"error": "rate limit exceeded"}', None, "GET")
            case Trouble.RATE_LATER:
                raise error_of(429, b'{"error": "rate limit exceeded"}', 30.0, "GET")
            case Trouble.INTERNAL:
                raise error_of(500, b'{"error": "internal error"}', None, "GET")
            case Trouble.NOT_FOUND_PAGE:
                raise error_of(404, b"<html>not found</html>", None, "GET", one=True)
            case Trouble.PAGE | Trouble.CUT:
                read_page(b"<html>please wait</html>" if trouble is Trouble.PAGE else b'{"data": [], "pagin')
        return asked_s, trouble

    def _trouble(self, way: Way, about: str) -> Trouble | None:
        faults = self._faults[way]
        if not faults or faults[0].when not in self._phases(about):
            return None
        begun = faults.pop(0)
        if begun.questions > 1:
            # Once begun, it goes on, whatever is asked for.
            faults.insert(0, replace(begun, questions=begun.questions - 1, when=When.ANY))
        return begun.trouble

    def _phases(self, reference: str) -> set[When]:
        """Which moments in the life of a POST in doubt this one is."""
        doubtful = [post for post in self.posts if post.reference == reference and self._is_in_doubt(post)]
        phases = {When.ANY}
        if any(_now() >= (post.ended_s or _now()) + SETTLE_S for post in doubtful):
            phases.add(When.DUE)
        if any(self._permitted_s(reference) > (post.ended_s or _now()) for post in doubtful):
            phases.add(When.LAST)
        return phases

    def _read_on(self, asked_s: float, places: range, listed: Sequence[Accepted]) -> None:
        """A page of the whole list was read: when all are, that is a "no" for what is not among them.

        Several readers at once are not told apart: any of them may have read a page.
        """
        if places.start == 0:
            self._readings = [*self._readings[-9:], Reading(asked_s)]
        for reading in self._readings:
            reading.places.update(places)
        whole = [reading for reading in self._readings if reading.places.issuperset(range(len(listed)))]
        absent = {post.reference for post in self.posts} - {request.reference for request in listed}
        for reading in whole:
            self._readings.remove(reading)
            for reference in absent:
                self._said_no(reference, by_list=True, asked_s=reading.asked_s)

    def _said_no(self, reference: str, *, by_list: bool, asked_s: float) -> None:
        self.noes.setdefault(reference, []).append(No(by_list, asked_s, self.process_s))

    # What must never be seen here.

    def _judge(self, post: Post) -> None:
        if not self.is_on_record(post.reference):
            self._accuse(post, "left before it was on record")
        if any(request.reference == post.reference for request in self.requests):
            self._accuse(post, "has been accepted before")
        for earlier in self.posts:
            if earlier.reference == post.reference and self._is_in_doubt(earlier):
                self._judge_after(earlier, post)

    def _is_in_doubt(self, post: Post) -> bool:
        """Whether the client can't know that this was refused, and has means to know of it at all."""
        if post.outcome not in (None, Outcome.UNKNOWN) or self.moved_s >= post.started_s:
            return False
        # A ledger that was lost took the send with it; the log of permits keeps it for an hour of the host's clock.
        is_lost = self.ledger_lost_s >= post.started_s
        return not is_lost or max(self.wall(), self.latest_wall_s) - post.wall_s < 3600.0

    def _judge_after(self, earlier: Post, post: Post) -> None:
        for by_list, way in ((True, "list"), (False, "single question")):
            noes = [no for no in self.noes.get(post.reference, ()) if no.by_list is by_list]
            ended_s = earlier.ended_s or earlier.started_s
            settled = [no for no in noes if no.asked_s >= max(ended_s, no.process_s) + SETTLE_S]
            if not settled:
                self._accuse(post, f"sent again without a settled no by {way}")
            elif not any(no.asked_s >= self._permitted_s(post.reference) for no in noes if no is not settled[0]):
                self._accuse(post, f"sent again without asking once more by {way}")

    def _permitted_s(self, reference: str) -> float:
        # Which of the runs sends it is not seen from here.
        return min(self.permits.get(reference, {}).values(), default=-1.0)

    def _accuse(self, post: Post, what: str) -> None:
        self.violations.append(f"at {post.started_s:.1f} s: {post.reference} {what}")


def _now() -> float:
    return asyncio.get_running_loop().time()
