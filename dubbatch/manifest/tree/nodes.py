"""A file's values as a tree of cells, straight from a parser's events: those of YAML, or of JSON.

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
from dubbatch.manifest.lines import CELL_MAX
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.tree.syntax import Syntax

#: A manifest needs six levels; the bound is for those who mean harm.
_DEPTH_MAX = 40
#: What is written out is bounded by the file's size; this much more may come from aliases.
_ALIASED_MAX = 200_000
#: Values and brackets of one file: 100,000 rows of ten columns. Reading more takes minutes.
_EVENTS_MAX = 2_500_000
#: Who has this many problems in one map, or of the top level, has no use for more.
_TOLD_MAX = 100
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE = "<<"
_TAG = "tag:yaml.org,2002:"
_NULL_TAG = f"{_TAG}null"
#: Tags that change nothing about a text, a list or a map.
_PLAIN_TAGS = frozenset({"!", _NULL_TAG, *(f"{_TAG}{name}" for name in "str bool int float map seq".split())})


@dataclass(frozen=True, slots=True)
class ListNode:
    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class MapNode:
    """``pairs`` has each key once; a key that stands twice is in ``problems``."""

    pairs: tuple[tuple[Cell, Node], ...]
    place: Place
    problems: tuple[Problem, ...] = ()


Node = Cell | MapNode | ListNode


class Malformed(Exception):
    """The text can't be read on; the problem says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def malformed(place: Place, message: str, remedy: str) -> Malformed:
    """The error of a text that can't be read on from ``place``."""
    return Malformed(Problem("error", place, "", message, remedy))


@dataclass
class Budget:
    """How much is made of one file, whose text has ``size`` characters."""

    size: int
    events: int = 0
    _spent: int = field(init=False, default=0)

    def spend(self, nodes: int, place: Place) -> None:
        """Count ``nodes`` values that are made of the document: by aliases, a few lines stand for billions.

        Raises Malformed where it is too much.
        """
        self._spent += nodes
        if self._spent > _ALIASED_MAX + self.size:
            raise malformed(place, f"the aliases stand for more than {_ALIASED_MAX:,} values", _SPLIT)


@dataclass
class Document:
    """One document, read from front to back: as one value, or key by key.

    For every key that :meth:`keys` yields, call :meth:`value` or :meth:`skip` once.
    All of it raises :class:`Malformed`, and so may ``events``.
    """

    events: Iterator[yaml.Event]
    file: str
    budget: Budget
    syntax: Syntax
    #: Of rows, each key where it first stands: a million keys have few texts, and their places are seldom asked for.
    #: None where rows are not being read.
    keys_of_rows: dict[str, Cell] | None = None
    #: Where the document's content begins.
    place: Place = field(init=False)
    #: What is wrong with the top level's keys and with the tags, as far as it is read.
    problems: list[Problem] = field(init=False, default_factory=list)
    _anchors: dict[str, Node] = field(init=False, default_factory=dict)
    _tags: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.place = Place(self.file, 1, 1)

    def whole(self) -> Node:
        """The one value that the document is: rows, or a row."""
        event = self._first()
        if self.keys_of_rows is None:
            self.keys_of_rows = {}
        node = Cell("", self.place) if event is None else self._node(event, 1)
        self._end()
        return node

    def keys(self) -> Iterator[Cell]:
        """The keys of the top level, each once, in order."""
        event = self._first()
        if event is None:
            return
        if not isinstance(event, yaml.MappingStartEvent):
            raise malformed(self.place, "a manifest is a map with the keys version and jobs", self.syntax.shape)
        seen: set[str] = set()
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, 1)
            if key.text in seen:
                self._tell(twice(key))
                self.skip()
                continue
            seen.add(key.text)
            yield key
        self._end()

    def value(self, *, is_rows: bool = False) -> Node:
        """The value of the key that was yielded last; in rows, a key's place is where its text first stands."""
        self.keys_of_rows = {} if is_rows else None
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

    def _first(self) -> yaml.Event | None:
        """The event that the content begins with; None: there is none."""
        event = self._next()
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        self.place = self._place(event)
        return event

    def _end(self) -> None:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                message = "a second document begins here; a manifest is one"
                raise malformed(self._place(event), message, "split it into one file a batch, or remove the line ---")

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > _DEPTH_MAX:
            raise self._too_deep(event)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._cell(event)
        elif isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(event, depth)
        else:
            node = self._map(event, depth)
        if (tag := getattr(event, "tag", None)) and tag not in _PLAIN_TAGS:
            self._refuse_tag(tag, node.place)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = node
        return node

    def _cell(self, event: yaml.ScalarEvent) -> Cell:
        place = self._place(event)
        if len(event.value) > CELL_MAX:
            raise malformed(place, f"a cell is longer than {CELL_MAX:,} characters", _CLOSE)
        is_null = (event.implicit[0] or event.tag == _NULL_TAG) and event.value in _NULLS
        return Cell("" if is_null else event.value, place)

    def _list(self, start: yaml.Event, depth: int) -> ListNode:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return ListNode(tuple(items), self._place(start))

    def _map(self, start: yaml.Event, depth: int) -> MapNode:
        pairs: dict[str, tuple[Cell, Node]] = {}
        merged: list[MapNode] = []
        problems: list[Problem] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth + 1)
            value = self._node(self._next(), depth + 1)
            if key.text == _MERGE and _is_plain(event):
                merged += self._merged(key, value)
            elif key.text not in pairs:
                pairs[key.text] = (key, value)
            elif len(problems) < _TOLD_MAX:
                problems.append(twice(Cell(key.text, self._place(event))))
        for base in merged:
            self.budget.spend(len(base.pairs), base.place)
            for key, value in base.pairs:
                pairs.setdefault(key.text, (key, value))
        return MapNode(tuple(pairs.values()), self._place(start), tuple(problems))

    def _merged(self, key: Cell, value: Node) -> list[MapNode]:
        bases = value.items if isinstance(value, ListNode) else (value,)
        maps = [base for base in bases if isinstance(base, MapNode)]
        if len(maps) != len(bases):
            raise malformed(key.place, "<< takes a map", "write <<: *name, where &name is a map")
        return maps

    def _alias(self, event: yaml.AliasEvent) -> Node:
        # The anchor of a collection is known only after its end: a collection can't contain itself.
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            message = f"*{shown(name)} stands for nothing: no &{shown(name)} ends before it"
            remedy = "define the anchor first; or put quotation marks around a text that begins with *"
            raise malformed(self._place(event), message, remedy)
        return node

    def _key(self, event: yaml.Event, depth: int) -> Cell:
        keys = self.keys_of_rows
        if keys is not None and isinstance(event, yaml.ScalarEvent) and not event.tag and not event.anchor:
            known = keys.get(event.value)
            if known is not None:
                return known
        node = self._node(event, depth)
        if not isinstance(node, Cell):
            raise malformed(node.place, "a key must be a single word or text", _BRACES)
        if keys is not None and node.text not in _NULLS:
            keys[node.text] = node
        return node

    def _refuse_tag(self, tag: str, place: Place) -> None:
        """Tell of a tag once: values are text whatever it says, but who writes one expects something of it."""
        if tag not in self._tags:
            self._tags.add(tag)
            name = shown(tag.replace(_TAG, "!!", 1))
            remedy = "remove it; or put quotation marks around a text that begins with !"
            self._tell(Problem("error", place, name, f"the tag {name} has no meaning here", remedy))

    def _tell(self, problem: Problem) -> None:
        if len(self.problems) < _TOLD_MAX:
            self.problems.append(problem)

    def _next(self) -> yaml.Event:
        event = next(self.events)
        self.budget.events += 1
        if self.budget.events > _EVENTS_MAX:
            raise malformed(self._place(event), f"more than {_EVENTS_MAX:,} values", _SPLIT)
        return event

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file)

    def _too_deep(self, event: yaml.Event) -> Malformed:
        return malformed(self._place(event), f"nested more than {_DEPTH_MAX} levels deep", self.syntax.shape)


_CLOSE = "shorten it; or is a quotation mark never closed?"
_SPLIT = "write the rows out in a table (.csv)"
_BRACES = "write key: value; or put quotation marks around a text that begins with { or ["


def _is_plain(key: yaml.Event) -> bool:
    """Whether a key stands without quotation marks."""
    return isinstance(key, yaml.ScalarEvent) and key.implicit[0]


def twice(key: Cell) -> Problem:
    """The problem of a key that stands twice in one map: which one is meant can't be told."""
    message = f"the key {shown(key.text)!r} stands twice in one map"
    return Problem("error", key.place, shown(key.text), message, "keep one of the two")
