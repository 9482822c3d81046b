"""Runs the sandbox: two loopback ports (the API's and the storage's), one thread with its own event loop.

::

    with Sandbox(SandboxSettings.quick(), books=Path("books")) as sandbox:
        ...  # sandbox.base_url, sandbox.key, sandbox.books

On leaving, the thread has ended and the ports are free; what was running is in the books and goes on when
they are opened again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from dubbatch.errors import UsageError
from dubbatch.sandbox.account import Account
from dubbatch.sandbox.books import Books
from dubbatch.sandbox.clock import Clock
from dubbatch.sandbox.control import Control, changed
from dubbatch.sandbox.disturbances import TRANSPORT
from dubbatch.sandbox.faults import Faults
from dubbatch.sandbox.files import Files
from dubbatch.sandbox.journal import Journal
from dubbatch.sandbox.links import Links
from dubbatch.sandbox.network import Network
from dubbatch.sandbox.outputs import Outputs
from dubbatch.sandbox.service import Service, answer_error
from dubbatch.sandbox.settings import SandboxSettings

HOST = "127.0.0.1"
#: A client's idle connection is kept for so long; much less would break POSTs that set out just then.
_KEEP_ALIVE_S = 75
_STOP_S = 2
#: A page in a browser could otherwise reach the service, and the files, under a name that it made lead here.
_HOSTS = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])


class Sandbox:
    """The service on loopback, as a context manager. Its methods may be called from any thread."""

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        books: Path | None = None,
        faults: Faults | None = None,
        files: Path | None = None,
    ) -> None:
        """``books``: the folder that outlives the sandbox; None: one that doesn't. ``files``: a folder to serve."""
        self._settings = settings or SandboxSettings()
        self._given_books = books
        self._files = files
        self._faults = faults or Faults()
        self._closing = ExitStack()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._problem: BaseException | None = None

    #: What a client needs: ``http://127.0.0.1:PORT/api`` and the key.
    base_url: str
    #: Where the outputs are: another origin.
    outputs_origin: str
    #: Where the files are, if any are served: ``http://127.0.0.1:PORT/files``, on the outputs' origin.
    files_url: str
    #: The books' folder.
    folder: Path

    @property
    def key(self) -> str:
        return self._settings.key

    @property
    def books(self) -> Books:
        """What is in the books right now."""
        return Books.load(self.folder)

    def __enter__(self) -> Self:
        """Raises UsageError if a port is taken, the books are in use, or the files' folder is none."""
        with ExitStack() as opened:
            self._open(opened)
            self._closing = opened.pop_all()
        self._ready.wait()
        if self._problem is not None:
            self._closing.close()
            raise self._problem
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._stop)
        self._closing.close()

    def set_faults(self, script: Any) -> None:
        """Replace the rules; ``script`` is what a fault file has (see ``faults``). Raises UsageError."""
        faults = Faults.parse(script)
        self._call(lambda: setattr(self._account, "faults", faults))

    def change(self, **settings: Any) -> None:
        """Change the plan or the habits of the running service; fields of SandboxSettings."""
        self._settings = changed(self._settings, settings)
        self._call(lambda: self._account.change(self._settings))

    def advance(self, seconds: float) -> None:
        """Move the sandbox's time forward: requests end, links expire, the rate limit's window passes."""
        self._call(lambda: self._account.clock.advance(seconds))

    def _open(self, opened: ExitStack) -> None:
        if self._given_books is None:
            self._given_books = Path(opened.enter_context(TemporaryDirectory(prefix="dubbatch-sandbox-")))
        self.folder = self._given_books
        if self._files is not None and not self._files.is_dir():
            raise UsageError(f"{self._files} is no folder", hint="--files takes the folder whose files are served")
        api = opened.enter_context(_listen(self._settings.port))
        storage = opened.enter_context(_listen_for_outputs(self._settings))
        self.base_url = f"{_origin(api)}/api"
        self.outputs_origin = _origin(storage)
        self.files_url = f"{self.outputs_origin}/files"
        journal = Journal(self.folder)
        opened.callback(journal.close)
        links = Links(journal.secret, self.outputs_origin)
        self._account = Account(self._settings, journal, Clock(journal.books.last_at), links)
        self._account.faults = self._faults
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=([api, storage],), name="sandbox", daemon=True)
        self._thread.start()
        opened.callback(self._thread.join)

    def _call(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the service's loop and wait for it."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    def _stop(self) -> None:
        self._account.clock.stop()
        self._server.should_exit = True

    def _run(self, sockets: list[socket.socket]) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(
                _by_port(self._app(), self._storage(), sockets[1].getsockname()[1]),
                http=_Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._server.serve(sockets=sockets))
        except BaseException as error:  # noqa: BLE001  (handed to the thread that waits for us)
            self._problem = error
        finally:
            self._ready.set()

    def _app(self) -> Starlette:
        network = Middleware(Network, self._account)
        routes = [
            Mount("/api", routes=Service(self._account).routes(), middleware=[network]),
            Mount("/sandbox", routes=Control(self._account).routes()),
        ]
        handlers = {HTTPException: answer_error, Exception: answer_error}
        return Starlette(routes=routes, middleware=[_HOSTS], exception_handlers=handlers, lifespan=self._lifespan)

    def _storage(self) -> Starlette:
        files = [] if self._files is None else Files(self._account, self._files).routes()
        return Starlette(routes=[*Outputs(self._account).routes(), *files], middleware=[_HOSTS])

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with self._account.generation.running():
            self._ready.set()
            yield


class _Connection(H11Protocol):
    """uvicorn's connection, whose transport the faults can reach: no ASGI message closes a socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def _by_port(api: ASGIApp, storage: ASGIApp, storage_port: int) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_storage = scope["type"] == "http" and scope["server"][1] == storage_port
        await (storage if is_storage else api)(scope, receive, send)

    return app


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback. Raises UsageError if the port can't be had."""
    # Without the protocol's number asyncio leaves Nagle's algorithm on, which costs 40 ms a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A restart must not wait for the kernel to forget the connections of before.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or type(error).__name__
        raise UsageError(f"port {port} on {HOST} can't be used: {reason}", hint="choose another --port") from None
    return listener


def _listen_for_outputs(settings: SandboxSettings) -> socket.socket:
    """The storage's port: the one asked for, else the one after the API's if it is free, else any."""
    if settings.outputs_port == 0 and 0 < settings.port < 65535:
        with suppress(UsageError):
            return _listen(settings.port + 1)
    return _listen(settings.outputs_port)


def _origin(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"
