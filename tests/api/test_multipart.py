"""Uploads: the bytes of a form, and that it vouches for the files in it."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser, parse_options_header

from dubbatch.api.multipart import CHUNK, FilePart, Form, content_type
from dubbatch.errors import MediaError
from dubbatch.media.hashing import Checksum


def _part(path: Path, content: bytes | None = None, **changes: Any) -> FilePart:
    content = path.read_bytes() if content is None else content
    values: dict[str, Any] = {
        "name": "video",
        "filename": path.name,
        "path": path,
        "size": len(content),
        "content_type": "video/mp4",
        "checksum": Checksum(content).hexdigest(),
    }
    return FilePart(**{**values, **changes})


async def _collect(form: Form, body: bytearray) -> None:
    async for chunk in form:
        body += chunk


async def _bytes(form: Form) -> bytes:
    body = bytearray()
    await _collect(form, body)
    return bytes(body)


def _parsed(form: Form, body: bytes) -> list[tuple[dict[bytes, bytes], dict[str, str], bytes]]:
    """What an independent parser makes of the body: disposition, headers and content of each part."""
    parts: list[tuple[dict[bytes, bytes], dict[str, str], bytes]] = []
    headers: dict[str, str] = {}
    name, value, content = bytearray(), bytearray(), bytearray()

    def end_header() -> None:
        headers[name.decode().lower()] = value.decode("latin-1")
        name.clear()
        value.clear()

    def end_part() -> None:
        _, options = parse_options_header(headers["content-disposition"])
        parts.append((options, dict(headers), bytes(content)))
        headers.clear()
        content.clear()

    _, options = parse_options_header(form.headers()["Content-Type"])
    ended: list[bool] = []
    parser = MultipartParser(
        options[b"boundary"],
        {
            "on_header_field": lambda data, start, end: name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": end_header,
            "on_part_data": lambda data, start, end: content.extend(data[start:end]),
            "on_part_end": end_part,
            "on_end": lambda: ended.append(True),
        },
    )
    parser.write(body)
    parser.finalize()
    assert ended == [True]
    return parts


async def test_an_independent_parser_reads_the_form_back(tmp_path: Path) -> None:
    video, audio = tmp_path / "a.mp4", tmp_path / "a.wav"
    video.write_bytes(b"v" * (2 * CHUNK + 17))
    audio.write_bytes(b"\r\n--dubbatch\r\n")
    fields = {"reference_id": "ep01-ja-1", "disable_active_speaker_detection": "true"}
    files = (_part(video), _part(audio, name="audio", content_type=content_type(audio)))
    form = Form(fields, files)

    body = await _bytes(form)

    assert len(body) == form.length() == int(form.headers()["Content-Length"])
    parts = _parsed(form, body)
    assert [options[b"name"] for options, _, _ in parts] == [*(name.encode() for name in fields), b"video", b"audio"]
    assert [content for _, _, content in parts[:2]] == [b"ep01-ja-1", b"true"]
    assert parts[2][2] == video.read_bytes()
    assert parts[3][2] == audio.read_bytes()
    assert [headers["content-type"] for _, headers, _ in parts[2:]] == ["video/mp4", "audio/wav"]
    assert parts[2][0][b"filename"] == b"a.mp4"


async def test_a_file_that_the_system_does_not_have_in_memory_is_the_same_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read in another way: also where the system can't tell."""
    path = tmp_path / "a.mp4"
    path.write_bytes(random.Random(1).randbytes(3 * CHUNK + 17))
    form = Form({}, (_part(path),))
    body = await _bytes(form)
    monkeypatch.delattr(os, "preadv", raising=False)

    assert await _bytes(form) == body
    assert _parsed(form, body)[0][2] == path.read_bytes()


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    form = Form({}, (_part(path),))
    assert _parsed(form, await _bytes(form))[0][2] == b""


@given(st.text(st.characters(), min_size=1, max_size=40))
def test_no_file_name_breaks_out_of_its_header(tmp_path_factory: pytest.TempPathFactory, filename: str) -> None:
    path = tmp_path_factory.getbasetemp() / "named.mp4"
    path.write_bytes(b"x")
    form = Form({"reference_id": "r"}, (_part(path, filename=filename),))

    body = asyncio.run(_bytes(form))

    assert len(body) == form.length()
    (_, _, reference), (options, headers, content) = _parsed(form, body)
    assert (reference, content, set(options), headers["content-type"]) == (
        b"r",
        b"x",
        {b"name", b"filename"},
        "video/mp4",
    )
    seen = options[b"filename"].decode("latin-1").encode("latin-1").decode()
    escaped = {'"': "%22", "\\": "%5C", **{chr(code): f"%{code:02X}" for code in (*range(0x20), 0x7F)}}
    assert seen == "".join(escaped.get(char, char) for char in filename.encode(errors="replace").decode())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_reference_arrives_as_it_was_given(reference: str) -> None:
    form = Form({"reference_id": reference}, ())
    body = asyncio.run(_bytes(form))
    assert _parsed(form, body)[0][2] == reference.encode()


@pytest.mark.parametrize(
    "now",
    [b"w" * 3_000_000, b"v" * 2_999_999, b"v" * 3_000_001, b"", None],
    ids=["edited", "cut", "grown", "empty", "gone"],
)
async def test_a_file_that_is_not_what_was_planned_never_makes_a_whole_form(tmp_path: Path, now: bytes | None) -> None:
    video, audio = tmp_path / "a.mp4", tmp_path / "a.wav"
    planned = b"v" * 3_000_000
    audio.write_bytes(b"a")
    if now is not None:
        video.write_bytes(now)
    form = Form({}, (_part(video, planned), _part(audio, name="audio")))
    body = bytearray()

    with pytest.raises(MediaError) as caught:
        await _collect(form, body)

    assert "a.mp4" in caught.value.message
    assert caught.value.hint
    assert len(body) < form.length()
    assert f"--{form.boundary}--".encode() not in body


async def test_an_audio_track_that_changed_stops_the_form_before_its_end(tmp_path: Path) -> None:
    video, audio = tmp_path / "a.mp4", tmp_path / "a.wav"
    video.write_bytes(b"v")
    audio.write_bytes(b"b")
    form = Form({}, (_part(video), _part(audio, b"a", name="audio")))
    body = bytearray()
    with pytest.raises(MediaError, match=r"a\.wav"):
        await _collect(form, body)
    assert form.boundary.encode() + b"--" not in body


async def test_what_is_changed_already_is_seen_before_anything_leaves(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"v")
    await Form({}, (_part(path),)).check()
    with pytest.raises(MediaError, match="planned were 2"):
        await Form({}, (_part(path, b"vv"),)).check()
    path.unlink()
    with pytest.raises(MediaError, match="can't be read"):
        await Form({}, (_part(path, b"v"),)).check()


async def test_progress_counts_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"v" * (CHUNK + 1))
    told: list[int] = []
    await _bytes(Form({"reference_id": "r"}, (_part(path),), told.append))
    assert told == [CHUNK, 1]


class _SlowDisk(type(Path())):  # type: ignore[misc]
    """A file that can be opened only after ``gate`` is set."""

    gate: threading.Event
    was_open: list[bool]

    def open(self, *args: Any, **options: Any) -> IO[Any]:
        self.was_open.append(self.gate.wait(5))
        return super().open(*args, **options)  # type: ignore[no-any-return]


async def test_a_slow_disk_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"v")
    slow = _SlowDisk(tmp_path / "a.mp4")
    slow.gate, slow.was_open = threading.Event(), []
    form = Form({}, (_part(slow, b"v"),))
    uploading = asyncio.ensure_future(_bytes(form))

    # Only the event loop sets the gate: if the read blocked it, the wait would end in vain.
    await asyncio.sleep(0.05)
    slow.gate.set()

    assert len(await uploading) == form.length()
    assert slow.was_open
    assert all(slow.was_open)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.MP4", "video/mp4"), ("a.wav", "audio/wav"), ("a.mp3", "audio/mpeg"), ("a.flac", "application/octet-stream")],
)
def test_content_types_are_the_services(name: str, kind: str) -> None:
    assert content_type(Path(name)) == kind
