"""The archive that a workbook is: its parts within bounds, its sheets, and one sheet alone.

Nothing in a zip can be believed: sizes are counted while they are unpacked, and what is not a
workbook of this kind is named for what it is.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import IO, Self, TypeVar

from dubbatch.manifest.workbook.number_formats import NumberFormat, is_plain, number_format
from dubbatch.manifest.workbook.ooxml import SAVE_AGAIN, Attributes, Unusable, attribute, is_true, walk

#: Of all parts that are read, unpacked.
_UNPACKED_MAX = 512 << 20
_CHUNK = 1 << 20
#: Of an entry that is written, when its size is not known yet: with room for what grows.
_ZIP64_FROM = 1 << 30
_PARTS_MAX = 20_000
_OLE2_MARK = b"\xd0\xcf\x11\xe0"
_DIRECTORY_MARK = b"PK\x01\x02"
_ENCRYPTED_PART = "EncryptedPackage".encode("utf-16-le")
_WORKBOOK = "xl/workbook.xml"
#: A part of an archive -> what that archive is.
_OTHERS: Mapping[str, str] = {
    "xl/workbook.bin": "is a binary workbook (.xlsb)",
    "content.xml": "is an OpenDocument file (.ods)",
    "index/document.iwa": "is a Numbers document",
    "word/document.xml": "is a Word document",
    "ppt/presentation.xml": "is a presentation",
}
_COPY_AGAIN = "Copy or download it again; if that doesn't help, open it in your spreadsheet program and save it again."
_SAVE_AS = "Save it as an Excel Workbook (.xlsx) or as CSV, and pass that file."
#: Number formats that every workbook has: General, and with decimals, separators, currency (ECMA-376, 18.8.30).
_PLAIN_NUMBERS = frozenset((*range(9), *range(37, 45)))
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, LookupError, NotImplementedError)

Facts = TypeVar("Facts")

_RELATIONSHIPS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#: The parts of a workbook with one sheet, beside that sheet.
_SKELETON: Mapping[str, str] = {
    "_rels/.rels": f'<Relationships {_RELATIONSHIPS}><Relationship Id="r1" Type="{_OFFICE}/officeDocument"'
    ' Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Sheet" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships {_RELATIONSHIPS}><Relationship Id="r1" Type="{_OFFICE}/worksheet"'
    ' Target="worksheets/sheet1.xml"/></Relationships>',
}


@dataclass(frozen=True, slots=True)
class Relation:
    """What one part says about another, or about an address outside."""

    kind: str
    #: Name of a part in the archive, or as it stands where it leads outside.
    target: str
    is_outside: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """One tab of a workbook."""

    name: str
    part: str
    is_visible: bool
    #: A chart has a tab of its own, too.
    has_cells: bool


@dataclass
class Package:
    """One workbook, open. Every method raises Unusable where the archive is damaged or out of bounds."""

    data: bytes
    #: In the order of their tabs.
    sheets: list[Sheet] = field(init=False, default_factory=list)
    #: Whether days are counted from 1904 on.
    is_1904: bool = field(init=False, default=False)
    #: Whether the file asks to be calculated anew: the library that wrote it knew no values of formulas.
    is_stale: bool = field(init=False, default=False)
    _unpacked: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._zip, self._names = _opened(self.data)
        self._workbook = self._workbook_part()
        self._relations = self.relations(self._workbook)
        walk(self._chunks(self._workbook), self._read_workbook)
        if not self.sheets:
            raise Unusable("has no sheets", SAVE_AGAIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @cached_property
    def formats(self) -> Mapping[str, NumberFormat]:
        """Index of a cell's style, as cells write it -> its number format, where that makes another text."""
        return self._styles.formats()

    @property
    def plain_styles(self) -> frozenset[str]:
        """Indexes of the styles in which a number is shown as the number that it is."""
        return self._styles.plain()

    @cached_property
    def _styles(self) -> _Styles:
        styles, part = _Styles(), self._part_of("styles")
        if part:
            walk(self._chunks(part), styles.start)
        return styles

    def relations(self, part: str) -> Mapping[str, Relation]:
        """What ``part`` names by id."""
        folder, name = posixpath.split(part)
        relations: dict[str, Relation] = {}

        def start(element: str, attributes: Attributes) -> None:
            if element == "Relationship":
                is_outside = attributes.get("TargetMode", "").lower() == "external"
                target = attributes.get("Target", "")
                if not is_outside:
                    target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                kind = attributes.get("Type", "").rpartition("/")[2]
                relations[attributes.get("Id", "")] = Relation(kind, target, is_outside)

        rels = f"{folder}/_rels/{name}.rels".lstrip("/")
        if rels.casefold() in self._names:
            walk(self._chunks(rels), start)
        return relations

    def alone(self, sheet: Sheet, read: Callable[[Iterator[bytes]], Facts]) -> tuple[Facts, io.BytesIO]:
        """What ``read`` makes of the XML of ``sheet``, and a workbook with that sheet and nothing else in it.

        So another program that reads the workbook sees the very bytes that were walked here, and gets
        no parts, relations or formats that nobody has looked at. Numbers have no format in it.
        """
        buffer = io.BytesIO()
        strings = self._part_of("sharedStrings")
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
            for name, text in _SKELETON.items():
                copy.writestr(name, text)
            if strings:
                with copy.open("xl/sharedStrings.xml", "w") as file:
                    file.writelines(self._chunks(strings))
            with copy.open("xl/worksheets/sheet1.xml", "w") as file:
                facts = read(_copied(self._chunks(sheet.part), file))
        buffer.seek(0)
        return facts, buffer

    def part(self, name: str) -> bytes:
        """All of the part ``name``."""
        return b"".join(self._chunks(name))

    def rewrite(self, part: str, chunks: Iterable[bytes | memoryview], out: IO[bytes]) -> None:
        """Write to ``out`` the archive with ``chunks`` as its ``part``; its other entries are as they were."""
        changed = self._names[part.casefold()]
        with zipfile.ZipFile(out, "w") as copy:
            copy.comment = self._zip.comment
            for info in self._zip.infolist():
                # Sizes and offsets of the copy are its own.
                entry = zipfile.ZipInfo(info.filename, info.date_time)
                entry.compress_type, entry.comment = info.compress_type, info.comment
                entry.create_system = info.create_system
                source = chunks if info is changed else self._unpack(info)
                try:
                    file = copy.open(entry, "w", force_zip64=info.file_size >= _ZIP64_FROM)
                except NotImplementedError as error:
                    raise Unusable(f"has a part that is packed in a rare way ({info.filename})", SAVE_AGAIN) from error
                with file:
                    for chunk in source:
                        file.write(chunk)
                # The library makes 0o600 of an entry without any.
                entry.external_attr = info.external_attr

    def _workbook_part(self) -> str:
        roots = self.relations("")
        part = next((root.target for root in roots.values() if root.kind == "officeDocument"), _WORKBOOK)
        if part.casefold() in self._names:
            return part
        raise Unusable("is an archive without a workbook in it", _SAVE_AS)

    def _part_of(self, kind: str) -> str:
        parts = (relation.target for relation in self._relations.values() if relation.kind == kind)
        return next((part for part in parts if part.casefold() in self._names), "")

    def _read_workbook(self, element: str, attributes: Attributes) -> None:
        if element == "sheet":
            relation = self._relations.get(attribute(attributes, "id"), Relation("", "", False))
            has_cells = relation.kind == "worksheet" and relation.target.casefold() in self._names
            is_visible = attributes.get("state", "visible") == "visible"
            self.sheets.append(Sheet(attributes.get("name", ""), relation.target, is_visible, has_cells))
        elif element == "workbookPr":
            self.is_1904 = is_true(attributes.get("date1904", ""))
        elif element == "calcPr":
            self.is_stale = is_true(attributes.get("fullCalcOnLoad", ""))

    def _chunks(self, part: str) -> Iterator[bytes]:
        return self._unpack(self._names[part.casefold()])

    def _unpack(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        if info.flag_bits & 1:
            raise Unusable("is protected with a password", "Save it without a password and pass that file.")
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(_CHUNK):
                    self._unpacked += len(chunk)
                    if self._unpacked > _UNPACKED_MAX:
                        message = f"is too big: more than {_UNPACKED_MAX >> 20} MB when unpacked"
                        raise Unusable(
                            message, "Copy the rows that are meant into a new workbook, or save them as CSV."
                        )
                    yield chunk
        except _DAMAGES as error:
            raise Unusable(f"is damaged ({info.filename} can't be unpacked)", _COPY_AGAIN) from error


@dataclass
class _Styles:
    """Collects what the styles say of numbers."""

    codes: dict[int, str] = field(default_factory=dict)
    #: Of each style that cells name by its index, the number of its format.
    of_cells: list[int] = field(default_factory=list)
    _group: str = ""

    def start(self, element: str, attributes: Attributes) -> None:
        if element in ("numFmts", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs"):
            self._group = element
        elif element == "numFmt" and self._group == "numFmts":
            self.codes[_number(attributes.get("numFmtId", ""))] = attributes.get("formatCode", "")
        elif element == "xf" and self._group == "cellXfs":
            self.of_cells.append(_number(attributes.get("numFmtId", "")))

    def plain(self) -> frozenset[str]:
        """Indexes of the styles in which a number is shown as the number that it is."""
        numbers = {n for n in self.of_cells if (is_plain(self.codes[n]) if n in self.codes else n in _PLAIN_NUMBERS)}
        return frozenset(str(index) for index, number in enumerate(self.of_cells) if number in numbers)

    def formats(self) -> Mapping[str, NumberFormat]:
        made = {number: number_format(number, self.codes) for number in set(self.of_cells)}
        return {str(index): found for index, number in enumerate(self.of_cells) if (found := made[number])}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _copied(chunks: Iterator[bytes], file: IO[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def _opened(data: bytes) -> tuple[zipfile.ZipFile, Mapping[str, zipfile.ZipInfo]]:
    """The archive, and its parts by name, in lower case and with slashes, as names are compared in a package."""
    if not data:
        raise Unusable("is empty", "A manifest has a header with video and audio, and one row a video.")
    if data.startswith(_OLE2_MARK):
        if _ENCRYPTED_PART in data:
            raise Unusable("is protected with a password", "Save it without a password and pass that file.")
        raise Unusable("is a workbook of an old kind (.xls)", _SAVE_AS)
    if not data.startswith(b"PK"):
        raise Unusable("is no workbook, whatever its name says", _SAVE_AS)
    if data.count(_DIRECTORY_MARK) > _PARTS_MAX:
        raise Unusable(f"is an archive of more than {_PARTS_MAX:,} files", _SAVE_AS)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGES as error:
        raise Unusable("is cut off or damaged", _COPY_AGAIN) from error
    names: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        names.setdefault(info.filename.replace("\\", "/").lstrip("/").casefold(), info)
    for part, what in _OTHERS.items():
        if part in names:
            raise Unusable(what, _SAVE_AS)
    return archive, names
