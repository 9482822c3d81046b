"""The forms that a setting's text can have, and the values that they stand for.

Each reader raises ValueError with what it expects, in words that follow "is 'x':".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
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


@dataclass(frozen=True, slots=True)
class OneOf:
    """A reader of one of these words, in any case."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> str:
        word = text.strip().lower()
        if word not in self.words:
            near = get_close_matches(word, self.words, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"expected {' or '.join(self.words)}{meant}")
        return word


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much two lengths may differ: by a part of the longer one (0.05: 5 %), or by seconds."""

    part: float = 0.0
    seconds: float = 0.0

    def allows(self, one_s: float, other_s: float) -> bool:
        """Whether two lengths in seconds are near enough. Half a second never counts: that is padding."""
        return abs(one_s - other_s) <= max(_PADDING_S, self.seconds, self.part * max(one_s, other_s)) + 1e-9

    def __str__(self) -> str:
        return f"{self.part * 100:g}%" if self.part else f"{self.seconds:g}s"


#: What encoders add at the ends of a track.
_PADDING_S = 0.5


def parse_tolerance(text: str) -> Tolerance:
    """``5%``, or a duration."""
    if found := re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*%", text.strip()):
        return Tolerance(part=_number(found[1]) / 100)
    try:
        return Tolerance(seconds=parse_duration(text))
    except ValueError:
        raise ValueError("expected a share such as 5%, or a duration such as 2s") from None


#: More than any batch has; sums of what is larger end in no number.
_MINUTES_MAX = 100_000_000.0


@dataclass(frozen=True, slots=True)
class Cap:
    """How many media minutes may be bought: of the whole batch, or of the jobs with a value in a column."""

    minutes: float
    #: As the team writes the header; empty: of the whole batch.
    column: str = ""
    #: Empty: of each value in the column by itself.
    value: str = ""

    def __str__(self) -> str:
        if not self.column:
            return f"{self.minutes:g}"
        return f"{self.column}={self.value}:{self.minutes:g}" if self.value else f"{self.column}:{self.minutes:g}"


def parse_minutes(text: str) -> Cap:
    """A cap of the whole batch: ``90``, ``2.5``."""
    return Cap(_minutes(text))


def parse_cap(text: str) -> Cap:
    """``language=de:30``: of one value in a column; ``language:30``: of each."""
    what, colon, minutes = text.strip().rpartition(":")
    column, equals, value = what.partition("=")
    if not colon or not column.strip() or (equals and not value.strip()):
        raise ValueError("expected column=value:minutes, such as language=de:30, or column:minutes")
    return Cap(_minutes(minutes), column.strip(), value.strip())


def _minutes(text: str) -> float:
    if not re.fullmatch(r"\d{1,9}(?:[.,]\d{1,9})?", text.strip()) or not 0 < _number(text) <= _MINUTES_MAX:
        raise ValueError("expected a number of minutes above 0, such as 90 or 2.5")
    return _number(text)


def _number(text: str) -> float:
    """With a point or, as much of the world writes it, a comma."""
    return float(text.replace(",", "."))


_PRICE = re.compile(r"(?P<before>[^\d\s.,-]{0,5})\s*(?P<amount>\d{1,9}(?:[.,]\d{1,9})?)\s*(?P<after>[^\d\s.,-]{0,5})")


@dataclass(frozen=True, slots=True)
class Price:
    """Of one media minute, in a currency as the team writes it (empty: none is named)."""

    amount: float
    currency: str = ""

    def of(self, minutes: float) -> str:
        """What so many minutes cost, for a person."""
        return f"{self.amount * minutes:,.2f} {self.currency}".rstrip()

    def __str__(self) -> str:
        return f"{self.amount:g} {self.currency}".rstrip()


def parse_price(text: str) -> Price:
    """``0.12``, ``0.12 EUR``, ``$0.12``."""
    found = _PRICE.fullmatch(text.strip())
    if found is None or (found["before"] and found["after"]):
        raise ValueError("expected a price such as 0.12 or 0.12 EUR")
    return Price(_number(found["amount"]), found["before"] or found["after"])
