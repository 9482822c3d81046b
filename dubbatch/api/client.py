"""Talks to the service, and fetches files. The only importer of httpx: its errors end here as ours.

A POST may cost money, so it is sent once: never repeated, never redirected, on a connection of its own
(a kept one that the server has just closed fails after the send, and nobody could tell whether it
arrived). GETs may be repeated by the caller. The key goes to the service's own address only; files
come over connections that never have it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self
from urllib.request import getproxies

import httpx

from dubbatch.api.addresses import (
    check_base_url,
    check_input_url,
    check_output_url,
    is_local,
    may_carry_key,
    segment,
    shown,
)
from dubbatch.api.answers import KEY_IN_REFERENCE, Answer, Failure, Verdict, error_of, judge, retry_after_s
from dubbatch.api.clock import ServiceClock
from dubbatch.api.credentials import Credentials
from dubbatch.api.downloads import OutputStream, opened
from dubbatch.api.multipart import FilePart, Form
from dubbatch.api.network import FirstByte, Line, backend_of, proxy_of, reason
from dubbatch.api.ranges import LOOK_S, Led, RangeReply, looked
from dubbatch.api.wire import (
    Account,
    Page,
    Request,
    generate_fields,
    generate_json,
    read_account,
    read_page,
    read_request,
)
from dubbatch.errors import (
    AddressRefused,
    DownloadBroken,
    HostUnreachable,
    MediaError,
    ServiceError,
    ServiceUnreachable,
    UnreadableAnswer,
    UsageError,
)
from dubbatch.moments import POST, around

#: Largest answer of the service that is read, in bytes.
ANSWER_MAX = 16 << 20

#: Raises AddressRefused unless the first address is one that a service at the second may send us to.
Check = Callable[[str, str], None]

#: What a connection can fail with; TLS errors in mid-stream come through as OSError.
_BROKEN = (httpx.HTTPError, httpx.StreamError, OSError)


class ChamelaionClient:
    """The service at ``base_url``; an async context manager over one pool of connections.

    ``timeout_s`` is without any progress, never for a whole call. ``clock`` tells seconds since the
    epoch, as long as the service has not told its own time. Raises UsageError for a base URL that can't hold a key.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        timeout_s: float = 60.0,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = check_base_url(base_url)
        self._credentials = credentials
        self._timeout_s = timeout_s
        #: What the service says of times is measured by this.
        self.clock = ServiceClock(clock)
        self._http = httpx.AsyncClient(
            transport=_Lines(self._base_url),
            timeout=httpx.Timeout(timeout_s, pool=None),
            headers={"User-Agent": "dubbatch", "Accept-Encoding": "identity"},
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def generate(
        self, video_url: str, audio_url: str, *, reference_id: str, disable_active_speaker_detection: bool = False
    ) -> Verdict:
        """One POST of two addresses. Raises nothing of the network's: what happened is the verdict."""
        if self._credentials.are_in(reference_id):
            return KEY_IN_REFERENCE
        body = generate_json(video_url, audio_url, reference_id, disable_active_speaker_detection)
        return await self._post("/v1/lipsync/generate", {"Content-Type": "application/json"}, body)

    async def generate_with_media(
        self,
        video: FilePart,
        audio: FilePart,
        *,
        reference_id: str,
        disable_active_speaker_detection: bool = False,
        model: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> Verdict:
        """One POST of two files; ``progress`` is told each stretch of their bytes that left.

        A file that is not what was planned makes a verdict with ``changed``: nothing, or not all, has left.
        """
        if self._credentials.are_in(reference_id):
            return KEY_IN_REFERENCE
        fields = generate_fields(reference_id, disable_active_speaker_detection, model)
        form = Form(fields, (video, audio), progress)
        try:
            await form.check()
        except MediaError as exc:
            return judge(Answer(failure=Failure.NOT_SENT, changed=True, detail=exc.message))
        return await self._post("/v1/lipsync/generate-with-media", form.headers(), form)

    async def get_request(self, id_or_reference: str) -> Request:
        """One request. Raises RequestNotFound if the service says that there is none, else ServiceError."""
        body = await self._get(f"/v1/lipsync/requests/{segment(id_or_reference)}", one=True)
        request = read_request(body)
        if id_or_reference not in (request.id, request.reference_id):
            raise UnreadableAnswer("the service answered with another request than was asked for")
        return request

    async def list_requests(self, limit: int, offset: int, reference_id: str | None = None) -> Page:
        """One page of the account's requests; of one reference if given, as far as the service heeds that.

        Raises ServiceError.
        """
        params: dict[str, str | int] = {"limit": limit, "offset": offset}
        if reference_id is not None:
            params["reference_id"] = reference_id
        return read_page(await self._get("/v1/lipsync/requests", params=params))

    async def whoami(self) -> Account:
        """Whose key it is. Raises ServiceError."""
        return read_account(await self._get("/v1/users/me"))

    async def health(self) -> bool:
        """Whether the service says that it is well; needs no key."""
        try:
            await self._get("/health", keyed=False)
        except ServiceError:
            return False
        return True

    def open_output(self, url: str, *, offset: int = 0, etag: str = "") -> AbstractAsyncContextManager[OutputStream]:
        """The output behind the service's link, from ``offset`` if ``etag`` vouches for what came before.

        Raises DownloadError: LinkExpired, OutputChanged, AddressRefused or DownloadBroken.
        """
        return opened(partial(self._ask, check=check_output_url), url, offset, etag)

    def fetch(self, url: str) -> AbstractAsyncContextManager[OutputStream]:
        """An input that must be here to be uploaded. Raises DownloadError as ``open_output`` does."""
        return opened(partial(self._ask, check=check_input_url), url, 0, "")

    async def look(self, url: str, start: int, size: int, *, led: Led) -> RangeReply:
        """At most ``size`` bytes of an input from ``start``, and what the answer tells of the file; needs no key.

        Of a server that gives no parts, the beginning: more of it, for it is not asked twice.

        ``led`` is told each address before it is asked, and may raise. Raises AddressRefused, DownloadBroken
        (HostUnreachable where there is no answer) or OutputChanged; a refusal is a reply.
        """
        patience_s = min(LOOK_S, self._timeout_s)
        ask = partial(self._ask, check=check_input_url, timeout_s=patience_s)
        return await looked(ask, url, start, size, led=led, silence_s=patience_s)

    async def _post(self, path: str, headers: Mapping[str, str], content: bytes | AsyncIterable[bytes]) -> Verdict:
        url = self._base_url + path
        first_byte = FirstByte()
        watch = {"trace": first_byte.watch}
        keyed = {**headers, **self._key_headers(url)}
        try:
            with around(POST, path):
                async with self._http.stream("POST", url, headers=keyed, content=content, extensions=watch) as response:
                    answer = await self._answer(response)
        except MediaError as exc:
            answer = Answer(failure=first_byte.failure, changed=True, detail=exc.message)
        except _BROKEN as exc:
            answer = Answer(failure=first_byte.failure, detail=self._reason(exc))
        return judge(answer)

    async def _answer(self, response: httpx.Response) -> Answer:
        self.clock.hear(response.headers.get("date"))
        try:
            body = await _body(response)
        except (*_BROKEN, UnreadableAnswer):
            # A refusal needs no body; an acceptance without its id is unknown.
            body = b""
        body = self._credentials.hide(body)
        return Answer(status=response.status_code, body=body, retry_after_s=self._retry_after_s(response))

    async def _get(
        self, path: str, *, params: Mapping[str, str | int] | None = None, one: bool = False, keyed: bool = True
    ) -> bytes:
        asked, url = f"GET {path}", self._base_url + path
        headers = self._key_headers(url) if keyed else {}
        try:
            async with self._http.stream("GET", url, params=params, headers=headers) as response:
                self.clock.hear(response.headers.get("date"))
                body = await _body(response)
        except httpx.DecodingError as exc:
            raise UnreadableAnswer(f"{asked}: the answer is packed in a way that can't be read") from exc
        except _BROKEN as exc:
            raise ServiceUnreachable(
                f"{shown(self._base_url)} gives no answer: {self._reason(exc)}",
                hint="check the network and the base URL; what was sent is not lost",
            ) from exc
        body = self._credentials.hide(body)
        if response.is_success:
            return body
        raise error_of(response.status_code, body, self._retry_after_s(response), asked, one=one)

    def _key_headers(self, url: str) -> dict[str, str]:
        return self._credentials.headers() if may_carry_key(url, self._base_url) else {}

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        return retry_after_s(response.headers.get("retry-after"), now=self.clock.now())

    def _reason(self, exc: Exception, timeout_s: float | None = None) -> str:
        silent_s = timeout_s or self._timeout_s
        return f"silent for {silent_s:g} s" if isinstance(exc, httpx.TimeoutException) else reason(exc)

    async def _ask(
        self, url: str, headers: Mapping[str, str], *, check: Check, timeout_s: float | None = None
    ) -> _Reply:
        check(url, self._base_url)
        tell, line = partial(self._reason, timeout_s=timeout_s), {"line": Line.FILES}
        timeout = httpx.Timeout(timeout_s or self._timeout_s, pool=None)
        try:
            request = self._http.build_request("GET", url, headers=headers, timeout=timeout, extensions=line)
            # Once more as httpx understood it: two parsers may take two hosts from one address.
            check(str(request.url), self._base_url)
            return _Reply(await self._http.send(request, stream=True), tell)
        except (httpx.InvalidURL, UnicodeError) as exc:
            raise AddressRefused(f"not a web address: {shown(url)}") from exc
        except (httpx.ConnectError, httpx.TimeoutException) as exc:
            timed_out = isinstance(exc, httpx.TimeoutException)
            raise HostUnreachable(f"{shown(url)}: {tell(exc)}", timed_out=timed_out) from exc
        except _BROKEN as exc:
            raise DownloadBroken(f"{shown(url)}: {tell(exc)}") from exc


class _Reply:
    """httpx's open answer, with our errors."""

    def __init__(self, response: httpx.Response, reason: Callable[[Exception], str]) -> None:
        self._response = response
        self._reason = reason
        self.status_code = response.status_code
        self.headers = response.headers
        self.aclose = response.aclose

    async def aiter_raw(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except _BROKEN as exc:
            raise DownloadBroken(f"{shown(str(self._response.url))} broke off: {self._reason(exc)}") from exc


class _Lines(httpx.AsyncBaseTransport):
    """Gives each request its kind of connection, through the environment's proxy but for loopback."""

    def __init__(self, base_url: str) -> None:
        self._guarded = not is_local(base_url)
        self._tls = httpx.create_ssl_context()
        self._proxies = getproxies()
        self._open: dict[tuple[Line, str], httpx.AsyncHTTPTransport] = {}
        # A proxy that can't be used is told now, not with a send on record.
        self._at(Line.SEND, base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        line = Line.SEND if request.method == "POST" else request.extensions.get("line", Line.ASK)
        return await self._at(line, str(request.url)).handle_async_request(request)

    def _at(self, line: Line, url: str) -> httpx.AsyncHTTPTransport:
        key = (line, proxy_of(url, self._proxies))
        if key not in self._open:
            self._open[key] = self._transport(*key)
        return self._open[key]

    async def aclose(self) -> None:
        for transport in self._open.values():
            await transport.aclose()

    def _transport(self, line: Line, proxy: str) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0 if line is Line.SEND else None)
        try:
            transport = httpx.AsyncHTTPTransport(verify=self._tls, limits=limits, proxy=proxy or None)
        except (ImportError, ValueError, httpx.InvalidURL):
            raise UsageError(
                "the proxy in the environment can't be used",
                hint="check HTTPS_PROXY and ALL_PROXY; SOCKS needs `pip install 'httpx[socks]'`",
            ) from None
        # httpx has no option for the backend that its pool takes; tests hold that both are in use.
        backend = backend_of(line, guarded=self._guarded and not proxy)
        if backend is not None:
            transport._pool._network_backend = backend
        return transport


async def _body(response: httpx.Response) -> bytes:
    """The whole answer. Raises UnreadableAnswer as soon as it is too large."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_MAX:
            raise UnreadableAnswer(f"the service's answer is larger than {ANSWER_MAX >> 20} MB")
    return bytes(body)
