"""Hashes and durations of local media, valid as long as path, size, time and inode stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubbatch.ledger.database import Database


@dataclass(frozen=True, slots=True)
class KnownMedia:
    path: Path
    size: int
    mtime_ns: int
    inode: int
    sha256: str
    #: None: could not be read as media.
    duration_s: float | None
    #: By which an upload proves that it is this content; empty: a dubbatch that had none has read the file.
    checksum: str = ""


class MediaTable:
    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, path: Path) -> KnownMedia | None:
        row = self._db.one("media", path=str(path))
        return KnownMedia(**{**dict(row), "path": Path(row["path"])}) if row else None

    def put(self, media: KnownMedia) -> None:
        self._db.run(
            "put_media",
            path=str(media.path),
            size=media.size,
            mtime_ns=media.mtime_ns,
            inode=media.inode,
            sha256=media.sha256,
            duration_s=media.duration_s,
            checksum=media.checksum,
        )

    def forget(self, path: Path) -> None:
        """What is remembered of a file turned out to be wrong: it is read again."""
        self._db.run("forget_media", path=str(path))
