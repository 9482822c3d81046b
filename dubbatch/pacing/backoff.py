"""How long to wait before the next try, and when to give the service up. Pure: no clock, no dice.

The caller passes in what the clock (monotonic) says and what the dice show, so every
pause can be written down in a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Doubling further than this changes nothing under any sensible cap, but overflows a float.
_MAX_DOUBLINGS = 64

_AWAY_BASE_S = 1.0
#: A service that never answered is most likely a wrong address or no network: say so soon.
_NEVER_REACHED_PATIENCE_S = 30.0
_NEVER_REACHED_CAP_S = 5.0
#: One that did answer is expected back: a deploy, a router that restarts.
_REACHED_PATIENCE_S = 30 * 60.0
_REACHED_CAP_S = 60.0


def delay_s(
    failures: int, *, base_s: float, cap_s: float, jitter: float = 1.0, retry_after_s: float | None = None
) -> float:
    """Seconds to wait after ``failures`` failures in a row; 0 after none.

    ``base_s`` doubles with every failure up to ``cap_s``; ``jitter``, a draw from 0..1, takes away up
    to half of it, so that processes which failed together don't come back together. Retry-After is
    the service's own word: it wins exactly, without cap and jitter.
    """
    if retry_after_s is not None:
        return max(0.0, retry_after_s)
    if failures <= 0:
        return 0.0
    full_s = min(cap_s, base_s * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
    return full_s * (1.0 + min(1.0, max(0.0, jitter))) / 2.0


@dataclass(frozen=True, slots=True)
class Away:
    """Whether the service is away, and for how long (design, section 6, "Away").

    ``Away()`` is the start of a run. Every answer, of any status, makes it :meth:`answered`; every
    call without an answer makes it :meth:`failed`. Times are of one monotonic clock.
    """

    #: The service has answered at least once in this run.
    reached: bool = False
    #: When the first try of the present silence began; None: the last call was answered.
    since_s: float | None = None
    #: Tries without an answer in this silence, one after the other: calls that were made at once are one try.
    failures: int = 0
    #: When the last of them was noticed.
    noticed_s: float = 0.0

    def answered(self) -> Away:
        return Away(reached=True)

    def failed(self, started_s: float, noticed_s: float) -> Away:
        """A call that began at ``started_s`` turned out, at ``noticed_s``, to have got no answer.

        The silence is counted from that beginning, not from the last answer: a run that had nothing to
        ask for an hour has not been without an answer for an hour.
        """
        since_s = started_s if self.since_s is None else min(self.since_s, started_s)
        if self.failures and started_s < self.noticed_s:
            return replace(self, since_s=since_s)
        return replace(self, since_s=since_s, failures=self.failures + 1, noticed_s=noticed_s)

    def pause_s(self, jitter: float = 1.0) -> float:
        """Seconds to wait before the next try: up to 5 s if never reached, else growing to 60 s."""
        cap_s = _REACHED_CAP_S if self.reached else _NEVER_REACHED_CAP_S
        return delay_s(self.failures, base_s=_AWAY_BASE_S, cap_s=cap_s, jitter=jitter)

    def give_up(self, now_s: float) -> bool:
        """Whether the silence has lasted too long: 30 s if never reached, else 30 min."""
        if self.since_s is None:
            return False
        return now_s - self.since_s >= (_REACHED_PATIENCE_S if self.reached else _NEVER_REACHED_PATIENCE_S)
