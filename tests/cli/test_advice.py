"""What to type next: the exact command, and what it is for."""

from __future__ import annotations

import pytest

from dubbatch.cli.advice import Call, Left, Step, step_lines, steps
from dubbatch.jobs import JobState
from dubbatch.stop import StopReason

CALL = Call(["run", "my sheet.csv", "--limit", "2", "--ledger", "/l.db"], ["my sheet.csv", "--ledger", "/l.db"])
AGAIN = "dubbatch run 'my sheet.csv' --ledger /l.db"


def after(*reasons: StopReason, **counts: int) -> list[Step]:
    return list(steps(Left({JobState(word): n for word, n in counts.items()}, reasons), CALL))


def test_where_all_is_done_nothing_is_next() -> None:
    """No command for its own sake."""
    assert after(downloaded=3, skipped=1) == []


@pytest.mark.parametrize(
    ("reason", "purpose"),
    [
        (StopReason.INTERRUPTED, "goes on with 3 jobs"),
        (StopReason.TIME, "goes on with 3 jobs"),
        (StopReason.LIMIT, "if the outputs are as you want them, goes on with 3 jobs"),
        (StopReason.KEY, "with a key that the service takes, goes on with 3 jobs"),
        (StopReason.TOKENS, "once the account has tokens again, goes on with 3 jobs"),
        (StopReason.AWAY, "once the service answers, goes on with 3 jobs"),
        (StopReason.CAP, "with a higher cap, goes on with 3 jobs"),
    ],
)
def test_what_waits_is_done_by_the_same_call_without_its_limit(reason: StopReason, purpose: str) -> None:
    """And what stopped the run has to be put right first."""
    assert after(reason, pending=1, processing=1, unsure=1) == [Step(AGAIN, purpose)]


def test_a_cap_of_the_batch_is_told_as_the_number_that_would_do() -> None:
    """Rounded up to a whole minute."""
    call = Call(["run", "s.csv", "--max-minutes=5"], ["s.csv"])
    left = Left({JobState.PENDING: 2}, [StopReason.CAP], 3.5, minutes_to_allow=8.2)

    assert list(steps(left, call)) == [
        Step("dubbatch run s.csv --max-minutes 9", "with a higher cap, goes on with 2 jobs")
    ]


def test_each_kind_of_trouble_has_its_command() -> None:
    """In the order of what costs nothing first."""
    assert after(downloaded=1, suspect=1, failed=2, blocked=1) == [
        Step("dubbatch collect 'my sheet.csv' --ledger /l.db", "fetches 1 job once more, free"),
        Step(AGAIN, "once the rows are mended: 3 jobs"),
        Step(
            "dubbatch redo 'my sheet.csv' --ledger /l.db --failed",
            "buys 3 jobs again as they are, after showing the minutes",
        ),
    ]


def test_after_the_sandbox_comes_what_it_is_for_real() -> None:
    """Without the word that makes it a game."""
    call = Call(["run", "s.csv", "--sandbox"], ["s.csv", "--sandbox"])
    left = Left({JobState.DOWNLOADED: 2}, is_sandbox=True)

    assert list(steps(left, call)) == [Step("dubbatch plan s.csv", "what it is for real: minutes, money, time")]


def test_commands_stand_one_under_another_as_they_can_be_copied() -> None:
    """A shell passes over what is behind the #."""
    assert list(step_lines([Step("dubbatch run s.csv", "goes on"), Step("dubbatch collect s.csv", "fetches")])) == [
        "Next: dubbatch run s.csv      # goes on",
        "  or: dubbatch collect s.csv  # fetches",
    ]
