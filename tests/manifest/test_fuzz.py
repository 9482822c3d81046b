"""Whatever stands in a manifest, loading it gives jobs and problems with a place, or a ManifestError with a hint.

``make fuzz`` is the long form: 20,000 spoilt files of the corpus.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import xlsxwriter
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import prepare, read_corpus, run, try_input
from benchmarks.spoil import Input

INPUTS, SEED = 300, 20_240_501

headers = st.one_of(
    st.sampled_from("video audio id language languages audio_de audio:fr skip priority minutes output".split()),
    st.sampled_from(["reference_id", "model", "vidoe", "Video File", "dub_status", "", " ", "audio:", "audio_xx"]),
)
cells = st.one_of(
    st.sampled_from(
        ["media/ep01.mp4", "media/ep01.de.wav", "https://cdn.example.com/a.wav", "de", "1", "x", "", "001"]
    ),
    st.sampled_from(["{stem}.{language}.wav", "2-Jan", "1.0", "1E+05", "no", "=A1", "#REF!", "../x", "a,b;c\td|e\n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
tables = st.tuples(st.lists(headers, min_size=1, max_size=6), st.lists(st.lists(cells, max_size=7), max_size=6))
quietly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("fuzz"))


def check(folder: Path, name: str, data: bytes) -> None:
    spoilt = Input(0, name, data, {})
    path = folder / spoilt.name
    path.write_bytes(data)
    finding = try_input(spoilt, path)
    assert finding is None, f"{finding.what}\n{finding.details}"


def test_spoilt_manifests_of_the_corpus_are_loaded_or_refused(folder: Path) -> None:
    findings = list(run(read_corpus(), SEED, range(INPUTS), folder))
    assert not findings, "\n".join(f"{finding.number} {finding.what}\n{finding.details}" for finding in findings)


@given(table=tables, delimiter=st.sampled_from(",;\t|"), codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@quietly
def test_any_table_is_loaded_or_refused(
    folder: Path, table: tuple[list[str], list[list[str]]], delimiter: str, codec: str
) -> None:
    text = io.StringIO(newline="")
    header, rows = table
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    check(folder, "table.csv", text.getvalue().encode(codec))


@given(table=tables)
@quietly
def test_any_workbook_is_loaded_or_refused(folder: Path, table: tuple[list[str], list[list[str]]]) -> None:
    file = io.BytesIO()
    header, rows = table
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([header, *rows]):
            for column, value in enumerate(row):
                sheet.write(number, column, value)
    check(folder, "table.xlsx", file.getvalue())


values = st.recursive(
    st.one_of(cells, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(headers, cells), inner, max_size=3)),
    max_leaves=8,
)
trees = st.one_of(
    values,
    st.lists(st.dictionaries(headers, values, max_size=5), max_size=4),
    st.fixed_dictionaries(
        {"version": st.just(1), "jobs": st.lists(st.dictionaries(headers, values, max_size=5), max_size=4)},
        optional=dict.fromkeys(("batch", "settings", "defaults", "columns", "include"), values),
    ),
)


@given(tree=trees)
@quietly
def test_any_tree_is_loaded_or_refused(folder: Path, tree: object) -> None:
    check(folder, "tree.json", json.dumps(tree).encode())
    check(folder, "tree.yaml", yaml.safe_dump(tree, allow_unicode=True).encode())
    rows = tree if isinstance(tree, list) else [tree]
    check(folder, "tree.jsonl", "\n".join(map(json.dumps, rows)).encode())


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    suffix=st.sampled_from(["csv", "tsv", "yaml", "json", "jsonl"]),
)
@quietly
def test_any_text_is_loaded_or_refused(folder: Path, text: str, suffix: str) -> None:
    check(folder, f"text.{suffix}", text.encode())
