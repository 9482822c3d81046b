"""The account's list of requests, read from its newest end whichever order the service has.

The contract leaves open whether the list is newest or oldest first and how large a page may
be, and pages shift while they are read: so the order is learned from the times in it, the
step is what a page really held, and whether a reading was whole is for the reader to prove.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from dubbatch.api.client import ChamelaionClient
from dubbatch.api.wire import Page, Request, epoch_s
from dubbatch.asking import Asking
from dubbatch.errors import UnreadableAnswer
from dubbatch.ledger.account import SeenRequest

#: Asked for; the service says what it applied.
PAGE_SIZE = 100


class Listing:
    """Reads pages; remembers the order, once it is known, for the next reading."""

    def __init__(self, client: ChamelaionClient, asking: Asking, newest_first: bool | None = None) -> None:
        self._client = client
        self._asking = asking
        self.newest_first = newest_first
        #: What the last page said that the whole list holds, and how many a page at its start held.
        self._total = self._size = 0
        #: List calls made so far.
        self.calls = 0
        #: False once the service's filter was seen to let other references in, or to leave one out.
        self.filters = True

    async def from_newest(self, first: Page | None = None) -> AsyncIterator[Page]:
        """Every page, the one with the newest requests first; ``first`` is what :meth:`first_page` gave.

        Ends at the first page that brings nothing new, whatever ``total`` says: a count may be wrong, and
        a service may ignore ``offset``. Raises ServiceError where the service won't answer.
        """
        if first is None and self.newest_first is False and self._total > self._size > 0:
            # The end of a list that was read before is where it was, or a little further on.
            start = self._total - max(1, self._size * 3 // 4)
            last = await self._from(start)
            if self.newest_first is False and last:
                async for page in self._towards_start(last, start, 0):
                    yield page
                return
        first = first or await self.first_page()
        if self.newest_first is False and 0 < first.held < first.total:
            async for page in self._towards_start([], first.total, first.held):
                yield page
            yield first
        else:
            async for page in self._towards_end(first):
                yield page

    async def _towards_end(self, first: Page) -> AsyncIterator[Page]:
        yield first
        seen_ids = {request.id for request in first.requests}
        offset, total = first.held, first.total
        while first.held and offset < total:
            page = await self._page(offset)
            new_ids = {request.id for request in page.requests} - seen_ids
            if not new_ids:
                break
            yield page
            seen_ids |= new_ids
            offset, total = offset + page.held, page.total

    async def _from(self, start: int) -> list[Page]:
        """The pages from ``start`` to the list's end; the last of them first."""
        pages: list[Page] = []
        offset = start
        while not pages or (pages[0].held and offset < pages[0].total):
            page = await self._page(offset)
            self.newest_first = order_of(page.requests, self.newest_first)
            offset += page.held
            pages.insert(0, page)
        return [page for page in pages if page.held]

    async def _towards_start(self, last: Sequence[Page], end: int, floor: int) -> AsyncIterator[Page]:
        """``last``, and the pages before them, from ``end`` back to ``floor``."""
        seen_ids: set[str] = set()
        for page in last:
            yield page
            seen_ids |= {request.id for request in page.requests}
        offset = end
        while offset > floor:
            start = max(floor, offset - self._size)
            page = await self._page(start, offset - start)
            new_ids = {request.id for request in page.requests} - seen_ids
            if not new_ids:
                break
            yield page
            seen_ids |= new_ids
            offset = start

    async def with_reference(self, reference: str) -> list[Request]:
        """Every request that carries ``reference``, by the service's own filter; one question, not repeated here.

        Raises UnreadableAnswer where the pages don't prove that these are all, else ServiceError.
        """
        found: dict[str, Request] = {}
        offset = total = 0
        while True:
            page = await self._client.list_requests(limit=PAGE_SIZE, offset=offset, reference_id=reference)
            self.calls += 1
            if any(request.reference_id != reference for request in page.requests):
                self.filters = False
                raise UnreadableAnswer("the service's list holds other references than the one asked for")
            known = len(found)
            found |= {request.id: request for request in page.requests}
            offset += page.held
            # The most that any page promised: a later one may come from a copy that lags behind.
            total = max(total, page.total)
            if len(found) == known or offset >= total:
                break
        _prove_whole(len(found), total)
        return list(found.values())

    async def search(self, reference: str) -> list[Request]:
        """As :meth:`with_reference`; where the service doesn't filter, by reading its whole list."""
        if self.filters:
            try:
                return await self.with_reference(reference)
            except UnreadableAnswer:
                if self.filters:
                    raise
        found: dict[str, Request] = {}
        total = 0
        async for page in self.from_newest():
            found |= {request.id: request for request in page.requests}
            total = max(total, page.total)
        _prove_whole(len(found), total)
        return [request for request in found.values() if request.reference_id == reference]

    async def try_filter(self, page: Page) -> None:
        """Ask the filter for a reference that is known to be there: one that leaves it out proves no absence.

        Raises ServiceError.
        """
        # Not the first of the page: that one comes first without a filter too.
        known = next((request.reference_id for request in reversed(page.requests) if request.reference_id), "")
        if known:
            tried = await self._page(0, 1, known)
            self.filters = bool(tried.requests) and all(request.reference_id == known for request in tried.requests)

    async def first_page(self) -> Page:
        """The page at the start of the list: how many requests there are, and how many a page holds."""
        page = await self._page(0)
        self._size = page.held
        self.newest_first = order_of(page.requests, self.newest_first)
        return page

    async def _page(self, offset: int, limit: int = PAGE_SIZE, reference: str | None = None) -> Page:
        self.calls += 1
        page = await self._asking.until_answered(
            lambda: self._client.list_requests(limit=limit, offset=offset, reference_id=reference)
        )
        self._total = page.total if reference is None else self._total
        return page


def _prove_whole(distinct_ids: int, total: int) -> None:
    if distinct_ids < total:
        raise UnreadableAnswer("the list of requests is not whole", hint="dubbatch asks again")


def order_of(requests: Sequence[Request], known: bool | None) -> bool | None:
    """Whether a page is newest first, by the first and the last time in it; else what was known."""
    times = [time for time in (epoch_s(request.created_at) for request in requests) if time is not None]
    if len(times) < 2 or times[0] == times[-1]:
        return known
    return times[0] > times[-1]


def seen(request: Request) -> SeenRequest:
    """What the ledger keeps of a request of the account."""
    return SeenRequest(request.id, request.reference_id, request.status, request.created_at)
