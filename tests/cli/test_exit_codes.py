"""The exit codes: every reason, every state, every error, and which of several is told (design, section 8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch import errors
from dubbatch.cli import exit_codes
from dubbatch.cli.exit_codes import ORDER, code_of_error, worst
from dubbatch.cli.standing import code_of_run
from dubbatch.errors import DubbatchError
from dubbatch.jobs import JobState
from dubbatch.stop import StopReason

#: As the contract writes it; 2 and 75 come before work starts, 75 also where another machine shows up.
CONTRACT = [130, 143, 4, 5, 8, 7, 3, 1, 6, 9]

OF_REASON = {
    StopReason.INTERRUPTED: 130,
    StopReason.TERMINATED: 143,
    StopReason.ANOTHER_MACHINE: 75,
    StopReason.KEY: 4,
    StopReason.TOKENS: 5,
    StopReason.DISK: 8,
    StopReason.LEDGER: 8,
    StopReason.ADDRESS: 6,
    StopReason.AWAY: 6,
    StopReason.TIME: 0,
    StopReason.LIMIT: 0,
    StopReason.CAP: 5,
}

OF_STATE = {
    JobState.PENDING: 9,
    JobState.SUBMITTING: 7,
    JobState.UNSURE: 7,
    JobState.QUEUED: 9,
    JobState.PROCESSING: 9,
    JobState.COMPLETED: 9,
    JobState.DOWNLOADED: 0,
    JobState.SUSPECT: 1,
    JobState.FAILED: 1,
    JobState.STALLED: 9,
    JobState.BLOCKED: 1,
    JobState.SKIPPED: 0,
}

OF_ERROR = {
    "DubbatchError": 1,
    "UsageError": 2,
    "ManifestError": 3,
    "LedgerError": 8,
    "DiskError": 8,
    "BatchBusy": 75,
    "NoKeyring": 4,
    "MediaError": 1,
    "DownloadError": 1,
    "LinkExpired": 1,
    "DownloadBroken": 1,
    "HostUnreachable": 1,
    "OutputChanged": 1,
    "OutputTooLarge": 1,
    "AddressRefused": 1,
    "ServiceError": 6,
    "ServiceUnreachable": 6,
    "ServiceFault": 6,
    "RateLimited": 6,
    "UnreadableAnswer": 6,
    "RequestNotFound": 6,
    "KeyRefused": 4,
    "TokensUsedUp": 5,
    "WrongAddress": 6,
}


def error_classes() -> dict[str, type[DubbatchError]]:
    return {
        name: thing
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, DubbatchError)
    }


def test_the_names_have_the_numbers_of_the_contract() -> None:
    """Cron jobs know the numbers; code knows the names."""
    names = "OK SOME_FAILED USAGE MANIFEST KEY TOKENS AWAY UNSURE DISK REMAINS BUSY INTERRUPTED TERMINATED".split()

    assert [getattr(exit_codes, name) for name in names] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75, 130, 143]


def test_the_order_is_that_of_the_contract() -> None:
    """2 and 75 stand right after the interruptions, and 0 is told only where nothing else applies."""
    assert [code for code in ORDER if code in CONTRACT] == CONTRACT
    assert ORDER[:4] == (130, 143, 75, 2)
    assert ORDER[-1] == 0
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("reason", StopReason)
def test_each_reason_has_its_code(reason: StopReason) -> None:
    """Stopping for time or number is what a person asked for: only what remains counts."""
    assert OF_REASON[reason] == code_of_run([reason], {JobState.DOWNLOADED: 1})


@pytest.mark.parametrize("state", JobState)
def test_each_state_has_its_code(state: JobState) -> None:
    """The code tells where the jobs stand, whichever run brought them there."""
    assert OF_STATE[state] == code_of_run([], {state: 1})


@pytest.mark.parametrize("reason", [StopReason.TIME, StopReason.LIMIT])
def test_work_that_remains_after_a_wanted_end_is_told(reason: StopReason) -> None:
    """--max-time and --limit leave 9 behind, as long as there is something left."""
    assert code_of_run([reason], {JobState.DOWNLOADED: 3, JobState.QUEUED: 1}) == 9


def test_nothing_to_do_is_all_done() -> None:
    """No jobs, or none in any state that matters."""
    assert code_of_run([], {}) == 0
    assert code_of_run([], dict.fromkeys(JobState, 0)) == 0


@pytest.mark.parametrize(
    ("reasons", "counts", "expected"),
    [
        ([StopReason.TERMINATED, StopReason.INTERRUPTED], {}, 130),
        ([StopReason.ANOTHER_MACHINE, StopReason.TERMINATED], {}, 143),
        ([StopReason.KEY, StopReason.ANOTHER_MACHINE], {JobState.UNSURE: 1}, 75),
        ([StopReason.TOKENS, StopReason.KEY], {JobState.FAILED: 1}, 4),
        ([StopReason.TOKENS], {JobState.FAILED: 2, JobState.UNSURE: 1}, 5),
        ([StopReason.DISK], {JobState.SUBMITTING: 1}, 8),
        ([StopReason.AWAY], {JobState.UNSURE: 1, JobState.FAILED: 1}, 7),
        ([StopReason.AWAY], {JobState.BLOCKED: 1, JobState.PENDING: 9}, 1),
        ([StopReason.AWAY], {JobState.PENDING: 9}, 6),
        ([StopReason.TIME], {JobState.SUSPECT: 1, JobState.PENDING: 9}, 1),
    ],
)
def test_of_several_codes_the_gravest_is_told(
    reasons: list[StopReason], counts: dict[JobState, int], expected: int
) -> None:
    """What a person must do first."""
    assert expected == code_of_run(reasons, counts)


@given(st.sets(st.sampled_from(StopReason)), st.dictionaries(st.sampled_from(JobState), st.integers(0, 3)))
def test_the_code_of_a_run_is_the_first_of_the_order_that_applies(
    reasons: set[StopReason], counts: dict[JobState, int]
) -> None:
    """Whatever comes together."""
    apply = {OF_REASON[reason] for reason in reasons} | {OF_STATE[state] for state, n in counts.items() if n}

    expected = next((code for code in (130, 143, 75, 4, 5, 8, 7, 3, 1, 6, 9) if code in apply), 0)

    assert expected == code_of_run(reasons, counts)


@given(st.lists(st.sampled_from(ORDER)), st.lists(st.sampled_from(ORDER)))
def test_the_worst_of_codes_does_not_depend_on_how_they_are_put_together(first: list[int], second: list[int]) -> None:
    """Order, repetition and grouping change nothing; nothing at all is 0."""
    assert worst([*first, *second]) == worst([*second, *first, *second]) == worst([worst(first), worst(second)])
    assert worst([]) == 0


def test_every_error_of_the_tree_has_its_code() -> None:
    """Also those that only inherit it; a new class must be thought of here."""
    assert OF_ERROR.keys() == error_classes().keys()
    assert {name: code_of_error(kind("no")) for name, kind in error_classes().items()} == OF_ERROR


def test_an_error_of_a_later_version_counts_as_its_base() -> None:
    """Nobody gets a traceback for a class that isn't on the list."""

    class NewError(errors.KeyRefused):
        """A finer kind."""

    assert code_of_error(NewError("no")) == 4
