"""What a file holds, and what is said about files that are no media."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from dubbatch.errors import MediaError
from dubbatch.media.facts import Facts
from dubbatch.media.probe import describe, open_media


def probe(path: Path) -> Facts:
    with open_media(path) as container:
        return describe(container)


def written(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def test_a_clip_s_picture_and_sound_are_described(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    found = probe(written(tmp_path, "ep 1 é.mp4", clip(2.0)))

    assert "mp4" in found.container
    assert found.duration_s == pytest.approx(2.0, abs=0.1)
    assert (found.video, found.video_codec, found.width, found.height) == (True, "h264", 64, 48)
    assert found.frame_rate == pytest.approx(25, abs=0.5)
    assert (found.audio, found.audio_codec, found.channels) == (True, "aac", 1)


@pytest.mark.parametrize(("form", "codec"), [("wav", "pcm_s16le"), ("mp3", "mp3")])
def test_a_track_has_sound_only(tmp_path: Path, track: Callable[..., bytes], form: str, codec: str) -> None:
    found = probe(written(tmp_path, f"ep1.ja.{form}", track(form, 1.5)))

    assert found.container == form
    assert found.duration_s == pytest.approx(1.5, abs=0.1)
    assert (found.audio, found.channels) == (True, 1)
    assert found.audio_codec.startswith(codec)
    assert (found.video, found.width, found.height, found.frame_rate, found.video_codec) == (False, 0, 0, 0.0, "")


def test_a_clip_without_sound_says_so(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    found = probe(written(tmp_path, "silent.mp4", clip(sound=False)))

    assert (found.video, found.audio, found.audio_codec, found.channels) == (True, False, "", 0)


def test_the_name_of_a_file_does_not_matter_to_what_it_is(tmp_path: Path, track: Callable[..., bytes]) -> None:
    assert probe(written(tmp_path, "video.mp4", track("wav", 0.5))).container == "wav"


def test_the_cover_of_a_sound_file_is_no_picture(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    file = tmp_path / "song.mp3"
    source = written(tmp_path, "clip.mp4", clip(1.0))
    with av.open(source) as clip_file, av.open(file, "w") as song:
        sound = song.add_stream("libmp3lame", rate=16000)
        cover = song.add_stream("mjpeg", width=64, height=48, pix_fmt="yuvj420p")
        assert isinstance(cover, av.VideoStream)
        cover.disposition = av.stream.Disposition.attached_pic
        picture = next(clip_file.decode(video=0))
        clip_file.seek(0)
        song.mux(cover.encode(picture.reformat(format="yuvj420p")))
        for frame in clip_file.decode(audio=0):
            song.mux(sound.encode(frame))
        song.mux(sound.encode(None))

    assert probe(file).audio
    assert not probe(file).video


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html><body>Not found</body></html>" * 50, "the file is a web page, not media"),
        (b'{"error": "no"}', "the file is JSON, not media"),
        (bytes(10_000), "the file begins with nothing but zeros"),
        (b"episode,language\n1,de\n" * 50, "not a kind of media that is known, or it is damaged"),
    ],
)
def test_what_is_no_media_is_named_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        probe(written(tmp_path, "ep1.mp4", data))

    assert "ep1.mp4" in caught.value.message
    assert reason in caught.value.message


def test_a_playlist_is_not_followed(tmp_path: Path, clip: Callable[..., bytes]) -> None:
    written(tmp_path, "secret.mp4", clip())
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\nsecret.mp4\n#EXT-X-ENDLIST\n"

    with pytest.raises(MediaError, match="not a kind of media"):
        probe(written(tmp_path, "ep1.mp4", playlist.encode()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4 can't be read as media: No such file"):
        probe(tmp_path / "gone.mp4")


def test_a_colon_in_a_relative_name_is_no_protocol(
    tmp_path: Path, clip: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "http:ep1.mp4", clip())
    monkeypatch.chdir(tmp_path)

    assert probe(Path("http:ep1.mp4")).video


def test_ffmpeg_says_nothing(tmp_path: Path, clip: Callable[..., bytes], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MediaError):
        probe(written(tmp_path, "cut.mp4", clip()[:-200]))

    assert capfd.readouterr() == ("", "")


def test_importing_the_modules_does_not_load_av() -> None:
    program = "import sys, dubbatch.media.checks, dubbatch.media.probe; sys.exit('av' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
