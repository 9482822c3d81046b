"""YAML's syntax turned into cells, straight from the parser's events.

PyYAML's own ``compose`` recurses in C: some hundred thousand brackets end the process
with a segmentation fault. Walking the events instead bounds the depth before it hurts,
keeps every scalar the text that it is (``no`` is Norwegian, ``001`` is not 1), tells
where each key stands, and can stop before the rows when only the head is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.problems import Problem, shown

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: A manifest needs five levels; the bound is for those who mean harm.
_DEPTH_MAX = 40
#: What is written out is bounded by the file's size; this much more may come from aliases.
_ALIASED_MAX = 200_000
#: Longest cell, in characters: as in a table.
_CELL_MAX = 131_072
#: Values and brackets of one file: 100,000 rows of ten columns. Reading more takes minutes.
_EVENTS_MAX = 2_500_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class YamlList:
    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class YamlMap:
    """``pairs`` has each key once; a key that stands twice is in ``problems``."""

    pairs: tuple[tuple[Cell, Node], ...]
    place: Place
    problems: tuple[Problem, ...] = ()


Node = Cell | YamlMap | YamlList


class Malformed(Exception):
    """The text is not YAML that we read; the problem says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass
class Document:
    """The one document of a YAML file, read from front to back.

    For every key that :meth:`keys` yields, call :meth:`value` or :meth:`skip` once.
    All of it raises :class:`Malformed`.
    """

    text: str
    file: str
    #: Where the document's content begins.
    place: Place = field(init=False)
    #: What is wrong with the keys read so far.
    problems: list[Problem] = field(init=False, default_factory=list)
    _events: Iterator[yaml.Event] = field(init=False)
    _anchors: dict[str, Node] = field(init=False, default_factory=dict)
    _spent: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._events = self._guarded()
        self.place = Place(self.file, 1, 1)

    def keys(self) -> Iterator[Cell]:
        """The keys of the top level, each once, in order."""
        event = self._next()
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return
        self.place = self._place(event)
        if not isinstance(event, yaml.MappingStartEvent):
            raise self._malformed(self.place, "a manifest is a map with the keys version and jobs", _SHAPE)
        seen: set[str] = set()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(self._node(event, 1))
            if key.text in seen:
                self.problems.append(twice(key))
                self.skip()
                continue
            seen.add(key.text)
            yield key
        self._end()

    def value(self) -> Node:
        """The value of the key that was yielded last."""
        return self._node(self._next(), 1)

    def skip(self) -> None:
        """Pass over that value without keeping it."""
        depth = 0
        while True:
            event = self._next()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEPTH_MAX:
                raise self._too_deep(event)
            if depth == 0:
                return

    def spend(self, nodes: int, place: Place) -> None:
        """Count ``nodes`` values that are made of the document: by aliases, a few lines stand for billions."""
        self._spent += nodes
        if self._spent > _ALIASED_MAX + len(self.text):
            raise self._malformed(place, f"the aliases stand for more than {_ALIASED_MAX:,} values", _SPLIT)

    def _end(self) -> None:
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            message = "a second document begins here; a manifest is one"
            raise self._malformed(self._place(event), message, "split it into one file a batch, or remove the line ---")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > _DEPTH_MAX:
            raise self._too_deep(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            if len(event.value) > _CELL_MAX:
                raise self._malformed(self._place(event), f"a cell is longer than {_CELL_MAX:,} characters", _CLOSE)
            is_null = event.implicit[0] and event.value in _NULLS
            node = Cell("" if is_null else event.value, self._place(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, depth)
        else:
            node = self._map(event, depth)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _list(self, start: yaml.Event, depth: int) -> YamlList:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return YamlList(tuple(items), self._place(start))

    def _map(self, start: yaml.Event, depth: int) -> YamlMap:
        pairs: dict[str, tuple[Cell, Node]] = {}
        merged: list[YamlMap] = []
        problems: list[Problem] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(self._node(event, depth + 1))
            value = self._node(self._next(), depth + 1)
            if key.text == _MERGE:
                merged += self._merged(key, value)
            elif key.text in pairs:
                problems.append(twice(key))
            else:
                pairs[key.text] = (key, value)
        for base in merged:
            self.spend(len(base.pairs), base.place)
            for key, value in base.pairs:
                pairs.setdefault(key.text, (key, value))
        return YamlMap(tuple(pairs.values()), self._place(start), tuple(problems))

    def _merged(self, key: Cell, value: Node) -> list[YamlMap]:
        bases = value.items if isinstance(value, YamlList) else (value,)
        maps = [base for base in bases if isinstance(base, YamlMap)]
        if len(maps) != len(bases):
            raise self._malformed(key.place, "<< takes a map", "write <<: *name, where &name is a map")
        return maps

    def _alias(self, event: yaml.AliasEvent) -> Node:
        # The anchor of a collection is known only after its end: a collection can't contain itself.
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            message = f"*{shown(name)} stands for nothing: no &{shown(name)} ends before it"
            raise self._malformed(self._place(event), message, "define the anchor first, or write the value out")
        return node

    def _key(self, node: Node) -> Cell:
        if isinstance(node, Cell):
            return node
        raise self._malformed(node.place, "a key must be a single word or text", "write key: value")

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _guarded(self) -> Iterator[yaml.Event]:
        try:
            for number, event in enumerate(yaml.parse(self.text, Loader=_LOADER)):
                if number > _EVENTS_MAX:
                    raise self._malformed(self._place(event), f"more than {_EVENTS_MAX:,} values", _SPLIT)
                yield event
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file)
            raise self._malformed(place, self._syntax(error, place), _INDENT) from None
        except yaml.reader.ReaderError as error:
            raise self._malformed(self._unreadable(), f"not YAML: {error.reason}", _CONTROL) from None

    def _syntax(self, error: yaml.MarkedYAMLError, place: Place) -> str:
        line = self.text.splitlines()[place.row - 1 : place.row] if place.row else []
        if line and line[0].lstrip(" ").startswith("\t"):
            return "not YAML: the line is indented with a tab"
        where = f" {error.context}" if error.context else ""
        return f"not YAML: {error.problem}{where}"

    def _unreadable(self) -> Place:
        # Where the error itself says depends on the parser: in bytes or in characters.
        found = yaml.reader.Reader.NON_PRINTABLE.search(self.text)
        if found is None:
            return Place(self.file)
        before = self.text[: found.start()]
        return Place(self.file, before.count("\n") + 1, len(before) - before.rfind("\n"))

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file)

    def _too_deep(self, event: yaml.Event) -> Malformed:
        return self._malformed(self._place(event), f"nested more than {_DEPTH_MAX} levels deep", _SHAPE)

    def _malformed(self, place: Place, message: str, remedy: str) -> Malformed:
        return Malformed(Problem("error", place, "", message, remedy))


_SHAPE = "begin with `version: 1`, and put the rows under `jobs:` as a list"
_CLOSE = "shorten it; or is a quotation mark never closed?"
_SPLIT = "write the rows out in a table (.csv)"
_INDENT = "indent with spaces, close brackets and quotes, and quote text that contains `: ` or ` #`"
_CONTROL = "remove the control character, or save the file as UTF-8"


def twice(key: Cell) -> Problem:
    """The problem of a key that stands twice in one map: which one is meant can't be told."""
    message = f"the key {shown(key.text)!r} stands twice in one map"
    return Problem("error", key.place, shown(key.text), message, "keep one of the two")
