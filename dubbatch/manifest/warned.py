"""Which warnings of a manifest are about which jobs: they go along with them, or, strictly, block them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dubbatch.jobs import Job, Place
from dubbatch.manifest.problems import Problem

#: A row, as a person counts it.
_Row = tuple[str, str, int | None]


def with_warnings(jobs: Sequence[Job], problems: Iterable[Problem]) -> list[Job]:
    """The jobs, each with what is odd about its row."""
    warnings = [problem for problem in problems if not problem.is_error]
    if not warnings:
        return list(jobs)
    by_job, by_row = _sorted(warnings)
    return [
        replace(job, warnings=messages) if (messages := tuple(_messages(_about(job, by_job, by_row)))) else job
        for job in jobs
    ]


def strictly(jobs: Sequence[Job], problems: Sequence[Problem]) -> tuple[tuple[Job, ...], tuple[Problem, ...]]:
    """The same with warnings as errors, where they are about a job that would be sent: it is blocked."""
    by_job, by_row = _sorted(problems)
    blocking: set[int] = set()

    def judged(job: Job) -> Job:
        about = [] if job.skip else list(_about(job, by_job, by_row))
        blocking.update(map(id, about))
        return replace(job, blocked=about[0].message, remedy=about[0].remedy) if about and not job.blocked else job

    result = tuple(map(judged, jobs))
    return result, tuple(replace(one, severity="error") if id(one) in blocking else one for one in problems)


def _sorted(problems: Iterable[Problem]) -> tuple[Mapping[str, list[Problem]], Mapping[_Row, list[Problem]]]:
    """By the job that they name; those that name none, by their row."""
    by_job, by_row = defaultdict(list), defaultdict(list)
    for problem in problems:
        if problem.job:
            by_job[problem.job].append(problem)
        else:
            by_row[_row(problem.place)].append(problem)
    return by_job, by_row


def _about(job: Job, by_job: Mapping[str, list[Problem]], by_row: Mapping[_Row, list[Problem]]) -> Iterator[Problem]:
    yield from by_job.get(job.id, ())
    yield from by_row.get(_row(job.place), ())


def _row(place: Place) -> _Row:
    return place.file, place.sheet, place.row


def _messages(problems: Iterable[Problem]) -> Iterator[str]:
    return iter(dict.fromkeys(problem.message for problem in problems))
