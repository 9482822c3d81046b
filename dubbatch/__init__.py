"""Batch dubbing from a manifest: every row lip-synced once, downloaded, checked and reported.

The public API. Names are loaded on use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dubbatch.api.credentials import Credentials
    from dubbatch.batch import Batch
    from dubbatch.errors import DubbatchError
    from dubbatch.jobs import Attempt, Job, JobState, Media, Output, Send
    from dubbatch.manifest import Manifest, Problem
    from dubbatch.manifest import load as load_manifest
    from dubbatch.pipeline import run_batch
    from dubbatch.result import RunResult
    from dubbatch.service import Service
    from dubbatch.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Attempt",
    "Batch",
    "Credentials",
    "DubbatchError",
    "Job",
    "JobState",
    "Manifest",
    "Media",
    "Output",
    "Problem",
    "RunResult",
    "Send",
    "Service",
    "Settings",
    "load_manifest",
    "run_batch",
]

_HOMES = {
    "Attempt": "jobs",
    "Batch": "batch",
    "Credentials": "api.credentials",
    "DubbatchError": "errors",
    "Job": "jobs",
    "JobState": "jobs",
    "Manifest": "manifest",
    "Media": "jobs",
    "Output": "jobs",
    "Problem": "manifest",
    "RunResult": "result",
    "Send": "jobs",
    "Service": "service",
    "Settings": "settings",
    "load_manifest": "manifest:load",
    "run_batch": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"dubbatch.{module}"), attribute or name)
