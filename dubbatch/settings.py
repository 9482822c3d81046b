"""Every option declared once: name, form, bounds, default and help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

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
from dubbatch.option import Group, Option, Scope, declared

DEFAULT_BASE_URL = "https://api.chamelaion.com/api"
#: What may stand between the cells of a CSV report, by the word for it.
CSV_DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "|": "|", "tab": "\t"}


_work = partial(declared, Group.WORK)
_money = partial(declared, Group.MONEY)
_file = partial(declared, Group.FILES)
_pace = partial(declared, Group.PACE)
_shown = partial(declared, Group.SHOWN)
_place = partial(declared, Group.PLACE)


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
