"""The real command in a process that kills itself at a chosen moment: ``python -m tests.chaos.victim [ARGUMENTS]``.

``CHAOS_MOMENT`` says which: ``event:stage:n``, the n-th time that an audit event comes up. Events
are those of ``dubbatch.moments`` (stage ``before`` or ``after``) and Python's own (no stage), such as
``os.rename``. Nothing else of the command is touched: no flushing, no handlers, as by ``kill -9``.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import Any

from dubbatch.cli.app import main


def _die_at(moment: str) -> None:
    event, stage, number = moment.split(":")
    reached = count(1)

    def hook(told: str, arguments: tuple[Any, ...]) -> None:
        if told == event and (not stage or arguments[0] == stage) and next(reached) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    if "CHAOS_MOMENT" in os.environ:
        _die_at(os.environ.pop("CHAOS_MOMENT"))
    main()
