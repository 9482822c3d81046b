"""The one way from a path to jobs and problems: source -> headers -> rules -> clashes.

To read another kind of file, write its source and name its suffix in ``SOURCES``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from dubbatch.errors import ManifestError
from dubbatch.jobs import Job, Place
from dubbatch.manifest.cells import Cell, Content, Head, Source
from dubbatch.manifest.clashes import find_clashes
from dubbatch.manifest.csv_source import CsvSource
from dubbatch.manifest.headers import KNOWN, Headers, resolve
from dubbatch.manifest.inputs import Inputs
from dubbatch.manifest.output_names import DEFAULT_TEMPLATE, Template, parse_template
from dubbatch.manifest.problems import Problem, located, shown
from dubbatch.manifest.rows import is_name
from dubbatch.manifest.rules import Draft, RowRules, usable_defaults
from dubbatch.manifest.yaml_source import YamlSource

#: Suffix -> what reads it.
SOURCES: Mapping[str, Source] = {".yaml": YamlSource(), ".yml": YamlSource(), ".csv": CsvSource()}

#: Fields of a template beside the columns.
_MADE_FIELDS = ("batch", "stem")
#: A manifest of 100,000 rows has some 20 MB; a video that was named by mistake has more.
_SIZE_MAX = 64 << 20
#: Nobody mends more at a time, and a file that is no manifest has as many as lines.
_PROBLEMS_MAX = 10_000
#: Reading YAML takes ten times as long, and memory.
_YAML_SIZE_MAX = 24 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest's jobs in their order, and all that is wrong with it (the head's problems included)."""

    path: Path
    batch: str
    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...]
    #: The team's own headers, in order.
    columns: tuple[str, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Those problems that keep rows from being sent."""
        return tuple(problem for problem in self.problems if problem.is_error)


def read_head(path: Path) -> Head:
    """Batch and settings of the manifest at ``path``, without its rows.

    Raises ManifestError where the file can't be read at all.
    """
    return _checked(_source(path).head(_bytes(path), path))


def load(path: Path, *, batch: str, output_template: str, output_template_place: Place | None = None) -> Manifest:
    """All jobs and all problems of the manifest at ``path``.

    ``batch`` and ``output_template`` are those in force (flag, manifest or default);
    ``output_template_place`` is where the template stands, if in the manifest. Raises
    ManifestError where the file can't be read at all; what can be mended is a problem.
    """
    content = _source(path).content(_bytes(path), path)
    if not content.headers:
        of_rows = chain.from_iterable(record.problems for record in content.records)
        general = [*_checked(content.head).problems, *content.problems, *islice(of_rows, _PROBLEMS_MAX)]
        return Manifest(path, batch, (), (*general, *_no_jobs((), general, content.place)), ())
    given = [Cell(header, cell.place) for header, cell in content.defaults.items()]
    headers = resolve(content.headers, content.columns, place=content.place, given=given, is_table=content.is_table)
    defaults, default_problems = usable_defaults(headers, content.defaults)
    template, template_problems = _template(output_template, headers, output_template_place or Place(str(path)))
    general = [
        *_checked(content.head).problems,
        *content.problems,
        *headers.problems,
        *default_problems,
        *template_problems,
    ]
    rules = RowRules(headers, defaults, content.defaults, Inputs(str(path.absolute().parent)), batch, template)
    drafts, problems = _apply(rules, content, headers)
    if len(problems) >= _PROBLEMS_MAX:
        message = f"{len(problems):,} problems: the rows after row {problems[-1].place.row} were not looked at"
        general.append(Problem("error", content.place, "", message, "mend these first; is this the right file?"))
    jobs, clashes = _settled(drafts, blocked=next((problem.message for problem in general if problem.is_error), ""))
    problems += clashes
    problems.sort(key=_order)
    problems += _no_jobs(jobs, [*general, *problems], content.place)
    return Manifest(path, batch, tuple(jobs), (*general, *problems), headers.own)


def _checked(head: Head) -> Head:
    """``head`` with a batch name that can be used, or none and a problem."""
    if head.batch is None:
        return head
    name = unicodedata.normalize("NFC", head.batch.text.strip())
    if not name or is_name(name):
        return replace(head, batch=Cell(name, head.batch.place))
    problem = Problem("error", head.batch.place, shown(name), "the batch's name can't be used", _BATCH_REMEDY)
    return replace(head, batch=None, problems=(*head.problems, problem))


def _source(path: Path) -> Source:
    source = SOURCES.get(path.suffix.lower())
    if source is None:
        what = f"a {path.suffix} file" if path.suffix else "a file without suffix"
        known = ", ".join(SOURCES)
        raise ManifestError(f"{path}: {what} is no manifest that can be read.", hint=f"Manifests end in {known}.")
    return source


def _bytes(path: Path) -> bytes:
    limit = _SIZE_MAX if path.suffix.lower() == ".csv" else _YAML_SIZE_MAX
    try:
        if path.is_dir():
            raise ManifestError(f"{path} is a folder.", hint="Name the manifest in it: a .yaml or .csv file.")
        if not path.exists():
            raise ManifestError(f"There is no file {path}.", hint="Check the path of the manifest.")
        if not path.is_file():
            raise ManifestError(f"{path} is no file, but a pipe or a device.", hint="Save it as a .yaml or .csv file.")
        with path.open("rb") as file:
            # What the file system says of a size need not be true (/proc, a file that grows).
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ManifestError(f"{path} is too big for a manifest: more than {limit >> 20} MB.", hint=_TOO_BIG)
        return data
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ManifestError(f"{path} can't be read: {reason}.", hint="Check its permissions.") from error


def _template(text: str, headers: Headers, place: Place) -> tuple[Template, list[Problem]]:
    """The parsed template; where it can't be used, the default one, so that the rows are still looked at."""
    parsed = parse_template(text, [*KNOWN, *_MADE_FIELDS, *headers.own])
    if isinstance(parsed, Template):
        return parsed, []
    return DEFAULT_TEMPLATE, [located(parsed, place, text)]


def _apply(rules: RowRules, content: Content, headers: Headers) -> tuple[list[Draft], list[Problem]]:
    drafts: list[Draft] = []
    problems: list[Problem] = []
    # Without its required columns every row would only repeat what is said of the header.
    if any(problem.is_error for problem in headers.problems) and not _has_media(headers):
        return drafts, problems
    for record in content.records:
        new_drafts, new_problems = rules.apply(record)
        drafts += new_drafts
        problems += new_problems
        if len(problems) >= _PROBLEMS_MAX:
            break
    return drafts, problems


def _has_media(headers: Headers) -> bool:
    meanings = {meaning.partition(":")[0] for meaning in headers.fields.values()}
    return {"video", "audio"} <= meanings


def _settled(drafts: Sequence[Draft], *, blocked: str) -> tuple[list[Job], list[Problem]]:
    """The jobs with distinct ids, and the problems between them.

    An error of the file as a whole (``blocked``) concerns every row: which column is
    meant, or what the outputs are called, is not sure for any of them.
    """
    clashes = find_clashes(drafts)
    reasons = {clash.index: clash.problem.message for clash in reversed(clashes) if clash.problem.is_error}
    jobs: dict[str, Job] = {}
    # A row that is to be dubbed comes before a skipped one of the same id.
    for index in sorted(range(len(drafts)), key=lambda index: drafts[index].job.skip):
        job = drafts[index].job
        reason = "" if job.skip else job.blocked or blocked or reasons.get(index, "")
        jobs.setdefault(job.id, replace(job, blocked=reason) if reason != job.blocked else job)
    ordered = sorted(jobs.values(), key=lambda job: job.position)
    return ordered, [clash.problem for clash in clashes]


def _order(problem: Problem) -> tuple[int, int]:
    column = problem.place.column
    return problem.place.row or 0, column if isinstance(column, int) else 0


def _no_jobs(jobs: Sequence[Job], problems: Iterable[Problem], place: Place) -> list[Problem]:
    if jobs or any(problem.is_error for problem in problems):
        return []
    return [Problem("error", place, "", "the manifest has no jobs", "add a row with a video and an audio track")]


_TOO_BIG = "Name the sheet, not a media file; a large one is best as a table (.csv), and split."
_BATCH_REMEDY = "write a name of at most 200 characters, without line breaks and control characters"
