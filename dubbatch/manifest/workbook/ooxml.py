"""The XML of office files, read with expat and without trust.

What the XML means is for the callers. Here it is walked: namespaces count for nothing (there are two of each,
the strict ones and those that everybody writes), and document types are refused, since they can make a file grow
without bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from xml.parsers import expat

Attributes = Mapping[str, str]
Reader = expat.XMLParserType

SAVE_AGAIN = "Open it in your spreadsheet program and save it again as an Excel Workbook (.xlsx)."
_TRUE = ("1", "true")


class Unusable(Exception):
    """The workbook can't be read at all: what is wrong, as the end of a sentence about it, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def walk(chunks: Iterable[bytes], start: Callable[[str, Attributes], None]) -> None:
    """Calls ``start`` with the name, without namespace, and the attributes of each element. Raises Unusable."""
    reader = parser()
    reader.StartElementHandler = lambda name, attributes: start(local(name), attributes)
    feed(reader, chunks)


def walk_head(data: bytes, start: Callable[[str, Attributes], None]) -> None:
    """As ``walk``, of the beginning of a part. Raises Unusable."""
    reader = parser()
    reader.StartElementHandler = lambda name, attributes: start(local(name), attributes)
    with _told():
        reader.Parse(data, False)


def local(name: str) -> str:
    """``name`` without its namespace's prefix."""
    return name.rpartition(":")[2]


def attribute(attributes: Attributes, name: str) -> str:
    """The attribute with that name in whatever namespace (``r:id``); empty: there is none."""
    return next((value for key, value in attributes.items() if local(key) == name), "")


def is_true(text: str) -> bool:
    """Whether an attribute says yes."""
    return text.strip().lower() in _TRUE


def parser() -> Reader:
    """A parser without handlers but for what is refused."""
    reader = expat.ParserCreate()
    # Spreadsheet programs write none; what they define can grow without bounds.
    reader.StartDoctypeDeclHandler = _refuse_doctype
    return reader


def _refuse_doctype(*_: object) -> None:
    raise Unusable("has a DOCTYPE in it, which no spreadsheet program writes", SAVE_AGAIN)


def feed(reader: Reader, chunks: Iterable[bytes]) -> None:
    """Parses all ``chunks``. Raises Unusable."""
    with _told():
        for chunk in chunks:
            reader.Parse(chunk, False)
        reader.Parse(b"", True)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise malformed(f"its XML is broken ({error})") from error


def malformed(reason: str) -> Unusable:
    """The error of XML that is no sheet's."""
    return Unusable(f"is damaged: {reason}", SAVE_AGAIN)
