"""Links from a workbook to the files beside it, relative where there is a way, so that both can be moved together. Pure
but for symbolic links, which are followed."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import Final

#: Of Excel, in UTF-16 units.
LINK_MAX: Final = 2_079
#: What Excel escapes in the names of files, and what would begin something else: a query, a place in the file.
#: XlsxWriter escapes too, but leaves a name alone that looks as if it were escaped ("100%25.mp4").
_ESCAPES: Final = {code: f"%{code:02X}" for code in [*range(0x20), *b' "#%<>?[\\]^`{|}', 0x7F]}
#: Bytes of a name that is no UTF-8, as Python has them in its text.
_BYTES: Final = {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}
#: In the first part of a relative path it would end a scheme; in an absolute one it ends the drive.
_COLON: Final = {ord(":"): "%3A"}


def way_between(folder: Path, target: Path) -> str:
    """The path from ``folder`` to ``target`` with ``/``; absolute where there is none (another drive of Windows)."""
    folder, target = folder.resolve(), target.resolve()
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:
        return target.as_posix()


def file_link(way: str, name: str) -> str:
    """XlsxWriter's link to the file ``name`` of the folder that ``way`` leads to; empty where none is possible."""
    path = posixpath.normpath(posixpath.join(way, name))
    is_absolute = path.startswith("/") or path[1:2] == ":" == way[1:2]
    escaped = path.translate(_ESCAPES | _BYTES if is_absolute else _ESCAPES | _BYTES | _COLON)
    # A path of one letter, or one that begins like a drive, is read as a drive.
    link = f"external:{escaped}" if is_absolute else f"external:./{escaped}"
    try:
        units = len(link.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return ""
    return link if units <= LINK_MAX else ""


def row_link(sheet: str, row: int) -> str:
    """XlsxWriter's link to a row (from 0) of a sheet of the same workbook."""
    return f"internal:'{sheet}'!A{row + 1}"
