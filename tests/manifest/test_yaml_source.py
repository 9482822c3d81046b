"""YAML: places, text that stays text, and files that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubbatch.errors import ManifestError
from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell, Content, Head, Include, Origin, Record
from dubbatch.manifest.problems import Problem
from dubbatch.manifest.tree.yaml_source import YamlSource

ORIGIN = Origin(Path("list.yaml"))


def read(text: str) -> Content:
    return YamlSource().content(text.encode(), ORIGIN, {})


def head(text: str) -> Head:
    return YamlSource().head(text.encode(), ORIGIN)


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


@pytest.mark.parametrize(
    "word",
    [
        *"no yes on off y n NO Yes true FALSE 001 012 0o14 0x10 0b1 1_000 1.50 1e3 +1 .5 .inf -.INF .nan".split(),
        *("1:30", "12:30:00", "2024-01-01", "2024-01-01 12:30:00", "=", "Null?", "a:b", "a#b", "-x", "=1"),
    ],
)
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
        ("version: 1\njobs: [a\n", 2, 7, "not YAML"),
        (
            'version: 1\njobs:\n- video: "a.mp4\n  audio: b.wav\n',
            3,
            10,
            "the quotation mark that opens here is never closed",
        ),
        ("version: 1\njobs: [{video: 'a.mp4}]\n---\n", 2, 16, "the quotation mark that opens here"),
        ("version: 1\njobs: [*nobody]\n", 2, 8, "*nobody stands for nothing"),
        ("version: 1\njobs: &a [*a]\n", 2, 11, "*a stands for nothing"),
        ("version: 1\n---\njobs: []\n", 2, 1, "a second document"),
        ("version: 1\n? [a]\n: b\n", 2, 3, "a key must be"),
        ("version: 1\nbatch: é\x01\n", 2, 9, "not YAML"),
        ("version: 1\njobs: [{video: !!binary aGk=}]\n", 2, 16, "the tag !!binary has no meaning"),
        ("version: 1\njobs: [{video: !!python/name:os.system x}]\n", 2, 16, "the tag !!python/name:os.system"),
        ("version: 1\njobs: [{video: !mine x}]\n", 2, 16, "the tag !mine"),
        ("version: 1\n!!set jobs: []\n", 2, 1, "the tag !!set"),
        ("version: 1\njobs: []\n...\n---\na: b\n", 4, 1, "a second document"),
        ("%YAML 1.2\n---\nversion: 1\njobs: [text]\n", 4, 8, "a row is a map"),
        ("version: 1\nvideo: a.mp4\n", 2, 1, "'video' can't stand at the top level"),
        ("version: 1\nAudio de: a.wav\n", 2, 1, "'Audio de' can't stand at the top level"),
        ("version: 1\nconcurrency: 4\n", 2, 1, "'concurrency' can't stand at the top level"),
        ("version: 1\nsettings:\n  output: {id}\n", 3, 11, "output can't be a map"),
        ("version: 1\ninclude: {file: a.csv, shete: x}\n", 2, 24, "unknown key 'shete'"),
        ("version: 1\ninclude: {file: [a.csv]}\n", 2, 17, "file can't be a list"),
        ("version: 1\ninclude: {file: a.csv, path: b.csv}\n", 2, 24, "file and path mean the same"),
        ("version: 1\ninclude: [{sheet: x}]\n", 2, 11, "the include names no file"),
        ("version: 1\ninclude: [a.csv, ~]\n", 2, 18, "an include is a table's path"),
        ("version: 1\ninclude: [[a.csv]]\n", 2, 11, "an include is a table's path"),
        ("version: 1\ninclude: {file: a.csv, defaults: [a]}\n", 2, 34, "defaults is a map"),
        ("version: 1\njobs: [{tags: [a, [b]]}]\n", 2, 19, "tags can't be a list"),
        ("version: 1\njobs: [{tags: [{a: b}]}]\n", 2, 16, "tags can't be a map"),
        ("version: 1\njobs: [{Audio-de: [a.wav]}]\n", 2, 19, "can't be a list"),
        ("version: 1\njobs: [{audio: {de: [a.wav]}}]\n", 2, 21, "can't be a list"),
        ("version: 1\ncolumns: {Clip: video}\njobs: [{Clip: [a.mp4]}]\n", 3, 15, "can't be a list"),
        ("version: 1\njobs: [{languages: [de, [fr]]}]\n", 2, 25, "languages can't be a list"),
        ("version: 1\njobs: [{languages: {de: fr, it: [a]}}]\n", 2, 33, "it can't be a list"),
        ("version: 1\njobs:\n- audio:de: a\n- audio:de: b\n  audio: {de: c}\n", 5, 15, "'audio:de' stands twice"),
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: {output: {id}}", "begins with {"),
        ("settings:\n  output: {language}/{id}.mp4\n", "begins with {"),
        ('jobs: [{video: "C:\\media\\a.mp4"}]', "double quotation marks"),
        ("jobs: [{video: *.mp4}]", "quotation marks"),
        ("jobs:\n- video: @a\n", "quotation marks"),
        ("jobs:\n- video: a: b\n", "quote text that contains"),
        ("video: a.mp4", "put it under defaults:"),
        ("languages: [de]", "put it under defaults:"),
        ("rate-limit: 4", "put it under settings:"),
        ("Jobs: []", "did you mean jobs?"),
        ("include: {file: a.csv, default: {}}", "did you mean defaults?"),
        ("jobs: [{video: !important}]", "quotation marks"),
    ],
)
def test_the_remedy_says_what_most_likely_helps(text: str, words: str) -> None:
    """What the parser stumbles over is seldom what was meant."""
    errors = [problem for problem in all_problems(read(f"version: 1\n{text}")) if problem.is_error]

    assert words in errors[0].remedy


@pytest.mark.parametrize("text", ["!!str 007", "! 007", "!!int 007", "!!float '007'", "&a 007", "!!bool 007"])
def test_a_tag_that_changes_nothing_is_taken(text: str) -> None:
    """Whatever a value is said to be, it is the text that stands there."""
    content = read(f"version: 1\njobs: [{{id: {text}}}]")

    assert [record.cells["id"].text for record in content.records] == ["007"]
    assert not all_problems(content)


def test_document_markers_around_one_document_are_fine() -> None:
    """Many editors write them."""
    content = read("# a list\n%YAML 1.2\n--- # begins\nversion: 1\njobs: [{id: a}]\n...\n# ends\n")

    assert [record.cells["id"].place.row for record in content.records] == [5]
    assert not all_problems(content)


def test_a_schema_for_editors_is_ignored() -> None:
    """As a key, too."""
    assert not all_problems(read("$schema: manifest.schema.json\nversion: 1\njobs: []\n"))


def test_a_list_of_languages_is_one_cell() -> None:
    """The same text that a table has; in rows, in defaults, and under the team's spelling of the key."""
    content = read("version: 1\ndefaults: {languages: [de, no]}\njobs: [{Languages: [pt-BR]}, {languages: []}]\n")

    assert content.defaults["languages"].text == "de, no"
    assert str(content.defaults["languages"].place) == "list.yaml:2:23"
    assert [cell.text for record in content.records for cell in record.cells.values()] == ["pt-BR", ""]
    assert not all_problems(content)


def test_a_list_under_a_key_of_the_teams_own_is_one_text() -> None:
    """As exports have it; empty items are left out. It means nothing here, so it can't be wrong."""
    content = read(
        "version: 1\ncolumns: {Sprachen: languages}\ndefaults: {tags: [x, 1]}\n"
        "jobs: [{tags: [a, ~, b], team: {Cast: [c, d]}, Sprachen: [de, fr], none: []}]\n"
    )

    assert content.defaults["tags"].text == "x, 1"
    assert {header: cell.text for record in content.records for header, cell in record.cells.items()} == {
        "tags": "a, b",
        "team:Cast": "c, d",
        "Sprachen": "de, fr",
        "none": "",
    }
    assert not all_problems(content)


def test_a_list_that_stands_for_too_much_is_refused() -> None:
    """An alias in every row would be a text in every row."""
    tags = f"[{', '.join(['x' * 1_000] * 100)}]"
    rows = ", ".join(["{tags: *tags}"] * 3_000)

    [problem] = read(f"version: 1\nx-tags: &tags {tags}\njobs: [{rows}]\n").head.problems
    assert "stand for more than" in problem.message

    [problem] = all_problems(read(f"version: 1\njobs: [{{tags: [{'x' * 100_000}, {'y' * 100_000}]}}]\n"))
    assert "a cell is longer" in problem.message


def test_a_top_level_key_that_begins_with_x_holds_anchors() -> None:
    """As in Compose files; what stands there is nobody's business."""
    content = read("x-base: &base {priority: 1, deep: [[a]]}\nversion: 1\nx-more: [b]\njobs: [{<<: *base, deep: c}]\n")

    assert [cell.text for record in content.records for cell in record.cells.values()] == ["c", "1"]
    assert not all_problems(content)


def test_tables_are_included_with_defaults_and_columns_of_their_own() -> None:
    """As a path, as a map, or as a list of both; the sheet becomes a part of the path."""
    content = read(
        "version: 1\ninclude:\n- rows.csv\n"
        "- {file: book.xlsx, sheet: Folge 2, defaults: {audio: {de: a.wav}, languages: [de]}, columns: {Clip: video}}\n"
    )

    assert not list(content.records)
    assert content.includes == (
        Include(Cell("rows.csv", Place("list.yaml", 3, 3))),
        Include(
            Cell("book.xlsx#Folge 2", Place("list.yaml", 4, 10)),
            {"audio:de": Cell("a.wav", Place("list.yaml", 4, 60)), "languages": Cell("de", Place("list.yaml", 4, 79))},
            {"Clip": Cell("video", Place("list.yaml", 4, 102))},
        ),
    )
    assert not all_problems(content)


@pytest.mark.parametrize("text", ["rows.csv", "{file: rows.csv}", "{table: rows.csv}", "{path: rows.csv, sheet: }"])
def test_one_include_needs_no_list(text: str) -> None:
    """Each way to write it is the same."""
    [include] = read(f"version: 1\ninclude: {text}\njobs:\n").includes

    assert (include.table.text, include.defaults, include.columns) == ("rows.csv", {}, {})


@pytest.mark.parametrize("text", ["", "~", "[]"])
def test_an_empty_include_is_none(text: str) -> None:
    """As an empty list of jobs is no jobs."""
    content = read(f"version: 1\ninclude: {text}\njobs: []\n")

    assert content.includes == ()
    assert not all_problems(content)


def test_a_quoted_merge_key_is_a_key() -> None:
    """Only the bare ``<<`` merges."""
    assert only_row("jobs: [{'<<': a}]").cells["<<"].text == "a"


def test_many_mistakes_of_one_kind_are_not_all_told() -> None:
    """A file made to harm gets no listing that is larger than itself."""
    tags = ", ".join(f"!t{n} x" for n in range(5_000))
    doubles = ", ".join(["a: b"] * 5_000)

    content = read(f"version: 1\nbatch: [{tags}]\njobs: [{{{doubles}}}]\n" + "batch: x\n" * 5_000)

    assert len(all_problems(content)) < 500
