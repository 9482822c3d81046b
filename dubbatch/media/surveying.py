"""A worker of ``surveyors``: surveys the files whose paths it is given, a line each, until its input ends."""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from dubbatch.errors import MediaError
from dubbatch.media.facts import Facts
from dubbatch.media.survey import survey

#: Of address space. A hostile index of a few bytes can ask for any amount; libraries alone map half a gigabyte.
_MEMORY_MAX = 4 << 30


def serve() -> None:
    """Answer each line, a path in JSON, by one: ``{"facts": ...}``, or message and hint of a MediaError."""
    # Ctrl-C goes to all processes of a terminal: whoever started this one decides.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _bound_memory()
    paths: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, paths), daemon=True).start()
    # Nothing but answers may get there, whatever a library prints.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while True:
            answers.write(_answer(Path(paths.get())) + b"\n")
            answers.flush()


def _listen(source: BinaryIO, paths: queue.SimpleQueue[str]) -> None:
    """Hand lines on; their end is the end of whoever reads the answers, so also of the work under way."""
    for line in source:
        paths.put(json.loads(line))
    os._exit(0)


def _answer(path: Path) -> bytes:
    try:
        facts = survey(path)
    except MediaError as error:
        return json.dumps({"message": error.message, "hint": error.hint}).encode()
    except Exception:  # noqa: BLE001 (whatever a decoder's binding raises is of that file)
        facts = Facts(flaw="it makes the decoder fail")
    return json.dumps({"facts": facts.to_json()}).encode()


def _bound_memory() -> None:
    # There is none on Windows.
    with suppress(ImportError, ValueError, OSError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
