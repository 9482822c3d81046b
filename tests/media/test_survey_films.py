"""Films: what a survey says of whole ones, of each kind of broken one, and how long they last."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubbatch.errors import MediaError
from dubbatch.media.facts import Facts
from dubbatch.media.survey import survey

VARIABLE = [0.0, 0.04, 0.2, 0.24, 0.6, 0.64, 0.7, 1.4, 1.44, 1.5, 2.4, 2.44, 2.9, 2.96]
FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov"}
#: What the film is made with, and how long it lasts.
WHOLE: dict[str, tuple[dict[str, Any], float]] = {
    "plain": ({}, 3.0),
    "long": ({"seconds": 12}, 12.0),
    "faststart": ({"options": {"movflags": "+faststart"}}, 3.0),
    "fragmented": ({"options": FRAGMENTED}, 3.0),
    "fragmented, first part in the index": ({"options": {"movflags": "+frag_keyframe"}}, 3.0),
    "fragmented, with an index of fragments": ({"options": {"movflags": "+frag_keyframe+global_sidx+dash"}}, 3.0),
    "cmaf": ({"options": {"movflags": "+cmaf+frag_keyframe+empty_moov"}}, 3.0),
    "variable frame rate": ({"times": VARIABLE}, 3.0),
    "variable frame rate, silent": ({"times": VARIABLE, "sound_s": 0}, 3.0),
    "variable frame rate, no b-frames": ({"times": VARIABLE, "sound_s": 0, "encoder": {"bf": "0"}}, 3.0),
    "sound longer": ({"sound_s": 5.0}, 5.0),
    "picture longer": ({"seconds": 5.0, "sound_s": 2.0}, 5.0),
    "no sound": ({"sound_s": 0}, 3.0),
    "b-frames": ({"encoder": {"bf": "3", "g": "50"}}, 3.0),
    "b-frames without an edit list": ({"encoder": {"bf": "3"}, "options": {"use_editlist": "0"}}, 3.0),
    "b-frames, fragmented": ({"encoder": {"bf": "3"}, "options": FRAGMENTED}, 3.0),
    "hevc": ({"codec": "libx265", "encoder": {"x265-params": "log-level=none"}}, 3.0),
    "mpeg4": ({"codec": "mpeg4"}, 3.0),
    "one key frame": ({"encoder": {"g": "1000", "sc_threshold": "0"}}, 3.0),
    "ten frames a second": ({"fps": 10}, 3.0),
    "sixty frames a second": ({"fps": 60}, 3.0),
    "odd size": ({"size": (98, 58)}, 3.0),
    "turned": ({"turned": 90}, 3.0),
    "subtitles that last longer": ({"subtitles": True}, 3.0),
    "mp3 in it": ({"sound_codec": "libmp3lame"}, 3.0),
    "quicktime": ({"name": "film.mov"}, 3.0),
    "matroska": ({"name": "film.mkv"}, 3.0),
    "webm": ({"name": "film.webm", "codec": "libvpx-vp9", "sound_codec": "libopus"}, 3.0),
    "transport stream": ({"name": "film.ts"}, 3.0),
    "avi": ({"name": "film.avi", "codec": "mpeg4", "sound_codec": "libmp3lame", "encoder": {"bf": "0"}}, 3.0),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_film_has_no_flaw_and_its_length_is_right(film: Callable[..., Path], kind: str) -> None:
    made, seconds = WHOLE[kind]

    facts = survey(film(**made))

    assert facts.flaw == ""
    # Without an edit list, frames that wait for their order delay the film by two of them: that is its length then.
    late = 0.09 if "fragmented" in kind or "without an edit list" in kind else 0.03
    assert facts.duration_s == pytest.approx(seconds, rel=0.01, abs=late)
    assert facts.video
    assert facts.audio is (made.get("sound_s") != 0)
    assert (facts.loudness_db, facts.peak_db, facts.sound) == (None, None, "")


def test_a_film_is_described(film: Callable[..., Path]) -> None:
    facts = survey(film())

    assert "mp4" in facts.container.split(",")
    assert (facts.brand, facts.video_codec, facts.audio_codec, facts.channels) == ("isom", "h264", "aac", 1)
    assert (facts.width, facts.height) == (64, 48)
    assert facts.frame_rate == pytest.approx(25, rel=0.02)


@pytest.mark.parametrize(("degrees", "size"), [(90, (48, 64)), (-90, (48, 64)), (180, (64, 48))])
def test_a_turned_picture_has_the_size_that_is_shown(
    film: Callable[..., Path], degrees: int, size: tuple[int, int]
) -> None:
    facts = survey(film(turned=degrees))

    assert (facts.width, facts.height) == size


def test_a_quicktime_film_has_its_brand_under_any_name(film: Callable[..., Path]) -> None:
    path = film("film.mov")

    assert survey(path.rename(path.with_suffix(".mp4"))).brand == "qt"


@pytest.mark.parametrize("seconds", [0.0, 3600.0, 1.0])
def test_a_header_that_lies_about_the_length_is_not_believed(film: Callable[..., Path], seconds: float) -> None:
    path = film(seconds=4.0)
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"mvhd") + 20, round(seconds * 1000))
    path.write_bytes(data)

    facts = survey(path)

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(4.0, rel=0.01)


def test_the_part_that_an_edit_list_leaves_out_does_not_count(film: Callable[..., Path], tmp_path: Path) -> None:
    source, cut = film(seconds=6.0, sound_s=0), tmp_path / "cut.mp4"
    with av.open(source) as whole, av.open(cut, "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                shift = round(2 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                container.mux(packet)

    facts = survey(cut)

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(4.0, rel=0.01, abs=0.05)


def test_zeros_at_the_end_are_padding(film: Callable[..., Path]) -> None:
    path = film(options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes() + bytes(4097))

    assert survey(path).flaw == ""


@pytest.mark.parametrize("movflags", ["", "+faststart"])
@given(share=st.floats(0.0, 0.999))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_film_that_was_cut_has_a_flaw(
    tmp_path: Path, clip: Callable[..., bytes], movflags: str, share: float
) -> None:
    whole = clip(2.0, movflags=movflags)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: int(len(whole) * share)])

    assert survey(path).flaw


def test_a_cut_is_told_in_bytes(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip(2.0, movflags="+faststart")[:-1234])

    facts = survey(path)

    assert facts.flaw == "the file is cut: 1234 bytes of its mdat box are missing"
    assert facts.duration_s is None


@pytest.mark.parametrize("place", [0.3, 0.8])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_hole_anywhere_in_the_media_is_damage(film: Callable[..., Path], codec: str, place: float) -> None:
    """Only both ends are decoded; what lies between shows in the lengths of its units."""
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = film(seconds=2.0, codec=codec, sound_s=0, size=(320, 240), encoder=quiet)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    hole = start + int((data.index(b"moov") - start - 3000) * place)
    data[hole : hole + 3000] = bytes(3000)
    path.write_bytes(data)

    assert survey(path).flaw


def test_zeros_inside_of_one_picture_are_damage(film: Callable[..., Path]) -> None:
    """The lengths around them add up: that no unit may have three zeros in a row gives them away."""
    path = film(seconds=4.0, size=(640, 360), sound_s=0, encoder={"g": "12"})
    data = bytearray(path.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    place = start + (end - start) // 2
    # Inside of a unit: its length stands before it.
    data[place : place + 60] = bytes(60)
    path.write_bytes(data)

    assert survey(path).flaw == "part of it is damaged"


def test_a_hole_in_the_sound_of_a_film_is_damage(film: Callable[..., Path]) -> None:
    """Every picture can be shown, and next to nothing heard."""
    path = film(seconds=8.0)
    data = bytearray(path.read_bytes())
    with av.open(path) as container:
        sounds = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.pos is not None]
    for place, size in sounds[20:60]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)

    assert survey(path).flaw == "part of it is damaged"


def test_what_an_edit_list_leaves_out_at_the_end_is_no_flaw(film: Callable[..., Path]) -> None:
    """Cutting programs write such films: the rest is in the file, and is never shown."""
    path = film(seconds=6.0, encoder={"g": "10"})
    data = bytearray(path.read_bytes())
    place = -1
    while (place := data.find(b"elst", place + 1)) >= 0:
        # Version and flags, one entry: how long it plays, in thousandths of a second (ISO 14496-12, 8.6.6).
        struct.pack_into(">I", data, place + 12, 2000)
    place = data.index(b"mvhd")
    struct.pack_into(">I", data, place + 20, 2000)
    path.write_bytes(data)

    facts = survey(path)

    assert facts.flaw == ""
    assert facts.duration_s == pytest.approx(2.0, rel=0.01, abs=0.05)


def test_a_fragmented_film_that_ends_too_early_has_a_flaw(film: Callable[..., Path]) -> None:
    path = film(seconds=6.0, options={"movflags": "+frag_keyframe+empty_moov+default_base_moof"})
    data = path.read_bytes()
    # What a writer knows that wrote the whole before: the length of all fragments (mehd), in the index's mvex.
    promise = struct.pack(">I4sII", 16, b"mehd", 0, 6000)
    mvex, moov = data.index(b"mvex") - 4, data.index(b"moov") - 4
    grown = bytearray(data[: mvex + 8] + promise + data[mvex + 8 :])
    for box in (mvex, moov):
        struct.pack_into(">I", grown, box, struct.unpack_from(">I", grown, box)[0] + len(promise))
    path.write_bytes(grown)
    assert survey(path).flaw == ""
    assert survey(path).duration_s == pytest.approx(6.0, rel=0.01, abs=0.09)
    last = grown.rindex(b"moof", 0, len(grown) * 2 // 3) - 4
    path.write_bytes(grown[:last])

    facts = survey(path)

    assert "it promises 6.0 s" in facts.flaw


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (b"", "the file is empty"),
        (b"<html>sign in</html>", "the file is a web page, not media"),
        (b"<?xml?><Error/>", "the file is XML, not media"),
        (b'{"error": 1}', "the file is JSON, not media"),
        (bytes(9999), "the file begins with nothing but zeros"),
        (b"episode,language\n" * 90, "it is not a kind of media that is known, or it is damaged"),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.wav"])
def test_what_is_no_media_is_named(tmp_path: Path, name: str, data: bytes, flaw: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    assert survey(path) == Facts(flaw=flaw)


def test_what_the_system_does_not_open_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.mp4", tmp_path, Path("/dev/null")):
        with pytest.raises(MediaError, match=str(path)):
            survey(path)


@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=20))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_makes_a_survey_fail(
    tmp_path: Path, clip: Callable[..., bytes], places: list[tuple[float, bytes]]
) -> None:
    data = bytearray(clip(1.0, movflags="+faststart"))
    for place, noise in places:
        start = int(place * len(data))
        data[start : start + len(noise)] = noise
    path = tmp_path / "film.mp4"
    path.write_bytes(data)

    facts = survey(path)

    assert Facts.from_json(facts.to_json()) == facts
