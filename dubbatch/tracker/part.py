"""Streams one output into its ``.part`` file, going on where an earlier transfer broke off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from dubbatch.api.downloads import Kind, OutputStream
from dubbatch.errors import OutputChanged, OutputTooLarge
from dubbatch.ledger.outputs import PartRow
from dubbatch.run import Run
from dubbatch.tracker.shelf import check_room, disk_errors, make_folder, size_if_there, sync_file

#: Bytes of the largest output that is believed in: a day of video at 25 Mbit/s.
MOST_BYTES = 256 << 30
#: Bytes gathered before they are written, in a thread: small writes would cost more than the transfer.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """The ``.part`` beside a target, and which attempt's bytes are in it."""

    path: Path
    reference: str


async def stream_into(run: Run, part: Part, url: str, told: Callable[[int], None]) -> None:
    """Bring the whole file behind ``url`` into the part, durably; ``told`` hears of each stretch of bytes.

    Raises DownloadError where the transfer broke (what came stays, and the next call goes on from
    there), DiskError where it can't be written.
    """
    known = await run.ledger(run.books.outputs.part, part.path, part.reference)
    etag = known.etag if known else ""
    make_folder(part.path.parent)
    offset = size_if_there(part.path) if etag else 0
    try:
        async with run.client.open_output(url, offset=offset, etag=etag) as stream:
            if stream.status_kind is Kind.WHOLE:
                offset = 0
            elif stream.etag not in ("", etag):
                # It answers a range whatever is asked with If-Range: two files would be joined.
                raise OutputChanged("the file was replaced between two parts: it is fetched anew")
            _check_size(stream.total or 0)
            check_room(part.path, (stream.total or 0) - offset)
            async with _opened(run, part, stream) as file:
                await pour(stream.chunks, file, part.path, told, offset)
    except (OutputChanged, OutputTooLarge):
        with disk_errors(part.path):
            part.path.unlink(missing_ok=True)
        raise
    with disk_errors(part.path):
        await asyncio.to_thread(sync_file, part.path)


@asynccontextmanager
async def _opened(run: Run, part: Part, stream: OutputStream) -> AsyncIterator[BinaryIO]:
    """The part, open for what comes: at its end, or a new one.

    A new one is on record before it is there, so that it can be cleared away, and its ETag only
    after the old bytes are gone: a crash in between must not leave the ones under the other.
    """
    is_new, row = stream.status_kind is Kind.WHOLE, PartRow(part.path, run.batch, part.reference)
    if is_new:
        await run.ledger(run.books.outputs.put_part, row)
    with disk_errors(part.path):
        if is_new:
            # Removed, not emptied: a link of that name would lead elsewhere.
            part.path.unlink(missing_ok=True)
        file = part.path.open("xb" if is_new else "ab")
    try:
        if is_new and stream.etag:
            await run.ledger(run.books.outputs.put_part, replace(row, etag=stream.etag))
        yield file
    finally:
        # Closing writes the rest, and can fail as writing can.
        with disk_errors(part.path):
            file.close()


async def pour(
    chunks: AsyncIterator[bytes], file: BinaryIO, path: Path, told: Callable[[int], None], size: int = 0
) -> None:
    """Write ``chunks`` to ``file`` (at ``path``, with ``size`` bytes already) as they come.

    However it ends, the file has a stretch from their beginning, each byte once. Raises DiskError,
    OutputTooLarge, and what ``chunks`` raise.
    """
    buffer = bytearray()
    try:
        async for chunk in chunks:
            buffer += chunk
            size += len(chunk)
            _check_size(size)
            if len(buffer) >= _PIECE:
                await _flush(file, path, buffer)
            told(len(chunk))
    finally:
        # What came before the line broke is kept: the next transfer goes on behind it.
        await _flush(file, path, buffer)


async def _flush(file: BinaryIO, path: Path, buffer: bytearray) -> None:
    piece = bytes(buffer)
    # Before the write: one that was cancelled, or broke off in the middle, must not be made once more.
    buffer.clear()
    with disk_errors(path):
        await asyncio.to_thread(file.write, piece)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise OutputTooLarge(
            f"the output is larger than {MOST_BYTES >> 30} GB, or has no end",
            hint="a later run fetches it: ask the vendor what it is",
        )
