"""Whatever a file holds, loading ends in jobs, in problems, or in a ManifestError: never in a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest import Manifest, load, read_head
from dubbatch.manifest.columns import KNOWN

YAML_BITS = st.sampled_from(
    ["jobs:", "version: 1", "video", "audio", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "!!set ",
     "'", '"', "|", ">", "#", "?", "\t", "---", "%", "@", ",", "x", "é", "\x00", "\u2028", '"\\ud800"', "~"]
)  # fmt: skip
CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["x", "no", "media", "..", "/", "https://x.example/a.mp4", "https://[", "s3://a", "file:", "a.mp4"]
    ),
)


def load_bytes(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list").with_suffix(suffix)
        path.write_bytes(data)
        for read in (read_head, lambda path: load(path, batch="b", output_template="{language}/{note}/{id}.mp4")):
            with suppress(ManifestError):
                read(path)


@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00\xd8\x00")
@example(b"\xef\xbb\xbf\xff")
def test_any_bytes_end_well(data: bytes) -> None:
    """Files get cut, mixed up and mailed around."""
    load_bytes(data, ".csv")
    load_bytes(data, ".yaml")


@given(st.lists(YAML_BITS, max_size=30).map("".join))
def test_any_yaml_ends_well(text: str) -> None:
    """Also what is nearly a manifest."""
    load_bytes(text.encode(), ".yaml")
    load_bytes(f"version: 1\njobs:\n- video: {text}".encode(), ".yaml")


@given(st.lists(st.fixed_dictionaries(dict.fromkeys((*KNOWN, "audio_de", "note"), CELLS)), max_size=4))
def test_any_cells_end_well(rows: list[dict[str, str]]) -> None:
    """Also where every column holds what another should."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*KNOWN, "audio_de", "note"], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    load_bytes(text.getvalue().encode("utf-8", errors="replace"), ".csv")


MB = 1 << 20
TOP = "version: 1\njobs:\n"
#: Name of a file, what is in it, and what is told of it: the place (if any), and words of the message.
HARMFUL: dict[str, tuple[Callable[[], str | bytes], str, str]] = {
    "lists.yaml": (
        lambda: (
            "version: 1\na0: &a0 [x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
            + "jobs: *a29\n"
        ),
        "lists.yaml:2:1",
        "unknown key",
    ),
    "merges.yaml": (
        lambda: (
            f"version: 1\ndefaults: &d {{{', '.join(f'k{n}: v' for n in range(1000))}}}\njobs:\n"
            + "- <<: *d\n" * 20_000
        ),
        "merges.yaml:2:11",
        "the aliases stand for more than",
    ),
    "brackets.yaml": (lambda: "jobs: " + "[" * 100_000, "brackets.yaml:1:47", "nested more than 40 levels"),
    "braces.yaml": (lambda: "jobs: " + "{a: " * 100_000, "braces.yaml:1:", "nested more than 40 levels"),
    "keys.yaml": (lambda: "? " * 100_000, "keys.yaml:1:", "nested more than 40 levels"),
    "indents.yaml": (
        lambda: "".join(" " * n + "a:\n" for n in range(3000)),
        "indents.yaml:4",
        "nested more than 40 levels",
    ),
    "cell.yaml": (lambda: f"{TOP}- video: {'x' * 4 * MB}\n  audio: a\n", "cell.yaml:3:10", "longer than 131,072"),
    "block.yaml": (lambda: f"{TOP}- video: |\n" + "    xxx\n" * MB, "block.yaml:3:10", "longer than 131,072"),
    "quote.yaml": (lambda: f'{TOP}- video: "' + "x\n" * 2 * MB, "quote.yaml:", "never closed"),
    "columns.yaml": (
        lambda: f"{TOP}- {{{', '.join(f'c{n}: x' for n in range(20_000))}}}",
        "columns.yaml:3:",
        "different keys",
    ),
    "tag.yaml": (lambda: f"{TOP}- !!python/object/apply:os.system ['touch pwned']\n", "tag.yaml:3:3", "a row is a map"),
    "surrogate.yaml": (
        lambda: f'{TOP}- {{video: a, note: "\\ud800"}}\n',
        "surrogate.yaml:3:",
        "invalid Unicode character",
    ),
    "large.yaml": (lambda: "#" * 25 * MB, "large.yaml", "too big for a manifest: more than 24 MB"),
    "nul.yaml": (lambda: "jobs: a\0", "nul.yaml", "not a text file"),
    "cell.csv": (lambda: f'video,audio\n"{"x" * 4 * MB}",b\n', "cell.csv, row 2", "longer than 131,072"),
    "quote.csv": (lambda: 'video,audio\n"' + "x\n" * 2 * MB, "quote.csv, row 2", "longer than 131,072"),
    "heading.csv": (lambda: '"video,audio\n' + "x\n" * 2 * MB, "heading.csv, row 1", "longer than 131,072"),
    "ending.csv": (lambda: 'video,audio\na,"b\nc', "ending.csv, row 2", "never closed"),
    "line.csv": (lambda: "x" * 4 * MB, "line.csv, row 1", "longer than 131,072"),
    "commas.csv": (lambda: "video,audio\n" + "," * 4 * MB, "commas.csv, row 2", "more than 16,384 cells"),
    "columns.csv": (lambda: ",".join(f"c{n}" for n in range(20_000)), "columns.csv, row 1", "more than 16,384 cells"),
    "rows.csv": (
        lambda: "video,audio\n" + "a\n" * 2 * MB,
        "rows.csv, row 1",
        "the rows after row 10001 were not looked at",
    ),
    "large.csv": (lambda: "x" * 65 * MB, "large.csv", "too big for a manifest: more than 64 MB"),
    "numbers.csv": (
        lambda: f"video,audio,priority\na,b,{'9' * 100_000}\n",
        "numbers.csv, row 2, column priority",
        "whole number",
    ),
    "nul.csv": (lambda: "video,audio\na\0,b\n", "nul.csv", "not a text file"),
    "bytes.csv": (lambda: b"video,audio\n\xff\xfe,\x80\n", "bytes.csv", "not UTF-8 (line 2)"),
    "utf16.csv": (
        lambda: b"\xff\xfe" + "nothing that is known here\n".encode("utf-16-le") + b"\x00\xd8",
        "utf16.csv, row 1",
        "no column video",
    ),
}
#: Loads what it is given, with as much memory and time as a small manifest may cost many times over.
LOADER = """
import json, resource, sys
from pathlib import Path
from dubbatch.errors import ManifestError
from dubbatch.manifest import Manifest, load, read_head

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
told = {}
for name in sys.argv[1:]:
    resource.setrlimit(resource.RLIMIT_CPU, (int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 20, -1))
    try:
        read_head(Path(name))
        manifest = load(Path(name), batch="b", output_template="{id}.mp4")
        told[name] = [(str(p.place), p.message, p.remedy) for p in manifest.problems][-20_000:]
    except ManifestError as error:
        told[name] = [(name, error.message, error.hint)]
print(json.dumps(told))
"""


def loaded(folder: Path, names: list[str]) -> dict[str, list[tuple[str, str, str]]]:
    """What a process with little memory and time says of these manifests."""
    done = subprocess.run(
        [sys.executable, "-c", LOADER, *names], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, list[tuple[str, str, str]]] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str, str]]]:
    folder = tmp_path_factory.mktemp("harmful")
    for name, (make, *_) in HARMFUL.items():
        content = make()
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        return loaded(folder, list(HARMFUL))
    finally:
        assert not (folder / "pwned").exists()
        for name in HARMFUL:
            (folder / name).unlink()


@pytest.mark.parametrize("name", HARMFUL)
def test_what_is_made_to_harm_is_told_in_bounded_time_and_memory(
    name: str, told: dict[str, list[tuple[str, str, str]]]
) -> None:
    """With its place and a remedy, and as little of it as helps."""
    _, place, words = HARMFUL[name]

    found = [(where, remedy) for where, message, remedy in told[name] if words in message]

    assert found, told[name][:3]
    assert any(where.startswith(place) and remedy for where, remedy in found)
    assert max(len(message) + len(remedy) for _, message, remedy in told[name]) < 1_000
    assert len(told[name]) <= 10_002


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("pipe.csv", _pipe, "no file, but a pipe or a device"),
        ("zero.csv", lambda path: path.symlink_to("/dev/zero"), "no file, but a pipe or a device"),
        ("zero.yaml", lambda path: path.symlink_to("/dev/zero"), "no file, but a pipe or a device"),
        ("folder.yaml", Path.mkdir, "is a folder"),
        ("loop.csv", lambda path: path.symlink_to(path), "no file"),
        ("nowhere.csv", lambda path: path.symlink_to("gone"), "no file"),
        ("sheet.xls", lambda path: path.touch(), "a .xls file is no manifest"),
        ("noname", lambda path: path.symlink_to("/dev/zero"), "without suffix"),
    ],
)
def test_what_is_no_file_is_refused_unread(tmp_path: Path, name: str, make: Callable[[Path], Any], words: str) -> None:
    """A pipe has no end that we know of, and nobody may be writing into it."""
    make(tmp_path / name)

    with pytest.raises(ManifestError, match=words) as caught:
        read_head(tmp_path / name)

    assert caught.value.hint


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """An archive is told by its first bytes under a text's name, and has to hold a workbook under its own."""
    for name in ("bomb.xlsx", "bomb.csv", "bomb.yaml"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr("xl/worksheets/sheet1.xml", b"\0" * 4 * MB)

        told = loaded(tmp_path, [name])

        assert "an archive without a workbook" in told[name][0][1] or "is a ZIP archive" in told[name][0][1]
        assert told[name][0][2]


@pytest.mark.parametrize(
    ("header", "cell", "column", "words"),
    [
        ("output", "a/" * 400, "output", "too long for a file"),
        ("reference_id", "a\u200db", "reference_id", "can't be sent"),
        ("reference_id", "a\u202eb", "reference_id", "can't be sent"),
        ("reference_id", "a\ue000b", "reference_id", "can't be sent"),
        ("minutes", "1e308", "minutes", "not a number of minutes"),
        ("minutes", "9" * 400, "minutes", "not a number of minutes"),
        ("priority", "9" * 5_000, "priority", "not a whole number"),
        ("id", "x" * 131_000, "id", "too long"),
        ("id", "a\x9b31mb", "id", "control characters"),
        ("language", "de/../../x", "language", "no language tag"),
    ],
)
def test_a_cell_that_would_do_harm_later_is_told_before_anything_is_sent(
    load_csv: Callable[[str], Manifest], header: str, cell: str, column: str, words: str
) -> None:
    """A name that can't be made, a reference that is never recognised, a number that is none."""
    manifest = load_csv(f"video,audio,{header}\nmedia/a.mp4,media/a.de.wav,{cell}\n")

    problem = manifest.errors[0]
    assert words in problem.message
    assert (problem.place.row, problem.place.column) == (2, column)
    assert problem.remedy
    assert len(problem.value) <= 120
    assert all(job.blocked for job in manifest.jobs)
