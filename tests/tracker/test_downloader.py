"""Downloads as the host of the files sees them: how many at a time, and what goes on where one broke off."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.origin import make_video
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.asking import Asking
from dubbatch.events import ignore
from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.ledger.outputs import PartRow
from dubbatch.listing import Listing
from dubbatch.run import Run
from dubbatch.settings import Settings
from dubbatch.stop import Stop
from dubbatch.tracker.downloader import Downloader

ETAG = '"one"'


@dataclass
class Host:
    """Hands out one file, and counts who is being served."""

    content: bytes
    url: str = ""
    now: int = 0
    most: int = 0
    ranges: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.now += 1
        self.most = max(self.most, self.now)
        # Long enough for everybody else to have come too.
        await asyncio.sleep(0.05)
        wanted = head.partition("range: bytes=")[2].partition("-")[0]
        self.ranges.append(wanted)
        start = int(wanted or 0)
        length = len(self.content) - start
        lines = [f"HTTP/1.1 {206 if wanted else 200} X", f"ETag: {ETAG}", f"Content-Length: {length}"]
        if wanted:
            lines.append(f"Content-Range: bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        # Counted as gone before the last byte has left: the next one may follow on its heels.
        self.now -= 1
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        writer.write(self.content[start:])
        await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    make_video(path, 3_000_000)
    return path.read_bytes()


@pytest.fixture
async def host(video: bytes) -> AsyncIterator[Host]:
    host = Host(video)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/o.mp4"
    yield host
    server.close()
    await server.wait_closed()


Fetch = Callable[[Mapping[str, str], int], Awaitable[None]]


@asynccontextmanager
async def fetching(ledger: Ledger, folder: Path) -> AsyncIterator[Fetch]:
    """Brings home what is behind these links, by reference, so many at a time."""
    thread, stop = LedgerThread(ledger, ignore), Stop()
    async with ChamelaionClient("http://127.0.0.1:1", Credentials(api_key="key")) as client:

        async def fetch(links: Mapping[str, str], transfers: int) -> None:
            asking = Asking(stop)
            run = Run(
                batch="batch",
                output_dir=folder,
                settings=Settings(transfers=transfers),
                ledger=thread,
                client=client,
                asking=asking,
                listing=Listing(client, asking, newest_first=None),
                stop=stop,
                hook=ignore,
            )
            downloader = Downloader(run, dict(links))
            downloader.drain()
            await downloader.run()

        yield fetch
    thread.close()


def finished(ledger: Ledger, jobs: int) -> list[str]:
    """A batch of so many jobs that the service has finished; their references."""
    media = Media("https://cdn.example.com/1", url="https://cdn.example.com/1")
    records = [
        JobRecord(
            batch="batch",
            job=Job(id=f"job{number}", video=media, audio=media, output=f"job{number}.mp4", position=number),
            state=JobState.PENDING,
            fingerprint=f"work {number}",
        )
        for number in range(jobs)
    ]
    ledger.jobs.begin_batch(BatchRow("batch", "", "", "[]", ""), records)
    for record in records:
        name = record.job.id
        attempt = Attempt(
            reference=f"{name}-1",
            stem=name,
            n=1,
            batch="batch",
            job=name,
            fingerprint=record.fingerprint,
            state=JobState.QUEUED,
            request_id=name,
        )
        ledger.attempts.adopt(record, attempt)
        ledger.attempts.update(replace(attempt, finished_at="now", state=JobState.COMPLETED))
    return [f"{record.job.id}-1" for record in records]


@pytest.mark.parametrize("transfers", [1, 3])
async def test_no_more_downloads_at_once_than_were_asked_for(tmp_path: Path, host: Host, transfers: int) -> None:
    """And no fewer, as long as there are that many."""
    with Ledger(None) as ledger:
        links = dict.fromkeys(finished(ledger, 7), host.url)
        async with fetching(ledger, tmp_path) as fetch:
            await fetch(links, transfers)
        assert ledger.jobs.counts("batch") == {JobState.DOWNLOADED: 7}

    assert host.most == transfers


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """What happens to parts and outputs, in its order: an audit hook stays for good, so there is one."""
    steps: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "dubbatch.write":
            steps.append(arguments[1])
        elif event in ("open", "os.remove", "os.rename") and str(arguments[0]).endswith(".part"):
            steps.append(event)

    sys.addaudithook(hear)
    return steps


@pytest.mark.parametrize(
    ("left", "begun"),
    [
        (b"", ["put_part", "open"]),
        (b"of another version", ["put_part", "os.remove", "put_part", "open"]),
    ],
    ids=["new", "over older bytes"],
)
async def test_an_etag_is_on_record_before_its_bytes_and_never_with_others(
    tmp_path: Path, host: Host, heard: list[str], left: bytes, begun: list[str]
) -> None:
    """Nor is a file given its name before the ledger knows by which digest to find it again."""
    with Ledger(None) as ledger:
        (reference,) = finished(ledger, 1)
        if left:
            (tmp_path / "job0.mp4.part").write_bytes(left)
        heard.clear()
        async with fetching(ledger, tmp_path) as fetch:
            await fetch({reference: host.url}, 1)

    steps = [step for step, following in zip(heard, [*heard[1:], ""], strict=True) if step != following]
    assert steps[: len(begun)] == begun
    # Read again to be hashed and checked.
    assert steps[len(begun) :] == ["put_part", "os.rename", "drop_part", "put_output", "change_job"]
    assert host.ranges == [""]


async def test_an_output_that_came_in_two_parts_has_the_sha256_of_the_whole(tmp_path: Path, host: Host) -> None:
    """What an earlier run left is hashed before what comes behind it."""
    with Ledger(None) as ledger:
        (reference,) = finished(ledger, 1)
        part = tmp_path / "job0.mp4.part"
        part.write_bytes(host.content[:1_000_000])
        ledger.outputs.put_part(PartRow(part, "batch", reference, ETAG))
        async with fetching(ledger, tmp_path) as fetch:
            await fetch({reference: host.url}, 1)
        (output,) = ledger.outputs.of_reference(reference)

    assert host.ranges == ["1000000"]
    assert output.path.read_bytes() == host.content
    assert output.sha256 == hashlib.sha256(host.content).hexdigest()
