"""A short campaign of kills: what ``make chaos`` does at length; and that the verdict sees what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.books import JOURNAL
from tests.chaos.campaign import Campaign, Plan
from tests.chaos.service import Service
from tests.chaos.verdict import Inspector, Verdict
from tests.chaos.work import Machine

JOBS = 28
FEW = 3


@pytest.mark.timeout(300)
def test_whatever_is_killed_every_job_is_paid_once_and_every_output_is_whole(tmp_path: Path) -> None:
    """Kills at commits, POSTs, renames and random moments, ledgers lost, faults everywhere; then it ends well.

    And never is more bought than the cap of that moment has room for.
    """
    campaign = Campaign(Plan(jobs=JOBS, kills=9, seed=11, longest_s=3.0, capped=True), tmp_path)

    verdict = campaign.run()

    assert campaign.kills >= 9
    assert campaign.crashes == []
    assert verdict == Verdict(costs=verdict.costs)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Machine]]:
    """A batch that is done, and the service that still has its books."""
    campaign = Campaign(Plan(jobs=FEW, kills=0, seed=1, faults=False), tmp_path_factory.mktemp("finished"))
    with campaign.opened() as (service, machines):
        assert campaign.run_in(service, machines).is_good
        yield service, machines[0]


def _pay_again(books: Path) -> None:
    journal = books / JOURNAL
    bought = next(json.loads(line) for line in journal.read_text().splitlines() if '"type": "request"' in line)
    with journal.open("a") as file:
        file.write(json.dumps({**bought, "id": "another", "number": 99}) + "\n")


def _lose(machine: Machine) -> None:
    next(machine.outputs.rglob("*.mp4")).unlink()


def _corrupt(machine: Machine) -> None:
    path = next(machine.outputs.rglob("*.mp4"))
    path.write_bytes(path.read_bytes()[:-1])


def _leave_behind(machine: Machine) -> None:
    (machine.outputs / "ep0001.mp4.part").touch()


def _lie(machine: Machine) -> None:
    report = machine.outputs / "report.json"
    report.write_text(report.read_text().replace('"state": "downloaded"', '"state": "queued"', 1))


def _forget(machine: Machine) -> None:
    machine.lose_ledger()
    Ledger(machine.ledger).close()


@pytest.mark.parametrize(
    ("harm", "found"),
    [(_lose, "lost"), (_corrupt, "corrupt"), (_leave_behind, "left_behind"), (_lie, "lost"), (_forget, "untrue")],
)
def test_the_verdict_finds_what_is_wrong(
    finished: tuple[Service, Machine], tmp_path: Path, harm: Callable[[Machine], None], found: str
) -> None:
    """A harness that can't fail would prove nothing."""
    service, machine = finished
    harmed = machine.copy(tmp_path / "machine")
    harm(harmed)

    verdict = Inspector(service).verdict(harmed, FEW)

    assert getattr(verdict, found) != []


def test_the_verdict_finds_what_was_paid_twice(finished: tuple[Service, Machine]) -> None:
    service, machine = finished
    _pay_again(service.folder)

    verdict = Inspector(service).verdict(machine, FEW)

    assert len(verdict.paid_twice) == 2
    assert verdict.untrue != []
