"""Files into their places, and never over one that is not ours."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import DiskError
from dubbatch.jobs import Output
from dubbatch.tracker.shelf import (
    NO_FILE,
    Shelved,
    copy_to_part,
    digest_if_there,
    disk_errors,
    free_version,
    is_full,
    make_folder,
    move_aside,
    put_in_place,
    remove,
    shelve,
    size_if_there,
    target_path,
    version_path,
)


def output(path: Path, version: int) -> Output:
    return Output(batch="b", job="a", reference="r", path=path, version=version, sha256="00", size=1, duration_s=None)


@pytest.mark.parametrize("name", ["a.mp4", "ja/a.mp4", "x/y/z.mp4", "/ja/a.mp4", "..a.mp4", "a..mp4"])
def test_a_name_is_a_place_inside_the_directory(tmp_path: Path, name: str) -> None:
    """Only the template's own ``/`` makes folders."""
    assert target_path(tmp_path, name) == tmp_path.joinpath(*name.strip("/").split("/"))


@pytest.mark.parametrize("name", ["../a.mp4", "x/../../a.mp4", "..", ".", "", "x/..", "../" * 9 + "etc/passwd"])
def test_a_name_never_leaves_the_directory(tmp_path: Path, name: str) -> None:
    """Whatever a sheet says."""
    with pytest.raises(DiskError, match="outside") as caught:
        target_path(tmp_path / "out", name)

    assert caught.value.hint


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.mp4", "~"]), min_size=1, max_size=6))
def test_any_name_is_inside_or_refused(parts: list[str]) -> None:
    """Nothing between."""
    root = Path("/nowhere/out")
    try:
        target = target_path(root, "/".join(parts))
    except DiskError:
        return
    assert Path(target).resolve().is_relative_to(root)
    assert target.resolve() != root


def test_a_folder_that_is_a_link_does_not_lead_out(tmp_path: Path) -> None:
    """Nor does one further up; a link within the directory is the team's own business."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (out / "real", elsewhere / "deep"):
        folder.mkdir(parents=True)
    (out / "link").symlink_to(elsewhere)
    (out / "inside").symlink_to(out / "real")

    for name in ("link/a.mp4", "link/deep/a.mp4", "link/new/a.mp4"):
        with pytest.raises(DiskError, match="outside"):
            target_path(out, name)
    assert target_path(out, "inside/a.mp4") == out / "inside" / "a.mp4"


def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    """To a big disk, say."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")

    assert target_path(tmp_path / "out", "a.mp4") == tmp_path / "disk" / "a.mp4"


def test_an_older_output_keeps_its_name_with_a_number() -> None:
    """The number stands before the suffix, so that it still plays."""
    assert version_path(Path("/o/a.b.mp4"), 3) == Path("/o/a.b.v3.mp4")


def test_the_next_number_is_free_in_the_ledger_and_on_disk(tmp_path: Path) -> None:
    """Files of the team's own count too."""
    target = tmp_path / "a.mp4"
    assert free_version(target, []) == 1
    assert free_version(target, [output(target, 0)]) == 1
    assert free_version(target, [output(target, 0), output(target, 4)]) == 5
    for number in (1, 2):
        version_path(target, number).touch()

    assert free_version(target, []) == 3
    assert free_version(target, [output(target, 1)]) == 3


def test_a_part_gets_its_name_and_never_another_files(tmp_path: Path) -> None:
    """Also where that appeared meanwhile; the part stays."""
    part, target = tmp_path / "a.mp4.part", tmp_path / "a.mp4"
    part.write_text("new")
    put_in_place(part, target)
    assert (target.read_text(), part.exists()) == ("new", False)

    part.write_text("newer")
    with pytest.raises(DiskError, match="appeared"):
        put_in_place(part, target)

    assert (target.read_text(), part.read_text()) == ("new", "newer")


def test_a_part_is_shelved_once_and_only_where_nothing_else_is(tmp_path: Path) -> None:
    """The same bytes in its place are its own: an earlier run was killed before it could record them."""
    part, place = tmp_path / "new" / "a.mp4.part", tmp_path / "new" / "a.mp4"
    digest, theirs = hashlib.sha256(b"mine").hexdigest(), hashlib.sha256(b"theirs").hexdigest()
    part.parent.mkdir()
    for _ in range(2):
        part.write_text("mine")
        assert shelve(part, place, digest) == Shelved(4)
        assert (place.read_text(), part.exists()) == ("mine", False)

    part.write_text("mine")
    place.write_text("theirs")

    assert shelve(part, place, digest) == Shelved(0, theirs)
    assert (place.read_text(), part.read_text()) == ("theirs", "mine")


def test_what_is_removed_may_be_gone_already(tmp_path: Path) -> None:
    """A link goes, and what it leads to stays."""
    link, theirs = tmp_path / "a.mp4.part", tmp_path / "theirs"
    theirs.touch()
    link.symlink_to(theirs)
    remove(link)
    remove(link)
    remove(tmp_path / "no folder" / "a.mp4.part")

    assert list(tmp_path.iterdir()) == [theirs]


def test_an_older_output_moves_aside(tmp_path: Path) -> None:
    """And is the same file there."""
    target = tmp_path / "a.mp4"
    target.write_text("old")
    move_aside(target, version_path(target, 1))

    assert not target.exists()
    assert version_path(target, 1).read_text() == "old"


def test_what_is_here_already_is_copied(tmp_path: Path) -> None:
    """The source stays."""
    source, part = tmp_path / "a.mp4", tmp_path / "b.mp4.part"
    source.write_text("whole")
    copy_to_part(source, part)

    assert (source.read_text(), part.read_text()) == ("whole", "whole")


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """No file has no content; what is no file is in the way."""
    path = tmp_path / "a.mp4"
    assert (digest_if_there(path), size_if_there(path)) == ("", 0)
    path.write_text("x")
    assert (digest_if_there(path), size_if_there(path)) == (hashlib.sha256(b"x").hexdigest(), 1)

    folder, dangling = tmp_path / "folder.mp4", tmp_path / "link.mp4"
    folder.mkdir()
    dangling.symlink_to(tmp_path / "nowhere")
    assert [digest_if_there(folder), digest_if_there(dangling)] == [NO_FILE, NO_FILE]


@pytest.mark.parametrize(
    ("code", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False), (errno.EIO, False)]
)
def test_trouble_of_the_disk_names_the_file_and_the_way_out(code: int, full: bool) -> None:
    """A full disk is waited for; anything else is for a person."""
    with pytest.raises(DiskError, match=r"/o/a\.mp4 can't be written") as caught, disk_errors(Path("/o/a.mp4")):
        raise OSError(code, "reason")

    assert is_full(caught.value) is full
    assert ("room" in caught.value.hint) is full
    assert "lost" in caught.value.hint


def test_a_file_in_the_place_of_a_folder_is_trouble_of_the_disk(tmp_path: Path) -> None:
    """No traceback, whichever step notices it."""
    (tmp_path / "ja").write_text("")
    part = tmp_path / "a.mp4.part"
    part.write_text("x")

    with pytest.raises(DiskError):
        make_folder(tmp_path / "ja")
    with pytest.raises(DiskError):
        put_in_place(part, tmp_path / "ja" / "a.mp4")
    with pytest.raises(DiskError):
        copy_to_part(tmp_path / "missing", part)
    with pytest.raises(DiskError):
        move_aside(tmp_path / "missing", tmp_path / "x")
    assert not is_full(DiskError("no cause"))
