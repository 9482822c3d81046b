"""Manifests: from a file that a person wrote to jobs, and to problems that a person can mend.

address -> sources (YAML, JSON, CSV, XLSX) -> records of cells -> headers -> rules -> jobs and problems. A source
knows the syntax of one kind of file; the rules know nothing but cells.
"""

from dubbatch.manifest.address import parse_address
from dubbatch.manifest.cells import Head, Origin
from dubbatch.manifest.loader import Manifest, load, read_head
from dubbatch.manifest.problems import Problem

__all__ = ["Head", "Manifest", "Origin", "Problem", "load", "parse_address", "read_head"]
