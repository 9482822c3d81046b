"""The key: how it is sent, and that it is never seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from dubbatch.errors import KeyRefused, UsageError

_HIDDEN = b"***"
#: A shorter key is a word (the sandbox's is ``sandbox``), and words may stand in anybody's text.
_SECRET_MIN = 8


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What proves to the service who we are; two names for the same kind of secret.

    Both are sent if both are given, as the official SDK does. Raises UsageError for a secret that
    can't stand in an HTTP header: the HTTP library would print it in its own error.
    """

    #: ``CHAMELAION_API_KEY``: sent as ``x-api-key``.
    api_key: str = ""
    #: ``CHAMELAION_BEARER_TOKEN``: sent as ``Authorization: Bearer``.
    bearer_token: str = ""
    #: What kept a key from being found, in words for a person; empty: nothing, it is just not there.
    trouble: str = ""

    def __post_init__(self) -> None:
        for name, secret in (("API key", self.api_key), ("bearer token", self.bearer_token)):
            if not all("!" <= char <= "~" for char in secret):
                raise UsageError(
                    f"the {name} has a space, a line break or another character that no key has",
                    hint="copy it again from the dashboard, without quotes or blanks around it",
                )

    def __bool__(self) -> bool:
        return bool(self.api_key or self.bearer_token)

    def __repr__(self) -> str:
        given = [name for name in ("api_key", "bearer_token") if getattr(self, name)]
        return f"Credentials({', '.join(f'{name}=***' for name in given)})"

    def missing(self) -> KeyRefused:
        """What to raise where a key is needed and there is none: the same words in every command."""
        return KeyRefused(
            "no key for the service" + (f" ({self.trouble})" if self.trouble else ""),
            hint="set CHAMELAION_API_KEY in the environment or in a .env file, or store it with `dubbatch login`; "
            "`dubbatch run MANIFEST --sandbox` needs none; nothing was sent",
        )

    def headers(self) -> dict[str, str]:
        """The headers for one request to the service, and to nobody else."""
        headers = {}
        if self.api_key:
            headers["x-api-key"] = self.api_key
        if self.bearer_token:
            headers["Authorization"] = f"Bearer {self.bearer_token}"
        return headers

    def hide(self, body: bytes) -> bytes:
        """``body`` without our secrets, in whatever way JSON or an address may spell them.

        Services quote the key that they refuse, and the hostile ones put it wherever they have words.
        """
        for secret in self._secrets():
            body = _spelt(secret).sub(_HIDDEN, body)
        return body

    def are_in(self, text: str) -> bool:
        """Whether one of our secrets stands in ``text``."""
        return any(secret in text for secret in self._secrets())

    def _secrets(self) -> Iterator[str]:
        return (secret for secret in (self.api_key, self.bearer_token) if len(secret) >= _SECRET_MIN)


@lru_cache(maxsize=8)
def _spelt(secret: str) -> re.Pattern[bytes]:
    """Any spelling of ``secret``: each character plain, behind a backslash, as ``\\u002f``, or as ``%2f``."""
    spellings = (rf"(?:\\?{re.escape(char)}|(?i:\\u00{ord(char):02x}|%{ord(char):02x}))" for char in secret)
    return re.compile("".join(spellings).encode())
