"""Which cells of a sheet formulas compute: they are the team's, also in columns of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dubbatch.manifest.table import column_letters
from dubbatch.manifest.workbook.sheet_xml import box_of, column_index

_ARRAY = re.compile(rb"<(?:[\w.-]+:)?f\s[^>]*\bref\s*=\s*[\"']([A-Za-z0-9:$]{2,24})[\"']")


def computed(data: bytes, columns: Iterable[int]) -> frozenset[tuple[int, int]]:
    """Row and column of those cells in ``columns`` of the sheet's XML; rows count from 1, columns from 0."""
    wanted = set(columns)
    if not wanted:
        return frozenset()
    letters = "|".join(column_letters(column) for column in sorted(wanted)).encode()
    own = re.compile(
        rb"<(?:[\w.-]+:)?c\s[^>]*?\br\s*=\s*[\"'](%b)(\d{1,7})[\"'][^>]*(?<!/)>\s*<(?:[\w.-]+:)?f[\s/>]" % letters
    )
    cells = {(int(found[2]), column_index(found[1].decode())) for found in own.finditer(data)}
    for found in _ARRAY.finditer(data):
        # What a shared formula fills has a formula of its own.
        box = box_of(found[1].decode())
        if box and b"shared" not in found[0]:
            inside = wanted & set(range(box.left, box.right + 1))
            cells |= {(row, column) for column in inside for row in range(box.top, box.bottom + 1)}
    return frozenset(cells)
