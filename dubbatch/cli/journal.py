"""What a command has to say besides its result: to people on standard error, to programs as a log.

People get sentences. The log gets one entry for each thing that happened, with what it is about in fields of its own:
as JSON, one object a line, or as text. It goes to standard error (with ``--log-format json``), into ``--log-file``, or
both. Where standard error has JSON, no prose is printed anywhere, so that whatever is redirected can be parsed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from dubbatch.api.text import clean, printable, unsigned
from dubbatch.cli.audience import while_read
from dubbatch.cli.exit_codes import code_of_error
from dubbatch.cli.logfile import LogFile
from dubbatch.cli.speech import say
from dubbatch.errors import DubbatchError

#: What an action may be besides the states of a job.
ENDED = "ended"
#: Longest text of one field, in characters.
_TEXT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``more`` are the fields that only some actions have."""

    #: A word of ``dubbatch.events.Level``, which ``dubbatch --help`` has no need to load.
    level: str
    action: str
    message: str = ""
    hint: str = ""
    batch: str = ""
    job: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def as_json(entry: Entry, now: datetime) -> str:
    """One line. Escaped, it is the same whatever encoding the stream has, and no terminal obeys it."""
    time = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = {"time": time, "level": entry.level, "action": entry.action, "batch": entry.batch, "job": entry.job}
    said = {name: text for name, text in (("message", entry.message), ("hint", entry.hint)) if text}
    return json.dumps({**known, **said, **entry.more}, default=str)


def as_text(entry: Entry, now: datetime) -> str:
    """The same for people who look at it later."""
    who = ": ".join(filter(None, (entry.batch, entry.job)))
    more = ", ".join(f"{name}={_plain(value)}" for name, value in entry.more.items() if value not in ("", None, {}))
    said = " ".join(filter(None, (entry.message, f"({entry.hint})" if entry.hint else "", more)))
    time = now.astimezone().isoformat(timespec="seconds")
    return f"{time} {entry.level:<7} {entry.action:<10} " + ": ".join(filter(None, (who, said)))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {number}" for key, number in value.items())
    if isinstance(value, float):
        return f"{value:.2f}"
    return " ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


_FORMS: Mapping[str, Callable[[Entry, datetime], str]] = {"json": as_json, "text": as_text}


class Journal:
    """Standard error and the log of one command."""

    def __init__(self, *, is_json: bool = False, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """``is_json``: standard error gets the log from the beginning, before any setting is read."""
        self._is_json = is_json
        self._is_quiet = False
        self._now = now
        self._file: LogFile | None = None
        self._form = "text"
        # Events come from the run's thread, looks at it from another.
        self._lock = threading.Lock()

    @property
    def speaks(self) -> bool:
        """Whether people are spoken to, on standard error and with results on standard output."""
        return not self._is_json

    def say(self, text: str) -> None:
        """A line for people alone: what programs need of it is entered, too."""
        if self.speaks:
            say(text, err=True)

    def enter(self, entry: Entry) -> None:
        """Add an entry to the log. What can't be written (a full disk) is not worth ending a paid run for."""
        safe = _without_secrets(entry)
        is_wanted = not self._is_quiet or entry.level == "error" or entry.action == ENDED
        with self._lock:
            if self._is_json and is_wanted:
                with while_read(sys.stderr):
                    sys.stderr.write(as_json(safe, self._now()) + "\n")
            if self._file is not None:
                self._file.write(_FORMS[self._form](safe, self._now()))

    def error(self, error: DubbatchError, *, batch: str = "") -> None:
        """An error that ended a command, or one manifest's part of it."""
        self.say(f"dubbatch: {error.message}")
        if error.advice:
            self.say(f"  {error.advice}")
        self._end(Entry("error", "error", error.message, error.advice, batch), code_of_error(error))

    def farewell(self, word: str, code: int) -> None:
        """A command was ended from outside, before its run began or after it."""
        self.say(word)
        self._end(Entry("error", "error", word), code)

    def mistake(self, told: str, way: Sequence[str], code: int) -> None:
        """Something happened that should not, with the ``way`` to it through the code."""
        for line in (*way, f"dubbatch: {told}", "  Please report it, with the lines above."):
            self.say(line)
        self._end(Entry("error", "error", told, more={"traceback": way}), code)

    def last_words(self, word: str, code: int) -> None:
        """The same, past streams and locks: their holder may have been stopped in the middle of a line."""
        end = Entry("error", ENDED, word, more={"exit_code": code})
        if self._file is not None:
            self._file.write(_FORMS[self._form](end, self._now()))
        text = as_json(end, self._now()) if self._is_json else word
        with suppress(OSError):
            if os.isatty(2):
                # Whatever was drawn there, and the cursor, which is hidden while it is.
                os.write(2, b"\r\x1b[2K\x1b[?25h")
            os.write(2, f"{text}\n".encode())

    def _end(self, entry: Entry, code: int) -> None:
        """Each run's log ends with an entry of the same name, whatever ended the run."""
        self.enter(entry)
        self.enter(Entry("error", ENDED, batch=entry.batch, more={"exit_code": code}))

    def open(self, form: str, path: Path | None, *, is_quiet: bool) -> None:
        """Log from now on as a command's settings say. Raises DiskError for a file that can't be had."""
        # On a terminal somebody looks on, and what programs want is in the file.
        is_watched = path is not None and sys.stderr.isatty()
        self._is_json, self._is_quiet, self._form = form == "json" and not is_watched, is_quiet, form
        if self._file is not None and self._file.path != path:
            self.close()
        if self._file is None and path is not None:
            self._file = LogFile(path)

    def close(self) -> None:
        """Let go of the file, and tell where it has not got everything."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            if file.has_failed:
                self.say(f"warning: not all of the log could be written to {file.path}")


def warn(journal: Journal, warnings: Iterable[str], batch: str = "") -> None:
    """Warnings that are about no job."""
    for warning in warnings:
        journal.say(f"warning: {warning}")
        journal.enter(Entry("warning", "notice", warning, batch=batch))


def asks_for_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether the log is wanted as JSON, as far as it can be told before the command line is read."""
    said = environment.get("DUBBATCH_LOG_FORMAT", "")
    for word, following in pairwise([*arguments, ""]):
        if word == "--log-format":
            said = following
        elif word.startswith("--log-format="):
            said = word.partition("=")[2]
    return said.strip().lower() == "json"


def _without_secrets(entry: Entry) -> Entry:
    message, hint = (clean(text, limit=_TEXT_MAX) for text in (entry.message, entry.hint))
    batch, job = (unsigned(printable(text)) for text in (entry.batch, entry.job))
    return Entry(entry.level, entry.action, message, hint, batch, job, _safe(entry.more))


def _safe(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_safe(str(key)): _safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(item) for item in value]
    return unsigned(printable(value)) if isinstance(value, str) else value
