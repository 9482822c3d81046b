"""How the sandbox behaves: one frozen value, every field documented with its unit.

Where the vendor's documentation is silent (the kind of window, queue or refuse, the order of the list,
how long a link lives) the field has every answer that a client must survive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dubbatch.errors import UsageError

Window = Literal["sliding", "fixed", "bucket"]
WhenFull = Literal["queue", "refuse"]
Order = Literal["newest", "oldest"]
RetryAfter = Literal["none", "seconds", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """The account's plan and the service's habits. Raises UsageError for values that make no sense."""

    key: str = "sandbox"
    #: Keys that the service knows and no longer lets in (401 ``unauthorized``).
    revoked_keys: tuple[str, ...] = ("revoked",)
    #: The name that GET users/me answers with.
    name: str = "Sandbox"
    #: Ports on 127.0.0.1; 0 takes any free one. Outputs have a port, and so an origin, of their own.
    port: int = 0
    outputs_port: int = 0

    #: POSTs of the generation endpoints in ``rate_window_s`` seconds.
    rate_limit: int = 60
    rate_window_s: float = 60.0
    window: Window = "sliding"
    #: POSTs that a ``bucket`` holds when it is full; None: as many as ``rate_limit``.
    bucket: int | None = None
    #: Whether and how a 429 says when to come back.
    retry_after: RetryAfter = "none"
    #: Requests in processing at once, and what becomes of those beyond.
    concurrency: int = 4
    when_full: WhenFull = "queue"
    #: Media minutes that the account may have billed before 412; None: no end.
    account_minutes: float | None = None

    #: A request takes ``seconds + per_media_second x duration``, more or less by up to the share ``jitter``;
    #: all of that times ``time_scale``.
    seconds: float = 60.0
    per_media_second: float = 1.0
    jitter: float = 0.25
    time_scale: float = 1.0
    #: Seconds before a new request can start, also times ``time_scale``.
    pickup_s: float = 2.0
    #: Decides the jitter: the same for the n-th request of the books in every run.
    seed: int = 1

    page_size: int = 20
    max_page_size: int = 100
    order: Order = "newest"
    #: Which of several requests with one reference a GET by reference returns.
    by_reference: Order = "newest"
    #: The network: each call under /api arrives, and is answered, up to so many seconds late, by ``seed``.
    delay_s: float = 0.0
    #: Seconds for which GET and list don't know a new request.
    lag_s: float = 0.0
    #: Whether fields without a value are sent as null instead of not at all.
    nulls: bool = False
    #: Seconds for which a link to an output is good.
    link_life_s: float = 900.0

    #: Bytes of one file, uploaded or fetched; seconds that a URL's server may be silent.
    max_file_bytes: int = 4 << 30
    fetch_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        for field, least in _LEAST.items():
            if getattr(self, field) < least:
                raise UsageError(f"the sandbox's {field} must be at least {least}")
        if self.bucket is not None and self.bucket < 1:
            raise UsageError("the sandbox's bucket must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise UsageError("the sandbox's jitter must be between 0 and 1")
        if not self.key:
            raise UsageError("the sandbox's key must not be empty")
        for field in ("port", "outputs_port"):
            if getattr(self, field) > 65535:
                raise UsageError(f"the sandbox's {field} must be at most 65535")

    @classmethod
    def quick(cls, **changes: Any) -> SandboxSettings:
        """Jobs of 0.8 to 2.5 seconds, four at once, the others queued; ``changes`` are fields."""
        defaults: dict[str, Any] = {"seconds": 1.65, "per_media_second": 0.0, "jitter": 0.515, "pickup_s": 0.1}
        return cls(**{**defaults, **changes})


_LEAST: dict[str, float] = {
    "port": 0,
    "outputs_port": 0,
    "rate_limit": 1,
    "rate_window_s": 0.001,
    "concurrency": 1,
    "seconds": 0,
    "per_media_second": 0,
    "time_scale": 0,
    "pickup_s": 0,
    "page_size": 1,
    "max_page_size": 1,
    "delay_s": 0,
    "lag_s": 0,
    "link_life_s": 0,
    "max_file_bytes": 1,
    "fetch_timeout_s": 0.001,
}
