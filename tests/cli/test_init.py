"""``dubbatch init``: from a folder to a manifest that loads, without harm to what is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


@pytest.fixture
def spring(shell: Shell) -> Path:
    """Two episodes in nested folders, with dubs; and files without partners."""
    folder = shell.folder / "spring"
    fill(folder, "video/ep1.mp4", "video/ep2.mp4", "dubs/ja/ep1.wav", "dubs/ep1.de.wav", "dubs/ep2_pt-BR.mp3")
    fill(folder, "video/trailer.mp4", "dubs/ep9.de.wav", "dubs/ep2.fr.m4a", ".trash/ep1.mp4")
    return folder


@pytest.mark.parametrize("output", [None, "spring/dubs.yml", "spring.csv", "sheets/spring.xlsx"])
def test_what_is_written_loads_and_has_every_pair(
    shell: Shell, spring: Path, output: str | None, make_media: Callable[[Path], None]
) -> None:
    """In every format, in the folder and beside it."""
    for path in (*spring.rglob("*.mp4"), *spring.rglob("*.wav"), *spring.rglob("*.mp3")):
        make_media(path)
    done = shell.here("init", "spring", *(["--output", output] if output else []))
    told = shell.here("plan", output or "spring/manifest.yaml", "--format", "json")

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 videos with 3 dubs: 1 de, 1 ja, 1 pt-BR." in done.stdout
    assert f"dubbatch plan {output or 'spring/manifest.yaml'}" in done.stdout
    plan = json.loads(told.stdout)
    assert (told.returncode, plan["problems"]) == (0, [])
    assert sorted(job["id"] for job in plan["jobs"]) == ["ep1-de", "ep1-ja", "ep2-pt-BR"]


def test_what_has_no_partner_is_listed_with_the_reason(shell: Shell, spring: Path) -> None:
    """On both sides; and what is refused, with the line that converts it from where the person is."""
    told = shell.here("init", "spring").stdout

    assert "video/trailer.mp4: no audio track is called like it" in told
    assert "dubs/ep9.de.wav: no video is called ep9" in told
    assert "ffmpeg -i spring/dubs/ep2.fr.m4a -vn spring/dubs/ep2.fr.wav" in told
    assert ".trash" not in told
    assert "These are not in the manifest" in told


def test_a_second_track_of_a_language_is_listed_apart(shell: Shell) -> None:
    """It has a video, which has another track in that language."""
    fill(shell.folder / "two", "ep1.mp4", "ep1.de.wav", "de/ep1.wav")

    told = shell.here("init", "two").stdout

    assert "1 video with 1 dub: 1 de." in told
    assert "Tracks in a language that their video has already:\n  de/ep1.wav: ep1.mp4 has a track in de already" in told
    assert "without a video" not in told


def test_a_manifest_that_is_there_is_never_overwritten(shell: Shell, spring: Path) -> None:
    """Not even an empty one, or a link that leads nowhere."""
    fill(spring, "manifest.yaml")
    before = shell.listing()
    (spring / "link.csv").symlink_to("nowhere.csv")

    for told in (shell.here("init", "spring"), shell.here("init", "spring", "--output", "spring/link.csv")):
        assert told.returncode == 2
        assert "exists already, and is not overwritten" in told.stderr
        assert "--output" in told.stderr
    (spring / "link.csv").unlink()
    after = shell.listing()
    assert {name: after[name] for name in after if name != "spring"} == {n: before[n] for n in before if n != "spring"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["demo.csv"], "demo.csv is a file, not a folder"),
        (["spring", "--output", "spring.txt"], "its name ends in .yaml, .yml, .csv, .xlsx"),
    ],
)
def test_a_mistake_in_the_command_ends_with_2(shell: Shell, spring: Path, arguments: list[str], words: str) -> None:
    """Nothing is written."""
    before = shell.listing()

    told = shell.here("init", *arguments)

    assert told.returncode == 2
    assert words in told.stderr
    assert shell.listing() == before


def test_a_folder_without_pairs_ends_with_3(shell: Shell) -> None:
    """It says what names it looks for, and writes nothing."""
    fill(shell.folder / "lonely", "one.mp4", "two.wav")
    before = shell.listing()

    told = shell.here("init", "lonely")

    assert told.returncode == 3
    assert "ep1.mp4 with ep1.ja.wav" in told.stdout
    assert "two.wav: no video is called two" in told.stdout
    assert shell.listing() == before


def test_hostile_names_are_told_and_left_out(shell: Shell, make_media: Callable[[Path], None]) -> None:
    """No crash, and nothing that a terminal would obey."""
    folder = shell.folder / "hostile"
    fill(folder, "a\nb.mp4", "a\nb.de.wav", "\x1b[31mred.mp4", "\udcff.mp4", "=cmd.mp4", "=cmd.de.wav", "{id}.wav")
    for name in ("=cmd.mp4", "=cmd.de.wav"):
        make_media(folder / name)

    done = shell("init", "hostile", "--output", "hostile/m.csv")
    told = shell.here("plan", "hostile/m.csv", "--format", "json")

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.count("rename it") == 5
    assert [job["video"] for job in json.loads(told.stdout)["jobs"]] == ["./=cmd.mp4"]
    assert json.loads(told.stdout)["problems"] == []
