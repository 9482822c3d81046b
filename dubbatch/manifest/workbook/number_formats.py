"""Number formats of spreadsheets: the text that a person sees in a cell that holds a number.

A workbook stores ``007``, ``EP07`` and ``3-Jan`` as 7, 7 and 45294 with a format code beside them. Most
formats only decorate (currency, decimals); those that make another text of a number are told apart here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from dubbatch.manifest.problems import Finding

Kind = Literal["date", "time", "digits"]

#: In a format's code, what is shown as it is, or not shown: texts, escaped characters, blanks, conditions, colours.
_LITERAL = re.compile(r"\"[^\"]*\"|\\.|[_*].|\[[^\]]*\]")
#: Excel keeps 15 digits of a number; what it was told beyond them is gone.
_EXACT_MAX = 10**15
#: 9999-12-31, the last day of the calendar.
_SERIAL_MAX = 2_958_465
_DAY_S = 86_400
#: Format codes that files name by number only (ECMA-376, 18.8.30); 27 to 36 and 50 to 58 are East Asian dates.
_BUILT_IN: Mapping[int, str] = {
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "yyyy-mm-dd"),
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*].|\[(?P<elapsed>[hms]+)\]|\[\$(?P<symbol>[^\]-]*)[^\]]*\]|\[[^\]]*\]'
    r"|(?P<half>AM/PM|A/P)|(?P<general>General)|(?P<part>y+|m+|d+|h+|s+|a{3,4}|[eg]+(?![+-]))|(?P<digit>[0#?])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
#: Decimals, thousands, percent, powers and fractions: a number remains a number.
_ARITHMETIC = frozenset(".,%/Ee")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()
_CODE_MAX = 255

_TYPE_AGAIN = "format the column as Text and type it again"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format that makes another text of a number than its digits."""

    kind: Kind
    #: Of the section for positive numbers: what it is (a group of ``_TOKEN``) and its text.
    tokens: tuple[tuple[str, str], ...]

    def text(self, value: float, *, is_1904: bool) -> tuple[str, Finding | None]:
        """The text of a cell with ``value`` in it, and why that is not what the team has typed."""
        if self.kind == "date":
            return self._date(value, is_1904=is_1904)
        if self.kind == "time":
            return self._time(value)
        return self._padded(value)

    def _date(self, value: float, *, is_1904: bool) -> tuple[str, Finding]:
        moment = _moment(value, is_1904=is_1904)
        if moment is None:
            return number_text(value)[0], made_a_date(number_text(value)[0])
        return iso(moment), made_a_date("".join(self._shown(moment)))

    def _shown(self, moment: datetime) -> Iterator[str]:
        has_halves = any(what == "half" for what, _ in self.tokens)
        before = ""
        for index, (what, text) in enumerate(self.tokens):
            if what != "part":
                yield moment.strftime("%p") if what == "half" else text
                continue
            after = next((text for what, text in self.tokens[index + 1 :] if what == "part"), "")
            is_minute = text[0] == "m" and (before[:1] == "h" or after[:1] == "s")
            yield _part(moment, "min" if is_minute else text, has_halves=has_halves)
            before = text

    def _time(self, value: float) -> tuple[str, Finding | None]:
        if not 0 <= value <= _SERIAL_MAX:
            return number_text(value)
        seconds = round(value * _DAY_S)
        if not any(what == "elapsed" for what, _ in self.tokens):
            seconds %= _DAY_S
        text = clock(seconds)
        return text, Finding(f"a spreadsheet program has made a time of it: {text}", _TYPE_AGAIN)

    def _padded(self, value: float) -> tuple[str, Finding | None]:
        text, flaw = number_text(value)
        if flaw is not None or not text.removeprefix("-").isdigit():
            return text, flaw
        sign, digits = ("-", list(text[1:])) if text[0] == "-" else ("", list(text))
        missing = sum(what == "digit" for what, _ in self.tokens)
        pieces = []
        for what, literal in reversed(self.tokens):
            if what != "digit":
                pieces.append(literal)
                continue
            missing -= 1
            rest = digits if missing == 0 else digits[-1:]
            pieces.append("".join(rest) or ("0" if literal == "0" else ""))
            del digits[len(digits) - len(rest) :]
        return sign + "".join(reversed(pieces)).strip(), None


def is_plain(code: str) -> bool:
    """Whether a number under the format ``code`` is shown as that number: not as a date, a share, or nothing."""
    bare = _LITERAL.sub("", code).lower().replace("general", "0")
    return bool(re.search(r"[0#?]", bare)) and not re.search(r"[ymdhse%@/]", bare)


def number_format(number: int, codes: Mapping[int, str]) -> NumberFormat | None:
    """The format with that number (``codes``: those that the file defines), if it makes another text of a number."""
    code = codes.get(number, _BUILT_IN.get(number, ""))
    if len(code) > _CODE_MAX:
        return None
    tokens = tuple(_tokens(code))
    parts = "".join(text[0] for what, text in tokens if what in ("part", "elapsed"))
    if parts:
        is_time = set(parts) <= set("hms") and bool(set(parts) & set("hs") or any(w == "elapsed" for w, _ in tokens))
        return NumberFormat("time" if is_time else "date", tokens)
    return NumberFormat("digits", tokens) if _makes_a_name(tokens) else None


def number_text(value: float) -> tuple[str, Finding | None]:
    """The digits that a person would type for ``value``, never as a power of ten."""
    if abs(value) < _EXACT_MAX:
        if value.is_integer():
            return str(int(value)), None
        # What floating point adds (0.1 + 0.2) lies beyond the 15 digits that a spreadsheet shows.
        return f"{Decimal(f'{value:.15g}'):f}", None
    if value != value or value in (float("inf"), float("-inf")):
        return str(value), Finding("the cell holds no number that can be read", _TYPE_AGAIN)
    message = "a number of more than 15 digits: a spreadsheet program keeps 15, the others are lost"
    return str(int(value)), Finding(message, _TYPE_AGAIN)


def made_a_date(shown: str) -> Finding:
    """What is wrong with a cell that holds a date where a name was typed."""
    return Finding(f"a spreadsheet program has made a date of it: {shown.strip()}", _TYPE_AGAIN)


def iso(moment: datetime) -> str:
    """``2024-01-03``; with the time of day where there is one."""
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.date().isoformat()
    return moment.replace(microsecond=0, tzinfo=None).isoformat(" ")


def clock(seconds: int) -> str:
    """``H:MM:SS``."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    """Those of the section for positive numbers."""
    for found in _TOKEN.finditer(code):
        what = found.lastgroup or ""
        text = found[what] if what else ""
        if what == "other" and text == ";":
            return
        if what in ("part", "elapsed"):
            yield what, text.lower()
        elif what in ("digit", "half", "other"):
            yield what, text
        elif what == "general":
            yield "digit", "0"
        elif text:
            yield "symbol" if what == "symbol" else "literal", text


def _makes_a_name(tokens: tuple[tuple[str, str], ...]) -> bool:
    """Whether a number looks like ``007`` or ``EP7``, and not like an amount (``7 min``, ``$ 7``)."""
    zeros = sum(what == "digit" and text == "0" for what, text in tokens)
    if not zeros or any(what == "symbol" or (what == "other" and text in _ARITHMETIC) for what, text in tokens):
        return False
    first = next(index for index, (what, _) in enumerate(tokens) if what == "digit")
    return zeros > 1 or any(char.isalpha() for _, text in tokens[:first] for char in text)


def _moment(value: float, *, is_1904: bool) -> datetime | None:
    if not 0 <= value <= _SERIAL_MAX:
        return None
    # The program counts a 29 February 1900, so that all days after it are one further on.
    first = (1904, 1, 1) if is_1904 else (1899, 12, 31 if value < 60 else 30)
    start = datetime(*first)  # noqa: DTZ001  (a sheet knows no time zones)
    try:
        return start + timedelta(seconds=round(value * _DAY_S))
    except OverflowError:
        return None


def _part(moment: datetime, part: str, *, has_halves: bool) -> str:
    hour = (moment.hour + 11) % 12 + 1 if has_halves else moment.hour
    match part[0], len(part):
        case "y", length:
            return f"{moment.year:04}" if length > 2 else f"{moment.year % 100:02}"
        case "m", 3:
            return f"{moment.minute:02}" if part == "min" else _MONTHS[moment.month - 1][:3]
        case "m", length if length > 3:
            return _MONTHS[moment.month - 1]
        case (("d" | "a"), length) if length > 2:
            day = _DAYS[moment.weekday()]
            return day if length > 3 else day[:3]
        case "e" | "g", _:
            return str(moment.year) if "e" in part else ""
    number = {"m": moment.month, "d": moment.day, "h": hour, "s": moment.second}[part[0]]
    return f"{number:0{len(part)}}"
