"""Media that are web addresses: what can be said of one without asking its host.

An address must lead to the file itself. The pages on which file services share a file lead to a page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

from dubbatch.jobs import Media
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.roles import AUDIO_SUFFIXES, UPLOAD_SUFFIXES, VIDEO_SUFFIXES, Input, Role, named

SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://|(?P<bare>file|data):(?=\S)", re.IGNORECASE)
_WEB_SCHEMES = frozenset({"http", "https"})
_UNSENDABLE = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")
#: What most addresses look like: nothing in it that needs a closer look.
_PLAIN = re.compile(
    r"https?://(?P<host>[a-z0-9][a-z0-9.-]*)(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?(?P<path>/[!\"$->@-~]*)(?:\?[!-~]*)?",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.[A-Za-z0-9]+")


class _Page(NamedTuple):
    """Where a file service shows a page instead of the file."""

    service: str
    host: re.Pattern[str]
    path: re.Pattern[str]
    #: A query that makes the address lead to the file.
    direct: frozenset[tuple[str, str]]
    remedy: str


def _page(service: str, host: str, path: str, remedy: str, direct: tuple[tuple[str, str], ...] = ()) -> _Page:
    return _Page(service, re.compile(rf"(?:.+\.)?{host}"), re.compile(path), frozenset(direct), remedy)


_PAGES = (
    _page(
        "Google Drive",
        r"drive\.google\.com",
        r"/(?:file|open|drive|folders)\b",
        "a direct link is https://drive.google.com/uc with the query export=download&id=FILE_ID (of a file that anyone "
        "may see, and that Drive does not ask about); or download the file and give its path",
    ),
    _page("Google Docs", r"docs\.google\.com", r"/", "download the file and give its path"),
    _page(
        "Dropbox",
        r"dropbox\.com",
        r"/(?:s|sh|scl|home|preview)\b",
        "a direct link ends in dl=1 instead of dl=0; or download the file and give its path",
        (("dl", "1"), ("raw", "1")),
    ),
    _page(
        "OneDrive",
        r"(?:1drv\.ms|onedrive\.live\.com|sharepoint\.com)",
        r"/",
        "a direct link ends in download=1; or download the file and give its path",
        (("download", "1"),),
    ),
    _page(
        "Box",
        r"app\.box\.com",
        r"/s/",
        "a direct link is made in the file's settings; or download the file and give its path",
    ),
    _page("WeTransfer", r"(?:we\.tl|wetransfer\.com)", r"/", "download the file and give its path"),
    _page("YouTube", r"(?:youtube\.com|youtu\.be)", r"/", "give an address of the file itself, or its path"),
    _page("Vimeo", r"vimeo\.com", r"/\d", "give an address of the file itself, or its path"),
)
_PAGE_HOSTS = re.compile(
    r"(?:(?:google|dropbox|live|box|sharepoint|wetransfer|youtube|vimeo)\.com|1drv\.ms|we\.tl|youtu\.be)$"
)


def read_address(role: Role, text: str) -> Input:
    """The input that a text with a scheme names."""
    # Most of a manifest's addresses differ in the last part alone.
    folder, _, name = text.rpartition("/")
    if _is_plain_folder(folder) and _PLAIN_NAME.fullmatch(name):
        stem, _, suffix = name.rpartition(".")
        return _checked(role, Input(Media(text, None, text), None, stem, f".{suffix.lower()}"))
    plain = _PLAIN.fullmatch(text)
    if plain and not _may_show_a_page(plain["host"]):
        return _checked(role, named(Media(text, None, text), path=plain["path"]))
    found = SCHEME.match(text)
    scheme = (found["scheme"] or found["bare"]).lower() if found else ""
    if scheme not in _WEB_SCHEMES:
        remedy = "give an http(s) address (a presigned link, for a bucket) or a path beside the manifest"
        finding = Finding(f"the {role}'s address begins with {scheme}:, which is not fetched", remedy, field=role)
        return Input(None, finding)
    parts = _split(text)
    if parts is None or not parts.hostname:
        return Input(None, Finding(f"the {role} is no web address", "write https://host/path", field=role))
    media = Media(text, url=text)
    if _UNSENDABLE.search(text):
        return named(media, Finding(f"the {role}'s address has a space", "write %20 for each space", field=role))
    if "@" in parts.netloc:
        remedy = "use an address without a login (a presigned link, or the file itself): logins end up in logs"
        return Input(None, Finding(f"the {role}'s address has a user or password in it", remedy, field=role))
    page = _shared_page(role, parts)
    return named(media, page) if page else _checked(role, named(media))


@lru_cache(4096)
def _is_plain_folder(text: str) -> bool:
    """Whether nothing in an address up to its last slash needs a closer look."""
    plain = _PLAIN.fullmatch(f"{text}/")
    return plain is not None and "?" not in text and not _may_show_a_page(plain["host"])


@lru_cache(1024)
def _may_show_a_page(host: str) -> bool:
    return bool(_PAGE_HOSTS.search(host.lower()))


def _split(text: str) -> SplitResult | None:
    """The parts of a web address; None if it has none (a port that is no number, half a bracket)."""
    try:
        parts = urlsplit(text)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _shared_page(role: Role, parts: SplitResult) -> Finding | None:
    host = (parts.hostname or "").removesuffix(".")
    for page in _PAGES:
        if page.host.fullmatch(host) and page.path.match(parts.path):
            said = {(key, value) for key, values in parse_qs(parts.query).items() for value in values}
            if page.direct & said:
                return None
            message = f"the {role} is a page of {page.service} that shares a file, not the file itself"
            return Finding(message, page.remedy, field=role)
    return None


def _checked(role: Role, found: Input) -> Input:
    """``found``, with a doubt where its name ends like another kind: it may lie, so the job is sent all the same."""
    suffix = found.suffix
    if suffix in UPLOAD_SUFFIXES[role] or (suffix not in VIDEO_SUFFIXES and suffix not in AUDIO_SUFFIXES):
        return found
    allowed = " or ".join(UPLOAD_SUFFIXES[role])
    message = f"the service takes {allowed} as {role}, and this address ends in {suffix}"
    remedy = "look whether it is the right file; convert it if it is"
    return found._replace(finding=Finding(message, remedy, "warning", role))
