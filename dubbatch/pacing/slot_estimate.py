"""How many jobs to keep at the service: what its answers teach. Pure values; ``slots`` acts on them.

How many jobs a plan lets run at once is not published, and neither is what happens to one too
many: some services refuse it, others let it queue. Both signs are read here, sends that were
refused and jobs that wait. Sends and looks are counted instead of time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_START = 4
#: Sends without an answer at once: when a bucket runs empty, or a plan is full, so many are refused together.
_MOST_UNANSWERED = 8
#: Accepted sends, in rounds and at least, between a refusal and the next try for one slot more ...
_ROUNDS_TO_PROBE = 4
_SENDS_TO_PROBE = 16
#: ... and how much longer each failed try makes that, how often.
_PROBE_BACKOFF = 4
_PROBE_BACKOFFS = 2
#: Looks in a row that must find jobs waiting and no more of them processing than before. The first
#: ones may only show jobs that the service is about to start.
_LOOKS_TO_BELIEVE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEstimate:
    """How many jobs to keep at the service.

    - Every round (as many accepted sends as there are slots) adds ``step``, and doubles ``step``.
      Without a remembered number ``step`` starts as large as the limit: that doubles it.
    - A refusal for want of slots sets the limit to what was in use; later tries add one, ever more rarely.
    - The text of a 429 is the same for rate and slots, and a token bucket runs empty long before the
      rate is used up. So where nothing explains a refusal, one send at a time tries again: accepted
      beside as many jobs as before, it was the rate; refused once more, it is the slots.
    - Where jobs wait and no more of them get processed, the limit is what gets processed plus
      ``queue_ahead``; it grows again when a full limit is seen processing.
    """

    limit: int
    #: What the user allows at most; None: no bound.
    ceiling: int | None = None
    #: Jobs that wait at a service that queues, so that it never idles until we look again.
    queue_ahead: int = 2
    #: What the next growth adds.
    step: int
    #: Accepted sends that make the limit grow.
    patience: int
    #: Sends accepted since the limit last changed.
    accepted: int = 0
    #: The most jobs that the service was seen to hold since the last refusal.
    proven: int = 0
    #: Jobs that the user, or an earlier run, says it holds; 0: nobody does, or it has refused since.
    told: int = 0
    #: Tries for a higher limit that were refused, since one last went well.
    refusals: int = 0
    #: Refusals that taught something: one that left before the last of them came tells nothing new.
    heard: int = 0
    #: Jobs at the service when a refusal came that nothing explains yet; None: there is none.
    unexplained: int | None = None
    #: Refusals that turned out to have been for the rate.
    for_rate: int = 0
    #: Jobs at the service beside which one more was last refused for want of slots; None: not known.
    full_at: int | None = None
    #: The most jobs processed at once while others waited; None: it doesn't queue, as far as we know.
    capacity: int | None = None
    #: Looks in a row that found jobs waiting without progress, and the most that were processing.
    waiting_looks: int = 0
    busiest: int = 0

    @classmethod
    def start(cls, ceiling: int | None = None, *, remembered: int | None = None, queue_ahead: int = 2) -> SlotEstimate:
        """The first guess: the user's number, else the remembered one, else 4.

        Raises ValueError for a ceiling below 1 or a negative ``queue_ahead``.
        """
        if (ceiling is not None and ceiling < 1) or queue_ahead < 0:
            raise ValueError("at least one slot, and no fewer than 0 jobs ahead")
        limit = max(1, ceiling or remembered or _START)
        told = ceiling or remembered or 0
        first = cls(limit=limit, ceiling=ceiling, queue_ahead=queue_ahead, step=limit, patience=limit, told=told)
        if not remembered:
            return first
        # It was learned: trying for twice as much, or at once for more, would be refused once again.
        return replace(first, step=1, patience=_patience(limit), full_at=remembered)

    @property
    def unanswered_limit(self) -> int:
        """How many sends may be without an answer at once.

        Never more than the service was seen, or is said, to hold: so the first tries and every doubling
        are refused at most as often as the plan has slots.
        """
        if self.unexplained is not None:
            return 1
        return min(_MOST_UNANSWERED, max(1, self.told, self.proven))

    @property
    def learned(self) -> int | None:
        """The number to remember for the next run; None: nothing was learned."""
        if self.capacity is not None:
            return self.capacity + self.queue_ahead
        return min(self.proven, self.limit) or None

    def after_accepted(self, at_service: int, *, heard_then: int) -> SlotEstimate:
        """A send was accepted; the service now holds ``at_service`` jobs, that one included.

        ``heard_then`` is what ``heard`` was when its slot was given.
        """
        late = at_service > self.limit
        probed = at_service > self.proven and not late
        explained = self._explained(at_service, is_old=heard_then < self.heard)
        news = replace(
            explained,
            # A send from before the limit fell, accepted after all: there is room for it.
            limit=self._bounded(at_service) if late and self.capacity is None else self.limit,
            accepted=self.accepted + 1,
            proven=max(self.proven, at_service),
            refusals=0 if probed else explained.refusals,
        )
        round_done = news.accepted >= news.patience and news.proven >= news.limit
        waits = news.capacity is not None or news.waiting_looks > 0 or news.unexplained is not None
        return news._grown() if round_done and not waits else news

    def _explained(self, at_service: int, *, is_old: bool) -> SlotEstimate:
        """What an accepted send tells of earlier refusals: beside more jobs than they met, they were the rate's."""
        if is_old:
            # Its job was there already, most likely, when the other one was refused.
            unexplained, full_at = (_raised(number, at_service) for number in (self.unexplained, self.full_at))
            return replace(self, unexplained=unexplained, full_at=full_at)
        if self.unexplained is not None and at_service > self.unexplained:
            return replace(self, unexplained=None, for_rate=self.for_rate + 1, refusals=max(0, self.refusals - 1))
        # Of the jobs that we count, some may have ended since the last look: a few more prove nothing.
        if self.full_at is not None and 2 * at_service > 3 * max(1, self.full_at):
            return replace(self, full_at=None, for_rate=self.for_rate + 1)
        return self

    def after_refused(self, at_service: int, *, heard_then: int) -> SlotEstimate:
        """A send was refused while the service held ``at_service`` jobs, and the rate was not used up.

        ``heard_then`` is what ``heard`` was when its slot was given.
        """
        if heard_then < self.heard:
            return self
        news = replace(self, heard=self.heard + 1, refusals=self.refusals + 1)
        if self._is_riddle(at_service):
            return replace(news, unexplained=at_service, told=0)
        limit = max(1, min(self.limit, at_service))
        # Below what was held before, or with none at all, someone else uses the plan: try again after one round.
        shared = at_service < self.proven or at_service == 0
        return replace(
            news,
            limit=limit,
            step=1,
            patience=limit if shared else _patience(limit, news.refusals - 1),
            accepted=0,
            proven=at_service,
            told=0,
            unexplained=None,
            full_at=at_service,
        )

    def _is_riddle(self, at_service: int) -> bool:
        """Whether a refusal beside so many jobs may have been for the rate as well."""
        if self.unexplained is not None:
            return False
        if self.full_at is None:
            return not self.for_rate
        return 2 * at_service < self.full_at

    def after_observed(self, *, queued: int, processing: int) -> SlotEstimate:
        """A look at the account found so many of our jobs waiting and being processed."""
        if queued <= 0:
            calm = replace(self, waiting_looks=0, busiest=0)
            full = processing >= self.limit
            return replace(calm, capacity=None)._grown() if full and self._may_grow_by_looks else calm
        looks = 1 if processing > self.busiest else self.waiting_looks + 1
        busiest = max(self.busiest, processing)
        if looks < _LOOKS_TO_BELIEVE or busiest == 0:
            return replace(self, waiting_looks=looks, busiest=busiest)
        limit = self._bounded(busiest + self.queue_ahead)
        if self.refusals:
            limit = min(limit, self.limit)
        return replace(self, limit=limit, capacity=busiest, step=1, accepted=0, waiting_looks=0, busiest=0)

    @property
    def _may_grow_by_looks(self) -> bool:
        # A service that refuses always shows a full limit: there, only patience tries for more.
        return self.refusals == 0 or self.capacity is not None

    def _grown(self) -> SlotEstimate:
        limit = self._bounded(self.limit + self.step)
        return replace(self, limit=limit, step=min(2 * self.step, limit), patience=limit, accepted=0)

    def _bounded(self, limit: int) -> int:
        return limit if self.ceiling is None else min(limit, self.ceiling)


def _patience(limit: int, failed: int = 0) -> int:
    """Accepted sends until the next try for one slot more, after so many tries that failed."""
    backoff: int = _PROBE_BACKOFF ** min(failed, _PROBE_BACKOFFS)
    return max(_SENDS_TO_PROBE, _ROUNDS_TO_PROBE * limit) * backoff


def _raised(number: int | None, to: int) -> int | None:
    return None if number is None else max(number, to)
