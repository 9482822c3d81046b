"""Workbooks as scripts make them with XlsxWriter: features that LibreOffice can't write."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import xlsxwriter

from tests.writeback.book import HEADER, JOBS, Book
from tests.writeback.parts import picture, threaded

Workbook = Any
Sheet = Any


def books() -> Iterator[Book]:
    """One workbook for each family of features."""
    yield Book("table", _made(_table))
    yield Book("table-total-row", _made(_table_with_totals))
    yield Book("sparklines-and-bars", _made(_conditional))
    yield Book("drawings-beside", _made(_drawings))
    yield Book("chart-of-the-jobs", _made(_chart))
    yield Book("comments", _made(_comments))
    yield Book("threaded-comments", threaded(_made(_comments)))
    yield Book("texts-and-formulas", _made(_texts))
    yield Book("dynamic-arrays", _made(_dynamic))
    yield Book("outline-and-print", _made(_outline))
    yield Book("protected", _made(_protected))
    yield Book("our-columns-are-there", _made(_with_ours), column=2)
    yield Book("inline-strings", _made(_plain, constant_memory=True))
    yield Book("merged-title", _made(_title), header=3, rows=(4, 5, 6, 7))
    yield Book("hidden-beyond", _made(_hidden_beyond))
    yield Book("validated-everywhere", _made(_validated))
    yield Book("macros", _made(_macros))
    yield Book("rows-with-gaps", _made(_gaps), rows=(2, 3, 9, 10))
    yield Book("jobs-on-the-third-sheet", _made(_third), sheet="Büro & Jobs")
    yield Book("years-from-1904", _made(_plain, date_1904=True))


def _made(fill: Callable[[Workbook, Sheet], None], **options: object) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **options}) as workbook:
        workbook.set_properties({"title": "Dubbing", "author": "The team", "comments": "by hand"})
        workbook.set_custom_property("Client", "Northwind")
        fill(workbook, workbook.add_worksheet("Jobs"))
    return buffer.getvalue()


def _rows(workbook: Workbook, sheet: Sheet, top: int = 0) -> None:
    bold = workbook.add_format({"bold": True, "bg_color": "#DDEBF7", "bottom": 2})
    day = workbook.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row(top, 0, HEADER, bold)
    for row, job in enumerate(JOBS, top + 1):
        sheet.write_row(row, 0, job[:4])
        sheet.write_number(row, 4, job[4], day)
        sheet.write_string(row, 5, job[5])


def _plain(workbook: Workbook, sheet: Sheet) -> None:
    _rows(workbook, sheet)


def _table(workbook: Workbook, sheet: Sheet) -> None:
    """A table (ListObject) whose range ends at the last column, and a second one on another sheet."""
    columns = [{"header": name} for name in HEADER]
    sheet.add_table("A1:F5", {"data": JOBS, "columns": columns, "name": "Dubs", "style": "Table Style Medium 4"})
    sheet.freeze_panes(1, 1)
    other = workbook.add_worksheet("Clients")
    other.add_table("A1:B3", {"columns": [{"header": "client"}, {"header": "jobs"}], "name": "Clients"})
    other.write_formula("B2", "=COUNTIF(Dubs[client],A2)", None, 2)
    other.write_formula("B3", "=SUBTOTAL(103,Dubs[video])", None, 4)


def _table_with_totals(workbook: Workbook, sheet: Sheet) -> None:
    """A table with a row of totals, computed columns, and slack below."""
    columns: list[dict[str, object]] = [{"header": name} for name in HEADER[:5]]
    columns.append({"header": "reviewer", "total_function": "count"})
    columns[0]["total_string"] = "together"
    sheet.add_table("A1:F6", {"data": JOBS, "columns": columns, "total_row": True, "name": "Dubs"})
    sheet.write_formula("N2", "=Dubs[[#This Row],[due]]+1", None, 46001)


def _conditional(workbook: Workbook, sheet: Sheet) -> None:
    """Sparklines, data bars of 2010, scales, icons and rules of every kind, over whole columns too."""
    _rows(workbook, sheet)
    red = workbook.add_format({"bg_color": "#FFC7CE", "font_color": "#9C0006"})
    for row in range(1, 5):
        sheet.write_row(row, 13, (3, 1, 4, 1, 5))
        sheet.add_sparkline(row, 12, {"range": f"Jobs!N{row + 1}:R{row + 1}", "type": "column", "high_point": True})
    sheet.conditional_format("E2:E5", {"type": "data_bar", "data_bar_2010": True, "bar_solid": True})
    sheet.conditional_format("N2:N5", {"type": "3_color_scale"})
    sheet.conditional_format("O2:O5", {"type": "icon_set", "icon_style": "4_traffic_lights"})
    sheet.conditional_format("A2:Z1000", {"type": "formula", "criteria": '=$C2="de"', "format": red})
    sheet.conditional_format("A1:XFD1048576", {"type": "text", "criteria": "containing", "value": "x", "format": red})
    sheet.conditional_format("G2:G5", {"type": "cell", "criteria": "==", "value": '"failed"', "format": red})
    sheet.conditional_format("C2:C5", {"type": "duplicate", "format": red, "stop_if_true": True})


def _drawings(workbook: Workbook, sheet: Sheet) -> None:
    """A picture, a text box, a button and a checkbox that float over the columns beside the table."""
    _rows(workbook, sheet)
    sheet.insert_image("G2", "logo.png", {"image_data": io.BytesIO(picture()), "description": "the logo"})
    sheet.insert_image("H8", "logo.png", {"image_data": io.BytesIO(picture()), "url": "https://example.com/?a=1&b=2"})
    sheet.insert_textbox("I2", "Read me, then dub", {"fill": {"color": "#FFF2CC"}, "width": 160})
    sheet.insert_button("K2", {"caption": "Dub", "macro": "Dub_all", "width": 80})
    sheet.insert_checkbox("H2", True)
    sheet.set_background(io.BytesIO(picture()))
    sheet.set_header("&L&G&CDubbing", {"image_left": "logo.png", "image_data_left": io.BytesIO(picture())})
    sheet.set_footer("&P of &N")


def _chart(workbook: Workbook, sheet: Sheet) -> None:
    """Charts of the sheet's own cells, one right beside the table, and a chart sheet."""
    _rows(workbook, sheet)
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"categories": "=Jobs!$A$2:$A$5", "values": "=Jobs!$E$2:$E$5", "name": "=Jobs!$E$1"})
    chart.set_title({"name": "Due"})
    sheet.insert_chart("G1", chart)
    second = workbook.add_chart({"type": "pie"})
    second.add_series({"values": "=Jobs!$J$2:$J$5"})
    workbook.add_chartsheet("Chart").set_chart(second)


def _comments(workbook: Workbook, sheet: Sheet) -> None:
    _rows(workbook, sheet)
    sheet.write_comment("B2", "Take two is better", {"author": "Mika", "visible": True})
    sheet.write_comment("F5", "Ask Yuki\nfirst", {"author": "Ines", "color": "#CCFFCC"})
    sheet.write_comment("G2", "Left beside the table", {"author": "Ines"})


def _texts(workbook: Workbook, sheet: Sheet) -> None:
    """Rich strings, links, formulas with stored values of each type, errors, booleans, ignored errors."""
    _rows(workbook, sheet)
    bold, red = workbook.add_format({"bold": True}), workbook.add_format({"font_color": "red"})
    sheet.write_rich_string("D2", "North", bold, "wind", red, " & Söhne ", "東京")
    sheet.write_url("A4", "https://cdn.example.com/ep03.mp4?a=1&b=2", string="ep03")
    sheet.write_url("A5", "internal:'Sum up'!A1", string="media/ep01.mp4", tip="the sums")
    sheet.write_formula("L2", '=CONCATENATE(A2," & ",B2)', None, "media/ep01.mp4 & media/ep01.de.wav")
    sheet.write_formula("L3", "=E3+1", None, 46004)
    sheet.write_formula("L4", "=1/0", None, "#DIV/0!")
    sheet.write_formula("L5", "=E2>E3", None, False)
    sheet.write_array_formula("M2:M5", "{=E2:E5*2}", None, 92000)
    sheet.write_boolean("N2", True)
    sheet.write_string("N3", "  spaces \n and lines ")
    sheet.write_string("N4", "_x0041_ & a tab\t")
    sheet.write_string("N5", "007")
    sheet.ignore_errors({"number_stored_as_text": "N1:N9"})
    workbook.define_name("Due", "=Jobs!$E$2:$E$5")
    workbook.define_name("Jobs!Local", "=Jobs!$A$1")
    other = workbook.add_worksheet("Sum up")
    other.write_formula("A1", "=COUNTA(Jobs!A2:A100)", None, 4)
    other.write_formula("A2", '=COUNTIF(Jobs!G:G,"downloaded")', None, 0)
    other.write_formula("A3", "=SUM(Due)", None, 184033)
    workbook.add_worksheet("Hidden").hide()
    workbook.add_worksheet("Very hidden").very_hidden()


def _dynamic(workbook: Workbook, sheet: Sheet) -> None:
    """Dynamic arrays: cells with metadata (``cm``), LAMBDA, and a spill that ends before our columns."""
    _rows(workbook, sheet)
    sheet.write_dynamic_array_formula("M2:M4", "=UNIQUE(C2:C5)", None, "de")
    sheet.write_string("M3", "fr")
    sheet.write_dynamic_array_formula("N2", "=LAMBDA(x,x*2)(E2)", None, 92000)
    sheet.write_formula("O2", "=_xlfn.XLOOKUP(A2,A:A,D:D)", None, "Northwind")


def _outline(workbook: Workbook, sheet: Sheet) -> None:
    """Groups, hidden rows, heights, page breaks, print titles, a print area and a zoom."""
    _rows(workbook, sheet)
    sheet.set_column("A:B", 24)
    sheet.set_column("D:F", 14, None, {"level": 1})
    sheet.set_row(2, 30, workbook.add_format({"italic": True}), {"level": 1})
    sheet.set_row(3, None, None, {"level": 1, "hidden": True, "collapsed": False})
    sheet.repeat_rows(0)
    sheet.print_area("A1:F5")
    sheet.set_h_pagebreaks([3])
    sheet.fit_to_pages(1, 0)
    sheet.set_landscape()
    sheet.set_zoom(85)
    sheet.freeze_panes(1, 2)
    sheet.autofilter("A1:F5")
    sheet.filter_column("C", "x == de or x == ja")
    sheet.set_tab_color("#FF9900")
    sheet.set_selection("B2:C3")


def _protected(workbook: Workbook, sheet: Sheet) -> None:
    _rows(workbook, sheet)
    sheet.protect("secret", {"insert_rows": True})
    sheet.unprotect_range("A2:B5", "Links")
    sheet.autofilter("A1:XFD5")
    sheet.write_string("XFD3", "the last column")


def _with_ours(workbook: Workbook, sheet: Sheet) -> None:
    """Columns of ours from the run before stand amid the table, styled by the team."""
    green = workbook.add_format({"bg_color": "#E2EFDA", "border": 1})
    sheet.write_row(
        0, 0, (*HEADER[:2], "dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated", "client")
    )
    for row, job in enumerate(JOBS, 1):
        sheet.write_row(row, 0, (f"media/ep0{row}.mp4", job[1]))
        sheet.write_row(row, 2, ("queued", "old.mp4", "an old error", 1.5, "2026-11-20"), green)
        sheet.write_string(row, 7, job[3])
    sheet.write_blank(2, 4, None, green)
    sheet.write_formula("I2", '=IF(C2="downloaded",1,0)', None, 0)


def _title(workbook: Workbook, sheet: Sheet) -> None:
    """A title merged over A1:Z1, an empty row, then the table with a filter."""
    big = workbook.add_format({"bold": True, "font_size": 18, "align": "center", "bg_color": "#FFE699"})
    sheet.merge_range("A1:Z1", "Spring launch", big)
    _rows(workbook, sheet, top=2)
    sheet.autofilter("A3:F7")
    sheet.freeze_panes(3, 0)


def _hidden_beyond(workbook: Workbook, sheet: Sheet) -> None:
    """All columns beside the table are hidden, as tidy people do, and so are the rows below."""
    grey = workbook.add_format({"bg_color": "#EEEEEE"})
    _rows(workbook, sheet)
    sheet.set_column("A:F", 20)
    sheet.set_column("G:XFD", None, grey, {"hidden": True})
    sheet.set_default_row(hide_unused_rows=True)


def _validated(workbook: Workbook, sheet: Sheet) -> None:
    """Drop-downs and rules, one of them over all rows of the columns where ours come."""
    _rows(workbook, sheet)
    sheet.data_validation("F2:F1000", {"validate": "list", "source": ["Mika", "Ines", "Yuki & Söhne"]})
    sheet.data_validation("E2:E1000", {"validate": "date", "criteria": ">", "value": 45000, "error_title": "No"})
    sheet.data_validation("C2:C1000", {"validate": "list", "source": "=Lists!$A$1:$A$3", "input_title": "Which?"})
    sheet.data_validation("G1:Z1048576", {"validate": "custom", "value": "=LEN(G1)<100"})
    workbook.add_worksheet("Lists").write_column("A1", ("de", "fr", "ja"))


def _macros(workbook: Workbook, sheet: Sheet) -> None:
    _rows(workbook, sheet)
    workbook.add_vba_project(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)), is_stream=True)
    workbook.set_vba_name("ThisWorkbook")
    sheet.set_vba_name("Sheet1")


def _gaps(workbook: Workbook, sheet: Sheet) -> None:
    """Empty rows among the jobs, and a sum far below."""
    sheet.write_row(0, 0, HEADER)
    for row, job in zip((1, 2, 8, 9), JOBS, strict=True):
        sheet.write_row(row, 0, job)
    sheet.write_formula("E40", "=SUM(E2:E39)", None, 184033)


def _third(workbook: Workbook, sheet: Sheet) -> None:
    sheet.write_string("A1", "Nothing here")
    workbook.add_worksheet("It's").write_formula("A1", "=COUNTA('Büro & Jobs'!A2:A9)", None, 4)
    _rows(workbook, workbook.add_worksheet("Büro & Jobs"))
    workbook.worksheets()[2].activate()
