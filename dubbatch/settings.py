"""Every option declared once: name, form, bounds, default and help.

From the declaration come the flag, the environment variable ``DUBBATCH_<NAME>``, the
manifest's ``settings:`` key, the key in ``dubbatch.toml`` and the line in the docs.
Precedence: flag, environment, manifest, ``dubbatch.toml``, default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dubbatch.errors import UsageError
from dubbatch.forms import (
    Cap,
    OneOf,
    Price,
    Tolerance,
    parse_bool,
    parse_cap,
    parse_minutes,
    parse_path,
    parse_pause,
    parse_price,
    parse_slots,
    parse_text,
    parse_tolerance,
    whole_number,
)

DEFAULT_BASE_URL = "https://api.chamelaion.com/api"
ENV_PREFIX = "DUBBATCH_"
#: The SDK's own name for the service's address is honoured too.
_SDK_BASE_URL = "CHAMELAION_BASE_URL"

_NO_LINES: Mapping[str, str] = MappingProxyType({})

#: What may stand between the cells of a CSV report, by the word for it.
CSV_DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "|": "|", "tab": "\t"}


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


def _option(
    group: Group, name: str, parse: Callable[[str], Any], default: Any, help: str, metavar: str = "", **more: Any
) -> Any:
    option = Option(name, parse, help, group, metavar, **more)
    return field(default=default, metadata={"option": option})


_work = partial(_option, Group.WORK)
_money = partial(_option, Group.MONEY)
_file = partial(_option, Group.FILES)
_pace = partial(_option, Group.PACE)
_shown = partial(_option, Group.SHOWN)
_place = partial(_option, Group.PLACE)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is asked to keep to. Times in seconds."""

    output_dir: Path | None = _file(
        "output_dir",
        parse_path,
        None,
        "Folder for the outputs (default: <manifest>-dubs beside it).",
        "DIR",
        is_path=True,
    )
    output: str = _file(
        "output",
        parse_text,
        "{id}.mp4",
        "Name of each output; {id}, {stem}, {language}, {batch} or any column.",
        "TEMPLATE",
    )
    concurrency: int | None = _pace(
        "concurrency", parse_slots, None, "Jobs at the service at once: a number, or auto to learn it.", "N|auto"
    )
    queue_ahead: int = _pace(
        "queue_ahead", whole_number(0), 2, "With auto: jobs that wait at a service that queues.", "N"
    )
    rate_limit: int = _pace("rate_limit", whole_number(1), 60, "POSTs the account allows in a window.", "N")
    rate_window_s: float = _pace("rate_window", parse_pause, 60.0, "Length of that window.", "TIME")
    poll_interval_s: float = _pace(
        "poll_interval", parse_pause, 5.0, "Shortest time from one round of asking to the next.", "TIME"
    )
    timeout_s: float = _pace("timeout", parse_pause, 60.0, "Longest silence in one HTTP call; never a total.", "TIME")
    settle_s: float = _pace(
        "settle",
        parse_pause,
        120.0,
        "How long a lost answer is asked for before its job may be sent again.",
        "TIME",
    )
    attempts: int = _money(
        "attempts", whole_number(1), 2, "Tries at a job in all, where the service failed by its own fault.", "N"
    )
    transfers: int = _pace("transfers", whole_number(1), 4, "Uploads at once, and downloads at once.", "N")
    max_time_s: float | None = _money(
        "max_time", parse_pause, None, "After this long send no more; what runs stays at the service.", "TIME"
    )
    max_minutes: Cap | None = _money(
        "max_minutes", parse_minutes, None, "Media minutes that this batch may buy in all.", "MINUTES"
    )
    max_minutes_by: tuple[Cap, ...] = _money(
        "max_minutes_by",
        parse_cap,
        (),
        "Media minutes for one value of a column, or for each. Repeatable.",
        "COLUMN[=VALUE]:MINUTES",
        is_many=True,
    )
    price_per_minute: Price | None = _money(
        "price_per_minute", parse_price, None, "What a media minute costs you, to see money beside minutes.", "PRICE"
    )
    probe_urls: bool = _work("probe_urls", parse_bool, True, "Look at media behind web addresses before sending.")
    length_tolerance: Tolerance = _work(
        "length_tolerance",
        parse_tolerance,
        Tolerance(part=0.05),
        "By how much the lengths of video and audio may differ: 5%, or 2s.",
        "SHARE|TIME",
    )
    strict: bool = _work("strict", parse_bool, False, "Let warnings block their jobs, as errors do.")
    on_error: str = _work(
        "on_error", OneOf(("stop", "skip")), "stop", "With bad rows: stop and send nothing, or skip them.", "stop|skip"
    )
    report: tuple[Path, ...] = _file(
        "report",
        parse_path,
        (),
        "Where to write a report too; .csv, .json or .xlsx. Repeatable.",
        "PATH",
        is_path=True,
        is_many=True,
    )
    write_back: bool = _file(
        "write_back",
        parse_bool,
        False,
        "Write status, output, error and minutes of each row into the manifest's sheet.",
    )
    report_csv_delimiter: str = _file(
        "report.csv_delimiter",
        OneOf(tuple(CSV_DELIMITERS)),
        ",",
        "What stands between the cells of CSV reports: a comma, ; or | or tab.",
        "CHARACTER",
    )
    progress: bool = _shown("progress", parse_bool, True, "Show progress.")
    log_format: str = _shown(
        "log_format", OneOf(("text", "json")), "text", "Form of the log; json: one object a line, and no prose.",
        "text|json",
    )  # fmt: skip
    log_file: Path | None = _shown(
        "log_file", parse_path, None, "Append the log to this file, too.", "FILE", is_path=True
    )
    quiet: bool = _shown("quiet", parse_bool, False, "Only errors and the last line.")
    base_url: str = _place(
        "base_url", parse_text, DEFAULT_BASE_URL, "The service's address.", "URL", scope=Scope.NOT_MANIFEST
    )
    ledger: Path | None = _place(
        "ledger", parse_path, None, "The ledger (default: .dubbatch/ledger.db beside the manifest).", "FILE",
        scope=Scope.NOT_MANIFEST, is_path=True,
    )  # fmt: skip
    limit: int | None = _money(
        "limit", whole_number(1), None, "Send at most N attempts in this run.", "N", scope=Scope.FLAG
    )
    only: tuple[str, ...] = _work(
        "only", parse_text, (), "Only these jobs. Repeatable.", "ID|column=value", scope=Scope.FLAG, is_many=True
    )
    map: tuple[str, ...] = _work(
        "map", parse_text, (), "What a header of yours stands for. Repeatable.", '"HEADER=COLUMN"', scope=Scope.FLAG,
        is_many=True,
    )  # fmt: skip
    include_hidden: bool = _work(
        "include_hidden", parse_bool, False, "Take rows that the sheet hides, too.", scope=Scope.FLAG
    )
    batch: str = _place(
        "batch", parse_text, "", "Name of the batch (default: the manifest's).", "NAME", scope=Scope.FLAG
    )
    sandbox: bool = _work(
        "sandbox", parse_bool, False, "Against the sandbox: free, no key, its own ledger and folder.", scope=Scope.FLAG
    )
    yes: bool = _money("yes", parse_bool, False, "Don't ask before sending.", scope=Scope.FLAG)

    @property
    def csv_delimiter(self) -> str:
        """The character that ``report.csv_delimiter`` names."""
        return CSV_DELIMITERS[self.report_csv_delimiter]

    @property
    def caps(self) -> tuple[Cap, ...]:
        """All that bounds what the batch may buy, the whole batch's first."""
        return (*filter(None, (self.max_minutes,)), *self.max_minutes_by)


#: Field of Settings -> its option, in the order of their declaration.
OPTIONS: Mapping[str, Option] = {item.name: item.metadata["option"] for item in fields(Settings)}
_BY_NAME: Mapping[str, str] = {option.name: name for name, option in OPTIONS.items()}

#: What someone may try to put into a manifest or file and must not.
_SECRETS = frozenset({"api_key", "bearer_token", "key", "chamelaion_api_key", "chamelaion_bearer_token"})


def is_secret(name: str) -> bool:
    """Whether ``name`` is what somebody may call the key."""
    return name.strip().lower().replace("-", "_").replace(" ", "_") in _SECRETS


@dataclass(frozen=True, slots=True)
class Fault:
    """A setting that can't be used: where it was set, and what to do. ``key`` is the name as it stands there."""

    key: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, where each came from, and what is to be said about them."""

    settings: Settings
    #: Option name -> "flag", "environment", "manifest", "dubbatch.toml" or "default".
    origins: Mapping[str, str]
    #: Option name -> the same with the very place: ``flag --timeout``, ``manifest spring.yaml, line 4``.
    places: Mapping[str, str]
    #: Of the manifest: problems of its cells, told with the others.
    manifest_faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()


def resolve(
    *,
    flags: Mapping[str, str | Iterable[str]],
    env: Mapping[str, str],
    manifest: Mapping[str, str | Iterable[str]],
    toml: Mapping[str, str | Iterable[str]],
    here: Path,
    beside: Path,
    lines: Mapping[str, str] = _NO_LINES,
) -> Resolved:
    """Merge all sources by option name. ``here`` is the working directory, ``beside`` the manifest's folder.

    ``lines`` says of the manifest's settings where they stand in it.

    Raises UsageError for what stands in flags, environment or dubbatch.toml; the manifest's own
    faults are returned, so that they can be told with their cells.
    """
    layers: list[tuple[str, Mapping[str, Any], Path]] = [
        ("dubbatch.toml", _known("dubbatch.toml", toml, (Scope.ANYWHERE, Scope.NOT_MANIFEST)), beside),
    ]
    values: dict[str, Any] = {}
    origins = {option.name: "default" for option in OPTIONS.values()}
    places = dict(origins)
    faults = tuple(_manifest_faults(manifest))
    bad = {fault.key for fault in faults}
    layers += [
        ("manifest", {key: value for key, value in manifest.items() if key not in bad}, beside),
        ("environment", _from_env(env), beside),
        ("flag", flags, here),
    ]
    for origin, layer, base in layers:
        for key, raw in layer.items():
            values[_BY_NAME[key]] = _parse(origin, OPTIONS[_BY_NAME[key]], raw, base)
            origins[key] = origin
            places[key] = f"{origin} {_exactly(origin, OPTIONS[_BY_NAME[key]], env, beside, lines)}".rstrip()
    return Resolved(Settings(**values), origins, places, faults, tuple(_env_warnings(env)))


def _exactly(origin: str, option: Option, env: Mapping[str, str], beside: Path, lines: Mapping[str, str]) -> str:
    """Which flag, variable, line or file it was."""
    if origin == "flag":
        return option.flag
    if origin == "environment":
        return option.env if env.get(option.env) else _SDK_BASE_URL
    return lines.get(option.name, "") if origin == "manifest" else str(beside / "dubbatch.toml")


def _parse(origin: str, option: Option, raw: str | Iterable[str], base: Path) -> Any:
    texts = [raw] if isinstance(raw, str) else list(raw)
    try:
        parsed = _parsed(option, texts)
    except ValueError as error:
        where = {"flag": option.flag, "environment": option.env}.get(origin, f"{origin}: {option.name}")
        hint = "nothing was sent" + ("; --help explains the option" if origin == "flag" else "")
        raise UsageError(f"{where} is {', '.join(texts)!r}: {error}", hint=hint) from None
    if option.is_path:
        parsed = [base / path for path in parsed]
    return tuple(parsed) if option.is_many else parsed[0]


def _parsed(option: Option, texts: list[str]) -> list[Any]:
    if len(texts) != 1 and not option.is_many:
        raise ValueError("expected one value")
    return [option.parse(text) for text in texts]


def _known(where: str, layer: Mapping[str, Any], scopes: tuple[Scope, ...]) -> Mapping[str, Any]:
    for key in layer:
        if fault := _fault(key, scopes):
            raise UsageError(f"{where}: {fault.message}", hint=fault.remedy)
    return layer


def _manifest_faults(manifest: Mapping[str, str | Iterable[str]]) -> Iterable[Fault]:
    for key, raw in manifest.items():
        if fault := _fault(key, (Scope.ANYWHERE,)):
            yield fault
            continue
        option = OPTIONS[_BY_NAME[key]]
        try:
            _parsed(option, [raw] if isinstance(raw, str) else list(raw))
        except ValueError as error:
            yield Fault(key, f"setting {key}: {error}", f"see `dubbatch config`: {option.help}")


def _fault(key: str, scopes: tuple[Scope, ...]) -> Fault | None:
    """What is wrong with naming ``key`` in a file that may set ``scopes``; None: nothing."""
    if is_secret(key):
        return Fault(key, f"{key} must not stand in a file that is passed on", "set CHAMELAION_API_KEY instead")
    if key not in _BY_NAME:
        near = get_close_matches(key.lower().replace("-", "_"), _BY_NAME, 1)
        remedy = f"did you mean {near[0]}?" if near else "`dubbatch config` lists every setting"
        return Fault(key, f"unknown setting {key}", remedy)
    option = OPTIONS[_BY_NAME[key]]
    if option.scope not in scopes:
        remedy = f"use {option.flag}" + ("" if option.scope is Scope.FLAG else f" or {option.env}")
        return Fault(key, f"{key} can't be set here ({option.scope})", remedy)
    return None


def _from_env(env: Mapping[str, str]) -> dict[str, str]:
    found = {"base_url": env[_SDK_BASE_URL]} if env.get(_SDK_BASE_URL) else {}
    for option in OPTIONS.values():
        if option.scope is not Scope.FLAG and env.get(option.env):
            found[option.name] = env[option.env]
    return found


def _env_warnings(env: Mapping[str, str]) -> Iterable[str]:
    names = [option.env.removeprefix(ENV_PREFIX) for option in OPTIONS.values() if option.scope is not Scope.FLAG]
    for variable in sorted(env):
        name = variable.removeprefix(ENV_PREFIX)
        if name != variable and name not in names:
            # Compared without what they all begin with, which would make any two look alike.
            near = get_close_matches(name, names, 1)
            yield f"{variable} is no setting of dubbatch" + (f": did you mean {ENV_PREFIX}{near[0]}?" if near else "")


def shown_value(value: object) -> str:
    """A setting as a person would write it."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}s" if math.isfinite(value) else str(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
