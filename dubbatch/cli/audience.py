"""Who reads what a command prints may leave before it ends: a closed terminal, ``head``, ``less``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def while_read(stream: TextIO) -> Iterator[None]:
    """Print to ``stream`` as long as somebody reads it: a run's exit code is for others, and must not change by it."""
    try:
        yield
        stream.flush()
    except OSError:
        # What is printed later, and what Python still has to flush when it winds down, must not fail again.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
