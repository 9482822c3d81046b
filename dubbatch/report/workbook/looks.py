"""How states look, in words and in colour, and the formats of all sheets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dubbatch.jobs import JobState

#: Dark on light throughout: legible in print, in grey, and for the colour-blind; the word stands in each cell.
_LINK: Final = "#0563C1"
_RULE: Final = "#BFBFBF"


class Look(NamedTuple):
    """A state for a person who has not read the docs."""

    says: str
    fill: str
    ink: str


#: In the order of a summary: done, for a person, on its way, not wanted.
LOOKS: Final[Mapping[JobState, Look]] = {
    JobState.DOWNLOADED: Look("done: the output is in the folder", "#C6EFCE", "#0B5A1E"),
    JobState.FAILED: Look("refused, or failed at the service", "#FFC7CE", "#9C0006"),
    JobState.SUSPECT: Look("the output came, and does not pass the checks", "#FFD5A8", "#7A3E00"),
    JobState.BLOCKED: Look("not sent: a person must mend the row first", "#FFF2B3", "#7A5B00"),
    JobState.UNSURE: Look("an answer was lost: the next run asks what became of it", "#E6D6F5", "#54278F"),
    JobState.SUBMITTING: Look("was being sent: the next run asks what became of it", "#F1E7FA", "#54278F"),
    JobState.STALLED: Look("at the service for unusually long: the next run looks again", "#EAD9CB", "#5E3A1A"),
    JobState.COMPLETED: Look("ready at the service: the next run fetches it", "#BFE3EA", "#0B4F5C"),
    JobState.PROCESSING: Look("being made by the service", "#CFE2F7", "#1F4E78"),
    JobState.QUEUED: Look("accepted by the service, waits there", "#E3EEFA", "#1F4E78"),
    JobState.PENDING: Look("not sent yet: the next run sends it", "#F2F2F2", "#404040"),
    JobState.SKIPPED: Look("left out, as the row says", "#E2E2E2", "#6B6B6B"),
}


class Looks:
    """The formats of one workbook; what a format is, XlsxWriter decides."""

    def __init__(self, book: Any) -> None:
        #: Text of outside: of the kind "text", so that it stays one also when a person edits the cell.
        plain = {"num_format": "@", "valign": "top"}
        wrapped = plain | {"text_wrap": True}
        framed = {"border": 1, "border_color": _RULE}
        head = framed | {"bold": True, "valign": "vcenter", "text_wrap": True}
        link = {"font_color": _LINK, "underline": 1}

        def make(*parts: Mapping[str, Any], **more: Any) -> Any:
            return book.add_format({name: value for part in (*parts, more) for name, value in part.items()})

        self.title = make(bold=True, font_size=18)
        self.section = make(bold=True, font_size=13)
        self.label = make(font_color="#595959")
        self.note = make(font_color="#595959", italic=True, indent=1)
        self.text = make(plain)
        self.link = make(plain, link)
        self.jump = make(link)
        self.aside = make(link, indent=1)
        self.their_head = make(head, bg_color="#D9D9D9")
        self.our_head = make(head, bg_color="#1F3864", font_color="#FFFFFF")
        self.cell = make(wrapped, framed, align="left", indent=1)
        self.cell_link = make(wrapped, framed, link, align="left", indent=1)
        self.total = make(framed, bold=True, valign="top", num_format="#,##0")
        self.whole = make(num_format="#,##0", valign="top")
        self.seconds = make(num_format="#,##0.0", valign="top")
        self.minutes = make(num_format="#,##0.00", valign="top")
        self.framed_whole = make(framed, num_format="#,##0", valign="top")
        self.framed_minutes = make(framed, num_format="#,##0.00", valign="top")
        self.fact = make(num_format="#,##0.00", align="left")
        self.states = {state: make(plain, bg_color=look.fill, font_color=look.ink) for state, look in LOOKS.items()}
        self.framed_states = {
            state: make(plain, framed, bg_color=look.fill, font_color=look.ink, bold=True)
            for state, look in LOOKS.items()
        }
        self.odd = make(plain, framed, bold=True)
        self.good, self.bad, self.open = (
            make(plain, bold=True, font_size=13, bg_color=LOOKS[state].fill, font_color=LOOKS[state].ink)
            for state in (JobState.DOWNLOADED, JobState.FAILED, JobState.QUEUED)
        )
