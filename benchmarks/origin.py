"""A service in a process of its own that costs next to nothing: it throws uploads away and hands out one file.

For comparisons of clients: threads on plain sockets, ``sendfile`` where the file goes out, so that what is
measured is the client. The file is a real MP4, made here from one picture and one packet of sound.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import av
import numpy as np

_PIECE = 1 << 20
_RATE, _SIDE = 25, 512
_ACCEPTED = json.dumps({"status": "success", "request_id": "00000000-0000-4000-8000-000000000001"}).encode()


@contextmanager
def origin(path: Path, size: int) -> Iterator[str]:
    """The base URL of a service that hands out ``path``, an MP4 of about ``size`` bytes that it makes first."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(path, size, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(path: Path, size: int, parent: Connection) -> None:
    make_video(path, size)
    with socket.create_server(("127.0.0.1", 0)) as server:
        parent.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            Thread(target=_talk, args=(connection, path), daemon=True).start()


def _talk(connection: socket.socket, path: Path) -> None:
    with connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while head := _head(connection):
            method, headers, begun = head
            if method == "GET":
                _hand_out(connection, path, headers.get("range", ""))
            else:
                if "expect" in headers:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                _throw_away(connection, int(headers["content-length"]) - begun)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_ACCEPTED) + _ACCEPTED)


def _head(connection: socket.socket) -> tuple[str, dict[str, str], int] | None:
    """Method and headers of the next request, and how much of its body has come along; None at the end."""
    came = b""
    while b"\r\n\r\n" not in came:
        piece = connection.recv(1 << 16)
        if not piece:
            return None
        came += piece
    head, _, body = came.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split(" ")[0], headers, len(body)


def _throw_away(connection: socket.socket, left: int) -> None:
    piece = memoryview(bytearray(_PIECE))
    while left and (count := connection.recv_into(piece[: min(left, _PIECE)])):
        left -= count


def _hand_out(connection: socket.socket, path: Path, wanted: str) -> None:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        lines = [f"HTTP/1.1 {206 if wanted else 200} OK", f"Content-Length: {size - start}", 'ETag: "origin"']
        if wanted:
            lines.append(f"Content-Range: bytes {start}-{size - 1}/{size}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while start < size:
            start += os.sendfile(connection.fileno(), file.fileno(), start, size - start)


def make_video(path: Path, size: int) -> None:
    """An MP4 of about ``size`` bytes that plays: one noisy picture, and silence, as often as that takes."""
    noise = np.random.default_rng(1).integers(0, 255, (_SIDE, _SIDE, 3), np.uint8)
    with av.open(str(path), "w", format="mp4") as file:
        video, audio = file.add_stream("mpeg4", rate=_RATE), file.add_stream("aac", rate=48_000)
        video.width = video.height = _SIDE
        video.pix_fmt, video.gop_size, video.bit_rate = "yuv420p", 1, 10**9
        picture = bytes(next(iter(video.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))))
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        silence.rate = 48_000
        sound = bytes(next(packet for _ in range(8) for packet in audio.encode(silence)))
        sounds = 0
        for number in range(size // len(picture)):
            file.mux(_packet(picture, video, number, Fraction(1, _RATE), 1))
            while sounds * 1024 * _RATE < (number + 1) * 48_000:
                file.mux(_packet(sound, audio, sounds * 1024, Fraction(1, 48_000), 1024))
                sounds += 1


def _packet(
    content: bytes, stream: av.VideoStream | av.AudioStream, at: int, time_base: Fraction, duration: int
) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(content)
    packet.stream, packet.time_base = stream, time_base
    packet.pts = packet.dts = at
    packet.duration, packet.is_keyframe = duration, True
    return packet
