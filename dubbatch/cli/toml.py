"""``dubbatch.toml``: settings of a folder, and what the headers of its sheets stand for."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from dubbatch.errors import UsageError
from dubbatch.manifest.columns import is_column, nearest_column
from dubbatch.settings import OPTIONS

NAME = "dubbatch.toml"
#: The setting that may be a table.
_CAPS = "max_minutes_by"
#: In bytes: reading a key of many dots takes the square of them.
_MAX = 8 << 10


def read_toml(folder: Path) -> tuple[dict[str, str | list[str]], dict[str, str]]:
    """The settings of the folder's dubbatch.toml, and its ``[columns]``. Raises UsageError."""
    path = folder / NAME
    if not path.is_file():
        return {}, {}
    try:
        data = tomllib.loads(read_small(path, _MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read: {error}", hint="mend it, or take it away; nothing was sent") from error
    columns = data.pop("columns", {})
    if not isinstance(columns, dict):
        raise UsageError(f"{path}: columns is a table", hint='write [columns], and below it "Video File" = "video"')
    for header, column in columns.items():
        if not isinstance(column, str) or not is_meaning(column):
            hint = likely(str(column)) or 'write "Video File" = "video"'
            raise UsageError(f"{path}: columns: {header!r} stands for no column of dubbatch", hint=hint)
    if isinstance(caps := data.get(_CAPS), dict):
        data[_CAPS] = list(_caps(caps))
    data = dict(_dotted(data))
    settings = {
        key: [_word(item) for item in value] if isinstance(value, list) else _word(value) for key, value in data.items()
    }
    return settings, columns


def read_small(path: Path, most: int) -> str:
    """The text of a file of at most ``most`` bytes. Raises OSError, and ValueError for what is larger or no text."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 10} KB")
    return data.decode()


def _dotted(data: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Settings by name: TOML takes a key with a dot, unless it is quoted, for a table and a key in it."""
    for key, value in data.items():
        if isinstance(value, dict) and any(option.name.startswith(f"{key}.") for option in OPTIONS.values()):
            yield from ((f"{key}.{name}", item) for name, item in value.items())
        else:
            yield key, value


def _caps(columns: Mapping[str, object]) -> Iterator[str]:
    """The caps of a table, as the texts that stand for them elsewhere: column.value = minutes, or column = minutes."""
    for column, value in columns.items():
        if isinstance(value, dict):
            yield from (f"{column}={name}:{_word(minutes)}" for name, minutes in value.items())
        else:
            yield f"{column}:{_word(value)}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_meaning(column: str) -> bool:
    """Whether a header may stand for ``column``; for nothing, it is the team's own."""
    return not column.strip() or is_column(column)


def likely(column: str) -> str:
    near = nearest_column(column)
    return f"did you mean {near}?" if near else ""
