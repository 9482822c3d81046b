"""Puts whole files into their places in the output directory, and never over one that is not ours.

The plain name is always the current output; an older one moves aside as ``name.v1.mp4``.
Which file is whose is told by its SHA-256, not by its name: a crash between moving a file
and recording it leaves nothing that can't be recognised.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from dubbatch.durability import sync_folder
from dubbatch.errors import DiskError, MediaError
from dubbatch.jobs import Output
from dubbatch.media.hashing import sha256_of

SUSPECT_SUFFIX = ".suspect.mp4"


def target_path(output_dir: Path, name: str) -> Path:
    """Where an output goes. Raises DiskError for a name that would leave the directory, also through a link."""
    root = output_dir.resolve()
    target = root.joinpath(*name.split("/"))
    if not target.parent.resolve().is_relative_to(root) or target.name in ("", ".", ".."):
        raise DiskError(
            f"{name} would be written outside {output_dir}",
            hint="a folder there is a link that leads elsewhere: remove it, or choose another --output-dir",
        )
    return target


def version_path(target: Path, version: int) -> Path:
    return target.with_name(f"{target.stem}.v{version}{target.suffix}")


def part_path(place: Path) -> Path:
    """Where the file for ``place`` grows until it is whole."""
    return place.with_name(f"{place.name}.part")


def free_version(target: Path, outputs: Sequence[Output]) -> int:
    """The next number under which an older output of this name can be kept."""
    version = 1 + max((output.version for output in outputs), default=0)
    while is_there(version_path(target, version)):
        version += 1
    return version


def make_folder(folder: Path) -> None:
    """Make a folder that outlives a power cut as the files in it do. Raises DiskError."""
    with disk_errors(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)


def check_writable(folder: Path) -> None:
    """Make sure, before anything is paid, that outputs can be written there. Raises DiskError."""
    make_folder(folder)
    # Without a name where the system can do that, so that a kill leaves nothing behind.
    with disk_errors(folder), TemporaryFile(dir=folder):
        # That it could be made is all that was to be known.
        return


def check_room(path: Path, needed: int) -> None:
    """Raises DiskError where so many bytes more would not fit: the last free ones may be the ledger's."""
    with disk_errors(path):
        usage = shutil.disk_usage(path.parent)
        # Some network drives tell nothing.
        if usage.total and usage.free < needed:
            raise OSError(errno.ENOSPC, f"no room for {needed} bytes, {usage.free} are free on the disk")


def put_in_place(part: Path, target: Path) -> None:
    """Give a whole, durable ``.part`` its name; never over an existing file. Raises DiskError."""
    with disk_errors(target):
        if is_there(target):
            raise FileExistsError(errno.EEXIST, "a file of that name appeared meanwhile")
        part.replace(target)
        sync_folder(target.parent)


@dataclass(frozen=True, slots=True)
class Shelved:
    """What came of it: the file has its name and so many bytes, or another's digest is ``in_the_way``."""

    size: int
    in_the_way: str = ""


def shelve(part: Path, place: Path, sha256: str) -> Shelved:
    """Give a whole, durable ``.part`` with this digest its name, unless that is taken. Raises DiskError."""
    make_folder(place.parent)
    there = digest_if_there(place)
    if there not in ("", sha256):
        return Shelved(0, there)
    if there:
        remove(part)
    else:
        put_in_place(part, place)
    with disk_errors(place):
        return Shelved(place.stat().st_size)


def move_aside(path: Path, aside: Path) -> None:
    """Move an older output to its version name. Raises DiskError."""
    with disk_errors(aside):
        path.replace(aside)
        sync_folder(aside.parent)


def copy_to_part(source: Path, part: Path) -> None:
    """A durable copy of a file that is already here. Raises DiskError."""
    make_folder(part.parent)
    with disk_errors(part):
        # A link of that name would lead elsewhere.
        part.unlink(missing_ok=True)
        shutil.copyfile(source, part)
        sync_file(part)


def sync_file(path: Path) -> None:
    """Make a file's content durable before it gets its name."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file so that a power cut does not bring it back. Raises DiskError."""
    with disk_errors(path):
        if is_there(path):
            path.unlink(missing_ok=True)
            sync_folder(path.parent)


def is_there(path: Path) -> bool:
    """Whether anything bears this name, be it a link that leads nowhere."""
    return os.path.lexists(path)


#: Stands for the digest of a folder, a dead link or whatever else bears the name of a file.
NO_FILE = "no file"


def digest_if_there(path: Path) -> str:
    """The SHA-256 of a file, empty if there is nothing, ``NO_FILE`` for what is none. Raises DiskError."""
    if not is_there(path):
        return ""
    if not path.is_file():
        return NO_FILE
    try:
        return sha256_of(path)
    except MediaError as error:
        raise DiskError(error.message, hint=error.hint) from error


def size_if_there(path: Path) -> int:
    """Bytes in a file; 0 where there is none, or a link that leads to somebody else's."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Tell an OSError as a DiskError that names the file and the way out."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "make room on the disk: what was fetched so far is kept, nothing is lost"
        else:
            hint = "check the folder's permissions, or choose another --output-dir; nothing is lost"
        raise DiskError(f"{path} can't be written: {error.strerror or error}", hint=hint) from error


def is_full(error: DiskError) -> bool:
    """Whether the disk is full: room may be made while the run waits."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
