"""The shape of the package: who may import whom, and what loads when."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dubbatch

ROOT = Path(dubbatch.__file__).parent

#: Lower layers first. A module imports from its own layer or from those before it.
LAYERS: list[set[str]] = [
    {"durability", "errors", "forms", "interrupts", "memory", "moments", "option", "particulars"},
    {"jobs", "identity"},
    {"events", "flow", "pacing", "resolution", "settings"},
    {"manifest", "media", "api", "ledger"},
    {"pairing", "selection", "settlement", "stop", "service", "inputs", "asking", "listing", "plan", "run"},
    {"account", "budget", "preflight"},
    {"forecast", "planner", "signals"},
    {"scheduler", "tracker", "stats", "report"},
    {"bulletin", "writeback"},
    {"batch", "ending", "opening", "outlook", "refresh", "result"},
    {"pipeline", "preview"},
    {"sandbox", "cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
#: These stages meet in the pipeline only.
APART = {"scheduler", "tracker", "report", "stats"}
#: Engine -> the only places that may import it.
ENGINES = {
    "httpx": {"api.client"},
    "httpcore": {"api.client", "api.network", "api.stream"},
    "sqlite3": {"ledger"},
    "tenacity": {"pacing.retry"},
    "pandas": {"report"},
    "av": {"media"},
    "xxhash": {"media.hashing"},
    "click": {"cli"},
    "rich": {"cli"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "yaml": {"manifest", "pairing.writer"},
    "langcodes": {"manifest.languages"},
    "python_calamine": {"manifest.workbook.source"},
    "xlsxwriter": {"pairing.writer", "report.workbook"},
    "xml.parsers.expat": {"manifest.workbook.ooxml"},
    "filelock": {"ledger", "sandbox"},
    "dotenv": {"cli"},
    "keyring": {"cli.keyring"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in ("", "__main__"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module in ("dubbatch", "xml.parsers"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_imports_go_one_way() -> None:
    """Design, section 4: lower layers never import higher ones; scheduler, tracker and report never each other."""
    faults = []
    for name, tree in modules():
        home = name.split(".")[0]
        for target in imports(tree):
            if not target.startswith("dubbatch.") or target == "dubbatch.__version__":
                continue
            there = target.split(".")[1]
            if RANK[there] > RANK[home]:
                faults.append(f"{name} imports {target}, which is above it")
            if home in APART and there in APART and there != home:
                faults.append(f"{name} imports {target}: they meet in the pipeline only")

    assert not faults


def test_every_engine_has_one_importer() -> None:
    """One place to change when a library does."""
    faults = []
    for name, tree in modules():
        for target in imports(tree):
            engine = next((engine for engine in ENGINES if target == engine or target.startswith(f"{engine}.")), "")
            homes = ENGINES.get(engine, {name})
            if not any(name == home or name.startswith(f"{home}.") for home in homes):
                faults.append(f"{name} imports {target}")

    assert not faults


def test_no_module_of_ours_is_imported_inside_a_function() -> None:
    """A cycle that is hidden in a function is a cycle all the same."""
    faults = []
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                faults += [f"{name}.{node.name} imports {t}" for t in imports(node) if t.startswith("dubbatch")]

    assert not faults


def test_help_loads_no_heavy_library() -> None:
    """``dubbatch --help`` starts at once."""
    heavy = {"pandas", "av", "httpx", "pydantic", "starlette", "uvicorn", "sqlite3", "rich", "yaml", "tenacity"}
    heavy |= {"asyncio", "ssl", "langcodes", "python_calamine", "xlsxwriter", "keyring"}
    code = (
        "import sys; from dubbatch.cli.app import app; app.main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.split(".")[0] for module in done.stdout.splitlines()[-1].split()}

    assert not heavy & loaded


def test_the_public_names_are_sorted_and_load() -> None:
    """What ``__all__`` promises is there."""
    assert dubbatch.__all__ == sorted(dubbatch.__all__)
    assert all(getattr(dubbatch, name) is not None for name in dubbatch.__all__)
