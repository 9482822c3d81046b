"""Manifests as teams really have them: each file of ``tests/data/manifests`` gives the jobs and problems beside it.

A file ``<name>.expected.json`` says which manifest it is about and what must come of it: every job in
order, every problem with its place, or words of the error where the file can't be read at all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dubbatch.errors import ManifestError
from dubbatch.jobs import Job
from dubbatch.manifest import Manifest, Problem, load, parse_address, read_head
from dubbatch.manifest.problems import shown

CORPUS = Path(__file__).parent.parent / "data" / "manifests"
SUFFIX = ".expected.json"
CASES = sorted(path.name.removesuffix(SUFFIX) for path in CORPUS.glob(f"*{SUFFIX}"))
#: One of each kind: the command gives what the loader gives.
COMMAND_CASES = ("lo-polish", "mapped", "standard-input", "key-in-manifest", "hidden-rows-included", "sheets-summer")


def expected(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CORPUS / f"{case}{SUFFIX}").read_text(encoding="utf-8"))
    return found


def address(case: Mapping[str, Any]) -> str:
    return f"{case['file']}#{case['sheet']}" if "sheet" in case else str(case["file"])


def flags(options: Sequence[str], name: str) -> list[str]:
    return [value for option, value in pairwise(options) if option == name]


def loaded(case: Mapping[str, Any]) -> Manifest:
    options = case.get("options", [])
    columns = {header: column for header, _, column in (text.rpartition("=") for text in flags(options, "--map"))}
    data = (CORPUS / case["file"]).read_bytes() if case.get("stdin") else None
    origin = parse_address("-" if case.get("stdin") else address(case), Path() if case.get("stdin") else CORPUS)
    read_head(origin, data)
    return load(
        origin,
        batch="corpus",
        output_template="{id}.mp4",
        columns=columns,
        include_hidden="--include-hidden" in options,
        data=data,
    )


def of_job(job: Job) -> dict[str, str]:
    action = "skipped" if job.skip else "blocked" if job.blocked else "new"
    media = {"video": shown(job.video.text), "audio": shown(job.audio.text)}
    return {"id": job.id, **media, "language": job.language, "action": action}


def of_problem(problem: Mapping[str, Any]) -> dict[str, Any]:
    names = ("severity", "row", "column", *(["sheet"] if problem["sheet"] else []))
    return {name: problem[name] or None for name in names}


def in_order(problems: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(problems, key=lambda problem: json.dumps([problem["row"] or 0, problem["column"], problem]))


def test_every_manifest_of_the_corpus_has_an_expectation() -> None:
    told_of = {expected(case)["file"] for case in CASES}
    files = {path.name for path in CORPUS.iterdir() if path.is_file() and not path.name.endswith(SUFFIX)}
    assert files - told_of == {"make.py", "included.csv"}


@pytest.mark.parametrize("name", CASES)
def test_a_manifest_gives_its_jobs_and_problems(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = expected(name)
    # Paths of a manifest on standard input are relative to the working directory.
    monkeypatch.chdir(CORPUS)
    if "error" in case:
        with pytest.raises(ManifestError) as error:
            loaded(case)
        assert case["error"] in f"{error.value.message} {error.value.hint}"
        return
    manifest = loaded(case)
    if not case.get("command_only"):
        assert [of_job(job) for job in manifest.jobs] == case["jobs"]
        problems = [of_problem(problem.as_json()) for problem in manifest.problems]
        assert in_order(problems) == in_order(case["problems"]), said(manifest.problems)
    assert all(problem.message and problem.remedy for problem in manifest.problems), said(manifest.problems)


def said(problems: Sequence[Problem]) -> str:
    return "\n".join(f"{problem.severity} {problem} [{problem.value}] -> {problem.remedy}" for problem in problems)


@pytest.mark.parametrize("name", COMMAND_CASES)
def test_the_command_tells_the_same(name: str, tmp_path: Path, make_media: Callable[[Path], None]) -> None:
    """With real media in place of the corpus' words: it looks into them."""
    folder = Path(shutil.copytree(CORPUS, tmp_path / "corpus"))
    for path in (folder / "media").iterdir():
        if path.suffix in (".mp4", ".wav", ".mp3") and path.is_file() and path.stat().st_size:
            make_media(path)
    case = expected(name)
    where = "-" if case.get("stdin") else address(case)
    command = [sys.executable, "-m", "dubbatch", "plan", where, "--format", "json", *case.get("options", [])]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("DUBBATCH", "CHAMELAION"))}
    piped = (CORPUS / case["file"]).read_bytes() if case.get("stdin") else b""
    done = subprocess.run(command, cwd=folder, env=env, input=piped, capture_output=True, timeout=60, check=False)
    plan = json.loads(done.stdout)
    if "error" in case:
        assert case["error"] in json.dumps(plan["problems"], ensure_ascii=False)
    else:
        jobs = [{key: job[key] or "" for key in ("id", "video", "audio", "language", "action")} for job in plan["jobs"]]
        assert jobs == case["jobs"]
        assert in_order([of_problem(problem) for problem in plan["problems"]]) == in_order(case["problems"])
    is_broken = "error" in case or any(problem["severity"] == "error" for problem in case["problems"])
    assert done.returncode == (3 if is_broken else 0), done.stderr
