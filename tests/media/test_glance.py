"""A look at a few parts of a file says the same as one at all of it, and damage is said, never raised."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubbatch.media.glance import glance
from dubbatch.media.outline import outline
from dubbatch.media.survey import survey

FORMS = ["", "+faststart", "+frag_keyframe+empty_moov", "+frag_keyframe", "wav", "mp3"]


@pytest.fixture(scope="session")
def content(clip: Any, track: Callable[[str, float], bytes]) -> Callable[[str], bytes]:
    """A film with these flags, or a track of this form."""

    def make(form: str) -> bytes:
        return track(form, 2.0) if form in ("wav", "mp3") else clip(movflags=form)

    return make


@pytest.mark.parametrize("form", FORMS)
def test_it_says_what_a_survey_says(content: Callable[[str], bytes], tmp_path: Path, form: str) -> None:
    """Streams, codecs, size of the picture, and the length within a hundredth."""
    path = tmp_path / "file"
    path.write_bytes(content(form))
    told, known = glance(io.BytesIO(content(form))), survey(path)
    names = (
        "container",
        "brand",
        "video",
        "audio",
        "width",
        "height",
        "video_codec",
        "audio_codec",
        "channels",
        "flaw",
    )
    assert [getattr(told, name) for name in names] == [getattr(known, name) for name in names]
    assert told.duration_s == pytest.approx(known.duration_s, rel=0.01)
    assert (told.loudness_db, told.peak_db, told.sound) == (None, None, "")


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_never_raised(content: Callable[[str], bytes], form: str, data: st.DataObject) -> None:
    """Bytes changed anywhere, and the end cut off."""
    spoilt = bytearray(content(form))
    for _ in range(data.draw(st.integers(1, 6))):
        # The heads and the index are where numbers are.
        end = data.draw(st.sampled_from([64, 2000, len(spoilt)]))
        spoilt[data.draw(st.integers(0, min(end, len(spoilt)) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del spoilt[data.draw(st.integers(0, len(spoilt))) :]
    facts = glance(io.BytesIO(bytes(spoilt)))
    assert facts.container or facts.flaw
    assert facts.duration_s is None or facts.duration_s >= 0


def test_boxes_in_boxes_without_end_are_left() -> None:
    """No file can make the walk go deeper and deeper."""
    nested = b""
    for _ in range(5000):
        nested = struct.pack(">I4s", len(nested) + 8, b"mdia") + nested
    for kind in (b"trak", b"moov"):
        nested = struct.pack(">I4s", len(nested) + 8, kind) + nested
    assert outline(io.BytesIO(nested)).duration_s is None
