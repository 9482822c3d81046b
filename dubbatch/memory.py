"""Memory: giving back what was freed, and making a great many values without looking for what can be freed."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def give_back() -> None:
    """What was freed goes back to the system: the C library keeps it for later, and a run may last for days.

    Where the C library is glibc: on other systems nothing happens, and nothing needs to.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def making_many() -> Iterator[None]:
    """While a million values are made of which none refers back: looking for cycles among them takes a tenth."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
