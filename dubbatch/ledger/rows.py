"""Between the ledger's rows and our values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dubbatch.jobs import Attempt, Job, JobRecord, JobState, Media, Outcome, Output, OutputVerdict, Place, Send
from dubbatch.ledger.database import Row, Value


def job_to_json(job: Job) -> str:
    """The row as planned. What stands in columns of its own (id, position) is left out."""
    return json.dumps(
        {
            "video": _media_to_json(job.video),
            "audio": _media_to_json(job.audio),
            "output": job.output,
            "language": job.language,
            "reference_id": job.reference_id,
            "max_face": job.disable_active_speaker_detection,
            "model": job.model,
            "priority": job.priority,
            "minutes": job.minutes,
            "skip": job.skip,
            "columns": dict(job.columns),
            "place": [job.place.file, job.place.row, job.place.column, job.place.sheet],
            "blocked": job.blocked,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def job_from_row(row: Row) -> Job:
    data: Mapping[str, Any] = json.loads(row["row"])
    return Job(
        id=row["id"],
        position=row["position"],
        video=_media_from_json(data["video"]),
        audio=_media_from_json(data["audio"]),
        output=data["output"],
        language=data["language"],
        reference_id=data["reference_id"],
        disable_active_speaker_detection=data["max_face"],
        model=data["model"],
        priority=data["priority"],
        minutes=data["minutes"],
        skip=data["skip"],
        columns=data["columns"],
        place=Place(*data["place"]),
        blocked=data["blocked"],
    )


def record_from_row(row: Row) -> JobRecord:
    return JobRecord(
        batch=row["batch"],
        job=job_from_row(row),
        state=JobState(row["state"]),
        fingerprint=row["fingerprint"],
        reference=row["reference"],
        error=row["error"],
        hint=row["hint"],
        present=bool(row["present"]),
        selected=bool(row["selected"]),
        length_s=row["length_s"],
        video_key=row["video_key"],
        audio_key=row["audio_key"],
        warnings=tuple(row["warnings"].splitlines()),
    )


def attempt_from_row(row: Row) -> Attempt:
    return Attempt(**{**dict(row), "state": JobState(row["state"])})


def attempt_to_row(attempt: Attempt) -> dict[str, Value]:
    return {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__} | {"state": attempt.state.value}


def send_from_row(row: Row) -> Send:
    outcome = Outcome(row["outcome"]) if row["outcome"] is not None else None
    return Send(reference=row["reference"], started=row["started"], ended=row["ended"], outcome=outcome)


def output_from_row(row: Row) -> Output:
    return Output(**{**dict(row), "path": Path(row["path"]), "verdict": OutputVerdict(row["verdict"])})


def output_to_row(output: Output) -> dict[str, Value]:
    fields: dict[str, Value] = {name: getattr(output, name) for name in Output.__dataclass_fields__}
    return fields | {"path": str(output.path), "verdict": output.verdict.value}


def _media_to_json(media: Media) -> list[str | None]:
    return [media.text, str(media.path) if media.path else None, media.url]


def _media_from_json(data: list[str | None]) -> Media:
    text, path, url = data
    return Media(text or "", Path(path) if path else None, url)
