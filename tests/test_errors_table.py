"""The table of messages in ``docs/troubleshooting.md`` has every error that the code can tell, and no other."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from dubbatch import errors
from dubbatch.cli import exit_codes
from dubbatch.errors import DubbatchError
from dubbatch.stop import StopReason
from tests.messages import messages, modules
from tests.test_docs import codes

PAGE = Path(__file__).parents[1] / "docs" / "troubleshooting.md"
#: A warning, or what dubbatch puts right by itself.
NO_CODE = "–"
#: About the sandbox's own options: left out, and the page says so.
LEFT_OUT = "sandbox/"
_ROW = re.compile(r"^\| `(?P<message>.+?)` \| (?P<code>.+?) \| (?P<advice>.*?) \| (?P<charged>.*?) \|$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")


class Row(NamedTuple):
    message: str
    code: str
    advice: str
    charged: str

    def has(self, text: str) -> bool:
        """Whether the row speaks of a message; its … stands for anything, also for nothing."""
        return bool(pattern(self.message).fullmatch(text))


@cache
def pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)


def rows() -> list[Row]:
    table = PAGE.read_text(encoding="utf-8").partition("\n## All messages\n")[2]
    return [Row(*found) for found in _ROW.findall(table)]


@cache
def told() -> dict[str, str]:
    """Message -> where it stands in the code."""
    signals = {reason.value: "signals.py" for reason in (StopReason.INTERRUPTED, StopReason.TERMINATED)}
    return {found.text: found.place for found in messages() if not found.place.startswith(LEFT_OUT)} | signals


def test_every_message_stands_in_the_table() -> None:
    """Who adds an error says here what it means, what to do, and whether it costs anything."""
    table = rows()

    assert {text: place for text, place in told().items() if not any(row.has(text) for row in table)} == {}


def test_every_row_is_a_message_of_the_code() -> None:
    """A message that was taken away, or says something else now, leaves no row behind."""
    texts = told()

    assert [row.message for row in rows() if not any(map(row.has, texts))] == []


def test_no_row_stands_twice_or_for_nearly_everything() -> None:
    """Each has words of its own, so that a new message does not slip in under an old one."""
    table = rows()
    names = [row.message for row in table]

    assert len(set(names)) == len(names)
    assert [name for name in names if len(_WORD.findall(name)) < 2 and "…" in name] == []


def test_each_row_says_the_code_what_to_do_and_whether_it_cost_anything() -> None:
    """With codes that dubbatch has, or none."""
    table = rows()
    known = {str(code) for code in codes() - {exit_codes.OK}} | {NO_CODE}

    assert [row.message for row in table if not set(row.code.split(", ")) <= known] == []
    assert [row.message for row in table if len(_WORD.findall(row.advice)) < 2 or not row.charged] == []


def test_every_error_says_what_to_do() -> None:
    """By itself, or by its class; also those that are told only after many tries."""
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, DubbatchError) and not kind.remedy
    }
    silent = [
        f"{place}:{call.lineno}"
        for place, module in modules().items()
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in kinds
        and not place.startswith(LEFT_OUT)
        and all(keyword.arg != "hint" for keyword in call.keywords)
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("hint", "advice"),
    [
        ("mend it", "mend it; nothing was sent"),
        ("mend it; nothing was sent", "mend it; nothing was sent"),
        ("Mend it.", "Mend it. Nothing was sent."),
        ("", "Nothing was sent."),
    ],
)
def test_a_mistake_that_ends_a_command_says_that_nothing_was_sent(hint: str, advice: str) -> None:
    """Once, as part of what to do."""
    assert errors.UsageError("it is wrong", hint=hint).advice == advice


def test_an_error_amid_the_work_promises_nothing() -> None:
    """Whether something was charged then is for its own words."""
    assert errors.DiskError("full", hint="make room").advice == "make room"
