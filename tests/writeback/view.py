"""What a program sees in a workbook, and what it no longer sees in the one that was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.writeback.book import Book, Value

#: Sheet, row from 1, column from 0.
Place = tuple[str, int, int]


@dataclass
class View:
    """Values as the program has them, what else it tells of each cell, and what it tells of the workbook."""

    values: dict[Place, object] = field(default_factory=dict)
    about: dict[Place, object] = field(default_factory=dict)
    features: dict[str, object] = field(default_factory=dict)


def differences(book: Book, before: View, after: View) -> list[str]:
    """What ``after`` lacks or changes outside of the cells that were written, and which of those are wrong."""
    ours = {(book.sheet, row, column): value for row, cells in book.cells.items() for column, value in cells.items()}
    return [
        *_changed("value", before.values, after.values, {*ours, *book.counted}),
        *_changed("look", before.about, after.about, {*ours}),
        *(
            f"{name}: {before.features.get(name)} is now {after.features.get(name)}"
            for name in sorted({*before.features, *after.features})
            if before.features.get(name) != after.features.get(name)
        ),
        *(
            f"{place} shows {after.values.get(place)!r} instead of {value!r}"
            for place, value in ours.items()
            if not _is(after.values.get(place), value)
        ),
        *(
            f"{place} counts {formula} instead of {value}"
            for place, value in book.counted.items()
            # Programs that don't count have the formula alone, or nothing.
            if isinstance(formula := after.values.get(place), tuple) and formula[1] != value
        ),
    ]


def texts(book: Book, view: View) -> View:
    """The cells that were written, and of the others only texts: what two programs have in common."""
    kept = {
        (sheet, row, column): value
        for (sheet, row, column), value in view.values.items()
        if isinstance(value, str) or (sheet == book.sheet and column in book.cells.get(row, {}))
    }
    return View(kept)


def _changed(
    what: str, before: Mapping[Place, object], after: Mapping[Place, object], ours: set[Place]
) -> Iterator[str]:
    for place in sorted({*before, *after} - ours):
        if before.get(place) != after.get(place):
            yield f"{what} of {place}: {before.get(place)!r} is now {after.get(place)!r}"


def _is(found: object, value: Value) -> bool:
    return found in (None, "") if value == "" else found == value and isinstance(found, str) == isinstance(value, str)
