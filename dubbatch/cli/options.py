"""Click options made from the declarations in ``settings``, so that each is said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from dubbatch.cli.command import GroupedOption
from dubbatch.option import Option
from dubbatch.settings import OPTIONS, Settings, shown_value

F = TypeVar("F", bound=Callable[..., Any])

#: Where the ledger's record of a batch is found.
RECORD = ("ledger", "batch", "sandbox")
#: What reports take.
REPORTS = ("report", "report_csv_delimiter")
#: What following and fetching take besides.
FETCHING = (
    "timeout_s", "settle_s", "transfers", *REPORTS, "write_back", "price_per_minute",
    "progress", "log_format", "log_file", "quiet",
)  # fmt: skip

#: What every command says of its argument.
MANIFEST_HELP = "The sheet: .xlsx (or .xlsx#Sheet), .csv, .yaml or .json; - reads it from standard input."

manifest_argument = click.argument("manifest", type=click.Path(path_type=str), help=MANIFEST_HELP)
#: Several are done in turn.
manifests_argument = click.argument(
    "manifests", metavar="MANIFEST...", type=click.Path(path_type=str), nargs=-1, required=True, help=MANIFEST_HELP
)


def setting_options(names: Iterable[str] | None = None) -> Callable[[F], F]:
    """Add the flags of these settings (all by default) to a command, which gets them as ``flags``."""
    fields = list(OPTIONS if names is None else names)

    def decorate(function: F) -> F:
        for field in reversed(fields):
            function = _click_option(OPTIONS[field], getattr(Settings(), field))(function)
        return function

    return decorate


def given_flags(values: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The flags that were given, by option name, as texts for ``resolution.resolve``."""
    flags: dict[str, str | list[str]] = {}
    for option in OPTIONS.values():
        value = values.get(option.parameter)
        if value is None or value == ():
            continue
        if isinstance(value, bool):
            flags[option.name] = "true" if value else "false"
        elif isinstance(value, tuple):
            flags[option.name] = list(value)
        else:
            flags[option.name] = value
    return flags


def _click_option(option: Option, default: object) -> Callable[[F], F]:
    if option.is_switch:
        names = f"{option.flag}/--no-{option.flag[2:]}" if default is True else option.flag
        return click.option(
            names,
            option.parameter,
            cls=GroupedOption,
            group=option.group,
            is_flag=True,
            default=None,
            help=_help(option, None),
        )
    return click.option(
        option.flag,
        option.parameter,
        cls=GroupedOption,
        group=option.group,
        default=None,
        multiple=option.is_many,
        metavar=option.metavar,
        help=_help(option, default),
        shell_complete=_values(option),
    )


def _values(option: Option) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """What a shell offers as the option's value."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if option.is_path:
            return [CompletionItem(incomplete, "dir" if option.metavar == "DIR" else "file")]
        return [CompletionItem(word) for word in option.words if word.startswith(incomplete)]

    return complete


def _help(option: Option, default: object) -> str:
    shown = option.help
    if default not in (None, "", ()) and not option.is_switch:
        shown += f" [{shown_value(default)}]"
    elif option.name == "concurrency":
        shown += " [auto]"
    return shown
