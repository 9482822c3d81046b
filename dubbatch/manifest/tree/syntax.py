"""What differs between YAML and JSON once a file is nodes: how a person writes what a remedy asks for."""

from __future__ import annotations

from typing import NamedTuple

#: Of this format.
VERSION = "1"


class Syntax(NamedTuple):
    """What remedies say, as one writes it in this kind of file."""

    #: In place of a document that is no map.
    shape: str
    #: What says the manifest's version.
    version: str
