"""A command whose help can be read: options under headings where there are many, and examples at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from dubbatch.option import Group

#: Lines of help grow with the terminal, as far as they can be read.
LOOKS: Mapping[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
#: So many options are taken in at one look; more of them stand under headings.
_AT_ONE_LOOK = 12
#: What has no heading of its own beside others that have.
_REST = "Help"


class GroupedOption(click.Option):
    """An option that help shows under the heading of its group."""

    def __init__(self, *declarations: Any, group: Group, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.group = group


class Command(click.Command):
    """What every command of ours is, also where it is called by itself."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **{"context_settings": dict(LOOKS), **attributes})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mistakes know which command they were made with: what click's parser finds does not."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, but in the order of groups, each under its heading."""
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        if len(options) <= _AT_ONE_LOOK or not any(isinstance(option, GroupedOption) for option in options):
            super().format_options(ctx, formatter)
            return
        for heading in [*Group, _REST]:
            records = [option.get_help_record(ctx) for option in options if _heading(option) == heading]
            if shown := [record for record in records if record is not None]:
                with formatter.section(heading):
                    formatter.write_dl(shown)


def _heading(option: click.Option) -> str:
    return option.group if isinstance(option, GroupedOption) else _REST
