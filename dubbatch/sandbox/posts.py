"""The two generation endpoints: what is decided about a POST, step by step.

The steps are a real service's: the arrival is noted, the key is checked, the rate limit asked, the body read
and checked, the plan asked; then the request is accepted, which is in the books and on the disk before the
answer goes out. A fault decides at the first step, or, if it wants to know the reference, after the body.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from dubbatch.sandbox.account import Account
from dubbatch.sandbox.books import Fate, Kind, Request
from dubbatch.sandbox.contract import Inputs, Refusal, check_content_type, check_key, parse_generate, parse_upload
from dubbatch.sandbox.disturbances import disturb
from dubbatch.sandbox.faults import Rule

#: Bytes of a JSON body, and of all that is not a file in a form.
_MAX_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class _Body:
    """What a POST asks for, and the files that came with it."""

    inputs: Inputs
    files: Mapping[str, UploadFile] = field(default_factory=dict)


_Reader = Callable[[HttpRequest], AbstractAsyncContextManager[_Body]]


@dataclass(slots=True)
class _Verdict:
    """What is decided about one POST so far."""

    rule: Rule | None = None
    counted: bool = False
    reference: str = ""
    accepted: Request | None = None
    #: Whether an answer goes out at all.
    silent: bool = False


class Posts:
    """Answers POST generate and POST generate-with-media."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def generate(self, request: HttpRequest) -> Response:
        return await self._answer(request, Kind.GENERATE, self._read_json)

    async def upload(self, request: HttpRequest) -> Response:
        return await self._answer(request, Kind.UPLOAD, self._read_form)

    async def _answer(self, request: HttpRequest, kind: Kind, read: _Reader) -> Response:
        journal, clock = self._account.journal, self._account.clock
        number = journal.post(kind, clock.now())
        verdict = _Verdict()
        try:
            response = await self._decide(request, kind, read, verdict)
        except Refusal as refusal:
            response = self._account.refuse(refusal)
        except ClientDisconnect:
            response, verdict.silent = Response(status_code=400), True
        journal.answer(
            number,
            clock.now(),
            status=0 if verdict.silent else response.status_code,
            counted=verdict.counted,
            reference=verdict.reference,
            request_id=verdict.accepted.id if verdict.accepted else "",
        )
        if verdict.accepted:
            await journal.sync()
        if verdict.rule is not None and verdict.rule.action == "slow":
            await clock.pause(verdict.rule.seconds or 0.0)
        return response

    async def _decide(self, request: HttpRequest, kind: Kind, read: _Reader, verdict: _Verdict) -> Response:
        faults = self._account.faults
        needs_body = faults.wants_reference(kind)
        if not needs_body:
            verdict.rule = faults.choose(kind)
        if verdict.rule is not None and verdict.rule.replaces_post:
            return self._disturb(verdict.rule, verdict)
        check_key(request.headers, self._account.settings)
        self._count(verdict)
        async with read(request) as body:
            verdict.reference = body.inputs.reference
            if needs_body:
                verdict.rule = faults.choose(kind, verdict.reference)
            if verdict.rule is not None and verdict.rule.replaces_post:
                return self._disturb(verdict.rule, verdict)
            fate = verdict.rule.fate if verdict.rule else Fate()
            verdict.accepted = await self._accept(kind, body, fate)
        if verdict.rule is not None and verdict.rule.accept:
            return self._disturb(verdict.rule, verdict)
        return JSONResponse({"status": "success", "request_id": verdict.accepted.id})

    def _disturb(self, rule: Rule, verdict: _Verdict) -> Response:
        verdict.silent = rule.action in ("drop", "silence")
        return disturb(rule, self._account.clock)

    def _count(self, verdict: _Verdict) -> None:
        wait_s = self._account.quota.admit(self._account.clock.now())
        if wait_s > 0:
            raise Refusal(429, retry_after_s=wait_s)
        verdict.counted = True

    async def _accept(self, kind: Kind, body: _Body, fate: Fate) -> Request:
        account = self._account
        request_id = str(uuid.uuid4())
        folder = account.generation.media(request_id)
        try:
            if body.files:
                await asyncio.to_thread(_save, body.files, folder)
            # From here to submit nothing waits: two POSTs can't both take the last slot.
            self._ask_plan()
        except Refusal:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        now = account.clock.now()
        number = len(account.journal.books.requests) + 1
        request = Request(id=request_id, kind=kind, number=number, created_at=now, fate=fate, **asdict(body.inputs))
        account.journal.request(request)
        account.generation.submit(request)
        return request

    def _ask_plan(self) -> None:
        settings, journal = self._account.settings, self._account.journal
        if settings.account_minutes is not None and journal.books.minutes >= settings.account_minutes:
            raise Refusal(412)
        if settings.when_full == "refuse" and self._account.generation.unfinished >= settings.concurrency:
            raise Refusal(429)

    @asynccontextmanager
    async def _read_json(self, request: HttpRequest) -> AsyncIterator[_Body]:
        check_content_type(request.headers, "application/json")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_TEXT:
                raise Refusal(400)
        yield _Body(parse_generate(bytes(body)))

    @asynccontextmanager
    async def _read_form(self, request: HttpRequest) -> AsyncIterator[_Body]:
        check_content_type(request.headers, "multipart/form-data")
        largest = self._account.settings.max_file_bytes
        if int(request.headers.get("content-length", 0)) > 2 * largest + _MAX_TEXT:
            raise Refusal(413)
        try:
            form = await request.form(max_files=4, max_fields=20)
        except (HTTPException, MultiPartException):
            raise Refusal(400) from None
        try:
            files = {name: item for name, item in form.items() if isinstance(item, UploadFile)}
            texts = {name: item for name, item in form.items() if isinstance(item, str)}
            if any((file.size or 0) > largest for file in files.values()):
                raise Refusal(413)
            yield _Body(parse_upload(texts, set(files)), files)
        finally:
            await form.close()


def _save(files: Mapping[str, UploadFile], folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for name in ("video", "audio"):
        with (folder / name).open("wb") as target:
            shutil.copyfileobj(files[name].file, target, 1 << 20)
