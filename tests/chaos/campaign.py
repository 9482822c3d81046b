"""Runs the real command again and again, kills it, ruins what it leaves, and in the end lets it finish."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.service import KEY, Service
from tests.chaos.trouble import LAG_S, SETTLE_S, Aftermath, Death, aftermath, death, faults, habits
from tests.chaos.verdict import Inspector, Verdict
from tests.chaos.work import Machine, make_machines, web_server

ROOT = Path(__file__).parents[2]
#: Between the two of a pair of signals.
_PAIR_S = 0.2
#: A run that hangs is a bug; none takes longer.
_PATIENCE_S = 600.0
#: Runs that nobody disturbs, but the service; the last of them must end well.
_LAST_RUNS = 8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much work, how much harm. The same plan draws the same harm."""

    jobs: int
    kills: int
    seed: int
    #: POSTs a second that the service allows: this spreads the work over the kills.
    rate: int = 4
    #: No run that is to be killed lives longer.
    longest_s: float = 5.0
    #: Whether the service errs.
    faults: bool = True
    #: Whether the runs that are killed have a cap, which grows from run to run until it holds all jobs.
    capped: bool = False


@dataclass
class Campaign:
    """One campaign in ``folder``. ``verdict`` after :meth:`run` says what came of it."""

    plan: Plan
    folder: Path
    ends: Counter[str] = field(default_factory=Counter)
    aftermaths: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    moved: int = 0
    started: float = field(default_factory=time.monotonic)

    def run(self) -> Verdict:
        with self.opened() as (service, machines):
            return self.run_in(service, machines)

    def run_in(self, service: Service, machines: list[Machine]) -> Verdict:
        return _Course(self, service, machines).run()

    @contextmanager
    def opened(self) -> Iterator[tuple[Service, list[Machine]]]:
        media = self.folder / "machine-1"
        media.mkdir(parents=True)
        with web_server(media) as origin:
            machines = make_machines(self.folder, self.plan.jobs, origin)
            service = Service(self.folder, rate_limit=self.plan.rate)
            try:
                yield service, machines
            finally:
                service.stop()

    @property
    def kills(self) -> int:
        return self.codes[-signal.SIGKILL]


class _Course:
    """The campaign while it goes on."""

    def __init__(self, campaign: Campaign, service: Service, machines: list[Machine]) -> None:
        self._campaign = campaign
        self._plan = campaign.plan
        self._service = service
        self._machines = machines
        self._machine = machines[0]
        self._chance = random.Random(self._plan.seed)
        self._inspector = Inspector(service)

    def run(self) -> Verdict:
        if self._plan.faults:
            self._service.go_wrong(faults(self._plan.seed))
        while self._campaign.kills < self._plan.kills:
            if self._plan.faults:
                self._service.change(**habits(self._chance))
            end = death(self._chance, self._plan.longest_s)
            self._command(end)
            self._inspector.look_at(self._machine)
            self._inspector.count(self._cap())
            self._ruin(aftermath(self._chance))
        self._finish()
        return self._inspector.verdict(self._machine, self._plan.jobs)

    def _cap(self) -> int:
        """How many jobs' minutes may be bought by now; each lasts a second."""
        if not self._plan.capped:
            return 10**6
        return self._plan.jobs * (self._campaign.kills + 1) // (self._plan.kills + 2)

    def _finish(self) -> None:
        """Undisturbed runs until one ends well; then one more, which must not touch anything."""
        for _ in range(_LAST_RUNS):
            if self._command() == 0:
                break
            self._make_room()
        self._service.go_wrong({"rules": []})
        self._service.wait_until_calm()
        before = self._inspector.costs()
        self._command()
        self._inspector.compare_costs(before, "a run of a finished batch")

    def _make_room(self) -> None:
        """What the hint of a blocked job says: move away the file that a lost ledger has forgotten."""
        aside = self._campaign.folder / "aside"
        aside.mkdir(exist_ok=True)
        for path in self._inspector.in_the_way(self._machine):
            path.rename(aside / f"{self._campaign.moved}-{path.name}")
            self._campaign.moved += 1

    def _command(self, end: Death | None = None) -> int:
        """One run, to its end or to its death; its exit code."""
        log = self._campaign.folder / "run.log"
        command = [sys.executable, "-m", "tests.chaos.victim", "run", str(self._machine.manifest)]
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [*command, "--output-dir", str(self._machine.outputs), "--yes"],
                cwd=ROOT,
                env=self._environment(end),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            code = _end_of(process, end, self._plan.longest_s)
        said = log.read_text(encoding="utf-8", errors="replace")
        if "Traceback" in said or code not in (0, 1, 5, 6, 7, 9, 130, 143, -signal.SIGKILL):
            self._campaign.crashes.append(f"exit {code} after {end}: {said[-2000:]}")
        self._campaign.codes[code] += 1
        if end is not None and code != 0:
            self._campaign.ends[str(end)] += 1
        return code

    def _environment(self, end: Death | None) -> Mapping[str, str]:
        more = {"CHAOS_MOMENT": end.moment} if end and end.moment else {}
        if end is not None and self._plan.capped:
            more["DUBBATCH_MAX_MINUTES"] = f"{max(1, self._cap()) / 60:.6f}"
        return {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")},
            "HOME": str(self._campaign.folder),
            "XDG_STATE_HOME": str(self._machine.state),
            # Reading the world's certificates takes long, and loopback needs none.
            "SSL_CERT_DIR": str(self._campaign.folder / "books"),
            "CHAMELAION_BASE_URL": self._service.base_url,
            "CHAMELAION_API_KEY": KEY,
            "DUBBATCH_SETTLE": str(SETTLE_S),
            "DUBBATCH_TIMEOUT": "1",
            "DUBBATCH_POLL_INTERVAL": "0.3",
            "DUBBATCH_ATTEMPTS": "6",
            "DUBBATCH_RATE_LIMIT": str(self._plan.rate),
            "DUBBATCH_RATE_WINDOW": "1",
            **more,
        }

    def _ruin(self, event: Aftermath) -> None:
        machine, backup = self._machine, self._machine.folder.with_suffix(".backup")
        self._campaign.aftermaths[event.value] += 1
        match event:
            case Aftermath.LEDGER_LOST:
                machine.lose_ledger()
            case Aftermath.LEDGER_RESTORED:
                machine.restore_ledger(backup)
            case Aftermath.MANIFEST_RENAMED:
                machine.rename_manifest()
            case Aftermath.OTHER_MACHINE:
                # The window that docs/reliability.md names: another machine sees only what is visible.
                time.sleep(LAG_S)
                self._machine = self._machines[1 - self._machines.index(machine)]
            case Aftermath.SERVICE_KILLED:
                self._service.kill()
        if self._chance.random() < 0.2:
            machine.copy_ledger(backup)


def _end_of(process: subprocess.Popen[bytes], end: Death | None, longest_s: float) -> int:
    if end is None:
        return process.wait(timeout=_PATIENCE_S)
    after_s = end.after_s or longest_s
    for number in end.signals or (signal.SIGKILL,):
        try:
            return process.wait(timeout=after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        after_s = _PAIR_S
    return process.wait(timeout=_PATIENCE_S)
