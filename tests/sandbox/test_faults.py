"""Each fault, as a client meets it; and what the books say about it afterwards."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from chamelaion import APIConnectionError, APIStatusError, APITimeoutError, Chamelaion
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import UsageError
from dubbatch.sandbox.books import Kind, Post
from dubbatch.sandbox.faults import ANYWHERE, ON_OUTPUTS, ON_POSTS, Faults
from dubbatch.sandbox.server import Sandbox

Upload = Callable[..., str]
Finish = Callable[..., Any]
Fetch = Callable[..., tuple[int, dict[str, str], bytes]]


def last_post(sandbox: Sandbox) -> Post:
    return max(sandbox.books.posts.values(), key=lambda post: post.number)


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize(
    ("action", "error", "answered"),
    [
        ({"action": "drop"}, APIConnectionError, 0),
        ({"action": "silence"}, APITimeoutError, 0),
        ({"action": "answer"}, APIStatusError, 500),
        ({"action": "redirect", "location": "/api/nowhere"}, APIStatusError, 307),
        # The SDK hands out the page as it is, and its caller finds no request_id in it.
        ({"action": "html"}, AttributeError, 200),
        ({"action": "text"}, AttributeError, 200),
        ({"action": "garbage"}, json.JSONDecodeError, 200),
    ],
    ids=lambda value: value["action"] if isinstance(value, dict) else "",
)
def test_the_answer_of_a_post_is_lost_before_or_after_it_was_accepted(
    sandbox: Sandbox,
    connect: Callable[..., Chamelaion],
    upload: Upload,
    reference: str,
    action: dict[str, Any],
    error: type[Exception],
    answered: int,
    accept: bool,
) -> None:
    """The client can't tell the two apart; the books can."""
    sandbox.set_faults([{"on": "post", "nth": 1, "accept": accept, **action}])
    client = connect(sandbox, timeout=0.15)
    with pytest.raises(error):
        upload(client, reference)
    post = last_post(sandbox)
    assert bool(post.request_id) is accept
    assert sandbox.books.bills()[reference] == (1 if accept else 0)
    assert post.status == answered


@pytest.mark.parametrize("status", [401, 403, 404, 412, 429, 500])
def test_any_status_comes_with_its_documented_text(
    sandbox: Sandbox, client: Chamelaion, upload: Upload, status: int
) -> None:
    """``answer`` on POSTs, GET, list and me; nothing is accepted."""
    before = len(sandbox.books.requests)
    kinds = ["post", "get", "list", "me", "health"]
    sandbox.set_faults([{"on": kind, "action": "answer", "status": status} for kind in kinds])
    calls: list[Callable[[], object]] = [
        lambda: upload(client),
        lambda: client.lipsync.requests.retrieve("x"),
        lambda: client.lipsync.requests.list(),
        lambda: client.users.retrieve_current(),
        lambda: client.health.check(),
    ]
    for call in calls:
        with pytest.raises(APIStatusError) as error:
            call()
        assert error.value.status_code == status
        assert isinstance(error.value.body, dict)
        assert error.value.body["error"]
    assert len(sandbox.books.requests) == before


@pytest.mark.parametrize(
    ("form", "told"), [({}, None), ({"retry_after_s": 2.5}, "3"), ({"retry_after_s": 3, "as_date": True}, "GMT")]
)
def test_a_429_is_told_with_and_without_retry_after(
    sandbox: Sandbox, client: Chamelaion, form: dict[str, Any], told: str | None
) -> None:
    """Absent, seconds (rounded up), or a date."""
    sandbox.set_faults([{"on": "list", "action": "answer", "status": 429, **form}])
    with pytest.raises(APIStatusError) as error:
        client.lipsync.requests.list()
    header = error.value.response.headers.get("retry-after")
    assert header == told if told != "GMT" else str(header).endswith("GMT")


def test_a_slow_answer_is_the_right_one(sandbox: Sandbox, connect: Callable[..., Chamelaion], upload: Upload) -> None:
    """``slow`` accepts a POST and answers late: too late for a client that doesn't wait."""
    sandbox.set_faults([{"on": ["upload", "list", "me"], "action": "slow", "seconds": 0.05}])
    client = connect(sandbox)
    assert upload(client) in sandbox.books.requests
    assert client.lipsync.requests.list(limit=1).data
    sandbox.set_faults([{"on": "me", "action": "slow", "seconds": 60}])
    with pytest.raises(APITimeoutError):
        connect(sandbox, timeout=0.1).users.retrieve_current()


def test_a_rule_can_wait_for_a_reference(
    sandbox: Sandbox, client: Chamelaion, upload: Upload, reference: str, finish: Finish
) -> None:
    """Only calls about that reference are hit, whether they name it or the id."""
    sandbox.set_faults(
        [
            {"on": "post", "reference": reference, "action": "drop", "nth": 2},
            {"on": "get", "reference": reference, "action": "answer", "status": 500, "nth": 3},
            {"on": "output", "reference": reference, "action": "expired"},
        ]
    )
    request_id = upload(client, reference)
    upload(client, reference + "x")
    with pytest.raises(APIConnectionError):
        upload(client, reference)
    client.lipsync.requests.retrieve(request_id)
    client.lipsync.requests.retrieve(reference)
    with pytest.raises(APIStatusError):
        client.lipsync.requests.retrieve(request_id)


def test_a_request_can_be_invisible(sandbox: Sandbox, client: Chamelaion, upload: Upload, reference: str) -> None:
    """``invisible``: accepted and billed, and unknown to GET and list."""
    sandbox.set_faults([{"on": "upload", "action": "invisible", "seconds": 3000}])
    request_id = upload(client, reference)
    with pytest.raises(APIStatusError) as error:
        client.lipsync.requests.retrieve(request_id)
    assert error.value.status_code == 404
    assert client.lipsync.requests.list(reference_id=reference).pagination.total == 0
    assert sandbox.books.bills()[reference] == 1
    sandbox.advance(3001)
    assert client.lipsync.requests.retrieve(reference).id == request_id


def test_a_request_can_be_made_to_fail(sandbox: Sandbox, client: Chamelaion, upload: Upload, finish: Finish) -> None:
    """``fail``: with the message of the rule, and no minutes."""
    sandbox.set_faults([{"on": "upload", "action": "fail", "message": "face not found"}])
    done = finish(client, upload(client))
    assert (done.status, done.error_message, done.output_url) == ("failed", "face not found", None)
    assert sandbox.books.requests[done.id].minutes == 0


def test_a_status_can_be_unknown(
    open_sandbox: Callable[..., Sandbox], connect: Callable[..., Chamelaion], upload: Upload, finish: Finish
) -> None:
    """``status`` on a POST shows its word until the request is done; on GET and list in that answer only."""
    sandbox = open_sandbox(seconds=1000)
    client = connect(sandbox)
    sandbox.set_faults([{"on": "upload", "action": "status", "word": "uploading"}])
    request_id = upload(client, "r")
    assert client.lipsync.requests.retrieve("r").status == "uploading"
    while sandbox.books.requests[request_id].started_at is None:
        pass
    sandbox.advance(2000)
    assert finish(client, "r").status == "completed"
    sandbox.set_faults([{"on": ["get", "list"], "action": "status", "word": "archived", "count": 2}])
    assert client.lipsync.requests.retrieve("r").status == "archived"
    assert client.lipsync.requests.list().data[0].status == "archived"
    assert client.lipsync.requests.retrieve("r").status == "completed"


def test_a_completed_request_can_be_without_a_link(
    sandbox: Sandbox, client: Chamelaion, upload: Upload, finish: Finish
) -> None:
    """``no_url``: on a POST for ever or for some seconds, on a GET in that answer."""
    sandbox.set_faults(
        [
            {"on": "upload", "action": "no_url", "nth": 1},
            {"on": "upload", "action": "no_url", "seconds": 500, "nth": 2},
        ]
    )
    never, late, known = upload(client), upload(client), upload(client)
    assert [finish(client, id_).output_url for id_ in (never, late)] == [None, None]
    assert finish(client, known).output_url
    sandbox.advance(501)
    assert client.lipsync.requests.retrieve(never).output_url is None
    assert client.lipsync.requests.retrieve(late).output_url
    sandbox.set_faults([{"on": "get", "action": "no_url", "nth": 1}])
    assert client.lipsync.requests.retrieve(known).output_url is None
    assert client.lipsync.requests.retrieve(known).output_url


def test_an_output_can_be_cut_in_the_middle(sandbox: Sandbox, link: str, fetch: Fetch) -> None:
    """``cut``: the length is told, the connection ends before; the next try gets the rest."""
    whole = fetch(link)[2]
    sandbox.set_faults([{"on": "output", "action": "cut", "at": 0.25, "nth": 1}])
    with pytest.raises(http.client.IncompleteRead) as error:
        fetch(link)
    part = error.value.partial
    assert part == whole[: int(len(whole) * 0.25)]
    assert part + fetch(link, Range=f"bytes={len(part)}-")[2] == whole


def test_an_output_can_be_short_without_a_word(sandbox: Sandbox, link: str, fetch: Fetch) -> None:
    """``short``: no length, a clean end, half of the bytes."""
    whole = fetch(link)[2]
    sandbox.set_faults([{"on": "output", "action": "short"}])
    status, headers, body = fetch(link)
    assert (status, body) == (200, whole[: len(whole) // 2])
    assert "content-length" not in headers


def test_an_output_can_be_cut_behind_its_index(sandbox: Sandbox, link: str, fetch: Fetch, tmp_path: Path) -> None:
    """``cut_index``: as long as it says, and FFmpeg still tells the whole duration."""
    whole = fetch(link)[2]
    sandbox.set_faults([{"on": "output", "action": "cut_index", "at": 0.3}])
    _, headers, body = fetch(link)
    assert int(headers["content-length"]) == len(body) < len(whole)
    assert whole.startswith(body)
    (tmp_path / "cut.mp4").write_bytes(body)
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert (container.duration or 0) / av.time_base == pytest.approx(1.0, abs=0.1)


def test_an_output_can_change_between_two_parts(sandbox: Sandbox, link: str, fetch: Fetch, tmp_path: Path) -> None:
    """``changed``: other bytes, another tag, still playable; If-Range gives the whole new file."""
    _, headers, whole = fetch(link)
    sandbox.set_faults([{"on": "output", "action": "changed"}])
    status, changed, body = fetch(link, Range="bytes=100-", **{"If-Range": headers["etag"]})
    assert (status, changed["etag"] != headers["etag"]) == (200, True)
    assert whole[:100] + body[100:] not in (whole, body)
    (tmp_path / "changed.mp4").write_bytes(body)
    with av.open(str(tmp_path / "changed.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


@pytest.mark.parametrize(
    ("action", "status"), [("expired", 403), ("html", 200), ("empty", 200), ("redirect", 307), ("answer", 500)]
)
def test_a_link_can_lead_to_no_output(sandbox: Sandbox, link: str, fetch: Fetch, action: str, status: int) -> None:
    """What comes is no MP4, whatever the status says."""
    sandbox.set_faults([{"on": "output", "action": action}])
    answer = fetch(link)
    assert answer[0] == status
    assert b"ftyp" not in answer[2]


def test_a_storage_can_know_no_ranges(sandbox: Sandbox, link: str, fetch: Fetch) -> None:
    """``no_ranges``: a part is asked for, the whole comes."""
    whole = fetch(link)[2]
    sandbox.set_faults([{"on": "output", "action": "no_ranges"}])
    status, headers, body = fetch(link, Range="bytes=100-")
    assert (status, headers["accept-ranges"], body) == (200, "none", whole)


@pytest.mark.parametrize("action", ["drop", "slow"])
def test_a_storage_can_be_broken_or_slow(sandbox: Sandbox, link: str, fetch: Fetch, action: str) -> None:
    """``drop`` closes the connection; ``slow`` gives everything in the end."""
    sandbox.set_faults([{"on": "output", "action": action, "seconds": 0.05}])
    if action == "drop":
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            fetch(link)
    else:
        assert fetch(link)[0] == 200


def test_the_books_tell_what_was_hit(sandbox: Sandbox, link: str, fetch: Fetch) -> None:
    """A call that met a fault is in the books with it, and with the part that was asked for."""
    sandbox.set_faults([{"on": "output", "action": "empty"}])
    fetch(link, Range="bytes=5-")
    call = sandbox.books.calls[-1]
    assert (call.kind, call.range, call.fault) == (Kind.OUTPUT, "bytes=5-", "empty")


@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"nth": 3, "count": 2}, [3, 4]),
        ({"count": 2}, [1, 2]),
        ({"probability": 0}, []),
    ],
)
def test_a_rule_hits_the_calls_that_it_names(rule: dict[str, Any], hits: list[int]) -> None:
    """``nth`` and ``count`` count the calls that the rule matches."""
    faults = Faults.parse([{"on": "get", "action": "drop", **rule}])
    assert [n for n in range(1, 7) if faults.choose(Kind.GET)] == hits
    assert faults.choose(Kind.LIST) is None


@given(st.integers(), st.floats(min_value=0.1, max_value=0.9))
def test_chance_is_the_same_for_the_same_seed(seed: int, probability: float) -> None:
    """A run with faults can be run again."""
    script = {"seed": seed, "rules": [{"on": "me", "action": "drop", "probability": probability}]}
    first, second = Faults.parse(script), Faults.parse(script)
    hits = [first.choose(Kind.ME) is not None for _ in range(200)]
    assert hits == [second.choose(Kind.ME) is not None for _ in range(200)]
    assert 0 < sum(hits) < 200


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([{"on": "get"}], ["rule 1", "action"]),
        ([{"on": "get", "action": "drop"}, {"on": "get", "action": "cut"}], ["rule 2", "cut", "drop"]),
        ([{"on": "upload", "action": "drop", "nht": 1}], ["rule 1", "nht"]),
        ([{"on": "everything", "action": "drop"}], ["rule 1", "on"]),
        ([{"on": "get", "action": "drop", "accept": True}], ["accept"]),
        ({"rule": []}, ["rule"]),
        (7, []),
    ],
)
def test_wrong_rules_are_refused_with_their_place(script: object, words: list[str]) -> None:
    """The message names the rule and the field."""
    with pytest.raises(UsageError) as error:
        Faults.parse(script)
    assert all(word in error.value.message for word in words)


def test_every_action_is_documented() -> None:
    """docs/sandbox.md has a row for each."""
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    assert [action for action in sorted(ANYWHERE | ON_POSTS | ON_OUTPUTS) if f"`{action}`" not in page] == []
