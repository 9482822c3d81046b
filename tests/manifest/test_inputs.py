"""Media cells: addresses and files, and what is wrong with them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from dubbatch.jobs import Media
from dubbatch.manifest.inputs import Inputs
from dubbatch.manifest.roles import Role, named


@pytest.fixture
def inputs(folder: Path) -> Inputs:
    return Inputs((str(folder),))


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.com/01.mp4",
        "http://127.0.0.1:8080/01.mp4?X-Amz-Signature=abc",
        "HTTPS://CDN.example.com/01",
        "https://bücher.example/é.mp4",
        "https://[::1]/a.mp4",
    ],
)
def test_a_web_address_is_taken_as_it_is(inputs: Inputs, url: str) -> None:
    """It goes to the service byte for byte."""
    found = inputs.read("video", url)

    assert found.media == Media(url, url=url)
    assert found.finding is None


def test_a_path_is_relative_to_the_manifest(inputs: Inputs, folder: Path) -> None:
    """Wherever the command is called; an absolute path is taken as it is."""
    for text in ("media/a.mp4", str(folder / "media/a.mp4")):
        assert inputs.read("video", text).media == Media(text, path=folder / "media/a.mp4")
        assert inputs.read("video", text).finding is None


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_cell", ["NFC", "NFD"])
def test_a_path_is_found_however_its_accents_are_composed(
    inputs: Inputs, folder: Path, on_disk: str, in_cell: str
) -> None:
    """A sheet from a Mac and files from a Linux server spell é in two ways."""
    path = folder / unicodedata.normalize(on_disk, "café.mp4")  # type: ignore[arg-type]
    path.write_bytes(b"x")

    found = inputs.read("video", unicodedata.normalize(in_cell, "café.mp4"))  # type: ignore[arg-type]

    assert found.finding is None
    assert found.media is not None
    assert found.media.path == path


def test_a_path_with_backslashes_is_found(inputs: Inputs, folder: Path) -> None:
    """Sheets are written on Windows and run on servers."""
    found = inputs.read("video", "media\\a.mp4")

    assert found.finding is None
    assert found.media is not None
    assert found.media.path == folder / "media/a.mp4"


@pytest.mark.parametrize(
    ("role", "text", "message", "remedy"),
    [
        ("video", "media/AA.mp4", "does not exist", "did you mean media/a.mp4?"),
        ("video", "media/zebra-crossing.mp4", "does not exist", "paths are relative to the folder"),
        ("video", "cdn.example.com/a.mp4", "does not exist", "begin it with https://"),
        ("video", "media/a.mp4/b.mp4", "does not exist", "relative"),
        ("video", "media/folder.mp4", "is a folder", "name the video file"),
        ("audio", "media/empty.wav", "is empty", "again"),
        ("video", "media/film.mov", "takes .mp4 as video, not .mov", "ffmpeg -i media/film.mov"),
        ("audio", "media/film.mov", "takes .wav or .mp3 as audio", "-vn media/film.wav"),
        ("video", "x" * 5000, "can't be looked at", "relative"),
        ("video", "a\x00b", "control characters", "remove"),
        ("video", "ftp://host/a.mp4", "begins with ftp:", "http(s)"),
        ("video", "s3://bucket/a.mp4", "begins with s3:", "presigned"),
        ("video", "file:///tmp/a.mp4", "begins with file:", "path"),
        ("video", "file:/tmp/a.mp4", "begins with file:", "path"),
        ("audio", "https:///a.wav", "no web address", "https://host/path"),
        ("audio", "https://host:port/a.wav", "no web address", "https://host/path"),
        ("audio", "https://[::1/a.wav", "no web address", "https://host/path"),
        ("audio", "https://host/a b.wav", "space", "%20"),
        ("audio", "https://maria:secret@host/a.wav", "user or password", "without a login"),
    ],
)
def test_what_is_wrong_with_a_media_cell(inputs: Inputs, role: Role, text: str, message: str, remedy: str) -> None:
    """Each has its own words and its own remedy, and none shows a secret."""
    finding = inputs.read(role, text).finding

    assert finding is not None
    assert message in finding.message
    assert remedy in finding.remedy
    assert "secret" not in finding.message + finding.remedy
    assert finding.field == role


def test_what_is_no_file_is_not_opened(inputs: Inputs, folder: Path) -> None:
    """A pipe without a writer would hold the run for ever."""
    os.mkfifo(folder / "pipe.mp4")

    finding = inputs.read("video", "pipe.mp4").finding

    assert finding is not None
    assert "not a file" in finding.message


@pytest.mark.parametrize(
    ("media", "stem"),
    [
        (Media("a", url="https://cdn.example.com/show/ep%201.final.mp4?sig=a/b.mp4"), "ep 1.final"),
        (Media("a", url="https://cdn.example.com/a%2Fb.mp4"), "a-b"),
        (Media("a", url="https://cdn.example.com"), ""),
        (Media("a", url="https://cdn.example.com/show/"), "show"),
        (Media("dubs\\ep1.mp4", path=Path("/x/dubs/ep1.mp4")), "ep1"),
        (Media("cafe\u0301.mp4", path=Path("/x/cafe\u0301.mp4")), "caf\u00e9"),
    ],
)
def test_the_stem_is_the_name_without_folders_query_and_suffix(media: Media, stem: str) -> None:
    """Ids are made of it, so it must not depend on a signature or a system."""
    assert named(media).stem == stem
