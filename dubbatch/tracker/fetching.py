"""What follows from a transfer that failed, or whose bytes don't pass the checks. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from dubbatch.errors import AddressRefused, DownloadError, LinkExpired, RequestNotFound, ServiceError
from dubbatch.pacing.backoff import delay_s

#: "three downloads of the same bytes", "after 3 fresh links" (design, sections 5 and 7).
_MOST = 3
#: So long without a byte more, and the output is left to a later run.
_PATIENCE_S = 10 * 60.0
#: A storage's bad moment: pages and halves that come for no longer are not what the service has.
_BAD_MOMENT_S = 15.0


class Next(StrEnum):
    AGAIN = "again"
    DONE = "done"
    #: Not now; the job stays completed.
    LATER = "later"
    #: The output is gone for good.
    LOST = "lost"
    #: The bytes are what the service has, and they don't pass.
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """How the fetching of one output went so far. Times are monotonic seconds."""

    #: When it began, or last got a byte further.
    started: float
    size: int = 0
    failures: int = 0
    dead_links: int = 0
    #: When the first of them was met.
    dead_since: float | None = None
    #: When the service first said that it does not know the request; None: it does.
    missing_since: float | None = None
    #: SHA-256 of what came and did not pass, and when the first of it came.
    bad: tuple[str, ...] = ()
    bad_since: float | None = None
    next: Next = Next.AGAIN
    reason: str = ""

    def done(self) -> Fetching:
        return replace(self, next=Next.DONE)

    @property
    def pause_s(self) -> float:
        return delay_s(self.failures, base_s=0.5, cap_s=60.0)


def after_failure(
    fetching: Fetching, error: ServiceError | DownloadError, now: float, size: int, settle_s: float
) -> Fetching:
    """A transfer ended early with ``size`` bytes in the part.

    A request that the service does not know is gone only after ``settle_s`` of that.
    """
    if size > fetching.size:
        # Whatever ended it, it got further: dead links and silences count from here.
        fetching = replace(
            fetching, size=size, started=now, failures=0, dead_links=0, dead_since=None, missing_since=None
        )
    failed = replace(fetching, failures=fetching.failures + 1, reason=error.message)
    if isinstance(error, RequestNotFound):
        since = fetching.missing_since if fetching.missing_since is not None else now
        return replace(failed, missing_since=since, next=Next.LOST if now - since >= settle_s else Next.AGAIN)
    if isinstance(error, LinkExpired):
        return _dead(failed, error, now, settle_s)
    if isinstance(error, AddressRefused) and failed.dead_links < _MOST:
        # One answer's link; the next may be better.
        return replace(failed, dead_links=failed.dead_links + 1, next=Next.AGAIN)
    is_hopeless = not error.retryable or now - fetching.started > _PATIENCE_S
    return replace(failed, next=Next.LATER if is_hopeless else Next.AGAIN)


def _dead(fetching: Fetching, error: LinkExpired, now: float, settle_s: float) -> Fetching:
    """A link was no good. The one at hand may have been old; _MOST fresh ones come after it.

    A storage that refuses (403) may only be having a bad moment, so that must last; 404 and 410 are its word.
    """
    dead_links = fetching.dead_links + 1
    since = fetching.dead_since if fetching.dead_since is not None else now
    is_lost = dead_links > _MOST and (error.gone or now - since >= settle_s)
    return replace(fetching, dead_links=dead_links, dead_since=since, next=Next.LOST if is_lost else Next.AGAIN)


def after_bad_bytes(
    fetching: Fetching, digest: str, reason: str, now: float, settle_s: float, *, whole: bool = True
) -> Fetching:
    """A whole transfer did not pass the checks: again with a fresh link.

    Three times the same bytes are what the service has, if they are a ``whole`` file, or come for longer than a
    bad moment. Now these and now those, none of them good, are a loss once that has lasted ``settle_s``.
    """
    bad, since = (*fetching.bad, digest), fetching.bad_since if fetching.bad_since is not None else now
    tried = replace(fetching, bad=bad, bad_since=since, reason=reason, size=0, failures=fetching.failures + 1)
    lasted_s = now - since
    if bad.count(digest) >= _MOST and (whole or lasted_s >= min(_BAD_MOMENT_S, settle_s)):
        return replace(tried, next=Next.SUSPECT)
    return replace(tried, next=Next.LOST) if len(bad) > _MOST and lasted_s >= settle_s else tried
