"""How fast a batch is done, and what it costs the service: dubbatch beside two peers, on one piece of work.

    python -m benchmarks.pace [--quick] [--only SERVICE] [--client NAME] [--trace] [--keep FOLDER]

The work: 120 jobs of 1 to 3 s, 10 slots, 60 POSTs per 6 s, polls every 0.5 s; each client works it off
against a fresh sandbox of each kind. A second work is bound by the rate alone: 300 jobs of 0.2 s, 50 ms of
random delay in the network. dubbatch's runs follow each other, and so do the peers' beside them. Every
figure is taken from the service's own books:

- total: from the first POST's arrival to the last job's end, and until an answer told it, each as a multiple
  of the lower bound (sum of durations / slots, or what the rate allows). Must be: dubbatch within 3 % of an
  ideal client with the same poll interval (``benchmarks.ideal``); bound by the rate at most 1.05.
- asked: status requests a job, from the first POST on. Must be at most 0.6.
- 429: refusals. Must be: none with a sliding or fixed window; twice the slots where a service refuses
  and they are to be learned; 10 while a token bucket is learned.
- lost: jobs that did not complete, which makes a peer's total shorter.
- most: the most POSTs in any window, as they arrived. Must be at most the limit.
- late: from a job's end to the answer that tells it, median and 95 %, in poll intervals. Must be 0.5, or
  what chance gives the ideal client, and 1.5.
- idle: slot-seconds without work, until all slots were busy first, and from then to the last start.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.adoption import preload
from benchmarks.figures import Figures, figures, share, trace
from benchmarks.ideal import Ideal, lower_bound_s, simulate
from benchmarks.stage import Client, curl, dubbatch, media_server, run, sdk
from dubbatch.sandbox.generation import processing_seconds
from dubbatch.sandbox.settings import SandboxSettings

_LIMIT, _WINDOW_S, _POLL_S = 60, 6.0, 0.5
_SLOTS, _DEPTH, _AHEAD = 10, 5, 2
_WORK: dict[str, Any] = {"seconds": 2.0, "jitter": 0.5, "concurrency": _SLOTS, "seed": 2}
_RATE_BOUND: dict[str, Any] = {"seconds": 0.2, "jitter": 0.0, "concurrency": 100, "delay_s": 0.05}
_OF_THE_IDEAL, _OF_THE_BOUND, _ASKED, _LATE, _LATE_95 = 1.03, 1.05, 0.6, 0.5, 1.5
#: What an answer itself may take, in poll intervals, where the ideal client's median is about a half too.
_ANSWER = 0.03


@dataclass(frozen=True)
class Service:
    """One kind of service, and the work that is given to it."""

    name: str
    habits: dict[str, Any]
    jobs: int = 120
    older: int = 0
    #: How many refusals dubbatch may need, with a number of slots given and without.
    refusals: tuple[int, int] = (0, 0)
    #: Concurrencies that dubbatch is run with.
    concurrencies: tuple[str, ...] = (str(_SLOTS), "auto")
    #: Without the peers, to whom this service is none other than the first.
    alone: bool = False
    #: Whether the rate alone bounds the work.
    rate_bound: bool = False

    @property
    def settings(self) -> SandboxSettings:
        account: dict[str, Any] = {
            "rate_limit": _LIMIT,
            "rate_window_s": _WINDOW_S,
            "per_media_second": 0.0,
            "pickup_s": 0.0,
        }
        return SandboxSettings(**{**account, **(_RATE_BOUND if self.rate_bound else _WORK), **self.habits})

    @property
    def durations_s(self) -> list[float]:
        return [processing_seconds(self.settings, self.older + number, 0.0) for number in range(1, self.jobs + 1)]

    @property
    def bound_s(self) -> float:
        burst = self.settings.bucket or _LIMIT
        slots = self.settings.concurrency
        return lower_bound_s(self.durations_s, slots=slots, rate_limit=_LIMIT, rate_window_s=_WINDOW_S, burst=burst)

    def ideal(self, ahead: int) -> Ideal:
        slots = self.settings.concurrency
        pace: dict[str, Any] = {"poll_interval_s": _POLL_S, "rate_limit": _LIMIT, "rate_window_s": _WINDOW_S}
        return simulate(self.durations_s, slots=slots, ahead=ahead, **pace)


_BUCKET: dict[str, Any] = {"window": "bucket", "bucket": _DEPTH}
_BY_RATE: dict[str, Any] = {"jobs": 300, "concurrencies": ("100",), "alone": True, "rate_bound": True}
_SERVICES = [
    Service("queues", {}),
    Service("refuses", {"when_full": "refuse"}, refusals=(0, 2 * _SLOTS)),
    Service("bucket of 5", _BUCKET, refusals=(10, 10), concurrencies=("auto",)),
    Service("fixed window", {"window": "fixed"}, concurrencies=("auto",), alone=True),
    Service("oldest first, 10,000 older", {"order": "oldest"}, older=10_000, concurrencies=("auto",), alone=True),
    Service("rate: sliding", {}, **_BY_RATE),
    Service("rate: fixed", {"window": "fixed"}, **_BY_RATE),
    Service("rate: bucket of 5", _BUCKET, refusals=(10, 10), **_BY_RATE),
]


@dataclass
class Trial:
    """One client in front of one service."""

    service: Service
    client: Client
    ahead: int = 0
    #: Targets that were missed.
    missed: list[str] = field(default_factory=list)

    @property
    def is_ours(self) -> bool:
        return self.client.name.startswith("dubbatch")

    def line(self, seen: Figures) -> str:
        late = f"{share(seen.late_s, 0.5) / _POLL_S:.2f} {share(seen.late_s, 0.95) / _POLL_S:.2f}"
        total = f"{seen.ended_s / self.service.bound_s:.3f} {seen.noticed_s / self.service.bound_s:.3f}"
        asked = f"{seen.asked / self.service.jobs:.2f}"
        idle = "" if self.service.rate_bound else f"{seen.idle_ramp_s:.1f} {seen.idle_s:.1f}"
        cells = f"{total:>13}{asked:>7}{seen.refused:>5}{seen.lost:>6}{seen.most_in_window:>6}{late:>11}{idle:>11}"
        return f"  {self.client.name:<18}{cells}{'  ' + self._verdict(seen) if self.is_ours else ''}"

    def _verdict(self, seen: Figures) -> str:
        checks = {
            "429": seen.refused <= self.service.refusals[self.client.name.endswith("auto")],
            "lost": seen.lost == 0,
            "most": seen.most_in_window <= _LIMIT,
        }
        pace = ""
        if self.service.rate_bound:
            checks["total"] = seen.ended_s <= _OF_THE_BOUND * self.service.bound_s
        else:
            ideal = self.service.ideal(self.ahead)
            of_the_ideal = max(seen.ended_s / ideal.ended_s, seen.noticed_s / ideal.noticed_s)
            pace = f"{of_the_ideal:.3f} of the ideal; "
            checks["total"] = of_the_ideal <= _OF_THE_IDEAL
            checks["asked"] = seen.asked <= _ASKED * self.service.jobs
            checks["late"] = share(seen.late_s, 0.5) <= max(_LATE * _POLL_S, ideal.late_s + _ANSWER * _POLL_S)
            checks["late 95 %"] = share(seen.late_s, 0.95) <= _LATE_95 * _POLL_S
        self.missed = [name for name, is_met in checks.items() if not is_met]
        return pace + (f"MISSED: {', '.join(self.missed)}" if self.missed else "all met")


def main() -> None:
    options = _options()
    trials = [trial for trial in _trials(options.quick) if options.only in trial.service.name]
    trials = [trial for trial in trials if options.client in trial.client.name]
    print("total: x lower bound, ended and noticed; late: poll intervals, median and 95 %; idle: slot-seconds\n")
    heads = f"{'total':>13}{'asked':>7}{'429':>5}{'lost':>6}{'most':>6}{'late':>11}{'idle':>11}"
    print(f"{'':<20}{heads}")
    with TemporaryDirectory(prefix="pace-") as name, media_server(Path(name)) as media:
        shown = None
        for trial, lines in _measure(trials, Path(name), media, options):
            if trial.service is not shown:
                shown = trial.service
                print(f"{shown.name} (lower bound {shown.bound_s:.1f} s{_ideals(shown)})")
            print("\n".join(lines), flush=True)
    missed = [
        f"{trial.client.name} ({trial.service.name}): {', '.join(trial.missed)}" for trial in trials if trial.missed
    ]
    print("\nAll targets are met." if not missed else "\nMissed:\n  " + "\n  ".join(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="dubbatch only")
    parser.add_argument("--only", default="", help="services whose name has this in it")
    parser.add_argument("--client", default="", help="clients whose name has this in it")
    parser.add_argument("--trace", action="store_true", help="print what happened in each poll interval")
    parser.add_argument("--keep", type=Path, help="folder for the books, ledgers and logs")
    return parser.parse_args()


def _trials(quick: bool) -> Iterator[Trial]:
    curl_client = curl(_SLOTS, _POLL_S)
    if curl_client is None and not quick:
        print("curl and xargs are not both here: that peer is left out", file=sys.stderr)
    peers = [client for client in (sdk(_SLOTS, _POLL_S), curl_client) if client and not quick]
    for service in _SERVICES:
        queues = service.settings.when_full == "queue"
        for concurrency in service.concurrencies:
            ahead = _AHEAD if concurrency == "auto" and queues else 0
            yield Trial(service, dubbatch(concurrency, _WINDOW_S, _POLL_S, "--queue-ahead", str(_AHEAD)), ahead)
        yield from (Trial(service, peer) for peer in peers if not service.alone)


def _measure(
    trials: list[Trial], folder: Path, media: str, options: argparse.Namespace
) -> Iterator[tuple[Trial, list[str]]]:
    def measure(number: int) -> list[str]:
        trial = trials[number]
        place = (options.keep or folder) / f"{number:02}-{trial.service.name}-{trial.client.name}".replace(" ", "_")
        place.mkdir(parents=True)
        if trial.service.older:
            preload(place / "books", time.time(), trial.service.older, 0)
        books = run(trial.client, trial.service.settings, place, trial.service.jobs, media)
        seen = figures(books, trial.service.jobs, slots=trial.service.settings.concurrency, rate_window_s=_WINDOW_S)
        return [trial.line(seen), *(trace(books, _POLL_S) if options.trace else [])]

    # The peers' figures are compared with no ideal: they need not be alone on the machine.
    with ThreadPoolExecutor(1) as ours, ThreadPoolExecutor(1) as peers:
        lines = [(ours if trial.is_ours else peers).submit(measure, number) for number, trial in enumerate(trials)]
        yield from ((trial, line.result()) for trial, line in zip(trials, lines, strict=True))


def _ideals(service: Service) -> str:
    if service.rate_bound:
        return ""
    told = [(ahead, service.ideal(ahead)) for ahead in (0, _AHEAD, 4)]
    parts = [f"{ideal.noticed_s / service.bound_s:.3f} with {ahead} waiting" for ahead, ideal in told]
    first = told[0][1]
    return f"; ideal: {', '.join(parts)}; {first.asked / service.jobs:.2f} asked, late {first.late_s / _POLL_S:.2f}"


if __name__ == "__main__":
    main()
