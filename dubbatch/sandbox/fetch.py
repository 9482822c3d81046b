"""Brings in media given by URL, as the service does: http and https, bounded in time and size.

A plain ``urllib`` opener with the handlers that are wanted. The usual one also reads ``file:``, ``ftp:``
and ``data:`` addresses, which no service does for strangers, and sends loopback addresses to a proxy.
"""

from __future__ import annotations

import socket
import urllib.request
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from dubbatch.errors import MediaError

_CHUNK = 1 << 20


class Fetcher:
    """Fetches in whatever threads it is called from, until it is stopped from another one."""

    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()
        self._stopped = False
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            _Web(self),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def fetch(self, url: str, target: Path, *, timeout_s: float, max_bytes: int) -> None:
        """Write what ``url`` gives to ``target``; blocks.

        Raises MediaError if it can't be had: no such address, an error, silence for ``timeout_s``, too large.
        """
        try:
            with self._opener.open(url, timeout=timeout_s) as answer, target.open("wb") as file:
                size = 0
                while chunk := answer.read(_CHUNK):
                    size += len(chunk)
                    if size > max_bytes:
                        raise MediaError("the media is too large")
                    file.write(chunk)
                if size != int(answer.headers.get("Content-Length", size)):
                    raise MediaError("the media ended before its end")
        except (OSError, HTTPException, ValueError) as error:
            # OSError covers urllib's URLError and a silent server; ValueError an address that is none.
            if isinstance(error, HTTPError):
                error.close()
            raise MediaError("the media can't be fetched") from error

    def stop(self) -> None:
        """Break every transfer off: a server that is silent would else hold its thread until the time-out."""
        self._stopped = True
        for opened in list(self._sockets):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def watch(self, connection: HTTPConnection) -> HTTPConnection:
        """The same connection, whose socket can be broken off as soon as there is one."""
        connect = connection.connect

        def connect_watched() -> None:
            connect()
            # Those of fetches that are over are closed, and their number says so.
            self._sockets = {opened for opened in self._sockets if opened.fileno() >= 0}
            self._sockets.add(connection.sock)
            if self._stopped:
                raise ConnectionAbortedError

        connection.connect = connect_watched  # type: ignore[method-assign]
        return connection


class _Web(urllib.request.AbstractHTTPHandler):
    """urllib's handler of both schemes, with connections that are watched."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, fetcher: Fetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._connection, HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._connection, HTTPSConnection), request)

    def _connection(self, kind: type[HTTPConnection], host: str, **options: Any) -> HTTPConnection:
        return self._fetcher.watch(kind(host, **options))
