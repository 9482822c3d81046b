"""What is wrong with the media of one job, told from what was found out about them. Pure.

Errors are what a dub can't be made of, or what the service says that it doesn't take (api.md: MP4 as video, WAV or
MP3 as audio). Which codecs it takes is nowhere written, so an unusual one is a warning. A medium of which nothing
is known has nothing wrong with it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from posixpath import splitext
from urllib.parse import unquote, urlsplit

from dubbatch.forms import Tolerance
from dubbatch.jobs import Job, Media
from dubbatch.manifest.problems import Finding, Severity, shown
from dubbatch.manifest.roles import Role
from dubbatch.media.facts import Facts

#: Nothing above these can be heard: the floor of 16 bits, and the gate of EBU R 128.
_SILENT_PEAK_DB, _SILENT_DB = -90.0, -70.0
#: Speech lies some 30 dB above these.
_FAINT_PEAK_DB, _FAINT_DB = -50.0, -55.0
#: Less to hear than this in a track that is longer than that is a click, and no word.
_CLICK_S, _TRACK_S = 0.5, 5.0
#: What cameras and editors put into MP4 for anybody to play.
_USUAL_CODECS = frozenset(("h264", "hevc", "mpeg4"))
#: May be put into MP4 as they are.
_COPIED_PICTURE = frozenset(("h264", "hevc"))
_COPIED_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", ""))
_TELEPHONE = frozenset(("pcm_alaw", "pcm_mulaw"))
_NAMES = {
    "mov": "MP4",
    "matroska": "Matroska (MKV, WebM)",
    "mpegts": "MPEG transport stream",
    "mpeg": "MPEG program stream",
}
_NOT_MEDIA = ", not media"


def findings(job: Job, video: Facts | None, audio: Facts | None, tolerance: Tolerance) -> tuple[Finding, ...]:
    """What is wrong with a job's media, errors first; ``None``: nothing is known of that medium.

    ``tolerance``: by how much the lengths of video and audio may differ without a warning.
    """
    found = [*(_of_video(job.video, video) if video else ()), *(_of_audio(job.audio, audio) if audio else ())]
    errors = [finding for finding in found if finding.severity == "error"]
    if not errors and video and audio:
        found += _lengths(video, audio, tolerance)
    return (*errors, *(finding for finding in found if finding.severity != "error"))


def is_silent(facts: Facts) -> bool:
    """Whether nothing can be heard in a sound that was listened to."""
    if facts.peak_db is None:
        return False
    return facts.peak_db < _SILENT_PEAK_DB or (facts.loudness_db is not None and facts.loudness_db <= _SILENT_DB)


def is_faint(facts: Facts) -> bool:
    """Whether next to nothing can be heard in a sound that was listened to."""
    if facts.peak_db is None or facts.loudness_db is None:
        return False
    is_click = facts.audible_s is not None and facts.audible_s < _CLICK_S < _TRACK_S < (facts.duration_s or 0.0)
    return is_click or facts.peak_db < _FAINT_PEAK_DB or facts.loudness_db < _FAINT_DB


def _of_video(media: Media, facts: Facts) -> Iterator[Finding]:
    if facts.flaw:
        yield _flaw("video", facts)
    elif not facts.video:
        message = f"the video has no picture: it is {_kind(facts)}"
        yield _finding("video", message, "give the film itself: are video and audio in each other's place?")
    elif facts.duration_s == 0:
        yield _finding("video", "the video lasts 0 seconds", "export it again")
    elif not _is_mp4(facts):
        message = f"the service takes MP4 as video, this is {_kind(facts)}"
        yield _finding("video", message, _convert(media, _film_options(facts), ".mp4"))
    elif facts.video_codec not in _USUAL_CODECS:
        message = (
            f"the picture is {facts.video_codec or 'of an unknown codec'}: unusual in MP4, the service may refuse it"
        )
        yield _finding("video", message, _convert(media, _film_options(facts), ".mp4"), "warning")


def _of_audio(media: Media, facts: Facts) -> Iterator[Finding]:
    if facts.flaw.endswith(" audio"):
        message = f"the service takes WAV or MP3 as audio: {facts.flaw}"
        yield _finding("audio", message, _convert(media, "-vn", ".wav"))
    elif facts.flaw:
        yield _flaw("audio", facts)
    elif not facts.audio:
        message = f"the audio has no sound: it is {_kind(facts)}"
        yield _finding("audio", message, "give the dub itself: are video and audio in each other's place?")
    elif facts.duration_s == 0:
        yield _finding("audio", "the audio lasts 0 seconds", "export it again")
    else:
        yield from _of_sound(media, facts)


def _of_sound(media: Media, facts: Facts) -> Iterator[Finding]:
    levels = f"its peak is {facts.peak_db} dB, its mean level {facts.loudness_db} dB"
    if facts.audible_s is not None:
        levels += f", {facts.audible_s:.1f} s of it can be heard"
    remedy = "listen to it, and export it again with the voice in it"
    if facts.container not in ("wav", "mp3"):
        message = f"the service takes WAV or MP3 as audio, this is {_kind(facts)}"
        yield _finding("audio", message, _convert(media, "-vn", ".wav"))
    elif not _is_usual_sound(facts):
        name = facts.audio_codec or "an unknown codec"
        message = f"the sound is {name}: unusual in {facts.container.upper()}, the service may refuse it"
        yield _finding("audio", message, _convert(media, "-c:a pcm_s16le", ".wav"), "warning")
    if is_silent(facts):
        yield _finding("audio", f"the audio is silent: {levels}", remedy)
    elif is_faint(facts):
        yield _finding("audio", f"the audio is all but silent: {levels}", remedy, "warning")


def _lengths(video: Facts, audio: Facts, tolerance: Tolerance) -> Iterator[Finding]:
    if video.duration_s is None or audio.duration_s is None or tolerance.allows(video.duration_s, audio.duration_s):
        return
    apart = abs(video.duration_s - audio.duration_s)
    message = (
        f"the video lasts {video.duration_s:.1f} s, the audio {audio.duration_s:.1f} s: "
        f"they differ by {apart:.1f} s, more than {tolerance}"
    )
    yield _finding("audio", message, "look whether they belong together; --length-tolerance allows more", "warning")


def _finding(role: Role, message: str, remedy: str, severity: Severity = "error") -> Finding:
    return Finding(message, remedy, severity, field=role)


def _flaw(role: Role, facts: Facts) -> Finding:
    if facts.flaw.endswith(_NOT_MEDIA):
        remedy = "put the media file itself in its place"
    elif "cut" in facts.flaw or "missing" in facts.flaw:
        remedy = "copy or download the file again, and compare its size with the original's"
    else:
        remedy = "export it again, and play it to its end"
    return _finding(role, f"the {role} can't be used: {facts.flaw}", remedy)


def _is_mp4(facts: Facts) -> bool:
    # A .mov that was renamed says so in its brand: the boxes are MP4's, what lies in them need not be.
    return "mp4" in facts.container.split(",") and facts.brand != "qt"


def _is_usual_sound(facts: Facts) -> bool:
    if facts.container == "mp3":
        return facts.audio_codec.startswith("mp3")
    return facts.audio_codec.startswith("pcm_") and facts.audio_codec not in _TELEPHONE


def _kind(facts: Facts) -> str:
    """A medium's format and what is in it, as people call them."""
    first = facts.container.partition(",")[0]
    name = "QuickTime (MOV)" if facts.brand == "qt" else _NAMES.get(first, first.upper()) or "no media"
    codecs = [codec for codec in (facts.video_codec, facts.audio_codec) if codec and codec != name.lower()]
    return f"{name} with {' and '.join(codecs)}" if codecs else name


def _film_options(facts: Facts) -> str:
    picture, sound = facts.video_codec in _COPIED_PICTURE, facts.audio_codec in _COPIED_SOUND
    if picture and sound:
        return "-c copy"
    return f"-c:v {'copy' if picture else 'libx264 -pix_fmt yuv420p'} -c:a {'copy' if sound else 'aac'}"


def _convert(media: Media, options: str, suffix: str) -> str:
    """The line that makes of a file one that the service takes, beside it and under another name."""
    name = unquote(urlsplit(media.url).path).rpartition("/")[2] or "medium" if media.url else media.text
    # A name that begins with a dash would be an option.
    name = f"./{name}" if name.startswith("-") else name
    root, old = splitext(name)
    target = f"{root}-converted{suffix}" if old.lower() == suffix else f"{root}{suffix}"
    return f"ffmpeg -i {shlex.quote(shown(name))} {options} {shlex.quote(shown(target))}"
