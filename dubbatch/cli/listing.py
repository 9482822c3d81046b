"""Problems of a manifest as text: each at its place, and those that many rows have in common once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dubbatch.cli.entries import problem_entry
from dubbatch.cli.exit_codes import MANIFEST
from dubbatch.cli.journal import ENDED, Entry, Journal
from dubbatch.cli.speech import say
from dubbatch.particulars import without_particulars

if TYPE_CHECKING:
    # For their names only: ``dubbatch status`` starts without what reads manifests.
    from dubbatch.manifest import Manifest, Problem

#: More of a kind are told together.
_ALIKE_MAX = 10
#: Of those, how many values are shown, and how many rows are named.
_EXAMPLES = 3
_RANGES_MAX = 12


class _Kind(NamedTuple):
    """What problems have in common that a person mends in one go."""

    severity: str
    file: str
    sheet: str
    column: str
    message: str


def show_problems(
    problems: Sequence[Problem], journal: Journal, batch: str, *, what: str = "manifest", quiet: bool = False
) -> None:
    """Every problem with its place, reason and remedy; then how many there are. ``what`` they are in."""
    for problem in problems:
        journal.enter(problem_entry(problem, batch))
    if not journal.speaks:
        return
    for group in grouped(problem for problem in problems if problem.is_error or not quiet):
        if len(group) > _ALIKE_MAX:
            _show_together(group)
        else:
            for problem in group:
                _show_one(problem)
    counts = Counter(problem.severity for problem in problems)
    if counts:
        told = ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in sorted(counts.items()))
        say(f"{told} in the {what}.", err=True)


def show_stop(manifest: Manifest, journal: Journal, *, would: bool = False) -> None:
    """That nothing is sent while there are errors, and what to do. ``would``: a plan says so, ahead of the run."""
    said = "Nothing would be sent" if would else "Nothing was sent"
    if all(job.blocked or job.skip for job in manifest.jobs):
        told = f"{said}: no row is good. Mend the cells above."
    else:
        told = f"{said}. Mend the cells above, or run the good rows with --on-error skip."
    journal.say(told)
    if not would:
        journal.enter(Entry("error", ENDED, told, batch=manifest.batch, more={"exit_code": MANIFEST}))


def grouped(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Problems in their order, those of a kind together where there are many of it, at the place of the first."""
    every = list(problems)
    kinds = [_kind(problem) for problem in every]
    counts = Counter(kinds)
    groups: dict[object, list[Problem]] = {}
    for index, (problem, kind) in enumerate(zip(every, kinds, strict=True)):
        groups.setdefault(kind if counts[kind] > _ALIKE_MAX else index, []).append(problem)
    return list(groups.values())


def _kind(problem: Problem) -> _Kind:
    place = problem.place
    column = place.column if isinstance(place.column, str) else ""
    return _Kind(problem.severity, place.file, place.sheet, column, without_particulars(problem.message))


def _show_one(problem: Problem) -> None:
    say(f"{problem.severity}: {problem.place}: {problem.message}", err=True)
    if problem.value:
        say(f"    value:  {problem.value}", err=True)
    say(f"    remedy: {problem.remedy}", err=True)


def _show_together(group: Sequence[Problem]) -> None:
    first = group[0]
    kind = _kind(first)
    file = f"{kind.file}#{kind.sheet}" if kind.sheet else kind.file
    column = f", column {kind.column}" if kind.column else ""
    messages = {problem.message for problem in group}
    message = first.message if len(messages) == 1 else kind.message
    say(f"{kind.severity}: {file}, {len(group):,} times{column}: {message}", err=True)
    say(f"    rows:   {_ranges(sorted({problem.place.row or 0 for problem in group}))}", err=True)
    values = list(dict.fromkeys(problem.value for problem in group if problem.value))
    for value in values[:_EXAMPLES]:
        say(f"    value:  {value}", err=True)
    if len(values) > _EXAMPLES:
        say(f"            and {len(values) - _EXAMPLES:,} more", err=True)
    remedies = list(dict.fromkeys(problem.remedy for problem in group))
    more = f" (row {first.place.row}; each row has its own: --format json)" if len(remedies) > 1 else ""
    say(f"    remedy: {first.remedy}{more}", err=True)


def _ranges(rows: Sequence[int]) -> str:
    """``2-101, 105 and 3 more``."""
    spans: list[tuple[int, int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], row)
        else:
            spans.append((row, row))
    named = ", ".join(str(one) if one == last else f"{one}-{last}" for one, last in spans[:_RANGES_MAX])
    more = sum(last - one + 1 for one, last in spans[_RANGES_MAX:])
    return f"{named} and {more:,} more" if more else named
