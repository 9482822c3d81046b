"""Every endpoint and every documented error text, as the vendor's own SDK sees them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from chamelaion import APIStatusError, Chamelaion, Omit

from dubbatch.sandbox.server import Sandbox

VIDEO = {"type": "video", "url": "http://127.0.0.1:9/v.mp4"}
AUDIO = {"type": "audio", "url": "http://127.0.0.1:9/a.wav"}
GENERATE = "/v1/lipsync/generate"
FORM: Any = {"headers": {"Content-Type": "multipart/form-data"}}
UPLOAD = "/v1/lipsync/generate-with-media"


def refused(error: pytest.ExceptionInfo[APIStatusError]) -> tuple[int, Any]:
    return error.value.status_code, json.loads(error.value.response.content)


def test_health_needs_no_key(sandbox: Sandbox, fetch: Callable[..., Any]) -> None:
    """GET /health answers anybody."""
    status, _, body = fetch(f"{sandbox.base_url}/health")
    assert (status, json.loads(body)) == (200, {"status": "ok"})


def test_the_sdk_finds_the_service_healthy_and_its_key_good(client: Chamelaion) -> None:
    """health and users/me have the shapes that the SDK expects."""
    assert client.health.check().status == "ok"
    assert client.users.retrieve_current().name == "Sandbox"


def test_a_bearer_key_is_as_good_as_x_api_key(sandbox: Sandbox, connect: Callable[..., Chamelaion]) -> None:
    """Both ways to authenticate serve the same key."""
    client = connect(sandbox, bearer_token="sandbox", default_headers={"x-api-key": Omit()})
    assert client.users.retrieve_current().name == "Sandbox"


def test_generate_answers_success_and_a_uuid(client: Chamelaion) -> None:
    """A POST answers exactly status and request_id, in either order of the inputs."""
    for inputs in ([VIDEO, AUDIO], [AUDIO, VIDEO]):
        raw = client.lipsync.with_raw_response.generate(inputs=inputs)  # type: ignore[arg-type]
        answer = json.loads(raw.http_response.content)
        assert answer == {"status": "success", "request_id": str(uuid.UUID(answer["request_id"]))}


def test_an_upload_goes_from_queued_to_completed(
    client: Chamelaion, upload: Callable[..., str], finish: Callable[..., Any], reference: str
) -> None:
    """The whole life of a request: times in UTC and in order, a link at the end."""
    request_id = upload(client, reference)
    done = finish(client, reference)
    assert (done.id, done.reference_id, done.status, done.error_message) == (request_id, reference, "completed", None)
    assert done.created_at <= done.started_at <= done.finished_at
    assert done.created_at.tzinfo == UTC
    assert done.output_url.startswith("http://127.0.0.1:")


def test_times_end_in_z_and_absent_fields_are_absent(
    open_sandbox: Callable[..., Sandbox], connect: Callable[..., Chamelaion], upload: Callable[..., str]
) -> None:
    """A queued request shows no field without a value, and times as ISO 8601 with a Z."""
    client = connect(open_sandbox(pickup_s=60))
    raw = client.lipsync.requests.with_raw_response.retrieve(upload(client, "r"))
    shown = json.loads(raw.http_response.content)
    assert set(shown) == {"id", "reference_id", "status", "created_at"}
    assert shown["status"] == "queued"
    assert shown["created_at"].endswith("Z")


def test_absent_fields_can_be_null(
    open_sandbox: Callable[..., Sandbox], connect: Callable[..., Chamelaion], upload: Callable[..., str]
) -> None:
    """With ``nulls`` the same answer has all fields."""
    client = connect(open_sandbox(pickup_s=60, nulls=True))
    raw = client.lipsync.requests.with_raw_response.retrieve(upload(client, "r"))
    shown = json.loads(raw.http_response.content)
    assert shown["started_at"] is shown["finished_at"] is shown["output_url"] is shown["error_message"] is None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"x-api-key": Omit()}, "missing authorization header"),
        ({"Authorization": "Basic c2FuZGJveA=="}, "invalid authorization format"),
        ({"Authorization": "sandbox"}, "invalid authorization format"),
        ({"Authorization": "Bearer"}, "missing token"),
        ({"x-api-key": "other"}, "invalid token"),
        ({"Authorization": "Bearer other"}, "invalid token"),
        ({"x-api-key": "revoked"}, "unauthorized"),
    ],
)
def test_each_wrong_key_has_its_own_text(client: Chamelaion, headers: dict[str, Any], text: str) -> None:
    """401 says what is wrong with the key, on every endpoint that wants one."""
    calls: list[Callable[[], object]] = [
        lambda: client.users.retrieve_current(extra_headers=headers),
        lambda: client.lipsync.requests.list(extra_headers=headers),
        lambda: client.lipsync.requests.retrieve("x", extra_headers=headers),
        lambda: client.lipsync.generate(inputs=[VIDEO, AUDIO], extra_headers=headers),  # type: ignore[list-item]
    ]
    for call in calls:
        with pytest.raises(APIStatusError) as error:
            call()
        assert refused(error) == (401, {"error": text})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "invalid request body"),
        ([], "invalid request body"),
        ({"inputs": "x"}, "invalid request body"),
        ({"inputs": [VIDEO, AUDIO], "reference_id": 7}, "invalid request body"),
        ({"inputs": [VIDEO, AUDIO], "disable_active_speaker_detection": "yes"}, "invalid request body"),
        ({"inputs": [VIDEO, {"type": "audio"}]}, "invalid request body"),
        ({"inputs": [AUDIO]}, "expected exactly one video input"),
        ({"inputs": [VIDEO, VIDEO, AUDIO]}, "expected exactly one video input"),
        ({"inputs": [VIDEO]}, "expected exactly one audio input"),
        ({"inputs": [VIDEO, {**AUDIO, "type": "image"}]}, 'input type must be "video" or "audio"'),
    ],
)
def test_each_wrong_json_body_has_its_own_text(client: Chamelaion, body: object, text: str) -> None:
    """400 for generate, in the documented words."""
    with pytest.raises(APIStatusError) as error:
        client.post(GENERATE, cast_to=object, body=body)
    assert refused(error) == (400, {"error": text})


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b'{"x": "' + b"x" * (1 << 20) + b'"}'])
def test_what_is_no_json_is_an_invalid_body(client: Chamelaion, content: bytes) -> None:
    """Cut, binary, absurdly deep and absurdly large bodies are all refused."""
    with pytest.raises(APIStatusError) as error:
        client.post(
            GENERATE, cast_to=object, content=content, options={"headers": {"Content-Type": "application/json"}}
        )
    assert refused(error) == (400, {"error": "invalid request body"})


@pytest.mark.parametrize(("path", "wanted"), [(GENERATE, "application/json"), (UPLOAD, "multipart/form-data")])
def test_another_content_type_is_refused(client: Chamelaion, path: str, wanted: str) -> None:
    """Each generation endpoint names the content type that it wants."""
    with pytest.raises(APIStatusError) as error:
        client.post(path, cast_to=object, content=b"{}", options={"headers": {"Content-Type": "text/plain"}})
    assert refused(error) == (400, {"error": f"content-type must be {wanted}"})


@pytest.mark.parametrize(
    ("names", "fields", "text"),
    [
        (("audio",), {}, "video file is required"),
        (("video",), {}, "audio file is required"),
        (("audio",), {"video": "not a file"}, "video file is required"),
        (("video", "audio"), {"model": "lipsync-1"}, 'model must be "lipsync-2"'),
        (("video", "audio"), {"disable_active_speaker_detection": "maybe"}, "invalid request body"),
    ],
)
def test_each_wrong_form_has_its_own_text(
    client: Chamelaion, media: Path, names: tuple[str, ...], fields: dict[str, str], text: str
) -> None:
    """400 for uploads, in the documented words."""
    contents = {"video": media / "video.mp4", "audio": media / "voice.wav"}
    files = {name: (contents[name].name, contents[name].read_bytes()) for name in names}
    with pytest.raises(APIStatusError) as error:
        client.post(UPLOAD, cast_to=object, body=fields, files=files, options=FORM)
    assert refused(error) == (400, {"error": text})


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_that_can_not_be_parsed_is_an_invalid_body(
    sandbox: Sandbox, content_type: str, fetch: Callable[..., Any]
) -> None:
    """A multipart body without its boundary is refused, and no fault of the service."""
    headers = {"Content-Type": content_type, "x-api-key": sandbox.key}
    status, _, body = fetch(sandbox.base_url + UPLOAD, "POST", b"nothing of the kind", **headers)
    assert (status, json.loads(body)) == (400, {"error": "invalid request body"})


def test_an_empty_key_is_missing(sandbox: Sandbox, fetch: Callable[..., Any]) -> None:
    """An empty x-api-key header is no key at all."""
    status, _, body = fetch(f"{sandbox.base_url}/v1/users/me", **{"x-api-key": ""})
    assert (status, json.loads(body)) == (401, {"error": "missing token"})


def test_the_model_of_old_sdks_is_accepted(client: Chamelaion, media: Path) -> None:
    """``model=lipsync-2`` and both spellings of a boolean are part of the form."""
    files = {"video": ("v.mp4", (media / "video.mp4").read_bytes()), "audio": ("a", (media / "voice.wav").read_bytes())}
    fields = {"model": "lipsync-2", "disable_active_speaker_detection": "true"}
    answer: Any = client.post(UPLOAD, cast_to=object, body=fields, files=files, options=FORM)
    assert answer["status"] == "success"


def test_what_is_too_large_is_refused(
    open_sandbox: Callable[..., Sandbox], connect: Callable[..., Chamelaion], upload: Callable[..., str]
) -> None:
    """A file beyond the limit answers 413 and buys nothing."""
    sandbox = open_sandbox(max_file_bytes=1000)
    with pytest.raises(APIStatusError) as error:
        upload(connect(sandbox))
    assert refused(error) == (413, {"error": "request body too large"})
    assert not sandbox.books.requests


@pytest.mark.parametrize("asked", ["6f82a2d8-a6d4-4e8a-a0fa-e8b09823a2d8", "no such reference"])
def test_an_unknown_request_is_not_found(client: Chamelaion, asked: str) -> None:
    """404 by id and by reference."""
    with pytest.raises(APIStatusError) as error:
        client.lipsync.requests.retrieve(asked)
    assert refused(error) == (404, {"error": "not found"})


def test_an_unknown_path_or_method_answers_in_the_same_form(client: Chamelaion) -> None:
    """404 and 405 are {"error": text} as well."""
    with pytest.raises(APIStatusError) as error:
        client.get("/v2/other", cast_to=object)
    assert refused(error) == (404, {"error": "not found"})
    with pytest.raises(APIStatusError) as error:
        client.get(GENERATE, cast_to=object)
    assert refused(error) == (405, {"error": "method not allowed"})


def test_a_url_that_gives_nothing_fails_the_request(client: Chamelaion, finish: Callable[..., Any]) -> None:
    """The documented message, for video and audio each; a failed request costs no minutes."""
    client.lipsync.generate(inputs=[VIDEO, AUDIO], reference_id="lost")  # type: ignore[list-item]
    done = finish(client, "lost")
    assert (done.status, done.error_message) == ("failed", "video URL is not accessible")
    assert done.output_url is None


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "not a url", "http://[::1"])
def test_only_web_addresses_are_fetched(client: Chamelaion, finish: Callable[..., Any], url: str) -> None:
    """Any other scheme is not accessible, whatever it names."""
    answer = client.lipsync.generate(inputs=[{"type": "video", "url": url}, AUDIO])  # type: ignore[list-item]
    assert finish(client, answer.request_id).error_message == "video URL is not accessible"


def test_what_is_no_media_fails_the_request(client: Chamelaion, media: Path, finish: Callable[..., Any]) -> None:
    """An upload that can't be played is accepted, and fails with the reason."""
    client.lipsync.generate_with_media(video=b"<html>", audio=media / "voice.wav", reference_id="v")
    client.lipsync.generate_with_media(video=media / "video.mp4", audio=b"ID3", reference_id="a")
    assert finish(client, "v").error_message == "video could not be decoded"
    assert finish(client, "a").error_message == "audio could not be decoded"


def test_an_upload_that_breaks_off_buys_nothing(sandbox: Sandbox, fetch: Callable[..., Any]) -> None:
    """A client that goes away in the middle of its body is noted as a POST without an answer."""
    before = sandbox.books
    headers = {"Content-Type": "multipart/form-data; boundary=x", "x-api-key": sandbox.key, "Content-Length": "1000"}
    with pytest.raises(TimeoutError):
        fetch(sandbox.base_url + UPLOAD, "POST", b"--x", timeout=0.1, **headers)
    number = len(before.posts) + 1
    while sandbox.books.posts[number].status is None:
        pass
    after = sandbox.books
    assert (after.posts[number].status, after.posts[number].request_id) == (0, "")
    assert len(after.requests) == len(before.requests)
