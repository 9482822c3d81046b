"""A command of dubbatch, in this process, weighed on its way: ``python -m benchmarks.weighed FIGURES ARGUMENTS...``.

Audit events (``dubbatch.moments``) tell when the plan is in the ledger and when the first POST leaves;
nothing of the command is changed but that its checks of media are timed.
"""

from __future__ import annotations

import atexit
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dubbatch import moments
from dubbatch.cli.app import main
from dubbatch.tracker import shelving


@dataclass(frozen=True)
class Weight:
    """What this process has used until now. Seconds; megabytes of 1,000,000 bytes."""

    cpu_s: float
    #: Of it, in checks of media.
    checks_s: float
    peak_mb: float
    now_mb: float


class Scales:
    """Takes the weight at three moments: ``planned``, ``sending``, ``ended``."""

    def __init__(self) -> None:
        self.weights: dict[str, Weight] = {}
        self._checks_s = 0.0
        self._has_plan = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == moments.WRITE and arguments[1] == "put_job":
            self._has_plan = True
        elif event == moments.COMMIT and self._has_plan and arguments[0] == "after":
            self._take("planned")
        elif event == moments.POST:
            self._take("sending")

    def timed(self, check: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            # It runs in a thread of its own.
            began_s = time.thread_time()
            try:
                return check(*args, **named)
            finally:
                self._checks_s += time.thread_time() - began_s

        return call

    def write(self, path: Path) -> None:
        self._take("ended")
        path.write_text(json.dumps({moment: asdict(weight) for moment, weight in self.weights.items()}))

    def _take(self, moment: str) -> None:
        if moment not in self.weights:
            used = resource.getrusage(resource.RUSAGE_SELF)
            # Kilobytes of 1,024 bytes on Linux.
            cpu_s, peak_mb = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
            self.weights[moment] = Weight(cpu_s, self._checks_s, peak_mb, _resident_mb())


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    scales = Scales()
    atexit.register(scales.write, Path(sys.argv[1]))
    vars(shelving)["check_output"] = scales.timed(vars(shelving)["check_output"])
    sys.addaudithook(scales.hear)
    main(sys.argv[2:])
