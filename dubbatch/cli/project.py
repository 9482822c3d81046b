"""From a manifest's path to everything a command needs: settings in force, ledger, outputs, service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dubbatch.bulletin import Bulletin, bulletin_path
from dubbatch.cli.advice import Call
from dubbatch.cli.logfile import manifests_flaw
from dubbatch.cli.options import RECORD, given_flags
from dubbatch.cli.toml import is_meaning, likely, read_toml
from dubbatch.errors import ManifestError, UsageError
from dubbatch.jobs import Job
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.manifest import Head, Manifest, Origin, Problem, load, parse_address, read_head
from dubbatch.manifest.address import STANDARD_INPUT
from dubbatch.manifest.cells import Cell, Record
from dubbatch.manifest.output_names import safe_folder
from dubbatch.manifest.problems import shown
from dubbatch.manifest.sources import read_at_most
from dubbatch.manifest.warned import strictly
from dubbatch.report.file import check_suffix
from dubbatch.resolution import Fault, Resolved, is_secret, resolve
from dubbatch.selection import check_columns, unmet
from dubbatch.settings import OPTIONS, Settings
from dubbatch.writeback.rows import TeamFile
from dubbatch.writeback.writeback import check_kind

#: In the sandbox jobs take seconds, so everything that waits for minutes waits for seconds.
_SANDBOX_PACE: Mapping[str, float] = {"poll_interval_s": 0.5, "settle_s": 10.0}
#: The setting that may be a table of columns.
_CAPS = "max_minutes_by"


@dataclass(frozen=True, slots=True)
class Project:
    """One manifest with all that was said about it, in flags, environment and files."""

    head: Head
    resolved: Resolved
    #: The team's headers and what they stand for, as flags and dubbatch.toml say.
    columns: Mapping[str, str]
    #: The manifest, where it came on standard input.
    data: bytes | None = None
    #: As it was given on the command line.
    named: str = ""

    @property
    def origin(self) -> Origin:
        return self.head.origin

    @property
    def settings(self) -> Settings:
        return self.resolved.settings

    @property
    def batch(self) -> str:
        return self.settings.batch or self.head.batch_name

    @property
    def folder(self) -> Path:
        """What is beside the manifest; with one on standard input, the working directory."""
        return self.origin.path.parent

    @property
    def ledger(self) -> Path:
        """The sandbox has a ledger of its own, whatever else is set."""
        folder = self.folder / ".dubbatch"
        if self.settings.sandbox:
            return folder / "sandbox.db"
        return self.settings.ledger or folder / "ledger.db"

    def bulletin(self, batch: str) -> Bulletin:
        """Where a run of a batch in this ledger posts how it stands, for those who watch."""
        return Bulletin(bulletin_path(self.ledger, batch))

    def call(self, words: Sequence[str]) -> Call:
        """How this was called, by the ``words`` of all of it, for advice on what to type next."""
        flags = ((field, OPTIONS[field]) for field in RECORD if self.resolved.origins[OPTIONS[field].name] == "flag")
        named = [[option.flag, *_text_of(getattr(self.settings, field))] for field, option in flags]
        return Call(words, [self.named, *(word for words in named for word in words)])

    @property
    def output_dir(self) -> Path:
        folder = self.settings.output_dir or self.folder / f"{self._stem}-dubs"
        return folder / "sandbox" if self.settings.sandbox else folder

    @property
    def _stem(self) -> str:
        """Two sheets of one workbook are two batches: their reports don't share a folder."""
        if self.origin.path == STANDARD_INPUT:
            return safe_folder(self.batch)
        stem = self.origin.path.stem
        return f"{stem}-{safe_folder(self.origin.sheet)}" if self.origin.sheet else stem

    @property
    def reports(self) -> tuple[Path, ...]:
        return self.reports_in(self.output_dir)

    def reports_in(self, folder: Path) -> tuple[Path, ...]:
        """The reports of a batch whose outputs are in ``folder``, as an earlier run may have put them."""
        return (folder / "report.csv", folder / "report.json", *self.settings.report)

    def load(self) -> Manifest:
        """The manifest's jobs and all its problems, those of its settings included.

        Raises ManifestError, and UsageError where a cap is about a column that there isn't.
        """
        manifest = self._load()
        caps = self.settings.max_minutes_by
        check_columns((cap.column for cap in caps), next(iter(manifest.jobs), None), self._caps_named)
        if not self.settings.strict:
            return manifest
        jobs, problems = strictly(manifest.jobs, manifest.problems)
        return replace(manifest, jobs=jobs, problems=problems)

    def cap_warnings(self, jobs: Iterable[Job]) -> list[str]:
        """Caps on values that no row has: a slip of the pen would hold nothing back."""
        return [f"{self._caps_named}: {told}" for told in unmet(self.settings.max_minutes_by, jobs)]

    @property
    def _caps_named(self) -> str:
        return self._named(_CAPS)

    def _named(self, field: str) -> str:
        """A setting as it was given."""
        option, origin = OPTIONS[field], self.resolved.origins[OPTIONS[field].name]
        return {"flag": option.flag, "environment": option.env}.get(origin, f"{origin}: {option.name}")

    @property
    def team(self) -> TeamFile | None:
        """The sheet that results are written into; None: it is not asked for.

        Raises UsageError where the manifest is none.
        """
        if not self.settings.write_back:
            return None
        check_kind(self.origin, self._named("write_back"))
        return TeamFile(self.origin, self.columns, self._load)

    def _load(self, data: bytes | None = None, watch: Callable[[Record], None] | None = None) -> Manifest:
        cell = self.head.settings.get("output")
        is_manifests = self.resolved.origins["output"] == "manifest" and isinstance(cell, Cell)
        return load(
            self.origin,
            batch=self.batch,
            output_template=self.settings.output,
            output_template_place=cell.place if is_manifests and isinstance(cell, Cell) else None,
            columns=self.columns,
            expected=tuple(_mapped(self.settings.map)),
            include_hidden=self.settings.include_hidden,
            data=self.data if data is None else data,
            faults=tuple(self._setting_problems()),
            watch=watch,
        )

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
        return ledger.jobs.batch_of_manifest(self.origin.resolved) or ledger.jobs.batch(self.batch)

    def _setting_problems(self) -> Iterator[Problem]:
        for fault in self.resolved.manifest_faults:
            cell = self.head.settings[fault.key]
            first = cell if isinstance(cell, Cell) else cell[0]
            value = "" if is_secret(fault.key) else shown(first.text)
            yield Problem("error", first.place, value, fault.message, fault.remedy)


def open_project(manifest: str, values: Mapping[str, Any], *, needs_rows: bool = False) -> Project:
    """Read the head of a manifest and resolve its settings.

    ``needs_rows``: whether the command reads the rows, too; of a manifest on standard input the others read nothing.
    Raises ManifestError, UsageError.
    """
    origin = parse_address(manifest)
    data = _standard_input() if needs_rows and origin.path == STANDARD_INPUT else None
    head = Head(origin) if origin.path == STANDARD_INPUT and data is None else read_head(origin, data)
    resolved, columns = _resolved(head, values)
    if origin.path == STANDARD_INPUT and not resolved.settings.batch and head.batch is None:
        raise UsageError("a manifest on standard input has no name", hint="give the batch one: --batch NAME")
    return Project(head, resolved, {**columns, **_mapped(resolved.settings.map)}, data, manifest)


def settings_here(values: Mapping[str, Any]) -> Resolved:
    """The settings of a command without a manifest: as if one were in the working directory. Raises UsageError."""
    return _resolved(Head(Origin(STANDARD_INPUT)), values)[0]


def _resolved(head: Head, values: Mapping[str, Any]) -> tuple[Resolved, dict[str, str]]:
    """The settings in force, and what dubbatch.toml says of headers."""
    folder = head.origin.path.absolute().parent
    toml, columns = read_toml(folder)
    resolved = resolve(
        flags=given_flags(values),
        env=os.environ,
        manifest={
            key: cell.text if isinstance(cell, Cell) else [item.text for item in cell]
            for key, cell in head.settings.items()
        },
        toml=toml,
        here=Path.cwd(),
        beside=folder,
        lines={key: _line(cell) for key, cell in head.settings.items()},
    )
    if resolved.settings.sandbox:
        resolved = _at_sandbox_pace(resolved)
    return _with_log(_with_reports(resolved), folder), columns


def _line(cell: Cell | tuple[Cell, ...]) -> str:
    """Where a setting stands in the manifest."""
    first = cell if isinstance(cell, Cell) else next(iter(cell), None)
    return f"{first.place.file}, line {first.place.row}" if first else ""


def _with_reports(resolved: Resolved) -> Resolved:
    """Reports in formats that there are. In the manifest, another one is a problem of its cell."""
    try:
        for report in resolved.settings.report:
            check_suffix(report)
    except UsageError as error:
        if resolved.origins["report"] != "manifest":
            raise
        fault = Fault("report", error.message, error.hint)
        settings = replace(resolved.settings, report=())
        return replace(resolved, settings=settings, manifest_faults=(*resolved.manifest_faults, fault))
    return resolved


def _with_log(resolved: Resolved, folder: Path) -> Resolved:
    """Without a log that the manifest has no business to name: that is a problem of its cell."""
    path = resolved.settings.log_file
    if path is None or resolved.origins["log_file"] != "manifest" or not (flaw := manifests_flaw(path, folder)):
        return resolved
    fault = Fault("log_file", flaw, "name it so, or give another place with --log-file")
    settings = replace(resolved.settings, log_file=None)
    return replace(resolved, settings=settings, manifest_faults=(*resolved.manifest_faults, fault))


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        raise UsageError("- reads the manifest from standard input, which is a terminal", hint="pipe the file into it")
    data = read_at_most(sys.stdin.buffer)
    if not data.strip():
        raise ManifestError("nothing came on standard input", hint="pipe a manifest into it: cat dubs.csv | dubbatch …")
    return data


def _mapped(texts: Iterable[str]) -> dict[str, str]:
    """``Header=column``, the header with as many ``=`` as it has; ``Header=`` is the team's own. Raises UsageError."""
    columns = {}
    for text in texts:
        header, _, column = text.rpartition("=")
        if not header.strip() or not is_meaning(column):
            raise UsageError(
                f"--map {text!r} names no header and column of dubbatch",
                hint=likely(column) or "write --map 'Video File=video'",
            )
        columns[header.strip()] = column.strip()
    return columns


def _at_sandbox_pace(resolved: Resolved) -> Resolved:
    """The sandbox's own pace, where nothing else was asked for."""
    unset = {
        field: value for field, value in _SANDBOX_PACE.items() if resolved.origins[OPTIONS[field].name] == "default"
    }
    settings = replace(resolved.settings, **unset)  # type: ignore[arg-type]
    places = {OPTIONS[field].name: "default with --sandbox" for field in unset}
    return replace(resolved, settings=settings, places={**resolved.places, **places})


def _text_of(value: object) -> list[str]:
    """What stands behind a flag; nothing behind a switch."""
    return [] if isinstance(value, bool) else [str(value)]
