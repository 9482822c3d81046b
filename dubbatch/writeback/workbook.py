"""A workbook with some cells of one sheet set, and nothing else in it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, NamedTuple

from dubbatch.manifest.workbook.ooxml import SAVE_AGAIN, Unusable
from dubbatch.manifest.workbook.package import Package, Sheet
from dubbatch.writeback.cell_xml import Cells
from dubbatch.writeback.formulas import computed
from dubbatch.writeback.room import room_of
from dubbatch.writeback.sheet_xml import set_cells


def rewrite(
    data: bytes,
    sheet: str,
    cells: Cells,
    out: IO[bytes],
    *,
    header: int = 0,
    widths: Mapping[int, float] | None = None,
) -> list[tuple[int, int]]:
    """Write to ``out`` the workbook ``data`` with ``cells`` of the tab ``sheet`` set.

    ``header`` and ``widths`` are as in ``sheet_xml.set_cells``. Returns row and column of the cells that were left as
    they are, because they have formulas. Raises Unusable, OSError.
    """
    with Package(data) as package:
        part = _named(package, sheet).part
        patch = set_cells(package.part(part), cells, header=header, number_styles=package.plain_styles, widths=widths)
        package.rewrite(part, patch.chunks(), out)
    return patch.formulas


class Free(NamedTuple):
    """Where new columns have room."""

    column: int
    #: Whether the sheet hides one of them.
    is_hidden: bool


def free_column(
    data: bytes, sheet: str, count: int, *, after: int, rows: tuple[int, int], strays: Iterable[int] = ()
) -> Free:
    """The first of ``count`` columns, from ``after`` on, that are free in the ``rows`` from first to last.

    ``strays``: columns with something in them. Raises Unusable where there is no room.
    """
    with Package(data) as package:
        found = _named(package, sheet)
        room = room_of(package, found, package.part(found.part))
    first = room.first_free(count, after, rows, strays)
    return Free(first, any(low < first + count and high >= first for low, high in room.hidden))


def computed_cells(data: bytes, sheet: str, columns: Iterable[int]) -> frozenset[tuple[int, int]]:
    """Row and column of the cells in ``columns`` that formulas of the sheet compute."""
    with Package(data) as package:
        return computed(package.part(_named(package, sheet).part), columns)


def _named(package: Package, name: str) -> Sheet:
    found = next((sheet for sheet in package.sheets if sheet.name == name and sheet.has_cells), None)
    if found is None:
        raise Unusable(f"has no sheet {name}", SAVE_AGAIN)
    return found
