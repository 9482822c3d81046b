"""The docs say what the program does: commands, exit codes, make targets and links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dubbatch.cli import exit_codes
from dubbatch.cli.app import COMMANDS, app
from dubbatch.jobs import JobState, may_follow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("manifests/*.md")])

_LINK = re.compile(r"\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands() -> dict[str, click.Command]:
    """Every command, loaded."""
    context = click.Context(app)
    return {name: command for name in COMMANDS if (command := app.get_command(context, name)) is not None}


def codes() -> set[int]:
    """Every exit code that ``exit_codes`` has a name for."""
    return {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}


def table_of_codes(page: str) -> set[int]:
    """The numbers in the first column of the page's table of exit codes."""
    rows = re.findall(r"^\| (\d+(?:, \d+)*) \|", page, re.MULTILINE)
    return {int(number) for row in rows for number in row.split(", ")}


def anchors(page: Path) -> set[str]:
    """The fragments that lead to the page's headings, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    """(path, anchor) of the page's links that are no web addresses."""
    found = _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return [(path, anchor) for path, anchor in found if "://" not in path]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    """Who reads the README knows every command there is."""
    assert commands()[name].help
    assert f"`dubbatch {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    """No flag without a line of help; a choice is told by its words."""
    options = [item for item in commands()[name].params if isinstance(item, click.Option)]

    assert [option.name for option in options if not option.help and not isinstance(option.type, click.Choice)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_the_docs_exist(page: Path) -> None:
    """No page speaks of a command that dubbatch does not have."""
    code = "\n".join(_CODE.findall(page.read_text(encoding="utf-8")))
    named = set(re.findall(r"(?:`|^|\$ |bin/)dubbatch ([a-z]+)", code, re.MULTILINE))

    assert named <= COMMANDS.keys()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_in_the_docs_exist(page: Path) -> None:
    """What the docs have typed after ``make`` is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))

    assert named <= targets


def test_the_readme_names_the_two_commands_of_a_newcomer() -> None:
    """As they are typed."""
    assert {"demo", "test"} <= set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "docs/troubleshooting.md"])
def test_every_exit_code_stands_in_the_tables(name: str) -> None:
    """All codes, and no others."""
    assert table_of_codes((ROOT / name).read_text(encoding="utf-8")) == codes()


def test_the_order_of_exit_codes_is_told_as_it_is() -> None:
    """Which code wins where several apply."""
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    told = re.search(r"order wins: ([\d, ]+)\.", text)

    assert told is not None
    assert tuple(int(number) for number in told[1].split(", ")) == exit_codes.ORDER[:-1]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """Every file and every heading that a page links to is there."""
    lost = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{path}#{anchor}" if anchor else path)

    assert lost == []


def test_the_readme_shows_what_plan_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of the example of a broken manifest is real."""
    monkeypatch.chdir(ROOT)
    for name in ("CHAMELAION_API_KEY", "CHAMELAION_BEARER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    shown = re.search(r"^\$ dubbatch (plan manifests/broken\.csv)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown is not None

    printed = CliRunner().invoke(app, shown[1].split()).output.splitlines()

    assert set(shown[2].splitlines()) <= set(printed)


def test_the_picture_of_a_jobs_life_shows_legal_changes_only() -> None:
    """The arrows of the architecture page are in the table that the ledger enforces."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    picture = text.partition("stateDiagram-v2")[2].partition("```")[0]
    arrows = re.findall(r"^ +([a-z]+) --> ([a-z]+)", picture, re.MULTILINE)

    assert arrows
    assert [arrow for arrow in arrows if not may_follow(JobState(arrow[0]), JobState(arrow[1]))] == []


def test_every_state_is_explained_in_the_glossary() -> None:
    """A report's words can be looked up."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")

    assert [state for state in JobState if f"| `{state}` |" not in text] == []
