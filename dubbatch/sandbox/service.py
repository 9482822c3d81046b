"""The routes under /api. POSTs are answered by ``posts``; the calls that only look, here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dubbatch.sandbox.account import Account
from dubbatch.sandbox.books import Kind, Request
from dubbatch.sandbox.contract import TEXTS, Refusal, check_key, describe, is_visible, parse_page
from dubbatch.sandbox.disturbances import disturb, error_response
from dubbatch.sandbox.faults import ON_REQUESTS, Rule
from dubbatch.sandbox.posts import Posts


class Service:
    """Answers every documented call of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._posts = Posts(account)

    def routes(self) -> list[Route]:
        return [
            Route("/health", self._health),
            Route("/v1/users/me", self._me),
            Route("/v1/lipsync/generate", self._posts.generate, methods=["POST"]),
            Route("/v1/lipsync/generate-with-media", self._posts.upload, methods=["POST"]),
            Route("/v1/lipsync/requests", self._list),
            Route("/v1/lipsync/requests/{id:path}", self._get),
        ]

    async def _health(self, request: HttpRequest) -> Response:
        return await self._answer(request, Kind.HEALTH, "", lambda _: {"status": "ok"})

    async def _me(self, request: HttpRequest) -> Response:
        return await self._answer(request, Kind.ME, "", lambda _: {"name": self._account.settings.name})

    async def _get(self, request: HttpRequest) -> Response:
        asked = request.path_params["id"]

        def answer(rule: Rule | None) -> object:
            return self._describe(self._find(asked), rule)

        return await self._answer(request, Kind.GET, asked, answer)

    async def _list(self, request: HttpRequest) -> Response:
        reference = request.query_params.get("reference_id", "")

        def answer(rule: Rule | None) -> object:
            limit, offset = parse_page(request.query_params, self._account.settings)
            books = self._account.journal.books
            found = self._visible(books.with_reference(reference) if reference else list(books.requests.values()))
            if self._account.settings.order == "newest":
                found.reverse()
            page = [self._describe(item, rule) for item in found[offset : offset + limit]]
            return {"data": page, "pagination": {"limit": limit, "offset": offset, "total": len(found)}}

        return await self._answer(request, Kind.LIST, reference, answer)

    async def _answer(
        self, request: HttpRequest, kind: Kind, asked: str, answer: Callable[[Rule | None], object]
    ) -> Response:
        """``answer`` gives the JSON, or raises a Refusal; a rule that it can't obey comes in its place."""
        account = self._account
        known = account.journal.books.requests.get(asked)
        rule = account.faults.choose(kind, known.reference if known else asked)
        account.journal.call(kind, account.clock.now(), asked=asked, fault=rule.action if rule else "")
        if rule is not None and rule.action == "slow":
            await account.clock.pause(rule.seconds or 0.0)
        elif rule is not None and rule.action not in ON_REQUESTS:
            return disturb(rule, account.clock)
        try:
            if kind is not Kind.HEALTH:
                check_key(request.headers, account.settings)
            return JSONResponse(answer(rule))
        except Refusal as refusal:
            return account.refuse(refusal)

    def _visible(self, requests: list[Request]) -> list[Request]:
        """Those of ``requests``, oldest first, that GET and list know by now."""
        settings, now = self._account.settings, self._account.clock.now()
        latest_s = settings.lag_s + self._account.journal.books.most_invisible_s
        # An account has thousands of requests, and only the newest can be invisible.
        sure = bisect_right(requests, now - latest_s, key=lambda request: request.created_at)
        return requests[:sure] + [request for request in requests[sure:] if is_visible(request, settings, now)]

    def _find(self, asked: str) -> Request:
        books = self._account.journal.books
        by_id = books.requests.get(asked.lower())
        found = self._visible([by_id] if by_id else books.with_reference(asked))
        if not found:
            raise Refusal(404)
        return found[-1] if self._account.settings.by_reference == "newest" else found[0]

    def _describe(self, request: Request, rule: Rule | None) -> dict[str, str | None]:
        account = self._account
        now = account.clock.now()
        disturbed = rule is not None and rule.action in ON_REQUESTS
        if rule is not None and disturbed:
            request = replace(request, fate=rule.fate)
        link = account.links.sign(request.id, now + account.settings.link_life_s)
        shown = describe(request, output_url=link, now=now, nulls=account.settings.nulls)
        if rule is not None and rule.action == "status":
            shown["status"] = rule.word
        elif request.is_done:
            account.journal.told(request.id, now)
        return shown


async def answer_error(request: HttpRequest, error: Exception) -> Response:
    """An unknown path or method, or a bug of ours, in the form that all the service's errors have."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return error_response(status, TEXTS.get(status, "error"))
