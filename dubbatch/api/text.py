"""The border for text that others wrote: what gets past here may be printed, logged and stored.

An error message of the service can hold anything: terminal escapes, line breaks that forge a log line,
half a surrogate pair that no file accepts, or a signed link that is as good as a password.
"""

from __future__ import annotations

import re
import unicodedata

#: Longest text of the service that is kept, in characters.
TEXT_MAX = 500

#: CSI, OSC and the two-character escapes of ECMA-48, in their 7-bit and 8-bit forms.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_USERINFO = re.compile(r"(?i)(https?://)[^/?#\s@]*@")
_QUERY = re.compile(r"""(?i)(https?://[^\s?#"'<>]*)[?#][^\s"'<>]*""")
#: The query of an address whose beginning was forgotten, or cut off.
_BARE_QUERY = re.compile(r"""\?[\w.%~-]{1,80}=[^\s"'<>]*""")


def clean(text: str, limit: int = TEXT_MAX) -> str:
    """``text`` as one printable line of at most ``limit`` characters, without secrets of URLs in it."""
    # Far more than is kept: the bound only keeps a 16 MB message from being worked through.
    text = " ".join(unsigned(printable(text[: limit * 20])).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def printable(text: str) -> str:
    """``text`` as one line that a terminal can only show; its blanks are kept."""
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    return "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_printable(char))


def unsigned(text: str) -> str:
    """``text`` without users, passwords and queries in the addresses in it: a query may be what signs a link."""
    return _BARE_QUERY.sub("?...", _QUERY.sub(r"\1?...", _USERINFO.sub(r"\1", text)))


def exact(text: str) -> str:
    """``text`` for comparing: what can't be printed is replaced, never dropped.

    A foreign reference with an invisible character in it must not become equal to one of ours.
    """
    if text.isprintable():
        return text
    return "".join(char if _is_printable(char) else "\N{REPLACEMENT CHARACTER}" for char in text)


def _is_printable(char: str) -> bool:
    # C is control, format (text direction, zero width), surrogate, private and unassigned.
    return unicodedata.category(char)[0] != "C"
