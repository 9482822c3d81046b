"""What a report's rows add up to: states, and a line for each language. Pure, and bounded however many there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from dubbatch.jobs import JobState
from dubbatch.report.causes import PERSON, Causes
from dubbatch.report.rows import ReportRow

#: More languages than any team dubs into: a column that holds something else makes no endless table.
LANGUAGES_MAX: Final = 200


@dataclass(slots=True)
class Share:
    """How a part of the jobs stands."""

    counts: Counter[JobState] = field(default_factory=Counter)
    #: Seconds of the outputs that are here.
    delivered_s: float = 0.0

    @property
    def jobs(self) -> int:
        return self.counts.total()

    @property
    def minutes(self) -> float:
        """Media minutes of the outputs that are here."""
        return round(self.delivered_s / 60, 3)

    @property
    def downloaded(self) -> int:
        return self.counts[JobState.DOWNLOADED]

    @property
    def person(self) -> int:
        """Need a person."""
        return sum(self.counts[state] for state in PERSON)

    @property
    def skipped(self) -> int:
        return self.counts[JobState.SKIPPED]

    @property
    def waiting(self) -> int:
        """On their way, or for a later run."""
        return self.jobs - self.downloaded - self.person - self.skipped

    def add(self, row: ReportRow) -> None:
        self.counts[row.state] += 1
        if row.minutes is not None:
            self.delivered_s += row.duration_s or 0.0


class Tally:
    """Takes rows one by one, in their order."""

    def __init__(self) -> None:
        self.all = Share()
        #: Of the languages that had no place of their own any more.
        self.other = Share()
        self.causes = Causes()
        self._languages: dict[str, Share] = {}

    def add(self, row: ReportRow) -> None:
        self.causes.add(row, self.all.jobs)
        self.all.add(row)
        share = self._languages.get(row.language)
        if share is None:
            has_room = len(self._languages) < LANGUAGES_MAX
            share = self._languages.setdefault(row.language, Share()) if has_room else self.other
        share.add(row)

    def languages(self) -> list[tuple[str, Share]]:
        """By name; jobs without a language last, under an empty one."""
        return sorted(self._languages.items(), key=lambda item: (not item[0], item[0].casefold(), item[0]))
