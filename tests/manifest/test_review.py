"""Which rows of a reviewer's table mean that a job is to be bought again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from dubbatch.errors import ManifestError
from dubbatch.manifest.review import Review, read_review

Read = Callable[..., Review]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a table of that text."""

    def read_text(text: str, **columns: str) -> Review:
        path = tmp_path / "review.csv"
        path.write_text(text, encoding="utf-8")
        return read_review(str(path), columns)

    return read_text


def jobs(review: Review) -> list[str]:
    return [mark.job for mark in review.marks]


@pytest.mark.parametrize("word", ["x", "X", "1", "yes", "TRUE", " ja ", "wahr"])
def test_any_word_for_yes_is_a_mark(read: Read, word: str) -> None:
    """As in a manifest's column skip."""
    review = read(f"id;ReDo;note\na;{word};\nb;;late\nc;no;\n")

    assert (jobs(review), review.problems) == (["a"], [])
    assert str(review.marks[0].place).endswith("review.csv, row 2, column id")


def test_a_table_of_ids_alone_means_all(read: Read) -> None:
    """Empty lines are none."""
    assert jobs(read("id\n001\n\nb\n")) == ["001", "b"]


def test_ids_are_compared_as_those_of_a_manifest(read: Read) -> None:
    """Accents composed; blanks around them don't count."""
    assert jobs(read("id\n cafe\u0301 \n")) == ["caf\u00e9"]


def test_the_teams_header_of_the_ids_is_known(read: Read) -> None:
    """What the manifest's headers stand for, those of its review stand for, too."""
    review = read("Job No,Redo\n7,x\n", **{"Job No": "id"})

    assert jobs(review) == ["7"]


def test_where_the_team_has_an_id_of_its_own_ours_counts(read: Read) -> None:
    """A report calls it dub_id then."""
    assert jobs(read("id,dub_id,redo\n4711,ep1-de,x\n")) == ["ep1-de"]


def test_a_hidden_row_with_a_mark_is_a_problem(tmp_path: Path) -> None:
    """A filter hides what a reviewer before has marked."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (["id", "redo"], ["a", "x"], ["b", ""]):
        sheet.append(row)
    sheet.row_dimensions[2].hidden = sheet.row_dimensions[3].hidden = True
    book.save(tmp_path / "review.xlsx")

    review = read_review(str(tmp_path / "review.xlsx"), {})

    assert jobs(review) == []
    assert [problem.message for problem in review.problems] == [
        "the row is hidden in the sheet, so the mark may be an old one"
    ]


def test_all_problems_are_told_at_once(read: Read) -> None:
    """With their cells."""
    review = read("id,redo\na,x\n,x\na,yes\nb,maybe\n")

    assert [(problem.place.row, problem.place.column) for problem in review.problems] == [
        (3, "id"), (4, "id"), (5, "redo"),
    ]  # fmt: skip


def test_a_tree_is_no_table(tmp_path: Path) -> None:
    """YAML has no rows that a person marks."""
    (tmp_path / "m.yaml").write_text("jobs: []\n")

    with pytest.raises(ManifestError, match="is no table"):
        read_review(str(tmp_path / "m.yaml"), {})
