"""The moments between which a crash matters, told to whoever audits the process (PEP 578).

Nothing listens in a normal run, and then telling costs some tens of nanoseconds. The chaos
tests run the command with an audit hook that kills it at one of these moments; Python itself
tells of the others that matter there (``os.rename``, ``os.remove``, ``open``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: A statement that changes the ledger; told before it.
WRITE = "dubbatch.write"
#: A transaction of the ledger, or of the log of permits; told before and after.
COMMIT = "dubbatch.commit"
#: A POST; told before anything leaves, and after what came of it is known and not recorded yet.
POST = "dubbatch.post"


def reached(moment: str, what: str) -> None:
    """Tell of a moment. ``what`` says which statement, file or kind of call; never a value."""
    sys.audit(moment, "before", what)


@contextmanager
def around(moment: str, what: str) -> Iterator[None]:
    """Tell before and, unless it failed, after."""
    sys.audit(moment, "before", what)
    yield
    sys.audit(moment, "after", what)
