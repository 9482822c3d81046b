"""Whether a downloaded output is whole and playable (design, section 7).

Four looks, the cheap ones first: the boxes, what the file holds, its duration, and then every packet
of it once, with the first and the last pictures decoded. Boxes find a cut that decoders overlook;
decoding the end finds a part that was never written (a resumed transfer that left zeros behind).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dubbatch.errors import MediaError
from dubbatch.media.boxes import inspect_boxes
from dubbatch.media.duration import fits, fits_any
from dubbatch.media.facts import Facts
from dubbatch.media.probe import describe, open_media, picture_of, sound_of
from dubbatch.media.reading import DAMAGED, NO_PICTURE, read_film, shown_size, unplayable_end

if TYPE_CHECKING:
    from av.container import InputContainer


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an output passes, else a reason for a person (a sentence without its full stop)."""

    ok: bool
    reason: str = ""
    #: Whether it is a whole file at all: what is cut, empty or a web page says more of the way than of the output.
    whole: bool = True
    duration_s: float | None = None
    #: As shown.
    width: int = 0
    height: int = 0


def check_output(path: Path, *, durations_s: Sequence[float]) -> Verdict:
    """Judge an output; ``durations_s`` are the known durations of its job's video and audio (none: not checked).

    Reads the whole file once and blocks, so call it in a thread. What the file holds is a verdict;
    only a file that can't be opened or read (missing, no permission, a broken disk) raises MediaError.
    """
    try:
        with path.open("rb") as file:
            report = inspect_boxes(file)
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror or type(error).__name__}") from error
    if not report.whole:
        return Verdict(ok=False, reason=report.reason, whole=False)
    return _check_content(path, durations_s)


def _check_content(path: Path, durations_s: Sequence[float]) -> Verdict:
    turned = 0
    try:
        with open_media(path) as container:
            held = describe(container)
            reason = _missing(held) or _wrong_duration(held, durations_s)
            if not reason:
                reason, turned = _unplayable(container, held)
    except MediaError as error:
        return Verdict(ok=False, reason=error.message)
    width, height = shown_size(held.width, held.height, turned)
    return Verdict(ok=not reason, reason=reason, duration_s=held.duration_s, width=width, height=height)


def _missing(held: Facts) -> str:
    if not held.video:
        return "the file has sound but no picture"
    return "" if held.audio else "the file has a picture but no sound"


def _wrong_duration(held: Facts, durations_s: Sequence[float]) -> str:
    if held.duration_s is None:
        return "the file doesn't say how long it lasts" if durations_s else ""
    if fits_any(held.duration_s, durations_s):
        return ""
    known = " or ".join(f"{known:.1f} s" for known in sorted(set(durations_s)))
    return f"the file lasts {held.duration_s:.1f} s, the job's media {known}"


def _unplayable(container: InputContainer, held: Facts) -> tuple[str, int]:
    """Why it can't be played, and how its picture is turned; a decoder's refusal leaves as MediaError.

    Everything is read once, and both ends are decoded.
    """
    picture, sound = picture_of(container), sound_of(container)
    if picture is None or sound is None:
        return _missing(held), 0
    reading = read_film(container, picture, sound)
    promised_s = held.duration_s or 0.0
    if not reading.shows or reading.last_key is None:
        reason = NO_PICTURE
    elif reading.seconds < promised_s and not fits(reading.seconds, promised_s):
        reason = f"the file promises {promised_s:.1f} s, but its media end after {reading.seconds:.1f} s"
    elif reading.is_damaged:
        reason = DAMAGED
    else:
        reason = unplayable_end(container, picture, reading)
    return reason, reading.turned
