"""Whether an output lasts as long as the job's media says it should.

The service does not document whether an output has the length of the video or of the audio, so
either is right. Containers round: frames are whole, AAC comes in packets of 1024 samples, a last
frame may be held. Half a second covers that for short media, two percent for long ones (design,
section 7).
"""

from __future__ import annotations

from collections.abc import Sequence

_SLACK_S = 0.5
_SLACK_PART = 0.02


def fits(duration_s: float, known_s: float) -> bool:
    """Whether two durations are the same within max(0.5 s, 2 % of the known one)."""
    # Decimal fractions are not exact in binary: without the last term the border itself would fall either way.
    return abs(duration_s - known_s) <= max(_SLACK_S, _SLACK_PART * known_s) + 1e-9


def fits_any(duration_s: float, known_s: Sequence[float]) -> bool:
    """Whether a duration fits at least one of the known ones; with none known, everything fits."""
    return not known_s or any(fits(duration_s, known) for known in known_s)
