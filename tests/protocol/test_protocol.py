"""Any sequence of answers, crashes, lags and restarts ends well, and nothing is sent that may have been accepted.

``PROTOCOL_EXAMPLES=n`` looks at n random projects instead of always the same few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.protocol.host import Death
from tests.protocol.machine import POST_MOMENTS, Protocol
from tests.protocol.script import LOST, REFUSED, Fate, Fault, How, Life, Trouble, Way, When

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))
STEPS = 8


@pytest.mark.timeout(0 if EXAMPLES else 120)
def test_any_sequence_of_answers_lags_deaths_and_restarts_pays_once_and_comes_to_an_end() -> None:
    run_state_machine_as_test(
        Protocol,
        settings=settings(
            max_examples=EXAMPLES or 40,
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def protocol() -> Iterator[Protocol]:
    """A project; its runs are checked as those of the machine's examples are."""
    protocol = Protocol()
    yield protocol
    protocol.has_failed = True
    protocol.teardown()


def begin(protocol: Protocol, *tracks: str, life: Life = Life.GOOD) -> None:
    protocol.begin(newest_first=False, page_size=1, others=0, tracks=tracks, given=False, life=life)


# What an example must hold whatever the machine looks at.


@pytest.mark.parametrize("hidden", [0.0, 1.0], ids=["visible", "hidden"])
@pytest.mark.parametrize(("how", "accepted"), [*product(LOST, (True, False)), *product(REFUSED, (False,))])
def test_every_answer_of_a_post_leads_to_one_paid_request(
    protocol: Protocol, how: How, accepted: bool, hidden: float
) -> None:
    begin(protocol, "one", "two", "three", "four", "five")

    protocol.run(
        "second", fates=[Fate(how, accepted, 0.0, hidden, hidden)] * 3, faults=[], death=None, concurrency=None
    )
    protocol.come_to_the_end()


@pytest.mark.parametrize("then", ["", "lost", "restored", "moved"])
@pytest.mark.parametrize("moment", ["write", "commit: before", "commit: after", *POST_MOMENTS, "question"])
def test_a_death_at_any_moment_and_what_becomes_of_the_ledger_then_costs_nothing(
    protocol: Protocol, moment: str, then: str
) -> None:
    begin(protocol, "one", "two", "three", "four", "five")
    hidden, nth = Fate(hidden_from_list=1.0, hidden_from_get=1.0), 2 if moment in POST_MOMENTS else 12
    protocol.run("first", fates=[], faults=[], death=None, concurrency=None)
    protocol.befall_the_ledger("copied")

    protocol.run("second", fates=[hidden] * 3, faults=[], death=Death(moment, nth), concurrency=None)
    assert protocol.host.died
    if then:
        protocol.befall_the_ledger(then)
    protocol.come_to_the_end()


# What the machine has found.


def test_a_send_in_doubt_is_asked_for_once_more_also_after_a_later_one_was_refused_for_good(protocol: Protocol) -> None:
    begin(protocol, "one", "two", "three", "four", "five")
    lost, refused = Fate(How.RESET, accepted=False), Fate(How.BAD, accepted=False)
    protocol.run("second", fates=[lost, Fate(), refused], faults=[], death=None, concurrency=None)

    protocol.ask_redo(("second", "a"))
    protocol.come_to_the_end()


def test_identical_work_that_fails_is_tried_no_oftener_while_its_rows_wait_for_permits(protocol: Protocol) -> None:
    """The third row's permit comes a minute after it was found that a second attempt is due."""
    begin(protocol, *["one"] * 5, life=Life.OWN_FAULT)

    protocol.run("first", fates=[], faults=[], death=None, concurrency=None)
    protocol.come_to_the_end()


def test_a_run_ends_although_an_unsure_attempt_that_nobody_speaks_of_has_the_only_slot(protocol: Protocol) -> None:
    begin(protocol, *["one"] * 5)
    silent = Fault(Trouble.BROKEN, Way.FILTER, 40, When.ANY)

    protocol.run("first", fates=[Fate(How.RESET, accepted=False)], faults=[silent], death=None, concurrency=1)
    protocol.come_to_the_end()


def test_a_job_that_failed_is_unsure_when_the_same_work_is_sent_once_more_for_another_row(protocol: Protocol) -> None:
    """Both batches have this row; the send of one is refused, the answer to the other's is lost."""
    begin(protocol, *["one"] * 5)
    fates = [Fate(How.BAD, accepted=False), Fate(How.RESET, accepted=False)]

    protocol.run_both(fates=fates, faults=[Fault(Trouble.RATE, Way.LIST)], death=None)
    protocol.come_to_the_end()
