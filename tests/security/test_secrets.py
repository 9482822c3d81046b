"""The key is nowhere, and what signs a link is in the ledger alone: every file and every word is searched."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest

from dubbatch.moments import POST

#: What signs the links of the manifest.
SIGNATURE = "SIGNED-8d1f3c"


def spellings(secret: str) -> Iterator[bytes]:
    """How a secret may stand in a file: as it is, in JSON, in an address, in base64 at any offset, in hex."""
    raw = secret.encode()
    yield from (raw, quote(secret, safe="").encode(), quote(secret).encode(), raw.hex().encode())
    yield from (
        json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
        raw[: len(raw) // 2 + 1],
        raw[len(raw) // 2 - 1 :],
    )
    for offset in range(3):
        # What stands before and after decides about the characters at both ends.
        yield base64.b64encode(b"x" * offset + raw)[offset and 4 : -4]


def shows(data: bytes, secret: str) -> bool:
    """Whether ``secret`` is in ``data``, also across line breaks and under percent-encoding."""
    joined = re.sub(rb"\s", b"", data)
    texts = (data, joined, unquote_to_bytes(joined))
    return any(spelling in text for spelling in spellings(secret) for text in texts)


@pytest.mark.parametrize(
    "text", ["a sk-4711/se\ncret b", "sk-4711%2Fsecret", "xc2stNDcxMS9zZWNyZXQ=", "sk-4711\\/secret"]
)
def test_a_search_finds_a_secret_in_any_spelling(text: str) -> None:
    """Or the tests below would hold nothing."""
    assert shows(text.encode(), "sk-4711/secret")
    assert not shows(b"sk-4700/secrets", "sk-4711/secret")


def quoting(twisted: Any) -> Any:
    """An edit: the service quotes the key and links wherever it has words of its own."""
    key, link = twisted.sandbox.key, f"https://cdn.example.com/v.mp4?X-Amz-Signature={SIGNATURE}"

    def edit(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
        if kind == "me":
            return {"name": f"Maria {key}"}
        for request in answer.get("data", [answer]):
            if request.get("reference_id", "").startswith("fails-"):
                words = f"Authorization: Bearer {key} at {link}"
                request.update(status="failed", error_message=words, finished_at=key, output_url=None)
            elif request.get("status") == "processing":
                request["status"] = f"encoding {key}"
        return answer

    return edit


def signed(twisted: Any, name: str) -> str:
    return str(twisted.link(name, f"?X-Amz-Signature={SIGNATURE}&user=1#token={SIGNATURE}"))


def searched(shell: Any, *secrets: str) -> dict[str, bytes]:
    """Everything that was printed or written, the ledger apart; the ledger is searched for the key alone."""
    found = {"printed": shell.printed}
    for path in shell.files():
        found[str(path)] = path.read_bytes()
    for name, data in found.items():
        for secret in secrets[:1] if "/.dubbatch/ledger.db" in name else secrets:
            assert not shows(data, secret), f"{secret} in {name}"
    return found


#: Runs inside the command before anything else: tells of every child that is given what may hold a key (none but the
#: workers that look at media has an environment of its own), and raises at a moment that is named.
SPY = """
import os, sys
CHILDREN = ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system")

def spy(event, arguments):
    if event == "subprocess.Popen":
        program, words, folder, environment = arguments
        if environment is None or any(name.startswith("CHAMELAION_") for name in environment):
            os.write(2, b"a child was given the key")
    if event in CHILDREN:
        os.write(2, b"a child was given the key")
    if event == os.environ.get("RAISE_AT"):
        raise RuntimeError(f"no way to {os.environ['RAISE_WITH']}")

sys.addaudithook(spy)
"""


@pytest.fixture
def spied(shell: Any) -> Any:
    """A shell whose commands are watched, and told to tell as much as Python can."""
    shell.write("sitecustomize.py", SPY)
    path = os.pathsep.join(filter(None, (str(shell.folder), shell.environment.get("PYTHONPATH"))))
    shell.environment |= {
        "PYTHONPATH": path,
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONDEVMODE": "1",
        "HTTPX_LOG_LEVEL": "trace",
    }
    return shell


def test_a_run_leaves_the_key_nowhere_and_signatures_in_the_ledger_alone(spied: Any, twisted: Any) -> None:
    """Whatever the service quotes, and however much Python is asked to tell."""
    spied.speak("a", "fails", "mixed")
    links: set[str] = set()
    rows = [
        ["urls", signed(twisted, "media/tiny.mp4"), signed(twisted, "media/a.wav")],
        ["mixed", signed(twisted, "media/tiny.mp4"), "media/mixed.wav"],
        ["fails", "media/tiny.mp4", "media/fails.wav"],
    ]
    table = "\n".join(",".join([*row, f"see {signed(twisted, 'x y')} {row[0]}"]) for row in rows)
    manifest = spied.write("batch.csv", f"id,video,audio,note\n{table}\n")
    quotes = quoting(twisted)

    def edit(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
        links.update(urlsplit(request.get("output_url") or "").query for request in answer.get("data", [answer]))
        return dict(quotes(kind, answer))

    twisted.edit = edit

    told = [spied(*words) for words in (["run", "batch.csv"], ["plan", "batch.csv", "--format", "json"], ["account"])]

    assert [each.returncode for each in told] == [1, 0, 0]
    assert "fails" in told[0].stderr
    assert "?..." in told[0].stderr
    assert b"a child was given the key" not in spied.printed
    signatures = [part for link in links - {""} for part in re.findall(r"=([^&]{12,})", link)]
    assert signatures
    manifest.unlink()
    found = searched(spied, twisted.sandbox.key, SIGNATURE, *signatures)
    assert {"report.csv", "report.json", "ledger.db"} <= {Path(name).name for name in found}
    assert twisted.sandbox.books.leaks == []


def test_a_mistake_of_ours_is_told_with_its_way_and_without_secrets(spied: Any, twisted: Any) -> None:
    """The traceback is what mends it, and goes into cron's mail."""
    spied.write_jobs("a")
    link = f"https://maria:{SIGNATURE}@cdn.example.com/v.mp4?X-Amz-Signature={SIGNATURE}"

    broken = spied("run", "batch.csv", RAISE_AT=POST, RAISE_WITH=f"{link}\x1b[31m")

    assert broken.returncode == 1
    assert "Traceback" in broken.stderr
    assert "RuntimeError: no way to https://cdn.example.com/v.mp4?..." in broken.stderr
    assert "run again" in broken.stderr
    assert "\x1b" not in broken.stderr
    searched(spied, twisted.sandbox.key, SIGNATURE)
