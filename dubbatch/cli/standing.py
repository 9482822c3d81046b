"""The number that a run ends with: it tells where the selected jobs stand, not only what this run did. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from dubbatch.cli.exit_codes import (
    AWAY,
    BUSY,
    DISK,
    INTERRUPTED,
    KEY,
    OK,
    REMAINS,
    SOME_FAILED,
    TERMINATED,
    TOKENS,
    UNSURE,
    worst,
)
from dubbatch.jobs import JobState
from dubbatch.stop import StopReason

OF_REASON: Final[Mapping[StopReason, int]] = {
    StopReason.INTERRUPTED: INTERRUPTED,
    StopReason.TERMINATED: TERMINATED,
    StopReason.ANOTHER_MACHINE: BUSY,
    StopReason.KEY: KEY,
    StopReason.TOKENS: TOKENS,
    StopReason.CAP: TOKENS,
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


def code_of_run(reasons: Collection[StopReason], counts: Mapping[JobState, int]) -> int:
    """The code of a run that ended: why it stopped (if it did), and where the selected jobs stand."""
    standing = [OF_STATE[state] for state, n in counts.items() if n > 0]
    return worst([*(OF_REASON[reason] for reason in reasons), *standing])
