"""Signed links to outputs: who has one needs no key, until it expires."""

from __future__ import annotations

import hmac
from collections.abc import Mapping


class Links:
    """Signs links to outputs, and checks them. Times are seconds since the epoch."""

    def __init__(self, secret: bytes, origin: str) -> None:
        self._secret = secret
        #: Scheme, host and port of the storage.
        self.origin = origin

    def sign(self, request_id: str, expires: float) -> str:
        end = str(int(expires))
        signature = self._signature(request_id, end)
        return f"{self.origin}/outputs/{request_id}.mp4?expires={end}&signature={signature}"

    def is_good(self, request_id: str, query: Mapping[str, str], now: float) -> bool:
        end = query.get("expires", "")
        signature = query.get("signature", "").encode()
        genuine = hmac.compare_digest(signature, self._signature(request_id, end).encode())
        return genuine and now < int(end)

    def _signature(self, request_id: str, end: str) -> str:
        return hmac.digest(self._secret, f"{request_id}\n{end}".encode(), "sha256").hex()
