"""What rate the service allows, as far as we know. Pure values; ``permits`` acts on them.

:class:`Rate` is a sliding window: the strictest kind there is, so a service with fixed
windows never sees too much either. :class:`RateEstimate` is what we believe the rate
to be: it starts at the user's setting and learns from 429s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Share of the window that is added to it. The server counts arrivals, and the network delays some
#: more than others: with none, a strict client was seen to exceed the limit in half of its windows.
MARGIN = 1 / 60
#: A 429 counts as rate when at least this share of the permits is used (design, section 6).
_USED_UP = 0.9
_SHRINK = 0.75
#: The limit grows back by this share of the setting for each window's worth of accepted sends.
_GROW = 1 / 30
#: Share of the permits used when a bucket ran empty that is sent at once from then on. It held fewer
#: than were used, because some of those were refused; and it is not always full.
_BURST = 1 / 4
#: Shorter waits than this only spin: clocks differ by as much.
_SHORTEST_WAIT_S = 0.001


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` permits in any ``window_s`` seconds, and at most ``burst`` in a ``burst``'s share of them.

    Both are sliding windows of one mean rate: the second never asks more of a token bucket that holds
    ``burst`` than it has.
    """

    limit: int
    window_s: float
    #: None: the whole limit may leave at once.
    burst: int | None = None

    @property
    def burst_window_s(self) -> float:
        """The share of the window in which ``burst`` permits may be granted."""
        return self.window_s * self.at_once / self.limit

    @property
    def at_once(self) -> int:
        """How many permits may be granted at the same moment."""
        return self.limit if self.burst is None else min(self.burst, self.limit)

    def wait_s(
        self, now_s: float, *, last_of_burst_s: float | None, last_of_limit_s: float | None, paused_until_s: float
    ) -> float:
        """Seconds until the next permit may be granted; 0.0: now.

        ``last_of_limit_s`` is when the ``limit``-th last permit was granted, ``last_of_burst_s`` the
        ``at_once``-th last (None: there are not so many). All times are of one clock.
        """
        free_s = paused_until_s
        if last_of_burst_s is not None:
            free_s = max(free_s, last_of_burst_s + self.burst_window_s)
        if last_of_limit_s is not None:
            free_s = max(free_s, last_of_limit_s + self.window_s)
        return 0.0 if free_s <= now_s else max(_SHORTEST_WAIT_S, free_s - now_s)


def is_used_up(used: int, limit: int) -> bool:
    """Whether so many of the permits are used that a 429 is about the rate: 90 % or more."""
    return used >= _USED_UP * limit


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """How many sends a window the service takes from us; ``ceiling`` is the user's setting.

    A 429 inside our own limit means that the server's window is of another kind, or that someone
    shares the account. The first ones shorten the bursts, down to permits that are spread evenly: a
    bucket of any depth refills as fast as they come then, and little is lost, because a burst only
    helps in the first window. Those that still come shrink the limit; accepted sends let it grow back,
    slowly.
    """

    ceiling: int
    window_s: float
    limit: int
    #: None: no bursts were refused yet.
    burst: int | None = None
    #: Sends accepted since the limit last changed.
    accepted: int = 0

    @classmethod
    def start(cls, rate_limit: int, rate_window_s: float) -> RateEstimate:
        """``rate_limit`` sends in any ``rate_window_s`` seconds, as the user set it.

        Raises ValueError if one of them is not positive.
        """
        if rate_limit < 1 or rate_window_s <= 0:
            raise ValueError("the rate limit and its window must be positive")
        return cls(ceiling=rate_limit, window_s=rate_window_s, limit=rate_limit)

    @property
    def rate(self) -> Rate:
        """What to hold now, with the margin."""
        return Rate(self.limit, self.window_s * (1 + MARGIN), self.burst)

    @property
    def spacing_s(self) -> float:
        """Seconds between two sends that are spread evenly, at the user's setting."""
        return self.window_s / self.ceiling

    def after_refused(self, used: int) -> RateEstimate:
        """A send was refused for its rate, when ``used`` permits of the window were used."""
        if self.burst is None:
            return replace(self, burst=max(1, int(min(used, self.limit) * _BURST)), accepted=0)
        if self.burst > 1:
            return replace(self, burst=self.burst // 2, accepted=0)
        return replace(self, limit=max(1, int(self.limit * _SHRINK)), accepted=0)

    def after_accepted(self) -> RateEstimate:
        """A send was accepted."""
        if self.limit == self.ceiling:
            return self
        if self.accepted + 1 < self.limit:
            return replace(self, accepted=self.accepted + 1)
        step = max(1, int(self.ceiling * _GROW))
        return replace(self, limit=min(self.ceiling, self.limit + step), accepted=0)
