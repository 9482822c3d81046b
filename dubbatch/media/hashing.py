"""Local media as content: the SHA-256 that a fingerprint is made of, and what saves computing it again.

A stamp (size, time of change, inode) is what a file system tells about a file without reading it. As
long as it stays the same, a hash that was computed before still holds.

A checksum (XXH3-128) of the same reading proves, while a file is uploaded, that it is still what was
planned. What it looks for is an accidental change: an editor that saves, a render that goes on. It misses
one of those in 2^128, as SHA-256 would in 2^256; only against somebody who looks for two files with one
checksum is it no proof, and whoever can write the file needs none. SHA-256 takes far longer than sending
does where the processor has no instructions for it (``python -m benchmarks.transfers`` prints both).
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_128

from dubbatch.errors import MediaError

#: Of content as it passes by: ``update`` it, then ask for its ``hexdigest``.
Checksum = xxh3_128

#: Bytes read at a time: on slow disks smaller pieces cost more than the hashing itself.
_PIECE = 1 << 20
#: Bytes of a growing file that are hashed in one go: whoever waits for that waits for a tenth of a second.
_STRETCH = 32 << 20


@dataclass(frozen=True, slots=True)
class FileStamp:
    """How a file looked without reading it: size in bytes, time of the last change, inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Digests:
    """Of one content, in lower-case hexadecimal."""

    sha256: str
    checksum: str


def stamp_of(path: Path) -> FileStamp:
    """The stamp of the file that ``path`` leads to, through links.

    Raises MediaError, naming the file, if it is missing, can't be looked at, or is no regular file
    (reading a pipe or a device might never end).
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{path} is a folder, not a media file", hint="name the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is not a regular file", hint="copy the media to a regular file")
    return FileStamp(size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in lower-case hexadecimal; as ``digests_of``."""
    return digests_of(path).sha256


def digests_of(path: Path) -> Digests:
    """Both digests of a file's content, by one reading; blocks, so call it in a thread.

    Raises MediaError, naming the file, if it can't be read, or if it changed while it was read: such
    a hash would be of bytes that never lay together in the file.
    """
    before = stamp_of(path)
    sha256, checksum = hashlib.sha256(), Checksum()
    piece = memoryview(bytearray(_PIECE))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(piece):
                sha256.update(piece[:count])
                checksum.update(piece[:count])
    except OSError as error:
        raise _unreadable(path, error) from error
    if stamp_of(path) != before:
        raise MediaError(f"{path} changed while it was read", hint="wait until it is written, then run again")
    return Digests(sha256.hexdigest(), checksum.hexdigest())


class GrowingDigest:
    """The SHA-256 of a file that is still being written at its end. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._read = 0

    def go_on(self) -> bool:
        """Hash a stretch of what has not been hashed yet, and block for it; whether more may follow. Raises OSError."""
        before, piece = self._read, memoryview(bytearray(_PIECE))
        with self._path.open("rb", buffering=0) as file:
            file.seek(before)
            while self._read - before < _STRETCH and (count := file.readinto(piece)):
                self._digest.update(piece[:count])
                self._read += count
        return self._read - before >= _STRETCH

    def hexdigest(self) -> str:
        """Of what has been hashed so far, in lower-case hexadecimal."""
        return self._digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> MediaError:
    reason = error.strerror or type(error).__name__
    return MediaError(f"{path} can't be read: {reason}", hint="check the path and its permissions")
