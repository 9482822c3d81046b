"""Outputs: real media behind links that expire, on an origin that wants no key."""

from __future__ import annotations

from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from chamelaion import Chamelaion

from dubbatch.errors import MediaError
from dubbatch.media.mux import replace_audio
from dubbatch.sandbox.server import Sandbox

Upload = Callable[..., str]
Finish = Callable[..., Any]
Fetch = Callable[..., tuple[int, dict[str, str], bytes]]


def measure(path: Path) -> tuple[float, int, float]:
    """Seconds, pictures and loudness (root mean square, 1.0 is full scale)."""
    with av.open(str(path)) as container:
        seconds = (container.duration or 0) / av.time_base
        pictures = sum(1 for _ in container.decode(video=0))
    with av.open(str(path)) as container:
        waves = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return seconds, pictures, float(np.sqrt(np.mean(waves.astype(float) ** 2)))


@pytest.mark.parametrize(
    ("voice", "seconds"), [("voice.wav", 1.0), ("voice.mp3", 1.0), ("long.wav", 3.0)], ids=lambda value: str(value)
)
def test_an_output_is_the_video_with_the_given_sound(media: Path, tmp_path: Path, voice: str, seconds: float) -> None:
    """All pictures, the voice's loudness (a sine of half scale), and the length of the longer of the two."""
    output = tmp_path / "out.mp4"
    assert replace_audio(media / "video.mp4", media / voice, output) == pytest.approx(seconds, abs=0.1)
    length, pictures, loudness = measure(output)
    assert length == pytest.approx(seconds, abs=0.1)
    assert pictures == 10
    assert 0.25 < loudness < 0.40


def test_the_same_inputs_give_the_same_bytes_index_first(media: Path, tmp_path: Path) -> None:
    """An output can be made again; players can start before all of it is there."""
    first, second = tmp_path / "1.mp4", tmp_path / "2.mp4"
    for target in (first, second):
        replace_audio(media / "video.mp4", media / "voice.wav", target)
    data = first.read_bytes()
    assert data == second.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("video", "audio", "blamed"),
    [
        ("voice.wav", "voice.wav", "video"),
        ("video.mp4", "video.mp4", "audio"),
        ("page.html", "voice.wav", "video"),
        ("video.mp4", "page.html", "audio"),
        ("missing.mp4", "voice.wav", "video"),
        ("cut.mp4", "voice.wav", "video"),
    ],
)
def test_what_can_not_be_played_is_named(media: Path, tmp_path: Path, video: str, audio: str, blamed: str) -> None:
    """The error says which of the two inputs it is."""
    (media / "page.html").write_bytes(b"<html></html>")
    (media / "cut.mp4").write_bytes((media / "video.mp4").read_bytes()[:500])
    with pytest.raises(MediaError, match=f"{blamed} could not be decoded"):
        replace_audio(media / video, media / audio, tmp_path / "out.mp4")


def test_uploaded_and_fetched_media_give_the_same_output(
    client: Chamelaion, media: Path, link: str, finish: Finish, fetch: Fetch
) -> None:
    """POST generate fetches what its URLs give, also through a redirect, and makes the same file of it."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(media))

        def do_GET(self) -> None:
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", "/video.mp4")
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        here = f"http://127.0.0.1:{server.server_port}"
        answer = client.lipsync.generate(
            inputs=[{"type": "audio", "url": f"{here}/voice.wav"}, {"type": "video", "url": f"{here}/moved.mp4"}]
        )
        done = finish(client, answer.request_id)
        server.shutdown()
        thread.join()
    assert done.error_message is None
    assert fetch(done.output_url)[2] == fetch(link)[2]


def test_the_storage_is_another_origin(sandbox: Sandbox, link: str, fetch: Fetch) -> None:
    """A link leads away from the API, and the API does not serve it."""
    assert link.startswith(sandbox.outputs_origin)
    assert not sandbox.base_url.startswith(sandbox.outputs_origin)
    elsewhere = link.replace(sandbox.outputs_origin, sandbox.base_url.removesuffix("/api"))
    assert fetch(elsewhere)[0] == 404


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
def test_a_key_at_the_storage_is_refused_and_remembered(sandbox: Sandbox, link: str, header: str, fetch: Fetch) -> None:
    """A leaked key answers 400 and is in the books."""
    before = len(sandbox.books.leaks)
    assert fetch(link, **{header: "Bearer sandbox"})[0] == 400
    assert [leak.where for leak in sandbox.books.leaks[before:]] == [urlsplit(link).path]


def test_a_link_expires_and_a_fresh_get_gives_a_fresh_one(
    open_sandbox: Callable[..., Sandbox],
    connect: Callable[..., Chamelaion],
    upload: Upload,
    finish: Finish,
    fetch: Fetch,
) -> None:
    """403 after ``link_life_s``; the request itself is as good as before."""
    sandbox = open_sandbox(link_life_s=60)
    client = connect(sandbox)
    done = finish(client, upload(client, "r"))
    assert fetch(done.output_url)[0] == 200
    sandbox.advance(61)
    assert fetch(done.output_url)[0] == 403
    assert fetch(client.lipsync.requests.retrieve("r").output_url or "")[0] == 200


def test_a_link_can_not_be_made_up(link: str, fetch: Fetch) -> None:
    """Neither the end nor the name of a signed link can be changed."""
    for wrong in (link + "0", link.replace("expires=", "expires=9"), link.split("?")[0] + "?", link.split("&")[0]):
        assert fetch(wrong)[0] == 403


def test_parts_can_be_fetched(link: str, fetch: Fetch) -> None:
    """Ranges: from, to, the last bytes; length, tag and place are told, and the parts make up the whole."""
    status, headers, whole = fetch(link)
    size = len(whole)
    assert (status, headers["content-length"], headers["accept-ranges"]) == (200, str(size), "bytes")
    for asked, part in (("0-99", whole[:100]), ("100-", whole[100:]), ("-10", whole[-10:])):
        status, headers, body = fetch(link, Range=f"bytes={asked}")
        start = size - 10 if asked == "-10" else int(asked.split("-")[0])
        assert (status, body) == (206, part)
        assert headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
        assert headers["content-length"] == str(len(part))


def test_a_part_is_only_given_of_the_same_file(link: str, fetch: Fetch) -> None:
    """If-Range: the known tag gives the part, another one the whole; beyond the end is 416."""
    _, headers, whole = fetch(link)
    tag = headers["etag"]
    assert fetch(link, Range="bytes=100-", **{"If-Range": tag})[::2] == (206, whole[100:])
    assert fetch(link, Range="bytes=100-", **{"If-Range": '"other"'})[::2] == (200, whole)
    status, headers, _ = fetch(link, Range=f"bytes={len(whole)}-")
    assert (status, headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_a_head_tells_the_length(link: str, fetch: Fetch) -> None:
    """HEAD has the headers of GET and no body."""
    status, headers, body = fetch(link, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) == len(fetch(link)[2])
