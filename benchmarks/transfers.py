"""How fast large files go up and come down beside curl, and what that costs in memory and in turns of the event loop.

    python -m benchmarks.transfers [--size 2048] [--rounds 3]

One service on loopback (``benchmarks.origin``), one MP4 of ``size`` MB; curl and dubbatch take turns, and each
figure is the median. Upload: ``client.generate_with_media``, which reads the file, proves it by its checksum and sends
it. Download: the run's own Downloader, with fsync, checks, SHA-256, rename and record; "bytes" ends when the last one
came. curl neither hashes, checks nor makes durable: what reading and hashing alone take on this machine stands beside.
The event loop is watched by a task that sleeps 5 ms; memory is the process's peak over what it was before.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

from benchmarks.origin import origin
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.multipart import FilePart, content_type
from dubbatch.asking import Asking
from dubbatch.events import Event, Transferred
from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media, Outcome
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.listing import Listing
from dubbatch.media.checks import check_output
from dubbatch.media.hashing import Checksum, digests_of
from dubbatch.run import Run
from dubbatch.settings import Settings
from dubbatch.stop import Stop
from dubbatch.tracker.downloader import Downloader

_UPLOAD, _DOWNLOAD = 0.8, 0.5
_MEMORY_MB, _STALL_S = 80, 0.1
_TICK_S = 0.005
_BATCH = "batch"


@dataclass
class Watch:
    """What one stretch of work cost: the longest stall in seconds, the growth of memory in MB."""

    stall_s: float = 0.0
    grown_mb: float = 0.0


@dataclass
class Figures:
    """Seconds of each round, by what was done, and the worst of what it cost."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)

    def note(self, name: str, seconds: float) -> None:
        self.rounds.setdefault(name, []).append(seconds)

    def seconds(self, name: str) -> float:
        return median(self.rounds[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="MB")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="transfers-") as name:
        show(measure(Path(name), options.size << 20, options.rounds), options.size)


def measure(folder: Path, size: int, rounds: int) -> Figures:
    figures, source = Figures(), folder / "source.mp4"
    with origin(source, size) as url:
        sound = folder / "sound.wav"
        sound.write_bytes(bytes(1 << 20))
        parts = (_part("video", source), _part("audio", sound))
        # PyAV's libraries are there since the plan of a run; they are no part of a transfer's memory.
        check_output(source, durations_s=[])
        for number in range(rounds):
            if shutil.which("curl"):
                figures.note("curl up", curl_up(url, parts))
                figures.note("curl down", curl_down(url, folder / "curl.mp4"))
            figures.note("sha256", timed(lambda: hashed(source, hashlib.sha256())))
            figures.note("checksum", timed(lambda: hashed(source, Checksum())))
            asyncio.run(upload(figures, url, parts))
            home = folder / str(number)
            home.mkdir()
            asyncio.run(download(figures, url, home))
            shutil.rmtree(home)
    return figures


def curl_up(url: str, parts: Sequence[FilePart]) -> float:
    fields = [f"-F{part.name}=@{part.path};type={part.content_type}" for part in parts]
    return timed(lambda: _curl(*fields, "-o/dev/null", f"{url}/v1/lipsync/generate-with-media"))


def curl_down(url: str, target: Path) -> float:
    seconds = timed(lambda: _curl("-o", str(target), f"{url}/output.mp4"))
    target.unlink()
    return seconds


def _curl(*arguments: str) -> None:
    curl = shutil.which("curl") or "curl"
    subprocess.run([curl, "--silent", "--fail", "--noproxy", "*", *arguments], check=True)


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def hashed(path: Path, digest: Digest) -> None:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)


async def upload(figures: Figures, url: str, parts: Sequence[FilePart]) -> None:
    async with ChamelaionClient(url, Credentials(api_key="key")) as client, watched(figures, "upload"):
        started = time.perf_counter()
        verdict = await client.generate_with_media(*parts, reference_id="reference")
        figures.note("upload", time.perf_counter() - started)
    if verdict.outcome is not Outcome.ACCEPTED:
        raise SystemExit(f"the upload did not work: {verdict.message}")


async def download(figures: Figures, url: str, folder: Path) -> None:
    last_byte = 0.0

    def hear(event: Event) -> None:
        nonlocal last_byte
        if isinstance(event, Transferred):
            last_byte = time.perf_counter()

    with Ledger(folder / "ledger.db") as ledger:
        reference = finished_job(ledger, folder)
        thread, stop = LedgerThread(ledger, hear), Stop()
        async with ChamelaionClient(url, Credentials(api_key="key")) as client, watched(figures, "download"):
            asking = Asking(stop)
            run = Run(
                batch=_BATCH,
                output_dir=folder,
                settings=Settings(),
                ledger=thread,
                client=client,
                asking=asking,
                listing=Listing(client, asking, newest_first=None),
                stop=stop,
                hook=hear,
            )
            downloader = Downloader(run, {reference: f"{url}/output.mp4"})
            downloader.drain()
            started = time.perf_counter()
            await downloader.run()
            figures.note("download", time.perf_counter() - started)
            figures.note("bytes", last_byte - started)
        thread.close()
        if ledger.jobs.counts(_BATCH) != {JobState.DOWNLOADED: 1}:
            raise SystemExit("the download did not work")


def finished_job(ledger: Ledger, folder: Path) -> str:
    """A job whose request the service has finished; its reference."""
    media = Media("https://cdn.example.com/1", url="https://cdn.example.com/1")
    job = Job(id="job", video=media, audio=media, output="job.mp4", position=0)
    record = JobRecord(batch=_BATCH, job=job, state=JobState.PENDING, fingerprint="work")
    ledger.jobs.begin_batch(BatchRow(_BATCH, "", str(folder), "[]", ""), [record])
    attempt = Attempt(
        reference="job-1", stem="job", n=1, batch=_BATCH, job=job.id, fingerprint="work", state=JobState.QUEUED
    )
    ledger.attempts.adopt(record, replace(attempt, request_id="1"))
    ledger.attempts.update(replace(attempt, request_id="1", finished_at="now", state=JobState.COMPLETED))
    ledger.drain_changes()
    return attempt.reference


@asynccontextmanager
async def watched(figures: Figures, name: str) -> AsyncIterator[None]:
    watch, before = figures.watches.setdefault(name, Watch()), _peak_mb()

    async def tick() -> None:
        while True:
            asleep = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            watch.stall_s = max(watch.stall_s, time.perf_counter() - asleep - _TICK_S)

    ticking = asyncio.ensure_future(tick())
    try:
        yield
    finally:
        ticking.cancel()
        watch.grown_mb += _peak_mb() - before


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _part(name: str, path: Path) -> FilePart:
    return FilePart(
        name=name,
        filename=path.name,
        path=path,
        size=path.stat().st_size,
        content_type=content_type(path),
        checksum=digests_of(path).checksum,
    )


def show(figures: Figures, size_mb: int) -> None:
    print(f"{size_mb:,} MB over loopback; MB/s, medians of {len(figures.rounds['upload'])} rounds\n")
    for name, title in _ROWS:
        if name in figures.rounds:
            print(f"  {title:<58}{size_mb / figures.seconds(name):>8,.0f}")
    print()
    if "curl up" in figures.rounds:
        _ratio("upload", figures.seconds("curl up") / figures.seconds("upload"), _UPLOAD)
        _ratio("download, bytes", figures.seconds("curl down") / figures.seconds("bytes"), _DOWNLOAD)
        _ratio("download, whole", figures.seconds("curl down") / figures.seconds("download"), _DOWNLOAD)
        bound = figures.seconds("curl up") / figures.seconds("sha256")
        print(f"  one that proves a file by its SHA-256 could not send it faster here than {bound:.2f} of curl's speed")
    else:
        print("  curl is not here: no ratios")
    for name, watch in figures.watches.items():
        _limit(f"{name}, longest stall of the event loop", watch.stall_s * 1000, _STALL_S * 1000, "ms")
        _limit(f"{name}, memory", watch.grown_mb, _MEMORY_MB, "MB")


_ROWS = [
    ("curl up", "curl -F"),
    ("upload", "dubbatch, upload"),
    ("curl down", "curl -o"),
    ("bytes", "dubbatch, download until the last byte"),
    ("download", "dubbatch, download with fsync, checks, SHA-256, rename"),
    ("checksum", "reading and XXH3-128 alone"),
    ("sha256", "reading and SHA-256 alone"),
]


def _ratio(title: str, ratio: float, least: float) -> None:
    print(f"  {title + ' / curl':<48}{ratio:>8.2f}   at least {least:<6} {_said(ratio >= least)}")


def _limit(title: str, value: float, most: float, unit: str) -> None:
    print(f"  {title:<48}{value:>5.0f} {unit}   at most {most:.0f} {unit} {_said(value <= most)}")


def _said(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
