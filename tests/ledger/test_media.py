"""The memory of local media."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.media import KnownMedia


def test_a_file_is_remembered_by_its_path_and_the_newest_look_counts(ledger: Ledger) -> None:
    """Sizes and times of any size a file system may tell."""
    known = KnownMedia(Path("/media/ä b.mp4"), 5 << 40, 1_900_000_000_123_456_789, 2**62, "00ff")
    ledger.media.put(known)
    assert ledger.media.get(known.path) == known

    newer = replace(known, sha256="11", checksum="22", facts="{}")
    ledger.media.put(newer)

    assert ledger.media.get(known.path) == newer
    assert ledger.media.get(Path("/media/other.mp4")) is None


def test_what_turned_out_to_be_wrong_is_forgotten(ledger: Ledger) -> None:
    """The file is read again then."""
    known = KnownMedia(Path("/media/a.mp4"), 1, 2, 3, "00ff")
    ledger.media.put(known)
    ledger.media.forget(known.path)
    ledger.media.forget(known.path)

    assert ledger.media.get(known.path) is None
