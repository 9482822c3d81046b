"""Whether the XML of a sheet is the same but for certain cells, in bytes and in meaning.

Tolerated beside those cells: the ``ref`` of the dimension, the ``spans`` of their rows, rows that weren't there,
and the width of their columns. The widths are compared for every other column, one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, zip_longest

from tests.writeback.book import Cells
from tests.writeback.sheet_events import Event, cells, column_of, events

_SPANS = re.compile(rb"\s+spans\s*=\s*(\"[^\"]*\"|'[^']*')")
_COLUMNS = 16_384
#: What stands before the columns in a sheet, and what between.
_BEFORE_COLUMNS = ["sheetPr", "dimension", "sheetViews", "sheetFormatPr"]


def sheet_losses(before: bytes, after: bytes, written: Cells) -> Iterator[str]:
    """What ``after`` lacks, adds or changes outside of the cells that were to be written."""
    old, new = events(before), events(after)
    yield from _event_losses(list(_kept(old, written)), list(_kept(new, written)))
    if _bytes_kept(before, old, written) != _bytes_kept(after, new, written):
        yield "bytes outside of the cells: " + _first_difference(
            _bytes_kept(before, old, written), _bytes_kept(after, new, written)
        )
    yield from _column_losses(old, new, {column for row in written.values() for column in row})
    yield from _disorder(new)
    yield from _style_losses(old, new, written)


def _event_losses(old: list[tuple[str, ...]], new: list[tuple[str, ...]]) -> Iterator[str]:
    """The first difference, since those that follow are mostly its consequence; and which elements are gone or new."""
    difference = next(((there, here) for there, here in zip_longest(old, new) if there != here), None)
    if difference:
        yield f"the XML: {difference[0]} is now {difference[1]}"
    before, after = (Counter(text for kind, text, *_ in every if kind == "start") for every in (old, new))
    if before != after:
        yield f"elements: lost {dict(before - after)}, added {dict(after - before)}"


def _kept(every: list[Event], written: Cells) -> Iterator[tuple[str, ...]]:
    """The events outside of the cells, texts that follow each other as one, and without what is tolerated."""
    text = ""
    rows_there = {event.row for event in every if event.row}
    for event in every:
        if _is_ours(event, written) or _is_tolerated(event) or _is_new_row(event, every, written, rows_there):
            continue
        if event.kind == "text":
            text += event.text
            continue
        if text:
            yield ("text", text)
            text = ""
        attributes = [f"{name}={value}" for name, value in event.attributes if not _is_spans(event, name, written)]
        yield (event.kind, event.text, *attributes)


def _is_ours(event: Event, written: Cells) -> bool:
    return event.column >= 0 and event.column in written.get(event.row, {})


def _is_tolerated(event: Event) -> bool:
    return "cols" in (*event.path, event.name) or event.name == "dimension"


def _is_spans(event: Event, name: str, written: Cells) -> bool:
    return event.name == "row" and name == "spans" and event.row in written


def _is_new_row(event: Event, every: list[Event], written: Cells, rows: set[int]) -> bool:
    """Whether it is the start or end of a row with nothing in it but our cells and no word about itself."""
    if event.name != "row" or event.row not in written or event.row not in rows:
        return False
    inside = [other for other in every if other.row == event.row and not _is_ours(other, written)]
    return len(inside) == 2 and {name for name, _ in inside[0].attributes} <= {"r", "spans"}


def _bytes_kept(data: bytes, every: list[Event], written: Cells) -> bytes:
    """The file without the bytes of those cells, of the columns and the dimension; an empty row with an end tag."""
    pieces = []
    rows = {event.row for event in every if event.row}
    for event, following in pairwise(every):
        piece = data[event.begin : following.begin]
        if _is_ours(event, written) or _is_tolerated(event) or _is_new_row(event, every, written, rows):
            continue
        if event.name == "row" and event.row in written:
            piece = _row_tag(piece, event)
        pieces.append(piece)
    return data[: every[0].begin] + b"".join(pieces)


def _row_tag(piece: bytes, event: Event) -> bytes:
    """The tag of a row that was written to: without spans; ``<row/>`` became ``<row></row>``."""
    if event.kind == "end":
        return piece if piece else f"</{event.text}>".encode()
    return re.sub(rb"\s*/>$", b">", _SPANS.sub(b"", piece))


def _first_difference(old: bytes, new: bytes) -> str:
    at = next(
        (n for n, (there, here) in enumerate(zip(old, new, strict=False)) if there != here), min(len(old), len(new))
    )
    return f"{old[max(0, at - 40) : at + 60]!r} is now {new[max(0, at - 40) : at + 60]!r}"


def _column_losses(old: list[Event], new: list[Event], ours: set[int]) -> Iterator[str]:
    before, after = _columns(old), _columns(new)
    for column in range(_COLUMNS):
        if column not in ours and before[column] != after[column]:
            yield f"column {column}, counted from 0: {before[column]} is now {after[column]}"
    for place, event in enumerate(new):
        if event.kind == "start" and event.name == "cols":
            earlier = {other.name for other in new[:place] if other.kind == "start" and other.path == ("worksheet",)}
            if not earlier <= set(_BEFORE_COLUMNS):
                yield f"the columns come after {earlier - set(_BEFORE_COLUMNS)}"
    ranges = [(int(event.get("min") or 0), int(event.get("max") or 0)) for event in new if _is_column(event)]
    if any(left[1] >= right[0] for left, right in pairwise(ranges)) or any(first > last for first, last in ranges):
        yield f"columns that overlap or are out of order: {ranges}"


def _is_column(event: Event) -> bool:
    return event.kind == "start" and event.name == "col" and event.path[-1:] == ("cols",)


def _columns(every: list[Event]) -> list[dict[str, str]]:
    """What is said of each column."""
    said: list[dict[str, str]] = [{}] * _COLUMNS
    for event in filter(_is_column, every):
        about = {name: value for name, value in event.attributes if name not in ("min", "max")}
        first, last = int(event.get("min") or 0), int(event.get("max") or 0)
        said[first - 1 : last] = [about] * (last - first + 1)
    return said


def _disorder(new: list[Event]) -> Iterator[str]:
    """Rows and cells that don't ascend: spreadsheet programs call such a file damaged."""
    rows = [
        event.row
        for event in new
        if event.kind == "start" and event.name == "row" and event.path[-1:] == ("sheetData",)
    ]
    if any(first >= second for first, second in pairwise(rows)):
        yield f"rows out of order: {rows}"
    places = [(start.row, start.column) for start, _ in cells(new)]
    if any(first >= second for first, second in pairwise(places)):
        yield "cells out of order"
    for start, _ in cells(new):
        place = start.get("r")
        if place and (column_of(place) != start.column or not place.endswith(str(start.row))):
            yield f"a cell named {place} in row {start.row}"


def _style_losses(old: list[Event], new: list[Event], written: Cells) -> Iterator[str]:
    """A cell that was there keeps its style."""
    before = {(start.row, start.column): start.get("s") or "0" for start, _ in cells(old)}
    after = {(start.row, start.column): start.get("s") or "0" for start, _ in cells(new)}
    for row, values in written.items():
        for column in values:
            there, here = before.get((row, column)), after.get((row, column))
            if there not in (None, "0", here):
                yield f"the style of row {row}, column {column}: {there} is now {here}"
