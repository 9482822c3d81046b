"""A media cell read: a web address, or a file beside the manifest that must be there.

Only what the text and a ``stat`` of the file show is checked here; what is inside the
media is looked at right before it is sent.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from dubbatch.jobs import Media
from dubbatch.manifest.problems import Finding, shown
from dubbatch.manifest.roles import Input, Role, named, unsuitable
from dubbatch.manifest.slips import nearest_name
from dubbatch.manifest.web_inputs import SCHEME, read_address

#: With half surrogate pairs, which no file system takes.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_HOST_AND_PATH = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}/", re.IGNORECASE)

#: Marks without width, which come along with pasted text.
_UNSEEN = re.compile("[\ufeff\u200b\u200e\u200f\u2060]")
_ALMOST_HTTP = re.compile(r"h?t{1,3}ps?:/?(?!/)|h?t?t?ps?//|htps?://", re.IGNORECASE)
_WINDOWS_PATH = re.compile(r"[a-z]:[\\/]|\\\\\w", re.IGNORECASE)
_QUOTES = frozenset({('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("«", "»"), ("<", ">")})
_PLACEHOLDERS = frozenset({"-", "–", "—", "n/a", "na", "tbd", "tba", "none", "?", "todo"})

#: Looking for similar names reads the folder; a manifest with thousands of wrong paths needs no more hints.
_HINTS_MAX = 50
_FOLDER_MAX = 2_000


@dataclass
class Inputs:
    """Reads the media cells of one manifest; asks the file system once for each text."""

    #: Absolute folders that a path may be relative to, the first that has the file: an included table's own, and
    #: the manifest's.
    bases: tuple[str, ...]
    _read: dict[Role, dict[str, Input]] = field(default_factory=lambda: {"video": {}, "audio": {}})
    _hints: int = 0

    def read(self, role: Role, text: str) -> Input:
        """The input that ``text`` (not empty) names as the ``role`` of a job."""
        if text.startswith("https://") or SCHEME.match(text):
            return read_address(role, text)
        known = self._read[role].get(text)
        if known is None:
            known = self._read[role][text] = self._file(role, text)
        return known

    def _file(self, role: Role, text: str) -> Input:
        if _CONTROL.search(text):
            remedy = "remove them (in YAML, write a \\ between 'single' quotation marks, or / instead)"
            return Input(None, Finding(f"the {role} has control characters", remedy, field=role))
        path, status, error = self._find(text)
        media = Media(text, path=Path(path))
        if status is None:
            return named(media, self._absent(role, text, error))
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            return named(media, Finding(f"the {role} is {what}", f"name the {role} file itself", field=role))
        if status.st_size == 0:
            finding = Finding(f"the {role} file is empty (0 bytes)", "export or copy the file again", field=role)
            return named(media, finding)
        if not os.access(path, os.R_OK):
            finding = Finding(f"the {role} file can't be read", "give yourself read permission for it", field=role)
            return named(media, finding)
        return named(media, unsuitable(role, text))

    def _find(self, text: str) -> tuple[str, os.stat_result | None, OSError | None]:
        """The path under which the file exists, and its status; else the first that it may have, and why not."""
        # No Path: with 200,000 media, those made only to be asked for a status cost seconds.
        first = os.path.join(self.bases[0], text)  # noqa: PTH118
        try:
            return first, os.stat(first), None  # noqa: PTH116
        except OSError as error:
            reason = error
        for spelling in (text, *_spellings(text)):
            for base in self.bases:
                with suppress(OSError):
                    path = os.path.join(base, spelling)  # noqa: PTH118
                    return path, os.stat(path), None  # noqa: PTH116
        return first, None, reason

    def _absent(self, role: Role, text: str, error: OSError | None) -> Finding:
        first = os.path.join(self.bases[0], text)  # noqa: PTH118
        if error is not None and not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            message = f"the {role} file can't be looked at: {error.strerror}"
        elif os.path.islink(first):  # noqa: PTH114
            message = f"the {role} file {shown(text)!r} is a link that leads nowhere"
        else:
            message = f"the {role} file {shown(text)!r} does not exist"
        return Finding(message, _habit(text) or self._way_to(text), field=role)

    def _way_to(self, text: str) -> str:
        plain = unquote(text)
        if plain != text and os.path.exists(os.path.join(self.bases[0], plain)):  # noqa: PTH110, PTH118
            return f"did you mean {shown(plain)}?"
        near = self._similar(text)
        return f"did you mean {near}?" if near else f"paths are relative to the folder {self.bases[0]}"

    def _similar(self, text: str) -> str:
        if self._hints >= _HINTS_MAX:
            return ""
        self._hints += 1
        wanted = PurePosixPath(text)
        try:
            with os.scandir(os.path.join(self.bases[0], str(wanted.parent))) as entries:  # noqa: PTH118
                names = [entry.name for _, entry in zip(range(_FOLDER_MAX), entries, strict=False)]
        except OSError:
            return ""
        near = nearest_name(wanted.name, names)
        return shown(str(wanted.with_name(near))) if near else ""


def _habit(text: str) -> str:
    """The remedy for a text that can be no path here, by what people write into such cells; empty: it may be one."""
    if text.casefold() in _PLACEHOLDERS:
        return "leave the cell empty, if there is none"
    if len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        return "take the quotation marks away"
    if _WINDOWS_PATH.match(text) and os.name != "nt":
        return "that is a path on a Windows computer: give one that can be reached from here"
    if _HOST_AND_PATH.match(text) or _ALMOST_HTTP.match(text):
        return "if it is a web address, begin it with https://"
    return ""


def _spellings(text: str) -> Iterator[str]:
    """How another system may have spelt the path ``text``: composed, decomposed, with backslashes."""
    if text.isascii() and "\\" not in text:
        return
    seen = _UNSEEN.sub("", text)
    if seen != text:
        yield seen
    for way in dict.fromkeys((text, text.replace("\\", "/"))):
        for spelling in (way, unicodedata.normalize("NFC", way), unicodedata.normalize("NFD", way)):
            if spelling != text:
                yield spelling
