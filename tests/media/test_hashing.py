"""Content hashes and stamps of local files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dubbatch.errors import MediaError
from dubbatch.media.hashing import Checksum, Digests, GrowingDigest, digests_of, sha256_of, stamp_of


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_the_hash_is_that_of_the_whole_content(tmp_path: Path, size: int) -> None:
    data = (b"dubbatch" * (size // 8 + 1))[:size]
    file = tmp_path / "ep 1 é.wav"
    file.write_bytes(data)

    assert sha256_of(file) == hashlib.sha256(data).hexdigest()
    assert digests_of(file) == Digests(hashlib.sha256(data).hexdigest(), Checksum(data).hexdigest())


def test_a_checksum_is_the_same_for_every_dubbatch() -> None:
    """The ledger keeps them. The value is of xxHash's own specification."""
    assert Checksum(b"").hexdigest() == "99aa06d3014798d86001c324468d497f"


def test_a_stamp_changes_with_size_time_and_file(tmp_path: Path) -> None:
    file, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    file.write_bytes(b"one")
    first = stamp_of(file)

    assert stamp_of(file) == first
    os.utime(file, ns=(first.mtime_ns, first.mtime_ns + 1_000_000))
    touched = stamp_of(file)
    assert touched != first
    file.write_bytes(b"longer")
    os.utime(file, ns=(touched.mtime_ns, touched.mtime_ns))
    assert stamp_of(file).size == 6
    other.write_bytes(b"longer")
    os.utime(other, ns=(touched.mtime_ns, touched.mtime_ns))
    other.replace(file)
    replaced = stamp_of(file)
    assert (replaced.size, replaced.mtime_ns) == (6, touched.mtime_ns)
    assert replaced.inode != first.inode


def test_a_link_counts_as_the_file_that_it_leads_to(tmp_path: Path) -> None:
    file, link = tmp_path / "a.mp4", tmp_path / "link.mp4"
    file.write_bytes(b"one")
    link.symlink_to(file)

    assert stamp_of(link) == stamp_of(file)
    assert sha256_of(link) == sha256_of(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4 can't be read: No such file"):
        sha256_of(tmp_path / "gone.mp4")


def test_a_folder_is_no_media_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder"):
        stamp_of(tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)

    with pytest.raises(MediaError, match="not a regular file"):
        sha256_of(pipe)


def test_a_file_that_grows_is_hashed_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """In stretches, whenever there is something new."""
    file, content = tmp_path / "a.part", bytes(range(256)) * 20_000
    digest = GrowingDigest(file)
    for end in (1, 3_000_000, len(content)):
        file.write_bytes(content[:end])
        assert not digest.go_on()

    assert digest.hexdigest() == sha256_of(file)
