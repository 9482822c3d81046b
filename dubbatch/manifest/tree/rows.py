"""From nodes to records: a row's map flattened into cells, and a list into the one text that a table would have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Record
from dubbatch.manifest.columns import meaning_of
from dubbatch.manifest.lines import CELL_MAX, COLUMNS_MAX
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.tree.nodes import Budget, ListNode, Malformed, MapNode, Node, twice

#: Between the items of a list in one cell.
_COMMA = ", "

Pairs = tuple[tuple[Cell, Node], ...]


@dataclass
class Rows:
    """Jobs on their way from nodes to records; collects the headers on that way."""

    budget: Budget
    #: The team's headers and what they stand for.
    columns: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    headers: dict[str, Cell] = field(default_factory=dict)

    def of_jobs(self, jobs: Node) -> Iterator[Record]:
        """Raises Malformed where a few aliases stand for too many rows."""
        if is_nothing(jobs):
            return
        if not isinstance(jobs, ListNode):
            message, remedy = "jobs is a list of rows", "begin each row with `- video: ...`, or write [{...}]"
            self.problems.append(Problem("error", jobs.place, "", message, remedy))
            return
        yield from map(self.record, jobs.items)

    def record(self, row: Node) -> Record:
        if isinstance(row, MapNode):
            problems: list[Problem] = []
            keys: dict[str, Place] = {}
            cells = self.flat(checked(row, problems), problems, keys)
            return Record(cells, row.place, tuple(problems), keys=keys)
        value = shown(row.text) if isinstance(row, Cell) else ""
        message, remedy = "a row is a map of columns", "write `{video: ..., audio: ...}`"
        return Record({}, row.place, (Problem("error", row.place, value, message, remedy),))

    def flat(self, pairs: Pairs, problems: list[Problem], keys: dict[str, Place] | None = None) -> dict[str, Cell]:
        """Header -> cell; ``audio: {de: x}`` becomes ``audio:de``. ``keys`` gets a row's headers, with their places."""
        cells: dict[str, Cell] = {}
        for key, value in self._flattened(pairs, problems):
            self.budget.spend(1, key.place)
            if key.text in cells:
                problems.append(twice(Cell(key.text, value.place)))
            cells[key.text] = value
            if keys is None:
                continue
            keys[key.text] = key.place
            if key.text not in self.headers:
                if len(self.headers) == COLUMNS_MAX:
                    message = f"the rows have more than {COLUMNS_MAX:,} different keys"
                    raise Malformed(Problem("error", key.place, shown(key.text), message, _FEWER))
                self.headers[key.text] = key
        return cells

    def _flattened(self, pairs: Pairs, problems: list[Problem]) -> Iterator[tuple[Cell, Cell]]:
        for key, value in pairs:
            if isinstance(value, Cell):
                yield key, value
            elif isinstance(value, ListNode):
                if meaning_of(key.text, self.columns) in ("", "languages"):
                    yield key, self._joined(key, value, problems)
                else:
                    problems.append(not_single(key, value))
            else:
                yield from self._parts(key, value, problems)

    def _parts(self, key: Cell, node: MapNode, problems: list[Problem]) -> Iterator[tuple[Cell, Cell]]:
        is_own = not meaning_of(key.text, self.columns)
        for part, value in checked(node, problems):
            name = f"{key.text}:{part.text}"
            if isinstance(value, Cell):
                yield Cell(name, part.place), value
            elif isinstance(value, ListNode) and is_own and not meaning_of(name, self.columns):
                yield Cell(name, part.place), self._joined(part, value, problems)
            else:
                problems.append(not_single(part, value))

    def _joined(self, key: Cell, value: ListNode, problems: list[Problem]) -> Cell:
        """A list of single values as one text. Raises Malformed where a few aliases stand for too much of it."""
        problems += [not_single(key, item) for item in value.items if not isinstance(item, Cell)]
        texts = [item.text for item in value.items if isinstance(item, Cell) and item.text]
        size = sum(map(len, texts))
        # Unlike other cells, an alias's text is made anew in each row.
        self.budget.spend(len(texts) + size, value.place)
        if size > CELL_MAX:
            message = f"a cell is longer than {CELL_MAX:,} characters"
            problems.append(Problem("error", value.place, "", message, "shorten the list"))
            return Cell("", value.place)
        return Cell(_COMMA.join(texts), value.place)


def checked(node: MapNode, problems: list[Problem]) -> Pairs:
    problems += node.problems
    return node.pairs


def is_nothing(value: Node) -> bool:
    return isinstance(value, Cell) and not value.text


def not_single(key: Cell, value: Node) -> Problem:
    what = "a list" if isinstance(value, ListNode) else "a map"
    is_braced = isinstance(value, MapNode) and value.pairs and all(is_nothing(part) for _, part in value.pairs)
    remedy = "put quotation marks around a text that begins with {" if is_braced else "write a single value"
    return Problem("error", value.place, "", f"{shown(key.text)} can't be {what} here", remedy)


_FEWER = "use the same keys in every row; is a value written where a key belongs?"
