"""Files for manifests of URLs: a folder as a file host would serve it, with its faults, and nothing beside it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chamelaion import Chamelaion
from click.testing import CliRunner

from dubbatch.cli.sandbox import command
from dubbatch.errors import UsageError
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

Fetch = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def serving(media: Path) -> Iterator[Sandbox]:
    """A sandbox that serves the media, and has something beside them."""
    (media.parent / "secret.txt").write_text("SECRET")
    (media / "sub folder").mkdir(exist_ok=True)
    (media / "sub folder" / "ü #1.wav").write_bytes((media / "voice.wav").read_bytes())
    (media / "away").symlink_to(media.parent / "secret.txt")
    settings = SandboxSettings(seconds=0, per_media_second=0, pickup_s=0)
    with Sandbox(settings, files=media) as running:
        yield running


@pytest.fixture
def files(serving: Sandbox) -> Iterator[str]:
    yield serving.files_url
    serving.set_faults([])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("video.mp4", "video/mp4"), ("voice.wav", "audio/wav"), ("voice.mp3", "audio/mpeg")],
)
def test_a_file_is_served_with_type_tag_and_ranges(files: str, media: Path, fetch: Fetch, name: str, kind: str) -> None:
    """As a file host does; a query, as signed links have, changes nothing."""
    content = (media / name).read_bytes()
    status, headers, body = fetch(f"{files}/{name}?X-Amz-Signature=1")
    assert (status, headers["content-type"], body) == (200, kind, content)
    assert headers["etag"]
    status, headers, body = fetch(f"{files}/{name}", Range="bytes=10-19")
    assert (status, headers["content-range"], body) == (206, f"bytes 10-19/{len(content)}", content[10:20])


def test_names_may_have_anything_in_them(files: str, media: Path, fetch: Fetch) -> None:
    """Folders, blanks and letters of all kinds, encoded as addresses have them."""
    status, _, body = fetch(f"{files}/sub%20folder/%C3%BC%20%231.wav")
    assert (status, body) == (200, (media / "voice.wav").read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "sub%20folder/../../secret.txt",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "away",
        "",
        "sub%20folder",
        "none.mp4",
        "a%00b",
        "x" * 300,
    ],
)
def test_nothing_beside_the_folder_is_served(files: str, fetch: Fetch, path: str) -> None:
    """Neither by dots, nor by a link, nor as a list of names."""
    status, _, body = fetch(f"{files}/{path}")
    assert status == 404
    assert b"SECRET" not in body


def test_a_page_under_another_name_reads_nothing(files: str) -> None:
    """A web page in a browser may make its own name lead here; the name gives it away."""
    connection = http.client.HTTPConnection(urlsplit(files).netloc, timeout=5)
    connection.request("GET", "/files/video.mp4", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 400
    connection.close()


def test_a_key_that_arrives_is_a_leak(serving: Sandbox, files: str, fetch: Fetch) -> None:
    """As at the outputs."""
    before = len(serving.books.leaks)
    assert fetch(f"{files}/video.mp4", **{"x-api-key": "k"})[0] == 400
    assert len(serving.books.leaks) == before + 1


FAULTS: list[tuple[dict[str, Any], int, bytes]] = [
    ({"action": "answer", "status": 403}, 403, b"error"),
    ({"action": "answer", "status": 503}, 503, b"error"),
    ({"action": "html"}, 200, b"<!doctype html>"),
    ({"action": "empty"}, 200, b""),
    ({"action": "login"}, 302, b""),
    ({"action": "redirect", "location": "/x"}, 307, b""),
]


@pytest.mark.parametrize(("fault", "status", "start"), FAULTS)
def test_a_rule_spoils_one_path(
    serving: Sandbox, files: str, fetch: Fetch, fault: dict[str, Any], status: int, start: bytes
) -> None:
    """``reference`` is the path below the folder; the other files are as they are."""
    serving.set_faults([{"on": "file", "reference": "video.mp4", **fault}])
    answer = fetch(f"{files}/video.mp4")
    assert answer[0] == status
    assert start in answer[2]
    assert bool(answer[2]) == bool(start)
    assert fetch(f"{files}/voice.wav")[0] == 200
    assert serving.books.calls[-2].fault == fault["action"]


def test_a_login_is_a_page(serving: Sandbox, files: str, fetch: Fetch) -> None:
    """The redirect leads to it."""
    serving.set_faults([{"on": "file", "action": "login"}])
    location = fetch(f"{files}/video.mp4")[1]["location"]
    status, headers, _ = fetch(files.removesuffix("/files") + location)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_transfers_break_and_ranges_are_ignored_by_rule(
    serving: Sandbox, files: str, media: Path, fetch: Fetch
) -> None:
    """``drop`` and ``cut`` end the connection, ``short`` ends the body, ``no_ranges`` gives the whole."""
    size = (media / "video.mp4").stat().st_size
    for action in ("drop", "cut"):
        serving.set_faults([{"on": "file", "action": action}])
        with pytest.raises(http.client.HTTPException):
            fetch(f"{files}/video.mp4")
    serving.set_faults([{"on": "file", "action": "short", "at": 0.25}])
    assert len(fetch(f"{files}/video.mp4")[2]) == int(size * 0.25)
    serving.set_faults([{"on": "file", "action": "no_ranges"}])
    status, _, body = fetch(f"{files}/video.mp4", Range="bytes=0-9")
    assert (status, len(body)) == (200, size)


def test_a_fault_of_outputs_is_none_of_files(serving: Sandbox) -> None:
    """What makes no sense is told, with what there is."""
    with pytest.raises(UsageError, match="no action 'expired' on file"):
        serving.set_faults([{"on": "file", "action": "expired"}])


def test_a_job_of_urls_runs_from_end_to_end(
    serving: Sandbox, files: str, connect: Callable[..., Chamelaion], finish: Callable[..., Any], fetch: Fetch
) -> None:
    """The service fetches its inputs from the folder, and says so if it can't."""
    client = connect(serving)
    inputs: list[Any] = [{"type": "video", "url": f"{files}/video.mp4"}, {"type": "audio", "url": f"{files}/voice.wav"}]
    done = finish(client, client.lipsync.generate(inputs=inputs).request_id)
    assert done.error_message is None
    assert fetch(done.output_url)[0] == 200
    serving.set_faults([{"on": "file", "reference": "voice.wav", "action": "answer", "status": 403}])
    failed = finish(client, client.lipsync.generate(inputs=inputs).request_id)
    assert "audio URL is not accessible" in failed.error_message


def test_a_sandbox_without_a_folder_serves_no_files(sandbox: Sandbox, fetch: Fetch) -> None:
    """Nor the page of a login."""
    assert fetch(f"{sandbox.files_url}/video.mp4")[0] == 404
    assert fetch(f"{sandbox.outputs_origin}/login")[0] == 404


def test_the_command_says_where_the_files_are(media: Path, tmp_path: Path, fetch: Fetch) -> None:
    """In its last line."""
    start = [sys.executable, "-c", "from dubbatch.cli.sandbox import command; command()", "--port", "0"]
    options = ["--files", str(media), "--books", str(tmp_path)]
    with subprocess.Popen([*start, *options], stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        url = lines[4].split(" are at ")[1].strip().removesuffix("/NAME.")
        assert fetch(f"{url}/voice.wav")[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_a_folder_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    """Told with its name."""
    result = CliRunner().invoke(command, ["--port", "0", "--files", str(tmp_path / "none")])
    assert isinstance(result.exception, UsageError)
    assert "none is no folder" in result.exception.message
