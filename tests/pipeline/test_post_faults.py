"""Whatever becomes of a POST, and whatever follows: one paid request an attempt, and every file comes home."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch import identity
from dubbatch.events import Event, Sent
from dubbatch.jobs import JobState
from dubbatch.pacing import backoff
from dubbatch.sandbox.books import Post
from dubbatch.stop import StopReason

if TYPE_CHECKING:
    from tests.pipeline.conftest import Door, Project, WebServer

#: Longer than the slowest machine keeps a POST that its client gave up, or it opens the window of docs/reliability.md.
SETTLE_S = 0.6
#: Whoever is silent is given up after this.
TIMEOUT_S = 1.5
#: A service and a client that take many jobs at once: the settling of one costs the others no time.
WIDE: dict[str, Any] = {"concurrency": 100, "rate_limit": 1000, "timeout_s": TIMEOUT_S, "settle_s": SETTLE_S}

#: Ways in which what became of a POST is not learned from its answer.
LOSSES: Mapping[str, dict[str, Any]] = {
    "reset": {"action": "drop"},
    "silence": {"action": "silence"},
    "fault": {"action": "answer", "status": 500},
    "gateway": {"action": "html", "status": 502},
    "cut": {"action": "garbage"},
    "page": {"action": "html"},
    "words": {"action": "text"},
    "busy": {"action": "answer", "status": 503},
}
TOO_MANY = "429"


@dataclass(frozen=True)
class Blow:
    """What happens to one POST; ``accepted``: the service has taken (and billed) it first."""

    kind: str
    accepted: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{'-taken' if self.accepted else ''}"

    def rule(self, reference: str, nth: int) -> dict[str, Any]:
        how = {"action": "answer", "status": 429, "retry_after_s": 0} if self.kind == TOO_MANY else LOSSES[self.kind]
        return {"on": "post", "reference": reference, "nth": nth, "accept": self.accepted, **how}


Script = Sequence[Blow]
UNTAKEN = [Blow(kind) for kind in LOSSES]
TAKEN = [Blow(kind, accepted=True) for kind in LOSSES]
THEN = [Blow(TOO_MANY), *itertools.chain(*zip(UNTAKEN, reversed(TAKEN), strict=True))]


def matrix(part: int) -> list[Script]:
    """A quarter of all that can come first, with what can follow; each part has every first blow.

    What follows one that was not accepted: 429, another that was not, and two that were. What was accepted
    is not sent again: the 429 behind it hits nothing.
    """
    scripts: list[Script] = []
    for n, first in enumerate(UNTAKEN):
        then = [Blow(TOO_MANY), UNTAKEN[(n + 3) % 8], TAKEN[(n + 1) % 8], TAKEN[(n + 6) % 8]]
        scripts.append((first, then[(n + part) % 4]))
    return scripts + [(first, Blow(TOO_MANY)) for first in TAKEN[part::4]]


def named(scripts: Sequence[Script]) -> dict[str, Script]:
    """A job for each script; one that starts with what is accepted lets the others go out together."""
    return {f"{'-then-'.join(map(str, script)) or 'none'}-{n}": script for n, script in enumerate(scripts)}


def expected_posts(script: Script) -> int:
    """How many POSTs a job needs: nothing is sent any more once one was accepted."""
    return next((n for n, blow in enumerate(script, 1) if blow.accepted), len(script) + 1)


class Uploads:
    """Jobs that send their files."""

    def __init__(self, project: Project, web: WebServer) -> None:
        self.row = project.row
        self.reference = project.reference


class Addresses:
    """Jobs that send where their files are."""

    def __init__(self, project: Project, web: WebServer) -> None:
        project.speak("voice")
        self._project, self._video, self._voice = project, f"{web.origin}/video.mp4", f"{web.origin}/voices/voice.wav"

    def row(self, job: str) -> dict[str, str]:
        return self._project.row(job, video=self._video, audio=f"{self._voice}?job={job}")

    def reference(self, job: str) -> str:
        keys = identity.url_key(self._video), identity.url_key(f"{self._voice}?job={job}")
        return identity.references(job, identity.fingerprint(*keys)).at(1)


Form = Uploads | Addresses


def prepare(project: Project, form: Form, scripts: Mapping[str, Script], *, order: str, lag_s: float) -> list[str]:
    """Write the manifest, make the service stumble by the scripts; the references of the jobs."""
    project.sandbox.change(
        order=order, by_reference=order, lag_s=lag_s, concurrency=100, page_size=20, max_page_size=20
    )
    for _ in range(25):
        project.post()
    project.write(*(form.row(job) for job in scripts))
    references = {job: form.reference(job) for job in scripts}
    rules = [blow.rule(references[job], n) for job, script in scripts.items() for n, blow in enumerate(script, 1)]
    project.sandbox.set_faults(rules)
    return list(references.values())


def posts(project: Project) -> dict[str, list[Post]]:
    """By reference, in the order of their arrival."""
    found = defaultdict(list)
    for post in project.books.posts.values():
        if post.reference:
            found[post.reference].append(post)
    return found


def check_paid_once(project: Project, references: Sequence[str]) -> None:
    """Each was billed once, and never sent again until a doubt about the POST before was settled."""
    assert project.billed() == dict.fromkeys(references, 1)
    for reference, arrived in posts(project).items():
        assert [bool(post.request_id) for post in arrived] == [False] * (len(arrived) - 1) + [True], reference
        for first, second in itertools.pairwise(arrived):
            assert first.status == 429 or second.at - first.at >= SETTLE_S, reference


async def run_until(project: Project, arrived: Callable[[Mapping[str, list[Post]]], bool], **settings: Any) -> None:
    """A run that dies when so much has arrived at the service: its sends in flight have no outcome."""
    work = asyncio.ensure_future(project.run(**settings))
    while not work.done() and not arrived(posts(project)):  # noqa: ASYNC110  (the books tell nobody of a change)
        await asyncio.sleep(0.02)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    with warnings.catch_warnings():
        # Who dies closes no connections.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize(
    ("form", "order", "lag_s", "part"),
    [
        (Uploads, "newest", 0.0, 0),
        (Uploads, "oldest", 0.2, 1),
        (Addresses, "oldest", 0.0, 2),
        (Addresses, "newest", 0.2, 3),
    ],
)
async def test_a_post_that_goes_wrong_and_what_follows_cost_nothing_twice(
    project: Project, web: WebServer, form: type[Form], order: str, lag_s: float, part: int
) -> None:
    """The service takes it or not, in either order of its list, visible at once or late: one bill a job."""
    scripts = named([(), *matrix(part)])
    made = form(project, web)
    references = prepare(project, made, scripts, order=order, lag_s=lag_s)

    result = await project.run(**WIDE)

    assert result.counts == {JobState.DOWNLOADED: len(scripts)}
    check_paid_once(project, references)
    arrived = posts(project)
    for job, script in scripts.items():
        # More where the machine is so slow that an answer comes after the time-out.
        assert len(arrived[made.reference(job)]) - expected_posts(script) in (0, 1, 2), job


async def test_a_run_that_dies_after_a_post_that_goes_wrong_pays_nothing_twice(
    project: Project, web: WebServer
) -> None:
    """Dead after each first blow, and again after each second: the third run has every file."""
    firsts = [*UNTAKEN, *TAKEN]
    scripts = named([(), *((first, then) for first, then in zip(firsts, itertools.cycle(THEN), strict=False))])
    references = prepare(project, Uploads(project, web), scripts, order="oldest", lag_s=0.2)
    twice = references[1 : 1 + len(UNTAKEN)]

    # Nothing is settled in the first run: it dies with every answer still open, or just found.
    await run_until(project, lambda arrived: set(references) <= set(arrived), **{**WIDE, "settle_s": 30.0})
    assert set(project.states().values()) & {JobState.SUBMITTING, JobState.UNSURE}
    await run_until(project, lambda arrived: all(len(arrived[name]) > 1 for name in twice), **WIDE)
    result = await project.run(**WIDE)

    assert result.counts == {JobState.DOWNLOADED: len(scripts)}
    check_paid_once(project, references)


def has_seen(count: int, arrived: Mapping[str, list[Post]]) -> bool:
    return sum(map(len, arrived.values())) >= count


@pytest.mark.parametrize("seed", range(2))
async def test_any_mix_of_blows_and_deaths_pays_once(project: Project, web: WebServer, seed: int) -> None:
    """Up to three blows a job, and a run that dies twice after some POSTs; the last one has every file."""
    dice = random.Random(seed)
    blows = [*UNTAKEN, *TAKEN, Blow(TOO_MANY)]
    scripts = named([(), *(dice.choices(blows, k=dice.randint(0, 3)) for _ in range(9))])
    order, lag_s = dice.choice(["newest", "oldest"]), dice.choice([0.0, 0.2])
    references = prepare(project, Uploads(project, web), scripts, order=order, lag_s=lag_s)

    for _ in range(2):
        count = sum(map(len, posts(project).values())) + dice.randint(1, 8)
        await run_until(project, partial(has_seen, count), **WIDE)
    result = await project.run(**WIDE)

    assert result.counts == {JobState.DOWNLOADED: len(scripts)}
    check_paid_once(project, references)
    assert all(len(arrived) <= 5 for arrived in posts(project).values())


async def test_a_refused_connection_costs_nothing_whatever_follows(
    project: Project, web: WebServer, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job is refused its connection at least once, and then meets a blow when the door is open again."""
    monkeypatch.setattr(backoff, "_AWAY_BASE_S", 0.02)
    scripts = named([(), *((blow,) for blow in [*UNTAKEN[::3], *TAKEN[::3], Blow(TOO_MANY)])])
    references = prepare(project, Uploads(project, web), scripts, order="newest", lag_s=0.0)
    refused: set[str] = set()
    opening: list[asyncio.Task[None]] = []

    def hook(event: Event) -> None:
        if not isinstance(event, Sent):
            return
        if event.reference == references[0]:
            door.shut()
        elif event.outcome == "refused" and not opening:
            refused.add(event.reference)
            if len(refused) == len(scripts) - 1:
                opening.append(asyncio.ensure_future(door.open()))

    # The slots being learned, the first job leaves alone.
    result = await project.run(hook=hook, **{**WIDE, "concurrency": None})

    assert len(refused) == len(scripts) - 1
    assert result.counts == {JobState.DOWNLOADED: len(scripts)}
    check_paid_once(project, references)


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_redirect_is_not_followed_and_stops_the_sends_and_nothing_is_paid_twice(
    project: Project, accepted: bool
) -> None:
    """The base URL may be wrong; but "see over there" is also said of what was accepted, so that is asked for."""
    project.write_jobs("a", "b", "c")
    project.sandbox.set_faults([{"on": "post", "nth": 1, "accept": accepted, "action": "redirect"}])

    stopped = await project.run(**{**WIDE, "concurrency": 1})
    redirected = len(project.books.posts)
    result = await project.run(**WIDE)

    assert [cause.reason for cause in stopped.causes] == [StopReason.ADDRESS]
    assert stopped.counts.get(JobState.UNSURE, 0) == 0
    assert stopped.counts.get(JobState.DOWNLOADED, 0) == accepted
    assert redirected == 1
    assert result.counts == {JobState.DOWNLOADED: 3}
    assert project.billed() == {project.reference(job): 1 for job in "abc"}
