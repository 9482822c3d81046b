"""The one way from a manifest to jobs and problems: source -> headers -> rules -> clashes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from dubbatch.errors import ManifestError
from dubbatch.jobs import Job, Place
from dubbatch.manifest.address import STANDARD_INPUT
from dubbatch.manifest.cells import Cell, Content, Head, Include, Layout, Origin, Record
from dubbatch.manifest.columns import FIELDS
from dubbatch.manifest.headers import mapping_problems, resolve
from dubbatch.manifest.output_names import DEFAULT_TEMPLATE, Template, parse_template
from dubbatch.manifest.problems import Problem, located, shown
from dubbatch.manifest.reading import PROBLEMS_MAX, Part, Reading
from dubbatch.manifest.row import usable_defaults
from dubbatch.manifest.sources import read_bytes, read_rows, source_of
from dubbatch.manifest.values import is_name
from dubbatch.manifest.warned import with_warnings
from dubbatch.memory import making_many


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest's jobs in their order, and all that is wrong with it (the head's problems included)."""

    origin: Origin
    batch: str
    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...]
    #: The team's own headers, in order.
    columns: tuple[str, ...]
    #: SHA-256 of the file's bytes.
    digest: str = ""
    #: Of a table; None: the manifest is no table.
    layout: Layout | None = None

    @property
    def path(self) -> Path:
        return self.origin.path

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Those problems that keep rows from being sent."""
        return tuple(problem for problem in self.problems if problem.is_error)


def read_head(path: Path | Origin, data: bytes | None = None) -> Head:
    """Batch and settings of a manifest, without its rows. ``data`` is what came on standard input.

    Raises ManifestError where the file can't be read at all.
    """
    origin = path if isinstance(path, Origin) else Origin(path)
    return _checked(source_of(origin, data).head(read_bytes(origin.path) if data is None else data, origin))


@making_many()
def load(
    path: Path | Origin,
    *,
    batch: str,
    output_template: str,
    output_template_place: Place | None = None,
    columns: Mapping[str, str] | None = None,
    expected: Collection[str] = (),
    include_hidden: bool = False,
    data: bytes | None = None,
    faults: Sequence[Problem] = (),
    watch: Callable[[Record], None] | None = None,
) -> Manifest:
    """All jobs and all problems of a manifest.

    ``batch`` and ``output_template`` are those in force (flag, manifest or default); ``output_template_place`` is
    where the template stands, if in the manifest; ``columns``: the team's headers, and what they stand for, as said
    outside of the manifest, and ``expected`` those of them that are to be in it; ``include_hidden``: rows that the
    sheet hides count too; ``data``: what came on standard input; ``faults``: what is wrong with the manifest's
    settings, told first; an error among them blocks every row; ``watch`` is shown each of its own records. Raises
    ManifestError where the file can't be read at all; what can be mended is a problem.
    """
    origin = path if isinstance(path, Origin) else Origin(path)
    outer = dict(columns or {})
    source = source_of(origin, data)
    data = read_bytes(origin.path) if data is None else data
    content = source.content(data, origin, outer)
    if watch is not None:
        content = replace(content, records=_watched(content.records, watch))
    parts, unread = _parts(content, origin, outer, expected)
    own = tuple(dict.fromkeys(chain.from_iterable(part.headers.own for part in parts)))
    template, template_problems = _template(output_template, own, output_template_place or origin.place)
    general = [*faults, *_checked(content.head).problems, *content.problems, *unread, *template_problems]
    if not content.headers:
        # Rows without any header can have nothing but problems.
        general += islice(chain.from_iterable(record.problems for record in content.records), PROBLEMS_MAX)
    general += chain.from_iterable(part.problems for part in parts)
    reading = Reading(batch, template, include_hidden)
    for part in parts:
        reading.read(part)
    jobs, problems = reading.settled(next((problem for problem in general if problem.is_error), None))
    problems += _no_jobs(jobs, [*general, *problems], content.place)
    # Where reading was given up, the rest of the records is still walked: the layout is to be complete.
    deque(content.records if content.layout is not None else (), maxlen=0)
    digest = hashlib.sha256(data).hexdigest()
    jobs = with_warnings(jobs, problems)
    return Manifest(origin, batch, tuple(jobs), (*general, *problems), own, digest, content.layout)


def _watched(records: Iterable[Record], watch: Callable[[Record], None]) -> Iterator[Record]:
    for record in records:
        watch(record)
        yield record


def _parts(
    content: Content, origin: Origin, outer: Mapping[str, str], expected: Collection[str]
) -> tuple[list[Part], list[Problem]]:
    """The manifest's own rows and those of the tables that it includes; and what is wrong with including them."""
    folder = Path() if origin.path == STANDARD_INPUT else origin.path.parent
    base = str(folder.absolute())
    parts = [_part(content, {}, {}, outer, (base,))] if content.headers else []
    problems: list[Problem] = []
    for include in content.includes:
        table = _included(include, folder, {**outer, **_texts(content.columns)}, problems)
        if table is not None:
            problems += [*table.head.problems, *table.problems]
            bases = tuple(dict.fromkeys((str(table.head.origin.path.absolute().parent), base)))
            part = _part(
                table, {**content.defaults, **include.defaults}, include.columns, outer, bases, content.columns
            )
            problems += mapping_problems(include.columns, table.headers)
            parts.append(part)
    asked = {header: Cell(outer[header], content.place) for header in expected}
    said = {**asked, **content.columns}
    problems += mapping_problems(said, [cell for part in parts for cell in _all_headers(part)])
    return parts, problems


def _included(include: Include, folder: Path, columns: Mapping[str, str], problems: list[Problem]) -> Content | None:
    try:
        return read_rows(include.table.text.strip(), folder, {**columns, **_texts(include.columns)})
    except ManifestError as error:
        problem = Problem("error", include.table.place, shown(include.table.text), error.message, error.hint)
        problems.append(problem)
        return None


def _part(
    content: Content,
    defaults: Mapping[str, Cell],
    own_columns: Mapping[str, Cell],
    outer: Mapping[str, str],
    bases: tuple[str, ...],
    shared_columns: Mapping[str, Cell] | None = None,
) -> Part:
    """``outer``: what was said outside of the manifest stands over what the manifest says."""
    all_defaults = {**content.defaults, **defaults}
    columns = {**(shared_columns or {}), **content.columns, **own_columns}
    columns |= {header: Cell(column, content.place) for header, column in outer.items()}
    given = [Cell(header, cell.place) for header, cell in all_defaults.items()]
    headers = resolve(content.headers, columns, place=content.place, given=given, is_table=content.is_table)
    usable, problems = usable_defaults(headers, all_defaults)
    return Part(content, headers, usable, all_defaults, bases, (*headers.problems, *problems))


def _all_headers(part: Part) -> list[Cell]:
    return [*part.content.headers, *(Cell(header, cell.place) for header, cell in part.all_defaults.items())]


def _texts(cells: Mapping[str, Cell]) -> dict[str, str]:
    return {name: cell.text for name, cell in cells.items()}


def _checked(head: Head) -> Head:
    """``head`` with a batch name that can be used, or none and a problem."""
    if head.batch is None:
        return head
    name = unicodedata.normalize("NFC", head.batch.text.strip())
    if not name or is_name(name):
        return replace(head, batch=Cell(name, head.batch.place))
    problem = Problem("error", head.batch.place, shown(name), "the batch's name can't be used", _BATCH_REMEDY)
    return replace(head, batch=None, problems=(*head.problems, problem))


def _template(text: str, own: Sequence[str], place: Place) -> tuple[Template, list[Problem]]:
    """The parsed template; where it can't be used, the default one, so that the rows are still looked at."""
    parsed = parse_template(text, [*FIELDS, *own])
    if isinstance(parsed, Template):
        return parsed, []
    return DEFAULT_TEMPLATE, [located(parsed, place, text)]


def _no_jobs(jobs: Sequence[Job], problems: Iterable[Problem], place: Place) -> list[Problem]:
    if jobs or any(problem.is_error for problem in problems):
        return []
    return [Problem("error", place, "", "the manifest has no jobs", "add a row with a video and an audio track")]


_BATCH_REMEDY = "write a name of at most 200 characters, without line breaks and control characters"
