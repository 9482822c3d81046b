"""What a look at one medium found: a plain value, kept in the ledger and judged by rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one medium is. Absent streams have empty names and zeros; None: not known."""

    #: FFmpeg's name, or names, of the format, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``; empty: it is no media.
    container: str = ""
    #: Major brand of an MP4 or QuickTime file (``isom``, ``qt``); empty in other formats.
    brand: str = ""
    #: Seconds of the medium as it plays: of picture and sound the longer.
    duration_s: float | None = None
    #: A moving picture; the cover of a sound file is none.
    video: bool = False
    audio: bool = False
    #: As shown: a picture that is stored on its side counts as it is turned for the viewer.
    width: int = 0
    height: int = 0
    #: Frames in a second, on average; 0: unknown.
    frame_rate: float = 0.0
    video_codec: str = ""
    audio_codec: str = ""
    channels: int = 0
    #: Why it is not whole, or can't be played (part of a sentence: "the file is cut: …"); empty: nothing was found.
    flaw: str = ""
    #: Mean level of what is audible in the sound, and its peak, in dB of full scale; None: not measured.
    loudness_db: float | None = None
    peak_db: float | None = None
    #: Seconds in which anything can be heard; None: not measured.
    audible_s: float | None = None
    #: Hash of the sound itself, whatever file and codec without loss it lies in; empty: not measured.
    sound: str = ""

    def to_json(self) -> str:
        """As the ledger keeps it; defaults are left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps({name: value for name, value in values.items() if value != _DEFAULTS[name]})

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """What ``to_json`` gave, also of another version of dubbatch: what this one doesn't know is left out."""
        found: Mapping[str, Any] = json.loads(text)
        return cls(**{name: value for name, value in found.items() if name in _DEFAULTS})


_DEFAULTS: Mapping[str, Any] = asdict(Facts())
