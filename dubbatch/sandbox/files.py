"""Files for manifests of URLs: a folder, served on the storage's origin as a file host would, with its faults.

Only what lies in the folder is served, wherever links in it lead; a key that arrives is a leak, as at the outputs.
"""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dubbatch.sandbox.account import Account
from dubbatch.sandbox.books import Kind
from dubbatch.sandbox.disturbances import PAGE, CutShort, Dribbled, disturb, error_response
from dubbatch.sandbox.faults import Rule
from dubbatch.sandbox.outputs import NO_KEYS, is_leak, without_ranges

#: Machines differ in what they know of these; a file host does not.
_TYPES = {".mp4": "video/mp4", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".mov": "video/quicktime"}


class Files:
    """Serves one folder: ranges, If-Range, ETag, content types."""

    def __init__(self, account: Account, folder: Path) -> None:
        self._account = account
        self._folder = folder.resolve()

    def routes(self) -> list[Route]:
        return [Route("/files/{path:path}", self._serve), Route("/login", self._login)]

    async def _serve(self, request: HttpRequest) -> Response:
        journal, now = self._account.journal, self._account.clock.now()
        if is_leak(request, journal, now):
            return NO_KEYS
        asked = request.path_params["path"]
        rule = self._account.faults.choose(Kind.FILE, asked)
        asked_range, action = request.headers.get("range", ""), rule.action if rule else ""
        journal.call(Kind.FILE, now, asked=asked, range_=asked_range, fault=action)
        path = await asyncio.to_thread(self._inside, asked)
        if rule is not None and rule.action == "login":
            return RedirectResponse("/login?next=/files", rule.status or 302)
        if path is None:
            return error_response(404, "not found")
        whole = FileResponse(path, media_type=_media_type(path))
        return self._spoil(request, whole, rule) if rule else whole

    async def _login(self, _request: HttpRequest) -> Response:
        return HTMLResponse(PAGE)

    def _inside(self, asked: str) -> Path | None:
        """The file of that path, if it lies in the folder."""
        try:
            path = (self._folder / asked).resolve()
            return path if path.is_relative_to(self._folder) and path.is_file() else None
        except (OSError, ValueError):
            # A name that no file can have.
            return None

    def _spoil(self, request: HttpRequest, whole: FileResponse, rule: Rule) -> Response:
        match rule.action:
            case "cut" | "short":
                return CutShort(whole, rule.at, declared=rule.action == "cut")
            case "slow":
                return Dribbled(whole, self._account.clock, rule.seconds or 0.0)
            case "empty":
                return Response(b"", media_type=whole.media_type)
            case "no_ranges":
                return without_ranges(request, whole)
        return disturb(rule, self._account.clock)


def _media_type(path: Path) -> str:
    guessed = mimetypes.guess_type(path.name)[0]
    return _TYPES.get(path.suffix.lower()) or guessed or "application/octet-stream"
