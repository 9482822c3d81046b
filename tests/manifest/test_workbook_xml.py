"""Formats and XML of workbooks hold for whatever stands in them."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest.workbook.number_formats import number_format, number_text
from dubbatch.manifest.workbook.sheet_xml import Box, box_of
from tests.manifest.workbooks import by_hand, lines, styles

_XML = st.sampled_from(
    [
        *("<row>", "</row>", '<row r="1">', '<row r="2" hidden="1">', "<c>", "</c>", '<c r="B1">', '<c t="s">', "<v>"),
        *("</v>", "<f>", "</f>", "<f/>", "<v/>", '<c t="e">', "<is>", "</is>", "<t>", "</t>", "7", "-1e300", "nan"),
        *('<c r="A2" s="1">', 'HYPERLINK("', '")', '<c t="d">', '<c t="b">', '<c t="str">', "&amp;", "<![CDATA[x]]>"),
    ]
)


@given(st.text(alphabet='0#?ymdhsaeg[]";\\_*.,%/E+-@AMP/ü ', max_size=30), st.floats(), st.booleans())
def test_every_format_makes_a_text_of_every_number(code: str, value: float, is_1904: bool) -> None:
    made = number_format(164, {164: code})
    if made is not None:
        assert isinstance(made.text(value, is_1904=is_1904)[0], str)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_is_written_as_a_power_and_15_digits_of_it_are_kept(value: float) -> None:
    text, flaw = number_text(value)
    assert "e" not in text.lower()
    assert math.isclose(float(text), value, rel_tol=1e-14)
    assert (flaw is None) == (abs(value) < 10**15)


@given(st.lists(_XML, max_size=25))
def test_whatever_stands_in_a_sheet_makes_lines_or_is_refused(pieces: list[str]) -> None:
    with suppress(ManifestError):
        read = lines(by_hand("".join(pieces), parts=styles("d-mmm")))
        assert [line.number for line in read] == list(range(1, len(read) + 1))


@pytest.mark.parametrize(
    ("reference", "box"),
    [
        ("B2", Box(2, 1, 2, 1)),
        ("$A$1:C3", Box(1, 0, 3, 2)),
        ("C3:A1", Box(1, 0, 3, 2)),
        ("A1:XFD1048576", Box(1, 0, 1_048_576, 16_383)),
        ("A1:XFE1", None),
        ("A1048577", None),
        ("A0", None),
        ("A:A", None),
        ("", None),
    ],
)
def test_ranges_are_read_as_spreadsheets_write_them(reference: str, box: Box | None) -> None:
    assert box_of(reference) == box
