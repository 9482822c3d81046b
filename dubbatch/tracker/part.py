"""Streams one output into its ``.part`` file, going on where an earlier transfer broke off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dubbatch.api.downloads import Kind
from dubbatch.errors import OutputChanged
from dubbatch.run import Run
from dubbatch.tracker.shelf import disk_errors, make_folder, sync_file

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
    etag = await run.ledger(run.books.outputs.etag, part.path, part.reference)
    make_folder(part.path.parent)
    offset = part.path.stat().st_size if etag and part.path.exists() else 0
    try:
        async with run.client.open_output(url, offset=offset, etag=etag) as stream:
            with disk_errors(part.path):
                file = part.path.open("ab" if stream.status_kind is Kind.PART else "wb")
            try:
                # After the file was emptied: a crash in between must not leave old bytes under a new ETag.
                await run.ledger(run.books.outputs.begin_part, part.path, part.reference, stream.etag)
                await _write(file, part.path, stream.chunks, told)
            finally:
                # Closing writes the rest, and can fail as writing can.
                with disk_errors(part.path):
                    file.close()
    except OutputChanged:
        part.path.unlink(missing_ok=True)
        raise
    with disk_errors(part.path):
        await asyncio.to_thread(sync_file, part.path)


async def _write(file: BinaryIO, path: Path, chunks: AsyncIterator[bytes], told: Callable[[int], None]) -> None:
    buffer = bytearray()
    try:
        async for chunk in chunks:
            buffer += chunk
            if len(buffer) >= _PIECE:
                await _flush(file, path, buffer)
            told(len(chunk))
    finally:
        # What came before the line broke is kept: the next transfer goes on behind it.
        await _flush(file, path, buffer)


async def _flush(file: BinaryIO, path: Path, buffer: bytearray) -> None:
    with disk_errors(path):
        await asyncio.to_thread(file.write, bytes(buffer))
    buffer.clear()
