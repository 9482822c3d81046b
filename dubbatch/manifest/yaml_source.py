"""YAML manifests: version, batch, settings, defaults, columns and the list of jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Record
from dubbatch.manifest.encoding import decode
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.yaml_nodes import Document, Malformed, Node, YamlList, YamlMap, twice

_KEYS = ("version", "batch", "settings", "defaults", "columns", "jobs")
_VERSION = "1"
#: Above this many rows YAML takes minutes where a table takes seconds.
_ROWS_COMFORTABLE = 20_000
#: As many columns as a spreadsheet has.
_HEADERS_MAX = 16_384
_HEAD_KEY = re.compile(r"^[\"']?(batch|settings)[\"']?[ \t]*:", re.MULTILINE)
#: Ways to write the top level that the pattern above does not see through.
_UNUSUAL = re.compile(r"^(?:[{?!&]|---[ \t]*[^\s#])", re.MULTILINE)

_FEWER = "use the same keys in every row; is a value written where a key belongs?"

#: Top-level key -> the key as it stands there, and its value.
_Top = dict[str, tuple[Cell, Node]]


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One YAML file. Keys of jobs are headers, as in a table; a map inside a job is flattened."""

    def head(self, data: bytes, path: Path) -> Head:
        """Batch and settings. Reading ends before the rows if neither can follow them."""
        text, problems = decode(data, path)
        document = Document(text, str(path))
        top: _Top = {}
        malformed: tuple[Problem, ...] = ()
        try:
            _read_head(document, top, _head_keys(text))
        except Malformed as error:
            malformed = (error.problem,)
        return _head(path, top, (*problems, *document.problems, *malformed))

    def content(self, data: bytes, path: Path) -> Content:
        text, guesses = decode(data, path)
        document = Document(text, str(path))
        try:
            top = {key.text: (key, document.value()) for key in document.keys()}  # noqa: SIM118  (no mapping)
            return _content(path, document, top, guesses)
        except Malformed as error:
            problems = (*guesses, *document.problems, error.problem)
            return Content(Head(path, problems=problems), (), (), document.place)


def _head_keys(text: str) -> frozenset[str]:
    """Which of the head's keys may stand in ``text``, at a glance."""
    if _UNUSUAL.search(text):
        return frozenset({"batch", "settings"})
    return frozenset(found[1] for found in _HEAD_KEY.finditer(text))


def _read_head(document: Document, top: _Top, wanted: frozenset[str]) -> None:
    for key in document.keys():  # noqa: SIM118  (no mapping)
        if key.text != "jobs":
            top[key.text] = (key, document.value())
        elif wanted <= top.keys():
            return
        else:
            document.skip()


def _content(path: Path, document: Document, top: _Top, guesses: tuple[Problem, ...]) -> Content:
    head = _head(path, top, (*guesses, *document.problems))
    rows = _Rows(document)
    place = top["jobs"][0].place if "jobs" in top else document.place
    records = tuple(rows.records(top))
    defaults = rows.flat(_map(top, "defaults", rows.problems), rows.problems)
    columns = _columns(top, rows.problems)
    if len(records) > _ROWS_COMFORTABLE:
        message = f"{len(records):,} rows are slow to read as YAML"
        rows.problems.append(Problem("warning", place, "", message, "write them as a table (.csv)"))
    return Content(
        head=head,
        headers=tuple(rows.headers.values()),
        records=records,
        place=place,
        is_table=False,
        defaults=defaults,
        columns=columns,
        problems=(*_key_problems(top, document.place), *rows.problems),
    )


def _head(path: Path, top: _Top, before: tuple[Problem, ...]) -> Head:
    problems: list[Problem] = list(before)
    batch = top["batch"][1] if "batch" in top else None
    if batch is not None and not isinstance(batch, Cell):
        problems.append(_not_single(top["batch"][0], batch))
        batch = None
    settings: dict[str, Cell | tuple[Cell, ...]] = {}
    for key, value in _map(top, "settings", problems):
        if isinstance(value, Cell):
            settings[key.text] = value
        elif key.text == "report" and isinstance(value, YamlList):
            cells = tuple(item for item in value.items if isinstance(item, Cell))
            settings[key.text] = cells
            problems += [_not_single(key, item) for item in value.items if not isinstance(item, Cell)]
        else:
            problems.append(_not_single(key, value))
    return Head(path, batch, settings, tuple(problems))


@dataclass
class _Rows:
    """Jobs on their way from nodes to records; collects the headers on that way."""

    document: Document
    headers: dict[str, Cell] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def records(self, top: _Top) -> Iterator[Record]:
        """Raises Malformed where a few aliases stand for too many rows."""
        key, jobs = top.get("jobs", (None, None))
        if key is None or jobs is None or jobs == Cell("", jobs.place):
            return
        if not isinstance(jobs, YamlList):
            message, remedy = "jobs is a list of rows", "begin each row with `- video: ...`"
            self.problems.append(Problem("error", jobs.place, "", message, remedy))
            return
        for row in jobs.items:
            if isinstance(row, YamlMap):
                problems: list[Problem] = []
                cells = self.flat(_checked(row, problems), problems, self.headers)
                yield Record(cells, row.place, tuple(problems))
            else:
                value = shown(row.text) if isinstance(row, Cell) else ""
                message, remedy = "a row is a map of columns", "write `- {video: ..., audio: ...}`"
                yield Record({}, row.place, (Problem("error", row.place, value, message, remedy),))

    def flat(
        self,
        pairs: tuple[tuple[Cell, Node], ...],
        problems: list[Problem],
        headers: dict[str, Cell] | None = None,
    ) -> dict[str, Cell]:
        """Header -> cell; ``audio: {de: x}`` becomes ``audio:de``. New headers go to ``headers``."""
        cells: dict[str, Cell] = {}
        for key, value in _flattened(pairs, problems):
            self.document.spend(1, key.place)
            if key.text in cells:
                problems.append(twice(key))
            cells[key.text] = value
            if headers is not None and key.text not in headers:
                if len(headers) == _HEADERS_MAX:
                    message = f"the rows have more than {_HEADERS_MAX:,} different keys"
                    raise Malformed(Problem("error", key.place, shown(key.text), message, _FEWER))
                headers[key.text] = key
        return cells


def _flattened(pairs: tuple[tuple[Cell, Node], ...], problems: list[Problem]) -> Iterator[tuple[Cell, Cell]]:
    for key, value in pairs:
        if isinstance(value, Cell):
            yield key, value
        elif isinstance(value, YamlMap):
            for part, cell in _checked(value, problems):
                if isinstance(cell, Cell):
                    yield Cell(f"{key.text}:{part.text}", part.place), cell
                else:
                    problems.append(_not_single(part, cell))
        else:
            problems.append(_not_single(key, value))


def _checked(node: YamlMap, problems: list[Problem]) -> tuple[tuple[Cell, Node], ...]:
    problems += node.problems
    return node.pairs


def _map(top: _Top, name: str, problems: list[Problem]) -> tuple[tuple[Cell, Node], ...]:
    """The pairs of a top-level map; none if it is absent or empty."""
    value = top[name][1] if name in top else None
    if isinstance(value, YamlMap):
        return _checked(value, problems)
    if value is not None and value != Cell("", value.place):
        problems.append(Problem("error", value.place, "", f"{name} is a map", f"write `{name}: {{key: value}}`"))
    return ()


def _columns(top: _Top, problems: list[Problem]) -> Mapping[str, Cell]:
    columns: dict[str, Cell] = {}
    for key, value in _map(top, "columns", problems):
        if isinstance(value, Cell):
            columns[key.text] = value
        else:
            problems.append(_not_single(key, value))
    return columns


def _key_problems(top: _Top, place: Place) -> Iterator[Problem]:
    for name, (key, _) in top.items():
        if name not in _KEYS:
            near = get_close_matches(name.lower(), _KEYS, 1)
            remedy = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(_KEYS)}"
            yield Problem("error", key.place, shown(name), f"unknown key {shown(name)!r}", remedy)
    if "version" not in top:
        message = f"the manifest does not say its version; it is read as version {_VERSION}"
        yield Problem("warning", place, "", message, f"write `version: {_VERSION}` at the top")
    elif top["version"][1] != Cell(_VERSION, top["version"][1].place):
        value = top["version"][1]
        text = shown(value.text) if isinstance(value, Cell) else ""
        message = f"this dubbatch reads version {_VERSION} of manifests only"
        yield Problem("error", value.place, text, message, f"write `version: {_VERSION}`, or install a newer dubbatch")


def _not_single(key: Cell, value: Node) -> Problem:
    what = "a list" if isinstance(value, YamlList) else "a map"
    return Problem("error", value.place, "", f"{shown(key.text)} can't be {what} here", "write a single value")
