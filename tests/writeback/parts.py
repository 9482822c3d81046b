"""Parts of workbooks that no library here makes: a conversation beside the comments, and a picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.writeback.book import patched

_PERSONS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<personList xmlns="http://schemas.microsoft.com/office/'
    'spreadsheetml/2018/threadedcomments"><person displayName="Mika" id="{5C2F1B0A-0000-4000-8000-000000000001}" '
    'userId="mika@example.com" providerId="None"/></personList>'
)
_THREAD = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<ThreadedComments xmlns="http://schemas.microsoft.com/'
    'office/spreadsheetml/2018/threadedcomments"><threadedComment ref="B2" dT="2026-11-20T10:00:00.00" '
    'personId="{5C2F1B0A-0000-4000-8000-000000000001}" id="{5C2F1B0A-0000-4000-8000-000000000002}">'
    "<text>Take two is better</text></threadedComment></ThreadedComments>"
)
_RELATION = "http://schemas.microsoft.com/office/2017/10/relationships"


def threaded(data: bytes) -> bytes:
    """A conversation, as Excel keeps it beside the old comments: two parts that nothing else here writes."""

    def related(kind: str, target: str) -> Callable[[str], str]:
        line = f'<Relationship Id="rId90" Type="{_RELATION}/{kind}" Target="{target}"/></Relationships>'
        return lambda text: text.replace("</Relationships>", line)

    types = "".join(
        f'<Override PartName="/xl/{part}" ContentType="application/vnd.ms-excel.{kind}+xml"/>'
        for part, kind in (
            ("persons/person.xml", "person"),
            ("threadedComments/threadedComment1.xml", "threadedcomments"),
        )
    )
    return patched(
        data,
        {
            "xl/persons/person.xml": lambda _: _PERSONS,
            "xl/threadedComments/threadedComment1.xml": lambda _: _THREAD,
            "xl/_rels/workbook.xml.rels": related("person", "persons/person.xml"),
            "xl/worksheets/_rels/sheet1.xml.rels": related(
                "threadedComment", "../threadedComments/threadedComment1.xml"
            ),
            "[Content_Types].xml": lambda text: text.replace("</Types>", f"{types}</Types>"),
        },
    )


def picture(width: int = 48, height: int = 48) -> bytes:
    """A PNG: a blue square."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = (b"\0" + b"\x33\x66\xcc" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
