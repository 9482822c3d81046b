"""What is wrong with a manifest, said so that a person can mend it.

A finding is what a rule says about a value; a problem is a finding at its place in
the file. All problems of a manifest are listed at once; an error keeps its row from
being sent, a warning does not. Signed links are secrets, so no query of a web
address ever gets into a problem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dubbatch.jobs import Place

Severity = Literal["error", "warning"]

_SHOWN_MAX = 120
_TAIL = re.compile(r"[?#]")
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about one field of a row, before its place is known."""

    message: str
    remedy: str
    severity: Severity = "error"
    #: The known column that it is about; empty: the row as a whole.
    field: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend (error) or to look at (warning).

    ``value`` is what stands there, shortened and without secrets; ``job`` is the id of
    the job that it concerns, empty if it concerns none or several.
    """

    severity: Severity
    place: Place
    value: str
    message: str
    remedy: str
    job: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"

    def as_json(self) -> dict[str, str | int | None]:
        """The object that ``plan --format json`` prints (design, section 10)."""
        return {
            "severity": self.severity,
            "file": self.place.file,
            "sheet": self.place.sheet,
            "row": self.place.row,
            "column": self.place.column,
            "value": self.value,
            "message": self.message,
            "remedy": self.remedy,
            "job": self.job,
        }


def located(finding: Finding, place: Place, value: str, *, job: str = "") -> Problem:
    """The problem that ``finding`` is at ``place``, where ``value`` stands."""
    return Problem(finding.severity, place, shown(value), finding.message, finding.remedy, job)


def shown(value: str) -> str:
    """``value`` as it may be shown: one line, shortened, without logins and queries of web addresses."""
    address = value.find("://")
    tail = _TAIL.search(value, address) if address >= 0 else None
    safe = f"{value[: tail.end()]}..." if tail else value
    safe = _UNPRINTABLE.sub(" ", _LOGIN.sub("...@", safe))
    return safe if len(safe) <= _SHOWN_MAX else safe[: _SHOWN_MAX - 1] + "…"
