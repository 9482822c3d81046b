"""What shows beside the other tracks of a batch."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from dubbatch.media.facts import Facts
from dubbatch.preflight.siblings import Track, findings


def track(
    job: str, language: str = "de", *, video: str = "ep1", level: float = -20.0, sound: str = "", audio: str = ""
) -> Track:
    facts = Facts(container="wav", audio=True, duration_s=9.0, loudness_db=level, peak_db=level + 15, sound=sound)
    return Track(job, video, language, facts, audio=audio)


def said(*tracks: Track) -> dict[str, str]:
    return {job: "; ".join(finding.message for finding in found) for job, found in findings(tracks).items()}


def test_a_track_far_below_the_other_dubs_of_its_video_is_told() -> None:
    found = findings([track("a", "de"), track("b", "fr", level=-21), track("c", "it", level=-34.5)])

    assert list(found) == ["c"]
    (finding,) = found["c"]
    assert (finding.severity, finding.field) == ("warning", "audio")
    assert "14 dB quieter than the other dubs of its video" in finding.message
    assert "-34.5 dB, theirs -20.5 dB" in finding.message
    assert "volume=14.0dB" in finding.remedy


def test_a_little_quieter_is_a_matter_of_taste() -> None:
    assert not said(track("a"), track("b"), track("c", level=-32))


def test_too_few_tracks_make_no_level() -> None:
    assert not said(track("a"), track("b", level=-50))
    assert not said(*(track(str(n), video=str(n)) for n in range(2)), track("c", video="c", level=-50))


def test_without_siblings_the_batch_is_the_measure() -> None:
    found = said(*(track(str(n), video=str(n)) for n in range(3)), track("c", video="c", level=-50))

    assert list(found) == ["c"]
    assert "the other tracks" in found["c"]


def test_a_quiet_film_is_measured_by_its_own_dubs() -> None:
    quiet = [track(f"q{n}", video="q", level=-45) for n in range(3)]

    assert not said(*quiet, *(track(str(n), video=str(n)) for n in range(9)))


def test_what_is_silent_all_but_silent_or_broken_is_told_elsewhere() -> None:
    broken = Track("x", "ep1", "fr", Facts(flaw="cut", loudness_db=-50.0, sound="s"))
    tracks = [track("a", sound="s"), track("b"), track("c"), track("d", level=-56), track("e", level=-120)]

    assert not said(*tracks, broken)


def test_silence_under_two_languages_is_not_the_same_sound() -> None:
    assert not said(track("a", "de", level=-120, sound="0"), track("b", "fr", level=-120, sound="0"))


def test_the_same_sound_under_two_languages_is_told_to_both() -> None:
    found = said(track("a", "de", sound="s"), track("b", "fr", sound="s"), track("c", "it", sound="t"))

    assert found == {
        "a": "the audio for de is the same sound as that of job b (fr)",
        "b": "the audio for fr is the same sound as that of job a (de)",
    }


def test_the_same_sound_under_another_video_is_told_as_that() -> None:
    found = said(track("a", "de", sound="s"), track("b", "fr", video="ep2", sound="s"))

    assert found["a"].endswith("job b (fr), a dub of another video")


def test_one_dub_may_serve_two_cuts() -> None:
    assert not said(track("a", "de", video="wide", sound="s"), track("b", "DE", video="upright", sound="s"))


def test_one_file_in_two_rows_of_a_video_is_told_by_the_manifest_alone() -> None:
    assert not said(track("a", "de", sound="s", audio="x.wav"), track("b", "fr", sound="s", audio="x.wav"))


def test_a_copy_of_a_file_that_two_rows_name_is_told() -> None:
    tracks = [track("a", "de", sound="s", audio="x.wav"), track("b", "fr", sound="s", audio="x.wav")]

    assert set(said(*tracks, track("c", "it", sound="s", audio="y.wav"))) == {"a", "b", "c"}


levels = st.floats(-69, 0).map(lambda level: round(level, 1))
tracks_of = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["de", "fr", ""]), levels, st.sampled_from("xyz"))
)


@given(tracks_of)
def test_quiet_tracks_are_those_below_the_median_of_the_others(rows: list[tuple[str, str, float, str]]) -> None:
    tracks = [track(str(n), lang, video=video, level=level) for n, (video, lang, level, _) in enumerate(rows)]
    quiet = set()
    for number, (video, _, level, _) in enumerate(rows):
        others = [row for place, row in enumerate(rows) if place != number]
        family = [row[2] for row in others if row[0] == video]
        measure = family if len(family) >= 2 else [row[2] for row in others] if len(others) >= 3 else []
        if measure and statistics.median(measure) - level > 12 and level >= -55:
            quiet.add(str(number))

    assert set(findings(tracks)) == quiet


@given(tracks_of)
def test_the_same_sound_is_told_to_each_that_another_language_has_too(rows: list[tuple[str, str, float, str]]) -> None:
    tracks = [track(str(n), lang, video=video, sound=sound) for n, (video, lang, _, sound) in enumerate(rows)]

    doubled = {
        str(n) for n, (_, lang, _, sound) in enumerate(rows) if any(o[3] == sound and o[1] != lang for o in rows)
    }

    assert set(findings(tracks)) == doubled


def test_a_hundred_thousand_tracks_of_one_sound_are_no_trouble() -> None:
    tracks = [track(str(n), "de" if n % 9 else "fr", video=str(n % 7), sound="s") for n in range(100_000)]

    assert len(findings(tracks)) == len(tracks)
