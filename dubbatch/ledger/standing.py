"""How a job stands: what the ledger knows of it in all its tables, joined into one row.

Reports read every job of a batch again and again while a run goes on. One query a page, and none of the
values that a run works with, is what makes that cheap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from dubbatch.jobs import JobState, Media, OutputVerdict
from dubbatch.ledger.database import Row

_STATES: Mapping[str, JobState] = {state.value: state for state in JobState}
_VERDICTS: Mapping[str | None, OutputVerdict | None] = {None: None, **{word.value: word for word in OutputVerdict}}


class Standing(NamedTuple):
    """A job with the attempt and the output that serve it; None in their place where there is none."""

    batch: str
    job: str
    state: JobState
    reference: str
    error: str
    hint: str
    warnings: tuple[str, ...]
    #: Seconds of the longer of video and audio; None: not known.
    length_s: float | None
    #: Of the row as planned. The media are without the places of local files.
    video: Media
    audio: Media
    language: str
    reference_id: str
    minutes: float | None
    disable_active_speaker_detection: bool
    model: str
    columns: Mapping[str, str]
    #: Of the manifest, as a person counts them; 0: not known.
    row: int
    #: Of the attempt: the service's id and times, and whose it is.
    request_id: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    paid_batch: str | None
    paid_job: str | None
    #: Of the output.
    path: str | None
    sha256: str | None
    size: int | None
    duration_s: float | None
    verdict: OutputVerdict | None
    warning: str | None

    @classmethod
    def of(cls, row: Row) -> Standing:
        """``row``: of the query ``standings_after``, which begins with the columns of the job and of its place."""
        batch, job, _, state, reference, error, hint, warnings, length_s, planned, *serving = row
        data: Mapping[str, Any] = json.loads(planned)
        request_id, created_at, started_at, finished_at, paid_batch, paid_job, *output = serving
        path, sha256, size, duration_s, verdict, warning = output
        return cls(
            batch,
            job,
            _STATES[state],
            reference,
            error,
            hint,
            tuple(warnings.splitlines()),
            length_s,
            _media(data["video"]),
            _media(data["audio"]),
            data["language"],
            data["reference_id"],
            data["minutes"],
            data["max_face"],
            data["model"],
            data["columns"],
            data["place"][1] or 0,
            request_id,
            created_at,
            started_at,
            finished_at,
            paid_batch,
            paid_job,
            path,
            sha256,
            size,
            duration_s,
            _VERDICTS[verdict],
            warning,
        )


def _media(data: list[str | None]) -> Media:
    text, _, url = data
    return Media(text or "", url=url)
