"""What a person may name as the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubbatch.errors import ManifestError
from dubbatch.manifest import Origin, parse_address


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("a/list.csv", Origin(Path("a/list.csv"))),
        ("-", Origin(Path("-"))),
        ("a/list.xlsx#Season 2", Origin(Path("a/list.xlsx"), "Season 2")),
        ("a/list.XLSM#Q#1", Origin(Path("a/list.XLSM"), "Q#1")),
        ("take#2.csv", Origin(Path("take#2.csv"))),
    ],
)
def test_a_file_and_perhaps_a_sheet_are_named(text: str, origin: Origin) -> None:
    """The # counts only after a workbook's suffix."""
    assert parse_address(text) == origin


def test_a_file_of_that_very_name_wins_over_a_sheet(tmp_path: Path) -> None:
    """What is there is what is meant."""
    path = tmp_path / "a.xlsx#1"
    path.touch()

    assert parse_address(str(path)) == Origin(path)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        (
            "https://docs.google.com/spreadsheets/d/1AbC-x/edit?usp=sharing#gid=7",
            "Google Sheets page",
            "https://docs.google.com/spreadsheets/d/1AbC-x/export with the query format=csv&gid=7",
        ),
        ("https://docs.google.com/spreadsheets/d/1AbC/edit", "Google Sheets page", "gid=0"),
        ("https://x.example/list.csv?sig=s3cret", "is a web address", "Download"),
        ("list.xlsx#", "no sheet is named", "#Sheet2"),
    ],
)
def test_what_is_no_file_is_refused_with_the_way_to_one(text: str, words: str, hint: str) -> None:
    """A page of Google Sheets is told with its CSV export."""
    with pytest.raises(ManifestError, match=words) as caught:
        parse_address(text)

    assert hint in caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_table_in_text_has_no_sheets(tmp_path: Path) -> None:
    """The file is there, so the # can only mean a sheet."""
    (tmp_path / "list.csv").touch()

    with pytest.raises(ManifestError, match="has no sheets"):
        parse_address(f"{tmp_path}/list.csv#Sheet2")
