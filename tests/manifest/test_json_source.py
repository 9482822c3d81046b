"""JSON and JSON Lines: what scripts export means the same as what a person writes in YAML."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Content, Head, Origin
from dubbatch.manifest.lines import CELL_MAX
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.tree.json_source import JsonLinesSource, JsonSource
from dubbatch.manifest.tree.nodes import Budget, Document, Malformed
from dubbatch.manifest.tree.syntax import Syntax
from dubbatch.manifest.tree.yaml_source import YamlSource

MAP, LINES = Origin(Path("list.json")), Origin(Path("list.jsonl"))
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SINGLE = st.one_of(TEXT, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
ROW = st.dictionaries(TEXT, st.one_of(SINGLE, st.dictionaries(TEXT, SINGLE, max_size=3)), max_size=5)


def read(text: str | bytes) -> Content:
    return JsonSource().content(text.encode() if isinstance(text, str) else text, MAP, {})


def read_lines(text: str | bytes) -> Content:
    return JsonLinesSource().content(text.encode() if isinstance(text, str) else text, LINES, {})


def head(text: str) -> Head:
    return JsonSource().head(text.encode(), MAP)


def texts(content: Content) -> list[dict[str, str]]:
    """The cells of each row."""
    return [{header: cell.text for header, cell in record.cells.items()} for record in content.records]


def all_problems(content: Content) -> list[Problem]:
    records = list(content.records)
    return [*content.head.problems, *content.problems, *(p for record in records for p in record.problems)]


def cell_text(value: Any) -> str:
    """What a cell says of a value that ``json`` writes."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def flattened(row: dict[str, Any]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in row.items():
        parts = {f"{key}:{part}": cell for part, cell in value.items()} if isinstance(value, dict) else {key: value}
        cells |= {header: cell_text(cell) for header, cell in parts.items()}
    return cells


@given(st.lists(ROW, max_size=4), st.booleans(), st.sampled_from([None, 0, 2, "\t"]))
@example([{"a": '😀 \\ / " \u2028 \x00\x1f\x7f', "": {"": 1e300, "<<": "x"}}], True, None)
def test_whatever_rows_a_script_has_come_back(rows: list[dict[str, Any]], is_ascii: bool, indent: int | str) -> None:
    """Escaped or not, on one line or many: bare, in the map, and a line each."""
    expected = [flattened(row) for row in rows]

    bare = read(json.dumps(rows, ensure_ascii=is_ascii, indent=indent))
    in_map = read(json.dumps({"version": 1, "jobs": rows}, ensure_ascii=is_ascii, indent=indent))

    assert texts(bare) == texts(in_map) == expected
    assert {cell.text for cell in bare.headers} == {header for row in expected for header in row}
    if rows:
        lines = read_lines("\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows))
        assert texts(lines) == expected
        assert [record.place.row for record in lines.records] == list(range(1, len(rows) + 1))


@given(st.lists(st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), SINGLE, max_size=4), max_size=4))
def test_every_place_is_where_the_value_stands(rows: list[dict[str, Any]]) -> None:
    """As an editor counts lines and columns, from 1."""
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    lines = text.split("\n")

    for record in read(text).records:
        for cell in record.cells.values():
            assert isinstance(cell.place.row, int)
            assert isinstance(cell.place.column, int)
            written = lines[cell.place.row - 1][cell.place.column - 1 :].removesuffix(",")
            assert cell_text(json.loads(written)) == cell.text


def test_places_are_those_of_yaml() -> None:
    """The same text, read by either, has its cells at the same places."""
    text = '{"version": 1,\r\n "jobs": [{"é": "x", "audio": {"de": "a", "fr": ""}},\n\t{"no": 1.50}]}'
    as_yaml = YamlSource().content(text.replace("\t", " ").encode(), MAP, {})

    assert list(read(text).records) == list(as_yaml.records)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("7", "7"),
        ("1.0", "1.0"),
        ("1E+05", "1E+05"),
        ("-0", "-0"),
        ("9" * 5_000, "9" * 5_000),
        ("1e999", "1e999"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('"null"', "null"),
        ('"~"', "~"),
        ('""', ""),
        ('"no"', "no"),
        ('"001"', "001"),
        (r'"a\/b\\c\"d\n\u00e9"', 'a/b\\c"d\né'),
        (r'"\ud83d\ude00"', "😀"),
        ('"a\u2028b\u0085c"', "a\u2028b\u0085c"),
        ('"# {not: yaml} &a *a"', "# {not: yaml} &a *a"),
    ],
)
def test_a_value_is_the_text_that_stands_there(written: str, text: str) -> None:
    """Numbers are not rounded, and a word in quotation marks is a word."""
    assert texts(read(f'[{{"id": {written}}}]')) == [{"id": text}]
    assert texts(read_lines(f'{{"id": {written}}}')) == [{"id": text}]


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ('[\n{"a": 1,}\n]', 2, None, "not JSON"),
        ('[\n{"a": 1}\n{"b": 2}\n]', 3, 1, "not JSON: Expecting ',' delimiter"),
        ("[{'a': 1}]", 1, 3, "not JSON: Expecting property name"),
        ('[\r\n{"a": "x}\r\n]', 2, 10, "not JSON: Invalid control character"),
        ('[\r{"a": nul}]', 2, 7, "not JSON: Expecting value"),
        ('[{"a": "C:\\media"}]', 1, None, "not JSON: Invalid \\escape"),
        ('{"a": 1}\n{"a": 2}\n', 2, 1, "more text follows"),
        ('[\n {"a": NaN}]', 2, 8, "not JSON: NaN"),
        ('[\n {"a": -Infinity}]', 2, 8, "not JSON: -Infinity"),
        ('[{"a": "\\ud83d"}]', 1, 8, "half of a character"),
        ('[{"\\ude00": 1}]', 1, 3, "half of a character"),
        ('[{"a": 1, "a": 2}]', 1, 11, "'a' stands twice"),
        ('[{"audio": {"de": 1,\n"de": 2}}]', 2, 1, "'de' stands twice"),
        ('{"version": 1, "batch": "a",\n"batch": "b"}', 2, 1, "'batch' stands twice"),
        ('[{"video": [1]}]', 1, 12, "video can't be a list"),
        ('[{"a": [[1]]}]', 1, 9, "a can't be a list"),
        ('[{"a": {"b": {}}}]', 1, 14, "b can't be a map"),
        ("[1]", 1, 2, "a row is a map"),
        ("[[]]", 1, 2, "a row is a map"),
        ('"jobs"', 1, 1, "a manifest is a map"),
        ("7", 1, 1, "a manifest is a map"),
        ('{"version": 1, "jbos": []}', 1, 16, "unknown key 'jbos'"),
        ('{"version": 2, "jobs": []}', 1, 13, "version 1 of manifests only"),
        ('{"version": 1, "jobs": {}}', 1, 24, "jobs is a list"),
        ('{"version": 1, "video": "a.mp4"}', 1, 16, "can't stand at the top level"),
        ('{"version": 1, "include": {"file": "a.csv", "shete": 1}}', 1, 45, "unknown key 'shete'"),
        ("[" * 100_000, 1, 41, "levels deep"),
        ('{"jobs": ' + "[" * 100_000, 1, 50, "levels deep"),
        ("[" * 41 + "]" * 41, 1, 41, "levels deep"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, 1, 202, "levels deep"),
        (f'[{{"a": "{"x" * (CELL_MAX + 1)}"}}]', 1, 8, "a cell is longer"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_is_wrong_is_told_at_its_line_and_column(text: str, row: int, column: int | None, words: str) -> None:
    """A mistake is one error at its place, with a remedy, and never a traceback."""
    errors = [problem for problem in all_problems(read(text)) if problem.is_error]

    assert [problem.place.row for problem in errors] == [row]
    assert column in (None, errors[0].place.column)
    assert words in errors[0].message
    assert errors[0].remedy


def test_a_map_says_what_a_manifest_in_yaml_says() -> None:
    """Batch, settings, defaults, columns and includes; a schema for editors is ignored."""
    manifest = {
        "$schema": "manifest.schema.json",
        "version": 1,
        "batch": "spring",
        "settings": {"concurrency": 4, "report": ["a.csv", "b.json"]},
        "defaults": {"languages": ["de", "no"]},
        "columns": {"Clip": "video"},
        "include": ["rows.csv", {"file": "book.xlsx", "sheet": "Folge 2", "defaults": {"language": "de"}}],
        "jobs": [{"Clip": "a.mp4", "audio": {"de": "a.wav"}}],
    }
    text = json.dumps(manifest)

    assert json.loads(text) == yaml.safe_load(text)
    content = read(text)
    assert content == YamlSource().content(text.encode(), MAP, {})
    assert head(text) == content.head
    assert not all_problems(content)
    assert content.head.batch_name == "spring"


def test_a_bare_list_has_nothing_to_say_of_itself() -> None:
    """What a script exports is complete: no version is missed."""
    content = read('\n [{"video": "a.mp4"}]')

    assert texts(content) == [{"video": "a.mp4"}]
    assert not all_problems(content)
    assert (content.place.row, content.place.column) == (2, 2)
    assert head("[").batch_name == "list"


@pytest.mark.parametrize("text", ["[]", '{"version": 1}', '{"version": 1, "jobs": null}', "{}"])
def test_a_file_without_rows_has_none(text: str) -> None:
    """What it means is for those who look for jobs."""
    assert texts(read(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"video": {"0": "a.mp4", "1": "b.mp4"}, "audio": {"0": "a.wav", "1": null}, "batch": {"0": "x", "1": "y"}}',
        '{"0": {"video": "a.mp4", "audio": "a.wav"}, "1": {"video": "b.mp4", "audio": "b.wav"}}',
    ],
    ids=["by column", "by index"],
)
def test_what_pandas_writes_by_default_gets_the_word_that_helps(text: str) -> None:
    """Once, and not a complaint for each column."""
    [problem] = all_problems(read(text))

    assert "a map of maps" in problem.message
    assert 'orient="records"' in problem.remedy


@pytest.mark.parametrize("text", ['{"jobs": []}', '{"version": 2, "jobs": []}'])
def test_a_remedy_is_written_in_json(text: str) -> None:
    """Whoever copies it gets a file that can be read."""
    [problem] = all_problems(read(text))

    assert 'write `"version": 1`' in problem.remedy


def test_lists_of_an_export_are_one_text() -> None:
    """Also a line each, and bare; columns that are said elsewhere count."""
    rows = [{"tags": ["a", 1, None, "b"]}]

    assert texts(read(json.dumps(rows))) == texts(read_lines(json.dumps(rows[0]))) == [{"tags": "a, 1, b"}]
    for source, data in ((JsonSource(), json.dumps(rows)), (JsonLinesSource(), json.dumps(rows[0]))):
        [problem] = all_problems(source.content(data.encode(), MAP, {"Tags": "video"}))
        assert "tags can't be a list" in problem.message


def test_a_list_of_reports_may_be_empty() -> None:
    """It is none."""
    assert head('{"version": 1, "settings": {"report": []}, "jobs": []}').settings == {"report": ()}


def test_the_head_is_found_behind_the_rows() -> None:
    """The order of the keys is the writer's."""
    assert head('{"jobs": [{"a": [[{}]]}], "settings": {"x": 1}, "batch": "spring"}').batch_name == "spring"
    assert head('{"batch": "spring", "jobs": []}').batch_name == "spring"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_every_encoding_that_says_so(encoding: str) -> None:
    """A byte-order mark is not a part of the text."""
    rows = [{"video": "é😀.mp4"}]
    text = json.dumps(rows, ensure_ascii=False).encode(encoding)

    assert texts(read(text)) == rows
    assert texts(read_lines(json.dumps(rows[0], ensure_ascii=False).encode(encoding))) == rows
    assert text.startswith(codecs.BOM_UTF8) == (encoding == "utf-8-sig")


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    """There is nothing to mend in an empty file."""
    for source, origin in ((JsonSource(), MAP), (JsonLinesSource(), LINES)):
        with pytest.raises(ManifestError, match="empty"):
            source.content(text.encode(), origin, {})


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_bad_line_is_its_rows_problem_and_the_others_go_on(newline: str) -> None:
    """Each line is told apart; blank ones are no rows, and the rows are the lines."""
    lines = [
        '{"id": "a\u2028"}',
        "",
        '{"id": }',
        "  ",
        '{"id": "\\ud800"}',
        "[1]",
        "[" * 50_000,
        '{"id": "b"} ',
        "{} {}",
    ]
    content = read_lines(newline.join(lines) + newline)
    records = list(content.records)

    told = [(problem.place.row, problem.place.column, problem.message) for problem in all_problems(content)]
    assert [(row, column) for row, column, _ in told] == [(3, 8), (5, 8), (6, 1), (7, 41), (9, 4)]
    for words, (*_, message) in zip(("not JSON", "half", "a map", "deep", "more text"), told, strict=True):
        assert words in message
    assert [(record.place.row, cell.text) for record in records for cell in record.cells.values()] == [
        (1, "a\u2028"),
        (8, "b"),
    ]
    assert all(problem.remedy for problem in all_problems(content))


def test_json_under_the_name_of_json_lines_is_told_once() -> None:
    """And not line by line."""
    [problem] = all_problems(read_lines(json.dumps([{"video": "a.mp4"}] * 50, indent=2)))

    assert problem.is_error
    assert ".json" in problem.remedy


def test_json_lines_under_the_name_of_json_are_told() -> None:
    """The remedy names the other suffix."""
    [problem] = all_problems(read('{"video": "a.mp4"}\n{"video": "b.mp4"}\n'))

    assert ".jsonl" in problem.remedy


def test_lines_have_the_headers_in_the_order_of_the_file() -> None:
    """Each where it first stands, whatever line that is."""
    content = read_lines('{"b": 1}\n{"a": 2, "b": 3}\n{"audio": {"de": 4}}\n')

    assert [(cell.text, cell.place.row, cell.place.column) for cell in content.headers] == [
        ("b", 1, 2),
        ("a", 2, 2),
        ("audio:de", 3, 12),
    ]
    assert JsonLinesSource().head(b"{", LINES).batch_name == "list"


def test_too_many_keys_end_the_reading() -> None:
    """A value where a key belongs makes a column of every row."""
    text = "\n".join(f'{{"k{n}": 1}}' for n in range(20_000))

    [problem] = all_problems(read_lines(text))

    assert "different keys" in problem.message
    assert problem.place.row == 16_385


def test_one_file_has_so_many_values_and_no_more() -> None:
    """Reading more takes minutes; the count goes on from line to line."""
    budget = Budget(size=30, events=2_499_998)
    events = iter(yaml.parse("[1, 2]"))

    with pytest.raises(Malformed, match="more than 2,500,000 values"):
        Document(events, "list.json", budget, Syntax("", "")).whole()
