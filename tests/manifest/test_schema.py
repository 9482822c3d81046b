"""The JSON Schema of manifests says what loading does: editors complain of what is wrong, and of nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from dubbatch.errors import UsageError
from dubbatch.manifest.cells import Content, Origin
from dubbatch.manifest.columns import KNOWN
from dubbatch.manifest.schema import COLUMNS, manifest_schema
from dubbatch.manifest.tree.json_source import JsonSource
from dubbatch.manifest.tree.yaml_source import YamlSource
from dubbatch.option import Option, Scope
from dubbatch.report.file import SUFFIXES, check_suffix
from dubbatch.settings import OPTIONS

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "manifests").glob("*.yaml"))
PAGES = sorted((ROOT / "docs").glob("*.md"))
VALIDATOR = Draft7Validator(manifest_schema(SUFFIXES))
IN_MANIFESTS = [option for option in OPTIONS.values() if option.scope is Scope.ANYWHERE]
ROW = {"video": "a.mp4", "audio": "a.wav"}


def complaints(manifest: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(manifest)]


def with_row(**row: Any) -> dict[str, Any]:
    return {"version": 1, "jobs": [{**ROW, **row}]}


def with_settings(**settings: Any) -> dict[str, Any]:
    return {"version": 1, "jobs": [ROW], "settings": settings}


def loaded(manifest: object) -> Content:
    return JsonSource().content(json.dumps(manifest).encode(), Origin(Path("list.json")), {})


def name_of(option: Option) -> str:
    return option.name


def test_it_is_a_schema() -> None:
    """Of the draft that it names, the last that yaml-language-server knows."""
    assert manifest_schema(SUFFIXES)["$schema"] == Draft7Validator.META_SCHEMA["$id"]
    Draft7Validator.check_schema(manifest_schema(SUFFIXES))


def test_the_committed_copy_is_the_one_that_is_printed() -> None:
    """To mend: ``dubbatch schema > manifests/manifest.schema.json``."""
    text = (ROOT / "manifests" / "manifest.schema.json").read_text(encoding="utf-8")

    assert json.loads(text) == manifest_schema(SUFFIXES)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_our_manifests_name_it_and_keep_to_it(path: Path) -> None:
    """An editor that opens one finds the schema beside it, and nothing to complain of."""
    text = path.read_text(encoding="utf-8")
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", text.splitlines()[0])

    assert named is not None
    assert json.loads((path.parent / named[1]).read_text(encoding="utf-8")) == manifest_schema(SUFFIXES)
    assert complaints(yaml.safe_load(text)) == []
    assert not YamlSource().content(text.encode(), Origin(path), {}).problems


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_manifests_of_the_docs_keep_to_it(path: Path) -> None:
    """What the docs show can be typed into an editor."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    assert [complaints(yaml.safe_load(block)) for block in blocks if block.startswith("version:")] == [
        [] for block in blocks if block.startswith("version:")
    ]


def test_every_column_and_setting_is_explained() -> None:
    """Completion lists what there is; hovering over it says what it does."""
    schema = manifest_schema(SUFFIXES)["definitions"]
    row = schema["row"]["properties"]
    settings = schema["settings"]["properties"]
    top = schema["manifest"]["properties"]

    assert list(row) == list(KNOWN)
    assert COLUMNS.keys() == set(KNOWN)
    assert list(settings) == [option.name for option in IN_MANIFESTS]
    assert all(part["description"] for part in (*row.values(), *settings.values(), *top.values()) if "$ref" not in part)


@pytest.mark.parametrize(
    "manifest",
    [
        with_row(audio={"de": "a.wav", "pt-BR": None}),
        with_row(audio="{stem}.{language}.wav", languages=["de", "fr"]),
        with_row(languages="de, fr", Client="Acme", due=20260101),
        with_row(**{"audio_de": "a.wav", "audio:fr": "", "Audio pt-BR": "b.wav"}),
        with_row(skip="X", priority="-3", minutes=2.5, disable_active_speaker_detection=False),
        with_row(skip=1, priority=None, minutes="2.5"),
        with_row(Track={"de": "a.wav"}),
        with_row(tags=["a", 1], team={"cast": ["c", "d"]}, model="lipsync-2", minutes="0:02:30"),
        with_row(minutes="2,5", model=""),
        with_row(audio={"es-419": "a.wav", "zh hant": "b.wav", "x-own": "c.wav", "fil": "d.wav"}),
        {"$schema": "manifest.schema.json", **with_row()},
        {"x-base": {"a": [[1]]}, **with_row(), "jobs": [ROW]},
        [ROW, {**ROW, "audio": {"de": "b.wav"}}],
        {**with_row(), "columns": {"Clip": "Video", "Spur": "audio:de", "Wer": "Reference-ID"}},
        {**with_row(), "batch": 7, "defaults": {"language": "de", "audio": {"fr": "a.wav"}}},
        {**with_row(), "defaults": None, "columns": None, "settings": None, "include": None},
        {"version": "1", "include": "rows.csv"},
        {"version": 1, "include": {"file": "rows.xlsx", "sheet": "Sheet2", "defaults": {"language": "de"}}},
        {"version": 1, "include": ["a.csv", {"table": "b.csv", "columns": {"Clip": "video"}}], "jobs": None},
        with_settings(report=["a.csv", "b.json"], concurrency="auto", on_error="Skip", max_time="2h", settle=90),
        {"version": 1, "include": "rows.csv", "jobs": []},
        with_settings(report=[]),
        with_settings(max_minutes=90, price_per_minute=0.12, length_tolerance="5%", strict=True, probe_urls="no"),
        with_settings(max_minutes="90.5", price_per_minute="0.12 EUR", length_tolerance=2),
        with_settings(max_minutes_by={"language": {"de": 30, "fr": "20"}, "Client": 100}),
        with_settings(max_minutes_by=["language=de:30", "Client:100"]),
        with_settings(max_minutes_by="language:30"),
        with_settings(report="a.CSV", concurrency=4, queue_ahead=0, progress="off"),
    ],
    ids=str,
)
def test_what_loads_is_accepted(manifest: object) -> None:
    """No red line under what dubbatch takes."""
    content = loaded(manifest)

    assert not [*content.problems, *content.head.problems, *(p for record in content.records for p in record.problems)]
    assert complaints(manifest) == []


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        "jobs",
        {},
        {"version": 1},
        {"version": 1, "jobs": []},
        {"version": 1, "jobs": None},
        {"version": 1, "include": []},
        {"version": 1, "include": None, "jobs": []},
        ["a.mp4"],
        {"version": 2, "jobs": [ROW]},
        {"version": 1, "jbos": [ROW]},
        {"version": 1, "jobs": [ROW], "video": "a.mp4"},
        {"version": 1, "jobs": {"a": ROW}},
        {"version": 1, "jobs": ["a.mp4"]},
        with_row(video=["a.mp4"]),
        with_row(audio=["a.wav"]),
        with_row(audio={"de": ["a.wav"]}),
        with_row(audio={"de": {"x": "a.wav"}}),
        with_row(note={"de": [["a"]]}),
        with_row(note=[["a"]]),
        with_row(note=[{"a": "b"}]),
        with_row(audio={}),
        with_row(audio={"german": "a.wav"}),
        with_row(audio={"1": "a.wav"}),
        with_row(model="lipsync-1"),
        with_row(minutes=-1),
        with_row(minutes="-1"),
        with_row(minutes="0:00:00"),
        with_row(minutes="long"),
        with_row(minutes=100_001),
        with_row(skip="perhaps"),
        with_row(skip=2),
        with_row(priority=1.5),
        with_row(priority="high"),
        with_row(minutes=0),
        {**with_row(), "columns": {"Clip": "vidoe"}},
        {**with_row(), "defaults": {"audio": ["a.wav"]}},
        {"version": 1, "include": {"sheet": "Sheet2"}},
        {"version": 1, "include": {"file": "a.csv", "path": "b.csv"}},
        {"version": 1, "include": {"file": "a.csv", "shete": "Sheet2"}},
        with_settings(max_minutes=0),
        with_settings(max_minutes="many"),
        with_settings(max_minutes_by={"language": {"de": "many"}}),
        with_settings(max_minutes_by="language"),
        with_settings(price_per_minute="cheap"),
        with_settings(length_tolerance="much"),
        with_settings(concurency=4),
        with_settings(base_url="https://example.com"),
        with_settings(ledger="a.db"),
        with_settings(limit=4),
        with_settings(api_key="x"),
        with_settings(concurrency="many"),
        with_settings(concurrency=0),
        with_settings(attempts=0),
        with_settings(attempts="0"),
        with_settings(attempts=10**9),
        with_settings(rate_window=0),
        with_settings(rate_window="0.0s"),
        with_settings(max_time="00"),
        with_settings(report="a.pdf"),
        with_settings(report=["a.csv", "b.ods"]),
        with_settings(output=" "),
        with_settings(rate_window="a while"),
        with_settings(on_error="ignore"),
        with_settings(progress="maybe"),
        with_settings(output={"id": None}),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(manifest: object) -> None:
    """What can be seen without the media is seen while it is typed."""
    assert complaints(manifest)


def test_a_manifest_without_version_is_no_mistake() -> None:
    """It loads with a warning; editors suggest the key, with its value."""
    assert complaints({"jobs": [ROW]}) == []
    assert manifest_schema(SUFFIXES)["definitions"]["manifest"]["properties"]["version"]["default"] == 1


def test_nothing_stands_beside_a_reference() -> None:
    """Draft 7 passes over it: a description would be lost."""

    def references(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part
            for value in part.values():
                yield from references(value)
        for item in part if isinstance(part, list) else ():
            yield from references(item)

    assert all(list(part) == ["$ref"] for part in references(manifest_schema(SUFFIXES)))


@pytest.mark.parametrize("option", IN_MANIFESTS, ids=name_of)
@given(
    text=st.one_of(
        st.sampled_from("0 1 2 4.5 auto AUTO stop Skip yes No ON off true 90s 2H 0.5m 1_0 x.csv {id}.mp4".split()),
        st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,2})?[smh]?", fullmatch=True),
        st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=6),
    )
)
def test_a_setting_that_can_be_read_is_accepted(option: Option, text: str) -> None:
    """As text, and as the number that an editor takes it for."""
    try:
        option.parse(text)
        if option.name == "report":
            check_suffix(Path(text))
    except (ValueError, UsageError):
        return

    assert complaints(with_settings(**{option.name: text})) == []
    if re.fullmatch(r"0|[1-9]\d*", text):
        assert complaints(with_settings(**{option.name: int(text)})) == []
