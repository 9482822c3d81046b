"""What rate the service allows, as far as we know. Pure values; ``permits`` acts on them.

:class:`Rate` is a sliding window: the strictest kind there is, so a service with fixed
windows never sees too much either. :class:`RateEstimate` is what we believe the rate
to be: it starts at the user's setting and learns from 429s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

#: Share of the window that is added to it. The server counts arrivals, and the network delays some
#: more than others: with none, a strict client was seen to exceed the limit in half of its windows.
MARGIN = 1 / 60
#: A 429 counts as rate when at least this share of the permits is used (design, section 6).
_USED_UP = 0.9
_SHRINK = 0.75
#: The limit grows back by this share of the setting for each window's worth of accepted sends.
_GROW = 1 / 30
#: Shorter waits than this only spin: clocks differ by as much.
_SHORTEST_WAIT_S = 0.001


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` permits in any ``window_s`` seconds, and ``spacing_s`` between any two."""

    limit: int
    window_s: float
    spacing_s: float = 0.0

    def wait_s(self, now_s: float, *, newest_s: float | None, oldest_s: float | None, paused_until_s: float) -> float:
        """Seconds until the next permit may be granted; 0.0: now.

        ``newest_s`` is when the last permit was granted and ``oldest_s`` when the ``limit``-th last was
        (None: there are not so many). All times are of one clock.
        """
        free_s = paused_until_s
        if newest_s is not None and self.spacing_s > 0:
            free_s = max(free_s, newest_s + self.spacing_s)
        if oldest_s is not None:
            free_s = max(free_s, oldest_s + self.window_s)
        return 0.0 if free_s <= now_s else max(_SHORTEST_WAIT_S, free_s - now_s)


class Blame(StrEnum):
    """Which of its two limits the service means by a 429: the text is the same for both."""

    RATE = "rate"
    SLOTS = "slots"


def blame(used: int, limit: int) -> Blame:
    """Which limit a 429 is about: rate if 90 % or more of the permits are used, else slots; never both."""
    return Blame.RATE if used >= _USED_UP * limit else Blame.SLOTS


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """How many sends a window the service takes from us; ``ceiling`` is the user's setting.

    A 429 inside our own limit means that the server's window is of another kind, or that someone
    shares the account. The first one spreads the permits evenly: a bucket of any depth refills as fast
    as they come then, and nothing is lost, because a burst only helps in the first window. Those that
    still come shrink the limit; accepted sends let it grow back, slowly.
    """

    ceiling: int
    window_s: float
    limit: int
    paced: bool = False
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
        window_s = self.window_s * (1 + MARGIN)
        return Rate(self.limit, window_s, window_s / self.limit if self.paced else 0.0)

    def after_refused(self) -> RateEstimate:
        """A send was refused for its rate."""
        if not self.paced:
            return replace(self, paced=True, accepted=0)
        return replace(self, limit=max(1, int(self.limit * _SHRINK)), accepted=0)

    def after_accepted(self) -> RateEstimate:
        """A send was accepted."""
        if self.limit == self.ceiling:
            return self
        if self.accepted + 1 < self.limit:
            return replace(self, accepted=self.accepted + 1)
        step = max(1, int(self.ceiling * _GROW))
        return replace(self, limit=min(self.ceiling, self.limit + step), accepted=0)
