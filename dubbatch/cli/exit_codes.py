"""The numbers that a command may end with: cron's contract (design, section 8).

Where several apply, the first of ``ORDER`` wins; ``dubbatch.cli.standing`` says which a run's end brings up.
Every command loads this, also ``--help``, so it imports next to nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from dubbatch.errors import (
    BatchBusy,
    DiskError,
    DubbatchError,
    KeyRefused,
    LedgerError,
    ManifestError,
    NoKeyring,
    ServiceError,
    TokensUsedUp,
    UsageError,
)

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

#: A class that is not here counts as the nearest of its bases that is.
OF_ERROR: Final[Mapping[type[DubbatchError], int]] = {
    DubbatchError: SOME_FAILED,
    UsageError: USAGE,
    ManifestError: MANIFEST,
    LedgerError: DISK,
    DiskError: DISK,
    BatchBusy: BUSY,
    NoKeyring: KEY,
    ServiceError: AWAY,
    KeyRefused: KEY,
    TokensUsedUp: TOKENS,
}


def code_of_error(error: DubbatchError) -> int:
    """The code of a command that an error ended."""
    return next(OF_ERROR[kind] for kind in type(error).__mro__ if kind in OF_ERROR)


def worst(codes: Iterable[int]) -> int:
    """The code that is told where several apply; ``OK`` where none does."""
    return min(codes, key=ORDER.index, default=OK)
