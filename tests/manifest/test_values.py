"""The typed values of a row, and the words for those that can't be read."""

from __future__ import annotations

import pytest

from dubbatch.manifest.problems import shown
from dubbatch.manifest.values import read_values


@pytest.mark.parametrize("word", ["true", "YES", "1", "x", "X"])
def test_these_words_mean_yes(word: str) -> None:
    """A cross in a sheet is a yes."""
    assert read_values({"skip": word})[0].skip is True


@pytest.mark.parametrize("word", ["false", "No", "0", ""])
def test_these_words_mean_no(word: str) -> None:
    """So is an empty cell a no."""
    assert read_values({"skip": word})[0].skip is False


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("priority", "-3", -3),
        ("minutes", "2.5", 2.5),
        ("minutes", "2,5", 2.5),
        ("minutes", "0:02:30", 2.5),
        ("languages", "de, fr;pt-BR DE", ("de", "fr", "pt-BR")),
        ("model", "lipsync-2", "lipsync-2"),
        ("language", "zh-Hant", "zh-Hant"),
        ("language", "pt_BR", "pt-BR"),
        ("language", "no", "no"),
        ("id", "001", "001"),
        ("id", "cafe\u0301", "caf\u00e9"),
        ("id", "x" * 200, "x" * 200),
    ],
)
def test_values_that_are_fine(field: str, text: str, value: object) -> None:
    """Ids are text, composed as Unicode recommends."""
    values, findings = read_values({field: text})

    assert getattr(values, field) == value
    assert findings == ()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("skip", "maybe"),
        ("disable_active_speaker_detection", "2"),
        ("priority", "high"),
        ("priority", "1.5"),
        ("priority", "9" * 30),
        ("minutes", "0"),
        ("minutes", "-1"),
        ("minutes", "inf"),
        ("minutes", "nan"),
        ("minutes", "2,555"),
        ("model", "lipsync-1"),
        ("language", "English (US)"),
        ("id", "a\nb"),
        ("id", "x" * 201),
        ("reference_id", "a\x00"),
        ("reference_id", ".."),
    ],
)
def test_values_that_can_not_be_read_count_as_absent_and_are_told(field: str, text: str) -> None:
    """The other values of the row are still read, and every finding has a remedy."""
    values, [finding] = read_values({field: text, "output": "kept"})

    assert getattr(values, field) == getattr(read_values({})[0], field)
    assert values.output == "kept"
    assert (finding.field, finding.severity) == (field, "error")
    assert finding.remedy


def test_all_findings_of_a_row_are_told_at_once() -> None:
    """One look at the sheet mends them all."""
    _, findings = read_values({"priority": "high", "minutes": "many", "skip": "perhaps"})

    assert {finding.field for finding in findings} == {"priority", "minutes", "skip"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://cdn.example.com/a.mp4?X-Amz-Signature=s3cret", "https://cdn.example.com/a.mp4?..."),
        ("https://cdn.example.com/a.mp4?a=b c=s3cret\nd", "https://cdn.example.com/a.mp4?..."),
        ("HTTPS://maria:s3cret@cdn.example.com/a.mp4", "HTTPS://...@cdn.example.com/a.mp4"),
        ("https://cdn.example.com/a#s3cret", "https://cdn.example.com/a#..."),
        ("what?", "what?"),
        ("cdn.example.com/a.mp4?X-Amz-Signature=s3cret&b=c d=s3cret", "cdn.example.com/a.mp4?..."),
        ("two\nlines\x1b[31m", "two lines"),
        ("a\u202eb\ud800c\x9b31md\u200be\U000e0041", "abcde"),
        ("x" * 9_990 + "https://x.example/?s3cret", "x" * 119 + "…"),
    ],
)
def test_what_is_shown_has_no_secrets_and_is_one_line(value: str, expected: str) -> None:
    """Signed links are as good as passwords."""
    assert shown(value) == expected


def test_what_is_shown_is_short() -> None:
    """A cell can hold a book."""
    assert len(shown("x" * 10_000)) == 120
