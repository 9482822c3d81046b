"""The books outlive the process: killed, restarted, torn, looked at from outside."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chamelaion import Chamelaion

from dubbatch.errors import UsageError
from dubbatch.sandbox.books import JOURNAL, Books, Kind, Status
from dubbatch.sandbox.journal import Journal
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

Open = Callable[..., Sandbox]
Connect = Callable[..., Chamelaion]
Upload = Callable[..., str]
Finish = Callable[..., Any]

COMMAND = [sys.executable, "-c", "from dubbatch.cli.sandbox import command; command()", "--port", "0"]


@contextlib.contextmanager
def sandbox_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command in a process of its own, and its base URL."""
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            url = next(line for line in lines if line.startswith("CHAMELAION_BASE_URL=")).strip().partition("=")[2]
            yield process, url
        finally:
            process.kill()


def test_a_killed_sandbox_loses_nothing(
    tmp_path: Path, shared_client: Chamelaion, open_sandbox: Open, connect: Connect, upload: Upload, finish: Finish
) -> None:
    """kill -9 with one request done, one processing and one queued: all go on, and end, after a restart."""
    options = ("--books", str(tmp_path), "--concurrency", "1", "--time-scale", "0.001", "--seconds", "1000")
    with sandbox_process(*options) as (process, url):
        client = shared_client.copy(base_url=url, api_key="sandbox")
        first = upload(client, "first")
        finish(client, first)
        second, third = upload(client, "second"), upload(client, "third")
        finish(client, second, ("processing",))
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = Books.load(tmp_path)
    assert [request.status for request in before.requests.values()] == ["completed", "processing", "queued"]
    assert before.bills() == {"first": 1, "second": 1, "third": 1}

    sandbox = open_sandbox(tmp_path, concurrency=1)
    client = connect(sandbox)
    for request_id in (first, second, third):
        assert finish(client, request_id).status == "completed"
    after = sandbox.books
    assert list(after.requests) == [first, second, third]
    assert after.requests[first] == before.requests[first]
    assert after.requests[second].started_at == before.requests[second].started_at
    assert len(after.posts) == 3


def test_a_stopped_sandbox_goes_on_where_it_was(
    tmp_path: Path, connect: Connect, upload: Upload, finish: Finish
) -> None:
    """A clean stop does not wait for requests; the next start ends them, and links and times stay good."""
    settings = SandboxSettings(seconds=1000, jitter=0, pickup_s=0, outputs_port=0)
    with Sandbox(settings, books=tmp_path) as sandbox:
        client = connect(sandbox)
        request_id = upload(client, "r")
        started = finish(client, "r", ("processing",)).started_at
        sandbox.advance(500)
        client.lipsync.requests.list()
    with Sandbox(settings, books=tmp_path) as sandbox:
        client = connect(sandbox)
        assert client.lipsync.requests.retrieve("r").status == "processing"
        sandbox.advance(501)
        done = finish(client, "r")
    assert (done.id, done.started_at) == (request_id, started)
    assert 1000 <= (done.finished_at - started).total_seconds() < 1100


def test_the_rate_limit_is_counted_over_a_restart(tmp_path: Path, open_sandbox: Open, connect: Connect) -> None:
    """A service that was restarted has not forgotten the last minute."""
    nothing: Any = []
    for text in ("expected exactly one video input", "rate limit exceeded"):
        with Sandbox(SandboxSettings(rate_limit=1), books=tmp_path) as sandbox, pytest.raises(Exception, match=text):
            connect(sandbox).lipsync.generate(inputs=nothing)


def test_a_torn_line_is_left_out_and_mended(tmp_path: Path) -> None:
    """What a kill left of a record does not spoil the records before and after it."""
    journal = Journal(tmp_path)
    journal.post(Kind.GENERATE, 10.0)
    journal.close()
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"type": "post", "numb')
    assert list(Books.load(tmp_path).posts) == [1]
    journal = Journal(tmp_path)
    journal.post(Kind.UPLOAD, 20.0)
    journal.close()
    assert [post.kind for post in Books.load(tmp_path).posts.values()] == [Kind.GENERATE, Kind.UPLOAD]


def test_books_belong_to_one_sandbox_at_a_time(tmp_path: Path, open_sandbox: Open) -> None:
    """A second one on the same folder is refused; the first is not disturbed."""
    open_sandbox(tmp_path)
    with pytest.raises(UsageError, match="another sandbox"):
        open_sandbox(tmp_path)
    assert Books.load(tmp_path).requests == {}


def test_books_are_nobody_elses_business(tmp_path: Path, open_sandbox: Open) -> None:
    """Folder, journal and signing secret are readable by their owner alone, and the key is not in them."""
    open_sandbox(tmp_path / "books", key="very-secret")
    for name in (".", JOURNAL, "secret"):
        assert (tmp_path / "books" / name).stat().st_mode & 0o077 == 0
    for file in (tmp_path / "books").iterdir():
        assert file.is_dir() or b"very-secret" not in file.read_bytes()


def test_inputs_are_thrown_away_when_they_are_used(
    tmp_path: Path, connect: Connect, upload: Upload, finish: Finish
) -> None:
    """Of a completed request only its output stays, of a refused one nothing."""
    with Sandbox(
        SandboxSettings(seconds=0, per_media_second=0, pickup_s=0, account_minutes=0.001), books=tmp_path
    ) as sandbox:
        client = connect(sandbox)
        request_id = upload(client)
        finish(client, request_id)
        with pytest.raises(Exception, match="token limit reached"):
            upload(client)
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == [f"{request_id}.mp4"]
    assert not list((tmp_path / "media").iterdir())


def test_inputs_that_nobody_needs_are_swept_out_at_the_start(tmp_path: Path) -> None:
    """A kill may leave the files of an upload that was never accepted."""
    (tmp_path / "media" / "stray").mkdir(parents=True)
    (tmp_path / "media" / "stray" / "video").write_bytes(b"x")
    with Sandbox(books=tmp_path):
        assert not list((tmp_path / "media").iterdir())


def test_books_count_what_tests_ask_for(tmp_path: Path) -> None:
    """Posts in the busiest window, calls by kind, bills by reference."""
    books = Books()
    for number, at in enumerate([0.0, 1.0, 59.9, 60.0, 61.0, 130.0], start=1):
        books.apply({"type": "post", "number": number, "kind": "generate", "at": at})
    books.apply({"type": "call", "kind": "list", "at": 1.0})
    assert books.most_posts_in(60) == 3
    assert books.most_posts_in(1000) == 6
    assert (books.count("generate"), books.count(Kind.LIST), books.count("get")) == (6, 1, 0)


def test_records_of_a_later_version_can_be_read(tmp_path: Path) -> None:
    """Unknown fields and unknown records are left out."""
    (tmp_path / JOURNAL).write_text(
        '{"type": "weather", "at": 5}\n'
        '{"type": "request", "id": "i", "kind": "upload", "number": 1, "created_at": 1, "mood": 1, "fate": {"x": 1}}\n'
    )
    books = Books.load(tmp_path)
    assert books.requests["i"].status is Status.QUEUED
