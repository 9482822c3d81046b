"""``docs/cron.md`` and the files in ``docs/examples``: they can be taken as they are."""

from __future__ import annotations

import io
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from dotenv import dotenv_values

from dubbatch.cli.app import COMMANDS, app
from dubbatch.cli.options import given_flags
from dubbatch.resolution import resolve
from tests.test_docs import table_of_codes

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = ROOT / "docs" / "cron.md"
PAGES = [PAGE, *sorted(EXAMPLES.iterdir())]

#: A command line, up to where the shell, or a sentence, goes on with something else.
_LINE = re.compile(rf"(?:^|[\s/`(])dubbatch ((?:{'|'.join(COMMANDS)})\b[^`\n]*)", re.MULTILINE)
_ENDS = re.compile(r"\s(?:\|\||&&|\||;|#)|[;)\"']|\s\d?>")
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: In the sheets of systemd: all codes that need nobody, and the one of SIGTERM.
FOR_NOBODY = {0, 9, 75}


def text(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def plist() -> dict[str, Any]:
    value: dict[str, Any] = plistlib.loads((EXAMPLES / "com.example.dubbatch.plist").read_bytes())
    return value


def command_lines(page: Path) -> list[list[str]]:
    """Every call of dubbatch that the page has, as words."""
    if page.suffix == ".plist":
        return [plist()["ProgramArguments"][1:]]
    lines = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(_ENDS.split(line)[0]) for line in _LINE.findall(lines)]


def parsed(words: list[str]) -> click.Context:
    """As the command itself reads it. Raises click.UsageError."""
    context = click.Context(app)
    command = app.get_command(context, words[0])
    assert command is not None
    return command.make_context(words[0], words[1:], parent=context)


def settings_of(values: Mapping[str, Any]) -> Any:
    return resolve(flags=given_flags(values), env={}, manifest={}, toml={}, here=ROOT, beside=ROOT).settings


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_is_one(page: Path) -> None:
    """Commands, options and their values are those that dubbatch has."""
    for words in command_lines(page):
        if words[1:]:
            settings_of(parsed(words).params)


@pytest.mark.parametrize(
    "name",
    "crontab dubbatch.service github-actions.yml gitlab-ci.yml com.example.dubbatch.plist".split(),
)
def test_every_schedule_runs_one_batch_for_a_bounded_time_with_a_log(name: str) -> None:
    """The one line of the page, wherever it is scheduled."""
    (words,) = [words for words in command_lines(EXAMPLES / name) if words[0] == "run"]

    settings = settings_of(parsed(words).params)

    assert words[1] == "spring.csv"
    assert settings.max_time_s == 5 * 3600
    assert (settings.log_format, settings.log_file.name) == ("json", "dubs.log")
    assert settings.quiet or not settings.progress


def test_every_example_is_on_the_page() -> None:
    """With a link, so that it is found."""
    page = PAGE.read_text(encoding="utf-8")

    assert [path.name for path in EXAMPLES.iterdir() if f"(examples/{path.name})" not in page] == []


def test_the_page_tells_what_to_do_at_each_exit_code() -> None:
    """All of those that dubbatch has, and the one of a kill."""
    troubleshooting = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")

    assert table_of_codes(PAGE.read_text(encoding="utf-8")) == table_of_codes(troubleshooting) | {137}


def test_the_crontab_is_one_line_of_five_times_and_a_command_that_sh_reads() -> None:
    """Without a percent sign, which cron makes a new line of."""
    (entry,) = [line for line in text("crontab").splitlines() if re.match(r"[\d*]", line)]
    *times, command = entry.split(maxsplit=5)

    assert len(times) == 5
    assert all(re.fullmatch(r"\*|\d+", time) for time in times)
    assert "%" not in command
    subprocess.run(["sh", "-n", "-c", command], check=True)


@pytest.mark.parametrize(
    ("code", "is_mailed"), [(0, False), (1, True), (3, True), (9, False), (75, False), (143, True)]
)
def test_cron_mails_what_is_for_a_person_and_nothing_else(tmp_path: Path, code: int, is_mailed: bool) -> None:
    """The crontab's own line, with a stand-in that ends with each code."""
    dubbatch = tmp_path / "dubbatch"
    dubbatch.write_text(f'#!/bin/sh\necho "$@"\n[ "$1" = status ] || exit {code}\n')
    dubbatch.chmod(0o755)
    command = text("crontab").splitlines()[-1].split(maxsplit=5)[5].replace("/srv/dubs", str(tmp_path))

    done = subprocess.run(
        ["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )

    assert bool(done.stdout) is is_mailed
    assert (f"ended with {code}" in done.stdout) is is_mailed
    assert done.stderr == ""


def fields_of(unit: str) -> dict[str, str]:
    """Key -> value of a unit; the last of a key counts."""
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", unit, re.MULTILINE))


def test_the_service_takes_the_codes_of_the_next_run_for_success_and_stops_with_patience() -> None:
    """Codes for a person make the unit fail; a stop waits out what is in flight."""
    service = fields_of(text("dubbatch.service"))

    assert service["Type"] == "oneshot"
    assert {int(code) for code in service["SuccessExitStatus"].split()} == FOR_NOBODY - {0} | {143}
    assert service["TimeoutStopSec"] == "5min"
    assert service["ReadWritePaths"] == service["WorkingDirectory"]
    assert service["Environment"] == f"XDG_STATE_HOME=%S/{service['StateDirectory']}"
    assert "CHAMELAION" not in text("dubbatch.service")


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """As ``systemd-analyze verify`` reads them, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    for name in ("dubbatch.service", "dubbatch.timer"):
        (tmp_path / name).write_text(text(name).replace("/usr/local/bin/dubbatch", sys.executable))

    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            *(tmp_path / name for name in ("dubbatch.service", "dubbatch.timer")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def minutes(time: str) -> float:
    hours, rest = re.fullmatch(r"(\d+)h(?: (\d+)m)?", time).groups()  # type: ignore[union-attr]
    return int(hours) * 60 + int(rest or 0)


def test_the_github_job_keeps_the_ledger_has_its_key_as_a_secret_and_outlasts_the_run() -> None:
    """Whatever the code, what was learned is saved."""
    # YAML 1.1 reads ``on`` as true.
    flow = yaml.safe_load(text("github-actions.yml"))
    job = flow["jobs"]["dubs"]
    steps: list[dict[str, Any]] = job["steps"]
    (run,) = [step for step in steps if "dubbatch run" in step.get("run", "")]
    caches = {step["uses"].partition("@")[0]: step for step in steps if "cache" in step.get("uses", "")}

    assert len(flow[True]["schedule"][0]["cron"].split()) == 5
    assert flow["concurrency"]["cancel-in-progress"] is False
    assert job["timeout-minutes"] > minutes("5h")
    assert run["env"] == {"CHAMELAION_API_KEY": "${{ secrets.CHAMELAION_API_KEY }}"}
    assert caches.keys() == {"actions/cache/restore", "actions/cache/save"}
    assert len({caches[name]["with"]["path"] for name in caches}) == 1
    assert "dubs/.dubbatch" in caches["actions/cache/save"]["with"]["path"]
    assert caches["actions/cache/save"]["if"] == "always()"
    subprocess.run(["sh", "-n", "-c", run["run"]], check=True)
    assert set(re.findall(r"^\s*([\d|]+)\)", run["run"], re.MULTILINE)) == {"0", "9|75"}


def test_the_gitlab_job_keeps_the_ledger_and_outlasts_the_run() -> None:
    """Its key is a variable of the project, and stands nowhere in it."""
    job = yaml.safe_load(text("gitlab-ci.yml"))["dubs"]

    assert set(job["allow_failure"]["exit_codes"]) == FOR_NOBODY - {0}
    assert minutes(job["timeout"]) > minutes("5h")
    assert (job["cache"]["paths"][0], job["cache"]["when"]) == ("dubs/.dubbatch/", "always")
    assert job["resource_group"]
    assert "CHAMELAION_API_KEY" not in str(job)


def test_the_launchd_job_waits_for_what_is_in_flight() -> None:
    """And has no key in it."""
    job = plist()

    assert set(job["StartCalendarInterval"]) == {"Hour", "Minute"}
    assert job["ExitTimeOut"] == 300
    assert "CHAMELAION_API_KEY" not in job["EnvironmentVariables"]


def test_the_environment_file_has_the_key_and_nothing_that_dubbatch_does_not_know() -> None:
    """In a form that systemd and dubbatch both read."""
    values = dotenv_values(stream=io.StringIO(text("dubbatch.env.example")), interpolate=False)

    assert values == {"CHAMELAION_API_KEY": "put-your-key-here"}


def test_logrotate_accepts_its_file() -> None:
    """As a trial; without the tool, at least the braces are there."""
    assert re.search(r"^/srv/dubs/dubs\.log \{$.*^\}$", text("logrotate.conf"), re.MULTILINE | re.DOTALL)
    if shutil.which("logrotate"):
        subprocess.run(["logrotate", "--debug", EXAMPLES / "logrotate.conf"], check=True, capture_output=True)


LOG = """\
{"time": "2026-11-20T00:15:00.000Z", "level": "info", "action": "started", "batch": "spring", "job": ""}
{"time": "2026-11-20T00:16:00Z", "level": "error", "action": "failed", "batch": "spring", "job": "a", "hint": "h"}
{"time": "2026-11-20T00:17:00.000Z", "level": "error", "action": "ended", "batch": "spring", "job": "", "exit_code": 1}
{"time": "2026-11-21T00:17:00.000Z", "level": "info", "action": "ended", "batch": "spring", "job": "", "exit_code": 0}
"""


def questions() -> Iterator[list[str]]:
    """The calls of jq on the page that read the log."""
    for block in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("jq ") and "dubs.log" in line:
                yield shlex.split(line.replace(" | tail -n 1", ""))


def test_the_questions_to_the_log_are_answered_by_jq(tmp_path: Path) -> None:
    """The last code, the check of it, and what went wrong."""
    if shutil.which("jq") is None:
        pytest.skip("no jq here")
    (tmp_path / "dubs.log").write_text(LOG)

    answers = [
        subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for words in questions()
    ]

    assert answers == [
        "1\n0\n",
        "true\n",
        "2026-11-20T00:16:00Z\tspring\ta\t\th\n2026-11-20T00:17:00.000Z\tspring\t\t\t\n",
    ]
