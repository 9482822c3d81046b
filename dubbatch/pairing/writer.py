"""Pairs of videos and tracks as a manifest that loads: YAML, CSV or XLSX. Pure: rows in, bytes out.

A name that a spreadsheet or the loader would take for something else (a formula, a web address) is written
with ``./`` before it; every cell is text.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import yaml

from dubbatch.errors import UsageError
from dubbatch.manifest.web_inputs import SCHEME
from dubbatch.pairing.pairs import Row
from dubbatch.pairing.row_ids import row_ids

SUFFIXES = (".yaml", ".yml", ".csv", ".xlsx")
_HEADING = """\
# Written by `dubbatch init`. Paths are relative to this file.
#
#   dubbatch plan {name}    what would be sent; costs nothing
#   dubbatch run {name}     do it, and do it again to go on
"""
#: What starts a formula; a quotation mark is swallowed by some programs.
_STARTS = ("=", "+", "-", "@", "'", '"')
#: Of a column in a workbook, in characters.
_WIDTH_MAX = 60


def check_suffix(path: Path) -> None:
    """Raises UsageError unless a manifest can be written under this name."""
    if path.suffix.lower() not in SUFFIXES:
        has = f"not in {path.suffix}" if path.suffix else "and this name has no suffix"
        message = f"no manifest can be written to {path}: its name ends in {', '.join(SUFFIXES)}, {has}"
        raise UsageError(message, hint="name it with --output, as in --output manifest.csv")


def render(rows: Sequence[Row], path: Path, folder: str = "") -> bytes:
    """The manifest of ``rows`` in the format that the suffix of ``path`` says.

    ``folder`` is where the rows' paths begin, from the manifest's own folder; empty: there. Raises UsageError
    (another suffix).
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _yaml(rows, folder, path.name)
    table = list(_table(rows, folder))
    return _csv(table) if suffix == ".csv" else _xlsx(table)


def spelling(path: PurePosixPath) -> str:
    """``path`` as a manifest has it."""
    text = str(path)
    first = unicodedata.normalize("NFKC", text[:1])
    is_plain = text == text.strip() and not first.startswith(_STARTS) and not SCHEME.match(text)
    return text if is_plain or path.is_absolute() else f"./{text}"


def _yaml(rows: Sequence[Row], folder: str, name: str) -> bytes:
    jobs = [job for row, own in zip(rows, row_ids(rows), strict=True) for job in _jobs(row, own, folder)]
    body = yaml.safe_dump({"version": 1, "jobs": jobs}, sort_keys=False, allow_unicode=True, width=10_000)
    heading = _HEADING.format(name=name) if name.isprintable() else ""
    return (heading + body).encode()


def _jobs(row: Row, own: str, folder: str) -> Iterator[dict[str, object]]:
    """A track without a language is a job of its own: ``audio`` is a path there, and a map of languages else."""
    video = spelling(PurePosixPath(folder, row.video))
    head = {"id": own, "video": video} if own else {"video": video}
    audios = {track.language: spelling(PurePosixPath(folder, track.path)) for track in row.tracks}
    plain = audios.pop("", None)
    if plain is not None:
        yield {**head, "audio": plain}
    if audios:
        yield {**head, "audio": audios}


def _table(rows: Sequence[Row], folder: str) -> Iterator[list[str]]:
    ids = row_ids(rows)
    languages = sorted({track.language for row in rows for track in row.tracks})
    header = ["video", *(f"audio_{language}" if language else "audio" for language in languages)]
    yield ["id", *header] if any(ids) else header
    for row, own in zip(rows, ids, strict=True):
        audios = {track.language: spelling(PurePosixPath(folder, track.path)) for track in row.tracks}
        cells = [spelling(PurePosixPath(folder, row.video)), *(audios.get(language, "") for language in languages)]
        yield [own, *cells] if any(ids) else cells


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(table)
    # Excel takes a file without a mark for the local 8-bit encoding.
    return text.getvalue().encode("utf-8-sig")


def _xlsx(table: Sequence[Sequence[str]]) -> bytes:
    # A library of 60 ms that the other formats don't need.
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_urls": False}) as workbook:
        sheet = workbook.add_worksheet("jobs")
        bold, text = workbook.add_format({"bold": True}), workbook.add_format({"num_format": "@"})
        for column, cells in enumerate(zip(*table, strict=True)):
            sheet.set_column(column, column, min(_WIDTH_MAX, max(map(len, cells)) + 2), text)
            for row, cell in enumerate(cells):
                if cell:
                    sheet.write_string(row, column, cell, text if row else bold)
        sheet.freeze_panes(1, 0)
    return buffer.getvalue()
