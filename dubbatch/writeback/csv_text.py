"""A table in text with some cells set: encoding, delimiter, quotation marks and line ends stay as they are.

Records are told apart by the reader that loads manifests, so their numbers are the same. Only those with cells to
set are taken to pieces; one that can't be put together again as it was is left alone.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubbatch.errors import ManifestError
from dubbatch.manifest.csv_source import Dialect, sniff
from dubbatch.manifest.encoding import codec_of
from dubbatch.writeback.cell_xml import Cells, Value

#: Encodings that begin with a mark: the mark -> the encoding without it.
_MARKED = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
#: A code page is guessed by the letters in it, so ours are those of the language that the table is in.
_TYPED = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "–": "-", "—": "-", "→": "->"})
_LINE_END = re.compile(r"(?:\r\n|\r|\n)?\Z")


@dataclass(frozen=True, slots=True)
class Patched:
    """A table's new bytes, and the numbers of the records that could not be edited."""

    data: bytes
    left: list[int]


def set_cells(data: bytes, path: Path, cells: Cells, columns: Mapping[str, str]) -> Patched:
    """The table ``data`` with ``cells`` set; records that it hasn't are left out.

    ``path`` only names the file; ``columns`` are the team's headers and what they stand for. What the file's
    encoding can't write is written as a question mark. Raises ManifestError where the bytes can't be edited in place.
    """
    mark, codec = encoding(data, path)
    body = data[len(mark) :]
    errors = _errors(codec)
    try:
        text = body.decode(codec, errors)
        is_whole = text.encode(codec, errors) == body
    except UnicodeError:
        is_whole = False
    if not is_whole:
        hint = "Save it as UTF-8 (Excel: “CSV UTF-8”); `dubbatch report --write-back` then fills it in, free."
        raise ManifestError(f"{path} can't be edited in its encoding ({codec}).", hint=hint)
    dialect = sniff(text, columns)
    editor = _Editor(text, dialect, Hand(codec, dialect.delimiter))
    pieces = list(editor.edited(cells))
    return Patched(mark + "".join(pieces).encode(codec, errors), editor.left)


@dataclass(frozen=True, slots=True)
class Hand:
    """What can be written into a table."""

    codec: str
    delimiter: str

    @classmethod
    def of(cls, data: bytes, path: Path, columns: Mapping[str, str]) -> Hand:
        """That of the table ``data``. Raises ManifestError for what is none."""
        mark, codec = encoding(data, path)
        return cls(codec, sniff(data[len(mark) :].decode(codec, "replace"), columns).delimiter)

    def writable(self, text: str) -> str:
        """``text`` as it reads once it is written: what the encoding has no letter for is a question mark."""
        if not self.codec.startswith("utf"):
            text = text.translate(_TYPED)
        if f'{self.delimiter} "' in text:
            # It would say of the whole table that blanks after delimiters don't count.
            text = text.replace('"', "'")
        return text.encode(self.codec, "replace").decode(self.codec)


def _errors(codec: str) -> str:
    """How what is no text is kept."""
    return "surrogatepass" if codec.startswith(("utf-16", "utf-32")) else "surrogateescape"


def encoding(data: bytes, path: Path) -> tuple[bytes, str]:
    """The mark at the beginning of a table, and the encoding of what follows. Raises ManifestError for what is none."""
    codec = codec_of(data, path)
    for mark, plain in _MARKED.items():
        # UTF-32 begins with the mark of UTF-16.
        if data.startswith(mark) and plain.startswith(codec.removesuffix("-sig")):
            return mark, plain
    return b"", "utf-8" if codec == "utf-8-sig" else codec


@dataclass
class _Editor:
    text: str
    dialect: Dialect
    hand: Hand
    left: list[int] = field(default_factory=list)
    _quotes_all: bool = False

    def edited(self, cells: Cells) -> Iterator[str]:
        """The text in pieces, with ``cells`` set."""
        yield self.text[: self.dialect.start]
        first = min(cells, default=0)
        at = self.dialect.start
        for number, record, values in self._records():
            at += len(record)
            wanted = cells.get(number)
            if wanted is None or values is None:
                yield record
                continue
            body = record[: _LINE_END.search(record).start()]  # type: ignore[union-attr]
            spans = _fields(body, self.dialect)
            if len(spans) != len(values):
                self.left.append(number)
                yield record
                continue
            if number == first:
                filled = [body[start:end] for start, end in spans if end > start]
                self._quotes_all = all(part.lstrip(" ").startswith('"') for part in filled)
            yield self._set(body, spans, wanted) + record[len(body) :]
        # A line too wide to be read ends the records.
        yield self.text[at:]

    def _records(self) -> Iterator[tuple[int, str, list[str] | None]]:
        """Number, text with its line end, and values of each record; None: it is broken."""
        taken: list[str] = []
        reader = self.dialect.rows(_kept(self.dialect.pieces(self.text), taken))
        number = 0
        while True:
            number += 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error:
                values = None
            yield number, "".join(taken), values
            taken.clear()

    def _set(self, body: str, spans: list[tuple[int, int]], wanted: Mapping[int, Value]) -> str:
        parts, at = [], 0
        for column, (start, end) in enumerate(spans):
            if column in wanted:
                parts += [body[at:start], self._cell(wanted[column])]
                at = end
        parts.append(body[at:])
        # A record may be shorter than the header.
        for column in range(len(spans), max(wanted) + 1):
            parts += [self.dialect.delimiter, self._cell(wanted.get(column, ""))]
        return "".join(parts)

    def _cell(self, value: Value) -> str:
        text = self.hand.writable(value) if isinstance(value, str) else repr(value)
        is_plain = not any(char in text for char in (self.dialect.delimiter, '"', "\r", "\n")) and text == text.strip()
        if is_plain and not self._quotes_all:
            return text
        doubled = text.replace('"', '""')
        return f'"{doubled}"'


def _kept(pieces: Iterator[str], taken: list[str]) -> Iterator[str]:
    for piece in pieces:
        taken.append(piece)
        yield piece


def _fields(body: str, dialect: Dialect) -> list[tuple[int, int]]:
    """From where to where the cells of a record go, quotation marks included."""
    delimiter = re.escape(dialect.delimiter)
    blanks = " *" if dialect.is_spaced else ""
    cell = re.compile(rf'(?:{blanks}"(?:[^"]|"")*")?[^{delimiter}]*')
    spans, at = [], 0
    while True:
        found = cell.match(body, at)
        end = found.end() if found else len(body)
        spans.append((at, end))
        if end >= len(body):
            return spans
        at = end + 1
