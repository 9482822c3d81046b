"""Dubs: what a survey says of whole ones, of each kind of broken one, how long they last and how they sound."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dubbatch.media.facts import Facts
from dubbatch.media.survey import survey

Dub = Callable[..., Path]
Speech = Callable[..., NDArray[np.float64]]
#: What a dub is made with.
WHOLE: dict[str, dict[str, Any]] = {
    "wav": {"name": "a.wav"},
    "wav of 8 bits": {"name": "a.wav", "codec": "pcm_u8"},
    "wav of 24 bits": {"name": "a.wav", "codec": "pcm_s24le"},
    "wav of floats": {"name": "a.wav", "codec": "pcm_f32le"},
    "wav in stereo": {"name": "a.wav", "layout": "stereo"},
    "wav in 5.1": {"name": "a.wav", "layout": "5.1"},
    "wav at 44.1 kHz": {"name": "a.wav", "rate": 44_100},
    "wav at 48 kHz": {"name": "a.wav", "rate": 48_000},
    "rf64": {"name": "a.wav", "options": {"rf64": "always"}},
    "mp3": {"name": "a.mp3", "rate": 44_100},
    "mp3 of variable bit rate": {"name": "a.mp3", "rate": 44_100, "encoder": {"compression_level": "9", "b": "0"}},
    "mp3 without a Xing header": {"name": "a.mp3", "rate": 44_100, "options": {"write_xing": "0"}},
    "mp3 with tags": {"name": "a.mp3", "rate": 44_100, "metadata": {"title": "Folge 1", "artist": "Anna"}},
    "mp3 with both tags": {
        "name": "a.mp3",
        "rate": 44_100,
        "options": {"write_id3v1": "1"},
        "metadata": {"title": "1"},
    },
    "mp3 in stereo": {"name": "a.mp3", "rate": 48_000, "layout": "stereo"},
    "flac": {"name": "a.flac"},
    "m4a": {"name": "a.m4a", "rate": 44_100},
    "opus": {"name": "a.ogg", "rate": 48_000},
    "wave64": {"name": "a.w64"},
}


def channels_of(layout: str) -> int:
    return {"mono": 1, "stereo": 2, "5.1": 6}[layout]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_dub_has_no_flaw_and_its_length_is_right(dub: Dub, speech: Speech, kind: str) -> None:
    made = WHOLE[kind]
    channels = channels_of(made.get("layout", "mono"))
    voice = speech(5.0, rate=made.get("rate", 16_000)).repeat(channels, axis=0)

    facts = survey(dub(samples=voice, **made))

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(5.0, rel=0.01)
    assert (facts.audio, facts.video, facts.channels) == (True, False, channels)
    assert facts.loudness_db is not None
    assert -40 < facts.loudness_db < -10
    assert facts.sound


@pytest.mark.parametrize(
    ("amplitude", "loudness", "peak"), [(1.0, -3.0, 0.0), (0.5, -9.0, -6.0), (0.1, -23.0, -20.0), (0.001, -63.0, -60.0)]
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_levels_are_of_full_scale(dub: Dub, layout: str, amplitude: float, loudness: float, peak: float) -> None:
    wave = np.sin(np.arange(32_000) * 2 * np.pi * 440 / 16_000)[None, :] * amplitude

    facts = survey(dub("a.wav", wave.repeat(channels_of(layout), axis=0), layout=layout))

    assert facts.loudness_db == pytest.approx(loudness, abs=0.3)
    assert facts.peak_db == pytest.approx(peak, abs=0.3)


def test_pauses_don_t_make_a_dub_quieter(dub: Dub) -> None:
    wave = np.sin(np.arange(160_000) * 0.2)[None, :] * 0.5
    paused = wave * (np.arange(160_000) < 16_000)

    assert survey(dub("a.wav", paused)).loudness_db == pytest.approx(survey(dub("b.wav", wave)).loudness_db, abs=0.5)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "pcm_f32le"])
def test_digital_silence_has_levels_too(dub: Dub, codec: str) -> None:
    facts = survey(dub("a.wav", np.zeros((1, 16_000)), codec=codec))

    assert (facts.flaw, facts.duration_s, facts.loudness_db, facts.peak_db) == ("", 1.0, -120.0, -120.0)


def test_an_offset_is_no_sound(dub: Dub) -> None:
    assert survey(dub("a.wav", np.full((1, 16_000), 0.25))).loudness_db == -120.0


def test_floats_that_are_no_numbers_are_no_trouble(dub: Dub, speech: Speech) -> None:
    path = dub("a.wav", speech(1.0), codec="pcm_f32le")
    data = bytearray(path.read_bytes())
    for number, value in enumerate((float("nan"), float("inf"), -float("inf"), 3e38)):
        struct.pack_into("<f", data, len(data) - 400 - 4 * number, value)
    path.write_bytes(data)

    facts = survey(path)

    assert facts.flaw == ""
    assert Facts.from_json(facts.to_json()) == facts


def test_an_empty_wav_lasts_zero_seconds(dub: Dub, speech: Speech) -> None:
    path = dub("a.wav", speech(1.0))
    data = path.read_bytes()
    start = data.index(b"data") + 4
    path.write_bytes(data[:start] + bytes(4))

    facts = survey(path)

    assert (facts.flaw, facts.duration_s, facts.sound) == ("", 0.0, "")


def test_a_wav_that_ends_before_its_sound_is_cut(dub: Dub, speech: Speech) -> None:
    path = dub("a.wav", speech(1.0))
    path.write_bytes(path.read_bytes()[:36])

    assert survey(path).flaw == "the file is cut: it ends before its sound (data chunk)"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_wav_has_a_flaw(dub: Dub, speech: Speech, share: float) -> None:
    path = dub("a.wav", speech(2.0))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    assert "are missing" in survey(path).flaw


def test_a_cut_rf64_has_a_flaw(dub: Dub, speech: Speech) -> None:
    path = dub("a.wav", speech(2.0), options={"rf64": "always"})
    path.write_bytes(path.read_bytes()[:-1000])

    assert "1000 bytes" in survey(path).flaw


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000, 0xFFFF_FFFF - 36])
def test_a_wav_from_a_pipe_is_whole(dub: Dub, speech: Speech, length: int) -> None:
    path = dub("a.wav", speech(2.0))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, length)
    path.write_bytes(data)

    facts = survey(path)

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_an_mp3_with_fewer_frames_than_it_says_is_cut(dub: Dub, speech: Speech, share: float) -> None:
    path = dub("a.mp3", speech(10.0, rate=44_100), rate=44_100)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    assert "the file is cut" in survey(path).flaw


@pytest.mark.parametrize("xing", ["0", "1"])
def test_a_hole_in_an_mp3_is_damage(dub: Dub, speech: Speech, xing: str) -> None:
    path = dub("a.mp3", speech(10.0, rate=44_100), rate=44_100, options={"write_xing": xing})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = bytes(6000)
    path.write_bytes(data)

    assert survey(path).flaw


def test_two_mp3_files_one_behind_the_other_play_as_one(dub: Dub, speech: Speech) -> None:
    path = dub("a.mp3", speech(3.0, rate=44_100), rate=44_100)
    path.write_bytes(path.read_bytes() * 2)

    facts = survey(path)

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(6.0, rel=0.02)


@pytest.mark.parametrize(("before", "behind"), [(b"", b"TAG" + bytes(125)), (bytes(700), b""), (b"", bytes(300))])
def test_what_lies_around_an_mp3_is_no_damage(dub: Dub, speech: Speech, before: bytes, behind: bytes) -> None:
    path = dub("a.mp3", speech(5.0, rate=44_100), rate=44_100)
    path.write_bytes(before + path.read_bytes() + behind)

    assert survey(path).flaw == ""


def test_the_same_samples_have_one_hash_in_any_file(dub: Dub, speech: Speech) -> None:
    voice = speech(3.0)
    plain = dub("a.wav", voice)
    padded = plain.with_name("padded.wav")
    data = plain.read_bytes()
    junk = b"JUNK" + struct.pack("<I", 28) + bytes(28)
    padded.write_bytes(data[:12] + junk + data[12:])
    files = [
        plain,
        padded,
        dub("b.wav", voice, metadata={"title": "x"}),
        dub("c.wav", voice, codec="pcm_s24le"),
        dub("d.wav", voice, codec="pcm_f32le"),
        dub("e.flac", voice),
        dub("f.m4a", voice, codec="alac"),
        # What can be heard is the same.
        dub("g.wav", voice.repeat(2, axis=0), layout="stereo"),
        dub("h.wav", np.pad(voice, ((0, 0), (4000, 9000)))),
    ]

    assert len({survey(file).sound for file in files}) == 1


def test_a_click_in_silence_is_heard_for_a_moment_only(dub: Dub, speech: Speech) -> None:
    """Its level alone would not tell."""
    silence = np.zeros((1, 15 * 16_000))
    click = silence.copy()
    click[:, 70_000:70_040] = 0.9

    assert survey(dub("click.wav", click)).audible_s == pytest.approx(0.1, abs=0.11)
    assert (survey(dub("voice.wav", speech(3.0))).audible_s or 0) > 1.0


@pytest.mark.parametrize(("lost", "is_cut"), [(1, False), (44, False), (400, True)])
def test_a_few_bytes_that_can_t_be_heard_are_not_missed(dub: Dub, speech: Speech, lost: int, is_cut: bool) -> None:
    """Some recorders count the head of the file among the samples."""
    path = dub("a.wav", speech(1.0))
    path.write_bytes(path.read_bytes()[:-lost])

    assert bool(survey(path).flaw) is is_cut


def test_other_sounds_have_other_hashes(dub: Dub, speech: Speech) -> None:
    voice = speech(3.0)
    files = [
        dub("a.wav", voice),
        dub("b.wav", speech(3.0, seed=2)),
        dub("c.wav", voice * 0.5),
        dub("d.wav", voice, rate=8000),
        dub("e.wav", np.concatenate([voice, speech(3.0, seed=2)]), layout="stereo"),
        dub("f.wav", voice[:, 4000:]),
        dub("g.wav", np.concatenate([voice[:, :20_000], np.zeros((1, 800)), voice[:, 20_000:]], axis=1)),
    ]

    assert len({survey(file).sound for file in files}) == len(files)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.m4a"])
@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=20),
    share=st.floats(0, 1),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_makes_a_survey_fail(
    dub: Dub, speech: Speech, name: str, places: list[tuple[float, bytes]], share: float
) -> None:
    path = dub(name, speech(0.5, rate=44_100), rate=44_100)
    data = bytearray(path.read_bytes())
    for place, noise in places:
        start = int(place * len(data))
        data[start : start + len(noise)] = noise
    path.write_bytes(data[: int(len(data) * share)])

    facts = survey(path)

    assert Facts.from_json(facts.to_json()) == facts
