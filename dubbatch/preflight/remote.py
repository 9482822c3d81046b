"""A file at a web address, as a file object that fetches the parts that are read, within a budget."""

from __future__ import annotations

import asyncio
import io
from bisect import bisect_right, insort
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from dubbatch.errors import DownloadError
from dubbatch.media.outline import OutOfReach

#: What one look at an address may cost in all, its head included.
MAX_BYTES = 4 << 20
MAX_REQUESTS = 20
#: Least bytes of one request: waiting for an answer costs more than they do.
_BLOCK = 64 << 10

#: Gives a part of the file by its first byte and its size, on the event loop. Raises DownloadError.
Fetch = Callable[[int, int], Awaitable[bytes]]


class RemoteFile(io.RawIOBase):
    """Read in one thread, while ``loop`` fetches in another.

    Reading raises OutOfReach beyond the budget, and once anything has failed; what failed is in ``failure``.
    """

    def __init__(self, fetch: Fetch, size: int, head: bytes, *, parts: bool, loop: asyncio.AbstractEventLoop) -> None:
        """``head``: the first bytes, which are there already. ``parts``: whether others can be had."""
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._parts = parts
        self._loop = loop
        self._place = 0
        #: What was read: places in order, and the bytes from there on.
        self._starts = [0]
        self._pieces = {0: head}
        self._bytes_left = MAX_BYTES - len(head)
        self._requests_left = MAX_REQUESTS - 1
        self._pending: Future[bytes] | None = None
        self.failure: DownloadError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._place, 2: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def read(self, count: int | None = -1) -> bytes:
        end = self._size if count is None or count < 0 else min(self._size, self._place + count)
        taken = bytearray()
        while self._place < end:
            piece = self._there(self._place) or self._bring(self._place, end)
            part = piece[: end - self._place]
            taken += part
            self._place += len(part)
        return bytes(taken)

    def readall(self) -> bytes:
        return self.read()

    def give_up(self) -> None:
        """From now on nothing is fetched, and whoever waits in ``read`` is let go. From the event loop."""
        self._requests_left = 0
        if self._pending is not None:
            self._pending.cancel()

    def _there(self, place: int) -> bytes:
        start = self._starts[bisect_right(self._starts, place) - 1]
        return self._pieces[start][place - start :]

    def _bring(self, place: int, end: int) -> bytes:
        following = bisect_right(self._starts, place)
        limit = self._starts[following] if following < len(self._starts) else self._size
        size = min(max(end - place, _BLOCK), limit - place)
        if min(end, limit) - place > self._bytes_left or self._requests_left <= 0 or not self._parts:
            raise OutOfReach("this part of the file costs too much")
        size = min(size, self._bytes_left)
        self._requests_left -= 1
        self._bytes_left -= size
        try:
            piece = self._wait(place, size)
        except DownloadError as error:
            self.failure, self._parts = error, False
            raise OutOfReach("this part of the file can't be had") from error
        insort(self._starts, place)
        self._pieces[place] = piece
        return piece

    def _wait(self, place: int, size: int) -> bytes:
        async def part() -> bytes:
            return await self._fetch(place, size)

        coroutine = part()
        try:
            self._pending = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError as error:
            coroutine.close()
            raise OutOfReach("the program ends") from error
        try:
            return self._pending.result()
        except BaseException as error:
            if isinstance(error, DownloadError):
                raise
            raise OutOfReach("the look was given up") from error
        finally:
            self._pending = None
