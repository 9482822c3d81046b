"""What lands in a ``.part``, however its transfer ends: a stretch of the file from its beginning, each byte once."""

from __future__ import annotations

import asyncio
import errno
import io
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dubbatch.errors import DiskError, DownloadBroken, OutputTooLarge
from dubbatch.tracker import part
from dubbatch.tracker.part import pour
from dubbatch.tracker.shelf import is_full

#: More than one write, and a rest; no stretch of it looks like another.
CONTENT = random.Random(1).randbytes(2_560_000)


async def chunks(content: bytes, end: BaseException | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1 << 16):
        yield content[start : start + (1 << 16)]
    if end is not None:
        raise end


def unheard(size: int) -> None:
    """Nobody listens."""


class SlowDisk(io.FileIO):
    """Says when a write has begun, and ends it only when it is let."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "x")
        self.begun = threading.Event()
        self.let = threading.Event()

    def write(self, data: Any, /) -> int:
        self.begun.set()
        self.let.wait(5)
        return super().write(data)


class FullDisk(io.FileIO):
    """Takes ``room`` bytes, then none; and again some, as a disk where others delete and write."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "x")
        self._room = room

    def write(self, data: Any, /) -> int:
        content = bytes(data)
        fits = content[: self._room]
        self._room -= super().write(fits)
        if len(fits) < len(content):
            self._room = len(CONTENT)
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(fits)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.mp4.part"


async def test_everything_is_written_and_told(path: Path) -> None:
    """In the order that it came."""
    told = list[int]()

    with path.open("xb") as file:
        await pour(chunks(CONTENT), file, path, told.append)
        written = path.read_bytes()

    assert written == CONTENT
    assert sum(told) == len(CONTENT)


async def test_what_came_before_the_line_broke_is_kept(path: Path) -> None:
    """The next transfer goes on behind it."""
    with path.open("xb") as file, pytest.raises(DownloadBroken):
        await pour(chunks(CONTENT, DownloadBroken("it broke off")), file, path, unheard)

    assert path.read_bytes() == CONTENT


async def test_a_write_that_is_cancelled_half_way_is_not_made_twice(path: Path) -> None:
    """A file with a stretch in it twice can have the right length in the end, and even play."""
    disk = SlowDisk(path)
    pouring = asyncio.ensure_future(pour(chunks(CONTENT), disk, path, unheard))
    await asyncio.to_thread(disk.begun.wait, 5)

    pouring.cancel()
    await asyncio.sleep(0)
    disk.let.set()
    with pytest.raises(asyncio.CancelledError):
        await pouring

    for _ in range(500):
        # The thread's own write ends when it likes.
        if path.stat().st_size:
            break
        await asyncio.sleep(0.01)
    disk.close()
    assert CONTENT.startswith(path.read_bytes())


@pytest.mark.parametrize("room", [0, 1, 1 << 19, 1 << 20, 2_000_000])
async def test_a_write_that_fills_the_disk_is_not_made_twice(path: Path, room: int) -> None:
    """Also where there is room again a moment later."""
    with FullDisk(path, room) as disk, pytest.raises(DiskError) as caught:
        await pour(chunks(CONTENT), disk, path, unheard)

    assert is_full(caught.value)
    assert CONTENT.startswith(path.read_bytes())


async def test_a_body_without_end_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it has filled the disk, counting what is there already."""
    monkeypatch.setattr(part, "MOST_BYTES", 3_000_000)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    with path.open("xb") as file, pytest.raises(OutputTooLarge) as caught:
        await pour(endless(), file, path, unheard, size=1_000_000)

    assert path.stat().st_size <= 2_000_000 + (1 << 16)
    assert not caught.value.retryable
