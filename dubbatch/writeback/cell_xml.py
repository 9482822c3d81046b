"""One cell as XML.

A text is written into the cell itself ("inlineStr", ECMA-376 part 1, 18.18.11), so that neither shared strings nor
styles change; what is not ASCII is a character reference, which means the same in every encoding that extends ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dubbatch.manifest.table import column_letters

Value = str | float
#: Row, counted from 1 -> column, counted from 0 -> what the cell is to say; an empty text empties it.
Cells = Mapping[int, Mapping[int, Value]]

#: Most texts: nothing of what follows is in them.
_PLAIN = re.compile(r"[ -%'-;=?-^`-~]*+")
#: What Excel takes for a character that is written as its code (ECMA-376 part 1, 22.9.2.19).
_CODE = re.compile(r"_(?=x[0-9a-fA-F]{4}_)")
#: No characters of XML 1.0.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def cell_xml(prefix: str, row: int, column: int, value: Value, style: str) -> bytes:
    """The element of a cell. ``prefix``: of the sheet's elements, with its colon; ``style``: an index, or empty."""
    head = f'<{prefix}c r="{column_letters(column)}{row}"' + (f' s="{style}"' if style.isdecimal() else "")
    if not isinstance(value, str):
        text = f"{head}><{prefix}v>{value!r}</{prefix}v></{prefix}c>"
    elif value:
        space = ' xml:space="preserve"' if value != value.strip() or "\n" in value else ""
        inner = f"<{prefix}is><{prefix}t{space}>{_escaped(value)}</{prefix}t></{prefix}is>"
        text = f'{head} t="inlineStr">{inner}</{prefix}c>'
    else:
        text = f"{head}/>"
    return text.encode("ascii", "xmlcharrefreplace")


def writable(text: str) -> str:
    """``text`` as it reads once it is written."""
    return text if _PLAIN.fullmatch(text) else _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _escaped(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    text = _CODE.sub("_x005F_", writable(text))
    for char, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = text.replace(char, reference)
    return text
