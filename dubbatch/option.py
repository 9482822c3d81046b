"""What an option is: how it is named, read and explained, and where it may be set.

From one declaration come the flag, the environment variable ``DUBBATCH_<NAME>``, the manifest's ``settings:`` key, the
key in ``dubbatch.toml`` and the line in the docs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dubbatch.forms import OneOf, parse_bool

ENV_PREFIX = "DUBBATCH_"


class Scope(StrEnum):
    """Where an option may be set."""

    #: Flag, environment, manifest, dubbatch.toml.
    ANYWHERE = "anywhere"
    #: Not in a manifest: a mailed manifest must not be able to send the key elsewhere.
    NOT_MANIFEST = "not in a manifest"
    #: Only as a flag: it is about this one call.
    FLAG = "flag only"


class Group(StrEnum):
    """Where help shows an option: its heading. In the order of the headings."""

    WORK = "What to do"
    MONEY = "Limits and money"
    FILES = "Outputs and reports"
    PACE = "Pace"
    SHOWN = "What is shown"
    PLACE = "Where"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how it is named, read and explained."""

    name: str
    parse: Callable[[str], Any]
    help: str
    group: Group
    metavar: str = ""
    scope: Scope = Scope.ANYWHERE
    #: Relative to the working directory as a flag, to the manifest elsewhere.
    is_path: bool = False
    #: May be given several times.
    is_many: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.parameter.replace("_", "-")

    @property
    def env(self) -> str:
        return ENV_PREFIX + self.parameter.upper()

    @property
    def parameter(self) -> str:
        """The name as one word of a program: a dot, which stands for a group, is none."""
        return self.name.replace(".", "_")

    @property
    def is_switch(self) -> bool:
        return self.parse is parse_bool

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it takes; empty: what it takes can't be listed."""
        return self.parse.words if isinstance(self.parse, OneOf) else ()


def declared(
    group: Group, name: str, parse: Callable[[str], Any], default: Any, help: str, metavar: str = "", **more: Any
) -> Any:
    option = Option(name, parse, help, group, metavar, **more)
    return field(default=default, metadata={"option": option})
