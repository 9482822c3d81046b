"""Workbooks for tests: by the libraries that teams' scripts use, and by hand where those can't."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import openpyxl
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from dubbatch.manifest.cells import Origin
from dubbatch.manifest.lines import Line
from dubbatch.manifest.workbook.source import open_table

_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def lines(data: bytes, sheet: str = "", columns: Mapping[str, str] | None = None) -> list[Line]:
    """All lines of the sheet that is meant."""
    return list(open_table(data, Origin(Path("jobs.xlsx"), sheet), columns or {})[0].lines)


def values(data: bytes, sheet: str = "") -> list[list[str]]:
    """Their values."""
    return [list(line.values) for line in lines(data, sheet)]


def by_openpyxl(fill: Callable[[Worksheet], None], *, title: str = "Jobs") -> bytes:
    """A workbook whose one sheet ``fill`` has written."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    fill(sheet)
    return saved(workbook)


def saved(workbook: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def by_xlsxwriter(fill: Callable[[xlsxwriter.Workbook], None], **options: object) -> bytes:
    """A workbook that ``fill`` has written."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **options}) as workbook:
        fill(workbook)
    return buffer.getvalue()


def by_hand(
    rows: str = "",
    *,
    sheets: Sequence[str] | None = None,
    around: tuple[str, str] = ("", ""),
    parts: Mapping[str, str] | None = None,
    workbook: str = "",
    states: Sequence[str] = (),
) -> bytes:
    """A workbook with ``rows`` (XML) in its sheet ``S1``, or with several ``sheets`` (S1, S2, ...) of rows.

    ``around``: XML before and after the rows; ``workbook``: XML in the workbook, before its sheets;
    ``parts``: further parts, or other texts of those that are made here; ``states``: of the sheets.
    """
    every = [rows] if sheets is None else sheets
    made = {
        "_rels/.rels": _relations(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}">{workbook}<sheets>'
        + "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"{_state(states, n)}/>' for n, _ in enumerate(every, 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _relations(
            *((f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in enumerate(every, 1)),
            ("r98", "styles", "styles.xml"),
            ("r99", "sharedStrings", "/xl/sharedStrings.xml"),
        ),
    }
    for n, text in enumerate(every, 1):
        inner = f"{around[0]}<sheetData>{text}</sheetData>{around[1]}"
        made[f"xl/worksheets/sheet{n}.xml"] = f'<worksheet xmlns="{MAIN}" xmlns:r="{_OFFICE}">{inner}</worksheet>'
    return zipped({**made, **(parts or {})})


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def patched(data: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """``data`` with another text in one part."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**parts, part: change(parts[part].decode()).encode()})


def styles(*codes: str) -> dict[str, str]:
    """The part with one cell style for each format code; style 0 has none."""
    formats = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{code.replace(chr(34), "&quot;")}"/>' for n, code in enumerate(codes)
    )
    cells = "".join(f'<xf numFmtId="{200 + n}"/>' for n, _ in enumerate(codes))
    return {
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>{cells}</cellXfs></styleSheet>'
    }


def links(*targets: tuple[str, str]) -> dict[str, str]:
    """The part with the relationships of the first sheet: ids and the addresses outside."""
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/hyperlink" Target="{target}" TargetMode="External"/>'
        for name, target in targets
    )
    return {"xl/worksheets/_rels/sheet1.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>'}


def _relations(*relations: tuple[str, str, str]) -> str:
    inner = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for name, kind, target in relations
    )
    return f'<Relationships xmlns="{_PACKAGE}">{inner}</Relationships>'


def _state(states: Sequence[str], n: int) -> str:
    return f' state="{states[n - 1]}"' if n <= len(states) and states[n - 1] else ""
