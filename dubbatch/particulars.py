"""What a message says of one case only: names, numbers, ids, addresses. Without them, two of one cause are equal."""

from __future__ import annotations

import re

#: What stands for a particular.
GAP = "…"
#: Each alternative begins where a word does, so that a long one is read once and not once a character.
_PARTICULARS = re.compile(
    r"(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)"
    r'|"[^"]*"|“[^”]*”|`[^`]*`'
    r"|\brows? \d[^,]*(?:, \d[^,]*)*"
    r"|(?<![\w+.-])[a-z][a-z0-9+.-]{0,20}://\S+"
    # paths, names of files, and words with a digit in them
    r"|(?<!\S)[^\s/\\]*[/\\]\S*"
    r"|(?<![\w.-])[\w.-]*\w\.[a-z]\w{1,4}\b"
    r"|(?<![\w.-])[\w.-]*\d[\w.-]*",
    re.IGNORECASE,
)


def without_particulars(text: str) -> str:
    """``text`` with … in the place of quoted words, numbers, ids, file names and addresses."""
    return _PARTICULARS.sub(GAP, text)
