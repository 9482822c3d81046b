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

from dubbatch.api.text import printable
from dubbatch.jobs import Place

Severity = Literal["error", "warning"]

_SHOWN_MAX = 120
#: Of a cell of any length: far more than is shown, and its secrets with it.
_LOOKED_AT = 10_000
_TAIL = re.compile(r"[?#]")
#: Of an address whose scheme was forgotten.
_BARE_TAIL = re.compile(r"\?(?=[\w.%~-]{1,80}=)")
_LOGIN = re.compile(r"(?<=://)[^/\s]*@")


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
    safe = _LOGIN.sub("...@", printable(value[:_LOOKED_AT]))
    address = safe.find("://")
    tail = _TAIL.search(safe, address) if address >= 0 else _BARE_TAIL.search(safe)
    safe = f"{safe[: tail.start() + 1]}..." if tail else safe
    return safe if len(safe) <= _SHOWN_MAX else safe[: _SHOWN_MAX - 1] + "…"
