"""Names of outputs: safe on every system, whatever the sheet says."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dubbatch.manifest.output_names import (
    COMPONENT_MAX,
    DEFAULT_TEMPLATE,
    Template,
    collision_key,
    parse_template,
    safe_name,
)
from dubbatch.manifest.problems import Finding

WINDOWS_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{n}" for name in ("COM", "LPT") for n in range(1, 10))}


def check_safe(name: str) -> None:
    """The promises of a safe name, said with the standard library's own idea of paths."""
    parts = name.split("/")
    assert not PurePosixPath(name).is_absolute()
    assert not PureWindowsPath(name).drive
    assert not PureWindowsPath(name).root
    assert name.endswith(".mp4")
    for part in parts:
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= COMPONENT_MAX
        assert part == part.rstrip(". ")
        assert not re.search(r'[<>:"\\|?*\x00-\x1f\x7f]', part)
        assert part.split(".")[0].strip().upper() not in WINDOWS_DEVICES
        assert part == unicodedata.normalize("NFC", part)


@given(st.text(max_size=300))
@example("../../etc/passwd")
@example("C:\\Windows\\system32")
@example("//server/share")
@example("con" + " " * 200 + "x")
@example("CON.tar.mp4")
@example("lpt1 .mp4")
@example("a\x00\u0301")
@example("\ud800")
@example("..")
@example("é" * 200 + ".mp4")
@example("a/./b/../c")
@example("\\\\?\\C:\\x")
@example("․․/․․/x")
@example("..／..＼x")
@example("\u202e4pm.exe/\u2066..\u2069/x")
@example(". . /\u200b../\ufeff../x")
@example("\u200d/x")
@example("COM¹/NUL .txt/conin$.mp4")
@example("e\u0301" * 100 + "/e\u0301")
@example("a/" * 3_000)
@example("%2e%2e/x\0.mp4")
def test_any_text_becomes_a_safe_name_and_stays_it(text: str) -> None:
    """The name stays in the folder, is valid on Windows, and is safe already."""
    name = safe_name(text)

    check_safe(name)
    assert safe_name(name) == name


@given(value=st.text(max_size=150), template=st.sampled_from(["{id}", "{id}/{id}.mp4", "dubs/{id}.mp4", "x-{id}.MP4"]))
def test_a_value_makes_no_folders(value: str, template: str) -> None:
    """Only the template's own slashes do."""
    parsed = parse_template(template, ["id"])
    assert isinstance(parsed, Template)

    name = parsed.render(lambda field: value)

    check_safe(name)
    assert name.count("/") <= template.count("/")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ep1", "ep1.mp4"),
        ("ep1.MP4", "ep1.mp4"),
        ("ep1.mov", "ep1.mov.mp4"),
        ("de/ep1.mp4", "de/ep1.mp4"),
        ("/de//ep1.mp4", "de/ep1.mp4"),
        ("../ep1.mp4", "ep1.mp4"),
        ("de\\ep1.mp4", "de-ep1.mp4"),
        ("what? *now*.mp4", "what- -now-.mp4"),
        ("nul", "_nul.mp4"),
        ("aux.de/ep1", "_aux.de/ep1.mp4"),
        ("COM¹", "_COM¹.mp4"),
        ("\\\\?\\C:\\x", "----C--x.mp4"),
        ("․․/x", "․․/x.mp4"),
        ("..／x", "／x.mp4"),
        ("ep1. . /x", "ep1/x.mp4"),
        (".hidden", "hidden.mp4"),
        ("...", "_.mp4"),
        ("", "_.mp4"),
        ("cafe\u0301", "caf\u00e9.mp4"),
        ("a\u202eb\tc", "abc.mp4"),
        ("می\u200cخواهم", "می\u200cخواهم.mp4"),
        ("x" * 300, "x" * 116 + ".mp4"),
    ],
)
def test_names_are_mended_in_a_way_that_people_expect(text: str, name: str) -> None:
    """As little as possible is changed; spelling that needs a joiner keeps it."""
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{id}.mp4", "ep1-de.mp4"),
        ("{language}/{ID}", "de/ep1-de.mp4"),
        ("{Episode Title} ({language}).mp4", "Rise - Fall (de).mp4"),
        ("{episode_title}", "Rise - Fall.mp4"),
        ("{{{id}}}", "{ep1-de}.mp4"),
    ],
)
def test_a_template_takes_any_column(template: str, name: str) -> None:
    """Fields are compared as headers are; doubled braces are braces."""
    values = {"id": "ep1-de", "language": "de", "episode_title": "Rise / Fall"}
    parsed = parse_template(template, ["id", "language", "Episode Title"])
    assert isinstance(parsed, Template)

    assert parsed.render(values.__getitem__) == name.replace(" / ", " - ")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{id", "brace"),
        ("id}", "brace"),
        ("{a{id}}", "brace"),
        ("{nope}", "{nope}"),
        ("{}", "{}"),
        ("{id:>5}", "unknown"),
        ("{id!r}", "unknown"),
        ("{id.__class__}", "unknown"),
        ("{id[0]}", "unknown"),
        ("{0}", "unknown"),
    ],
)
def test_a_template_that_can_not_be_used_is_told(template: str, words: str) -> None:
    """An unknown field is named, with those that there are."""
    finding = parse_template(template, ["language", "id"])

    assert isinstance(finding, Finding)
    assert words in finding.message
    assert finding.remedy
    assert words == "brace" or finding.remedy.endswith(("id, language", "did you mean {id}?"))


def test_the_template_that_stands_in_is_the_default_one() -> None:
    """Settings and manifests agree on ``{id}.mp4``."""
    assert parse_template("{id}.mp4", ["id"]) == DEFAULT_TEMPLATE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.mp4", "a.mp4"),
        ("caf\u00e9.mp4", "CAFE\u0301.mp4"),
        ("straße.mp4", "STRASSE.mp4"),
        ("ﬁ.mp4", "FI.mp4"),
        ("می\u200cخ.mp4", "میخ.mp4"),
        ("Å.mp4", "\u212b.mp4"),
    ],
)
def test_names_that_are_one_file_somewhere_collide(one: str, other: str) -> None:
    """macOS and Windows ignore case; macOS ignores how an accent is composed."""
    assert collision_key(one) == collision_key(other)


def test_a_value_is_text_and_no_template() -> None:
    """Braces in a cell stay braces."""
    parsed = parse_template("{note}", ["note"])
    assert isinstance(parsed, Template)

    assert parsed.render(lambda field: "{id.__class__} %s ${HOME}") == "{id.__class__} %s ${HOME}.mp4"


def test_of_many_fields_a_few_are_named() -> None:
    """A sheet can have thousands of columns, and any text for a header."""
    finding = parse_template("{nope}", [f"column\x1b[31m{n}" for n in range(1000)])

    assert isinstance(finding, Finding)
    assert finding.remedy.endswith("and 980 more")
    assert "\x1b" not in finding.remedy
