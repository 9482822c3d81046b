"""Uploads: a multipart/form-data body (RFC 7578) that streams from disk and vouches for what it sends.

Its length is known beforehand, so a service can tell a cut body from a whole one; each file is hashed
while it leaves, and the closing boundary leaves only if every checksum is the planned one. A file that was
edited since the plan can so never become a complete, billed request.

A file is read and hashed 1 MB at a time, at once where the system has that in memory: to hand it from
thread to thread would cost more than the network. What a disk must be waited for is read in a thread, as it
would hold up every other job on the event loop. The thread is one piece ahead, so that an upload takes as long
as the slower of reading and sending. Memory is a few pieces, whatever the files' size.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from dubbatch.api.text import clean
from dubbatch.errors import MediaError
from dubbatch.media.hashing import Checksum

CHUNK = 1 << 20

#: What the service takes, by suffix.
CONTENT_TYPES: Mapping[str, str] = {".mp4": "video/mp4", ".wav": "audio/wav", ".mp3": "audio/mpeg"}

#: WHATWG's three, the other controls (a NUL ends a name in some parsers), and the backslash, which
#: some parsers take for an escape and others for a Windows folder.
_ESCAPED = {code: f"%{code:02X}" for code in (*range(0x20), 0x7F, ord('"'), ord("\\"))}

_HINT = "leave the file alone while a run goes on, then run again: the row is planned anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """One file of a form, as it was when the row was planned."""

    #: The form field: ``video`` or ``audio``.
    name: str
    #: What the service is told; no folders in it.
    filename: str
    path: Path
    size: int
    content_type: str
    #: Of the content (``media.hashing``), hexadecimal.
    checksum: str


def content_type(path: Path) -> str:
    """The content type of a media file by its suffix."""
    return CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Form:
    """One request's form; iterating gives its bytes. ``progress`` is told each stretch of file bytes that left.

    Iterating raises MediaError when a file can't be read or is not what was planned, always before
    the last bytes of the form.
    """

    fields: Mapping[str, str]
    files: Sequence[FilePart]
    progress: Callable[[int], None] | None = None
    boundary: str = field(default_factory=lambda: f"dubbatch-{secrets.token_hex(16)}")

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.length()),
        }

    def length(self) -> int:
        """Exact size of the body in bytes."""
        heads = sum(len(_field(self.boundary, name, value)) for name, value in self.fields.items())
        files = sum(len(_head(self.boundary, part)) + part.size + len(_CRLF) for part in self.files)
        return heads + files + len(_tail(self.boundary))

    async def check(self) -> None:
        """Raises MediaError for a file that is already not what was planned: then nothing has to leave."""
        for part in self.files:
            size = await asyncio.to_thread(_size, part)
            if size != part.size:
                raise _changed(part, f"it has {size} bytes, planned were {part.size}")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for name, value in self.fields.items():
            yield _field(self.boundary, name, value)
        for part in self.files:
            yield _head(self.boundary, part)
            async with aclosing(_pieces(_Content(part))) as pieces:
                async for piece in pieces:
                    yield piece
                    if self.progress is not None:
                        self.progress(len(piece))
            yield _CRLF
        yield _tail(self.boundary)


_CRLF = b"\r\n"


class _Content:
    """A file's bytes, exactly as many as planned. Used by one thread at a time."""

    def __init__(self, part: FilePart) -> None:
        self._part = part
        self._checksum = Checksum()
        self._left = part.size
        self._file: FileIO | None = None

    def next(self) -> bytes:
        """The next piece, empty at the end. Raises MediaError if the bytes are not what was planned."""
        part = self._part
        try:
            if self._file is None:
                self._file = part.path.open("rb", buffering=0)
            piece = self._file.read(min(CHUNK, self._left) or 1)
        except OSError as exc:
            raise _unreadable(part, exc) from exc
        if self._left:
            if not piece:
                raise _changed(part, f"it ends after {part.size - self._left} bytes, planned were {part.size}")
            self._checksum.update(piece)
            self._left -= len(piece)
        elif piece:
            raise _changed(part, f"it is longer than the planned {part.size} bytes")
        elif self._checksum.hexdigest() != part.checksum.lower():
            raise _changed(part, "its content is not what was planned")
        return piece

    def is_in_memory(self) -> bool:
        """Whether the system has the next piece, as far as its last byte shows: then no disk is waited for."""
        if self._file is None or not self._left:
            return False
        last = self._part.size - self._left + min(CHUNK, self._left) - 1
        try:
            return os.preadv(self._file.fileno(), [bytearray(1)], last, os.RWF_NOWAIT) == 1
        except (AttributeError, OSError):
            # Only Linux can tell, and not of every file system.
            return False

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def _pieces(content: _Content) -> AsyncGenerator[bytes]:
    # Of one thread: a cancelled upload leaves it in the middle of a read, after which it closes the file.
    thread, loop = ThreadPoolExecutor(1, thread_name_prefix="upload"), asyncio.get_running_loop()
    coming = loop.run_in_executor(thread, content.next)
    try:
        piece = await coming
        while piece:
            if content.is_in_memory():
                following = content.next()
                yield piece
                # Where the network takes all at once, nobody else would have a turn.
                await asyncio.sleep(0)
            else:
                coming = loop.run_in_executor(thread, content.next)
                yield piece
                following = await coming
            piece = following
    finally:
        # Nobody waits for it any more, and nobody has to hear how it ended.
        coming.add_done_callback(lambda done: done.cancelled() or done.exception())
        thread.submit(content.close)
        thread.shutdown(wait=False)


def _size(part: FilePart) -> int:
    try:
        return part.path.stat().st_size
    except OSError as exc:
        raise _unreadable(part, exc) from exc


def _changed(part: FilePart, how: str) -> MediaError:
    return MediaError(f"{clean(str(part.path))} changed after it was planned: {how}", hint=_HINT)


def _unreadable(part: FilePart, exc: OSError) -> MediaError:
    return MediaError(f"{clean(str(part.path))} can't be read: {exc.strerror or exc}", hint=_HINT)


def _field(boundary: str, name: str, value: str) -> bytes:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n{value}\r\n'.encode()


def _head(boundary: str, part: FilePart) -> bytes:
    disposition = f'form-data; name="{_escaped(part.name)}"; filename="{_escaped(part.filename)}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {part.content_type}\r\n\r\n"
    # A file name that is no text (surrogates) is still a file's name.
    return head.encode(errors="replace")


def _tail(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()


def _escaped(name: str) -> str:
    return name.translate(_ESCAPED)
