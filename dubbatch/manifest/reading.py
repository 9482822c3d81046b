"""All rows of a manifest taken through the rules, part after part, and what they come to together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from dubbatch.jobs import Job, Place
from dubbatch.manifest.cells import Cell, Content
from dubbatch.manifest.clashes import find_clashes
from dubbatch.manifest.columns import FIELDS
from dubbatch.manifest.drafts import Draft, Drafter
from dubbatch.manifest.dubs import Patterns
from dubbatch.manifest.headers import Headers
from dubbatch.manifest.inputs import Inputs
from dubbatch.manifest.output_names import Template
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.row import RowReader
from dubbatch.manifest.rules import HIDDEN_TOLD, RowRules

#: Nobody mends more at a time, and a file that is no manifest has as many as lines.
PROBLEMS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """One table or list of rows, its headers understood."""

    content: Content
    headers: Headers
    #: Of known columns, by column; and all of them, by header.
    defaults: Mapping[str, Cell]
    all_defaults: Mapping[str, Cell]
    #: Absolute folders that its paths are relative to.
    bases: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass
class Reading:
    """Takes the rows of one part after the other through the rules."""

    batch: str
    template: Template
    include_hidden: bool
    _drafts: list[Draft] = field(default_factory=list)
    _problems: list[Problem] = field(default_factory=list)
    _positions: Iterator[int] = field(default_factory=count)
    _errors: int = 0
    _warnings: int = 0
    _order: dict[tuple[str, str], int] = field(default_factory=dict)

    def read(self, part: Part) -> None:
        """Apply the rules to all rows of ``part``, until there are more problems than anybody mends."""
        self._order.setdefault((part.content.place.file, part.content.place.sheet), len(self._order))
        # Without its required columns every row would only repeat what is said of the header.
        if any(problem.is_error for problem in part.headers.problems) and not _has_media(part.headers):
            return
        rules = RowRules(
            RowReader(part.headers, part.defaults, part.all_defaults, part.content.is_export),
            Inputs(part.bases),
            Drafter(
                part.headers,
                self.batch,
                self.template,
                Patterns((*FIELDS, *part.headers.own)),
                self._positions,
            ),
            self.include_hidden,
        )
        for record in part.content.records:
            drafts, problems = rules.apply(record)
            self._drafts += drafts
            if problems:
                self._keep(problems)
                if self._errors >= PROBLEMS_MAX:
                    self._stop(part, record.place)
                    return
        if (more := rules.hidden - HIDDEN_TOLD) > 0:
            message = f"{more:,} more rows are hidden in the sheet: they are skipped"
            self._problems.append(Problem("warning", part.content.place, "", message, "take --include-hidden"))

    def _keep(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self._errors += problem.is_error
            self._warnings += not problem.is_error
            if problem.is_error or self._warnings <= PROBLEMS_MAX:
                self._problems.append(problem)

    def _stop(self, part: Part, place: Place) -> None:
        message = f"{self._errors:,} problems: the rows after row {place.row} were not looked at"
        remedy = "mend these first; is this the right file?"
        self._problems.append(Problem("error", part.content.place, "", message, remedy))

    def settled(self, general: Problem | None) -> tuple[list[Job], list[Problem]]:
        """The jobs with distinct ids, and all problems of rows, in the order of the files.

        An error of a file as a whole (``general``) concerns every row: which column is
        meant, or what the outputs are called, is not sure for any of them.
        """
        clashes = find_clashes(self._drafts)
        errors = {clash.index: clash.problem for clash in reversed(clashes) if clash.problem.is_error}
        jobs: dict[str, Job] = {}
        # A row that is to be dubbed comes before a bad or skipped one of the same id.
        for index in sorted(range(len(self._drafts)), key=self._importance):
            job = self._drafts[index].job
            error = None if job.skip or job.blocked else general or errors.get(index)
            jobs.setdefault(job.id, replace(job, blocked=error.message, remedy=error.remedy) if error else job)
        problems = [*self._problems, *(clash.problem for clash in clashes)]
        return sorted(jobs.values(), key=lambda job: job.position), sorted(problems, key=self._rank)

    def _importance(self, index: int) -> tuple[bool, bool]:
        job = self._drafts[index].job
        return job.skip, bool(job.blocked)

    def _rank(self, problem: Problem) -> tuple[int, int, int]:
        place = problem.place
        column = place.column if isinstance(place.column, int) else 0
        return self._order.get((place.file, place.sheet), 0), place.row or 0, column


def _has_media(headers: Headers) -> bool:
    meanings = {meaning.partition(":")[0] for meaning in headers.fields.values()}
    return {"video", "audio"} <= meanings
