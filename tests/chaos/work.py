"""A batch as a team has it, in numbers: uploads, addresses, and one beside the other; and the machines it runs on."""

from __future__ import annotations

import csv
import shutil
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np

LANGUAGES = ("de", "fr", "ja")
_RATE = 8000


@dataclass
class Machine:
    """One computer: the team's folder on it, its ledger, and its log of permits."""

    folder: Path
    manifest: Path

    @property
    def ledger(self) -> Path:
        return self.folder / ".dubbatch" / "ledger.db"

    @property
    def outputs(self) -> Path:
        return self.folder / "dubs"

    @property
    def state(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-state")

    def copy(self, folder: Path) -> Machine:
        """The same team, with what it has so far, on another machine."""
        shutil.copytree(self.folder, folder)
        return Machine(folder, folder / self.manifest.name)

    def rename_manifest(self) -> None:
        """The file's name is the batch's label, and no more than that."""
        self.manifest = self.manifest.rename(self.manifest.with_stem(f"{self.manifest.stem}x"))

    def lose_ledger(self) -> None:
        shutil.rmtree(self.ledger.parent, ignore_errors=True)

    def copy_ledger(self, backup: Path) -> None:
        """As a backup does it while nothing runs: the file, and the log that a kill left beside it."""
        shutil.rmtree(backup, ignore_errors=True)
        if self.ledger.exists():
            shutil.copytree(self.ledger.parent, backup)

    def restore_ledger(self, backup: Path) -> None:
        if backup.exists():
            self.lose_ledger()
            shutil.copytree(backup, self.ledger.parent)


def make_machines(folder: Path, jobs: int, origin: str, count: int = 2) -> list[Machine]:
    """The same manifest and media on several machines: a third of the media as addresses under ``origin``."""
    first = Machine(folder / "machine-1", folder / "machine-1" / "batch.csv")
    media = first.folder / "media"
    media.mkdir(parents=True)
    _write_video(media / "video.mp4")
    for number in range(jobs):
        _write_voice(media / f"{number}.wav", number)
    with first.manifest.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "video", "audio", "language", "output", "editor's note"])
        sheet.writerows(_row(number, origin) for number in range(jobs))
    return [first, *(first.copy(folder / f"machine-{number}") for number in range(2, count + 1))]


def _row(number: int, origin: str) -> list[str]:
    video, audio = "media/video.mp4", f"media/{number}.wav"
    if number % 3 == 1:
        video, audio = f"{origin}/{video}", f"{origin}/{audio}"
    elif number % 12 == 2:
        video = f"{origin}/{video}"
    language = LANGUAGES[number % len(LANGUAGES)]
    return [f"ep{number:04}", video, audio, language, f"{language}/ep{number:04}.mp4", f"note {number}"]


def _write_video(path: Path) -> None:
    """One second, a picture only."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(10):
            shade = np.full((64, 64, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))


def _write_voice(path: Path, number: int) -> None:
    """One second of a tone that no other number has."""
    tone = np.sin(np.arange(_RATE) * (0.05 + 0.0005 * number)) * 12000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serve a folder, as a team's own storage does; its origin."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
