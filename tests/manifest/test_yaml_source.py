"""YAML: places, text that stays text, and files that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Cell, Content, Head, Record
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.yaml_source import YamlSource

PATH = Path("list.yaml")


def read(text: str) -> Content:
    return YamlSource().content(text.encode(), PATH)


def head(text: str) -> Head:
    return YamlSource().head(text.encode(), PATH)


def all_problems(content: Content) -> list[Problem]:
    records = list(content.records)
    return [*content.head.problems, *content.problems, *(p for record in records for p in record.problems)]


def only_row(text: str) -> Record:
    [record] = read(text).records
    return record


def test_every_value_knows_its_line_and_column() -> None:
    """Places count from 1, in characters (not bytes), also after an alias and inside flow maps."""
    record = only_row("version: 1\njobs:\n  - {café: x, audio: {de: 'é', fr: y}}\n")

    places = {header: (cell.place.row, cell.place.column) for header, cell in record.cells.items()}
    assert places == {"café": (3, 12), "audio:de": (3, 27), "audio:fr": (3, 36)}
    assert str(record.cells["audio:de"].place) == "list.yaml:3:27"


@pytest.mark.parametrize("word", ["no", "on", "y", "001", "1.50", "0x10", "12:30:00", "2024-01-01", "true", "1_000"])
def test_a_value_is_the_text_that_stands_there(word: str) -> None:
    """``no`` is Norwegian and ``001`` an id: YAML 1.1 would make them False and 1."""
    assert only_row(f"jobs: [{{language: {word}}}]").cells["language"].text == word


@pytest.mark.parametrize("word", ["", "~", "null", "NULL"])
def test_null_is_an_empty_cell(word: str) -> None:
    """An absent value is empty; a quoted one is a word."""
    assert only_row(f"jobs: [{{language: {word}}}]").cells["language"].text == ""
    assert only_row("jobs: [{language: 'null'}]").cells["language"].text == "null"


def test_aliases_and_merges_stand_for_what_they_name() -> None:
    """An anchor defined before is the same cells; the row's own key wins over a merged one."""
    content = read("defaults: &base {model: m, priority: 1}\njobs:\n- {<<: *base, priority: 2}\n- *base\n")

    texts = [{header: cell.text for header, cell in record.cells.items()} for record in content.records]
    assert texts == [{"priority": "2", "model": "m"}, {"model": "m", "priority": "1"}]


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ("version: 1\njobs:\n- {video: a, video: b}\n", 3, 14, "'video' stands twice"),
        ("version: 1\nbatch: a\nbatch: b\njobs: []\n", 3, 1, "'batch' stands twice"),
        ("version: 1\njobs:\n- video: a\n  audio: {de: x, de: y}\n", 4, 18, "'de' stands twice"),
        ("version: 2\njobs: []\n", 1, 10, "version 1 of manifests only"),
        ("version: 1\njbos: []\n", 2, 1, "unknown key 'jbos'"),
        ("version: 1\njobs: {a: b}\n", 2, 7, "jobs is a list"),
        ("version: 1\njobs: [text]\n", 2, 8, "a row is a map"),
        ("version: 1\njobs: [{video: [a]}]\n", 2, 16, "can't be a list"),
        ("version: 1\njobs: [{video: {a: [b]}}]\n", 2, 20, "can't be a list"),
        ("version: 1\nbatch: [a]\n", 2, 8, "can't be a list"),
        ("version: 1\nsettings: [a]\n", 2, 11, "settings is a map"),
        ("version: 1\nsettings: {limit: [a]}\n", 2, 19, "can't be a list"),
        ("version: 1\ncolumns: {a: [b]}\n", 2, 14, "can't be a list"),
        ("- a\n", 1, 1, "a manifest is a map"),
        ("version: 1\njobs:\n\t- a\n", 3, 1, "indented with a tab"),
        ("version: 1\njobs: [a\n", 3, 1, "not YAML"),
        ("version: 1\njobs: [*nobody]\n", 2, 8, "*nobody stands for nothing"),
        ("version: 1\njobs: &a [*a]\n", 2, 11, "*a stands for nothing"),
        ("version: 1\n---\njobs: []\n", 2, 1, "a second document"),
        ("version: 1\n? [a]\n: b\n", 2, 3, "a key must be"),
        ("version: 1\nbatch: é\x01\n", 2, 9, "not YAML"),
    ],
)
def test_what_is_wrong_is_told_at_its_line_and_column(text: str, row: int, column: int, words: str) -> None:
    """A mistake is one error at its place, and never a traceback."""
    errors = [problem for problem in all_problems(read(text)) if problem.is_error]

    assert [(problem.place.row, problem.place.column) for problem in errors] == [(row, column)]
    assert words in errors[0].message
    assert errors[0].remedy


def test_an_unknown_key_gets_a_suggestion() -> None:
    """A misspelt key is named together with the one that was meant."""
    [problem] = [problem for problem in all_problems(read("version: 1\ndefualts: {}\njobs: []")) if problem.is_error]

    assert problem.remedy == "did you mean defaults?"


def test_a_manifest_without_version_is_read_with_a_warning() -> None:
    """The version is needed once there is a second one."""
    [problem] = all_problems(read("jobs: []"))

    assert problem.severity == "warning"


@pytest.mark.parametrize(
    "text",
    [
        "defaults: " + "[" * 200_000,
        "defaults: " + "[" * 3_000 + "]" * 3_000,
        "defaults:\n" + "- " * 50_000 + "a",
        "defaults: " + "{a: " * 3_000,
        "".join(" " * depth + "a:\n" for depth in range(2_000)),
    ],
    ids=["open brackets", "closed brackets", "lists", "maps", "blocks"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """PyYAML's own composer ends the process on such files."""
    for problems in (read(text).head.problems, head(text).problems):
        assert "levels deep" in problems[-1].message


def test_an_alias_bomb_is_refused() -> None:
    """A few lines that stand for billions of values end in a problem, not in memory."""
    keys = ", ".join(f"k{n}: x" for n in range(3_000))
    rows = ", ".join(["*big"] * 3_000)

    [problem] = read(f"version: 1\ndefaults: &big {{{keys}}}\njobs: [{rows}]\n").head.problems

    assert "stand for more than" in problem.message


def test_the_classic_billion_laughs_stay_small() -> None:
    """Lists of lists of aliases are never walked: no value of a row may be a list."""
    lines = ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)), "jobs: [{x: *a59}]"]

    problems = all_problems(read("version: 1\n" + "\n".join(lines)))

    assert any("x can't be a list" in problem.message for problem in problems)


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    """There is nothing to mend in an empty file."""
    with pytest.raises(ManifestError, match="empty"):
        read(text)


def test_a_file_of_comments_has_no_rows() -> None:
    """Comments alone are an empty manifest."""
    content = read("# nothing yet\n")

    assert not list(content.records)


def test_the_head_gives_settings_as_raw_cells() -> None:
    """What a setting means is not the manifest's business; a list of reports stays a list."""
    found = head("version: 1\nbatch: spring\nsettings:\n  concurrency: 4\n  report: [a.csv, b.json]\njobs: []\n")

    assert found.batch is not None
    assert found.batch_name == "spring"
    texts = {
        key: value.text if isinstance(value, Cell) else tuple(cell.text for cell in value)
        for key, value in found.settings.items()
    }
    assert texts == {"concurrency": "4", "report": ("a.csv", "b.json")}


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nbatch: spring\njobs: [\n",
        "batch: spring\nsettings: {a: b}\njobs:\n- {x: [}\n",
        "---\nbatch: spring # a comment\njobs: [\n",
    ],
)
def test_the_head_does_not_read_the_rows(text: str) -> None:
    """What is broken in the rows is for those who read them."""
    found = head(text)

    assert (found.batch_name, found.problems) == ("spring", ())


@pytest.mark.parametrize(
    "text",
    [
        "jobs: [{a: b}]\nbatch: spring\n",
        "jobs:\n- a: b\n'batch' : spring\n",
        "{jobs: [{a: b}], batch: spring}",
        "jobs: []\n? batch\n: spring\n",
    ],
)
def test_the_head_is_found_behind_the_rows(text: str) -> None:
    """The order of the keys is the writer's."""
    assert head(text).batch_name == "spring"


def test_a_manifest_without_a_batch_is_called_as_its_file() -> None:
    """The default batch is the file's stem."""
    assert head("version: 1\njobs: []\n").batch_name == "list"
