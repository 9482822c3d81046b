"""What ``dubbatch init`` writes is read back by the loader as the pairs that went in."""

from __future__ import annotations

import csv
import io
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubbatch.errors import UsageError
from dubbatch.manifest import Origin, load
from dubbatch.pairing.pairs import Row, Track, pair
from dubbatch.pairing.row_ids import row_ids
from dubbatch.pairing.writer import check_suffix, render, spelling

FORMATS = ["m.yaml", "m.csv", "m.xlsx"]


def row(video: str, **tracks: str) -> Row:
    named = {language.replace("_", "-"): path for language, path in tracks.items()}
    pairs = (Track("" if language == "none" else language, PurePosixPath(path)) for language, path in named.items())
    return Row(PurePosixPath(video), tuple(pairs))


def make_files(folder: Path, rows: list[Row]) -> None:
    for one in rows:
        for path in (one.video, *(track.path for track in one.tracks)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"x")


def read_back(folder: Path, name: str, rows: list[Row], way: str = "") -> set[tuple[str, str, str]]:
    """Video, language and track of each job; there must be no problem at all."""
    (folder / name).write_bytes(render(rows, Path(name), way))
    manifest = load(Origin(folder / name), batch="b", output_template="{id}.mp4")
    assert [str(problem) for problem in manifest.problems] == []
    names = {str(folder.parent if way else folder) + "/": ""}
    return {(relative(job.video.path, names), job.language, relative(job.audio.path, names)) for job in manifest.jobs}


def relative(path: Path | None, names: dict[str, str]) -> str:
    assert path is not None
    return str(path.resolve()).replace(next(iter(names)), "", 1)


def expected(rows: list[Row]) -> set[tuple[str, str, str]]:
    return {(str(one.video), track.language, str(track.path)) for one in rows for track in one.tracks}


ROWS = [
    row("ep1.mp4", none="ep1.wav", de="ep1.de.wav", pt_BR="ep1_pt-BR.mp3"),
    row("s1/ep2.mp4", de="s1/ep2.de.wav"),
    row("s2/ep2.mp4", no="s2/ep2.no.wav"),
    row("=1+1.mp4", de="@x.wav", fr="+x.wav", es="-x.wav"),
    row("001.mp4", ja="001.ja.wav"),
    row(" blank.mp4", de="data:x.wav"),
    row('quo"ted, name; x.mp4', de="it's.wav"),
    row("yes.mp4", zh_Hant="null.wav"),
    row("ep5.mp4", none="5.wav"),
    row("ep5.v1.mp4", none="5.v1.wav"),
    row("ep6-de.mp4", none="6-de.wav"),
    row("ep6.mp4", de="6.de.wav"),
    row("Café_x0041_ ünïcödé 日本.mp4", ja="日本.wav"),
    row("{id}.mp4", de="a#b?c=d%20.wav"),
    row("x" * 240 + ".mp4", de="x.de.wav"),
    row("x" * 240 + "y.mp4", de="xy.de.wav"),
    row("1/2.mp4", none="1/2.wav"),
    row("3/2.mp4", none="3/2.wav"),
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_loads_without_a_problem(tmp_path: Path, name: str) -> None:
    """Also names that a spreadsheet, YAML or the loader would take for something else."""
    make_files(tmp_path, ROWS)

    assert read_back(tmp_path, name, ROWS) == expected(ROWS)


@pytest.mark.parametrize("name", FORMATS)
def test_paths_are_relative_to_the_manifest(tmp_path: Path, name: str) -> None:
    """Wherever that is written."""
    make_files(tmp_path, ROWS)
    (tmp_path / "sheets").mkdir()

    assert read_back(tmp_path / "sheets", name, ROWS, "..") == expected(ROWS)


_NAMES = st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..") and not name.startswith(".")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(_NAMES, max_size=5, unique_by=str.casefold), st.sampled_from(FORMATS))
def test_whatever_files_are_called_the_manifest_loads(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], name: str
) -> None:
    """What pairing lets through, every format carries."""
    folder = tmp_path_factory.mktemp("any")
    files = [PurePosixPath(f"{stem}{end}") for stem in names for end in (".mp4", ".de.wav", ".mp3")]
    rows = list(pair(files).rows)
    make_files(folder, rows)

    if rows:
        assert read_back(folder, name, rows) == expected(rows)


def test_a_table_has_a_column_for_each_language() -> None:
    """``id`` and ``audio`` only where a row needs them; UTF-8 with a mark, for Excel."""
    data = render([row("ep1.mp4", de="a.wav", fr="b.wav"), row("ep2.mp4", de="c.wav")], Path("m.csv"))

    assert data.startswith(b"\xef\xbb\xbfvideo,audio_de,audio_fr\r\n")
    table = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert table[1:] == [["ep1.mp4", "a.wav", "b.wav"], ["ep2.mp4", "c.wav", ""]]


def test_yaml_has_a_map_of_languages() -> None:
    """Norwegian is quoted: to older programs it is false."""
    data = render([row("ep1.mp4", none="a.wav", no="b.wav")], Path("m.yaml")).decode()

    assert "'no': b.wav" in data
    assert yaml.safe_load(data) == {
        "version": 1,
        "jobs": [{"video": "ep1.mp4", "audio": "a.wav"}, {"video": "ep1.mp4", "audio": {"no": "b.wav"}}],
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ep1.mp4", "ep1.mp4"),
        ("=a.mp4", "./=a.mp4"),
        ("＝a.mp4", "./＝a.mp4"),
        ("-a.mp4", "./-a.mp4"),
        ("@/a.mp4", "./@/a.mp4"),
        (" a.mp4", "./ a.mp4"),
        ("data:a.mp4", "./data:a.mp4"),
        ("(a).mp4", "(a).mp4"),
        ("/=a.mp4", "/=a.mp4"),
    ],
)
def test_a_name_is_written_so_that_it_stays_a_name(path: str, text: str) -> None:
    """Neither a formula nor an address."""
    assert spelling(PurePosixPath(path)) == text


@pytest.mark.parametrize(
    ("videos", "ids"),
    [
        (["ep1.mp4", "ep2.mp4"], ("", "")),
        (["s1/ep1.mp4", "s2/ep1.mp4", "ep2.mp4"], ("s1-ep1", "s2-ep1", "")),
        (["a/b-c.mp4", "a-b/c.mp4", "b-c.mp4", "c.mp4"], ("a-b-c", "a-b-c-2", "b-c", "c")),
        (["ep1.mp4", "a/EP1.mp4"], ("ep1", "a-EP1")),
        (["=a/x.mp4", "b/x.mp4"], ("a-x", "b-x")),
        (["1/2.mp4", "3/2.mp4"], ("video-1-2", "video-3-2")),
    ],
)
def test_rows_get_ids_only_where_names_clash(videos: list[str], ids: tuple[str, ...]) -> None:
    """Made of the folders, and never a formula, a number or a date."""
    assert row_ids([row(video, de="x.wav") for video in videos]) == ids


@pytest.mark.parametrize("name", ["m.txt", "m", "m.json"])
def test_another_suffix_is_refused(name: str) -> None:
    """The formats are named."""
    with pytest.raises(UsageError, match=r"\.yaml, \.yml, \.csv, \.xlsx"):
        check_suffix(Path(name))
