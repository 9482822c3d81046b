"""The media of a folder, wherever in it they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dubbatch.manifest.inputs import Inputs
from dubbatch.manifest.problems import Finding
from dubbatch.pairing.pairs import Orphan, role_of
from dubbatch.pairing.writer import spelling

#: Where a run puts its outputs.
_OUTPUTS = "-dubs"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a folder; paths are relative to it."""

    media: tuple[PurePosixPath, ...]
    #: What keeps some of them from being sent. Commands in it work where the folder's own path does.
    flaws: Mapping[PurePosixPath, Finding]
    #: Folders that can't be read, and why.
    closed: tuple[Orphan, ...]


def find_media(folder: Path) -> Found:
    """All media under ``folder``. Not those in hidden folders and in outputs of dubbatch; links are followed once."""
    walk = _Walk(folder)
    inputs = Inputs((str(Path.cwd()),))
    media = tuple(walk.media())
    flaws = {}
    for path in media:
        role = role_of(path)
        text = spelling(PurePosixPath((folder / path).as_posix()))
        if role and (finding := inputs.read(role, text).finding):
            flaws[path] = finding
    return Found(media, flaws, tuple(walk.closed))


@dataclass
class _Walk:
    folder: Path
    closed: list[Orphan] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def media(self) -> Iterator[PurePosixPath]:
        for root, folders, files in os.walk(self.folder, onerror=self._tell, followlinks=True):
            real = os.path.realpath(root)
            # A link to a folder above would lead round for ever.
            is_new = real not in self._seen
            self._seen.add(real)
            folders[:] = sorted(name for name in folders if is_new and _is_theirs(name))
            for name in sorted(files):
                path = self._relative(Path(root, name))
                if is_new and role_of(path) and not name.startswith("."):
                    yield path

    def _tell(self, error: OSError) -> None:
        self.closed.append(Orphan(self._relative(Path(error.filename)), error.strerror or str(error)))

    def _relative(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self.folder).as_posix())


def _is_theirs(folder: str) -> bool:
    return not folder.startswith(".") and not folder.endswith(_OUTPUTS)
