"""``dubbatch account``: the service, the key, what was learned, and what the account has."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from tests.cli.conftest import OpenShell, Shell

Service = Callable[..., Sandbox]
Connected = Callable[[Sandbox], "Shell"]


def post(service: Sandbox, reference: str = "") -> str:
    """Somebody else's request with the same key; its id."""
    inputs = [{"type": kind, "url": f"http://127.0.0.1:9/{kind}"} for kind in ("video", "audio")]
    body = json.dumps({"inputs": inputs} | ({"reference_id": reference} if reference else {})).encode()
    headers = {"Content-Type": "application/json", "x-api-key": service.key}
    request = urllib.request.Request(f"{service.base_url}/v1/lipsync/generate", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return str(json.load(answer)["request_id"])


def test_account_shows_the_service_the_owner_and_the_latest_requests(shell: Shell) -> None:
    """Against ``dubbatch sandbox``, as a person starts it."""
    with shell.start("sandbox", "--port", "0", "--key", "k1") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(4)]
        account = dict(line.split("=", 1) for line in lines[2:])
        told = shell("account", **account)
        process.terminate()
        assert process.wait() == 0

    assert told.returncode == 0
    assert ": up" in told.stdout
    assert "valid, of Sandbox; from environment CHAMELAION_API_KEY" in told.stdout
    assert "0 of 60 POSTs in the last 60 s" in told.stdout
    assert "requests  0 in all" in told.stdout
    assert "none here was used with this account" in told.stdout


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, open_shell: OpenShell) -> Iterator[tuple[Shell, Sandbox]]:
    """A batch of two jobs that was run, one send of which was refused first; and a shell in another folder."""
    folder = tmp_path_factory.mktemp("used")
    quick = SandboxSettings(key="sk-secret-4711", seconds=0.1, per_media_second=0, pickup_s=0)
    with Sandbox(quick) as service:
        account = {"CHAMELAION_BASE_URL": service.base_url, "CHAMELAION_API_KEY": service.key}
        account |= {"DUBBATCH_POLL_INTERVAL": "0.1", "DUBBATCH_SETTLE": "1"}
        shell = open_shell(folder / "project", **account)
        shell.write_jobs("a", "b")
        service.set_faults([{"on": "post", "action": "answer", "status": 429, "retry_after_s": 0.1, "nth": 1}])
        ran = shell.here("run", "batch.csv")
        assert ran.returncode == 0, ran.stderr
        (folder / "elsewhere").mkdir()
        shell.folder = folder / "elsewhere"
        yield shell, service


def ledger_of(shell: Shell) -> Path:
    return shell.folder.parent / "project" / ".dubbatch" / "ledger.db"


def limits_of(told: str) -> dict[str, str]:
    """Ledger -> what it has learned."""
    lines = (line.removeprefix("ledger    ") for line in told.splitlines() if line.startswith("ledger    "))
    return {ledger: limits for ledger, _, limits in (line.partition(": ") for line in lines)}


def test_what_a_run_has_learned_is_told_wherever_one_asks(used: tuple[Shell, Sandbox]) -> None:
    """The host remembers the ledgers of an account; they are read and nothing in them changes."""
    shell, _ = used
    before = ledger_of(shell).read_bytes(), sorted(ledger_of(shell).parent.iterdir())

    told = shell("account")

    assert told.returncode == 0, told.stderr
    assert "a job usually takes" in limits_of(told.stdout)[str(ledger_of(shell))]
    assert "3 of 60 POSTs in the last 60 s" in told.stdout
    assert "of batch batch: the service asks for a slower pace" in told.stdout
    assert "429: rate limit exceeded" in told.stdout
    assert "unknown   none: the ledgers here know all requests" in told.stdout
    assert (ledger_of(shell).read_bytes(), sorted(ledger_of(shell).parent.iterdir())) == before
    assert list(shell.folder.iterdir()) == []


def test_requests_that_no_ledger_here_knows_are_told(used: tuple[Shell, Sandbox]) -> None:
    """Somebody else's, and a second bill for one of ours. The exit code stays: they are no fault of this account."""
    shell, service = used
    ours = next(request for request in service.books.requests.values() if request.reference.startswith("a-"))
    strange, second = post(service, "by-hand"), post(service, ours.reference)

    told = shell("account")
    as_json = shell.here("account", "--format", "json")

    lines = told.stdout.splitlines()
    account = json.loads(as_json.stdout)
    assert (told.returncode, as_json.returncode) == (0, 0)
    assert "unknown   2 of all requests no ledger here knows:" in told.stdout
    assert any("by-hand" in line and strange in line for line in lines)
    assert any(second in line and "billed beside the one that job a has" in line for line in lines)
    assert account["schema"] == 1
    assert account["unknown"]["count"] == 2
    assert {entry["id"]: entry["job"] for entry in account["unknown"]["latest"]} == {strange: "", second: "a"}
    assert account["requests"]["total"] == account["requests"]["read"] == 4
    assert account["key"] == {"from": "environment CHAMELAION_API_KEY", "owner": "Sandbox"}
    assert [ledger["ledger"] for ledger in account["ledgers"]] == [str(ledger_of(shell))]
    assert "4711" not in as_json.stdout + told.stdout


def test_ledgers_that_are_named_lie_here_or_are_gone(used: tuple[Shell, Sandbox], tmp_path: Path) -> None:
    """Each is read once; what can't be read is left out with the reason."""
    shell, _ = used
    copy, nothing = tmp_path / "copy.db", tmp_path / "nothing.db"
    shutil.copy(ledger_of(shell), copy)

    named = shell.here("account", "--ledger", str(copy))
    missing = shell.here("account", "--ledger", str(nothing))
    shell.folder = ledger_of(shell).parents[1]
    here = shell.here("account")
    shell.folder = shell.folder.parent / "elsewhere"

    assert limits_of(named.stdout).keys() == {str(copy), str(ledger_of(shell))}
    assert f"left out  {nothing}: it is no longer there" in missing.stdout
    assert not nothing.exists()
    assert limits_of(here.stdout).keys() == {str(ledger_of(shell))}
    assert [named.returncode, missing.returncode, here.returncode] == [0, 0, 0]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([{"on": "health", "action": "answer", "status": 503}], "no healthy answer"),
        ([{"on": "health", "action": "drop"}, {"on": "me", "action": "drop"}], "no healthy answer"),
    ],
)
def test_a_service_that_is_not_well_ends_with_6(
    open_service: Service, connected: Connected, rules: list[dict[str, Any]], words: str
) -> None:
    """What it tells all the same is shown."""
    service = open_service()
    service.set_faults(rules)

    told = connected(service).here("account")

    assert told.returncode == 6
    assert words in told.stdout
    assert "Traceback" not in told.stderr
    assert ("requests  0 in all" in told.stdout) is (len(rules) == 1)


def test_without_a_key_it_says_how_to_give_one(open_service: Service, shell: Shell) -> None:
    """Exit 4; whether the service is up is told before that."""
    service = open_service()

    told = shell.here("account", "--base-url", service.base_url)

    assert told.returncode == 4
    assert f"service   {service.base_url}: up" in told.stdout
    assert "no key for the service" in told.stderr
    assert all(word in told.stderr for word in ("CHAMELAION_API_KEY", ".env", "`dubbatch login`"))
    assert service.books.count("me") == 0
