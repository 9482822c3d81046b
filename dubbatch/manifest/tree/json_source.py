"""JSON manifests: the map that YAML has, or a bare list of rows; and JSON Lines, one row a line.

``json`` says whether and where a text is not JSON. What is valid becomes the events that
YAML's parser would make of it, so that bounds, duplicate keys and places are one code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Origin, Record
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.lines import ROWS_MAX
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.tree.nodes import Budget, Document, ListNode, Malformed, malformed
from dubbatch.manifest.tree.rows import Rows
from dubbatch.manifest.tree.syntax import VERSION, Syntax
from dubbatch.manifest.tree.top_level import read_content, read_head, without_rows

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|\r\n?|\n|[^\s,:\[\]{}"]+')
_BREAK = re.compile(r"\r\n?|\n")
_LINE = re.compile(r"[^\r\n]+|\r\n?|\n")
_HEAD_KEY = re.compile(r'"(batch|settings)"\s*:')
_LIST = re.compile(r"\s*\[")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: What Python writes and reads, and JSON does not know.
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
#: Numbers stay what is written: to make them takes long for those of many digits.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_BARE = (True, False)
_QUOTED = (False, True)


@dataclass(frozen=True, slots=True)
class JsonSource:
    """One JSON file: a map as in YAML, or the list of its rows alone."""

    def head(self, data: bytes, origin: Origin) -> Head:
        text, guesses = decode(data, origin.path)
        if _LIST.match(text):
            return Head(origin, problems=guesses)
        wanted = frozenset(found[1] for found in _HEAD_KEY.finditer(text))
        return read_head(_document(text, origin), origin, guesses, wanted)

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        text, guesses = decode(data, origin.path)
        document = _document(text, origin)
        if not _LIST.match(text):
            return read_content(document, origin, guesses, columns)
        try:
            jobs = document.whole()
            rows = Rows(document.budget, columns)
            records = tuple(map(rows.record, jobs.items if isinstance(jobs, ListNode) else ()))
        except Malformed as error:
            return without_rows(origin, document.place, (*guesses, error.problem))
        return _rows_alone(origin, document.place, rows, records, guesses)


@dataclass(frozen=True, slots=True)
class JsonLinesSource:
    """One row a line. A line that can't be read is that row's problem, and the others go on."""

    def head(self, data: bytes, origin: Origin) -> Head:
        return Head(origin, problems=decode(data, origin.path)[1])

    def content(self, data: bytes, origin: Origin, columns: Mapping[str, str]) -> Content:
        text, guesses = decode(data, origin.path)
        place = Place(str(origin.path), 1, 1)
        if _is_one_text(text):
            problem = Problem("error", place, "", "one JSON text over several lines, not one row a line", _NAME_JSON)
            return without_rows(origin, place, (*guesses, problem))
        rows = Rows(Budget(len(text)), columns)
        try:
            records = tuple(_line_records(text, origin, rows))
        except Malformed as error:
            return without_rows(origin, place, (*guesses, error.problem))
        return _rows_alone(origin, place, rows, records, guesses)


def _rows_alone(
    origin: Origin, place: Place, rows: Rows, records: tuple[Record, ...], guesses: tuple[Problem, ...]
) -> Content:
    """The content of a file that has rows and says nothing of itself."""
    return Content(
        head=Head(origin, problems=guesses),
        headers=tuple(rows.headers.values()),
        records=records,
        place=place,
        is_table=False,
        problems=tuple(rows.problems),
    )


def _document(text: str, origin: Origin) -> Document:
    file = str(origin.path)
    return Document(_events(text, file), file, Budget(len(text)), _SYNTAX)


def _is_one_text(text: str) -> bool:
    """Whether the lines are no JSON each, but all of them together."""
    first = text.strip().partition("\n")[0]
    return _error(first) is not None and _error(text) is None


def _line_records(text: str, origin: Origin, rows: Rows) -> Iterator[Record]:
    """Raises Malformed where the file as a whole is too much."""
    file = str(origin.path)
    keys: dict[str, Cell] = {}
    number = 0
    for found in _LINE.finditer(text):
        line = found[0]
        if line[0] in "\r\n":
            number += 1
        elif line.strip():
            place = Place(file, number + 1, 1)
            if number >= ROWS_MAX:
                raise malformed(place, f"more than {ROWS_MAX:,} rows", "split the file")
            try:
                row = Document(_events(line, file, number), file, rows.budget, _LINE_SYNTAX, keys).whole()
            except Malformed as error:
                yield Record({}, place, (error.problem,))
            else:
                yield rows.record(row)


def _events(text: str, file: str, line: int = 0) -> Iterator[yaml.Event]:
    """What YAML's parser would make of ``text``, whose first line is number ``line``, from 0.

    Raises Malformed where it is not JSON.
    """
    if error := _error(text):
        breaks = [0, *(found.end() for found in _BREAK.finditer(text, 0, error.pos))]
        raise malformed(Place(file, line + len(breaks), error.pos - breaks[-1] + 1), *_complaint(error))
    start = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token[0] in "\r\n":
            line, start = line + 1, found.end()
            continue
        mark = yaml.Mark(file, 0, line, found.start() - start, None, 0)
        match token[0]:
            case '"':
                yield yaml.ScalarEvent(None, None, _QUOTED, _text(token, mark), mark)
            case "{":
                yield yaml.MappingStartEvent(None, None, True, mark)
            case "}":
                yield yaml.MappingEndEvent(mark)
            case "[":
                yield yaml.SequenceStartEvent(None, None, True, mark)
            case "]":
                yield yaml.SequenceEndEvent(mark)
            case _:
                if token in _NO_NUMBERS:
                    raise malformed(_place(mark), f"not JSON: {token}", _NO_NUMBER)
                yield yaml.ScalarEvent(None, None, _BARE, token, mark)


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.name, mark.line + 1, mark.column + 1)


def _error(text: str) -> json.JSONDecodeError | None:
    """Where ``text`` is not JSON; None: it is, or is nested so deeply that the walk over it will end there."""
    try:
        _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return error
    except RecursionError:
        return None
    return None


def _text(token: str, mark: yaml.Mark) -> str:
    if "\\" not in token:
        return token[1:-1]
    text: str = json.loads(token)
    if _SURROGATE.search(text):
        message = "not JSON: a \\u escape that is half of a character"
        raise malformed(_place(mark), message, "write both halves, or the character itself")
    return text


def _complaint(error: json.JSONDecodeError) -> tuple[str, str]:
    message = f"not JSON: {error.msg}".removesuffix(" at").removesuffix(" starting")
    if error.msg.startswith("Extra data"):
        return "not JSON: more text follows the end of the value", _EXTRA
    return message, _ESCAPE if "escape" in error.msg else _MEND


_VERSION = f'"version": {VERSION}'
_SYNTAX = Syntax(f'write a list of rows, [{{"video": ..., "audio": ...}}], or {{{_VERSION}, "jobs": [...]}}', _VERSION)
_LINE_SYNTAX = Syntax('write {"video": ..., "audio": ...}', _VERSION)
_MEND = "put double quotation marks around keys and texts, commas between items and none after the last; no comments"
_EXTRA = "put the rows into one list [...]; a file with one row a line is called .jsonl"
_ESCAPE = "\\ is special: write \\\\, or / in paths"
_NO_NUMBER = "write null, or leave the key out"
_NAME_JSON = "call the file .json, or write each row on a line of its own"
