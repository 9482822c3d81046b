"""The sandbox as a process of its own, which can be killed and comes back under the same address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from dubbatch.sandbox.books import Books

KEY = "sk-chaos-4711"
_PATIENCE_S = 60.0
_LOOK_S = 0.05
#: What takes minutes at the vendor's takes a moment here.
_PLAN = {"seconds": 0.3, "per_media_second": 0.0, "pickup_s": 0.0, "jitter": 0.5}


class Service:
    """The service with books in ``folder``; ``rate_limit`` POSTs a second, ``concurrency`` at once."""

    def __init__(self, folder: Path, *, rate_limit: int, concurrency: int = 12) -> None:
        #: Its books.
        self.folder = folder / "books"
        self._log = folder / "service.log"
        self._plan = {**_PLAN, "rate_limit": rate_limit, "rate_window_s": 1.0, "concurrency": concurrency}
        self._changes: dict[str, Any] = {}
        self._faults: dict[str, Any] = {"rules": []}
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "dubbatch", "sandbox", "--port", str(self._port), "--key", KEY]
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, "--books", str(self.folder)],
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, _, value = line.strip().partition("=")
            if name == "CHAMELAION_BASE_URL":
                self.base_url = value
                break
        assert self.base_url, self._log.read_text(encoding="utf-8")
        self._port = int(self.base_url.split(":")[2].split("/")[0])
        self.change(**self._changes)
        self.go_wrong(self._faults)

    def kill(self) -> None:
        """``kill -9``, and back again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=_PATIENCE_S)

    def change(self, **settings: Any) -> None:
        """Fields of ``SandboxSettings``, from now on."""
        self._changes |= settings
        self._control("settings", {**self._plan, **self._changes})

    def go_wrong(self, script: dict[str, Any]) -> None:
        """A fault script, from now on."""
        self._faults = script
        self._control("faults", script)

    def books(self) -> Books:
        return Books.load(self.folder)

    def output_of(self, request_id: str) -> list[Path]:
        """The whole files that were served as this request's output: its own, and what a fault put in its place."""
        outputs = self.folder / "outputs"
        return [outputs / f"{request_id}.mp4", *outputs.glob(f"{request_id}.changed-*.mp4")]

    def wait_until_calm(self) -> None:
        """Until nothing is in the works: what was accepted is done."""
        until = time.monotonic() + _PATIENCE_S
        while any(not request.is_done for request in self.books().requests.values()):
            assert time.monotonic() < until, "the service does not finish its work"
            time.sleep(_LOOK_S)

    def _control(self, what: str, body: dict[str, Any]) -> None:
        address = self.base_url.removesuffix("/api") + f"/sandbox/{what}"
        request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
        with build_opener(ProxyHandler({})).open(request, timeout=_PATIENCE_S) as answer:
            assert answer.status == 200
