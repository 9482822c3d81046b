"""What the service's books say about a client: pace, cost, losses, and when slots were idle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from dubbatch.sandbox.books import Books, Kind, Request, Status


@dataclass(frozen=True)
class Figures:
    """Times are seconds since the first POST arrived."""

    ended_s: float
    #: When the last job's end was first told in an answer.
    noticed_s: float
    #: Status requests from the first POST on: what was asked before is the look-up before the first send.
    asked: int
    refused: int
    lost: int
    #: The most POSTs, refused ones too, that arrived in any window.
    most_in_window: int
    #: Seconds between each job's end and the first answer that told it, ascending.
    late_s: list[float]
    #: Slot-seconds without work: until all slots were busy for the first time, and from then to the last start.
    idle_ramp_s: float
    idle_s: float


def figures(books: Books, jobs: int, *, slots: int, rate_window_s: float) -> Figures:
    """The figures of a client that had so many jobs to do; the books may hold older requests."""
    begin = min(post.at for post in books.posts.values())
    ours = [request for request in books.requests.values() if request.created_at >= begin]
    done = [request for request in ours if request.status is Status.COMPLETED and request.id in books.told]
    ends = {request.id: request.finished_at or 0.0 for request in done}
    ramp_s, idle_s = idle(ours, slots, begin)
    return Figures(
        ended_s=max(ends.values(), default=begin) - begin,
        noticed_s=max((books.told[id_] for id_ in ends), default=begin) - begin,
        asked=sum(call.kind in (Kind.GET, Kind.LIST) and call.at >= begin for call in books.calls),
        refused=sum(post.status == 429 for post in books.posts.values()),
        lost=jobs - len({request.reference for request in done}),
        most_in_window=books.most_posts_in(rate_window_s),
        late_s=sorted(books.told[id_] - end for id_, end in ends.items()),
        idle_ramp_s=ramp_s,
        idle_s=idle_s,
    )


def idle(requests: list[Request], slots: int, begin: float) -> tuple[float, float]:
    """Slot-seconds without work before all slots were busy for the first time, and from then to the last start."""
    steps = sorted(
        [(request.started_at, 1) for request in requests if request.started_at is not None]
        + [(request.finished_at, -1) for request in requests if request.finished_at is not None]
    )
    busy, was_full, last = 0, False, max((at for at, step in steps if step > 0), default=begin)
    spent = {False: 0.0, True: 0.0}
    for (at, step), (until, _) in pairwise([(begin, 0), *steps]):
        busy += step
        was_full = was_full or busy >= slots
        spent[was_full] += (slots - busy) * max(0.0, min(until, last) - at)
    return spent[False], spent[True]


def trace(books: Books, step_s: float) -> list[str]:
    """A line for every ``step_s``: how many were processed, and waited, at its end; what arrived in it."""
    begin = min(post.at for post in books.posts.values())
    ours = [request for request in books.requests.values() if request.created_at >= begin]
    lines = [f"{'s':>6}{'busy':>6}{'waiting':>9}{'POSTs':>7}{'429':>5}{'lists':>7}{'GETs':>6}{'ends':>6}{'told':>6}"]
    for number in range(int((books.last_at - begin) / step_s) + 1):
        since, until = begin + number * step_s, begin + (number + 1) * step_s
        posts = [post for post in books.posts.values() if since <= post.at < until]
        calls = [call.kind for call in books.calls if since <= call.at < until]
        busy = sum((item.started_at or until) < until <= (item.finished_at or until) for item in ours)
        waiting = sum(item.created_at < until <= (item.started_at or until) for item in ours)
        ends = sum(since <= (item.finished_at or 0.0) < until for item in ours)
        told = sum(since <= at < until for at in books.told.values())
        refused = sum(post.status == 429 for post in posts)
        counts = f"{len(posts):>7}{refused:>5}{calls.count(Kind.LIST):>7}{calls.count(Kind.GET):>6}{ends:>6}{told:>6}"
        lines.append(f"{until - begin:>6.1f}{busy:>6}{waiting:>9}{counts}")
    return lines


def share(ascending: list[float], part: float) -> float:
    """The value that ``part`` of the values don't exceed; 0.0 if there are none."""
    return ascending[min(len(ascending) - 1, int(part * len(ascending)))] if ascending else 0.0
