"""The service's contract (api.md): who may call, what a call must look like, what an answer looks like.

Pure functions over headers, bodies and records. What is refused is raised as a Refusal that carries the
documented status and text, word by word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, TypeVar

from dubbatch.sandbox.books import Request, Status
from dubbatch.sandbox.settings import SandboxSettings

#: The text that goes with a status where a fault doesn't give one.
TEXTS: Mapping[int, str] = {
    400: "invalid request body",
    401: "invalid token",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    412: "token limit reached",
    413: "request body too large",
    429: "rate limit exceeded",
    500: "internal error",
}
MODEL = "lipsync-2"

_Value = TypeVar("_Value", str, bool)


class Refusal(Exception):
    """The call is answered with ``status`` and ``{"error": text}``."""

    def __init__(self, status: int, text: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text or TEXTS[status]
        #: Seconds until the same call could succeed; None: waiting doesn't help, or nobody knows.
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What one POST asks for."""

    video_url: str = ""
    audio_url: str = ""
    reference: str = ""
    disable_active_speaker_detection: bool = False
    model: str = ""


def check_key(headers: Mapping[str, str], settings: SandboxSettings) -> None:
    """Raise the Refusal that belongs to a missing or wrong key; either header serves, Authorization first."""
    bearer, key = headers.get("authorization"), headers.get("x-api-key")
    if bearer is not None:
        scheme, _, key = bearer.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "invalid authorization format")
    if key is None:
        raise Refusal(401, "missing authorization header")
    key = key.strip()
    if not key:
        raise Refusal(401, "missing token")
    if key in settings.revoked_keys:
        raise Refusal(401, "unauthorized")
    if not compare_digest(key.encode(), settings.key.encode()):
        raise Refusal(401, "invalid token")


def check_content_type(headers: Mapping[str, str], wanted: str) -> None:
    if headers.get("content-type", "").split(";")[0].strip().lower() != wanted:
        raise Refusal(400, f"content-type must be {wanted}")


def parse_generate(body: bytes) -> Inputs:
    """The JSON body of POST generate."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400) from None
    if not isinstance(values, dict) or not isinstance(values.get("inputs"), list):
        raise Refusal(400)
    urls: dict[str, list[str]] = {"video": [], "audio": []}
    for item in values["inputs"]:
        if not isinstance(item, dict) or not isinstance(item.get("url"), str) or not item["url"]:
            raise Refusal(400)
        if item.get("type") not in ("video", "audio"):
            raise Refusal(400, 'input type must be "video" or "audio"')
        urls[item["type"]].append(item["url"])
    for name, found in urls.items():
        if len(found) != 1:
            raise Refusal(400, f"expected exactly one {name} input")
    return Inputs(
        video_url=urls["video"][0],
        audio_url=urls["audio"][0],
        reference=_optional(values, "reference_id", ""),
        disable_active_speaker_detection=_optional(values, "disable_active_speaker_detection", False),
    )


def _optional(values: Mapping[str, Any], name: str, default: _Value) -> _Value:
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, type(default)):
        raise Refusal(400)
    return value


def parse_upload(fields: Mapping[str, str], files: set[str]) -> Inputs:
    """The form of POST generate-with-media: its text fields, and the names of its files."""
    for name in ("video", "audio"):
        if name not in files:
            raise Refusal(400, f"{name} file is required")
    if fields.get("model", MODEL) != MODEL:
        raise Refusal(400, f'model must be "{MODEL}"')
    disable = fields.get("disable_active_speaker_detection", "false").lower()
    if disable not in ("true", "false"):
        raise Refusal(400)
    return Inputs(
        reference=fields.get("reference_id", ""),
        disable_active_speaker_detection=disable == "true",
        model=fields.get("model", ""),
    )


def parse_page(query: Mapping[str, str], settings: SandboxSettings) -> tuple[int, int]:
    """``limit`` as it is applied, and ``offset``."""
    try:
        limit = int(query.get("limit", settings.page_size))
        offset = int(query.get("offset", 0))
    except ValueError:
        raise Refusal(400, "invalid query parameter") from None
    if limit < 1 or offset < 0:
        raise Refusal(400, "invalid query parameter")
    return min(limit, settings.max_page_size), offset


def is_visible(request: Request, settings: SandboxSettings, now: float) -> bool:
    """Whether GET and list know the request yet."""
    return now >= request.created_at + settings.lag_s + request.fate.invisible_s


def describe(request: Request, *, output_url: str, now: float, nulls: bool = False) -> dict[str, str | None]:
    """A request as GET and list show it; ``output_url`` is a link that is good now."""
    done = request.status is Status.COMPLETED
    shown = done and now >= (request.finished_at or 0.0) + request.fate.no_url_s
    fields = {
        "id": request.id,
        "reference_id": request.reference or None,
        "status": request.fate.word if request.fate.word and not request.is_done else request.status.value,
        "created_at": timestamp(request.created_at),
        "started_at": timestamp(request.started_at),
        "finished_at": timestamp(request.finished_at),
        "output_url": output_url if shown else None,
        "error_message": request.error or None,
    }
    return {name: value for name, value in fields.items() if nulls or value is not None}


def timestamp(at: float | None) -> str | None:
    """ISO 8601, UTC, milliseconds, with a Z."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
