"""What a report of a bug needs: the versions of all that takes part."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from platformdirs import user_state_path

from dubbatch import __version__
from dubbatch.ledger.database import SQLITE_VERSION
from dubbatch.media.libraries import ffmpeg_versions

#: Whose versions tell how dubbatch behaves. They are looked up, not loaded: one of them may be what is broken.
_LIBRARIES = ("httpx", "httpcore", "pydantic", "pandas", "av", "click", "rich", "tenacity", "keyring")


def version_lines() -> Iterator[str]:
    """The first line is dubbatch's own; no line has anything that is secret."""
    yield f"dubbatch {__version__}"
    yield f"Python {platform.python_version()} ({platform.python_implementation()}), {platform.platform()}"
    yield f"SQLite {SQLITE_VERSION}; FFmpeg {ffmpeg_versions()}"
    yield ", ".join(f"{name} {_version_of(name)}" for name in _LIBRARIES)
    yield f"permits are logged in {_from_home(user_state_path('dubbatch', ensure_exists=False))}"


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _from_home(path: Path) -> str:
    """A path without the name of the person, which is nobody's business where bugs are reported."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
