"""Which outputs pass: whole, playable, with picture and sound, and of a known duration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubbatch.errors import MediaError
from dubbatch.media.checks import Verdict, check_output

LAYOUTS = ["", "+faststart", "+frag_keyframe+empty_moov"]


def checked(folder: Path, data: bytes, durations_s: Sequence[float] = ()) -> Verdict:
    # Downloads are checked before they get their name.
    file = folder / "output.mp4.part"
    file.write_bytes(data)
    return check_output(file, durations_s=durations_s)


@pytest.mark.parametrize("movflags", LAYOUTS)
def test_a_good_output_passes_whatever_its_layout(tmp_path: Path, clip: Callable[..., bytes], movflags: str) -> None:
    verdict = checked(tmp_path, clip(2.0, movflags=movflags), [2.0])

    assert (verdict.ok, verdict.reason) == (True, "")
    assert verdict.duration_s == pytest.approx(2.0, abs=0.1)
    assert (verdict.width, verdict.height) == (64, 48)


@pytest.mark.parametrize("movflags", ["", "+faststart"])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prefix_of_a_good_output_never_passes(
    tmp_path: Path, clip: Callable[..., bytes], movflags: str, share: float
) -> None:
    whole = clip(2.0, movflags=movflags)

    assert not checked(tmp_path, whole[: int(len(whole) * share)]).ok


def test_a_fragmented_output_cut_between_fragments_fails_by_its_duration(
    tmp_path: Path, clip: Callable[..., bytes]
) -> None:
    whole = clip(4.0, movflags="+frag_keyframe+empty_moov")
    second = whole.index(b"moof", whole.index(b"moof") + 4) - 4

    verdict = checked(tmp_path, whole[:second], [4.0])

    assert not verdict.ok
    assert "the job's media 4.0 s" in verdict.reason


def test_an_end_that_was_never_written_is_found(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    """A transfer that leaves zeros where a part is missing has the right length and whole boxes."""
    whole = clip(2.0, movflags="+faststart")

    verdict = checked(tmp_path, whole[:-1500] + bytes(1500), [2.0])

    assert not verdict.ok
    assert "part of it is damaged" in verdict.reason


def test_a_beginning_that_was_never_written_is_found(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    whole = clip(2.0, movflags="+faststart")
    start = whole.index(b"mdat") + 4

    verdict = checked(tmp_path, whole[:start] + bytes(1500) + whole[start + 1500 :], [2.0])

    assert not verdict.ok


@pytest.mark.parametrize(
    ("durations_s", "ok"),
    [([], True), ([2.0], True), ([2.4], True), ([9.0, 2.1], True), ([3.0], False), ([3.0, 60.0], False)],
)
def test_the_duration_has_to_fit_any_known_one(
    tmp_path: Path, clip: Callable[..., bytes], durations_s: list[float], ok: bool
) -> None:
    assert checked(tmp_path, clip(2.0), durations_s).ok is ok


def test_a_wrong_duration_names_both(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    verdict = checked(tmp_path, clip(2.0), [61.0, 3.0])

    assert verdict.reason == "the file lasts 2.0 s, the job's media 3.0 s or 61.0 s"
    assert verdict.duration_s == pytest.approx(2.0, abs=0.1)


def test_an_output_needs_sound(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    assert checked(tmp_path, clip(sound=False)).reason == "the file has a picture but no sound"


def test_an_output_needs_a_picture(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    assert checked(tmp_path, clip(picture=False)).reason == "the file has sound but no picture"


@pytest.mark.parametrize("form", ["wav", "mp3"])
def test_a_track_is_no_output(tmp_path: Path, track: Callable[..., bytes], form: str) -> None:
    assert checked(tmp_path, track(form, 1.0)).reason == "the file is not an MP4 video"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>expired</html>", "the file is a web page, not media"),
        (b"<?xml?><Error/>", "the file is XML, not media"),
    ],
)
def test_what_is_no_media_fails_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    assert checked(tmp_path, data) == Verdict(ok=False, reason=reason, whole=False)


def test_a_file_that_can_t_be_read_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4 can't be read"):
        check_output(tmp_path / "gone.mp4", durations_s=[])


@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_makes_a_check_fail(
    tmp_path: Path, clip: Callable[..., bytes], places: list[tuple[float, int]]
) -> None:
    data = bytearray(clip(1.0, movflags="+faststart"))
    for place, value in places:
        data[int(place * len(data))] = value

    verdict = checked(tmp_path, bytes(data), [1.0])

    assert verdict.ok == (not verdict.reason)
