"""Waiting for another process: by looking again, for as long as it lives."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any


def wait_for(is_so: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Look again and again until it is so; the process must not end before."""
    pause = threading.Event()
    for _ in range(3000):
        if is_so():
            return
        assert process.poll() is None, process.communicate()
        pause.wait(0.01)
    raise AssertionError("it never came to that")
