"""Which warnings are about which jobs, and what they do to them."""

from __future__ import annotations

from dataclasses import replace

from dubbatch.jobs import Job, Media, Place
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.warned import strictly, with_warnings

MEDIA = Media("u", url="https://h/u")


def job(name: str, row: int, *, skip: bool = False) -> Job:
    place = Place("m.csv", row)
    return Job(id=name, video=MEDIA, audio=MEDIA, output=f"{name}.mp4", position=row, place=place, skip=skip)


def problem(message: str, row: int | None, name: str = "", severity: str = "warning") -> Problem:
    return Problem(severity, Place("m.csv", row), "", message, f"mend {message}", name)  # type: ignore[arg-type]


JOBS = [job("a-de", 2), job("a-fr", 2), job("b", 3), job("hidden", 4, skip=True)]
ABOUT_ONE = problem("odd track", 2, "a-fr")
ABOUT_A_ROW = problem("odd row", 2)
ABOUT_ALL = problem("odd header", 1)
ABOUT_A_SKIPPED = problem("hidden row", 4, "hidden")
ERROR = problem("bad", 3, "b", "error")
ALL = [ABOUT_ONE, ABOUT_A_ROW, ABOUT_ALL, ABOUT_A_SKIPPED, ERROR]


def test_what_is_odd_about_a_row_goes_along_with_its_jobs() -> None:
    """With the one that it names, else with all of the row; errors have their own way."""
    found = {one.id: one.warnings for one in with_warnings(JOBS, ALL)}

    assert found == {
        "a-de": ("odd row",), "a-fr": ("odd track", "odd row"), "b": (), "hidden": ("hidden row",),
    }  # fmt: skip


def test_strictly_what_is_odd_about_a_job_blocks_it_and_nothing_else() -> None:
    """What is about no job that would be sent stays a warning: a hidden row is skipped on purpose."""
    jobs, problems = strictly(JOBS, ALL)

    assert {one.id: one.blocked for one in jobs} == {"a-de": "odd row", "a-fr": "odd track", "b": "bad", "hidden": ""}
    assert {one.message: one.severity for one in problems} == {
        "odd track": "error", "odd row": "error", "odd header": "warning", "hidden row": "warning", "bad": "error",
    }  # fmt: skip


def test_what_was_blocked_before_keeps_its_reason() -> None:
    first = replace(JOBS[0], blocked="the file does not exist", remedy="look")

    (judged,), _ = strictly([first], [ABOUT_A_ROW])

    assert (judged.blocked, judged.remedy) == ("the file does not exist", "look")
