"""Carries out what a fault rule says: answers that are wrong, late, cut, or none at all."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from dubbatch.sandbox.clock import Clock
from dubbatch.sandbox.contract import TEXTS
from dubbatch.sandbox.faults import Rule

PAGE = "<!doctype html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"
#: The key under which the server puts each connection's transport (see ``server``).
TRANSPORT = "transport"


class Dropped(Response):
    """The connection is closed without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"][TRANSPORT].abort()
        await until_gone(receive)


class Silent(Response):
    """No answer, until the client gives up or the service stops."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._clock.unless_stopping(asyncio.ensure_future(until_gone(receive)))
        scope["state"][TRANSPORT].abort()
        await until_gone(receive)


class CutShort(Response):
    """Another answer, of whose body only so many bytes go out; ``declared`` keeps its Content-Length."""

    def __init__(self, whole: Response, at: float, *, declared: bool) -> None:
        super().__init__()
        self._whole = whole
        self._at = at
        self._declared = declared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = 0

        async def send_part(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                left = int(_content_length(message) * self._at)
                await send(message if self._declared else _without_length(message))
                return
            body = message["body"][:left]
            left -= len(body)
            last = not message.get("more_body") and not self._declared
            await send({"type": "http.response.body", "body": body, "more_body": not last})

        await self._whole(scope, receive, send_part)
        if self._declared:
            # close, not abort: what was sent must arrive.
            scope["state"][TRANSPORT].close()
            await until_gone(receive)


class Dribbled(Response):
    """Another answer, with a pause before each piece of its body."""

    def __init__(self, whole: Response, clock: Clock, pause_s: float) -> None:
        super().__init__()
        self._whole = whole
        self._clock = clock
        self._pause_s = pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.body":
                await self._clock.pause(self._pause_s)
            await send(message)

        await self._whole(scope, receive, send_late)


def error_response(
    status: int, text: str, *, retry_after_s: float | None = None, as_date: bool = False, now: float = 0.0
) -> Response:
    """``{"error": text}``, with Retry-After in whole seconds or as the date that they lead to."""
    headers = {}
    if retry_after_s is not None:
        # Rounded up: who comes at the second it says must not come too early.
        seconds = math.ceil(retry_after_s)
        date = datetime.fromtimestamp(math.ceil(now + retry_after_s), UTC)
        headers["Retry-After"] = format_datetime(date, usegmt=True) if as_date else str(seconds)
    return JSONResponse({"error": text}, status, headers)


def disturb(rule: Rule, clock: Clock) -> Response:
    """What goes out, or doesn't, instead of the right answer; for the actions that every kind of call knows."""
    match rule.action:
        case "drop":
            return Dropped()
        case "silence":
            return Silent(clock)
        case "redirect":
            return Response(status_code=rule.status or 307, headers={"Location": rule.location or "/elsewhere"})
        case "html":
            return HTMLResponse(PAGE, rule.status or 200)
        case "garbage":
            return Response('{"status": "succ', rule.status or 200, media_type="application/json")
        case "text":
            return PlainTextResponse("OK", rule.status or 200)
    status = rule.status or 500
    text = rule.error or TEXTS.get(status, "error")
    return error_response(status, text, retry_after_s=rule.retry_after_s, as_date=rule.as_date, now=clock.now())


async def until_gone(receive: Receive) -> None:
    """Wait until the connection is closed, throwing away what still comes in."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _content_length(message: Message) -> int:
    lengths = [value for name, value in message["headers"] if name.lower() == b"content-length"]
    return int(lengths[0]) if lengths else 0


def _without_length(message: Message) -> Message:
    return {**message, "headers": [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]}
