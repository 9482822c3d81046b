"""GET and list: pages, orders, references that are not unique, and requests that can't be seen yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chamelaion import APIStatusError, Chamelaion, NotFoundError

from dubbatch.sandbox.server import Sandbox

Open = Callable[..., Sandbox]
Connect = Callable[..., Chamelaion]
Upload = Callable[..., str]


def ids(page: Any) -> list[str]:
    return [request.id for request in page.data]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_cover_the_account_once(open_sandbox: Open, connect: Connect, upload: Upload, order: str) -> None:
    """Every request is on exactly one page, in the order of the setting, and ``total`` counts them."""
    client = connect(open_sandbox(order=order, page_size=2))
    sent = [upload(client) for _ in range(5)]
    first = client.lipsync.requests.list()
    assert (first.pagination.limit, first.pagination.offset, first.pagination.total) == (2, 0, 5)
    seen = [id_ for offset in (0, 2, 4, 6) for id_ in ids(client.lipsync.requests.list(offset=offset))]
    assert seen == (sent[::-1] if order == "newest" else sent)


def test_the_page_size_has_a_largest_value(open_sandbox: Open, connect: Connect, upload: Upload) -> None:
    """``limit`` in the answer is what was applied, not what was asked for."""
    client = connect(open_sandbox(max_page_size=2))
    for _ in range(3):
        upload(client)
    page = client.lipsync.requests.list(limit=1000)
    assert (len(page.data), page.pagination.limit, page.pagination.total) == (2, 2, 3)


@pytest.mark.parametrize("query", [{"limit": 0}, {"offset": -1}, {"limit": "many"}])
def test_a_page_that_makes_no_sense_is_refused(client: Chamelaion, query: dict[str, Any]) -> None:
    """400, and no fault of the service."""
    with pytest.raises(APIStatusError) as error:
        client.lipsync.requests.list(**query)
    assert error.value.status_code == 400


def test_two_posts_with_one_reference_are_two_requests(
    sandbox: Sandbox, client: Chamelaion, upload: Upload, reference: str
) -> None:
    """A reference is not unique: both are billed, the filter finds both and only them, GET gives the newest."""
    first, second = upload(client, reference), upload(client, reference)
    upload(client, reference + "x")
    page = client.lipsync.requests.list(reference_id=reference)
    assert (ids(page), page.pagination.total) == ([second, first], 2)
    assert client.lipsync.requests.retrieve(reference).id == second
    assert sandbox.books.bills()[reference] == 2


def test_a_get_by_reference_can_give_the_oldest(open_sandbox: Open, connect: Connect, upload: Upload) -> None:
    """The other answer that the documentation leaves open."""
    client = connect(open_sandbox(by_reference="oldest"))
    first = upload(client, "twice")
    upload(client, "twice")
    assert client.lipsync.requests.retrieve("twice").id == first


def test_an_id_is_found_in_any_case_and_a_reference_with_slashes(
    client: Chamelaion, upload: Upload, reference: str
) -> None:
    """What follows /requests/ is one identifier, whatever is in it."""
    request_id = upload(client, f"{reference}/a b?ä")
    assert client.lipsync.requests.retrieve(request_id.upper()).id == request_id
    assert client.lipsync.requests.retrieve(f"{reference}/a b?ä").id == request_id


def test_a_new_request_can_be_invisible_for_a_while(open_sandbox: Open, connect: Connect, upload: Upload) -> None:
    """Within ``lag_s`` neither GET nor list know it, by id or reference; afterwards all do."""
    sandbox = open_sandbox(lag_s=30)
    client = connect(sandbox)
    request_id = upload(client, "late")
    for asked in (request_id, "late"):
        with pytest.raises(NotFoundError):
            client.lipsync.requests.retrieve(asked)
    assert client.lipsync.requests.list(reference_id="late").pagination.total == 0
    assert client.lipsync.requests.list().data == []
    sandbox.advance(31)
    assert client.lipsync.requests.retrieve("late").id == request_id
    assert ids(client.lipsync.requests.list(reference_id="late")) == [request_id]


def test_only_what_is_new_is_invisible_in_a_long_list(open_sandbox: Open, connect: Connect, upload: Upload) -> None:
    """Older requests are there, one that a fault hides for longer is not, whatever came after it."""
    sandbox = open_sandbox(lag_s=30)
    client = connect(sandbox)
    old = upload(client)
    sandbox.set_faults([{"on": "post", "action": "invisible", "seconds": 100, "nth": 1}])
    hidden = upload(client)
    later = upload(client)
    sandbox.advance(31)
    newest = upload(client)
    assert ids(client.lipsync.requests.list()) == [later, old]
    sandbox.advance(100)
    assert ids(client.lipsync.requests.list()) == [newest, later, hidden, old]
