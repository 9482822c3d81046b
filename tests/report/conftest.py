"""Batches as reports find them in a ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dubbatch.jobs import JobState
from tests.story import Story


@pytest.fixture
def one_in_each_state(story: Story) -> Callable[[], None]:
    """Plan one job in every state, its id the state's word."""

    def plan() -> None:
        story.plan(*(state.value for state in JobState))
        story.begin([(job, JobState(job.id)) for job in story.jobs])

    return plan
