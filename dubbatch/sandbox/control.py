"""The routes under /sandbox, for whoever runs the sandbox: faults, time, plan and books, while it runs.

They have nothing of the vendor's. They need no key, as they are on loopback only; a body must be declared as
JSON, which a web page in a browser can't send to another origin without being asked first.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dubbatch.errors import UsageError
from dubbatch.sandbox.account import Account
from dubbatch.sandbox.contract import Refusal, check_content_type
from dubbatch.sandbox.faults import Faults
from dubbatch.sandbox.settings import SandboxSettings

#: What is decided when the sandbox starts.
_FIXED = frozenset({"port", "outputs_port"})


class Control:
    """Answers the sandbox's own calls."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        return [
            Route("/faults", self._read_faults),
            Route("/faults", self._set_faults, methods=["POST"]),
            Route("/settings", self._set_settings, methods=["POST"]),
            Route("/clock", self._advance, methods=["POST"]),
            Route("/books", self._books),
        ]

    async def _read_faults(self, request: HttpRequest) -> Response:
        rules = [rule.model_dump(mode="json", exclude_defaults=True) for rule in self._account.faults.rules]
        return JSONResponse({"rules": rules})

    async def _set_faults(self, request: HttpRequest) -> Response:
        try:
            self._account.faults = Faults.parse(await _json(request))
        except (UsageError, Refusal) as error:
            return _refused(error)
        return await self._read_faults(request)

    async def _set_settings(self, request: HttpRequest) -> Response:
        try:
            self._account.change(changed(self._account.settings, await _json(request)))
        except (UsageError, Refusal) as error:
            return _refused(error)
        return JSONResponse({"status": "ok"})

    async def _advance(self, request: HttpRequest) -> Response:
        try:
            values = await _json(request)
            self._account.clock.advance(max(0.0, float(values["advance_s"])))
        except (Refusal, KeyError, TypeError, ValueError):
            return JSONResponse({"error": 'send {"advance_s": SECONDS}'}, 400)
        return JSONResponse({"now": self._account.clock.now()})

    async def _books(self, request: HttpRequest) -> Response:
        books = self._account.journal.books
        bills = books.bills()
        return JSONResponse(
            {
                "requests": [_plain(item) for item in books.requests.values()],
                "posts": [_plain(item) for item in books.posts.values()],
                "calls": len(books.calls),
                "leaks": [asdict(item) for item in books.leaks],
                "billed_twice": [name for name, count in bills.items() if name and count > 1],
                "minutes": round(books.minutes, 4),
            }
        )


def changed(settings: SandboxSettings, changes: Any) -> SandboxSettings:
    """The settings with ``changes`` (field and value). Raises UsageError for unknown fields and wrong values."""
    if not isinstance(changes, dict):
        raise UsageError("settings are an object of names and values")
    known = {field.name for field in fields(SandboxSettings)} - _FIXED
    if unknown := set(changes) - known:
        raise UsageError(f"no such setting: {', '.join(sorted(unknown))}")
    try:
        return replace(settings, **changes)
    except TypeError as error:
        raise UsageError(f"a setting has a value of the wrong kind: {error}") from None


def _plain(item: Any) -> dict[str, Any]:
    """Without addresses, whose queries may be secret, and without the fate, which may be infinite."""
    return {name: value for name, value in asdict(item).items() if not name.endswith("_url") and name != "fate"}


async def _json(request: HttpRequest) -> Any:
    check_content_type(request.headers, "application/json")
    try:
        return await request.json()
    except ValueError:
        raise Refusal(400) from None


def _refused(error: UsageError | Refusal) -> Response:
    return JSONResponse({"error": error.message if isinstance(error, UsageError) else error.text}, 400)
