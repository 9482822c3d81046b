"""Before and after: what a workbook has lost, beside the cells that were to be written."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree import ElementTree

from tests.writeback.archive_likeness import archive_losses
from tests.writeback.book import Cells, Value
from tests.writeback.sheet_events import Event, cells, events
from tests.writeback.sheet_likeness import sheet_losses


def losses(before: bytes, after: bytes, sheet: str, written: Cells) -> list[str]:
    """Everything that ``after`` lacks, adds or changes but for those cells of the sheet, and cells that are wrong."""
    part = sheet_part(before, sheet)
    found = list(archive_losses(before, after, part))
    old, new = _read(before, part), _read(after, part)
    found += sheet_losses(old, new, written)
    return found + list(_wrong(new, written))


def sheet_part(data: bytes, sheet: str) -> str:
    """The part that holds the sheet with that name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name.replace("\\", "/"): name for name in archive.namelist()}
        book = ElementTree.fromstring(archive.read(names["xl/workbook.xml"]))  # noqa: S314 (our own file)
        relations = ElementTree.fromstring(archive.read(names["xl/_rels/workbook.xml.rels"]))  # noqa: S314
    wanted = next(element for element in book.iter() if element.tag.endswith("}sheet") and element.get("name") == sheet)
    ident = next(value for name, value in wanted.items() if name.endswith("}id"))
    target = next(relation.get("Target", "") for relation in relations if relation.get("Id") == ident)
    path = posixpath.normpath(posixpath.join("xl", target)).lstrip("/")
    return names.get(path) or names[unquote(path)]


def _read(data: bytes, part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(part)


def _wrong(xml: bytes, written: Cells) -> Iterator[str]:
    """Cells that don't hold what was to be written. Empty: no cell, or one without a value."""
    held = {(start.row, start.column): _value(inside) for start, inside in cells(events(xml))}
    for row, values in written.items():
        for column, value in values.items():
            found = held.get((row, column), "")
            if found != value or isinstance(found, str) != isinstance(value, str):
                yield f"row {row}, column {column} holds {found!r} instead of {value!r}"


def _value(inside: list[Event]) -> Value:
    """What a cell holds. We write numbers and texts that stand in the cell itself; other types are named."""
    start = inside[0]
    kind = start.get("t") or "n"
    text = "".join(event.text for event in inside if event.kind == "text" and event.path[-1] in ("v", "t"))
    if any(event.name == "f" for event in inside):
        return f"formula: {text}"
    if kind == "n":
        return float(text) if text else ""
    return text if kind in ("inlineStr", "str") else f"{kind}: {text}"
