"""A workbook of a team for tests, and what dubbatch would write into it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Value = str | float
#: Row, counted from 1 -> column, counted from 0 -> value; as ``dubbatch.writeback.workbook.rewrite`` takes them.
Cells = Mapping[int, Mapping[int, Value]]

HEADER = ("video", "audio", "language", "client", "due", "reviewer")
JOBS: tuple[tuple[str, str, str, str, int, str], ...] = (
    ("media/ep01.mp4", "media/ep01.de.wav", "de", "Northwind", 46000, "Mika"),
    ("media/ep02.mp4", "media/ep02.fr.wav", "fr", "Southport Ferries", 46003, "Ines"),
    ("media/ep03.mp4", "media/ep03.de.mp3", "de", "Northwind", 46010, "Mika"),
    ("media/ep01.mp4", "media/ep01.ja.wav", "ja", "Café Zürich & Söhne", 46020, "Yuki"),
)
OURS = ("dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated")
#: What a run may have to say about four jobs: words, a number, nothing, and a text from outside.
SAYINGS: tuple[tuple[Value, ...], ...] = (
    ("downloaded", "dubs/ep01-de.mp4", "", 2.5, "2026-11-21 17:05"),
    ("failed", "", "the service says: <no face> & “nobody” speaks", 0, "2026-11-21 17:06"),
    ("suspect", "dubs/ep03-de.mp4", "=1+1 is text here", 0.25, "2026-11-21 17:07"),
    ("downloaded", "dubs/ep01-ja 東京.mp4", "", 12, "2026-11-21 17:08"),
)

_THEN = (2026, 11, 20, 17, 0, 0)


@dataclass(frozen=True)
class Book:
    """A workbook with a table of jobs on one of its sheets.

    ``header``: the row of its header; ``rows``: those of its jobs; ``column``: the first of the five that are ours,
    in the places of old ones or beside the table. ``closed_to``: programs that can't open it as it is. ``counted``:
    formulas without a stored value that look at our cells, by sheet, row and column, and what they come to then.
    """

    name: str
    data: bytes
    sheet: str = "Jobs"
    header: int = 1
    rows: tuple[int, ...] = (2, 3, 4, 5)
    column: int = len(HEADER)
    closed_to: frozenset[str] = field(default_factory=frozenset)
    counted: Mapping[tuple[str, int, int], float] = field(default_factory=dict)

    @property
    def cells(self) -> Cells:
        """What is written into it in these tests."""
        written: dict[int, dict[int, Value]] = {self.header: dict(enumerate(OURS, self.column))}
        for place, row in enumerate(self.rows):
            written[row] = dict(enumerate(SAYINGS[place % len(SAYINGS)], self.column))
        return written

    @property
    def is_plain(self) -> bool:
        """Whether it is the same small table as others, only written down otherwise."""
        return self.name.startswith("hand-")

    def __str__(self) -> str:
        return self.name


def parts(data: bytes) -> dict[str, bytes]:
    """Each part of the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(texts: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these parts, the same bytes whenever it is made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name, _THEN), text, compress_type=compression)
    return buffer.getvalue()


def patched(data: bytes, changes: Mapping[str, Callable[[str], str]]) -> bytes:
    """``data`` with other texts in some parts; a part that isn't there is made from the empty text."""
    old = parts(data)
    return zipped({**old, **{name: change(old.get(name, b"").decode()) for name, change in changes.items()}})
