"""A folder with a few media, and two ways to put a manifest into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dubbatch.manifest import Manifest, load

Loader = Callable[..., Manifest]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose ``media/`` has a.mp4, b.mp4, a.de.wav, a.fr.mp3, b.de.wav, film.mov, empty.wav and a folder."""
    media = tmp_path / "media"
    (media / "folder.mp4").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "a.de.wav", "a.fr.mp3", "b.de.wav", "film.mov"):
        (media / name).write_bytes(b"media")
    (media / "empty.wav").touch()
    return tmp_path


@pytest.fixture
def load_csv(folder: Path) -> Loader:
    """Load a manifest of that text (or those bytes) in the folder."""

    def load_text(text: str | bytes, *, template: str = "{id}.mp4") -> Manifest:
        path = folder / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path, batch="list", output_template=template)

    return load_text


@pytest.fixture
def load_yaml(folder: Path) -> Loader:
    def load_text(text: str, *, template: str = "{id}.mp4") -> Manifest:
        path = folder / "list.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, batch="list", output_template=template)

    return load_text
