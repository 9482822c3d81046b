"""What is said about the media of one job: each trouble once, with what to do, and nothing about good ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.forms import Tolerance
from dubbatch.jobs import Job, Media
from dubbatch.manifest.problems import Finding
from dubbatch.media.facts import Facts
from dubbatch.preflight.rules import findings

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
FILM = Facts(
    container=MP4,
    brand="isom",
    duration_s=60.0,
    video=True,
    audio=True,
    width=640,
    height=360,
    frame_rate=25.0,
    video_codec="h264",
    audio_codec="aac",
    channels=2,
)
DUB = Facts(
    container="wav",
    duration_s=60.2,
    audio=True,
    audio_codec="pcm_s16le",
    channels=1,
    loudness_db=-20.0,
    peak_db=-3.0,
    sound="aa",
)
TOLERANCE = Tolerance(part=0.05)


def job(video: str = "ep 1.mp4", audio: str = "ep1.wav") -> Job:
    return Job(id="ep1", video=medium(video), audio=medium(audio), output="ep1.mp4", position=0)


def medium(text: str) -> Media:
    return Media(text, url=text if "://" in text else None)


def found(video: Facts | None = FILM, audio: Facts | None = DUB, of: Job | None = None) -> tuple[Finding, ...]:
    return findings(of or job(), video, audio, TOLERANCE)


@pytest.mark.parametrize(
    ("video", "audio"),
    [
        (None, None),
        (FILM, None),
        (None, DUB),
        (FILM, DUB),
        (replace(FILM, brand="mp42", video_codec="hevc", audio=False, audio_codec=""), DUB),
        (replace(FILM, duration_s=None), DUB),
        (FILM, replace(DUB, container="mp3", audio_codec="mp3", duration_s=58.0)),
        (FILM, replace(DUB, audio_codec="pcm_f32le", loudness_db=None, peak_db=None)),
        (FILM, replace(DUB, loudness_db=-45.0, peak_db=-30.0)),
    ],
)
def test_good_media_have_nothing_wrong(video: Facts | None, audio: Facts | None) -> None:
    assert found(video, audio) == ()


@pytest.mark.parametrize(
    ("changes", "severity", "words", "remedy"),
    [
        ({"flaw": "the file is cut: 12 bytes …"}, "error", "the file is cut: 12 bytes", "again"),
        ({"flaw": "the file is a web page, not media"}, "error", "web page", "put the media file itself"),
        ({"flaw": "part of it is damaged", "duration_s": 0.0}, "error", "part of it is damaged", "export it again"),
        ({"video": False, "video_codec": ""}, "error", "no picture", "each other's place"),
        ({"duration_s": 0.0}, "error", "0 seconds", "export"),
        ({"brand": "qt"}, "error", "QuickTime", "ffmpeg -i 'ep 1.mp4' -c copy 'ep 1-converted.mp4'"),
        ({"container": "matroska,webm", "brand": ""}, "error", "Matroska", "-c copy"),
        (
            {"container": "matroska,webm", "brand": "", "video_codec": "vp9", "audio_codec": "opus"},
            "error",
            "vp9 and opus",
            "-c:v libx264 -pix_fmt yuv420p -c:a aac",
        ),
        ({"container": "mpegts", "audio_codec": "mp2"}, "error", "MPEG transport stream", "-c:v copy -c:a aac"),
        ({"video_codec": "prores"}, "warning", "prores", "libx264"),
        ({"video_codec": "av1"}, "warning", "av1", "libx264"),
    ],
)
def test_what_is_wrong_with_a_video_is_said_once(
    changes: dict[str, object], severity: str, words: str, remedy: str
) -> None:
    (finding,) = found(replace(FILM, **changes))  # type: ignore[arg-type]

    assert (finding.severity, finding.field) == (severity, "video")
    assert words in finding.message
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("changes", "severity", "words", "remedy"),
    [
        ({"flaw": "the file is empty"}, "error", "the file is empty", "export it again"),
        ({"audio": False, "audio_codec": "", "container": MP4}, "error", "no sound", "each other's place"),
        ({"duration_s": 0.0, "loudness_db": -120.0, "peak_db": -120.0}, "error", "0 seconds", "export"),
        ({"container": "flac", "audio_codec": "flac"}, "error", "this is FLAC", "ffmpeg -i ep1.wav -vn ep1-conv"),
        ({"container": MP4, "audio_codec": "aac"}, "error", "MP4 with aac", "-vn"),
        ({"container": "w64"}, "error", "W64", "-vn"),
        ({"flaw": "the file is CAF audio", "container": ""}, "error", "CAF audio", "-vn"),
        ({"flaw": "the file is a ZIP archive, not media"}, "error", "ZIP archive", "put the media file itself"),
        ({"audible_s": 0.1}, "warning", "0.1 s of it can be heard", "listen"),
        ({"audio_codec": "pcm_mulaw"}, "warning", "pcm_mulaw", "pcm_s16le"),
        ({"audio_codec": "mp3"}, "warning", "unusual in WAV", "pcm_s16le"),
        ({"loudness_db": -120.0, "peak_db": -120.0}, "error", "silent", "listen"),
        ({"loudness_db": -120.0, "peak_db": -75.0}, "error", "silent", "listen"),
        ({"loudness_db": -60.0, "peak_db": -52.0}, "warning", "all but silent", "listen"),
        ({"loudness_db": -57.0, "peak_db": -20.0}, "warning", "all but silent", "listen"),
        ({"duration_s": 70.0}, "warning", "they differ by 10.0 s, more than 5%", "belong together"),
    ],
)
def test_what_is_wrong_with_an_audio_is_said_once(
    changes: dict[str, object], severity: str, words: str, remedy: str
) -> None:
    (finding,) = found(audio=replace(DUB, **changes))  # type: ignore[arg-type]

    assert (finding.severity, finding.field) == (severity, "audio")
    assert words in finding.message
    assert remedy in finding.remedy


def test_swapped_media_are_told_of_both() -> None:
    assert [finding.field for finding in found(DUB, replace(FILM, audio=False))] == ["video", "audio"]


def test_the_query_of_an_address_is_in_no_line() -> None:
    address = "https://cdn.example.com/a b/ep%201.mov?X-Amz-Signature=secret"

    (finding,) = found(replace(FILM, brand="qt"), of=job(video=address))

    assert finding.remedy == "ffmpeg -i 'ep 1.mov' -c copy 'ep 1.mp4'"


def test_a_name_is_no_option_of_the_line() -> None:
    (finding,) = found(replace(FILM, brand="qt"), of=job(video="-rf.mov"))

    assert finding.remedy.startswith("ffmpeg -i ./-rf.mov ")


numbers = st.none() | st.floats(-130, 90)
facts = st.builds(
    Facts,
    container=st.sampled_from(["", MP4, "wav", "mp3", "flac", "matroska,webm"]),
    brand=st.sampled_from(["", "qt", "isom"]),
    duration_s=st.none() | st.floats(0, 9999),
    video=st.booleans(),
    audio=st.booleans(),
    video_codec=st.sampled_from(["", "h264", "vp9"]),
    audio_codec=st.sampled_from(["", "aac", "pcm_s16le"]),
    flaw=st.sampled_from(["", "the file is cut: x"]),
    loudness_db=numbers,
    peak_db=numbers,
)


@given(video=st.none() | facts, audio=st.none() | facts)
def test_errors_come_first_and_flaws_silence_the_rest(video: Facts | None, audio: Facts | None) -> None:
    said = found(video, audio)

    severities = [finding.severity for finding in said]
    assert severities == sorted(severities)
    for role, of in (("video", video), ("audio", audio)):
        about = [finding for finding in said if finding.field == role]
        assert all(finding.remedy for finding in about)
        assert not (of and of.flaw) or len(about) == 1
