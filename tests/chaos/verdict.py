"""Compares what a campaign left: the service's books with the ledger, the reports, and every file."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.books import Books, Kind, Request, Status
from tests.chaos.service import Service
from tests.chaos.work import Machine

_REPORTS = ("report.csv", "report.json")


@dataclass(kw_only=True)
class Verdict:
    """What went wrong, each with what it was; all empty: every promise was kept."""

    #: References, and jobs, that were billed more often than they had to be.
    paid_twice: list[str] = field(default_factory=list)
    #: Jobs without their output at the end.
    lost: list[str] = field(default_factory=list)
    #: Files that bore an output's name, at any time, and were not what the service has.
    corrupt: list[str] = field(default_factory=list)
    #: Files that a clean end should not leave.
    left_behind: list[str] = field(default_factory=list)
    #: More requests than the caps of their time had room for.
    over_cap: list[str] = field(default_factory=list)
    #: What ledger and reports say and the books don't.
    untrue: list[str] = field(default_factory=list)
    #: POSTs, questions and downloads, by kind.
    costs: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        return not (self.paid_twice or self.over_cap or self.lost or self.corrupt or self.left_behind or self.untrue)


class Inspector:
    """Looks while the campaign goes on, and gives the verdict at its end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seen: dict[Path, tuple[int, int]] = {}
        self._corrupt: list[str] = []
        self._untrue: list[str] = []
        self._over_cap: list[str] = []

    def look_at(self, machine: Machine) -> None:
        """No file may bear an output's name that is not whole, whenever one looks."""
        whole: set[str] | None = None
        for path in machine.outputs.rglob("*.mp4"):
            stamp = (path.stat().st_mtime_ns, path.stat().st_size)
            if path.name.endswith(".suspect.mp4") or self._seen.get(path) == stamp:
                continue
            whole = whole if whole is not None else self._served()
            if _digest(path) not in whole:
                self._corrupt.append(f"{path} in mid-campaign")
            self._seen[path] = stamp

    def count(self, most: int) -> None:
        """Whatever became of them, there may be no more requests by now."""
        requests = len(self._service.books().requests)
        if requests > max(1, most):
            self._over_cap.append(f"{requests} requests, {most} were allowed")

    def costs(self) -> Counter[str]:
        books = self._service.books()
        return Counter({kind.value: books.count(kind) for kind in Kind})

    def compare_costs(self, before: Counter[str], what: str) -> None:
        if extra := self.costs() - before:
            self._untrue.append(f"{what} asked the service: {dict(extra)}")

    def in_the_way(self, machine: Machine) -> list[Path]:
        """Files under the names of jobs that are blocked."""
        rows = _report(machine)["jobs"]
        return [machine.outputs / _output(row) for row in rows if row["state"] == "blocked"]

    def verdict(self, machine: Machine, jobs: int) -> Verdict:
        self.look_at(machine)
        books = self._service.books()
        verdict = Verdict(corrupt=self._corrupt, untrue=self._untrue, over_cap=self._over_cap, costs=self.costs())
        verdict.paid_twice = paid_twice(books)
        rows = _report(machine)["jobs"]
        if len(rows) != jobs:
            verdict.untrue.append(f"the report has {len(rows)} jobs of {jobs}")
        for row in rows:
            self._judge(row, machine, books, verdict)
        verdict.untrue += wrong_totals(machine, rows) + unknown_to_ledger(machine, books)
        verdict.left_behind = left_behind(machine, rows)
        if books.leaks:
            verdict.untrue.append("the API key went to the outputs' origin")
        return verdict

    def _judge(self, row: dict[str, Any], machine: Machine, books: Books, verdict: Verdict) -> None:
        """One row of the report: its file, and whether what it says is so."""
        path = machine.outputs / _output(row)
        if row["state"] != "downloaded" or not path.is_file():
            verdict.lost.append(f"{row['id']}: {row['state']} {row['error']}")
            return
        served = {_digest(file): file for file in self._service.output_of(row["request_id"]) if file.exists()}
        if _digest(path) not in served:
            verdict.corrupt.append(str(path))
        verdict.untrue += [f"{row['id']}: {lie}" for lie in lies(row, path, books)]

    def _served(self) -> set[str]:
        """Digests of all whole outputs that the service has."""
        requests = self._service.books().requests.values()
        done = [request.id for request in requests if request.status is Status.COMPLETED]
        return {_digest(path) for request_id in done for path in self._service.output_of(request_id) if path.exists()}


def paid_twice(books: Books) -> list[str]:
    """References with more than one bill, and jobs with more than one that did not fail."""
    by_reference = [f"{name} {count} times" for name, count in books.bills().items() if count > 1]
    good = Counter(_stem(request) for request in books.requests.values() if request.status is not Status.FAILED)
    return by_reference + [f"{stem}-* {count} times" for stem, count in good.items() if count > 1]


def lies(row: dict[str, Any], path: Path, books: Books) -> list[str]:
    """What a row of the report says of its file and its request, and is not so."""
    request = books.requests.get(row["request_id"])
    if request is None:
        return [f"there is no request {row['request_id']}"]
    said = {
        "reference_id": (row["reference_id"], request.reference),
        "sha256": (row["sha256"], _digest(path)),
        "bytes": (row["bytes"], path.stat().st_size),
        "attempts": (row["attempts"], len(_of_stem(books, _stem(request)))),
        "status": ("completed", request.status.value),
    }
    return [f"{name} {told!r} is {true!r}" for name, (told, true) in said.items() if told != true]


def wrong_totals(machine: Machine, rows: list[dict[str, Any]]) -> list[str]:
    """Totals, and the CSV beside the JSON, that don't say the same."""
    totals = {state: count for state, count in _report(machine)["totals"].items() if count and state != "jobs"}
    wrong = [] if totals == Counter(row["state"] for row in rows) else [f"totals {totals}"]
    with (machine.outputs / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        table = [(row["id"], row["state"], row["sha256"], row["editor's note"]) for row in csv.DictReader(file)]
    if table != [(row["id"], row["state"], row["sha256"], row["columns"]["editor's note"]) for row in rows]:
        wrong.append("the CSV and the JSON report differ")
    return wrong


def unknown_to_ledger(machine: Machine, books: Books) -> list[str]:
    """Requests that were billed and that the ledger does not know as what they are."""
    with Ledger.copy_of(machine.ledger) as ledger:
        known = {
            (attempt.reference, attempt.request_id)
            for request in books.requests.values()
            if (attempt := ledger.attempts.get(request.reference)) is not None
        }
    return [
        f"the ledger does not know request {request.id} of {request.reference}"
        for request in books.requests.values()
        if (request.reference, request.id) not in known
    ]


def left_behind(machine: Machine, rows: list[dict[str, Any]]) -> list[str]:
    """Everything in the project that is neither the team's, nor an output, a report, or the ledger's own."""
    kept = {machine.outputs / name for name in _REPORTS} | {machine.outputs / _output(row) for row in rows}
    kept |= {machine.manifest, machine.ledger, machine.ledger.with_name(".gitignore")}
    media = machine.folder / "media"
    return [
        str(path.relative_to(machine.folder))
        for path in machine.folder.rglob("*")
        if path.is_file() and path not in kept and media not in path.parents and path.suffix != ".lock"
    ]


def _report(machine: Machine) -> Any:
    return json.loads((machine.outputs / "report.json").read_text(encoding="utf-8"))


def _output(row: dict[str, Any]) -> str:
    return f"{row['language']}/{row['id']}.mp4"


def _stem(request: Request) -> str:
    return request.reference.rpartition("-")[0]


def _of_stem(books: Books, stem: str) -> list[Request]:
    return [request for request in books.requests.values() if _stem(request) == stem]


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of(path, stat.st_mtime_ns, stat.st_size)


@cache
def _digest_of(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
