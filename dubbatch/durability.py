"""What makes a new name in a folder outlive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk. Raises OSError.

    Windows can't open a folder; there a new name is durable with the file system's journal.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
