"""A media cell read: a web address, or a file beside the manifest that must be there.

Only what the text and a ``stat`` of the file show is checked here; what is inside the
media is looked at right before it is sent.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from posixpath import splitext
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from dubbatch.jobs import Media
from dubbatch.manifest.problems import Finding, shown

Role = Literal["video", "audio"]

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://|(?P<bare>file|data):(?=\S)", re.IGNORECASE)
_WEB_SCHEMES = frozenset({"http", "https"})
#: With half surrogate pairs, which no file system takes.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_WEB_PATH = re.compile(r"https?://[^/?#]*(?P<path>[^?#]*)", re.IGNORECASE)
#: What most addresses look like: nothing in it that needs a closer look.
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?/[!-~]*")
_HOST_AND_PATH = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}/", re.IGNORECASE)

#: What the service takes as an upload (api.md, ``/generate-with-media``).
UPLOAD_SUFFIXES: dict[Role, tuple[str, ...]] = {"video": (".mp4",), "audio": (".wav", ".mp3")}
VIDEO_SUFFIXES = frozenset(".mp4 .mov .mkv .webm .avi .m4v .mpg .mpeg .mxf .ts .wmv .flv".split())
AUDIO_SUFFIXES = frozenset(".wav .mp3 .m4a .aac .flac .ogg .opus .aif .aiff .wma .ac3 .eac3".split())
_CONVERT: dict[Role, tuple[str, str]] = {"video": (".mp4", "-c:v libx264 -c:a aac"), "audio": (".wav", "-vn")}

#: Looking for similar names reads the folder; a manifest with thousands of wrong paths needs no more hints.
_HINTS_MAX = 50
_FOLDER_MAX = 2_000


class Input(NamedTuple):
    """What a media cell means, and what is wrong with it.

    ``media`` is None where not even an address or a path can be made of the cell.
    """

    media: Media | None
    finding: Finding | None = None


@dataclass
class Inputs:
    """Reads the media cells of one manifest; asks the file system once for each text."""

    #: Absolute; the manifest's folder.
    base: str
    _read: dict[Role, dict[str, Input]] = field(default_factory=lambda: {"video": {}, "audio": {}})
    _hints: int = 0

    def read(self, role: Role, text: str) -> Input:
        """The input that ``text`` (not empty) names as the ``role`` of a job."""
        if _PLAIN_ADDRESS.fullmatch(text):
            return Input(Media(text, url=text))
        known = self._read[role].get(text)
        if known is None:
            scheme = _SCHEME.match(text)
            known = self._file(role, text) if scheme is None else _address(role, text, scheme)
            self._read[role][text] = known
        return known

    def _file(self, role: Role, text: str) -> Input:
        if _CONTROL.search(text):
            return Input(None, Finding(f"the {role} has control characters", "remove them", field=role))
        found, status, error = self._find(text)
        path = self._path(found)
        media = Media(text, path=Path(path))
        if status is None:
            return Input(media, self._absent(role, found, error))
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            return Input(media, Finding(f"the {role} is {what}", f"name the {role} file itself", field=role))
        if status.st_size == 0:
            finding = Finding(f"the {role} file is empty (0 bytes)", "export or copy the file again", field=role)
            return Input(media, finding)
        if not os.access(path, os.R_OK):
            finding = Finding(f"the {role} file can't be read", "give yourself read permission for it", field=role)
            return Input(media, finding)
        return Input(media, _format(role, found))

    def _path(self, text: str) -> str:
        # No Path: with 200,000 media, those made only to be asked for a status cost seconds.
        return os.path.join(self.base, text)  # noqa: PTH118

    def _find(self, text: str) -> tuple[str, os.stat_result | None, OSError | None]:
        """The spelling under which the file exists, and its status; else the first spelling and why not."""
        try:
            return text, os.stat(self._path(text)), None  # noqa: PTH116  (see _path)
        except OSError as error:
            first = error
        for spelling in _spellings(text):
            with suppress(OSError):
                return spelling, os.stat(self._path(spelling)), None  # noqa: PTH116
        return text, None, first

    def _absent(self, role: Role, text: str, error: OSError | None) -> Finding:
        if error is None or isinstance(error, (FileNotFoundError, NotADirectoryError)):
            message = f"the {role} file {shown(text)!r} does not exist"
        else:
            message = f"the {role} file can't be looked at: {error.strerror}"
        near = self._similar(text)
        if near:
            remedy = f"did you mean {near}?"
        elif _HOST_AND_PATH.match(text):
            remedy = "if it is a web address, begin it with https://"
        else:
            remedy = f"paths are relative to the manifest's folder, {self.base}"
        return Finding(message, remedy, field=role)

    def _similar(self, text: str) -> str:
        if self._hints >= _HINTS_MAX:
            return ""
        self._hints += 1
        wanted = PurePosixPath(text)
        try:
            with os.scandir(self._path(str(wanted.parent))) as entries:
                names = [entry.name for _, entry in zip(range(_FOLDER_MAX), entries, strict=False)]
        except OSError:
            return ""
        folded = {name.casefold(): name for name in sorted(names)}
        close = get_close_matches(wanted.name.casefold(), folded, 1, 0.75)
        return shown(str(wanted.with_name(folded[close[0]]))) if close else ""


def input_stem(media: Media) -> str:
    """The name of a medium without folders, query and suffix; empty where the address has none."""
    return unicodedata.normalize("NFC", splitext(_last_part(media))[0])


def input_suffix(media: Media) -> str:
    """The suffix of a medium's name in lower case, with its dot."""
    return splitext(_last_part(media))[1].lower()


def _last_part(media: Media) -> str:
    if media.url is None:
        return media.text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    path = _WEB_PATH.match(media.url)
    name = path["path"].rstrip("/").rpartition("/")[2] if path else ""
    # An encoded slash is part of the name's text, not of the address.
    return unquote(name).replace("/", "-") if "%" in name else name


def _spellings(text: str) -> Iterator[str]:
    """How another system may have spelt the path ``text``: composed, decomposed, with backslashes."""
    if text.isascii() and "\\" not in text:
        return
    for way in dict.fromkeys((text, text.replace("\\", "/"))):
        for spelling in (way, unicodedata.normalize("NFC", way), unicodedata.normalize("NFD", way)):
            if spelling != text:
                yield spelling


def _address(role: Role, text: str, found: re.Match[str]) -> Input:
    scheme = (found["scheme"] or found["bare"]).lower()
    if scheme not in _WEB_SCHEMES:
        remedy = "give an http(s) address (a presigned link, for a bucket) or a path beside the manifest"
        return Input(
            None, Finding(f"the {role}'s address begins with {scheme}:, which is not fetched", remedy, field=role)
        )
    parts = _split(text)
    if parts is None or not parts.hostname:
        finding = Finding(f"the {role} is no web address", "write https://host/path", field=role)
        return Input(None, finding)
    media = Media(text, url=text)
    if re.search(r"\s", text) or _CONTROL.search(text):
        return Input(media, Finding(f"the {role}'s address has a space", "write %20 for each space", field=role))
    if "@" in parts.netloc:
        remedy = "use an address without a login (a presigned link, or the file itself): logins end up in logs"
        return Input(None, Finding(f"the {role}'s address has a user or password in it", remedy, field=role))
    return Input(media)


def _split(text: str) -> SplitResult | None:
    """The parts of a web address; None if it has none (a port that is no number, half a bracket)."""
    try:
        parts = urlsplit(text)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _format(role: Role, text: str) -> Finding | None:
    root, suffix = splitext(text)
    if suffix.lower() in UPLOAD_SUFFIXES[role]:
        return None
    target, options = _CONVERT[role]
    allowed = " or ".join(UPLOAD_SUFFIXES[role])
    message = f"the service takes {allowed} as {role}, not {shown(suffix) or 'a file without suffix'}"
    remedy = f"ffmpeg -i {shlex.quote(shown(text))} {options} {shlex.quote(shown(root + target))}"
    return Finding(message, remedy, field=role)
