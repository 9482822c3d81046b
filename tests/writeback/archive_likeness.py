"""Whether two archives are the same but for one part: names, order, bytes, and what the zip says of each entry."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator


def archive_losses(before: bytes, after: bytes, part: str) -> Iterator[str]:
    """What ``after`` lacks, adds or changes outside of ``part``, whose text alone may differ."""
    with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(io.BytesIO(after)) as new:
        if old.namelist() != new.namelist():
            lost = [name for name in old.namelist() if name not in new.namelist()]
            added = [name for name in new.namelist() if name not in old.namelist()]
            yield f"the archive's parts: lost {lost}, added {added}, or in another order"
        if old.comment != new.comment:
            yield "the archive's comment"
        if (bad := new.testzip()) is not None:
            yield f"{bad} has a wrong checksum"
        for entry in old.infolist():
            if entry.filename in new.namelist():
                yield from _entry_losses(entry, new.getinfo(entry.filename))
                if entry.filename != part and old.read(entry) != new.read(entry.filename):
                    yield f"the bytes of {entry.filename}"


def _entry_losses(old: zipfile.ZipInfo, new: zipfile.ZipInfo) -> Iterator[str]:
    for what in ("compress_type", "date_time", "comment", "external_attr", "create_system"):
        if getattr(old, what) != getattr(new, what):
            yield f"{what} of {old.filename}: {getattr(old, what)} is now {getattr(new, what)}"
