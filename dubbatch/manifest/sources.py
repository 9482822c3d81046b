"""Which source reads which file, and the way from a path (or standard input) to its bytes.

To read another kind of file, write its source and name its suffix in ``SOURCES``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from dubbatch.errors import ManifestError
from dubbatch.manifest.address import STANDARD_INPUT, parse_address
from dubbatch.manifest.cells import Content, Origin, Source
from dubbatch.manifest.csv_source import CsvSource
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.tree.json_source import JsonLinesSource, JsonSource
from dubbatch.manifest.tree.yaml_source import YamlSource
from dubbatch.manifest.workbook.source import WorkbookSource

_CSV, _YAML, _WORKBOOK = CsvSource(), YamlSource(), WorkbookSource()
_JSON, _JSON_LINES = JsonSource(), JsonLinesSource()

#: Suffix -> what reads it. Excel's “Unicode Text” ends in .txt, and is a table.
SOURCES: Mapping[str, Source] = {
    ".yaml": _YAML,
    ".yml": _YAML,
    ".csv": _CSV,
    ".tsv": _CSV,
    ".tab": _CSV,
    ".txt": _CSV,
    ".xlsx": _WORKBOOK,
    ".xlsm": _WORKBOOK,
    ".json": _JSON,
    ".jsonl": _JSON_LINES,
    ".ndjson": _JSON_LINES,
}
#: What holds rows alone, and so can be included, or reviewed.
TABLES = (CsvSource, WorkbookSource, JsonLinesSource)
#: Of formats that are well known, and can be saved as one of ours.
_SAVE_AS = frozenset({".xls", ".ods", ".numbers", ".xlsb", ".gsheet", ".docx", ".pdf", ".html", ".htm"})

#: A manifest of 100,000 rows has some 20 MB; a video that was named by mistake has more.
_SIZE_MAX = 64 << 20
#: Reading trees takes ten times as long, and memory.
_TREE_SIZE_MAX = 24 << 20
_ZIP_MARK = b"PK\x03\x04"
_YAML_KEY = re.compile(r"(?m)^(?:---|%YAML|(?:version|batch|settings|defaults|columns|include|jobs)[ \t]*:)")


def source_of(origin: Origin, data: bytes | None = None) -> Source:
    """What reads the file; standard input (``data``) is told by what it looks like. Raises ManifestError."""
    if origin.path == STANDARD_INPUT:
        return _looks_like(data or b"", origin.path)
    suffix = origin.path.suffix.lower()
    source = SOURCES.get(suffix)
    if source is None and origin.path.is_dir():
        raise _is_folder(origin.path)
    if source is None:
        what = f"a {origin.path.suffix} file" if suffix else "a file without suffix"
        known = ", ".join(SOURCES)
        hint = "Save it as .xlsx or “CSV UTF-8”." if suffix in _SAVE_AS else f"Manifests end in {known}."
        raise ManifestError(f"{origin.path}: {what} is no manifest that can be read.", hint=hint)
    return source


def _looks_like(data: bytes, path: Path) -> Source:
    if data.startswith(_ZIP_MARK):
        return _WORKBOOK
    text = decode(data, path)[0].lstrip()
    if text.startswith("["):
        return _JSON
    if text.startswith("{"):
        first = text.partition("\n")[0].rstrip()
        return _JSON_LINES if first.endswith("}") and '"jobs"' not in first else _JSON
    return _YAML if _YAML_KEY.search(text) else _CSV


def read_bytes(path: Path) -> bytes:
    """All of a manifest's file. Raises ManifestError where it can't be read, or is too big to be a manifest."""
    source = SOURCES.get(path.suffix.lower())
    limit = _TREE_SIZE_MAX if isinstance(source, (YamlSource, JsonSource)) else _SIZE_MAX
    try:
        if path.is_dir():
            raise _is_folder(path)
        if not path.exists():
            raise ManifestError(f"There is no file {path}.", hint="Check the path of the manifest.")
        if not path.is_file():
            raise ManifestError(f"{path} is no file, but a pipe or a device.", hint=_PIPE)
        with path.open("rb") as file:
            return read_at_most(file, limit, str(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ManifestError(f"{path} can't be read: {reason}.", hint="Check its permissions.") from error


def _is_folder(path: Path) -> ManifestError:
    return ManifestError(f"{path} is a folder.", hint=f"Name the manifest in it, or make one: dubbatch init {path}")


def read_at_most(file: BinaryIO, limit: int = _TREE_SIZE_MAX, name: str = "What came on standard input") -> bytes:
    """All of ``file``. Raises ManifestError for more than ``limit`` bytes."""
    # What the file system says of a size need not be true (/proc, a file that grows).
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ManifestError(f"{name} is too big for a manifest: more than {limit >> 20} MB.", hint=_TOO_BIG)
    return data


_PIPE = "Save it as a file, or pass it on standard input: dubbatch run - --batch NAME"
_TOO_BIG = "Name the sheet, not a media file; a large one is best as a table (.csv), and split."


def read_rows(text: str, folder: Path, columns: Mapping[str, str]) -> Content:
    """The table that is named by ``text`` in ``folder``. Raises ManifestError where there is none."""
    origin = parse_address(text, folder)
    source = source_of(origin)
    if not isinstance(source, TABLES):
        raise ManifestError(
            f"{origin.path} is no table, so no rows can be taken from it.",
            hint="A table is .csv, .tsv, .xlsx or .jsonl.",
        )
    return source.content(read_bytes(origin.path), origin, columns)
