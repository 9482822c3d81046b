"""The service's JSON, and the text in it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.api.text import TEXT_MAX, clean, exact
from dubbatch.api.wire import (
    Request,
    epoch_s,
    generate_fields,
    generate_json,
    read_accepted,
    read_account,
    read_error,
    read_page,
    read_request,
)
from dubbatch.errors import UnreadableAnswer
from dubbatch.jobs import JobState

FULL = {
    "id": "6f82a2d8",
    "reference_id": "dub-episode-42",
    "status": "completed",
    "created_at": "2026-04-07T10:00:00Z",
    "started_at": "2026-04-07T10:00:05Z",
    "finished_at": "2026-04-07T10:01:30Z",
    "output_url": "https://storage.chamelaion.com/output/6f82a2d8.mp4?sig=SECRET",
}


def _body(**changes: object) -> bytes:
    return json.dumps({**FULL, **changes}).encode()


def test_a_request_is_read_as_the_documentation_shows_it() -> None:
    request = read_request(_body())
    assert request == Request(**FULL)
    assert request.state is JobState.COMPLETED


def test_absent_null_and_empty_are_the_same_and_the_unknown_is_ignored() -> None:
    least = Request(id="a", status="queued")
    assert read_request(b'{"id": "a", "status": "queued"}') == least
    names = ("reference_id", "created_at", "started_at", "finished_at", "output_url", "error_message")
    for nothing in (None, ""):
        body = {"id": "a", "status": "queued", "new": {"x": [1]}, **dict.fromkeys(names, nothing)}
        assert read_request(json.dumps(body).encode()) == least


@pytest.mark.parametrize(
    ("status", "link", "state"),
    [
        ("queued", "", JobState.QUEUED),
        ("processing", "", JobState.PROCESSING),
        ("completed", "https://x.example/o", JobState.COMPLETED),
        ("completed", "", JobState.PROCESSING),
        ("failed", "", JobState.FAILED),
        ("uploading", "", JobState.PROCESSING),
        ("Completed", "https://x.example/o", JobState.COMPLETED),
        ("downloaded", "", JobState.PROCESSING),
        ("pending", "", JobState.PROCESSING),
        ("\x1b[2J", "", JobState.PROCESSING),
    ],
)
def test_a_status_is_one_of_four_and_an_unknown_one_is_still_running(status: str, link: str, state: JobState) -> None:
    assert read_request(_body(status=status, output_url=link)).state is state


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"<html>",
        b"\xff",
        _body(id=""),
        _body(id=None),
        _body(id=7),
        _body(id=" "),
        _body(id="a\nb"),
        _body(id="x" * 201),
        _body(status=None),
        _body(status=""),
        _body(status=1),
        _body(created_at=17),
        _body(output_url=["x"]),
        _body(error_message={"a": 1}),
    ],
)
def test_what_does_not_fit_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_request(body)


def test_an_unreadable_answer_shows_nothing_of_what_was_in_it() -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        read_request(_body(output_url=["https://x.example/?sig=SECRET"]))
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in str(caught.value.__cause__)
    assert "SECRET" not in repr(read_request(_body()))


def test_a_page_tells_the_page_size_that_was_applied() -> None:
    pagination = {"limit": 20, "offset": 40, "total": 42}
    page = read_page(json.dumps({"data": [FULL, {"id": "b", "status": "queued"}], "pagination": pagination}).encode())
    assert [request.id for request in page.requests] == ["6f82a2d8", "b"]
    assert (page.limit, page.offset, page.total) == (20, 40, 42)


def test_an_empty_list_may_be_null() -> None:
    page = read_page(b'{"data": null, "pagination": {"limit": 20, "offset": 0, "total": 0}}')
    assert page.requests == ()


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": []}',
        b'{"pagination": {"limit": 20, "offset": 0, "total": 0}}',
        b'{"data": [], "pagination": {"limit": 20, "offset": 0}}',
        b'{"data": [], "pagination": {"limit": 20, "offset": -1, "total": 0}}',
        b'{"data": [], "pagination": {"limit": "20", "offset": 0, "total": 0}}',
        b'{"data": {}, "pagination": {"limit": 20, "offset": 0, "total": 0}}',
    ],
)
def test_half_a_page_proves_nothing(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_page(body)


def test_an_odd_request_of_somebody_elses_does_not_hide_the_others() -> None:
    """It counts, so that a page with it proves the absence of nothing."""
    odd = b'{"id": ""}, {"id": 7, "status": "queued"}, 3, {"id": "c", "status": "failed", "error_message": "x\\ud800y"}'
    body = b'{"data": [%s, %s], "pagination": {"limit": 20, "offset": 0, "total": 5}}' % (_body(), odd)

    page = read_page(body)

    assert [request.id for request in page.requests] == ["6f82a2d8", "c"]
    assert page.requests[1].error_message == "x\N{REPLACEMENT CHARACTER}y"
    assert (page.held, page.total) == (5, 5)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert read_request(_body(error_message="\N{GRINNING FACE}")).error_message == "\N{GRINNING FACE}"


def test_names_and_errors_are_cleaned() -> None:
    assert read_account(b'{"name": "Ada\\u001b[31m\\nLovelace\\u202e"}').name == "Ada Lovelace"
    assert read_account(b"{}").name == ""
    assert read_error(b'{"error": "invalid token"}') == "invalid token"
    assert read_error(b"<html>") == ""
    assert read_error(b'{"error": {"code": 1}}') == ""
    assert read_accepted(b'{"request_id": "x"}') == "x"


def test_a_foreign_reference_never_becomes_ours_by_cleaning() -> None:
    assert read_request(_body(reference_id="dub\u200b-episode-42")).reference_id != "dub-episode-42"
    assert exact("x\ud800\n") == "x\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("video URL is not accessible", "video URL is not accessible"),
        ("a\r\n  b\tc\x00d", "a b cd"),
        ("\x1b]0;title\x07x\x1b[1;31mred\x1b[0m\x9b2Jy\x1bcz", "xredyz"),
        ("see https://u:p@x.example/a?X-Amz-Signature=1#f, or not", "see https://x.example/a?... or not"),
        ("\u202egnp.exe \ud800 \ue000", "gnp.exe"),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_text_is_one_harmless_line(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters(), max_size=100))
def test_any_text_becomes_printable_and_short(text: str) -> None:
    cleaned = clean(text * 6)
    assert len(cleaned) <= TEXT_MAX
    assert not any(unicodedata.category(char).startswith("C") for char in cleaned + exact(text))
    assert clean(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-04-07T10:00:00Z", 1775556000.0),
        ("2026-04-07T10:00:00.123456789Z", 1775556000.123456),
        ("2026-04-07T12:00:00+02:00", 1775556000.0),
        ("2026-04-07T10:00:00", 1775556000.0),
        ("", None),
        ("yesterday", None),
    ],
)
def test_times_are_utc(text: str, seconds: float | None) -> None:
    assert epoch_s(text) == seconds


def test_an_option_at_its_default_is_not_said() -> None:
    inputs = [{"type": "video", "url": "https://v"}, {"type": "audio", "url": "https://a"}]
    assert json.loads(generate_json("https://v", "https://a", "r", False)) == {"inputs": inputs, "reference_id": "r"}
    assert json.loads(generate_json("https://v", "https://a", "r", True))["disable_active_speaker_detection"] is True
    assert generate_fields("r", False, "") == {"reference_id": "r"}
    assert generate_fields("r", True, "lipsync-2") == {
        "reference_id": "r",
        "disable_active_speaker_detection": "true",
        "model": "lipsync-2",
    }
