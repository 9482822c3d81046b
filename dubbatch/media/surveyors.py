"""Surveys in worker processes, one a core: threads would share one core for most of it, and a decoder may crash.

A worker is a Python of its own that is given one path at a time and answers with one line of JSON. So whoever
dies, it is known over which file: that file has a flaw, and nobody else notices. Workers start when there is work
for them, and end with their standard input: also when this process is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from dubbatch.errors import MediaError
from dubbatch.media.facts import Facts

#: ``-c`` would put the working directory first on the path, where a file of anybody's may be called av.py.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dubbatch.media.surveying import serve; serve()"
)
#: Longer than the line for any file.
_LINE_MAX = 1 << 20
#: Files for each worker that is started: its start takes as long as a look at some.
_WORTH_A_WORKER = 4
#: The others have the other cores.
_ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
#: A look may take so long, and as long as reading takes at so many bytes a second: a network drive's.
_PATIENCE_S = 120.0
_SLOWEST = 1 << 20
ENDLESS = "it keeps the decoder busy without an end"
CRASHED = "it makes the decoder fail"


def cores() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Surveyors:
    """An async context manager; on leaving, workers are killed, whatever they are at.

    ``workers``: how many at most; by default one a core.
    """

    def __init__(self, workers: int | None = None, *, patience_s: float = _PATIENCE_S) -> None:
        """``patience_s``: what a look may take besides reading the file slowly."""
        self._patience_s = patience_s
        self._most = workers or cores()
        self._places = asyncio.Semaphore(1)
        self._opened = 1
        self._asked = 0
        self._idle: list[Process] = []
        self._all: set[Process] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in list(self._all):
            await self._end(worker)

    async def survey(self, path: Path) -> Facts:
        """As ``media.survey.survey``, with its errors; a file that a worker dies of has a flaw."""
        self._asked += 1
        if self._opened < self._most and self._asked > _WORTH_A_WORKER * self._opened:
            self._opened += 1
            self._places.release()
        try:
            async with self._places:
                # A worker may also be killed for what it was at before, or by the system: only two in a row blame the
                # file.
                for _ in range(2):
                    async with asyncio.timeout(self._patience_s + await asyncio.to_thread(_reading_s, path)):
                        if answer := await self._ask(path):
                            return _facts(answer)
        except TimeoutError:
            return Facts(flaw=ENDLESS)
        finally:
            self._asked -= 1
        return Facts(flaw=CRASHED)

    async def _ask(self, path: Path) -> bytes:
        """A worker's line; empty if it died."""
        worker = self._idle.pop() if self._idle else await self._start()
        answer = b""
        try:
            answer = await _ask(worker, path)
        finally:
            # Also when cancelled: the answer that is still to come would be taken for the next file's.
            if answer:
                self._idle.append(worker)
            else:
                await self._end(worker)
        return answer

    async def _start(self) -> Process:
        try:
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)),
                stdin=PIPE,
                stdout=PIPE,
                # What a decoder or a dying Python prints is of no use to anybody.
                stderr=DEVNULL,
                # A hostile file that takes a decoder over finds no key there.
                env={name: value for name, value in os.environ.items() if not name.startswith("CHAMELAION_")} | _ALONE,
                limit=_LINE_MAX,
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            hint = "let this user start more processes, or free some memory; nothing was sent"
            raise MediaError(f"no process can be started that looks at media: {reason}", hint=hint) from error
        self._all.add(worker)
        return worker

    async def _end(self, worker: Process) -> None:
        self._all.discard(worker)
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


def _reading_s(path: Path) -> float:
    try:
        return path.stat().st_size / _SLOWEST
    except OSError:
        # The worker says what is wrong with it.
        return 0.0


async def _ask(worker: Process, path: Path) -> bytes:
    """The worker's line; empty if it died."""
    if worker.stdin is None or worker.stdout is None:
        return b""
    try:
        worker.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
        await worker.stdin.drain()
        line = await worker.stdout.readline()
    except (ConnectionError, ValueError):
        return b""
    return line if line.endswith(b"\n") else b""


def _facts(answer: bytes) -> Facts:
    found = json.loads(answer)
    if "facts" in found:
        return Facts.from_json(found["facts"])
    raise MediaError(found["message"], hint=found["hint"])
