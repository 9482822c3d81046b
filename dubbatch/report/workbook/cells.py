"""Texts as a cell can hold them, and how wide and how tall they are. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

#: Of Excel, in UTF-16 units.
CELL_MAX: Final = 32_767
#: XML has no way to write these; the control characters among them have a picture each in Unicode.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PICTURES = 0x2400
_WIDE = ("W", "F")
#: Between the text and the borders of its cell; and what a filter's button covers.
_PADDING = 2
BUTTON: Final = 3
_LINE_PT: Final = 15.0
_LINES_MAX: Final = 12
#: A wrapped line breaks between words, so it holds fewer characters than its cell is wide.
_FILLED: Final = 0.9


def cell_text(text: str) -> str:
    """``text`` as a cell shows it: cut to what a cell holds, with pictures of its control characters."""
    if text.isprintable() and len(text) <= CELL_MAX // 2 and not text.startswith("<r>"):
        return text
    text = _UNSAFE.sub(_visible, text.replace("\r\n", "\n").replace("\r", "\n"))
    # XlsxWriter takes such a text for XML of its own and writes it unescaped.
    text = f"{text} " if text.startswith("<r>") else text
    return _cut(text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(_PICTURES + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * CELL_MAX:
        return text
    # Half a character at the end is dropped with the rest.
    return units[: 2 * (CELL_MAX - 1)].decode("utf-16-le", errors="ignore") + "…"


def width(texts: Iterable[str], *, least: int, most: int) -> int:
    """A column's width for ``texts``, in characters of the usual font."""
    return max(least, min(most, max(map(_columns, texts), default=0) + _PADDING))


def height(*cells: tuple[str, int]) -> float:
    """How tall a row must be, in points, for wrapped texts in cells of so many characters.

    Not every program makes a row as tall as its text, and none does where a text lies across columns.
    """
    most = max(_lines(text, int(columns * _FILLED)) for text, columns in cells)
    return _LINE_PT * min(most, _LINES_MAX)


def _lines(text: str, columns: int) -> int:
    return sum(max(1, -(-_columns(line) // columns)) for line in text.split("\n"))


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text)
