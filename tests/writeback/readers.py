"""Workbooks as the two libraries see them that scripts read them with: openpyxl and calamine."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
from python_calamine import load_workbook

from tests.writeback.view import View


def by_calamine(data: bytes) -> View:
    """Values only, which is all that it reads."""
    workbook = load_workbook(io.BytesIO(data))
    view = View(features={"sheets": workbook.sheet_names, "states": [str(s.visible) for s in workbook.sheets_metadata]})
    for name in (sheet.name for sheet in workbook.sheets_metadata if "WorkSheet" in str(sheet.typ)):
        for row, cells in enumerate(workbook.get_sheet_by_name(name).to_python(skip_empty_area=False), 1):
            view.values.update({(name, row, column): cell for column, cell in enumerate(cells) if cell != ""})
    return view


def by_openpyxl(data: bytes) -> View:
    """Formulas, styles, and the features that it knows."""
    workbook = openpyxl.load_workbook(io.BytesIO(data), rich_text=True)
    view = View(features={"names": sorted(workbook.defined_names), "sheets": workbook.sheetnames})
    for sheet in workbook.worksheets:
        view.features.update(_features(sheet))
        for row in sheet.iter_rows():
            for cell in row:
                place = (sheet.title, cell.row, cell.column - 1)
                if cell.value is not None:
                    view.values[place] = _plain(cell.value)
                if cell.has_style or getattr(cell, "comment", None) or getattr(cell, "hyperlink", None):
                    view.about[place] = _look(cell)
    return view


def _plain(value: Any) -> object:
    """Formulas over a block are objects that are equal to nothing."""
    return (value.ref, value.text, getattr(value, "t", "")) if hasattr(value, "ref") else value


def _look(cell: Any) -> object:
    comment, link = getattr(cell, "comment", None), getattr(cell, "hyperlink", None)
    return (
        (cell.font.b, cell.font.color and cell.font.color.rgb, cell.fill.fgColor.rgb, cell.number_format),
        comment and (comment.text, comment.author, comment.width, comment.height),
        link and (link.target, link.location),
    )


def _features(sheet: Any) -> dict[str, object]:
    found = {
        "state": sheet.sheet_state,
        "merged": sorted(str(area) for area in sheet.merged_cells.ranges),
        "filter": (sheet.auto_filter.ref, len(sheet.auto_filter.filterColumn)),
        "frozen": sheet.freeze_panes,
        "print": (sheet.print_area, sheet.print_title_rows),
        "protected": sheet.protection.sheet,
        "validations": sorted((v.type, str(v.sqref), v.formula1) for v in sheet.data_validations.dataValidation),
        "rules": sorted(
            (str(area.sqref), rule.type, rule.priority) for area in sheet.conditional_formatting for rule in area.rules
        ),
        "tables": sorted((table.displayName, table.ref) for table in sheet.tables.values()),
        "charts": len(sheet._charts),
        "rows": sorted(
            (number, row.height, row.hidden, row.outlineLevel)
            for number, row in sheet.row_dimensions.items()
            if row.height or row.hidden or row.outlineLevel
        ),
    }
    return {f"{name} of {sheet.title}": value for name, value in found.items()}
