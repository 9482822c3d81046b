"""Workbooks as LibreOffice sees them: it opens each and saves it as its own XML, which is read here."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tests.writeback.view import View

#: Why tests that need it are skipped.
MISSING = "LibreOffice (soffice) is not installed"
#: More of it than people fill; what is empty up to a sheet's end comes as one repeated cell.
_REPEATED_MAX = 400
_FEATURES = {
    *("content-validation", "conditional-format", "condition", "color-scale", "data-bar", "icon-set", "annotation"),
    *("frame", "object", "image", "control", "custom-shape", "rect", "series", "checkbox", "button", "named-range"),
    *("named-expression", "database-range", "filter-condition", "data-pilot-table", "sparkline", "a", "span", "table"),
    *("table-protection", "header", "footer"),
}


@dataclass(frozen=True)
class Office:
    """LibreOffice with settings of its own, so that it minds no other one that runs. It is started once a call."""

    profile: Path

    @staticmethod
    def is_there() -> bool:
        return shutil.which("soffice") is not None

    def converted(self, files: Iterable[Path], kind: str, folder: Path) -> None:
        """Has it open all ``files`` and save them in ``folder`` as ``kind`` (fods, pdf, xlsx)."""
        command = ["soffice", f"-env:UserInstallation={self.profile.as_uri()}", "--headless", "--convert-to", kind]
        subprocess.run(
            [*command, "--outdir", str(folder), *map(str, files)], check=True, capture_output=True, timeout=240
        )


def view_of(path: Path) -> View:
    """What stands in a ``.fods``."""
    root = ElementTree.parse(path).getroot()  # noqa: S314 (LibreOffice wrote it)
    features = Counter(_local(element) for element in root.iter() if _local(element) in _FEATURES)
    view = View(features=dict(features))
    # Directly below, since charts have tables of their own.
    for sheet in root.findall(f"./{_tag('office', 'body')}/{_tag('office', 'spreadsheet')}/{_tag('table', 'table')}"):
        _read_sheet(sheet, _get(sheet, "table", "name"), view)
    return view


def _read_sheet(sheet: Element, name: str, view: View) -> None:
    hidden = []
    for number, row in _counted(_rows(sheet), "rows"):
        if _get(row, "table", "visibility"):
            hidden.append(number)
        for column, cell in _counted(iter(row), "columns"):
            text = _text(cell)
            formula, value = _get(cell, "table", "formula"), _value(cell, text)
            if formula or value != "":
                view.values[name, number, column - 1] = (formula, value) if formula else value
            about = tuple(_get(cell, "table", what) for what in ("number-columns-spanned", "number-rows-spanned"))
            if any(about):
                view.about[name, number, column - 1] = about
    view.features[f"hidden rows of {name}"] = hidden


def _rows(element: Element) -> Iterator[Element]:
    """The rows, also those in groups and in the header of the pages."""
    for child in element:
        if child.tag == _tag("table", "table-row"):
            yield child
        elif _local(child) in ("table-row-group", "table-header-rows", "table-rows"):
            yield from _rows(child)


def _counted(elements: Iterator[Element], what: str) -> Iterator[tuple[int, Element]]:
    """Each with its number, as often as it is repeated; what is repeated to the end of the sheet, once."""
    number = 1
    for element in elements:
        times = int(_get(element, "table", f"number-{what}-repeated") or 1)
        for offset in range(times if times <= _REPEATED_MAX else 1):
            yield number + offset, element
        number += times


def _value(cell: Element, text: str) -> str | float | datetime:
    kind = _get(cell, "office", "value-type")
    if kind in ("float", "percentage", "currency"):
        return float(_get(cell, "office", "value"))
    if kind == "date":
        return datetime.fromisoformat(_get(cell, "office", "date-value"))
    return _get(cell, "office", f"{kind}-value") or text if kind else ""


def _text(cell: Element) -> str:
    return "\n".join("".join(_pieces(line)) for line in cell.findall(_tag("text", "p")))


def _pieces(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == _tag("text", "s"):
            yield " " * int(_get(child, "text", "c") or 1)
        yield from _pieces(child)
        yield child.tail or ""


def _tag(space: str, name: str) -> str:
    return f"{{urn:oasis:names:tc:opendocument:xmlns:{space}:1.0}}{name}"


def _get(element: Element, space: str, name: str) -> str:
    return element.get(_tag(space, name), "")


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
