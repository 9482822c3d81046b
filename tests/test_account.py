"""The account's list, read for a person who waits, and what of it the ledgers of this host know."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dubbatch.account import look_up, read_list, read_log
from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.wire import Request
from dubbatch.errors import KeyRefused, ServiceError, ServiceUnreachable
from dubbatch.ledger.ledger import Ledger
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.service import Service
from tests.story import Story

LABEL = "https://api.example.com/api"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Seven requests, a second apart."""
    with Sandbox(SandboxSettings.quick(rate_limit=10_000, pickup_s=1000, page_size=3, max_page_size=3)) as running:
        for number in range(7):
            post(running, f"ref-{number}")
            running.advance(1)
        yield running


def post(sandbox: Sandbox, reference: str) -> None:
    inputs = [{"type": kind, "url": f"http://127.0.0.1:9/{kind}"} for kind in ("video", "audio")]
    body = json.dumps({"inputs": inputs, "reference_id": reference}).encode()
    headers = {"Content-Type": "application/json", "x-api-key": sandbox.key}
    request = urllib.request.Request(f"{sandbox.base_url}/v1/lipsync/generate", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[ChamelaionClient]:
    sandbox.set_faults([])
    async with ChamelaionClient(sandbox.base_url, Credentials(api_key=sandbox.key)) as client:
        yield client


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize(("most", "read"), [(100, 7), (4, 4), (1, 1)])
async def test_the_newest_requests_are_read_in_either_order_of_the_service(
    sandbox: Sandbox, client: ChamelaionClient, order: str, most: int, read: int
) -> None:
    """Never more than is asked for; how many there are in all is told."""
    sandbox.change(order=order)

    listed = await read_list(client, most=most)

    assert [request.reference_id for request in listed.requests] == [f"ref-{6 - number}" for number in range(read)]
    assert listed.total == 7


async def test_a_list_that_breaks_off_is_as_long_as_it_came(sandbox: Sandbox, client: ChamelaionClient) -> None:
    """A service that is busy in the middle of it does not keep a person waiting."""
    sandbox.change(order="newest")
    sandbox.set_faults([{"on": "list", "action": "answer", "status": 429, "retry_after_s": 3600, "nth": 2}])

    listed = await read_list(client, patience_s=0.3)

    assert ([request.reference_id for request in listed.requests], listed.total) == (["ref-6", "ref-5", "ref-4"], 7)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"action": "answer", "status": 429, "retry_after_s": 3600}, ServiceUnreachable),
        ({"action": "answer", "status": 401}, KeyRefused),
    ],
)
async def test_without_a_list_there_is_an_error(
    sandbox: Sandbox, client: ChamelaionClient, rule: dict[str, object], error: type[ServiceError]
) -> None:
    """At once where it is final, else when a person has waited for long enough."""
    sandbox.set_faults([{"on": "list", **rule}])

    with pytest.raises(error) as caught:
        await read_list(client, patience_s=0.3)

    assert caught.value.hint


async def test_a_host_without_a_log_has_sent_nothing_and_gets_none() -> None:
    """Looking leaves no trace."""
    service = Service(LABEL, Credentials("nobody-has-used-this-key"))

    log = await read_log(service, 60)

    assert (log.used, log.paused_s, log.ledgers, log.trouble) == (0, 0.0, (), "")
    assert not service.permit_file().exists()


async def test_the_log_tells_permits_pause_and_ledgers(tmp_path: Path) -> None:
    """Of this account, by address and key."""
    service = Service(LABEL, Credentials("key-of-this-account"))
    permits = service.permit_log()
    await permits.pause(3600)
    await service.note_ledger(tmp_path / "ledger.db")

    log = await read_log(service, 60)
    other = await read_log(replace(service, credentials=Credentials("other-key")), 60)

    assert log.used == 0
    assert 3500 < log.paused_s <= 3600
    assert log.ledgers == (tmp_path / "ledger.db",)
    assert other.ledgers == ()


async def test_a_log_that_can_not_be_used_is_told_and_harms_no_run(tmp_path: Path) -> None:
    """Where the ledger is, is for `dubbatch account` alone."""
    service = Service(LABEL, Credentials("key-with-a-broken-log"))
    service.permit_file().parent.mkdir(parents=True, exist_ok=True)
    service.permit_file().write_text("no database")

    await service.note_ledger(tmp_path / "ledger.db")

    assert "can't be used" in (await read_log(service, 60)).trouble


def test_what_no_ledger_has_is_unknown(ledger: Ledger, story: Story, tmp_path: Path) -> None:
    """By its id. A second request under a job's reference is unknown too, and the job is told."""
    ledger.account.belong_to(LABEL)
    story.plan("ours", "unsure")
    ours = story.accept("ours")
    story.send("unsure")
    mine = Request(id=ours.request_id, status="queued", reference_id=ours.reference)
    second = Request(id="second", status="queued", reference_id=ours.reference)
    late = Request(id="late", status="queued", reference_id=story.attempt("unsure").reference)
    strange = Request(id="strange", status="queued", reference_id="somebody-elses")
    nameless = Request(id="nameless", status="queued")
    before = databases(tmp_path)

    record = look_up([tmp_path / ".dubbatch" / "ledger.db"], LABEL, [mine, second, late, strange, nameless], 5)

    assert [(unknown.request.id, unknown.job) for unknown in record.unknown] == [
        ("second", "ours"),
        ("strange", ""),
        ("nameless", ""),
    ]
    assert databases(tmp_path) == before


def databases(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix == ".db"}


def test_refusals_are_told_with_the_services_words(ledger: Ledger, story: Story, tmp_path: Path) -> None:
    """The latest first. Those whose words an older dubbatch did not keep are left out."""
    ledger.account.belong_to(LABEL)
    ledger.account.remember_slots(3)
    story.plan("a", "b", "c")
    ledger.attempts.refused(story.send("a"), story.attempt("a").reference, 10.0, said="slower (429)")
    ledger.attempts.rejected(story.send("b"), story.attempt("b").reference, 20.0, error="not this (400)")
    ledger.attempts.refused(story.send("c"), story.attempt("c").reference, 30.0)

    (learned,) = look_up([tmp_path / ".dubbatch" / "ledger.db"], LABEL, [], 5).learned

    assert learned.slots == 3
    assert [(refusal.job, refusal.at_s, refusal.said) for refusal in learned.refusals] == [
        ("b", 20.0, "not this (400)"),
        ("a", 10.0, "slower (429)"),
    ]


def test_a_ledger_that_can_not_be_read_is_left_out_with_the_reason(ledger: Ledger, tmp_path: Path) -> None:
    """Gone, garbage, or another service's: the others are read all the same, and none is made."""
    ledger.account.belong_to("https://other.example.com/api")
    garbage, gone = tmp_path / "garbage.db", tmp_path / "gone.db"
    garbage.write_bytes(b"no database" * 100)

    record = look_up([gone, garbage, tmp_path / ".dubbatch" / "ledger.db"], LABEL, [], 5)

    assert record.learned == ()
    assert [unread.ledger for unread in record.unread] == [gone, garbage, tmp_path / ".dubbatch" / "ledger.db"]
    reasons = [unread.reason for unread in record.unread]
    assert reasons[0] == "it is no longer there"
    assert "not a database" in reasons[1]
    assert reasons[2] == "it belongs to https://other.example.com/api"
    assert not gone.exists()
