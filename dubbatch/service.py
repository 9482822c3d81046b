"""Which service a run talks to, with which key, and what is kept apart for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from dubbatch.api.addresses import check_base_url
from dubbatch.api.credentials import Credentials
from dubbatch.errors import LedgerError
from dubbatch.ledger.permit_log import SqlitePermitLog, permit_log_path
from dubbatch.pacing.permits import MemoryPermitLog, PermitLog

SANDBOX = "sandbox"
#: Stands for the sandbox where none is started: it is on loopback, so addresses there may be looked at.
SANDBOX_URL = "http://127.0.0.1/api"


@dataclass(frozen=True, slots=True)
class Service:
    """An address and a key. ``name`` is what a ledger belongs to: the address, or ``sandbox``."""

    base_url: str
    credentials: Credentials
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or check_base_url(self.base_url)

    @property
    def is_sandbox(self) -> bool:
        return self.name == SANDBOX

    def permit_log(self, state_dir: Path | None = None) -> PermitLog:
        """The log of permits that all runs on this host share. The sandbox, new each time, has one of its own."""
        return MemoryPermitLog() if self.is_sandbox else SqlitePermitLog(self.permit_file(state_dir))

    def permit_file(self, state_dir: Path | None = None) -> Path:
        """Where this host logs the account's permits, and which ledgers were used with it; there may be none yet."""
        folder = state_dir or user_state_path("dubbatch", ensure_exists=False)
        secret = self.credentials.api_key or self.credentials.bearer_token
        return permit_log_path(folder, self.base_url, secret)

    async def note_ledger(self, path: Path) -> None:
        """Let ``dubbatch account`` find the ledger at ``path`` from anywhere.

        No run needs it: where it can't be written, it is left out.
        """
        if self.is_sandbox:
            return
        log = SqlitePermitLog(self.permit_file())
        # A path that is no text can't be kept either.
        with suppress(LedgerError, UnicodeError):
            await log.note_ledger(path)
        log.close()


async def recent_posts(log: PermitLog) -> Mapping[str, float]:
    """Reference -> seconds since the epoch of this host's POSTs of the last hour."""
    now = time.time()
    return {granted.reference: now - granted.age_s for granted in await log.recent()}
