"""Which attempts hold a slot: each lets go of it once, however often its end is noticed."""

from __future__ import annotations

from dubbatch.pacing.slots import Slots


class Holders:
    """The references of the attempts that are, or may be, at the service."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._references: set[str] = set()

    def keep(self, reference: str) -> None:
        """An attempt keeps the slot that its send was given."""
        self._references.add(reference)

    def occupy(self, reference: str) -> None:
        """An attempt is at the service already: it holds a slot that nobody gave it."""
        if reference not in self._references:
            self._references.add(reference)
            self._slots.occupy(1)

    def let_go(self, reference: str) -> None:
        if reference in self._references:
            self._references.discard(reference)
            self._slots.release()
