"""Several manifests in one command: each in its turn, whatever became of those before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dubbatch.cli.exit_codes import BUSY, INTERRUPTED, OK, REMAINS, TERMINATED, code_of_error, worst
from dubbatch.cli.journal import ENDED, Entry, Journal, warn
from dubbatch.cli.logfile import check_apart
from dubbatch.cli.project import Project, open_project
from dubbatch.errors import DubbatchError, UsageError

#: The others are not begun after these.
_ENDS_ALL = (INTERRUPTED, TERMINATED)


def in_turn(
    projects: Sequence[Project], journal: Journal, work: Callable[[Project], int], *, keeps_log: bool = True
) -> int:
    """Do the work for each, and tell its errors; the code that comes first in the order of all (design, section 8).

    ``keeps_log``: whether what is done is logged as each one's settings say.
    """
    codes: list[int] = []
    for number, project in enumerate(projects):
        codes.append(_one(project, journal, work, is_alone=len(projects) == 1, keeps_log=keeps_log))
        if codes[-1] in _ENDS_ALL:
            left = [other.named for other in projects[number + 1 :]]
            if left:
                warn(journal, [f"not begun: {', '.join(left)}"])
            break
    code = gravest(codes)
    if len(projects) > 1:
        # Whoever looks at the last entry looks for the code of the command.
        journal.enter(Entry("error" if code else "info", ENDED, more={"exit_code": code}))
    return code


def gravest(codes: Sequence[int]) -> int:
    """The code of a command whose manifests ended with these. Pure."""
    # Another run has one of them: for whoever looks at the code that matters least, and the others are done.
    rest = worst(code for code in codes if code != BUSY)
    return BUSY if BUSY in codes and rest in (OK, REMAINS) else rest


def _one(project: Project, journal: Journal, work: Callable[[Project], int], *, is_alone: bool, keeps_log: bool) -> int:
    settings = project.settings
    if not is_alone and not settings.quiet:
        journal.say(f"{project.named}:")
    try:
        if keeps_log:
            journal.open(settings.log_format, settings.log_file, is_quiet=settings.quiet)
        return work(project)
    except DubbatchError as error:
        journal.error(error, batch=project.batch)
        return code_of_error(error)


def open_projects(
    manifests: Iterable[str], values: Mapping[str, Any], *, needs_rows: bool = False
) -> tuple[Project, ...]:
    """All of them, so that a slip in the last is told before work starts on the first. Raises as ``open_project``."""
    projects = tuple(open_project(manifest, values, needs_rows=needs_rows) for manifest in manifests)
    _check_apart(projects)
    return projects


def _check_apart(projects: Sequence[Project]) -> None:
    """Raises UsageError where one manifest's work would be taken for another's, or its report be overwritten."""
    _check_one_each(((project.ledger.absolute(), project.batch) for project in projects), projects, "the same batch")
    for project in projects:
        if (log := project.settings.log_file) is not None:
            others = (other for each in projects for other in (each.origin.path, each.ledger, *each.reports))
            check_apart(log, others)
    reports = [(report.absolute(), project) for project in projects for report in project.reports]
    _check_one_each((path for path, _ in reports), [project for _, project in reports], "the same report")


def _check_one_each(things: Iterable[object], projects: Sequence[Project], what: str) -> None:
    owners: dict[object, Project] = {}
    for thing, project in zip(things, projects, strict=True):
        owner = owners.setdefault(thing, project)
        if owner is not project:
            raise UsageError(
                f"{owner.named} and {project.named} would write {what}",
                hint="call dubbatch once for each, or give each a batch and an output folder; nothing was sent",
            )


def in_time(project: Project, started_s: float, clock: Callable[[], float] = time.monotonic) -> Project:
    """With what is left of ``--max-time`` since the command started: it bounds the command, not each turn."""
    max_time_s = project.settings.max_time_s
    if max_time_s is None:
        return project
    settings = replace(project.settings, max_time_s=max(0.0, max_time_s - (clock() - started_s)))
    return replace(project, resolved=replace(project.resolved, settings=settings))


def words_for(project: Project, projects: Sequence[Project], words: Sequence[str]) -> list[str]:
    """A command's words without the other manifests: what is next for one must not change anything for another."""
    others = {other.named for other in projects} - {project.named}
    return [word for word in words if word not in others]
