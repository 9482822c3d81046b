"""A storage that behaves as storages do on bad days: whatever comes, a name stands for a whole file."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.jobs import JobState
from dubbatch.media.checks import check_output
from dubbatch.result import RunResult
from dubbatch.tracker import fetching, part

if TYPE_CHECKING:
    from tests.pipeline.conftest import Listen, OpenProject, Project

PAGE = b"<!doctype html><html><body>Please sign in.</body></html>"
Headers = dict[str, str]


@dataclass(frozen=True)
class Call:
    """One GET for a file: ``content`` is what the service made, ``start`` what the Range asks for."""

    content: bytes
    start: int
    if_range: str

    @property
    def replaced(self) -> bytes:
        """The file after somebody made it again: plays the same, and differs at both ends."""
        head = self.content[:12] + b"\0\0\0\1" + self.content[16:]
        return head + (64).to_bytes(4) + b"free" + bytes(56)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes
    #: So many bytes of the body are sent.
    sent: int | None = None
    is_endless: bool = False


Step = Callable[[Call], Answer]


def etag(body: bytes) -> str:
    return f'"{hash(body):x}"'


def sized(status: int, body: bytes, headers: Headers | None = None, **more: Any) -> Answer:
    return Answer(status, {"Content-Length": str(len(body)), **(headers or {})}, body, **more)


def file(content: bytes, call: Call) -> Answer:
    """As it should be: the rest if the file is still the same, else the whole."""
    tag = etag(content)
    if call.start and call.if_range == tag:
        places = f"bytes {call.start}-{len(content) - 1}/{len(content)}"
        return sized(206, content[call.start :], {"Content-Range": places, "ETag": tag})
    return sized(200, content, {"ETag": tag})


def whole(call: Call) -> Answer:
    return file(call.content, call)


def replaced(call: Call) -> Answer:
    return file(call.replaced, call)


def replaced_whatever_is_asked(call: Call) -> Answer:
    """If-Range is not understood: the rest of another file."""
    return file(call.replaced, Call(call.content, call.start, etag(call.replaced)))


def cut(share: float) -> Step:
    def step(call: Call) -> Answer:
        answer = whole(call)
        return Answer(answer.status, answer.headers, answer.body, int(len(answer.body) * share))

    return step


def status(code: int) -> Step:
    return lambda call: sized(code, b"no")


def without_ranges(call: Call) -> Answer:
    return sized(200, call.content)


def short_without_length(call: Call) -> Answer:
    return Answer(200, {"ETag": etag(call.content)}, call.content[: len(call.content) // 2])


def part_that_nobody_asked_for(call: Call) -> Answer:
    return sized(206, call.content[100:], {"Content-Range": f"bytes 100-{len(call.content) - 1}/{len(call.content)}"})


def another_part(call: Call) -> Answer:
    at = call.start + 10
    return sized(206, call.content[at:], {"Content-Range": f"bytes {at}-{len(call.content) - 1}/{len(call.content)}"})


def small_part(call: Call) -> Answer:
    """Less than all the rest."""
    end = call.start + 500
    places = f"bytes {call.start}-{end - 1}/{len(call.content)}"
    return sized(206, call.content[call.start : end], {"Content-Range": places, "ETag": etag(call.content)})


def longer_than_said(call: Call) -> Answer:
    return Answer(200, {"Content-Length": str(len(call.content))}, call.content + b"and more")


def packed(call: Call) -> Answer:
    return sized(200, call.content, {"Content-Encoding": "gzip"})


def page(call: Call) -> Answer:
    return sized(200, PAGE, {"Content-Type": "text/html", "ETag": etag(PAGE)})


def nothing(call: Call) -> Answer:
    return sized(200, b"")


def hollow(call: Call) -> Answer:
    """The index is whole and comes first; half of the media are missing. As if that were all."""
    return sized(200, call.content[: -len(call.content) // 4], {"ETag": etag(b"hollow")})


def endless(call: Call) -> Answer:
    return Answer(200, {}, bytes(1 << 16), is_endless=True)


#: What each job's file meets, call by call; the last goes on.
SCRIPTS: Mapping[str, Sequence[Step]] = {
    "cut-then-replaced": (cut(0.5), replaced),
    "cut-then-joined": (cut(0.5), replaced_whatever_is_asked, replaced),
    "cut-then-expired-then-no-ranges": (cut(0.5), status(403), without_ranges),
    "cut-three-times": (cut(0.3), cut(0.3), cut(0.3), whole),
    "cut-then-another-part": (cut(0.5), another_part, whole),
    "cut-then-small-parts": (cut(0.5), small_part, small_part, whole),
    "cut-then-shorter": (cut(0.5), status(416), whole),
    "cut-then-hollow": (cut(0.5), hollow, whole),
    "cut-then-page": (cut(0.5), page, whole),
    "short-without-length": (short_without_length, whole),
    "short-then-replaced": (short_without_length, replaced),
    "unasked-part": (part_that_nobody_asked_for, whole),
    "longer-than-said": (longer_than_said,),
    "packed-once": (packed, whole),
    "page-once": (page, whole),
    "nothing-once": (nothing, whole),
    "expired-twice": (status(403), status(403), whole),
    "missing-once": (status(404), whole),
    "broken-storage": (status(500), status(503), status(429), whole),
    "always-a-page": (page,),
    "always-nothing": (nothing,),
    "always-hollow": (hollow,),
    "endless": (endless,),
}
REPLACED = {"cut-then-replaced", "cut-then-joined", "short-then-replaced"}
SUSPECT = {"always-a-page", "always-nothing", "always-hollow"}
#: Paid for, at the service, and to be fetched by a later run.
LEFT = {"endless"}


@contextmanager
def storage(content_of: Callable[[str], bytes]) -> Iterator[str]:
    """The scripts on a web server; its address."""
    calls: defaultdict[str, int] = defaultdict(int)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            job = self.path.strip("/")
            steps, number = SCRIPTS[job], calls[job]
            calls[job] += 1
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            call = Call(content_of(job), int(match[1]) if match else 0, self.headers.get("If-Range", ""))
            self.close_connection = True
            with suppress(ConnectionError):
                self._send(steps[min(number, len(steps) - 1)](call))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body[: answer.sent])
            while answer.is_endless:
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@dataclass
class Watch:
    """Looks at each file at the instant when it gets a name that stands for an output."""

    folder: Path
    #: Name -> what was in it.
    appeared: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    #: Of these, names of files that don't play.
    broken: list[str] = field(default_factory=list)
    #: Names that were opened to be written to.
    opened: list[str] = field(default_factory=list)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and self._is_output(arguments[1]):
            source, name = Path(arguments[0]), Path(arguments[1]).name
            self.appeared[name].append(source.read_bytes())
            if not check_output(source, durations_s=[1.0]).ok:
                self.broken.append(name)
        elif event == "open" and self._is_output(arguments[0]) and self._writes(arguments):
            self.opened.append(Path(arguments[0]).name)

    def _is_output(self, path: object) -> bool:
        if not isinstance(path, str | Path):
            return False
        return Path(path).parent == self.folder and str(path).endswith(".mp4") and ".suspect." not in str(path)

    @staticmethod
    def _writes(arguments: tuple[Any, ...]) -> bool:
        mode, flags = arguments[1], arguments[2]
        return any(letter in str(mode or "") for letter in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))


def _sent_elsewhere(reference: str, location: str) -> dict[str, str]:
    return {"on": "output", "reference": reference, "action": "redirect", "location": location}


@pytest.fixture(scope="module")
def bad_day(
    listen: Listen, tmp_path_factory: pytest.TempPathFactory, open_project: OpenProject
) -> Iterator[tuple[Project, RunResult, Watch]]:
    """One run in which each file meets its own script."""
    project = open_project(tmp_path_factory.mktemp("bad-day") / "project")
    project.write_jobs(*SCRIPTS)
    watch = Watch(project.folder / "batch-dubs")
    with storage(lambda job: project.served(project.reference(job))) as origin, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "delay_s", lambda failures, **_: 0.01 * failures)
        patch.setattr(part, "MOST_BYTES", 4 << 20)
        project.sandbox.set_faults([_sent_elsewhere(project.reference(job), f"{origin}/{job}") for job in SCRIPTS])
        with listen(watch.hear):
            result = asyncio.run(project.run(transfers=8, concurrency=8, settle_s=30.0))
    yield project, result, watch
    assert project.books.leaks == []


@pytest.mark.parametrize("job", [job for job in SCRIPTS if job not in SUSPECT | LEFT])
def test_what_the_service_made_comes_home_whole(bad_day: tuple[Project, RunResult, Watch], job: str) -> None:
    """As it was made, or as it was made again: never a bit of each."""
    project, _, _ = bad_day
    content = project.served(project.reference(job))

    assert project.states()[job] is JobState.DOWNLOADED
    assert project.files()[f"{job}.mp4"] == (Call(content, 0, "").replaced if job in REPLACED else content)


def test_a_name_stands_for_a_whole_file_at_every_instant(bad_day: tuple[Project, RunResult, Watch]) -> None:
    """Each output appeared once, by a rename, playable and with the bytes that it still has."""
    project, _, watch = bad_day
    files = {name: content for name, content in project.files().items() if ".suspect." not in name}

    assert watch.opened == watch.broken == []
    assert dict(watch.appeared) == {name: [content] for name, content in files.items()}
    assert len(files) == len(SCRIPTS) - len(SUSPECT | LEFT)


def test_what_never_passes_has_no_output_s_name(bad_day: tuple[Project, RunResult, Watch]) -> None:
    """A page, nothing, half of it: kept, told as suspect."""
    project, _, _ = bad_day

    assert {job for job, state in project.states().items() if state is JobState.SUSPECT} == SUSPECT
    assert {f"{job}.suspect.mp4" for job in SUSPECT} <= project.files().keys()
    assert project.files()["always-a-page.suspect.mp4"] == PAGE


def test_a_body_without_end_is_left_to_a_later_run(bad_day: tuple[Project, RunResult, Watch]) -> None:
    """It has not filled the disk, and held up nobody."""
    project, _, _ = bad_day

    assert {job for job, state in project.states().items() if state is JobState.COMPLETED} == LEFT
    assert "or has no end" in project.told()


def test_a_bad_day_costs_nothing_and_leaves_nothing(bad_day: tuple[Project, RunResult, Watch]) -> None:
    """Each job billed once; outputs, suspects and reports, and of the ledger's folder what its lock needs."""
    project, _, _ = bad_day

    assert project.billed() == {project.reference(job): 1 for job in SCRIPTS}
    outputs = {f"{job}.suspect.mp4" if job in SUSPECT else f"{job}.mp4" for job in SCRIPTS if job not in LEFT}
    assert {path.name for path in (project.folder / "batch-dubs").iterdir()} == outputs | {"report.csv", "report.json"}
    kept = {re.sub(r"-[0-9a-f]{8}\.", ".", path.name) for path in project.ledger.parent.iterdir()}
    assert kept == {".gitignore", "ledger.db", "ledger.opening.lock", "ledger.batch.lock"}
