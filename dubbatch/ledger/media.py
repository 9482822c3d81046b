"""What was found of media: of local files while path, size, time and inode stay the same; of addresses for a while."""

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
    #: By which an upload proves that it is this content; empty: a dubbatch that had none has read the file.
    checksum: str = ""
    #: What a look at it found, as JSON; empty: it was only hashed.
    facts: str = ""


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """What a look at a web address found. ``address`` names the file: it has no signature in it."""

    address: str
    #: Seconds since the epoch.
    looked_at: float
    #: Empty, None: the host did not tell.
    etag: str
    size: int | None
    #: As JSON.
    facts: str


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
            checksum=media.checksum,
            facts=media.facts,
        )

    def forget(self, path: Path) -> None:
        """What is remembered of a file turned out to be wrong: it is read again."""
        self._db.run("forget_media", path=str(path))

    def at(self, address: str) -> KnownAddress | None:
        row = self._db.one("web_media", address=address)
        return KnownAddress(**dict(row)) if row else None

    def put_address(self, known: KnownAddress) -> None:
        self._db.run(
            "put_web_media",
            address=known.address,
            looked_at=known.looked_at,
            etag=known.etag,
            size=known.size,
            facts=known.facts,
        )
