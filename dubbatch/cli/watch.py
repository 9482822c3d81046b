"""Looking on at a run that another process makes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from dubbatch.bulletin import Reader
from dubbatch.cli.panel import View, problem_line, view_on
from dubbatch.cli.speech import say
from dubbatch.stats import Problem

_LOOK_S = 0.5
#: A run that was started at the same moment needs some seconds to begin.
_PATIENCE_S = 10.0


def watch(
    reader: Reader,
    batch: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show where the run stands until it ends; without one, wait a moment for it."""
    view = view_on(sys.stderr, is_shown=True)
    if reader.look() is None:
        say(f"No run of batch {batch} is under way; waiting {_PATIENCE_S:.0f} s for one.", err=True)
    until_s = clock() + _PATIENCE_S
    while reader.look() is None and clock() < until_s:
        sleep(_LOOK_S)
    try:
        _look_on(reader, view, sleep)
    finally:
        # A terminal that was closed has nothing left to clear.
        with suppress(OSError, ValueError):
            view.hide()


def _look_on(reader: Reader, view: View, sleep: Callable[[float], None]) -> None:
    told: Sequence[Problem] = ()
    while (snapshot := reader.look()) is not None:
        for problem in news(told, snapshot.problems):
            view.say(problem_line(problem))
        told = snapshot.problems
        view.show(snapshot)
        sleep(_LOOK_S)


def news(before: Sequence[Problem], now: Sequence[Problem]) -> Sequence[Problem]:
    """The problems that came since: each bulletin has the last few. Pure."""
    for known in range(len(now), -1, -1):
        if known <= len(before) and list(before[len(before) - known :]) == list(now[:known]):
            return now[known:]
    return now
