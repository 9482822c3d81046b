"""What keeps jobs from being sent: one that fails again and again must not keep the run from its end."""

from __future__ import annotations

from collections import Counter

from dubbatch.events import Level
from dubbatch.run import Run

#: A job whose sends come to nothing so often waits for a later run; each has cost ``settle`` seconds.
_MOST = 5
#: So long without a word about an earlier send, and the job waits too.
_PATIENCE_S = 30 * 60.0


class Setbacks:
    """Counts by job; ``put_aside`` are the jobs that are left to a later run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._counts: Counter[str] = Counter()
        self._silent_since: dict[str, float] = {}
        self.put_aside: set[str] = set()

    def silence(self, job: str, why: str) -> None:
        """No answer to what must be known before the job may be sent; half an hour of that is enough."""
        now = self._run.clock()
        if now - self._silent_since.setdefault(job, now) > _PATIENCE_S:
            self.leave(job, why)

    def count(self, job: str, why: str) -> None:
        """One more send that came to nothing; the fifth leaves the job to a later run."""
        self._counts[job] += 1
        if self._counts[job] >= _MOST:
            self.leave(job, why)

    def leave(self, job: str, why: str) -> None:
        """Not in this run."""
        if job not in self.put_aside:
            self.put_aside.add(job)
            self._run.notice(Level.WARNING, f"not sent in this run: {why}", "the next run tries again", job)
