"""The forms that a setting's text can have, and the values that they stand for.

Each reader raises ValueError with what it expects, in words that follow "is 'x':".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def parse_duration(text: str) -> float:
    """``90``, ``90s``, ``15m``, ``2h`` in seconds; a fraction is fine (``0.5``)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", text.strip().lower())
    if not match:
        raise ValueError("expected a duration like 90, 90s, 15m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def parse_bool(text: str) -> bool:
    """``true``, ``yes``, ``on``, ``1`` and their opposites."""
    word = text.strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError("expected true or false")


def parse_text(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text")
    return text.strip()


def parse_path(text: str) -> Path:
    try:
        return Path(parse_text(text)).expanduser()
    except RuntimeError:
        raise ValueError("there is no such user's folder") from None


def parse_pause(text: str) -> float:
    """A duration that is more than nothing."""
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("expected more than 0 seconds")
    return seconds


def whole_number(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` on."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text.strip()) or int(text) < least:
            raise ValueError(f"expected a whole number, at least {least}")
        return int(text)

    return parse


def parse_slots(text: str) -> int | None:
    """A number of slots; None for ``auto``."""
    if text.strip().lower() == "auto":
        return None
    try:
        return whole_number(1)(text)
    except ValueError:
        raise ValueError("expected a whole number of at least 1, or auto") from None


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of these words, in any case."""

    def parse(text: str) -> str:
        if text.strip().lower() not in words:
            raise ValueError(f"expected {' or '.join(words)}")
        return text.strip().lower()

    return parse
