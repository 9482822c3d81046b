"""What can be said of a web address without asking its host."""

from __future__ import annotations

import pytest

from dubbatch.manifest.roles import Role
from dubbatch.manifest.web_inputs import read_address


@pytest.mark.parametrize(
    ("address", "service", "remedy"),
    [
        (
            "https://drive.google.com/file/d/1AbC/view?usp=sharing",
            "Google Drive",
            "uc with the query export=download&id=FILE_ID",
        ),
        ("https://drive.google.com/open?id=1AbC", "Google Drive", "export=download"),
        ("https://drive.google.com/drive/folders/1AbC", "Google Drive", "export=download"),
        ("https://DRIVE.google.com/file/d/1AbC/view", "Google Drive", "export=download"),
        ("https://www.dropbox.com/s/abc/01.mp4?dl=0", "Dropbox", "dl=1"),
        ("https://www.dropbox.com/scl/fi/abc/01.mp4?rlkey=s3cret&dl=0", "Dropbox", "dl=1"),
        ("https://1drv.ms/v/s!abc", "OneDrive", "download=1"),
        ("https://acme.sharepoint.com/:v:/s/x/abc", "OneDrive", "download=1"),
        ("https://app.box.com/s/abc", "Box", "direct link"),
        ("https://we.tl/t-abc", "WeTransfer", "download the file"),
        ("https://www.youtube.com/watch?v=abc", "YouTube", "the file itself"),
    ],
)
def test_a_page_that_shares_a_file_is_told_with_what_a_direct_link_looks_like(
    address: str, service: str, remedy: str
) -> None:
    """The service would fetch the page; nothing of the address's query is repeated."""
    found = read_address("video", address)

    assert found.finding is not None
    assert found.finding.severity == "error"
    assert service in found.finding.message
    assert remedy in found.finding.remedy
    assert "s3cret" not in found.finding.message + found.finding.remedy


@pytest.mark.parametrize(
    "address",
    [
        "https://drive.google.com/uc?export=download&id=1AbC",
        "https://www.dropbox.com/s/abc/01.mp4?dl=1",
        "https://www.dropbox.com/scl/fi/abc/01.mp4?rlkey=x&raw=1",
        "https://dl.dropboxusercontent.com/s/abc/01.mp4",
        "https://notdropbox.com/s/abc/01.mp4",
        "https://cdn.example.com/01.mp4?X-Amz-Signature=abc",
        "http://127.0.0.1:8080/01.mp4",
        "https://cdn.example.com/watch",
    ],
)
def test_an_address_of_the_file_itself_is_fine(address: str) -> None:
    """Also one of a file service, where it leads to the file."""
    found = read_address("video", address)

    assert found.finding is None
    assert found.media is not None
    assert found.media.url == address


@pytest.mark.parametrize(
    ("role", "address"),
    [
        ("video", "https://x.example/a.mov"),
        ("audio", "https://x.example/a.m4a?sig=1"),
        ("audio", "https://x.example/a.mp4"),
    ],
)
def test_a_suffix_of_another_kind_is_a_warning(role: Role, address: str) -> None:
    """An address's suffix may lie, so the job is sent; the reader is told."""
    found = read_address(role, address)

    assert found.finding is not None
    assert (found.finding.severity, found.finding.field) == ("warning", role)
    assert found.media is not None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://x.example/my file.mp4", "has a space"),
        ("s3://bucket/a.mp4", "begins with s3:"),
        ("file:///a.mp4", "begins with file:"),
        ("https://ann:pw@x.example/a.mp4", "user or password"),
        ("https://x.example:99999/a.mp4", "is no web address"),
        ("https:///a.mp4", "is no web address"),
    ],
)
def test_an_address_that_can_not_be_fetched_is_an_error(address: str, words: str) -> None:
    """Each with its own reason and a remedy."""
    found = read_address("audio", address)

    assert found.finding is not None
    assert words in found.finding.message
    assert found.finding.remedy
