"""Media at web addresses, looked at by reading the few parts that hold their index.

One look asks for the first bytes, judges the answer (``answers``), and lets ``media.glance`` read what it needs
from a ``RemoteFile``, in a thread, while the parts are fetched on the event loop. A host that can't be reached
costs its time-out once, not for each of its addresses; the same address, asked for at the same time, is one look.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Protocol, cast
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from dubbatch.api.ranges import Led, RangeReply
from dubbatch.api.text import clean
from dubbatch.errors import AddressRefused, DownloadBroken, DownloadError, HostUnreachable, OutputChanged
from dubbatch.manifest.problems import Finding
from dubbatch.manifest.roles import Role
from dubbatch.media.facts import Facts
from dubbatch.media.glance import UNKNOWN_SIZE, glance
from dubbatch.media.outline import OutOfReach
from dubbatch.preflight.answers import is_passing, judge_answer, judge_failure, no_media, unknown_length
from dubbatch.preflight.remote import RemoteFile

#: The first bytes: enough for the index of a clip of some minutes where it comes first.
HEAD = 128 << 10
AT_ONCE = 16
PER_HOST = 4
#: Failures to reach a host, one after the other, before it is not asked again.
_STRIKES = 2
_TOO_MANY = 429
#: Seconds before the one further try.
_PAUSE_S = 1.0


class Looker(Protocol):
    """What asks for a part of a file: a ChamelaionClient, also one without a key."""

    async def look(self, url: str, start: int, size: int, *, led: Led) -> RangeReply: ...


@dataclass(frozen=True, slots=True)
class WebLook:
    """What one look at an address found."""

    #: Also with a flaw, about which nothing is in ``finding``; None: no media, or nothing could be read.
    facts: Facts | None = None
    #: What the address itself is to blame for.
    finding: Finding | None = None
    #: What tells this version of the file from others; empty: nothing.
    etag: str = ""
    #: Bytes of the whole file; None: not told.
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one version of a file from another; empty and None: not told."""

    etag: str = ""
    size: int | None = None

    def differs(self, other: Version) -> bool:
        """Whether they are surely not of the same bytes; what is not told of both says nothing."""
        if self.size is not None and other.size is not None and self.size != other.size:
            return True
        return bool(self.etag and other.etag) and self.etag != other.etag


@dataclass(slots=True)
class _Shared:
    """One look under way, and how many wait for it."""

    task: asyncio.Task[WebLook]
    waiting: int = 0


class WebProbe:
    """Looks at addresses through one client, of one event loop. Its methods raise nothing but cancellation."""

    def __init__(self, client: Looker, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._hosts = _Hosts()
        self._looks: dict[str, _Shared] = {}
        # Apart from the loop's own threads: they wait for the network, and nobody else must wait for them.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="web-probe")

    async def look(self, role: Role, url: str) -> WebLook:
        """What is at ``url``; findings are about the field ``role``."""
        shared = self._looks.get(url)
        if shared is None:
            shared = self._looks[url] = _Shared(asyncio.create_task(self._look(url)))
        shared.waiting += 1
        try:
            seen = await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                shared.task.cancel()
                if self._looks.get(url) is shared:
                    del self._looks[url]
        return seen if seen.finding is None else replace(seen, finding=replace(seen.finding, field=role))

    async def version(self, url: str) -> Version:
        """Which version of a file is at ``url`` now, told by one byte of it; nothing where it can't be reached."""
        async with self._hosts.turn(url):
            try:
                reply = await self._client.look(url, 0, 1, led=self._hosts.check)
            except DownloadError as error:
                if isinstance(error, HostUnreachable):
                    self._hosts.failed(url)
                return Version()
        return Version(reply.etag, reply.total) if reply.status in (200, 206) else Version()

    async def _look(self, url: str) -> WebLook:
        async with self._hosts.turn(url):
            seen, again = await self._try(url)
            if again:
                await self._sleep(_PAUSE_S)
                seen, _ = await self._try(url)
            return seen

    async def _try(self, url: str) -> tuple[WebLook, bool]:
        """What was found, and whether another try may find something else."""
        hops = list[str]()

        def led(address: str) -> None:
            hops.append(address)
            self._hosts.check(address)

        try:
            head = await self._client.look(url, 0, HEAD, led=led)
            self._hosts.answered(head.address)
            finding = judge_answer(head, hops)
            if finding is not None:
                # Who is asked too often wants to be left alone for longer than anybody waits here.
                again = is_passing(head.status) and head.status != _TOO_MANY
                return WebLook(finding=finding, etag=head.etag, size=head.total), again
            return await self._read(url, head), False
        except DownloadError as error:
            there = hops[-1] if hops else url
            if isinstance(error, HostUnreachable):
                self._hosts.failed(there)
            passing = not isinstance(error, AddressRefused) and not getattr(error, "timed_out", False)
            return WebLook(finding=judge_failure(error, hops)), passing and not self._hosts.is_lost(there)

    async def _read(self, url: str, head: RangeReply) -> WebLook:
        """Facts of the file whose first bytes are there. Raises DownloadError."""
        content, total = head.content, head.total
        parts = head.ranged and total is not None
        size = UNKNOWN_SIZE if total is None else total
        loop = asyncio.get_running_loop()
        file = RemoteFile(_Parts(self._client, head, self._hosts.check), size, content, parts=parts, loop=loop)
        seen = WebLook(etag=head.etag, size=total)
        try:
            facts = await loop.run_in_executor(self._threads, glance, cast(BinaryIO, file))
        except OutOfReach:
            if file.failure is not None:
                raise file.failure from None
            return replace(seen, finding=unknown_length(parts=parts))
        finally:
            file.give_up()
        if file.failure is not None:
            raise file.failure
        return _judged(seen, facts, parts=parts)


class _Parts:
    """Fetches further parts of one file, as long as it is the same file."""

    def __init__(self, client: Looker, head: RangeReply, led: Led) -> None:
        self._client = client
        self._head = head
        self._led = led

    async def __call__(self, start: int, size: int) -> bytes:
        reply = await self._client.look(self._head.address, start, size, led=self._led)
        if reply.status != 206 or not reply.content:
            raise DownloadBroken(f"it answers {reply.status} for a part, after it has answered for another")
        if (reply.total, reply.etag) != (self._head.total, self._head.etag):
            raise OutputChanged("the file changed while it was looked at")
        return reply.content


class _Hosts:
    """How many are asked at once, and which can't be reached."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._strikes: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        host = _host(url)
        own = self._each.get(host)
        if own is None:
            own = self._each[host] = asyncio.Semaphore(PER_HOST)
        # The host's own turn first: who waits for a slow host must not keep the others waiting.
        async with own, self._all:
            yield

    def check(self, url: str) -> None:
        """Raises HostUnreachable for a host that is known to be lost."""
        if self.is_lost(url):
            raise HostUnreachable(f"{clean(_host(url))} can't be reached from here")

    def is_lost(self, url: str) -> bool:
        return self._strikes[_host(url)] >= _STRIKES

    def failed(self, url: str) -> None:
        self._strikes[_host(url)] += 1

    def answered(self, url: str) -> None:
        del self._strikes[_host(url)]


def _host(url: str) -> str:
    """Host and port, without a login; empty for what is no address."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _judged(seen: WebLook, facts: Facts, *, parts: bool) -> WebLook:
    if not facts.container:
        return replace(seen, finding=no_media(facts.flaw))
    is_unknown = facts.duration_s is None and not facts.flaw
    return replace(seen, facts=facts, finding=unknown_length(parts=parts) if is_unknown else None)
