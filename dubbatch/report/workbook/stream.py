"""The rows of a long sheet, written as XML where XlsxWriter collects those that it has done.

XlsxWriter takes a cell through a dozen calls: of 100,000 jobs, 40 seconds. The rows of the jobs' sheet are the
only long ones and know three kinds of cells, so they are written here, in a fifth of the time. All else of the
workbook is XlsxWriter's, and what this module needs of its insides is here alone: its buffer of rows that are
done (``constant_memory``), the number of a format, and links without a cell of their own.
"""

from __future__ import annotations

import re
from typing import Any, Final

from dubbatch.report.workbook.cells import cell_text

_MARKUP = re.compile("[&<>]")
_ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
#: How a workbook writes a character that XML can't have: "_x0007_". A text that has this by itself is escaped.
_ESCAPED = re.compile("_(?=x[0-9a-fA-F]{4}_)")


class RowStream:
    """Takes cells from left to right and rows from the top down. The header is XlsxWriter's and is there already."""

    def __init__(self, sheet: Any, columns: int) -> None:
        from xlsxwriter.utility import xl_col_to_name

        self._sheet = sheet
        self._letters = [xl_col_to_name(column) for column in range(columns)]
        self._cells: list[str] = []
        self._line = 0

    def begin(self, line: int) -> None:
        """The row ``line``, from 0."""
        self._line = line
        # What XlsxWriter still holds of the rows above goes first.
        self._sheet._write_single_row(line)

    def text(self, column: int, text: str, look: Any) -> None:
        text = cell_text(text)
        if _MARKUP.search(text):
            text = text.translate(_ENTITIES)
        if "_x" in text:
            text = _ESCAPED.sub("_x005F_", text)
        self._cells.append(
            f'<c r="{self._letters[column]}{self._line + 1}" s="{look._get_xf_index()}" t="inlineStr">'
            f'<is><t xml:space="preserve">{text}</t></is></c>'
        )

    def number(self, column: int, number: float, look: Any) -> None:
        self._cells.append(
            f'<c r="{self._letters[column]}{self._line + 1}" s="{look._get_xf_index()}"><v>{number:.16G}</v></c>'
        )

    def link(self, column: int, link: str, text: str, look: Any) -> None:
        """``link``: as XlsxWriter has them, "external:…"."""
        self.text(column, text, look)
        self._sheet.ignore_write_string = True
        self._sheet.write_url(self._line, column, link)
        self._sheet.ignore_write_string = False

    def end(self) -> None:
        """The row is whole."""
        self._sheet.row_data_fh.write(f'<row r="{self._line + 1}">{"".join(self._cells)}</row>')
        self._sheet._check_dimensions(self._line, 0)
        self._cells.clear()
