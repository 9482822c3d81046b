"""The first sheet: where the batch stands, what needs a person first, and how each language does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dubbatch.ledger.jobs import BatchRow
from dubbatch.report.causes import Cause, Urgency
from dubbatch.report.rows import Minutes
from dubbatch.report.tally import Share, Tally
from dubbatch.report.workbook.cells import cell_text, height
from dubbatch.report.workbook.jobs import Limits
from dubbatch.report.workbook.links import file_link
from dubbatch.report.workbook.looks import LOOKS, Looks
from dubbatch.report.workbook.paper import for_print
from dubbatch.report.workbook.problems import PROBLEMS, says, write_examples, write_state

#: Causes that are told here; the sheet of the problems has all.
_CAUSES_MAX: Final = 10
_EXAMPLES: Final = 3
_REMOVED_MAX: Final = 50
_WIDTHS: Final = (20, 11, 13, 16, 11, 11, 13, 56, 20, 20, 20)
#: A cause's text lies across these columns, and its remedy in the one after them.
_WRONG: Final = (2, 6)
_REMEDY: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the summary tells besides what the rows add up to."""

    batch: BatchRow
    minutes: Minutes
    removed: Sequence[str]
    #: From the report's folder to the outputs.
    way: str
    #: Outputs that are no links because a sheet has no more of them.
    unlinked: int


class Summary:
    """Writes its sheet from the top down, as it must where a row that is written is forgotten."""

    def __init__(self, sheet: Any, looks: Looks, limits: Limits) -> None:
        self._sheet = sheet
        self._looks = looks
        self._limits = limits
        self._line = 0

    def write(self, facts: Facts, tally: Tally) -> None:
        for column, width in enumerate(_WIDTHS):
            self._sheet.set_column(column, column, width)
        self._sheet.hide_gridlines(2)
        for_print(self._sheet, has_head=False)
        self._write_head(facts.batch, tally.all)
        self._write_facts(facts, tally.all.minutes)
        self._write_states(tally.all)
        self._write_causes(tally)
        self._write_languages(tally)
        self._write_removed(facts.removed)

    def _write_head(self, batch: BatchRow, share: Share) -> None:
        self._sheet.set_row(0, 28)
        self._text(0, f"Dubbing report: {batch.name}", self._looks.title)
        self._next()
        words, look = self._headline(share)
        self._sheet.set_row(self._line, 22)
        for column in range(1, _REMEDY):
            self._sheet.write_blank(self._line, column, None, look)
        self._text(0, words, look)
        self._next(2)

    def _headline(self, share: Share) -> tuple[str, Any]:
        if not share.jobs:
            return "No jobs.", self._looks.open
        parts = [f"{share.downloaded:,} of {share.jobs:,} jobs are done"]
        if share.person:
            parts.append(f"{share.person:,} {'needs' if share.person == 1 else 'need'} a person")
        if share.waiting:
            parts.append(f"{share.waiting:,} {'waits' if share.waiting == 1 else 'wait'} for the next run")
        if share.skipped:
            parts.append(f"{share.skipped:,} skipped")
        is_open = share.waiting and not share.person
        look = self._looks.open if is_open else self._looks.bad if share.person else self._looks.good
        return "   ·   ".join(parts), look

    def _write_facts(self, facts: Facts, delivered: float) -> None:
        batch, minutes = facts.batch, facts.minutes
        self._fact("Last run started", batch.started_at)
        self._fact("Last run ended", batch.finished_at or "not yet (running, or interrupted)")
        self._fact("Manifest", batch.manifest)
        outputs = str(Path(batch.output_dir).resolve())
        self._fact("Outputs are in", outputs, link="" if facts.way == "." else file_link(facts.way, ""))
        self._fact(
            "Minutes bought", minutes.bought, "media minutes that the service accepted for these jobs, as far as known"
        )
        self._fact("Minutes estimated", minutes.estimated, "of the outputs whose lengths were known beforehand")
        self._fact("Minutes delivered", delivered, "of the outputs in all rows below")
        if facts.unlinked:
            # A reader must not take a missing link for a missing file.
            self._fact("Links", f"{facts.unlinked:,} outputs are named without a link: a sheet has no more of them")
        self._next()

    def _fact(self, label: str, value: str | float, note: str = "", *, link: str = "") -> None:
        self._text(0, label, self._looks.label)
        if isinstance(value, float):
            self._sheet.write_number(self._line, 1, value, self._looks.fact)
        elif link:
            self._sheet.write_url(self._line, 1, link, self._looks.jump, cell_text(value))
        else:
            self._text(1, value, self._looks.text)
        if note:
            self._text(2, note, self._looks.note)
        self._next()

    def _write_states(self, share: Share) -> None:
        self._section("Where the jobs stand")
        for state, look in LOOKS.items():
            if share.counts[state]:
                self._text(0, state.value, self._looks.framed_states[state])
                self._sheet.write_number(self._line, 1, share.counts[state], self._looks.framed_whole)
                self._text(2, look.says, self._looks.note)
                self._next()
        self._text(0, "all jobs", self._looks.total)
        self._sheet.write_number(self._line, 1, share.jobs, self._looks.total)
        self._sheet.write_url(self._line, 2, "internal:'Jobs'!A1", self._looks.aside, "every job: sheet Jobs")
        self._next(2)

    def _write_causes(self, tally: Tally) -> None:
        self._section("What needs a person first")
        causes = tally.causes.ranked(Urgency.PERSON)
        if causes:
            self._write_head_of_causes()
        else:
            self._text(0, "Nothing needs a person.", self._looks.text)
            self._next()
        for cause in causes[:_CAUSES_MAX]:
            self._write_cause(cause)
        more = len(causes[_CAUSES_MAX:]) + tally.causes.unlisted(Urgency.PERSON).kinds
        others = sum(len(tally.causes.ranked(urgency)) for urgency in (Urgency.WAITS, Urgency.ODD))
        told = [f"and {more:,} more kinds of these"] * bool(more)
        told += [f"{others:,} {'kind' if others == 1 else 'kinds'} of jobs that wait or are odd"] * bool(others)
        if told:
            words = f"{'; '.join(told)}: sheet {PROBLEMS}"
            self._sheet.write_url(self._line, 0, f"internal:'{PROBLEMS}'!A1", self._looks.jump, words)
            self._next()
        self._next()

    def _write_head_of_causes(self) -> None:
        self._heads(["state", "jobs", "", *[""] * (_REMEDY - _WRONG[0] - 1), "what to do", "first jobs", "", ""])
        self._across("what is wrong", self._looks.our_head)
        self._next()

    def _write_cause(self, cause: Cause) -> None:
        first, last = _WRONG
        wrong, remedy = cell_text(says(cause)), cell_text(cause.hint)
        tall = height((wrong, sum(_WIDTHS[first : last + 1])), (remedy, _WIDTHS[_REMEDY]))
        self._sheet.set_row(self._line, tall)
        write_state(self._sheet, self._line, 0, cause, self._looks)
        self._sheet.write_number(self._line, 1, cause.jobs, self._looks.framed_whole)
        self._across(wrong, self._looks.cell)
        self._sheet.write_string(self._line, _REMEDY, remedy, self._looks.cell)
        write_examples(self._sheet, self._line, _REMEDY + 1, cause.examples, self._looks, self._limits, most=_EXAMPLES)
        self._next()

    def _across(self, text: str, look: Any) -> None:
        """``text`` in the place of what is wrong."""
        first, last = _WRONG
        # merge_range guesses what a text is; write_string does not.
        self._sheet.merge_range(self._line, first, self._line, last, "", look)
        self._sheet.write_string(self._line, first, text, look)

    def _write_languages(self, tally: Tally) -> None:
        shares = tally.languages()
        if not shares:
            return
        self._section("By language")
        self._heads(["language", "jobs", "downloaded", "need a person", "waiting", "skipped", "minutes"])
        self._next()
        other = [("other languages", tally.other)] * bool(tally.other.jobs)
        for language, share in [*shares, *other]:
            self._write_share(language or "(none)", share)
        self._next()

    def _write_share(self, language: str, share: Share) -> None:
        self._text(0, language, self._looks.cell)
        numbers = (share.jobs, share.downloaded, share.person, share.waiting, share.skipped)
        for column, number in enumerate(numbers, start=1):
            self._sheet.write_number(self._line, column, number, self._looks.framed_whole)
        self._sheet.write_number(self._line, len(numbers) + 1, share.minutes, self._looks.framed_minutes)
        self._next()

    def _write_removed(self, removed: Sequence[str]) -> None:
        if not removed:
            return
        self._section("No longer in the manifest")
        self._text(0, f"{len(removed):,} jobs, left out of all numbers above; their files stay", self._looks.label)
        self._next()
        for job in removed[:_REMOVED_MAX]:
            self._text(0, job, self._looks.text)
            self._next()
        if len(removed) > _REMOVED_MAX:
            self._text(0, f"and {len(removed) - _REMOVED_MAX:,} more", self._looks.label)
            self._next()

    def _section(self, title: str) -> None:
        self._sheet.set_row(self._line, 22)
        self._text(0, title, self._looks.section)
        self._next()

    def _heads(self, titles: Sequence[str]) -> None:
        for column, title in enumerate(titles):
            self._text(column, title, self._looks.our_head)

    def _text(self, column: int, text: str, look: Any) -> None:
        self._sheet.write_string(self._line, column, cell_text(text), look)

    def _next(self, by: int = 1) -> None:
        self._line += by
