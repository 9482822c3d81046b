"""Which call goes wrong, and how: rules, read from a JSON file or given at run time.

A fault file is ``{"seed": 7, "rules": [...]}`` (or the list alone). A rule says ``on`` which kind of call it
waits, what it does (``action``), and which of those calls it hits::

    {"on": "generate", "action": "drop", "accept": true, "nth": 2}
    {"on": ["get", "list"], "action": "answer", "status": 429, "retry_after_s": 3, "probability": 0.1}
    {"on": "output", "action": "cut", "at": 0.5, "count": 2}

``on``: generate, upload, get, list, me, health, output, file; ``post`` stands for the first two, or a list.
Which calls: each rule counts the calls that match its ``on`` and ``reference``. From the ``nth`` on (default 1)
it hits ``count`` of them (default: 1 with ``nth``, else all), each with ``probability`` (default 1). The first
rule in the list that hits a call decides about it.

Actions for every kind:

- ``drop``: the connection closes without an answer
- ``silence``: no answer, ever
- ``slow``: the right answer, ``seconds`` late (outputs, files: before every 64 KiB)
- ``answer``: ``status`` (default 500) with ``error`` (default: the documented text), ``retry_after_s``, and
  ``as_date`` to write that as a date
- ``redirect``: ``status`` (default 307) to ``location``
- ``html``, ``garbage``, ``text``: 200 with a web page, with JSON that is cut off, with what is no JSON at all

On POSTs all but ``slow`` come instead of accepting; with ``"accept": true`` the request is accepted (and
billed) first, and only its answer is lost. A rule of POSTs that names a ``reference`` reads the body first.

On POSTs, what becomes of the accepted request: ``invisible`` for ``seconds``; ``fail`` with ``message``;
``status`` with a ``word`` that is shown until it is done; ``no_url`` for ``seconds`` (default: for ever).
On GET and list, ``status`` and ``no_url`` change this one answer.

On outputs: ``cut`` and ``short`` send the share ``at`` (default 0.5) of the bytes, with the whole
Content-Length or with none; ``cut_index`` serves a file that ends there, as if it were whole, its index
intact; ``expired`` answers 403; ``no_ranges`` ignores Range; ``changed`` serves other bytes with another
ETag; ``empty`` no bytes at all.

On files, whose ``reference`` is their path below the folder: ``cut``, ``short``, ``no_ranges`` and ``empty`` as on
outputs; ``login`` redirects (``status``, default 302) to a page that asks for a login.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from dubbatch.errors import UsageError
from dubbatch.sandbox.books import Fate, Kind

POSTS = frozenset({Kind.GENERATE, Kind.UPLOAD})
ANYWHERE = frozenset({"drop", "silence", "slow", "answer", "redirect", "html", "garbage", "text"})
ON_REQUESTS = frozenset({"status", "no_url"})
ON_POSTS = frozenset({"invisible", "fail"}) | ON_REQUESTS
ON_OUTPUTS = frozenset({"cut", "short", "cut_index", "expired", "no_ranges", "changed", "empty"})
ON_FILES = frozenset({"cut", "short", "no_ranges", "empty", "login"})
_ALLOWED: dict[Kind, frozenset[str]] = {
    Kind.GENERATE: ANYWHERE | ON_POSTS,
    Kind.UPLOAD: ANYWHERE | ON_POSTS,
    Kind.GET: ANYWHERE | ON_REQUESTS,
    Kind.LIST: ANYWHERE | ON_REQUESTS,
    Kind.ME: ANYWHERE,
    Kind.HEALTH: ANYWHERE,
    Kind.OUTPUT: ANYWHERE | ON_OUTPUTS,
    Kind.FILE: ANYWHERE | ON_FILES,
}


def _kinds(value: Any) -> Any:
    names = value if isinstance(value, list) else [value]
    return [kind for name in names for kind in (sorted(POSTS) if name == "post" else [name])]


class Rule(BaseModel):
    """One rule of a fault file; the fields are those of the module's docstring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: Annotated[frozenset[Kind], BeforeValidator(_kinds), Field(min_length=1)]
    action: str
    accept: bool = False
    nth: int | None = Field(default=None, ge=1)
    count: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    reference: str | None = None
    seconds: float | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=200, le=599)
    error: str = ""
    retry_after_s: float | None = Field(default=None, ge=0)
    as_date: bool = False
    location: str = ""
    message: str = "internal error"
    word: str = "uploading"
    at: float = Field(default=0.5, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        for kind in self.on:
            if self.action not in _ALLOWED[kind]:
                raise ValueError(f"no action {self.action!r} on {kind}; there are {', '.join(sorted(_ALLOWED[kind]))}")
        if self.accept and not self.on <= POSTS:
            raise ValueError("accept belongs to POSTs")
        return self

    @property
    def replaces_post(self) -> bool:
        """Whether a POST that this hits is not accepted."""
        return self.action in ANYWHERE - {"slow"} and not self.accept

    @property
    def fate(self) -> Fate:
        """What the accepted request has before it."""
        match self.action:
            case "invisible":
                return Fate(invisible_s=self.seconds or 0.0)
            case "fail":
                return Fate(fail=self.message)
            case "status":
                return Fate(word=self.word)
            case "no_url":
                return Fate(no_url_s=math.inf if self.seconds is None else self.seconds)
        return Fate()


class _Script(BaseModel):
    """A fault file as a whole."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 1
    rules: list[Rule] = []


class Faults:
    """The rules in force, and how many calls each has seen."""

    def __init__(self, rules: Iterable[Rule] = (), seed: int = 1) -> None:
        self.rules = tuple(rules)
        self._seen = [0] * len(self.rules)
        self._hit = [0] * len(self.rules)
        self._random = random.Random(seed)

    @classmethod
    def parse(cls, script: Any) -> Faults:
        """From JSON values. Raises UsageError that says which rule and field is wrong."""
        try:
            parsed = TypeAdapter(_Script).validate_python({"rules": script} if isinstance(script, list) else script)
        except ValidationError as error:
            problems = "; ".join(_problem(detail["loc"], detail["msg"]) for detail in error.errors()[:3])
            raise UsageError(f"the fault rules can't be used: {problems}", hint="see docs/sandbox.md") from None
        return cls(parsed.rules, parsed.seed)

    @classmethod
    def load(cls, path: Path) -> Faults:
        """From a file. Raises UsageError if it can't be read."""
        try:
            script = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} can't be read as JSON: {error}") from None
        return cls.parse(script)

    def wants_reference(self, kind: Kind) -> bool:
        """Whether a rule needs to know the reference before it can decide about a call of this kind."""
        return any(kind in rule.on and rule.reference is not None for rule in self.rules)

    def choose(self, kind: Kind, reference: str = "") -> Rule | None:
        """The rule that decides about this call, or None; to be asked exactly once a call."""
        chosen = None
        for number, rule in enumerate(self.rules):
            if kind not in rule.on or rule.reference not in (None, reference):
                continue
            self._seen[number] += 1
            if chosen is None and self._hits(number, rule):
                self._hit[number] += 1
                chosen = rule
        return chosen

    def _hits(self, number: int, rule: Rule) -> bool:
        count = rule.count or (1 if rule.nth else None)
        if self._seen[number] < (rule.nth or 1) or (count is not None and self._hit[number] >= count):
            return False
        return rule.probability == 1 or self._random.random() < rule.probability


def _problem(place: tuple[int | str, ...], message: str) -> str:
    words = [
        f"rule {part + 1}" if isinstance(part, int) and depth == 1 else str(part) for depth, part in enumerate(place)
    ]
    words = [word for word in words if word != "rules"]
    return f"{', '.join(words)}: {message}" if words else message
