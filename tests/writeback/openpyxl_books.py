"""Workbooks as scripts make them with openpyxl: shared strings, no stored values of formulas, old-style notes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import openpyxl
from openpyxl.chart import BarChart, Reference, Series
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule, ColorScaleRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from tests.writeback.book import HEADER, JOBS, Book, parts, zipped

_EPOCH = date(1899, 12, 30)


def books() -> Iterator[Book]:
    """One workbook for each family of features."""
    yield Book("unsaved-formulas", _made(_formulas), counted={("Sums", 1, 0): 2, ("Sums", 2, 0): 14.75})
    yield Book("notes-and-rules", _made(_rules))
    yield Book("sums-over-sheets", _made(_sums), counted={("All", 3, 0): 22, ("All", 4, 0): 0})
    yield Book("chart-by-script", _made(_chart))
    yield Book("table-by-script", _made(_table))
    yield Book("upright-header", _made(_upright), header=2, rows=(3, 4, 5, 6))
    yield Book("saved-twice", _again(_made(_rules)))
    yield Book("far-styles", _made(_far_styles))


def _made(fill: Callable[[openpyxl.Workbook, Worksheet], None]) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Jobs"
    fill(workbook, sheet)
    return _saved(workbook)


def _saved(workbook: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _again(data: bytes) -> bytes:
    """Loaded and saved once more, then stored without compression."""
    return zipped(parts(_saved(openpyxl.load_workbook(io.BytesIO(data)))), compression=0)


def _rows(sheet: Worksheet) -> None:
    sheet.append(HEADER)
    for job in JOBS:
        sheet.append([*job[:4], _EPOCH + timedelta(days=job[4]), job[5]])
    for cell in sheet[sheet.max_row - len(JOBS)]:
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", start_color="1F4E78")


def _formulas(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Formulas without stored values, in the sheet and in another one that counts our column."""
    _rows(sheet)
    sheet["L2"] = '=A2&" "&B2'
    sheet["L3"] = "=ROW()*2"
    other = workbook.create_sheet("Sums")
    other["A1"] = '=COUNTIF(Jobs!$G$2:$G$5,"downloaded")'
    other["A2"] = "=SUM(Jobs!J2:J5)"


def _rules(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Notes with sizes, validation, colour scales, print titles, a header and footer, defined names."""
    _rows(sheet)
    note = Comment("Take two is better", "Mika", height=80, width=200)
    sheet["B2"].comment = note
    sheet["J4"].comment = Comment("Why so short?", "Ines")
    chosen = DataValidation(type="list", formula1='"Mika,Ines,Yuki"', allow_blank=True, showDropDown=False)
    chosen.add("F2:F1048576")
    sheet.add_data_validation(chosen)
    sheet.conditional_formatting.add("E2:E5", ColorScaleRule("min", None, "F8696B", "max", None, "63BE7B"))
    sheet.conditional_formatting.add(
        "A2:K500", CellIsRule("equal", ['"failed"'], fill=PatternFill("solid", bgColor="FFC7CE"))
    )
    sheet.print_title_rows = "1:1"
    sheet.print_area = "A1:F5"
    sheet.oddHeader.center.text = "Dubbing &D"
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = "A1:F5"
    sheet.auto_filter.add_filter_column(2, ["de", "ja"])
    sheet.column_dimensions["H"].hidden = True
    sheet.column_dimensions.group("I", "L", outline_level=1, hidden=True)
    sheet.row_dimensions[4].height = 33
    workbook.defined_names["Jobs_all"] = DefinedName("Jobs_all", attr_text="Jobs!$A$2:$F$5")


def _sums(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    """References through several sheets, to whole columns, and to columns that are ours."""
    _rows(sheet)
    for title in ("April", "May 2027"):
        workbook.create_sheet(title)["E2"] = 3
    total = workbook.create_sheet("All")
    total["A1"] = "=SUM('April:May 2027'!E2)"
    total["A2"] = "=SUM(Jobs!E:E)"
    total["A3"] = "=COUNTA(Jobs!G:K)"
    total["A4"] = '=VLOOKUP("media/ep02.mp4",Jobs!A:J,10,FALSE)'
    workbook["April"].sheet_state = "hidden"


def _chart(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    _rows(sheet)
    chart = BarChart()
    chart.append(Series(Reference(sheet, min_col=5, min_row=2, max_row=5), title="due"))
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=5))
    sheet.add_chart(chart, "G1")


def _table(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    _rows(sheet)
    sheet.add_table(Table(displayName="Dubs", ref="A1:F5"))
    sheet["H7"] = "=SUM(Dubs[due])"


def _upright(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    """A title merged over the table, and a header that is turned by 90 degrees."""
    sheet["A1"] = "Spring launch"
    sheet.merge_cells("A1:F1")
    sheet.append(HEADER)
    for cell in sheet[2]:
        cell.alignment = Alignment(text_rotation=90, wrap_text=True)
    for job in JOBS:
        sheet.append(job)
    sheet.merge_cells("D3:D4")


def _far_styles(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    """Empty cells with a style stand where our columns come, and one row is styled as a whole."""
    _rows(sheet)
    for row in range(1, 9):
        for column in range(7, 15):
            sheet.cell(row, column).fill = PatternFill("solid", start_color="FFF2CC")
    sheet.row_dimensions[3].fill = PatternFill("solid", start_color="FCE4D6")
