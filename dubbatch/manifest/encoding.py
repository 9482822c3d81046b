"""From a file's bytes to its text: byte-order mark, else UTF-8, else Windows-1252."""

from __future__ import annotations

import codecs
from pathlib import Path

from dubbatch.errors import ManifestError
from dubbatch.jobs import Place
from dubbatch.manifest.problems import Problem

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP_MARK = b"PK\x03\x04"


def decode(data: bytes, path: Path) -> tuple[str, tuple[Problem, ...]]:
    """The text of ``data``, and a warning where the encoding is a guess.

    Raises ManifestError if there is no text: an empty file, or one that is not text.
    """
    problems: tuple[Problem, ...] = ()
    if data.startswith(_UTF16_MARKS):
        text = data.decode("utf-16", errors="replace")
    elif b"\0" in data:
        raise _not_text(data, path)
    else:
        text, problems = _eight_bit(data, path)
    if not text.strip():
        raise ManifestError(
            f"{path} is empty.", hint="A manifest has a header with video and audio, and one row a video."
        )
    return text, problems


def _eight_bit(data: bytes, path: Path) -> tuple[str, tuple[Problem, ...]]:
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    warning = Problem(
        "warning",
        Place(str(path)),
        "",
        f"the file is not UTF-8 (line {line}): it is read as Windows-1252",
        "look whether the accents are right, or save it as UTF-8 (Excel: “CSV UTF-8”)",
    )
    # Five bytes of Windows-1252 have no meaning; a mark in their place can be seen in the listing.
    return data.decode("cp1252", errors="replace"), (warning,)


def _not_text(data: bytes, path: Path) -> ManifestError:
    what = "a workbook or an archive" if data.startswith(_ZIP_MARK) else "not a text file"
    return ManifestError(f"{path} is {what}.", hint="Save the sheet as “CSV UTF-8” and pass that file.")
