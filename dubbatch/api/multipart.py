"""Uploads: a multipart/form-data body (RFC 7578) that streams from disk and vouches for what it sends.

Its length is known beforehand, so a service can tell a cut body from a whole one; each file is hashed
while it leaves, and the closing boundary leaves only if every hash is the planned one. A file that was
edited since the plan can so never become a complete, billed request.

Reads are 1 MB in a thread: smaller ones cost more than the network, and on the event loop a slow disk
would hold up every other job. Memory is one chunk, whatever the files' size.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dubbatch.api.text import clean
from dubbatch.errors import MediaError

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
    #: Hexadecimal.
    sha256: str


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
            async for chunk in _content(part):
                yield chunk
                if self.progress is not None:
                    self.progress(len(chunk))
            yield _CRLF
        yield _tail(self.boundary)


_CRLF = b"\r\n"


async def _content(part: FilePart) -> AsyncIterator[bytes]:
    """The file's bytes, exactly as many as planned. Raises MediaError after them if they are others."""
    digest = hashlib.sha256()
    sent = 0
    while sent < part.size:
        chunk = await asyncio.to_thread(_read, part, sent, min(CHUNK, part.size - sent))
        if not chunk:
            raise _changed(part, f"it ends after {sent} bytes, planned were {part.size}")
        await asyncio.to_thread(digest.update, chunk)
        sent += len(chunk)
        yield chunk
    if await asyncio.to_thread(_read, part, sent, 1):
        raise _changed(part, f"it is longer than the planned {part.size} bytes")
    if digest.hexdigest() != part.sha256.lower():
        raise _changed(part, "its content is not what was planned")


def _read(part: FilePart, offset: int, size: int) -> bytes:
    # Opened for each chunk: a cancelled upload leaves a thread in here, and nothing else to close.
    try:
        with part.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as exc:
        raise _unreadable(part, exc) from exc


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
