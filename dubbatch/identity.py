"""What makes work the same work: the fingerprint, and the reference made from it.

Both decide whether money is spent: a change here would pay for everything again.
Golden tests freeze every byte of it. Pure: strings in, strings out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

REFERENCE_MAX = 64
_SLUG_MAX = 24
_DIGEST_CHARS = 20
#: First word of every hashed tuple: a later scheme would be a "d2" beside it.
_SCHEME = "d1"
_DEFAULT_MODEL = "lipsync-2"
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Query parameters that sign a link rather than name a file: they change every night.
_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-")
_SIGNATURE_NAMES = frozenset(
    {"signature", "expires", "key-pair-id", "policy", "awsaccesskeyid", "googleaccessid", "hash-algorithm"}
)
#: Azure's shared access signature. Its names are two letters that others use for
#: their own ends, so they count as a signature only beside ``sig`` itself.
_SAS_NAMES = frozenset(
    "sig se sp sv sr st ss srt spr sip si skoid sktid skt ske sks skv saoid suoid scid ses sdd".split()
)

#: An address that is its own canonical form, as most are: nothing in it that needs a closer look.
_CANONICAL = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(?::(?!80/|443/)[1-9][0-9]{0,3}|:[1-5][0-9]{4})?/[!-\"$->@-~]*")


def canonical_url(url: str) -> str:
    """The part of a web address that names the file: scheme, host, path, and query without signatures.

    Scheme and host are case-insensitive and the default port is no port (RFC 3986, 6.2); the order
    of the query and every byte of the path count. A fragment never reaches a server.
    """
    if _CANONICAL.fullmatch(url):
        return url
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f":{parts.port}"
    pairs = [pair for pair in parts.query.split("&") if pair]
    names = [unquote_plus(pair.split("=", 1)[0]).lower() for pair in pairs]
    is_sas = "sig" in names
    kept = [pair for pair, name in zip(pairs, names, strict=True) if not _signs(name, is_sas)]
    query = "?" + "&".join(kept) if kept else ""
    return f"{scheme}://{host}{port}{parts.path or '/'}{query}"


def _signs(name: str, is_sas: bool) -> bool:
    return name.startswith(_SIGNATURE_PREFIXES) or name in _SIGNATURE_NAMES or (is_sas and name in _SAS_NAMES)


def url_key(url: str) -> str:
    """How a URL counts in a fingerprint."""
    return "url:" + canonical_url(url)


def file_key(sha256: str) -> str:
    """How a local file counts in a fingerprint: by its content alone."""
    return "sha256:" + sha256.lower()


def fingerprint(
    video_key: str, audio_key: str, *, disable_active_speaker_detection: bool = False, model: str = ""
) -> str:
    """The hash of the work: content of video and audio, and the options that differ from their defaults.

    ``video_key`` and ``audio_key`` come from :func:`file_key` or :func:`url_key`. ``model`` must be
    empty for jobs that are not uploads: the service never sees it there. An absent option equals its
    default, so an option that the service adds later does not change the work that was bought before.
    """
    options: dict[str, object] = {}
    if disable_active_speaker_detection:
        options["disable_active_speaker_detection"] = True
    if model not in ("", _DEFAULT_MODEL):
        options["model"] = model
    work = json.dumps(
        [_SCHEME, video_key, audio_key, options], ensure_ascii=True, separators=(",", ":"), sort_keys=True
    )
    return hashlib.sha256(work.encode()).hexdigest()


def reference_stem(job_id: str, work: str) -> str:
    """The reference without its number: the same on every machine, for any manifest name."""
    identity = json.dumps([_SCHEME, _normal(job_id), work], ensure_ascii=True, separators=(",", ":"))
    digest = base64.b32encode(hashlib.sha256(identity.encode()).digest()).decode().lower()
    return f"{slug(job_id)}-{digest[:_DIGEST_CHARS]}"


@dataclass(frozen=True, slots=True)
class References:
    """The references of one job's attempts: ``at(1)``, ``at(2)``, … with no gaps."""

    stem: str
    #: The team chose it: it is sent as it is; its second attempt is ``…-2``.
    given: bool = False

    def at(self, n: int) -> str:
        return self.stem if self.given and n == 1 else f"{self.stem}-{n}"


def references(job_id: str, work: str, given: str = "") -> References:
    """The references under which a job's work (its fingerprint) is sent; ``given`` is the manifest's own."""
    return References(given, given=True) if given else References(reference_stem(job_id, work))


def slug(text: str) -> str:
    """A readable, URL-safe shadow of an id, at most 24 characters; never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")
    return words[:_SLUG_MAX].rstrip("-") or "job"


def _normal(text: str) -> str:
    # macOS hands out decomposed names: the same id must give the same reference there.
    return unicodedata.normalize("NFC", text)
