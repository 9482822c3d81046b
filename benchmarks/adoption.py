"""What it costs to ask the account before sending: GETs of the look-up, counted in the sandbox's books.

    python -m benchmarks.adoption [--jobs 200]

The account holds requests of other work and, in some rows, those of our jobs. Each row is one
look-up (``dubbatch.scheduler.lookup``) from a ledger as it is in that situation; every number is
calls, counted by the service. The services differ in what the vendor's documentation leaves open:
how many requests a page may hold, and which end of the list comes first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from dubbatch import identity
from dubbatch.api.credentials import Credentials
from dubbatch.events import ignore
from dubbatch.jobs import Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.opening import open_run
from dubbatch.sandbox.books import JOURNAL, Kind, Request, Status
from dubbatch.sandbox.journal import Journal
from dubbatch.sandbox.server import Sandbox
from dubbatch.scheduler.lookup import LookUp
from dubbatch.service import SANDBOX, Service
from dubbatch.settings import Settings
from dubbatch.stop import Stop

_OLDER = (0, 1_000, 10_000)
_FEW = 5
_HABITS = [(size, order) for size in (100, 20) for order in ("newest", "oldest")]
#: How long ago the latest of the older requests, and of ours, were made: no sibling can still be invisible.
_OLDER_AGE_S, _OURS_AGE_S = 2 * 86_400.0, 86_400.0
_BATCH = "batch"


@dataclass(frozen=True)
class Bench:
    """The ledgers that the rows start from are made by the rows before them."""

    folder: Path
    jobs: int

    def ledger(self, name: str) -> Path:
        return self.folder / f"{name}.db"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    print(f"GETs of one look-up, {jobs} jobs a batch; in brackets: a job\n")
    print(f"{'':<44}" + "".join(f"{f'{size} a page, {order}':>20}" for size, order in _HABITS))
    for older in _OLDER:
        print(f"{older:,} requests of other work")
        for title, counts in measure(jobs, older):
            cells = "".join(f"{f'{calls} ({calls / of:.2f})':>20}" for calls, of in counts)
            print(f"  {title:<42}{cells}")


def measure(jobs: int, older: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Title, and (calls, jobs asked about) for each of the service's habits."""
    rows: dict[str, list[tuple[int, int]]] = {}
    with TemporaryDirectory(prefix="adoption-") as name:
        before, after = Path(name) / "before", Path(name) / "after"
        now = time()
        preload(before, now, older, 0)
        preload(after, now, older, jobs)
        with Sandbox(books=before) as unbought, Sandbox(books=after) as bought:
            for size, order in _HABITS:
                for service in (unbought, bought):
                    service.change(page_size=min(20, size), max_page_size=size, order=order)
                bench = Bench(Path(name) / f"{size}-{order}", jobs)
                bench.folder.mkdir()
                for title, calls, of in situations(bench, unbought, bought):
                    rows.setdefault(title, []).append((calls, of))
    yield from rows.items()


def situations(bench: Bench, unbought: Sandbox, bought: Sandbox) -> Iterator[tuple[str, int, int]]:
    jobs, few = bench.jobs, range(bench.jobs, bench.jobs + _FEW)
    yield f"a new ledger, {_FEW} new jobs", look_up(bench.ledger("few"), unbought, few), _FEW
    first = bench.ledger("first")
    yield "a new ledger, all jobs new", look_up(first, unbought, range(jobs)), jobs
    shutil.copy(first, bench.ledger("restored"))
    yield "a lost ledger, all jobs bought", look_up(bench.ledger("lost"), bought, range(jobs)), jobs
    yield "a restored ledger, all bought since", look_up(bench.ledger("restored"), bought, range(jobs)), jobs
    yield f"the next run, {_FEW} jobs more", look_up(bench.ledger("restored"), bought, few), _FEW


def look_up(path: Path, service: Sandbox, jobs: range) -> int:
    """One run's look-up; how many calls the service counted."""
    journal = service.folder / JOURNAL
    before = journal.stat().st_size
    asyncio.run(_look_up(path, service, jobs))
    with journal.open("rb") as file:
        file.seek(before)
        return sum(json.loads(line)["type"] == "call" for line in file)


async def _look_up(path: Path, service: Sandbox, jobs: range) -> None:
    with Ledger(path) as ledger:
        # One name for both: to a ledger they are one service, before and after.
        ledger.account.belong_to(SANDBOX)
        ledger.jobs.begin_batch(BatchRow(_BATCH, "", "", "[]", ""), [record(number) for number in jobs])
        thread, account = LedgerThread(ledger, ignore), Service(service.base_url, Credentials(api_key=service.key))
        async with open_run(_BATCH, path.parent, account, Settings(), thread, ignore, Stop()) as run:
            await LookUp(run, {}, now=run.client.clock.now).prepare()
        thread.close()


def preload(books: Path, now: float, older: int, ours: int) -> None:
    """The books of an account that has so many finished requests of other work, one a minute, and then ours."""
    references = [f"other-{number}" for number in range(older)]
    references += [identity.references(f"job-{number}", fingerprint(number)).at(1) for number in range(ours)]
    journal = Journal(books)
    for number, reference in enumerate(references):
        at = now - _OLDER_AGE_S - 60 * (older - number) if number < older else now - _OURS_AGE_S + number - older
        journal.request(
            Request(
                id=f"00000000-0000-4000-8000-{number:012}",
                kind=Kind.GENERATE,
                number=number + 1,
                created_at=at,
                reference=reference,
                status=Status.COMPLETED,
                finished_at=at + 60,
            )
        )
    journal.close()


def record(number: int) -> JobRecord:
    video, audio = (Media(url, url=url) for url in addresses(number))
    job = Job(id=f"job-{number}", video=video, audio=audio, output=f"job-{number}.mp4", position=number)
    return JobRecord(batch=_BATCH, job=job, state=JobState.PENDING, fingerprint=fingerprint(number))


def fingerprint(number: int) -> str:
    return identity.fingerprint(*(identity.url_key(url) for url in addresses(number)))


def addresses(number: int) -> tuple[str, str]:
    return f"https://cdn.example.com/{number}.mp4", f"https://cdn.example.com/{number}.wav"


if __name__ == "__main__":
    main()
