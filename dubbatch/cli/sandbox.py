"""``dubbatch sandbox``: the service on loopback, until it is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from dubbatch.cli.command import Command
from dubbatch.sandbox.faults import Faults
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

#: Seconds between two looks at the stop flag: on Windows, Ctrl-C does not end a wait without a limit.
_LOOK_S = 0.5


_EPILOG = """\b
Examples:
  dubbatch sandbox                         on port 8765, until Ctrl-C
  dubbatch sandbox --time-scale 0.05       20 times as fast
  dubbatch sandbox --port 0 --books books  on a free port; keeps its books
  dubbatch sandbox --faults faults.json    what goes wrong: docs/sandbox.md
"""


@click.command("sandbox", cls=Command, epilog=_EPILOG)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    metavar="PORT",
    help="On loopback; 0 takes a free one.",
)
@click.option("--key", default="sandbox", show_default=True, metavar="KEY", help="The API key that is accepted.")
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="JSON: which calls go wrong, and how.")
@click.option(
    "--books",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for what it remembers: it outlives the sandbox.",
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder that is served, for manifests of web addresses.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True, metavar="N", help="Jobs processed at once."
)
@click.option(
    "--when-full",
    type=click.Choice(["queue", "refuse"]),
    default="queue",
    show_default=True,
    help="What becomes of jobs beyond that.",
)
@click.option(
    "--rate-limit", type=click.IntRange(1), default=60, show_default=True, metavar="N", help="POSTs in a window."
)
@click.option(
    "--rate-window",
    type=click.FloatRange(0.001),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Length of that window.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="What a job takes, about.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="0.05 lets all that take a 20th of its time.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed gives the same times.")
def command(
    port: int,
    faults: Path | None,
    books: Path | None,
    files: Path | None,
    rate_window: float,
    when_full: Any,
    **values: Any,
) -> None:
    """Run the Chamelaion lip-sync service on this machine: nothing is billed, nothing leaves it.

    Outputs are real: the video with its sound replaced. Stop it with Ctrl-C.
    """
    settings = SandboxSettings(port=port, rate_window_s=rate_window, when_full=when_full, **values)
    with _stop_signal() as stop, Sandbox(settings, books=books, faults=_load(faults), files=files) as sandbox:
        click.echo(f"The sandbox serves at {sandbox.base_url} (outputs at {sandbox.outputs_origin}).")
        click.echo(f"Its books are in {sandbox.folder}. Ctrl-C stops it. To use it, set:")
        click.echo(f"CHAMELAION_BASE_URL={sandbox.base_url}")
        click.echo(f"CHAMELAION_API_KEY={sandbox.key}")
        if files is not None:
            click.echo(f"The files of {files} are at {sandbox.files_url}/NAME.")
        while not stop.wait(_LOOK_S):
            pass


def _load(faults: Path | None) -> Faults | None:
    return None if faults is None else Faults.load(faults)


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM, which both mean: stop in good order."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
