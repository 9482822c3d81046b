"""What a person names as the manifest: a file, a sheet of a workbook (``file.xlsx#Sheet2``), or ``-``."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Origin
from dubbatch.manifest.problems import shown

STANDARD_INPUT = Path("-")

#: Names of sheets may have a # themselves.
_SHEET = re.compile(r"(?P<file>.*?\.xls[xm])#(?P<sheet>.*)", re.IGNORECASE | re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_GOOGLE_SHEET = re.compile(r"/spreadsheets/d/(?P<id>[\w-]+)")
_TAB = re.compile(r"gid=(?P<gid>\d+)")


def parse_address(text: str, folder: Path = Path()) -> Origin:
    """The file and the sheet that ``text`` names; a relative path is one of ``folder``.

    Raises ManifestError for a web address, and for a sheet of what has none.
    """
    if _WEB.match(text):
        raise _web_address(text)
    path = folder / text
    if path.exists():
        return Origin(path)
    found = _SHEET.fullmatch(text)
    if found:
        if not found["sheet"].strip():
            raise ManifestError(f"{text}: no sheet is named after the #.", hint="Write file.xlsx#Sheet2.")
        return Origin(folder / found["file"], found["sheet"].strip())
    file, mark, sheet = text.rpartition("#")
    if mark and Path(file).suffix:
        raise ManifestError(f"{file} has no sheets, so there is no sheet {sheet!r}.", hint=f"Name the file: {file}")
    return Origin(path)


def _web_address(text: str) -> ManifestError:
    parts = urlsplit(text)
    found = _GOOGLE_SHEET.search(parts.path) if parts.hostname == "docs.google.com" else None
    if found is None:
        hint = "Download the file, and name it."
        return ManifestError(f"{shown(text)} is a web address, and a manifest is a file.", hint=hint)
    tab = _TAB.search(f"{parts.query}#{parts.fragment}")
    export = f"https://docs.google.com/spreadsheets/d/{found['id']}/export"
    # No query of an address is ever shown as a part of it.
    query = f"format=csv&gid={tab['gid'] if tab else 0}"
    hint = (
        f"Name a file: in the sheet, File, Download, .csv or .xlsx; or its CSV export, {export} with the query {query}"
    )
    return ManifestError("This is a Google Sheets page, not a file.", hint=hint)
