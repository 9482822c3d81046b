"""Whether a duration fits: within half a second or two percent, of any of the known ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.media.duration import fits, fits_any


@pytest.mark.parametrize(
    ("duration_s", "known_s", "expected"),
    [
        (8.0, [8.0], True),
        (8.5, [8.0], True),
        (7.5, [8.0], True),
        (8.51, [8.0], False),
        (7.49, [8.0], False),
        (102.0, [100.0], True),
        (98.0, [100.0], True),
        (102.1, [100.0], False),
        (97.9, [100.0], False),
        (25.5, [25.0], True),
        (0.1, [0.4], True),
        (60.0, [50.0, 60.2], True),
        (50.0, [50.0, 60.2], True),
        (55.0, [50.0, 60.2], False),
        (1234.5, [], True),
    ],
)
def test_a_duration_fits_within_half_a_second_or_two_percent(
    duration_s: float, known_s: list[float], expected: bool
) -> None:
    assert fits_any(duration_s, known_s) is expected


@given(known=st.floats(0.1, 100_000), share=st.floats(-1, 1))
def test_everything_within_the_tolerance_fits(known: float, share: float) -> None:
    assert fits(known + share * max(0.5, 0.02 * known), known)


@given(known=st.floats(0.1, 100_000), beyond=st.floats(0.001, 1000), later=st.booleans())
def test_nothing_beyond_the_tolerance_fits(known: float, beyond: float, later: bool) -> None:
    distance = max(0.5, 0.02 * known) + beyond

    assert not fits(known + distance if later else known - distance, known)
