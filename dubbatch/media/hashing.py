"""Local media as content: the SHA-256 that a fingerprint is made of, and the stamp that saves computing it.

A stamp (size, time of change, inode) is what a file system tells about a file without reading it. As
long as it stays the same, a hash that was computed before still holds.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from dubbatch.errors import MediaError

#: Bytes read at a time: on slow disks smaller pieces cost more than the hashing itself.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class FileStamp:
    """How a file looked without reading it: size in bytes, time of the last change, inode."""

    size: int
    mtime_ns: int
    inode: int


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
    """The SHA-256 of a file's content, in lower-case hexadecimal; blocks, so call it in a thread.

    Raises MediaError, naming the file, if it can't be read, or if it changed while it was read: such
    a hash would be of bytes that never lay together in the file.
    """
    before = stamp_of(path)
    digest = hashlib.sha256()
    piece = memoryview(bytearray(_PIECE))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(piece):
                digest.update(piece[:count])
    except OSError as error:
        raise _unreadable(path, error) from error
    if stamp_of(path) != before:
        raise MediaError(f"{path} changed while it was read", hint="wait until it is written, then run again")
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> MediaError:
    reason = error.strerror or type(error).__name__
    return MediaError(f"{path} can't be read: {reason}", hint="check the path and its permissions")
