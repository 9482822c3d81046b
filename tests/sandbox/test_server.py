"""The sandbox inside another program: it starts, is controlled while it runs, and leaves nothing behind."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chamelaion import APIConnectionError, Chamelaion

from dubbatch.errors import UsageError
from dubbatch.sandbox.faults import Faults
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

Fetch = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def ask(sandbox: Sandbox, fetch: Fetch) -> Callable[..., tuple[int, Any]]:
    """One call of the sandbox's own endpoints."""

    def call(path: str, method: str = "GET", body: object = None, content_type: str = "application/json") -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = sandbox.base_url.removesuffix("/api") + "/sandbox/" + path
        status, _, answer = fetch(url, method, data, **{"Content-Type": content_type})
        return status, json.loads(answer)

    return call


def test_leaving_frees_threads_ports_and_the_books(connect: Callable[..., Chamelaion], upload: Any) -> None:
    """Also with a request processing, a client waiting, and connections kept open."""
    threads = threading.active_count()
    with Sandbox(SandboxSettings(seconds=1000, pickup_s=0)) as sandbox:
        client = connect(sandbox, timeout=30)
        upload(client)
        sandbox.set_faults([{"on": "me", "action": "silence"}])
        errors: list[Exception] = []

        def wait() -> None:
            try:
                client.users.retrieve_current()
            except APIConnectionError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not sandbox.books.count("me"):
            pass
        folder = sandbox.folder
    waiting.join()
    assert len(errors) == 1
    assert threading.active_count() == threads
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(sandbox.base_url).port or 0))


def test_a_silent_media_server_holds_up_nobody(connect: Callable[..., Chamelaion], upload: Any, finish: Any) -> None:
    """While a URL is waited for, other requests are accepted and done; leaving doesn't wait for it either."""
    threads = threading.active_count()
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Sandbox(SandboxSettings(seconds=0, per_media_second=0, pickup_s=0)) as sandbox,
    ):
        client = connect(sandbox)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v.mp4"
        stuck = client.lipsync.generate(inputs=[{"type": "video", "url": url}, {"type": "audio", "url": url}])
        connection, _ = silent.accept()
        assert finish(client, upload(client)).status == "completed"
        assert client.lipsync.requests.retrieve(stuck.request_id).status == "processing"
        books = sandbox.folder
    connection.close()
    assert threading.active_count() == threads
    assert not books.exists()


def test_given_books_stay(tmp_path: Path) -> None:
    """A folder that was given is kept, and made if it isn't there."""
    with Sandbox(books=tmp_path / "new" / "books"):
        pass
    assert (tmp_path / "new" / "books" / "journal.jsonl").exists()


def test_only_loopback_is_served(sandbox: Sandbox) -> None:
    """Both ports are bound to 127.0.0.1, not to other addresses of the machine."""
    for url in (sandbox.base_url, sandbox.outputs_origin):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", urlsplit(url).port or 0))


def test_a_taken_port_is_a_clear_error(sandbox: Sandbox) -> None:
    """UsageError names the port; nothing is left open."""
    port = urlsplit(sandbox.base_url).port or 0
    with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1"), Sandbox(SandboxSettings(port=port)):
        pass


def test_another_host_name_is_refused(sandbox: Sandbox, fetch: Fetch) -> None:
    """A web page can't reach the sandbox under a name that it made lead to loopback."""
    assert fetch(f"{sandbox.base_url}/health", Host="evil.example")[0] == 400


def test_faults_can_be_given_at_the_start(connect: Callable[..., Chamelaion]) -> None:
    """The same rules as in a file."""
    faults = Faults.parse([{"on": "me", "action": "drop", "nth": 1}])
    with Sandbox(faults=faults) as sandbox:
        client = connect(sandbox)
        with pytest.raises(APIConnectionError):
            client.users.retrieve_current()
        assert client.users.retrieve_current().name


def test_faults_can_be_changed_over_http(ask: Callable[..., Any], client: Chamelaion) -> None:
    """POST replaces the rules, GET shows them, wrong ones are refused and change nothing."""
    rules = [{"on": ["me"], "action": "answer", "status": 500}]
    assert ask("faults", "POST", rules) == (200, {"rules": rules})
    assert ask("faults") == (200, {"rules": rules})
    status, answer = ask("faults", "POST", [{"on": "me", "action": "dance"}])
    assert status == 400
    assert "rule 1" in answer["error"]
    assert ask("faults") == (200, {"rules": rules})
    assert ask("faults", "POST", [], "text/plain")[0] == 400
    assert ask("faults", "POST", []) == (200, {"rules": []})
    assert client.users.retrieve_current().name


def test_time_and_plan_can_be_changed_over_http(ask: Callable[..., Any], sandbox: Sandbox) -> None:
    """What the Python methods do, for programs in other processes."""
    status, answer = ask("clock", "POST", {"advance_s": 100})
    assert status == 200
    assert ask("clock", "POST", {"advance_s": 0})[1]["now"] >= answer["now"]
    assert ask("clock", "POST", {})[0] == 400
    assert ask("settings", "POST", {"concurrency": 4}) == (200, {"status": "ok"})
    wrong_ones: list[object] = [{"concurrency": 0}, {"speed": 1}, {"port": 1}, [], {"concurrency": "x"}]
    for wrong in wrong_ones:
        assert ask("settings", "POST", wrong)[0] == 400


def test_books_can_be_read_over_http(
    ask: Callable[..., Any], client: Chamelaion, upload: Callable[..., str], reference: str
) -> None:
    """Requests, posts, leaks and what was billed twice; no addresses."""
    ids = [upload(client, reference), upload(client, reference)]
    status, books = ask("books")
    assert status == 200
    assert [request["id"] for request in books["requests"] if request["reference"] == reference] == ids
    assert reference in books["billed_twice"]
    assert {"video_url", "fate"}.isdisjoint(books["requests"][0])
    assert books["posts"][-1]["request_id"] == ids[1]
