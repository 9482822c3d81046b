"""What the top level of a YAML or JSON manifest says: batch, settings, defaults, columns, include and jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Include, Origin
from dubbatch.manifest.columns import meaning_of, normal
from dubbatch.manifest.problems import Problem, shown
from dubbatch.manifest.tree.nodes import Document, ListNode, Malformed, MapNode, Node
from dubbatch.manifest.tree.rows import Pairs, Rows, checked, is_nothing, not_single
from dubbatch.manifest.tree.syntax import VERSION
from dubbatch.option import Scope
from dubbatch.settings import OPTIONS

KEYS = ("version", "batch", "settings", "defaults", "columns", "include", "jobs")
#: Keys that tell of the batch as a whole.
HEAD_KEYS = frozenset({"batch", "settings"})
#: What an editor reads, and nobody else.
_SCHEMA = "$schema"
#: Keys that begin so hold anchors, and mean nothing.
_HOLDER = "x-"
#: The key of an include that has the table's path, the preferred one first.
_FILE_KEYS = ("file", "table", "path")
_INCLUDE_KEYS = (*_FILE_KEYS, "sheet", "defaults", "columns")
#: Settings that may be a list; and the one that may be a map: column: {value: minutes}, or column: minutes.
_LISTS = frozenset(option.name for option in OPTIONS.values() if option.is_many)
_CAPS = "max_minutes_by"
_SETTINGS = frozenset(option.name for option in OPTIONS.values() if option.scope is Scope.ANYWHERE)

#: Key -> the key as it stands there, and its value.
_Map = Mapping[str, tuple[Cell, Node]]


def read_head(document: Document, origin: Origin, guesses: tuple[Problem, ...], wanted: frozenset[str]) -> Head:
    """Batch and settings; reading ends at the rows if ``wanted``, of the head's keys those that may stand anywhere, is
    found before them.
    """
    top: dict[str, tuple[Cell, Node]] = {}
    end: tuple[Problem, ...] = ()
    try:
        for key in document.keys():  # noqa: SIM118  (no mapping)
            if key.text != "jobs":
                top[key.text] = (key, document.value())
            elif wanted <= top.keys():
                break
            else:
                document.skip()
    except Malformed as error:
        end = (error.problem,)
    return _head(origin, top, (*guesses, *document.problems, *end))


def read_content(
    document: Document, origin: Origin, guesses: tuple[Problem, ...], columns: Mapping[str, str]
) -> Content:
    """All of a document whose top level is a manifest's map. ``columns``: what headers stand for, as said elsewhere."""
    try:
        top = {key.text: (key, document.value(is_rows=key.text == "jobs")) for key in document.keys()}  # noqa: SIM118  (no mapping)
        return _content(document, origin, top, guesses, columns)
    except Malformed as error:
        return without_rows(origin, document.place, (*guesses, *document.problems, error.problem))


def without_rows(origin: Origin, place: Place, problems: tuple[Problem, ...]) -> Content:
    """The content of a file that can't be read further than its problems say."""
    return Content(Head(origin, problems=problems), (), (), place, is_table=False)


def _content(
    document: Document, origin: Origin, top: _Map, guesses: tuple[Problem, ...], given: Mapping[str, str]
) -> Content:
    if _is_map_of_maps(top):
        problem = Problem("error", document.place, "", "a map of maps, as pandas writes a table by default", _RECORDS)
        return without_rows(origin, document.place, (*guesses, problem))
    problems: list[Problem] = []
    columns = _columns(_map(top, "columns", problems), problems)
    rows = Rows(document.budget, {**{header: cell.text for header, cell in columns.items()}, **given}, problems)
    records = tuple(rows.of_jobs(top["jobs"][1])) if "jobs" in top else ()
    defaults = rows.flat(_map(top, "defaults", problems), problems)
    includes = tuple(_includes(top, rows))
    return Content(
        head=_head(origin, top, (*guesses, *document.problems)),
        headers=tuple(rows.headers.values()),
        records=records,
        place=top["jobs"][0].place if "jobs" in top else document.place,
        is_table=False,
        defaults=defaults,
        columns=columns,
        includes=includes,
        problems=(*_key_problems(top, document), *problems),
    )


def _head(origin: Origin, top: _Map, before: tuple[Problem, ...]) -> Head:
    problems: list[Problem] = list(before)
    batch = top["batch"][1] if "batch" in top else None
    if batch is not None and not isinstance(batch, Cell):
        problems.append(not_single(top["batch"][0], batch))
        batch = None
    settings: dict[str, Cell | tuple[Cell, ...]] = {}
    for key, value in _map(top, "settings", problems):
        if isinstance(value, Cell):
            settings[key.text] = value
        elif key.text == _CAPS and isinstance(value, MapNode):
            settings[key.text] = tuple(_caps(value, problems))
        elif key.text in _LISTS and isinstance(value, ListNode):
            cells = tuple(item for item in value.items if isinstance(item, Cell))
            settings[key.text] = cells
            problems += [not_single(key, item) for item in value.items if not isinstance(item, Cell)]
        else:
            problems.append(not_single(key, value))
    return Head(origin, batch, settings, tuple(problems))


def _caps(node: MapNode, problems: list[Problem]) -> Iterator[Cell]:
    """The caps of a map, as the texts that stand for them elsewhere."""
    for column, value in checked(node, problems):
        pairs = checked(value, problems) if isinstance(value, MapNode) else ((None, value),)
        for name, minutes in pairs:
            if not isinstance(minutes, Cell):
                problems.append(not_single(name or column, minutes))
                continue
            what = f"{column.text}={name.text}" if name else column.text
            yield Cell(f"{what}:{minutes.text}", minutes.place)


def _includes(top: _Map, rows: Rows) -> Iterator[Include]:
    key, value = top.get("include", (None, None))
    if key is None or value is None or is_nothing(value):
        return
    for item in value.items if isinstance(value, ListNode) else (value,):
        if isinstance(item, MapNode):
            yield from _include(item, rows)
        elif isinstance(item, Cell) and item.text.strip():
            yield Include(item)
        else:
            rows.problems.append(Problem("error", item.place, "", "an include is a table's path, or a map", _INCLUDE))


def _include(node: MapNode, rows: Rows) -> Iterator[Include]:
    problems = rows.problems
    parts = {key.text: (key, value) for key, value in checked(node, problems)}
    problems += [_unknown(key, _INCLUDE_KEYS) for name, (key, _) in parts.items() if name not in _INCLUDE_KEYS]
    defaults = rows.flat(_map(parts, "defaults", problems), problems)
    columns = _columns(_map(parts, "columns", problems), problems)
    files = [
        (key, _single(key, value, problems)) for key, value in (parts[name] for name in _FILE_KEYS if name in parts)
    ]
    if len(files) > 1:
        message = f"{files[0][0].text} and {files[1][0].text} mean the same"
        problems.append(Problem("error", files[1][0].place, "", message, "keep one of them"))
    elif not files or (files[0][1] is not None and not files[0][1].text.strip()):
        problems.append(Problem("error", node.place, "", "the include names no file", _INCLUDE))
    elif (table := files[0][1]) is not None:
        sheet = _single(*parts["sheet"], problems) if "sheet" in parts else None
        path = f"{table.text}#{sheet.text}" if sheet and sheet.text else table.text
        yield Include(Cell(path, table.place), defaults, columns)


def _single(key: Cell, value: Node, problems: list[Problem]) -> Cell | None:
    if isinstance(value, Cell):
        return value
    problems.append(not_single(key, value))
    return None


def _map(parts: _Map, name: str, problems: list[Problem]) -> Pairs:
    """The pairs of the map that ``name`` has as its value; none if it is absent or empty."""
    value = parts[name][1] if name in parts else None
    if isinstance(value, MapNode):
        return checked(value, problems)
    if value is not None and not is_nothing(value):
        problems.append(Problem("error", value.place, "", f"{name} is a map", f"write `{name}: {{key: value}}`"))
    return ()


def _columns(pairs: Pairs, problems: list[Problem]) -> Mapping[str, Cell]:
    return {key.text: cell for key, value in pairs if (cell := _single(key, value, problems)) is not None}


def _is_map_of_maps(top: _Map) -> bool:
    """Whether the top level is a table by column, or by row, each of them with the same keys."""
    maps = [value for _, value in top.values() if isinstance(value, MapNode)]
    if len(maps) != len(top) or len(maps) < 2 or top.keys() <= set(KEYS):
        return False
    first = [key.text for key, _ in maps[0].pairs]
    return bool(first) and all([key.text for key, _ in other.pairs] == first for other in maps)


def _key_problems(top: _Map, document: Document) -> Iterator[Problem]:
    for name, (key, _) in top.items():
        if name not in KEYS and name != _SCHEMA and not name.startswith(_HOLDER):
            yield _misplaced(key)
    write = f"write `{document.syntax.version}`"
    if "version" not in top:
        message = f"the manifest does not say its version; it is read as version {VERSION}"
        yield Problem("warning", document.place, "", message, f"{write} at the top")
    elif top["version"][1] != Cell(VERSION, top["version"][1].place):
        value = top["version"][1]
        text = shown(value.text) if isinstance(value, Cell) else ""
        message = f"this dubbatch reads version {VERSION} of manifests only"
        yield Problem("error", value.place, text, message, f"{write}, or install a newer dubbatch")


def _misplaced(key: Cell) -> Problem:
    """The problem of a key that the top level does not have, but perhaps something in it has."""
    home = ""
    if normal(key.text) in _SETTINGS:
        home = "settings:"
    elif meaning_of(key.text, {}):
        home = "defaults: for every row, or into a row of jobs:"
    if not home:
        return _unknown(key, KEYS)
    name = shown(key.text)
    return Problem("error", key.place, name, f"{name!r} can't stand at the top level", f"put it under {home}")


def _unknown(key: Cell, known: tuple[str, ...]) -> Problem:
    near = get_close_matches(key.text.lower(), known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
    return Problem("error", key.place, shown(key.text), f"unknown key {shown(key.text)!r}", remedy)


_RECORDS = 'export it as a list of rows: to_json(..., orient="records")'
_INCLUDE = "write `include: rows.csv`, or `include: {file: rows.xlsx, sheet: Sheet2}`"
