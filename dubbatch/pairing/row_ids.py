"""Ids for the rows whose video's name alone would not make ids and outputs that stand apart. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from dubbatch.jobs import Media
from dubbatch.manifest.output_names import SUFFIX, collision_key, safe_name
from dubbatch.manifest.roles import named
from dubbatch.manifest.values import is_name, rewritten_id
from dubbatch.pairing.pairs import Row

#: Of an id that is made here, in characters: a language and ``.mp4`` follow in an output's name.
_ID_MAX = 80
#: What the downloader adds to names.
_VERSION = re.compile(r"\.(?=(?:suspect|v\d+)$)")
#: What a spreadsheet takes for the beginning of a formula, and what hides a file.
_STARTS = "=+-@' ."


def row_ids(rows: Sequence[Row]) -> tuple[str, ...]:
    """An id for each row, made of the video's folders and name; empty where the name alone does."""
    stems = Counter(collision_key(_stem(row.video)) for row in rows)
    ids = [""] * len(rows)
    taken: set[str] = set()
    unclear = []
    for index, row in enumerate(rows):
        stem = _stem(row.video)
        outputs = _outputs(row, stem)
        if stems[collision_key(stem)] > 1 or outputs & taken or not _is_usable(row, stem):
            unclear.append(index)
        else:
            taken |= outputs
    for index in unclear:
        ids[index] = _free(rows[index], taken)
        taken.update(_outputs(rows[index], ids[index]))
    return tuple(ids)


def _free(row: Row, taken: set[str]) -> str:
    made = "-".join([*row.video.parent.parts, _stem(row.video)]).lstrip(_STARTS)
    made = _VERSION.sub("-", made[-_ID_MAX:].strip(_STARTS))
    # Excel makes a date of 1-2 once the sheet is opened.
    if not any(map(str.isalpha, made)) or rewritten_id(made):
        made = f"video-{made}".rstrip("-")
    number, free = 1, made
    while not taken.isdisjoint(_outputs(row, free)):
        number += 1
        free = f"{made}-{number}"
    return free


def _outputs(row: Row, name: str) -> set[str]:
    return {collision_key(safe_name(job_id.replace("/", "-") + SUFFIX)) for job_id in _job_ids(row, name)}


def _job_ids(row: Row, name: str) -> Iterator[str]:
    for track in row.tracks:
        yield f"{name}-{track.language}" if track.language else name


def _is_usable(row: Row, stem: str) -> bool:
    return bool(stem) and all(is_name(job_id) and not _VERSION.search(job_id) for job_id in _job_ids(row, stem))


def _stem(video: PurePosixPath) -> str:
    return named(Media(str(video))).stem
