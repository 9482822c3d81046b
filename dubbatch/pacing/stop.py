"""How those who wait for a slot or a permit learn that the run stops."""

from __future__ import annotations


class Stopped(Exception):
    """Raised by ``Slots.acquire`` and ``Permits.take`` once the run stops: nothing was taken.

    It is news for the scheduler and never reaches a person, so it stands outside the tree of errors.
    """
