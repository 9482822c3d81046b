"""What a file really is, where its name says text and its first bytes say otherwise."""

from __future__ import annotations

import re
from typing import NamedTuple


class Impostor(NamedTuple):
    """``what`` completes "the file is ..."."""

    what: str
    remedy: str


_AS_CSV = "Save the sheet as “CSV UTF-8” and pass that file."
_NO_MEDIA = "Name the sheet that lists the videos, not one of them."
_WORKBOOK = Impostor("an Excel workbook (XLSX), whatever its name says", "Rename it to end in .xlsx.")
_OPEN_DOCUMENT = Impostor(
    "an OpenDocument file (of LibreOffice)", "Open it and save it as .xlsx or as CSV with the character set UTF-8."
)
_OTHER_ZIP = Impostor("a ZIP archive", "Unpack it and pass the sheet in it.")
_BY_START: tuple[tuple[bytes, Impostor], ...] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Impostor(
            "an old Excel workbook (.xls), or one with a password",
            "Open it in Excel and save it as .xlsx, without a password.",
        ),
    ),
    (b"%PDF", Impostor("a PDF", "Export the sheet itself, as .xlsx or “CSV UTF-8”.")),
    (b"\x1f\x8b", Impostor("compressed (gzip)", "Unpack it (gunzip) and pass the file in it.")),
    (b"{\\rtf", Impostor("a formatted text (RTF)", "Save it as plain text, with the encoding UTF-8.")),
    (b"bplist00", Impostor("an Apple property list, not a sheet", "In Numbers, export it as Excel or as CSV (UTF-8).")),
    (b"RIFF", Impostor("a media file", _NO_MEDIA)),
    (b"ID3", Impostor("a media file", _NO_MEDIA)),
    (b"\x1a\x45\xdf\xa3", Impostor("a media file", _NO_MEDIA)),
    (b"SQLite format 3\0", Impostor("a database", _AS_CSV)),
)
_MP4 = re.compile(rb".{4}ftyp", re.DOTALL)
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body|table)\b", re.I | re.S
)
_SHEET_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?(?:xml|mso-application)\b", re.IGNORECASE)
_ZIP = b"PK\x03\x04"
_LOOKED_AT = 4 << 10


def impostor(data: bytes) -> Impostor | None:
    """What ``data`` is, if it is surely no text that a manifest could be; None: it may be one."""
    if data.startswith(_ZIP):
        return _archive(data)
    head = data[:_LOOKED_AT]
    if _MP4.match(head):
        return Impostor("a media file", _NO_MEDIA)
    if _PAGE.match(head):
        what = "a web page (HTML), not the sheet itself"
        return Impostor(
            what, "Download the sheet as .xlsx or CSV; a sign-in page is saved where the link isn't shared."
        )
    if _SHEET_XML.match(head):
        return Impostor("XML, not a sheet that can be read", "Open it in Excel and save it as .xlsx or “CSV UTF-8”.")
    return next((found for start, found in _BY_START if data.startswith(start)), None)


def _archive(data: bytes) -> Impostor:
    if b"opendocument" in data[:_LOOKED_AT]:
        return _OPEN_DOCUMENT
    # The list of what is in the archive stands at its end.
    return _WORKBOOK if b"xl/workbook" in data else _OTHER_ZIP
