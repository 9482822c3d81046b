"""The two roles of a medium, video and audio, and which kinds of file the service takes for each."""

from __future__ import annotations

import re
import shlex
import unicodedata
from posixpath import splitext
from typing import Literal, NamedTuple
from urllib.parse import unquote

from dubbatch.jobs import Media
from dubbatch.manifest.problems import Finding, shown

Role = Literal["video", "audio"]
_WEB_PATH = re.compile(r"https?://[^/?#]*(?P<path>[^?#]*)", re.IGNORECASE)

#: What the service takes as an upload (api.md, ``/generate-with-media``).
UPLOAD_SUFFIXES: dict[Role, tuple[str, ...]] = {"video": (".mp4",), "audio": (".wav", ".mp3")}
VIDEO_SUFFIXES = frozenset(".mp4 .mov .mkv .webm .avi .m4v .mpg .mpeg .mxf .ts .wmv .flv".split())
AUDIO_SUFFIXES = frozenset(".wav .mp3 .m4a .aac .flac .ogg .opus .aif .aiff .wma .ac3 .eac3".split())
#: A text with an address or a media file's name in it.
MEDIUM = re.compile(
    rf"://|\S(?:{'|'.join(map(re.escape, sorted(VIDEO_SUFFIXES | AUDIO_SUFFIXES)))})\s*$", re.IGNORECASE
)
_CONVERT: dict[Role, tuple[str, str]] = {"video": (".mp4", "-c:v libx264 -c:a aac"), "audio": (".wav", "-vn")}


class Input(NamedTuple):
    """What a media cell means, and what is wrong with it.

    ``media`` is None where not even an address or a path can be made of the cell.
    """

    media: Media | None
    finding: Finding | None = None
    #: Of the medium's name, without folders and query; empty where it has none.
    stem: str = ""
    #: In lower case, with its dot.
    suffix: str = ""


def named(media: Media, finding: Finding | None = None, *, path: str = "") -> Input:
    """The input that is ``media``, with what its name says. ``path``: of its address, where that is known already."""
    name = _last_part(media, path)
    root, dot, suffix = name.rpartition(".")
    if not dot or not root.strip("."):
        root, suffix = name, ""
    stem = root if root.isascii() else unicodedata.normalize("NFC", root)
    return Input(media, finding, stem, f".{suffix.lower()}" if suffix else "")


def _last_part(media: Media, path: str) -> str:
    if media.url is None:
        return media.text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if not path and (found := _WEB_PATH.match(media.url)):
        path = found["path"]
    name = path.rstrip("/").rpartition("/")[2]
    # An encoded slash is part of the name's text, not of the address.
    return unquote(name).replace("/", "-") if "%" in name else name


def unsuitable(role: Role, text: str) -> Finding | None:
    """What is wrong with a file of that name as a ``role``; the remedy is the line that converts it."""
    # A name that begins with a dash would be an option.
    text = f"./{text}" if text.startswith("-") else text
    root, suffix = splitext(text)
    if suffix.lower() in UPLOAD_SUFFIXES[role]:
        return None
    target, options = _CONVERT[role]
    allowed = " or ".join(UPLOAD_SUFFIXES[role])
    message = f"the service takes {allowed} as {role}, not {shown(suffix) or 'a file without suffix'}"
    remedy = f"ffmpeg -i {shlex.quote(shown(text))} {options} {shlex.quote(shown(root + target))}"
    return Finding(message, remedy, field=role)
