"""Commands as a person types them in the shell of this system."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable


def as_typed(words: Iterable[str]) -> str:
    """One line that a shell takes apart into ``words`` again."""
    if os.name == "nt":
        # Single quotes mean nothing there. Imported where it is needed: every command loads this module.
        from subprocess import list2cmdline

        return list2cmdline(words)
    return shlex.join(words)
