"""Workbooks whose archive is rare: parts of others, odd names and orders, other ways to pack the same table."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from tests.writeback.book import Book, parts, patched, zipped
from tests.writeback.hand_books import DECLARATION, MAIN, OFFICE, PACKAGE, SHEET, made, sheet_xml

_STRICT = {
    MAIN: "http://purl.oclc.org/ooxml/spreadsheetml/main",
    OFFICE: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}


def books() -> Iterator[Book]:
    """One workbook for each way to pack."""
    yield Book("hand-strict", _strict(made()), closed_to=frozenset({"openpyxl"}))
    yield Book("hand-vendor-part", _with_vendor())
    yield Book("hand-stored", zipped(parts(made()), compression=zipfile.ZIP_STORED))
    yield Book("hand-odd-archive", _odd_archive())
    yield Book("hand-streamed", _streamed())
    yield Book("hand-backslashes", _backslashes(), closed_to=frozenset({"openpyxl", "LibreOffice"}))
    yield Book("hand-absolute-paths", _absolute())


def _strict(data: bytes) -> bytes:
    """The strict form of the format, which names its namespaces otherwise."""

    def renamed(text: str) -> str:
        for loose, strict in _STRICT.items():
            text = text.replace(loose, strict)
        return text

    return patched(data, {name: renamed for name in parts(data) if name != "[Content_Types].xml"})


def _with_vendor() -> bytes:
    """A part that no standard knows, and an extension that points at it."""
    after = '<customProperties><customPr name="vendor" r:id="r7"/></customProperties>'
    sheet = sheet_xml().replace("</worksheet>", f"{after}</worksheet>")
    relation = (
        f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r7" '
        f'Type="{OFFICE}/customProperty" Target="../vendor/state.bin"/></Relationships>'
    )
    more: dict[str, str | bytes] = {
        "xl/worksheets/_rels/sheet1.xml.rels": relation,
        "xl/vendor/state.bin": bytes(range(256)) * 9,
    }
    types = '<Default Extension="bin" ContentType="application/octet-stream"/></Types>'
    return patched_bytes(made(sheet, more), "[Content_Types].xml", b"</Types>", types.encode())


def patched_bytes(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """``data`` with other bytes in one part."""
    every = parts(data)
    return zipped({**every, part: every[part].replace(old, new)})


def _odd_archive() -> bytes:
    """The sheet first, the types last, a comment, old dates, attributes of Unix, folders, a mixture of methods."""
    every = parts(made())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"made in Dunedin"
        archive.writestr(_entry("xl/", 0o40755), b"")
        for place, name in enumerate(sorted(every, reverse=True)):
            entry = _entry(name, 0o100600)
            entry.compress_type = zipfile.ZIP_STORED if place % 2 else zipfile.ZIP_DEFLATED
            entry.comment = f"part {place}".encode()
            archive.writestr(entry, every[name])
    return buffer.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (2011, 2, 3, 4, 5, 6))
    entry.external_attr = mode << 16
    entry.create_system = 3
    return entry


class _Pipe(io.RawIOBase):
    """A file that can't seek: sizes come after the data (data descriptors)."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.written += piece
        return len(piece)


def _streamed() -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts(made()).items():
            archive.writestr(name, text)
    return bytes(pipe.written)


def _backslashes() -> bytes:
    r"""Names of parts as some libraries of Windows write them: ``xl\worksheets\sheet1.xml``."""
    data = made()
    for name in parts(data):
        data = data.replace(name.encode(), name.replace("/", "\\").encode())
    return data


def _absolute() -> bytes:
    """Targets from the root of the package, and sheets in a folder and under a name of their own."""
    every = parts(made())
    every["xl/tabs/Jobs #1.xml"] = every.pop(SHEET)
    for name in ("xl/_rels/workbook.xml.rels", "[Content_Types].xml"):
        text = every[name].replace(b'"worksheets/sheet1.xml"', b'"/xl/tabs/Jobs%20%231.xml"')
        every[name] = text.replace(b'"/xl/worksheets/sheet1.xml"', b'"/xl/tabs/Jobs%20%231.xml"')
    every["xl/tabs/Jobs%20%231.xml"] = every.pop("xl/tabs/Jobs #1.xml")
    return zipped(every)
