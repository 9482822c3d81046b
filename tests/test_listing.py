"""The account's list, read from its newest end, against the sandbox."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.credentials import Credentials
from dubbatch.api.wire import Page, Request
from dubbatch.asking import Asking
from dubbatch.errors import ServiceFault, UnreadableAnswer
from dubbatch.listing import Listing, order_of, seen
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.stop import Stop

Add = Callable[..., list[str]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # Media that nobody serves: the requests fail, and are in the list all the same.
    with Sandbox(SandboxSettings.quick(rate_limit=10_000, pickup_s=1000)) as running:
        yield running


@pytest.fixture(scope="module")
def references(sandbox: Sandbox) -> list[str]:
    """Of the requests in the account, oldest first; more than a page, one reference twice."""
    names = [f"ref-{number:02}" for number in range(22)] + ["ref-05"]
    for name in names:
        post(sandbox, name)
        sandbox.advance(1)
    return names


def post(sandbox: Sandbox, reference: str) -> None:
    inputs = [{"type": kind, "url": f"http://127.0.0.1:9/{kind}"} for kind in ("video", "audio")]
    body = json.dumps({"inputs": inputs, "reference_id": reference}).encode()
    headers = {"Content-Type": "application/json", "x-api-key": sandbox.key}
    request = urllib.request.Request(f"{sandbox.base_url}/v1/lipsync/generate", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 200


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[ChamelaionClient]:
    async with ChamelaionClient(sandbox.base_url, Credentials(api_key=sandbox.key)) as client:
        yield client


@pytest.fixture
def listing(client: ChamelaionClient) -> Listing:
    return Listing(client, Asking(Stop()))


async def read(listing: Listing, first: Page | None = None) -> list[Page]:
    return [page async for page in listing.from_newest(first)]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("size", [1, 2, 7, 22, 23, 24, 100])
async def test_every_request_comes_with_the_newest_page_first(
    sandbox: Sandbox, references: list[str], listing: Listing, order: str, size: int
) -> None:
    """In either order of the service, whatever the page size that it applies."""
    sandbox.change(order=order, max_page_size=size, page_size=size)
    pages = await read(listing)
    newest = [max(request.created_at for request in page.requests) for page in pages]
    ids = [request.id for page in pages for request in page.requests]

    assert len(ids) == len(set(ids)) == len(references)
    assert {page.total for page in pages} == {len(references)}
    # The order can't be seen in a page of one.
    assert size == 1 or newest == sorted(newest, reverse=True)
    assert listing.newest_first is (None if size == 1 else order == "newest")
    assert listing.calls >= len(pages)


async def test_a_page_of_one_is_read_from_the_end_once_the_order_is_known(
    sandbox: Sandbox, references: list[str], client: ChamelaionClient
) -> None:
    """It is remembered from run to run."""
    sandbox.change(order="oldest", max_page_size=1, page_size=1)
    pages = await read(Listing(client, Asking(Stop()), newest_first=False))

    assert [page.requests[0].reference_id for page in pages] == [*reversed(references[1:]), references[0]]


async def test_the_first_page_is_not_asked_for_twice(sandbox: Sandbox, references: list[str], listing: Listing) -> None:
    """Whoever read it hands it in."""
    sandbox.change(order="newest", max_page_size=10, page_size=10)
    first = await listing.first_page()
    assert (listing.calls, listing.newest_first) == (1, True)

    pages = await read(listing, first)

    assert pages[0] is first
    assert listing.calls == 3


async def test_who_stops_reading_early_asks_for_no_more(
    sandbox: Sandbox, references: list[str], listing: Listing
) -> None:
    """A later run reads back only to where it ended."""
    sandbox.change(order="oldest", max_page_size=10, page_size=10)
    async for page in listing.from_newest():
        newest = page
        break

    assert {request.reference_id for request in newest.requests} == set(references[-10:])
    assert listing.calls == 2


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("size", [2, 7, 10])
async def test_a_list_that_was_read_before_takes_one_call_to_its_newest_end(
    sandbox: Sandbox, references: list[str], listing: Listing, order: str, size: int
) -> None:
    """However many older requests the account has, and in either order; the rest comes page by page, once."""
    sandbox.change(order=order, max_page_size=size, page_size=size)
    await read(listing)
    before = listing.calls
    async for page in listing.from_newest():
        newest = page
        break
    pages = await read(listing)
    ids = [request.id for page in pages for request in page.requests]

    assert listing.calls - before == 1 + len(pages)
    assert references[-1] in {request.reference_id for request in newest.requests}
    assert len(ids) == len(set(ids)) == len(references)


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_all_requests_with_one_reference_are_found(
    sandbox: Sandbox, references: list[str], listing: Listing, size: int
) -> None:
    """On however many pages; exactly that reference."""
    sandbox.change(order="newest", max_page_size=size, page_size=size)
    found = await listing.with_reference("ref-05")

    assert len({request.id for request in found}) == 2
    assert {request.reference_id for request in found} == {"ref-05"}
    assert await listing.with_reference("ref-0") == []


async def test_one_question_about_a_reference_is_not_repeated(
    sandbox: Sandbox, references: list[str], listing: Listing
) -> None:
    """An error is no answer, and what to make of that is the caller's business."""
    sandbox.set_faults([{"on": "list", "action": "answer", "status": 500}])
    try:
        with pytest.raises(ServiceFault):
            await listing.with_reference("ref-05")
    finally:
        sandbox.set_faults([])

    assert listing.calls == 0


class Shifting:
    """Stands for the network: a list into which ``new`` requests come after each page that was read."""

    def __init__(self, count: int, new: int, page: int, newest_first: bool, lost: int = 0) -> None:
        self.ids = list(range(count))
        self._new, self._page, self._newest_first, self._lost = new, page, newest_first, lost

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        ids = list(reversed(self.ids)) if self._newest_first else list(self.ids)
        size = min(limit, self._page)
        requests = tuple(
            Request(id=str(n), status="queued", created_at=f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z")
            for n in ids[offset : offset + size]
        )
        page = Page(requests, size, offset, len(ids) + self._lost, len(requests))
        self.ids += range(len(self.ids), len(self.ids) + self._new)
        return page


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("new", [0, 1, 3])
async def test_a_list_that_grows_while_it_is_read_hides_nothing_that_was_there(newest_first: bool, new: int) -> None:
    """Pages shift: some ids come twice, none of the old ones is missed, and reading ends."""
    service: Any = Shifting(50, new, page=8, newest_first=newest_first)
    pages = await read(Listing(service, Asking(Stop())))
    ids = {int(request.id) for page in pages for request in page.requests}

    assert set(range(50)) <= ids


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("new", [0, 1, 9, 35])
async def test_what_came_since_the_last_reading_is_read_too(newest_first: bool, new: int) -> None:
    """With the newest page first, also when more came than a page holds."""
    service: Any = Shifting(40, 0, page=10, newest_first=newest_first)
    listing = Listing(service, Asking(Stop()))
    await read(listing)
    service.ids += range(40, 40 + new)

    pages = await read(listing)

    assert {int(request.id) for page in pages for request in page.requests} == set(range(40 + new))
    assert str(39 + new) in {request.id for request in pages[0].requests}


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_list_that_promises_more_than_it_has_is_read_to_its_end(newest_first: bool) -> None:
    """Whether that proves anything is for the reader to say."""
    service: Any = Shifting(20, 0, page=8, newest_first=newest_first, lost=30)
    pages = await read(Listing(service, Asking(Stop())))
    ids = {int(request.id) for page in pages for request in page.requests}

    assert len(ids) < pages[0].total
    with pytest.raises(UnreadableAnswer, match="not whole"):
        await Listing(service, Asking(Stop())).with_reference("")


@pytest.mark.parametrize("total", [0, 3])
async def test_an_empty_page_ends_the_reading(total: int) -> None:
    """Also where more was promised."""
    service: Any = Shifting(0, 0, page=8, newest_first=True, lost=total)
    (page,) = await read(Listing(service, Asking(Stop())))

    assert page.requests == ()
    assert page.total == total


def request(created_at: str) -> Request:
    return Request(id="i", status="completed", created_at=created_at, reference_id="r")


@pytest.mark.parametrize(
    ("times", "known", "newest_first"),
    [
        ([], None, None),
        (["2026-01-01T00:00:00Z"], True, True),
        (["2026-01-01T00:00:00Z"] * 3, False, False),
        (["", "nonsense"], None, None),
        (["2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"], None, True),
        (["2026-01-01T00:00:00Z", "", "2026-01-01T00:00:01Z"], True, False),
        (["2026-01-01T01:00:00+02:00", "2026-01-01T00:00:00Z"], None, False),
    ],
)
def test_the_order_is_learned_from_the_times(times: list[str], known: bool | None, newest_first: bool | None) -> None:
    """Where they tell nothing, what was known stays."""
    assert order_of([request(time) for time in times], known) is newest_first


def test_what_is_kept_of_a_request() -> None:
    """No link: it is a secret, and no longer good later."""
    kept = seen(Request(id="i", status="completed", created_at="t", reference_id="r", output_url="https://secret"))

    assert (kept.request_id, kept.reference, kept.status, kept.created_at) == ("i", "r", "completed", "t")
    assert "secret" not in repr(kept)


class Absurd:
    """Stands for the network: one list for every ``offset``, or nothing after the first, and a total from nowhere."""

    def __init__(self, newest_first: bool, *, ignores_offset: bool, total: int) -> None:
        ids = range(20, 0, -1) if newest_first else range(1, 21)
        self._requests = tuple(
            Request(id=str(n), status="completed", created_at=f"2026-01-01T00:00:{n:02}Z", reference_id="r")
            for n in ids
        )
        self._ignores_offset, self._total = ignores_offset, total
        self.calls = 0

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        self.calls += 1
        assert self.calls < 100, "the reading doesn't end"
        there = self._requests if offset == 0 or self._ignores_offset else ()
        # It grows with each answer, so that no offset ever gets there.
        return Page(there, 20, offset, self._total + 20 * self.calls, len(there))


@pytest.mark.parametrize("total", [50_000, 10**18])
@pytest.mark.parametrize("ignores_offset", [True, False])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_list_with_an_absurd_total_is_read_in_a_few_calls(
    newest_first: bool, ignores_offset: bool, total: int
) -> None:
    """Also where the service ignores ``offset``: what there is is read, and nothing is taken for proven."""
    service: Any = Absurd(newest_first, ignores_offset=ignores_offset, total=total)
    pages = await read(Listing(service, Asking(Stop())))

    assert {request.id for page in pages for request in page.requests} == {str(n) for n in range(1, 21)}
    assert service.calls <= 4
    with pytest.raises(UnreadableAnswer, match="not whole"):
        await Listing(service, Asking(Stop())).with_reference("r")


class Unfiltered:
    """Stands for the network: a list that takes no notice of ``reference_id``, or never finds any by it."""

    def __init__(self, *, finds_nothing: bool = False) -> None:
        self._finds_nothing = finds_nothing
        self.calls = 0

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        self.calls += 1
        if self._finds_nothing and reference_id is not None:
            return Page((), limit, offset, 0, 0)
        size = min(limit, 10)
        ids = range(30)[offset : offset + size]
        requests = tuple(
            Request(id=str(n), status="queued", created_at=f"2026-01-01T00:00:{59 - n:02}Z", reference_id=f"ref-{n}")
            for n in ids
        )
        return Page(requests, size, offset, 30, len(requests))


async def test_a_service_that_does_not_filter_is_searched_by_reading_its_whole_list() -> None:
    """An unfiltered page is no answer about one reference; after the first it is not asked for again."""
    service: Any = Unfiltered()
    listing = Listing(service, Asking(Stop()))
    with pytest.raises(UnreadableAnswer, match="other references"):
        await listing.with_reference("ref-25")

    assert [request.id for request in await listing.search("ref-25")] == ["25"]
    assert await listing.search("ref-2") == [await _only(listing, "ref-2")]
    assert await listing.search("ref-99") == []
    assert service.calls == 1 + 4 * 3


async def _only(listing: Listing, reference: str) -> Request:
    (found,) = await listing.search(reference)
    return found


@pytest.mark.parametrize("finds_nothing", [True, False])
async def test_a_filter_is_tried_before_its_no_is_believed(finds_nothing: bool) -> None:
    """One that leaves out what is known to be there, or lets others in, is not asked again."""
    service: Any = Unfiltered(finds_nothing=finds_nothing)
    listing = Listing(service, Asking(Stop()))
    await listing.try_filter(await listing.first_page())

    assert not listing.filters
    assert [request.id for request in await listing.search("ref-25")] == ["25"]


async def test_a_filter_that_works_costs_one_call_to_try(
    sandbox: Sandbox, references: list[str], listing: Listing
) -> None:
    """And is used from then on."""
    sandbox.change(order="newest", max_page_size=100, page_size=100)
    await listing.try_filter(await listing.first_page())
    found = await listing.search("ref-05")

    assert listing.filters
    assert (len(found), listing.calls) == (2, 3)


class Lagging:
    """Stands for the network: page after page from another copy, of which all but the first lag behind by two."""

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        newest = 20 if offset == 0 else 18
        ids = list(range(newest, 0, -1))[offset : offset + 5]
        requests = tuple(
            Request(id=str(n), status="queued", created_at=f"2026-01-01T00:00:{n:02}Z", reference_id="r") for n in ids
        )
        return Page(requests, 5, offset, newest, len(requests))


async def test_pages_of_copies_that_lag_behind_prove_nothing() -> None:
    """Two requests fall between them, and the last page's total agrees with what was read: the first one's doesn't."""
    service: Any = Lagging()
    listing = Listing(service, Asking(Stop()))
    with pytest.raises(UnreadableAnswer, match="not whole"):
        await listing.with_reference("r")

    listing.filters = False
    with pytest.raises(UnreadableAnswer, match="not whole"):
        await listing.search("r")
