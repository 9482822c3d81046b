"""Pairs of videos and tracks by their names, in tables and for any names at all."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.pairing.folder import find_media
from dubbatch.pairing.nearness import natural
from dubbatch.pairing.pairs import Pairing, pair, role_of


def paired(*names: str) -> Pairing:
    return pair(map(PurePosixPath, names))


def dubs(pairing: Pairing) -> dict[str, dict[str, str]]:
    return {str(row.video): {track.language: str(track.path) for track in row.tracks} for row in pairing.rows}


def reasons(pairing: Pairing) -> dict[str, str]:
    orphans = (*pairing.videos_without_audio, *pairing.audios_without_video, *pairing.spare)
    return {str(orphan.path): orphan.reason for orphan in orphans}


@pytest.mark.parametrize(
    ("audio", "language"),
    [
        ("ep1.ja.wav", "ja"),
        ("ep1_ja.wav", "ja"),
        ("ep1-pt-BR.mp3", "pt-BR"),
        ("ep1 (de).wav", "de"),
        ("ep1 (dub).de.wav", "de"),
        ("EP1_DE.WAV", "de"),
        ("ja_ep1.wav", "ja"),
        ("ep1_it.wav", "it"),
        ("ep1_JP.wav", "ja"),
        ("ep1_jpn.wav", "ja"),
        ("ep1.French.mp3", "fr"),
        ("ep1_dub_ja.wav", "ja"),
        ("ep1_audio.wav", ""),
        ("ep1.wav", ""),
        ("ja/ep1.wav", "ja"),
        ("audio/ja/ep1.wav", "ja"),
        ("Japanese/ep1.wav", "ja"),
        ("audio_ja/ep1.wav", "ja"),
        ("dubs/ep1.ja.wav", "ja"),
        ("fr/ep1.ja.wav", "ja"),
        ("ep1/ja.wav", "ja"),
        ("ep1/audio_ja.wav", "ja"),
    ],
)
def test_a_track_is_called_like_its_video(audio: str, language: str) -> None:
    """With a language at one end of the name, as the name of a folder, or without one."""
    assert dubs(paired("ep1.mp4", audio)) == {"ep1.mp4": {language: audio}}


@pytest.mark.parametrize("audio", ["ep10.wav", "ep1.teaser.de.wav", "ep1_music.wav", "ep2.de.wav", "e.wav", "s2/x.wav"])
def test_a_track_of_another_name_is_an_orphan(audio: str) -> None:
    """A wrong pair would be paid for."""
    pairing = paired("ep1.mp4", audio)

    assert pairing.rows == ()
    assert reasons(pairing)["ep1.mp4"] == "no audio track is called like it"
    assert reasons(pairing)[audio].startswith("no video is called ")


@pytest.mark.parametrize(
    ("videos", "audio", "video", "language"),
    [
        (["ep1.mp4", "ep10.mp4"], "ep10.de.wav", "ep10.mp4", "de"),
        (["ep1.mp4", "ep1.teaser.mp4"], "ep1.teaser.de.wav", "ep1.teaser.mp4", "de"),
        (["ep1.mp4", "ep1.teaser.mp4"], "ep1.teaser.wav", "ep1.teaser.mp4", ""),
        (["ep1.mp4", "ep1.de.mp4"], "ep1.de.wav", "ep1.de.mp4", "de"),
        (["ep1_EN.mp4"], "ep1_DE.wav", "ep1_EN.mp4", "de"),
        (["ep1_en.mp4"], "ja/ep1_en.wav", "ep1_en.mp4", "ja"),
        (["ep1.mp4", "EP1.mp4"], "EP1.de.wav", "EP1.mp4", "de"),
        (["ep1.mp4", "ep1.mov"], "ep1.de.wav", "ep1.mp4", "de"),
        # the nearest folder
        (["s1/ep1.mp4", "s2/ep1.mp4"], "s2/ep1.de.wav", "s2/ep1.mp4", "de"),
        (["s1/ep1.mp4", "s2/ep1.mp4"], "s2/dubs/de/ep1.wav", "s2/ep1.mp4", "de"),
        (["ep1.mp4", "old/ep1.mp4"], "dubs/ep1.de.wav", "ep1.mp4", "de"),
        # mirrored trees
        (["video/s1/ep1.mp4", "video/s2/ep1.mp4"], "audio/s1/ep1.de.wav", "video/s1/ep1.mp4", "de"),
        (["video/s1/ep1.mp4", "video/s2/ep1.mp4"], "audio/de/s2/ep1.wav", "video/s2/ep1.mp4", "de"),
        (["s1/mp4/ep1.mp4", "s2/mp4/ep1.mp4"], "s2/wav/fr/ep1.wav", "s2/mp4/ep1.mp4", "fr"),
        # a folder for each video
        (["a/video.mp4", "b/video.mp4"], "a/de.wav", "a/video.mp4", "de"),
        (["a/master.mp4", "b/master.mp4"], "a/audio_de.wav", "a/master.mp4", "de"),
        (["a/master.mp4", "b/master.mp4"], "a/pt-BR dub.wav", "a/master.mp4", "pt-BR"),
        # separators
        (["Lesson 1.mp4", "Lesson 11.mp4"], "Lesson_1_de.wav", "Lesson 1.mp4", "de"),
        (["lesson-2.mp4"], "Lesson 2 - de.wav", "lesson-2.mp4", "de"),
        (["a.b-c_EN.mp4"], "a b c DE.wav", "a.b-c_EN.mp4", "de"),
        (["Lesson 1.mp4", "Lesson_1.mp4"], "Lesson_1_de.wav", "Lesson_1.mp4", "de"),
        (["Lesson 1.mp4", "Lesson_1.mp4"], "Lesson 1.wav", "Lesson 1.mp4", ""),
        (["ep1.mp4", "ep1-de.mp4"], "ep1.de.wav", "ep1.mp4", "de"),
        (["s1/Ep 1.mp4", "s2/Ep 1.mp4"], "s2/Ep_1.de.wav", "s2/Ep 1.mp4", "de"),
        # brackets that tell copies apart
        (["Promo.mp4", "Promo (1).mp4"], "Promo (1).de.wav", "Promo (1).mp4", "de"),
        (["Promo.mp4", "Promo (1).mp4"], "de_Promo (1).wav", "Promo (1).mp4", "de"),
        (["(1) Promo.mp4"], "(1) Promo.de.wav", "(1) Promo.mp4", "de"),
        # the language in the middle
        (["Promo_EN_final.mp4"], "Promo_DE_final.wav", "Promo_EN_final.mp4", "de"),
        (["Promo EN final.mp4"], "Promo_IT_final.wav", "Promo EN final.mp4", "it"),
        (["Promo.en-US.final.mp4"], "Promo.PT_BR.final.wav", "Promo.en-US.final.mp4", "pt-BR"),
        (["Promo_English_final.mp4"], "Promo_German_final.wav", "Promo_English_final.mp4", "de"),
        (
            ["M/Spot30_EN_Master.mp4", "M/Spot60_EN_Master.mp4"],
            "VO/Spot30_FR_Master.wav",
            "M/Spot30_EN_Master.mp4",
            "fr",
        ),
        (["Promo_EN_final.mp4", "Promo_DE_final.mp4"], "Promo_DE_final.wav", "Promo_DE_final.mp4", ""),
    ],
)
def test_of_several_videos_the_surest_and_nearest_counts(
    videos: list[str], audio: str, video: str, language: str
) -> None:
    """The whole name before one with a language, then the folders that are shared."""
    assert dubs(paired(*videos, audio)) == {video: {language: audio}}


def test_a_tie_is_an_orphan_that_says_so() -> None:
    """What can't be decided is not decided."""
    pairing = paired("a/ep1.mp4", "b/ep1.mp4", "dubs/ep1.de.wav")

    assert pairing.rows == ()
    assert reasons(pairing)["dubs/ep1.de.wav"] == "it fits a/ep1.mp4 and b/ep1.mp4 alike"


@pytest.mark.parametrize(
    ("video", "audio"),
    [
        ("Lesson 1.5.mp4", "Lesson 1-5 de.wav"),
        ("Lesson 11.mp4", "Lesson 1_1.de.wav"),
        ("Promo_EN_final.mp4", "Promo_FR_final_v2.wav"),
        ("Promo_EN_final.mp4", "PromoX_FR_final.wav"),
        ("Promo_EN_final.mp4", "Promo_final_FR_x.wav"),
        ("Promo_EN_Q1_final.mp4", "Promo_Q1_FR_final.wav"),
        ("Promo_EN_final.mp4", "Promo_JP2_final.wav"),
        ("cafe_de_paris.mp4", "cafe_en_paris.wav"),
        ("Tell_me_more.mp4", "Tell_us_more.wav"),
        ("Meet_HR_and_IT_people.mp4", "Meet_DE_and_IT_people.wav"),
        ("a/master.mp4", "a/music_de.wav"),
        ("a/master.mp4", "audio_de.wav"),
    ],
)
def test_what_only_looks_alike_is_no_pair(video: str, audio: str) -> None:
    """A number's dot is no separator, a word is no language, and what surrounds the language is the same."""
    assert paired(video, audio).rows == ()


@pytest.mark.parametrize(
    ("videos", "audio"),
    [
        (["Lesson 1.mp4", "Lesson-1.mp4"], "Lesson_1_de.wav"),
        (["Promo_EN_final.mp4", "Promo_FR_final.mp4"], "Promo_DE_final.wav"),
        (["ep3/master.mp4", "ep3/trailer.mp4"], "ep3/audio_de.wav"),
    ],
)
def test_what_fits_two_videos_is_an_orphan(videos: list[str], audio: str) -> None:
    """However much of the name it takes to see that."""
    assert paired(*videos, audio).rows == ()


def test_a_track_of_a_language_that_the_video_has_is_spare() -> None:
    """The one in the video's own folder is taken, then WAV; the others are told why, and that they have a video."""
    pairing = paired("v/ep1.mp4", "v/ep1.de.mp3", "v/de/ep1.wav", "v/ep1_ger.wav", "v/ep1.wav", "ep1.wav")

    assert dubs(pairing) == {"v/ep1.mp4": {"": "v/ep1.wav", "de": "v/ep1_ger.wav"}}
    assert pairing.audios_without_video == ()
    assert {str(path): reason for path, reason in pairing.spare} == {
        "ep1.wav": "v/ep1.mp4 has a track without a language already: v/ep1.wav",
        "v/de/ep1.wav": "v/ep1.mp4 has a track in de already: v/ep1_ger.wav",
        "v/ep1.de.mp3": "v/ep1.mp4 has a track in de already: v/ep1_ger.wav",
    }


def test_folders_of_one_series_are_not_mixed() -> None:
    """The track of season 2 is not one of season 1, even if that alone has a video."""
    pairing = paired("video/s1/ep1.mp4", "audio/s2/ep1.de.wav")

    assert pairing.rows == ()
    assert "another folder of the same series" in reasons(pairing)["audio/s2/ep1.de.wav"]


def test_one_track_a_language_and_wav_before_mp3() -> None:
    """The other is an orphan that says which one is taken."""
    pairing = paired("ep1.mp4", "ep1.de.mp3", "ep1_ger.wav", "ep1.de.ogg")

    assert dubs(pairing) == {"ep1.mp4": {"de": "ep1_ger.wav"}}
    assert reasons(pairing) == {"ep1.de.mp3": "ep1.mp4 has a track in de already: ep1_ger.wav"}
    assert [str(refused.path) for refused in pairing.refused] == ["ep1.de.ogg"]


def test_what_the_service_does_not_take_is_refused_with_the_line_that_converts_it() -> None:
    """And its partner is told why it has none."""
    pairing = paired("ep1.mov", "ep1.de.wav", "ep2.mp4", "ep2.de.m4a", "notes.txt")

    remedies = {str(path): remedy for path, _, remedy in pairing.refused}
    assert remedies == {
        "ep1.mov": "ffmpeg -i ep1.mov -c:v libx264 -c:a aac ep1.mp4",
        "ep2.de.m4a": "ffmpeg -i ep2.de.m4a -vn ep2.de.wav",
    }
    assert reasons(pairing) == {
        "ep1.de.wav": "its video ep1.mov can't be used as it is",
        "ep2.mp4": "its track ep2.de.m4a can't be used as it is",
    }


@pytest.mark.parametrize("name", ["a\nb.mp4", "a\ud800.mp4", "a\x7f.wav", "a\u2028.mp4", "{stem}.wav", "{id}/a.wav"])
def test_names_that_no_manifest_can_carry_are_refused(name: str) -> None:
    """Line breaks, half characters, and fields that would be filled in."""
    assert [str(refused.path) for refused in paired(name).refused] == [name]


def test_names_are_compared_without_case_and_composition() -> None:
    """macOS stores accents apart from their letters."""
    video, audio = unicodedata.normalize("NFC", "Café.mp4"), unicodedata.normalize("NFD", "CAFÉ.de.wav")

    assert dubs(paired(video, audio)) == {video: {"de": audio}}


def test_rows_are_in_natural_order() -> None:
    """As a person lists episodes."""
    names = [f"ep{number}.{suffix}" for number in (10, 2, 1) for suffix in ("mp4", "wav")]

    assert list(dubs(paired(*names))) == ["ep1.mp4", "ep2.mp4", "ep10.mp4"]
    assert natural(PurePosixPath("s2/ep1")) < natural(PurePosixPath("s10/ep1"))


_FOLDERS = st.lists(st.sampled_from(["s1", "s2", "video", "audio", "ja", "de", "x"]), max_size=3)
_NAMES = st.sampled_from(
    ["ep1", "EP1", "ep2", "ep 1", "x_EN_y", "x DE-y", "audio", "ja", "a\nb", "{stem}", "de_x"]
) | st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=6)
_ENDS = st.sampled_from(["", ".de", "_pt-BR", "-ja", " fr", "_dub_it"])
_SUFFIXES = st.sampled_from([".mp4", ".wav", ".mp3", ".MP4", ".mov", ".ogg", ".txt", ""])
_PATHS = st.builds(
    lambda folders, name, end, suffix: PurePosixPath(*folders, name + end + suffix), _FOLDERS, _NAMES, _ENDS, _SUFFIXES
)


@given(st.lists(_PATHS, max_size=14, unique=True))
def test_no_file_is_lost_and_none_is_used_twice(paths: list[PurePosixPath]) -> None:
    """Each medium is in exactly one of rows, orphans and refused; other files are in none."""
    pairing = pair(paths)

    told = [
        *(row.video for row in pairing.rows),
        *(track.path for row in pairing.rows for track in row.tracks),
        *(orphan.path for orphan in (*pairing.videos_without_audio, *pairing.audios_without_video, *pairing.spare)),
        *(refused.path for refused in pairing.refused),
    ]
    assert sorted(told) == sorted(path for path in paths if role_of(path))
    assert all(row.tracks for row in pairing.rows)
    assert all(len({track.language for track in row.tracks}) == len(row.tracks) for row in pairing.rows)
    assert pair(reversed(paths)) == pairing


def test_a_folder_is_walked_without_what_is_hidden_and_what_dubbatch_wrote(tmp_path: Path) -> None:
    """A link back to a folder above leads round once only; empty files are found, with what is wrong."""
    for name in ("ep1.mp4", "de/ep1.wav", ".x/a.mp4", "m-dubs/ep1.mp4", ".dubbatch/b.mp4", "._ep1.mp4", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "de" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")

    found = find_media(tmp_path)

    assert sorted(map(str, found.media)) == ["de/ep1.wav", "empty.wav", "ep1.mp4", "gone.wav"]
    assert {str(path): flaw.message for path, flaw in found.flaws.items()}.keys() == {"empty.wav", "gone.wav"}
    assert "0 bytes" in found.flaws[PurePosixPath("empty.wav")].message
