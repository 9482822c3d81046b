"""Jobs by what stands in their columns."""

from __future__ import annotations

import pytest

from dubbatch.errors import UsageError
from dubbatch.forms import Cap
from dubbatch.jobs import Job, Media
from dubbatch.selection import check_columns, unmet, value_in

MEDIA = Media("u", url="https://h/u")
JOB = Job(
    id="a", video=MEDIA, audio=MEDIA, output="a.mp4", position=0, language="de", columns={"Client Name": " ACME "}
)


@pytest.mark.parametrize(
    ("column", "value"), [("language", "de"), ("Language", "de"), ("client_name", "ACME"), ("id", "a"), ("gone", "")]
)
def test_a_value_is_found_by_its_header_in_any_spelling(column: str, value: str) -> None:
    assert value_in(JOB, column) == value


def test_a_column_that_is_not_there_is_a_mistake_and_those_that_are_are_named() -> None:
    """A cap on it would hold nothing back; a manifest without jobs has other worries."""
    with pytest.raises(UsageError, match="no column 'Clint'") as told:
        check_columns(["language", "Clint"], JOB, "--by")
    assert "Client Name" in told.value.hint
    check_columns(["Clint"], None, "--by")


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        (Cap(5, "language", "DE"), []),
        (Cap(5, "Client Name", "ACEM"), ["no row has 'ACEM' in Client Name", "did you mean ACME?"]),
        (Cap(5, "language", "japanese"), ["no row has 'japanese' in language", "there is de"]),
        (Cap(5, "model", "x"), ["there is nothing"]),
        (Cap(5, "language"), []),
        (Cap(5), []),
    ],
    ids=str,
)
def test_a_cap_on_a_value_that_no_row_has_is_told(cap: Cap, said: list[str]) -> None:
    """With what was likely meant."""
    told = list(unmet([cap], [JOB]))

    assert bool(told) is bool(said)
    assert all(words in told[0] for words in said)
