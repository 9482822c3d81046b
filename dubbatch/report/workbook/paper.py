"""How the sheets are printed: as wide as a page, with the header on each."""

from __future__ import annotations

from typing import Any, Final

#: XlsxWriter's number for A4.
_A4: Final = 9
_MARGIN_IN: Final = 0.4


def for_print(sheet: Any, *, has_head: bool) -> None:
    """``has_head``: the first row is the header of a table."""
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.set_margins(left=_MARGIN_IN, right=_MARGIN_IN)
    # One page wide, as many tall as it takes.
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&A&R&P / &N")
    if has_head:
        sheet.repeat_rows(0)
