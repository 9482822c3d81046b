"""YAML manifests: PyYAML's scanner, read as YAML 1.2 means it, where everything is text to us."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Content, Head, Origin
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.tree.nodes import Budget, Document, malformed
from dubbatch.manifest.tree.syntax import VERSION, Syntax
from dubbatch.manifest.tree.top_level import HEAD_KEYS, read_content, read_head

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Above this many rows YAML takes minutes where a table takes seconds.
_ROWS_COMFORTABLE = 20_000
_HEAD_KEY = re.compile(r"^[\"']?(batch|settings)[\"']?[ \t]*:", re.MULTILINE)
#: Ways to write the top level that the pattern above does not see through.
_UNUSUAL = re.compile(r"^(?:[{?!&]|---[ \t]*[^\s#])", re.MULTILINE)
#: A value that begins with a brace, and was meant as a text: ``output: {language}/{id}.mp4``.
_BARE_BRACE = re.compile(r":[ \t]+\{[^{}:,]*\}[ \t]*[^\s#]")

#: What the parser says of other characters that mean something at the beginning of a value.
_SPECIAL = re.compile(r"scanning an alias|scanning an anchor|scanning a tag|cannot start any token")


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One YAML file. Keys of jobs are headers, as in a table; a map inside a job is flattened."""

    def head(self, data: bytes, origin: Origin) -> Head:
        """Batch and settings. Reading ends before the rows if neither can follow them."""
        text, guesses = decode(data, origin.path)
        return read_head(_document(text, origin), origin, guesses, _head_keys(text))

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        text, guesses = decode(data, origin.path)
        content = read_content(_document(text, origin), origin, guesses, columns)
        count = len(tuple(content.records))
        if count <= _ROWS_COMFORTABLE:
            return content
        message = f"{count:,} rows are slow to read as YAML"
        slow = Problem("warning", content.place, "", message, "write them as a table (.csv), and include: it")
        return replace(content, problems=(*content.problems, slow))


def _document(text: str, origin: Origin) -> Document:
    return Document(_events(text, str(origin.path)), str(origin.path), Budget(len(text)), _SYNTAX)


def _head_keys(text: str) -> frozenset[str]:
    """Which of the head's keys may stand in ``text``, at a glance."""
    if _UNUSUAL.search(text):
        return HEAD_KEYS
    return frozenset(found[1] for found in _HEAD_KEY.finditer(text))


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    """The parser's events. Raises Malformed where the text is not YAML."""
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = _mark(error, text)
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        raise malformed(place, *_complaint(error, text, place)) from None
    except yaml.reader.ReaderError as error:
        raise malformed(_unreadable(text, file), f"not YAML: {error.reason}", _CONTROL) from None


def _mark(error: yaml.MarkedYAMLError, text: str) -> yaml.Mark | None:
    """Where to look. What is never closed ends where the file does: what helps is where it begins."""
    opened, found = error.context_mark, error.problem_mark
    if found is None or (opened is not None and _is_open(error)):
        return opened
    is_at_end = found.line > text.rstrip().count("\n")
    return opened if is_at_end and opened is not None else found


def _is_open(error: yaml.MarkedYAMLError) -> bool:
    """Whether a quotation mark is never closed."""
    return "scanning a quoted scalar" in str(error.context) and str(error.problem).startswith("found unexpected")


def _complaint(error: yaml.MarkedYAMLError, text: str, place: Place) -> tuple[str, str]:
    """What the parser says, and what most likely helps."""
    if _is_open(error):
        return "not YAML: the quotation mark that opens here is never closed", _CLOSE
    lines = text.splitlines()[place.row - 1 : place.row] if place.row else []
    line = lines[0] if lines else ""
    if line.lstrip(" ").startswith("\t"):
        return "not YAML: the line is indented with a tab", _INDENT
    message = f"not YAML: {error.problem}" + (f" {error.context}" if error.context else "")
    if "escape" in str(error.problem):
        return message, _ESCAPE
    is_text = _BARE_BRACE.search(line) or _SPECIAL.search(message)
    return message, _QUOTE if is_text else _INDENT


def _unreadable(text: str, file: str) -> Place:
    # Where the error itself says depends on the parser: in bytes or in characters.
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if found is None:
        return Place(file)
    before = text[: found.start()]
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


_VERSION = f"version: {VERSION}"
_SYNTAX = Syntax(f"begin with `{_VERSION}`, and put the rows under `jobs:` as a list", _VERSION)
_INDENT = "indent with spaces, close brackets and quotes, and quote text that contains `: ` or ` #`"
_CLOSE = "close it at the end of the text; or, if it is part of the text, put the other kind of marks around"
_CONTROL = "remove the control character, or save the file as UTF-8"
_ESCAPE = "between double quotation marks \\ is special: use single ones, or / in paths"
_QUOTE = "put quotation marks around a text that begins with {, *, &, !, % or @"
