"""Streams one output into its ``.part`` file, going on where an earlier transfer broke off.

Three things go on side by side: the event loop takes in what comes, one thread writes it in large
pieces, another follows behind and hashes what is in the file. So an output costs the time of the slowest
of them, not of all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from dubbatch.api.downloads import Kind, OutputStream
from dubbatch.errors import DiskError, OutputChanged, OutputTooLarge
from dubbatch.ledger.outputs import PartRow
from dubbatch.media.hashing import GrowingDigest
from dubbatch.run import Run
from dubbatch.tracker.shelf import check_room, disk_errors, is_there, make_folder, remove, size_if_there

#: Bytes of the largest output that is believed in: a day of video at 25 Mbit/s.
MOST_BYTES = 256 << 30
#: Bytes gathered before they are written, in a thread: small writes would cost more than the transfer.
_PIECE = 1 << 20
#: Bytes that have come since it was last looked whether there is something to hash.
_WORTH_A_LOOK = 8 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """The ``.part`` beside a target, and which attempt's bytes are in it."""

    path: Path
    reference: str


async def stream_into(run: Run, part: Part, known: PartRow | None, url: str, told: Callable[[int], None]) -> str:
    """Bring the whole file behind ``url`` into the part, durably; its SHA-256.

    ``known`` is what the ledger says of the part, ``told`` hears of each stretch of bytes. Raises DownloadError
    where the transfer broke (what came stays, and the next call goes on from there), DiskError where it can't be
    written or read.
    """
    etag = known.etag if known else ""
    there = await asyncio.to_thread(_prepare, part.path)
    offset = there if etag else 0
    try:
        async with run.client.open_output(url, offset=offset, etag=etag) as stream:
            if stream.status_kind is Kind.WHOLE:
                offset = 0
            elif stream.etag not in ("", etag):
                # It answers a range whatever is asked with If-Range: two files would be joined.
                raise OutputChanged("the file was replaced between two parts: it is fetched anew")
            _check_size(stream.total or 0)
            check_room(part.path, (stream.total or 0) - offset)
            follower = _Follower(part.path, offset)
            async with _opened(run, part, stream) as file, follower.following():
                await pour(stream.chunks, file, part.path, follower.overhear(told), offset)
    except (OutputChanged, OutputTooLarge):
        await asyncio.to_thread(remove, part.path)
        raise
    with disk_errors(part.path):
        return await follower.end()


def _prepare(part: Path) -> int:
    """Make the part's folder; how many bytes are in the part already."""
    make_folder(part.parent)
    return size_if_there(part)


@asynccontextmanager
async def _opened(run: Run, part: Part, stream: OutputStream) -> AsyncIterator[BinaryIO]:
    """The part, open for what comes: at its end, or a new one. What was poured into it is durable."""
    is_new = stream.status_kind is Kind.WHOLE
    if is_new:
        await _announce(run, PartRow(part.path, run.batch, part.reference, stream.etag))
    with disk_errors(part.path):
        file = part.path.open("xb" if is_new else "ab")
    try:
        yield file
    except BaseException:
        # Closing writes the rest, and can fail as writing can.
        with disk_errors(part.path):
            await asyncio.to_thread(file.close)
        raise
    file.close()


async def _announce(run: Run, row: PartRow) -> None:
    """Record a part before it is there, so that it can be cleared away.

    Its ETag only where no older bytes are: a crash in between must not leave the ones under the other.
    """
    if is_there(row.path):
        await run.ledger(run.books.outputs.put_part, replace(row, etag=""))
        # Removed, not emptied: a link of that name would lead elsewhere.
        await asyncio.to_thread(remove, row.path)
    await run.ledger(run.books.outputs.put_part, row)


class _Follower:
    """Hashes a file while it grows, from its beginning, so that little is left to do when it is whole."""

    def __init__(self, path: Path, size: int) -> None:
        """``size``: bytes that an earlier transfer has left."""
        self._digest = GrowingDigest(path)
        self._behind = 0
        self._has_grown = asyncio.Event()
        self._is_over = False
        if size:
            self._has_grown.set()

    def overhear(self, told: Callable[[int], None]) -> Callable[[int], None]:
        """``told``, and the follower hears it too: what came will soon be in the file."""

        def hear(size: int) -> None:
            self._behind += size
            if self._behind >= _WORTH_A_LOOK:
                self._behind = 0
                self._has_grown.set()
            told(size)

        return hear

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the file, for as long as it is written."""
        task = asyncio.ensure_future(self._follow())
        try:
            yield
        finally:
            self._is_over = True
            self._has_grown.set()
            # One thread at a time: a stretch that was begun is finished. What can't be read is told at the end.
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        while await self._has_grown.wait() and not self._is_over:
            self._has_grown.clear()
            while await asyncio.to_thread(self._digest.go_on) and not self._is_over:
                continue

    async def end(self) -> str:
        """The SHA-256 of the whole file. Raises OSError."""
        while await asyncio.to_thread(self._digest.go_on):
            continue
        return self._digest.hexdigest()


async def pour(
    chunks: AsyncIterator[bytes], file: BinaryIO, path: Path, told: Callable[[int], None], size: int = 0
) -> None:
    """Write ``chunks`` to ``file`` (at ``path``, with ``size`` bytes already) as they come, and make them durable.

    However it ends, the file has a stretch from their beginning, each byte once. Raises DiskError,
    OutputTooLarge, and what ``chunks`` raise.
    """
    writing = _Writing(file, path)
    try:
        async for chunk in chunks:
            size += len(chunk)
            _check_size(size)
            await writing.add(chunk)
            told(len(chunk))
    except BaseException:
        # What came before the line broke is kept: the next transfer goes on behind it.
        await writing.end(_write_all)
        raise
    await writing.end(_write_durably)


_Write = Callable[[BinaryIO, list[bytes]], None]


class _Writing:
    """Writes in a thread what it is given, in order, while the next piece is gathered."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._gathered: list[bytes] = []
        self._size = 0
        self._under_way: asyncio.Future[None] | None = None

    async def add(self, chunk: bytes) -> None:
        """Raises DiskError, also of what was added before; nothing is written after that."""
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size >= _PIECE:
            await self._write(_write_all)

    async def end(self, write: _Write) -> None:
        """Write the rest. Raises DiskError."""
        await self._write(write)
        await self._written()

    async def _write(self, write: _Write) -> None:
        await self._written()
        pieces, self._gathered, self._size = self._gathered, [], 0
        self._under_way = asyncio.get_running_loop().run_in_executor(None, write, self._file, pieces)

    async def _written(self) -> None:
        if self._under_way is None:
            return
        # Not cancelled with its caller: one that broke off in the middle must not be made once more.
        await asyncio.wait({self._under_way})
        done, self._under_way = self._under_way, None
        try:
            with disk_errors(self._path):
                done.result()
        except DiskError:
            self._gathered.clear()
            raise


def _write_all(file: BinaryIO, pieces: list[bytes]) -> None:
    for piece in pieces:
        file.write(piece)


def _write_durably(file: BinaryIO, pieces: list[bytes]) -> None:
    _write_all(file, pieces)
    file.flush()
    os.fsync(file.fileno())


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise OutputTooLarge(
            f"the output is larger than {MOST_BYTES >> 30} GB, or has no end",
            hint="a later run fetches it: ask the vendor what it is",
        )
