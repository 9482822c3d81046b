"""The one place that says which number a command ends with: cron's contract (design, section 8).

A code tells where the selected jobs stand, not only what this run did. Where several apply,
the first of ``ORDER`` wins. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from dubbatch.errors import (
    BatchBusy,
    DiskError,
    DubbatchError,
    KeyRefused,
    LedgerError,
    ManifestError,
    ServiceError,
    TokensUsedUp,
    UsageError,
)
from dubbatch.jobs import JobState
from dubbatch.stop import StopReason

#: All done, or nothing to do.
OK: Final = 0
#: Some jobs failed, are blocked or suspect.
SOME_FAILED: Final = 1
USAGE: Final = 2
#: The manifest has problems or no jobs.
MANIFEST: Final = 3
#: No key, or it was refused.
KEY: Final = 4
#: The account's tokens, or the cap, are used up.
TOKENS: Final = 5
#: The service can't be reached.
AWAY: Final = 6
#: Unsure sends remain.
UNSURE: Final = 7
#: Disk or ledger trouble.
DISK: Final = 8
#: Work remains.
REMAINS: Final = 9
#: Another run, or another machine, has it (EX_TEMPFAIL of sysexits.h).
BUSY: Final = 75
#: 128 + SIGINT.
INTERRUPTED: Final = 130
#: 128 + SIGTERM.
TERMINATED: Final = 143

#: The first that applies. ``USAGE`` comes before work starts; ``BUSY`` does so too, but for another machine's work.
ORDER: Final = (
    INTERRUPTED,
    TERMINATED,
    BUSY,
    USAGE,
    KEY,
    TOKENS,
    DISK,
    UNSURE,
    MANIFEST,
    SOME_FAILED,
    AWAY,
    REMAINS,
    OK,
)

OF_REASON: Final[Mapping[StopReason, int]] = {
    StopReason.INTERRUPTED: INTERRUPTED,
    StopReason.TERMINATED: TERMINATED,
    StopReason.ANOTHER_MACHINE: BUSY,
    StopReason.KEY: KEY,
    StopReason.TOKENS: TOKENS,
    StopReason.DISK: DISK,
    StopReason.LEDGER: DISK,
    StopReason.ADDRESS: AWAY,
    StopReason.AWAY: AWAY,
    # What a person asked for is no failure: only what it left undone counts.
    StopReason.TIME: OK,
    StopReason.LIMIT: OK,
}

OF_STATE: Final[Mapping[JobState, int]] = {
    JobState.DOWNLOADED: OK,
    JobState.SKIPPED: OK,
    JobState.SUBMITTING: UNSURE,
    JobState.UNSURE: UNSURE,
    JobState.FAILED: SOME_FAILED,
    JobState.BLOCKED: SOME_FAILED,
    JobState.SUSPECT: SOME_FAILED,
    JobState.PENDING: REMAINS,
    JobState.QUEUED: REMAINS,
    JobState.PROCESSING: REMAINS,
    JobState.COMPLETED: REMAINS,
    JobState.STALLED: REMAINS,
}

#: A class that is not here counts as the nearest of its bases that is.
OF_ERROR: Final[Mapping[type[DubbatchError], int]] = {
    DubbatchError: SOME_FAILED,
    UsageError: USAGE,
    ManifestError: MANIFEST,
    LedgerError: DISK,
    DiskError: DISK,
    BatchBusy: BUSY,
    ServiceError: AWAY,
    KeyRefused: KEY,
    TokensUsedUp: TOKENS,
}


def code_of_run(reasons: Collection[StopReason], counts: Mapping[JobState, int]) -> int:
    """The code of a run that ended: why it stopped (if it did), and where the selected jobs stand."""
    standing = [OF_STATE[state] for state, n in counts.items() if n > 0]
    return worst([*(OF_REASON[reason] for reason in reasons), *standing])


def code_of_error(error: DubbatchError) -> int:
    """The code of a command that an error ended."""
    return next(OF_ERROR[kind] for kind in type(error).__mro__ if kind in OF_ERROR)


def worst(codes: Iterable[int]) -> int:
    """The code that is told where several apply; ``OK`` where none does."""
    return min(codes, key=ORDER.index, default=OK)
