"""From a manifest's path to everything a command needs: settings in force, ledger, outputs, service."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dubbatch.cli.options import given_flags
from dubbatch.errors import UsageError
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.manifest import Head, Manifest, Problem, load, read_head
from dubbatch.manifest.problems import shown
from dubbatch.report.table import check_suffix
from dubbatch.settings import Resolved, Settings, resolve

#: In the sandbox jobs take seconds, so everything that waits for minutes waits for seconds.
_SANDBOX_PACE: Mapping[str, float] = {"poll_interval_s": 0.5, "settle_s": 10.0}
#: Of dubbatch.toml, in bytes: reading a key of many dots takes the square of them.
_TOML_MAX = 8 << 10


@dataclass(frozen=True, slots=True)
class Project:
    """One manifest with all that was said about it, in flags, environment and files."""

    path: Path
    head: Head
    resolved: Resolved

    @property
    def settings(self) -> Settings:
        return self.resolved.settings

    @property
    def batch(self) -> str:
        return self.settings.batch or self.head.batch_name

    @property
    def ledger(self) -> Path:
        """The sandbox has a ledger of its own, whatever else is set."""
        folder = self.path.parent / ".dubbatch"
        if self.settings.sandbox:
            return folder / "sandbox.db"
        return self.settings.ledger or folder / "ledger.db"

    @property
    def output_dir(self) -> Path:
        folder = self.settings.output_dir or self.path.parent / f"{self.path.stem}-dubs"
        return folder / "sandbox" if self.settings.sandbox else folder

    @property
    def reports(self) -> tuple[Path, ...]:
        return (self.output_dir / "report.csv", self.output_dir / "report.json", *self.settings.report)

    def load(self) -> Manifest:
        """The manifest's jobs and all its problems, those of its settings included."""
        cell = self.head.settings.get("output")
        is_manifests = (
            self.resolved.origins["output"] == "manifest" and cell is not None and not isinstance(cell, tuple)
        )
        place = cell.place if is_manifests and cell is not None and not isinstance(cell, tuple) else None
        manifest = load(self.path, batch=self.batch, output_template=self.settings.output, output_template_place=place)
        return replace(manifest, problems=(*self._setting_problems(), *manifest.problems))

    @contextmanager
    def on_record(self) -> Iterator[tuple[Ledger, BatchRow] | None]:
        """The ledger with what it has of this batch, without reading the manifest's rows; None: no run yet."""
        if not self.ledger.exists():
            yield None
            return
        with Ledger(self.ledger) as ledger:
            batch = self._batch_in(ledger)
            yield None if batch is None else (ledger, batch)

    def _batch_in(self, ledger: Ledger) -> BatchRow | None:
        if self.settings.batch or self.head.batch is not None:
            return ledger.jobs.batch(self.batch)
        return ledger.jobs.batch_of_manifest(str(self.path.resolve())) or ledger.jobs.batch(self.batch)

    def _setting_problems(self) -> Iterator[Problem]:
        for fault in self.resolved.manifest_faults:
            cell = self.head.settings[fault.key]
            first = cell[0] if isinstance(cell, tuple) else cell
            yield Problem("error", first.place, shown(first.text), fault.message, fault.remedy)


def open_project(manifest: str, values: Mapping[str, Any]) -> Project:
    """Read the head of a manifest and resolve its settings. Raises ManifestError, UsageError."""
    path = Path(manifest)
    head = read_head(path)
    cells = {
        key: [item.text for item in cell] if isinstance(cell, tuple) else cell.text
        for key, cell in head.settings.items()
    }
    resolved = resolve(
        flags=given_flags(values),
        env=os.environ,
        manifest=cells,
        toml=_toml(path.parent / "dubbatch.toml"),
        here=Path.cwd(),
        beside=path.absolute().parent,
    )
    if resolved.settings.sandbox:
        resolved = replace(resolved, settings=_sandbox_pace(resolved))
    for report in resolved.settings.report:
        check_suffix(report)
    return Project(path, head, resolved)


def _sandbox_pace(resolved: Resolved) -> Settings:
    """The sandbox's own pace, where nothing else was asked for."""
    unset = {
        field: value
        for field, value in _SANDBOX_PACE.items()
        if resolved.origins[field.removesuffix("_s")] == "default"
    }
    return replace(resolved.settings, **unset)  # type: ignore[arg-type]


def _toml(path: Path) -> dict[str, str | list[str]]:
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(read_small(path, _TOML_MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} can't be read: {error}", hint="mend it, or take it away; nothing was sent") from error
    return {
        key: [_word(item) for item in value] if isinstance(value, list) else _word(value) for key, value in data.items()
    }


def read_small(path: Path, most: int) -> str:
    """The text of a file of at most ``most`` bytes. Raises OSError, and ValueError for what is larger or no text."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 10} KB")
    return data.decode()


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
