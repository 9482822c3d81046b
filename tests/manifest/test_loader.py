"""The whole way from a file to jobs and problems."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dubbatch.errors import ManifestError
from dubbatch.jobs import Place
from dubbatch.manifest import Manifest, Problem, load, read_head

Loader = Callable[..., Manifest]

URL = "https://cdn.example.com"
SAMPLES = Path(__file__).parents[2] / "manifests"


def listing(manifest: Manifest) -> list[str]:
    """Every problem as one line, with the file's name instead of its path."""
    return [
        f"{problem.severity} {str(problem).replace(str(manifest.path), manifest.path.name)} [{problem.job}]"
        for problem in manifest.problems
    ]


def test_everything_wrong_with_a_nasty_sheet_is_listed_at_once(load_csv: Loader) -> None:
    """In the order of the sheet, each at its cell, with the job it concerns."""
    manifest = load_csv(
        "id;Video;audio;language;priority;lang;Priorty;note\n"
        "e1;media/a.mp4;media/a.de.wav;de;;;;good\n"
        "e2;media/nope.mp4;media/empty.wav;English!;soon;;;\n"
        ";;;;;;;\n"
        "e3;media/film.mov;media/folder.mp4;;;;;\n"
        "e1;https://x.example/1.mp4?sig=s3cret;https://u:s3cret@x.example/1.wav;;;;;\n"
        ";;;;;;;total\n"
        "e4;media/b.mp4;media/b.de.wav;;;;;;surplus\n"
        'e5;"media/b.mp4;x\n'
    )

    assert listing(manifest) == [
        "error list.csv, row 2, column id: the id stands also in row 6 [e1]",
        "error list.csv, row 3, column language: 'English!' is no language tag [e2]",
        "error list.csv, row 3, column priority: the priority is not a whole number [e2]",
        "error list.csv, row 3, column Video: the video file 'media/nope.mp4' does not exist [e2]",
        "error list.csv, row 3, column audio: the audio file is empty (0 bytes) [e2]",
        "error list.csv, row 5, column Video: the service takes .mp4 as video, not .mov [e3]",
        "error list.csv, row 5, column audio: the audio is a folder [e3]",
        "error list.csv, row 6, column audio: the audio's address has a user or password in it [e1]",
        "error list.csv, row 6, column id: the id stands also in row 2 [e1]",
        "warning list.csv, row 7, column Video: the row has neither video nor audio: it is skipped []",
        "error list.csv, row 8, column I: the row has more cells than there are headers [e4]",
        "error list.csv, row 9: a quotation mark is opened in this row and never closed []",
    ]
    assert [(job.id, bool(job.blocked)) for job in manifest.jobs] == [
        ("e1", True), ("e2", True), ("e3", True), ("e4", True),
    ]  # fmt: skip
    assert all(problem.remedy for problem in manifest.problems)
    assert "s3cret" not in repr(manifest.problems)


def test_the_sample_of_broken_rows_shows_one_mistake_a_row() -> None:
    """``manifests/broken.csv`` is what the README runs to show problems."""
    manifest = load(SAMPLES / "broken.csv", batch="broken", output_template="{id}.mp4")

    assert [(problem.place.row, problem.place.column) for problem in manifest.problems] == [
        (2, "id"),
        (3, "video"),
        (4, "audio"),
        (5, "audio"),
        (6, "audio"),
        (7, "id"),
        (8, "video"),
        (9, "language"),
        (9, "priority"),
        (10, "video"),
        (11, "G"),
    ]
    assert manifest.columns == ("Episode",)


def test_a_mistake_in_the_head_blocks_every_row(load_yaml: Loader) -> None:
    """What concerns the file as a whole leaves no row that is sure."""
    manifest = load_yaml(f"version: 3\njobs:\n- {{video: {URL}/1.mp4, audio: {URL}/1.wav}}\n")

    assert [job.blocked for job in manifest.jobs] == ["this dubbatch reads version 1 of manifests only"]


def test_a_missing_column_is_told_once(load_csv: Loader) -> None:
    """Not again for each row."""
    manifest = load_csv("Vidoe,audio\na,b\nc,d\n")

    assert listing(manifest) == [
        "error list.csv, row 1, column Vidoe: there is no column video, but a column 'Vidoe' []"
    ]
    assert manifest.jobs == ()


@pytest.mark.parametrize("text", ["video,audio\n", "video,audio\n\n,\n"])
def test_a_table_without_rows_has_no_jobs(load_csv: Loader, text: str) -> None:
    """Exit code 3 needs a reason."""
    assert [problem.message for problem in load_csv(text).problems] == ["the manifest has no jobs"]


@pytest.mark.parametrize("text", ["version: 1\njobs: []\n", "version: 1\njobs:\n", "version: 1\n"])
def test_a_yaml_manifest_without_rows_has_no_jobs(load_yaml: Loader, text: str) -> None:
    """However it says so."""
    assert [problem.message for problem in load_yaml(text).problems] == ["the manifest has no jobs"]


def test_many_rows_of_yaml_get_a_warning(load_yaml: Loader) -> None:
    """A table is read in seconds."""
    rows = "".join(f"- {{video: {URL}/{n}.mp4, audio: {URL}/{n}.wav}}\n" for n in range(20_001))

    manifest = load_yaml("version: 1\njobs:\n" + rows)

    assert [problem.severity for problem in manifest.problems] == ["warning"]
    assert len(manifest.jobs) == 20_001


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.csv", "no file"),
        ("media", "is a folder"),
        ("list.doc", "a .doc file"),
        ("dir.csv", "a folder"),
        ("a\0.csv", "no file"),
    ],
)
def test_what_is_no_manifest_is_refused_with_a_hint(folder: Path, name: str, words: str) -> None:
    """By both ways of reading."""
    (folder / "dir.csv").mkdir()
    for read in (read_head, lambda path: load(path, batch="b", output_template="{id}")):
        with pytest.raises(ManifestError, match=words) as caught:
            read(folder / name)
        assert caught.value.hint


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may look into; who asks is not root meanwhile: root may read everything."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        os.seteuid(user)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no modes")
def test_a_manifest_that_may_not_be_read_is_refused(open_folder: Path) -> None:
    """The reason is the system's."""
    path = open_folder / "list.csv"
    path.write_text("video,audio\n")
    read_head(path)
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)

    with pytest.raises(ManifestError, match="Permission denied"):
        read_head(path)


def test_a_batch_name_that_can_not_be_used_is_a_problem(folder: Path) -> None:
    """The file's stem stands in."""
    path = folder / "spring.yaml"
    path.write_text(f"version: 1\nbatch: {'x' * 201}\njobs: []\n")

    head = read_head(path)

    assert head.batch_name == "spring"
    assert [problem.message for problem in head.problems] == ["the batch's name can't be used"]
    assert head.problems[0] in load(path, batch="spring", output_template="{id}").problems


def test_a_table_has_neither_batch_nor_settings(folder: Path) -> None:
    """Its name is the batch's."""
    path = folder / "spring.csv"
    path.write_text("video,audio\n")

    head = read_head(path)

    assert (head.batch, head.batch_name, dict(head.settings), head.problems) == (None, "spring", {}, ())


def test_a_template_is_reported_where_it_stands(folder: Path) -> None:
    """In the settings, or as the flag that it came from."""
    path = folder / "list.csv"
    path.write_text(f"video,audio\n{URL}/1.mp4,{URL}/1.wav\n")
    place = Place("list.yaml", 3, 12)

    [problem] = load(path, batch="b", output_template="{x", output_template_place=place).problems

    assert problem.place == place


def test_a_problem_as_json_has_the_keys_of_the_contract() -> None:
    """Other programs read it (design, section 10)."""
    problem = Problem("error", Place("list.xlsx", 3, "Video", "Season 1"), "x", "is wrong", "mend it", "ep1")

    assert problem.as_json() == {
        "severity": "error",
        "file": "list.xlsx",
        "sheet": "Season 1",
        "row": 3,
        "column": "Video",
        "value": "x",
        "message": "is wrong",
        "remedy": "mend it",
        "job": "ep1",
    }
