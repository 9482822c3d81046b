"""From a file's bytes to its text: byte-order mark, else UTF-16 by its zeros, else UTF-8, else a code page.

What is certain is read without a word. What is a guess (a code page) or a repair (a few broken
bytes in UTF-8) is read, too, with a warning that says how to make it certain.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dubbatch.errors import ManifestError
from dubbatch.jobs import Place
from dubbatch.manifest.codepages import likely_pages
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.signatures import impostor

#: The longer mark first: it begins with the shorter.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: UTF-16 without a mark: paths and delimiters are ASCII, so every other byte of theirs is zero.
_ZEROS_LEAST = 0.3
_LOOKED_AT = 8 << 10
_PAGES: Mapping[str, str] = {
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp874": "Windows-874 (Thai)",
    "cp932": "Windows-932 (Japanese, Shift JIS)",
    "cp936": "Windows-936 (Chinese, GBK)",
    "cp949": "Windows-949 (Korean)",
    "cp950": "Windows-950 (Chinese, Big5)",
    "mac_roman": "Mac Roman (Excel for Mac)",
}
_MULTI_BYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_REPLACED = "\N{REPLACEMENT CHARACTER}"
#: So many whole characters of UTF-8 speak against one that is none being of a code page.
_WHOLE_PER_BROKEN = 3
#: Rows that are named one by one; a person looks at the file as a whole when there are more.
_ROWS_NAMED = 20
#: Files whose rows are lines; a table's rows are records, and a line break inside quotes begins none.
_LINE_FORMATS = frozenset({".yaml", ".yml", ".json", ".jsonl", ".ndjson"})
_CELL_EDGE = re.compile(r"[,;\t|\r\n\"]")


def decode(data: bytes, path: Path) -> tuple[str, tuple[Problem, ...]]:
    """The text of ``data``, and warnings where it is a guess or has been mended.

    ``path`` only names the file. Raises ManifestError if there is no text: an empty file, or one that is not text.
    """
    text, problems = _read(data, path)
    if not text.strip():
        raise ManifestError(
            f"{path} is empty.", hint="A manifest has a header with video and audio, and one row a video."
        )
    return text, problems


def codec_of(data: bytes, path: Path) -> str:
    """Python's name of the encoding that ``decode`` takes ``data`` for. Raises ManifestError as it does."""
    codec = _unicode(data)
    if codec or _is_utf8(data) or _damaged(data, path):
        return codec or "utf-8-sig"
    return _best_reading(data)[0]


def _read(data: bytes, path: Path) -> tuple[str, tuple[Problem, ...]]:
    if found := impostor(data):
        raise ManifestError(f"{path} is {found.what}.", hint=found.remedy)
    codec = _unicode(data)
    if codec:
        text = data.decode(codec, errors="replace")
        if "\0" in text or text.count(_REPLACED) * 20 > len(text):
            raise _not_text(path)
        return text, ()
    if b"\0" in data:
        raise _not_text(path)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        return _damaged(data, path) or _guessed(data, path, error.start)


def _unicode(data: bytes) -> str:
    """The encoding of units of several bytes; empty: it is none."""
    return next((codec for mark, codec in _MARKS if data.startswith(mark)), "") or _by_zeros(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _by_zeros(data: bytes) -> str:
    """UTF-16's byte order, told by which bytes are zero; empty: it is not UTF-16."""
    head = data[:_LOOKED_AT]
    even, odd, units = head[::2].count(0), head[1::2].count(0), len(head) // 2
    if odd >= units * _ZEROS_LEAST and odd > 20 * even:
        return "utf-16-le"
    return "utf-16-be" if even >= units * _ZEROS_LEAST and even > 20 * odd else ""


def _damaged(data: bytes, path: Path) -> tuple[str, tuple[Problem, ...]] | None:
    """UTF-8 in which a few bytes are not; None: it is something else."""
    text = data.decode("utf-8-sig", errors="replace")
    broken = text.count(_REPLACED) - data.count(_REPLACED.encode())
    whole = len(_MULTI_BYTE.findall(data.decode("utf-8", errors="ignore").encode()))
    if whole < broken * _WHOLE_PER_BROKEN:
        return None
    return text, tuple(_replaced(text, path))


def _replaced(text: str, path: Path) -> Iterator[Problem]:
    rows: dict[int, int] = {}
    at, row, quotes = 0, 1, 0
    while (found := text.find(_REPLACED, at)) >= 0 and len(rows) <= _ROWS_NAMED:
        row, quotes = _row_after(text[at:found], row, quotes, path)
        rows.setdefault(row, found)
        at = found
        at += 1
    for number, (row, found) in enumerate(rows.items()):
        message = f"a character is broken (it is not UTF-8); {_REPLACED} stands in its place"
        if number == _ROWS_NAMED:
            message = "more characters are broken in this row and after it"
        yield Problem(
            "warning",
            Place(str(path), row),
            shown(_cell_at(text, found)),
            message,
            "type the word again, and save the file as UTF-8",
        )


def _row_after(piece: str, row: int, quotes: int, path: Path) -> tuple[int, int]:
    """The row, and the quotation marks so far, after ``piece`` of a file."""
    if path.suffix.lower() in _LINE_FORMATS:
        return row + piece.count("\n"), 0
    for part in piece.split('"'):
        row += 0 if quotes % 2 else part.count("\n") or part.count("\r")
        quotes += 1
    return row, quotes - 1


def _guessed(data: bytes, path: Path, start: int) -> tuple[str, tuple[Problem, ...]]:
    page, text = _best_reading(data)
    line = max(data.count(b"\n", 0, start), data.count(b"\r", 0, start)) + 1
    # An example shows at once whether the guess is right.
    first = re.search(r"[^\x00-\x7f]", text)
    warning = Problem(
        "warning",
        Place(str(path)),
        shown(_cell_at(text, first.start() if first else 0)),
        f"the file is not UTF-8 (line {line}): it is read as {_PAGES[page]}",
        "look whether the letters are right, or save it as UTF-8 (Excel: “CSV UTF-8”)",
    )
    return text, (warning,)


def _best_reading(data: bytes) -> tuple[str, str]:
    pages = likely_pages(data)
    for page in pages:
        try:
            return page, data.decode(page)
        except UnicodeDecodeError:
            continue
    # Five bytes of Windows-1252 have no meaning; a mark in their place can be seen in the listing.
    page = pages[0] if pages else "cp1252"
    return page, data.decode(page, errors="replace")


def _cell_at(text: str, at: int) -> str:
    """About the cell around the character number ``at``: up to the next delimiters."""
    before = _CELL_EDGE.split(text[max(0, at - 60) : at])[-1]
    return (before + _CELL_EDGE.split(text[at : at + 60])[0]).strip()


def _not_text(path: Path) -> ManifestError:
    return ManifestError(f"{path} is not a text file.", hint="Save the sheet as “CSV UTF-8” and pass that file.")
