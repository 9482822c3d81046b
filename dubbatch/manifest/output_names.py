"""Names of outputs: from a template and a row to a path that is safe on every system.

Pure. A name is safe when it is relative, stays inside the output directory, and can be
made on Windows, macOS and Linux alike; making a safe name safe changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from dubbatch.manifest.columns import normal
from dubbatch.manifest.problems import Finding, shown

SUFFIX = ".mp4"
#: Longest folder or file name, in bytes of UTF-8: file systems end at 255, and ``.part`` and ``.v1`` are added.
COMPONENT_MAX = 120
#: Longest name with its folders, in bytes: some systems end a whole path at 1,024, and others at 260.
NAME_MAX = 700
#: Of a value, in characters: more than can be left of it.
_VALUE_MAX = 1_000
_FIELDS_SHOWN = 20
_LIKENESS = 0.65
#: What an empty name becomes.
_NAMELESS = "_"

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<brace>[{}])|[^{}]+")
_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')
#: Device names of Windows, with or without a suffix (learn.microsoft.com, "Naming files").
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.IGNORECASE)
#: Control, surrogate and text-direction characters, and the line breaks of Unicode.
_UNNAMABLE = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
#: Invisible, but part of how Persian, Hindi and emoji are spelt.
_JOINERS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed output template: literal text and fields by turns."""

    #: (literal text, normalized field name); either may be empty.
    pieces: tuple[tuple[str, str], ...]

    def render(self, value: Callable[[str], str]) -> str:
        """The safe name of one output; ``value`` gives a field's text by its normalized name."""
        if len(self.pieces) == 2 and self.pieces[1] == (SUFFIX, "") and not self.pieces[0][0]:
            # Most templates, and most ids, are as plain as that.
            text = value(self.pieces[0][1])
            if len(text) <= COMPONENT_MAX - len(SUFFIX) and _PLAIN.fullmatch(text) and not _DEVICE.fullmatch(text):
                return text + SUFFIX
        return safe_name(self.fill(lambda field: _flat(value(field))))

    def fill(self, value: Callable[[str], str]) -> str:
        """The text with its fields filled in, as they are."""
        return "".join(text or value(field) for text, field in self.pieces)


#: ``{id}.mp4``, and what stands in for a template that can't be used.
DEFAULT_TEMPLATE = Template((("", "id"), (SUFFIX, "")))


def parse_template(text: str, fields: Collection[str]) -> Template | Finding:
    """The template of ``text``, whose fields must be among ``fields`` (headers as people write them)."""
    known = {normal(field): field for field in fields}
    pieces: list[tuple[str, str]] = []
    unknown: list[str] = []
    for found in _PIECE.finditer(text):
        field = found["field"]
        if found["brace"]:
            message = f"the template {shown(text)!r} has a brace without its partner"
            return Finding(message, "write fields as {id}; a brace that is meant itself is written twice")
        if field is None:
            pieces.append((found.group().replace("{{", "{").replace("}}", "}"), ""))
        elif normal(field) in known:
            pieces.append(("", normal(field)))
        else:
            unknown.append(field)
    return _unknown(unknown, known) if unknown else Template(tuple(pieces))


def _unknown(names: Sequence[str], known: Mapping[str, str]) -> Finding:
    told = ", ".join(f"{{{shown(name)}}}" for name in dict.fromkeys(names))
    near = (get_close_matches(normal(name), known, 1, _LIKENESS) for name in names)
    likely = [f"{{{shown(known[close[0]])}}}" for close in near if close]
    remedy = (
        f"did you mean {', '.join(likely)}?"
        if len(likely) == len(names)
        else f"the fields here are {_listed(sorted(known.values()))}"
    )
    what = "an unknown field" if len(set(names)) == 1 else "unknown fields"
    return Finding(f"the template has {what} {told}", remedy)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FIELDS_SHOWN} more" if len(names) > _FIELDS_SHOWN else ""
    return ", ".join(shown(name) for name in names[:_FIELDS_SHOWN]) + more


def is_too_long(name: str) -> bool:
    """Whether a safe name has too many folders to be made on every system."""
    return len(name.encode()) > NAME_MAX


def safe_name(text: str) -> str:
    """``text`` as a safe relative path that ends in ``.mp4``; its ``/`` make folders."""
    *folders, file = text.split("/")
    safe = [_component(folder) for folder in folders]
    stem = file[: -len(SUFFIX)] if file.lower().endswith(SUFFIX) else file
    return "/".join([*(folder for folder in safe if folder), _file(stem)])


def safe_folder(text: str) -> str:
    """``text`` as the name of one folder."""
    return _component(_flat(text)) or _NAMELESS


def collision_key(name: str) -> str:
    """Equal for names that are one file on a system that ignores case, joiners or how accents are composed."""
    if name.isascii():
        return name.lower()
    name = "".join(char for char in name if char not in _JOINERS)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _flat(value: str) -> str:
    """A value inside a name makes no folders."""
    return value[:_VALUE_MAX].replace("/", "-").replace("\\", "-")


def _file(stem: str) -> str:
    return _component(stem, COMPONENT_MAX - len(SUFFIX), is_stem=True) + SUFFIX


def _component(text: str, room: int = COMPONENT_MAX, *, is_stem: bool = False) -> str:
    """One safe folder name, or one safe stem of a file; an empty folder stays empty."""
    if len(text) <= room and _PLAIN.fullmatch(text) and not _DEVICE.fullmatch(text):
        return text
    return _made_safe(text, room) or (_NAMELESS if is_stem else "")


@lru_cache(maxsize=4096)
def _made_safe(text: str, room: int) -> str:
    text = "".join(char for char in text if char in _JOINERS or unicodedata.category(char) not in _UNNAMABLE)
    text = unicodedata.normalize("NFC", text)
    # A name in hiding (.name) would look like nothing was made; .. would lead out.
    text = _shortened(_FORBIDDEN.sub("-", text).lstrip(". "), room)
    if _DEVICE.fullmatch(text):
        text = _shortened("_" + text, room)
    return text


def _shortened(text: str, room: int) -> str:
    # Windows drops dots and spaces at the end without a word.
    return text.encode()[:room].decode(errors="ignore").rstrip(". ")
