"""Every option: its names, where it may be set, who wins, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import UsageError
from dubbatch.forms import Cap, Price, Tolerance, parse_bool, parse_duration
from dubbatch.option import Option, Scope
from dubbatch.resolution import Resolved, resolve
from dubbatch.settings import DEFAULT_BASE_URL, OPTIONS, Settings, shown_value

HERE, BESIDE = Path("/home/maria"), Path("/batches/spring")
DOCS = Path(__file__).parent.parent / "docs" / "settings.md"
Words = Mapping[str, str | Iterable[str]]

#: Of every field: a text, and what it means under a flag.
SAMPLES: dict[str, tuple[str, Any]] = {
    "output_dir": ("out", HERE / "out"),
    "output": ("{language}/{id}.mp4", "{language}/{id}.mp4"),
    "concurrency": ("7", 7),
    "queue_ahead": ("0", 0),
    "log_format": ("json", "json"),
    "log_file": ("run.log", HERE / "run.log"),
    "rate_limit": ("30", 30),
    "rate_window_s": ("2m", 120.0),
    "poll_interval_s": ("0.5", 0.5),
    "timeout_s": ("90s", 90.0),
    "settle_s": ("3m", 180.0),
    "attempts": ("1", 1),
    "transfers": ("8", 8),
    "max_time_s": ("2h", 7200.0),
    "max_minutes": ("90.5", Cap(90.5)),
    "max_minutes_by": ("language=de:30", (Cap(30.0, "language", "de"),)),
    "price_per_minute": ("0.12 EUR", Price(0.12, "EUR")),
    "probe_urls": ("no", False),
    "length_tolerance": ("10%", Tolerance(part=0.1)),
    "strict": ("yes", True),
    "on_error": ("SKIP", "skip"),
    "report": ("r.csv", (HERE / "r.csv",)),
    "write_back": ("true", True),
    "report_csv_delimiter": ("Tab", "tab"),
    "progress": ("off", False),
    "quiet": ("yes", True),
    "base_url": ("https://other.example.com", "https://other.example.com"),
    "ledger": ("l.db", HERE / "l.db"),
    "limit": ("3", 3),
    "only": ("a", ("a",)),
    "map": ("Video File=video", ("Video File=video",)),
    "include_hidden": ("true", True),
    "batch": ("spring", "spring"),
    "sandbox": ("true", True),
    "yes": ("1", True),
}
ANYWHERE = [field for field, option in OPTIONS.items() if option.scope is Scope.ANYWHERE]


def resolved(flags: Words = {}, env: Mapping[str, str] = {}, manifest: Words = {}, toml: Words = {}) -> Resolved:  # noqa: B006
    return resolve(flags=flags, env=env, manifest=manifest, toml=toml, here=HERE, beside=BESIDE)


def test_the_samples_cover_every_option() -> None:
    """A new option needs one."""
    assert set(SAMPLES) == set(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_an_option_explains_itself(option: Option) -> None:
    """A flag, a variable, a help that ends like a sentence, and a word for its value."""
    word = option.name.replace(".", "_")
    assert option.flag == "--" + word.replace("_", "-")
    assert option.env == "DUBBATCH_" + word.upper()
    assert option.parameter == word
    assert option.help.endswith(".")
    assert bool(option.metavar) is not option.is_switch


@pytest.mark.parametrize("field", OPTIONS)
def test_a_flag_sets_its_field(field: str) -> None:
    """And says so."""
    text, value = SAMPLES[field]
    found = resolved(flags={OPTIONS[field].name: text})

    assert getattr(found.settings, field) == value
    assert found.origins[OPTIONS[field].name] == "flag"


def test_without_a_word_the_defaults_are_in_force() -> None:
    """Those of the design, section 8."""
    found = resolved()
    settings = found.settings

    assert settings == Settings()
    assert set(found.origins.values()) == {"default"}
    assert (found.warnings, found.manifest_faults) == ((), ())
    assert (settings.output, settings.concurrency, settings.queue_ahead) == ("{id}.mp4", None, 2)
    assert (settings.rate_limit, settings.rate_window_s, settings.poll_interval_s) == (60, 60.0, 5.0)
    assert (settings.timeout_s, settings.settle_s, settings.attempts, settings.transfers) == (60.0, 120.0, 2, 4)
    assert settings.base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize("field", ANYWHERE)
def test_flag_before_environment_before_manifest_before_toml(field: str) -> None:
    """Design, section 8. Taking the first away brings the next into force."""
    option = OPTIONS[field]
    text, _ = SAMPLES[field]
    layers: dict[str, dict[str, Any]] = {
        "flags": {option.name: text},
        "env": {option.env: text},
        "manifest": {option.name: text},
        "toml": {option.name: text},
    }
    origins = []
    while layers:
        origins.append(resolved(**layers).origins[option.name])
        del layers[next(iter(layers))]

    assert origins == ["flag", "environment", "manifest", "dubbatch.toml"]


def test_each_source_has_its_own_value() -> None:
    """The winner's value is the one in force."""
    flags, env = {"rate_limit": "1"}, {"DUBBATCH_RATE_LIMIT": "2"}
    manifest, toml = {"rate_limit": "3"}, {"rate_limit": "4"}

    assert resolved(flags, env, manifest, toml).settings.rate_limit == 1
    assert resolved({}, env, manifest, toml).settings.rate_limit == 2
    assert resolved({}, {}, manifest, toml).settings.rate_limit == 3
    assert resolved({}, {}, {}, toml).settings.rate_limit == 4
    assert resolved({}, {"DUBBATCH_RATE_LIMIT": ""}, manifest).settings.rate_limit == 3


@pytest.mark.parametrize("field", [field for field, option in OPTIONS.items() if option.is_path])
def test_paths_in_flags_are_relative_to_the_working_directory_all_others_to_the_manifest(field: str) -> None:
    """An absolute path, or one in the home folder, is where it says."""
    option = OPTIONS[field]

    def path(**sources: Any) -> Path:
        value = getattr(resolved(**sources).settings, field)
        found = value[0] if option.is_many else value
        assert isinstance(found, Path)
        return found

    assert path(flags={option.name: "x/y"}) == HERE / "x" / "y"
    assert path(env={option.env: "x"}) == BESIDE / "x"
    assert path(toml={option.name: "x"}) == BESIDE / "x"
    assert path(flags={option.name: "/abs/x"}) == Path("/abs/x")
    assert path(flags={option.name: "~/x"}) == Path.home() / "x"
    if option.scope is Scope.ANYWHERE:
        assert path(manifest={option.name: "x"}) == BESIDE / "x"


def test_what_may_be_given_several_times_is_a_tuple() -> None:
    """From a flag, and from a list in a file; one text is one value."""
    assert resolved(flags={"only": ["a", "b"]}).settings.only == ("a", "b")
    assert resolved(manifest={"report": ["a.csv", "b.json"]}).settings.report == (BESIDE / "a.csv", BESIDE / "b.json")
    assert resolved(manifest={"report": []}).settings.report == ()


@pytest.mark.parametrize("texts", [[], ["2", "3"]])
def test_a_list_where_one_value_belongs_is_told(texts: list[str]) -> None:
    """In a file that a person wrote by hand."""
    with pytest.raises(UsageError, match="expected one value"):
        resolved(toml={"concurrency": texts})

    (fault,) = resolved(manifest={"concurrency": texts}).manifest_faults
    assert "expected one value" in fault.message


BAD = [
    ("output_dir", ""),
    ("output_dir", "~nobody-of-that-name/x"),
    ("output", "  "),
    ("concurrency", "0"),
    ("concurrency", "many"),
    ("concurrency", "-1"),
    ("queue_ahead", "-1"),
    ("rate_limit", "0"),
    ("rate_limit", "1.5"),
    ("rate_limit", "9999999999"),
    ("rate_window", "0"),
    ("poll_interval", "0s"),
    ("timeout", "soon"),
    ("settle", "-5"),
    ("attempts", "0"),
    ("transfers", "0"),
    ("max_time", "0"),
    ("on_error", "ignore"),
    ("progress", "maybe"),
    ("report.csv_delimiter", ":"),
    ("report.csv_delimiter", ""),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_value_out_of_bounds_is_refused_where_it_was_set(name: str, text: str) -> None:
    """By its flag, variable or key; a manifest's fault is told with its cell, and does not count."""
    option = next(option for option in OPTIONS.values() if option.name == name)
    field = next(field for field, known in OPTIONS.items() if known is option)
    with pytest.raises(UsageError, match=option.flag) as flagged:
        resolved(flags={name: text})
    with pytest.raises(UsageError, match=f"dubbatch.toml: {name}"):
        resolved(toml={name: text})
    if text:
        with pytest.raises(UsageError, match=option.env):
            resolved(env={option.env: text})
    found = resolved(manifest={name: text})

    assert repr(text) in flagged.value.message
    assert [fault.key for fault in found.manifest_faults] == [name]
    assert found.manifest_faults[0].remedy
    assert getattr(found.settings, field) == getattr(Settings(), field)


@pytest.mark.parametrize("name", ["base_url", "ledger"])
def test_a_manifest_can_not_send_the_key_elsewhere(name: str) -> None:
    """It may have come by mail. The other places may."""
    (fault,) = resolved(manifest={name: "https://evil.example.com"}).manifest_faults

    assert "can't be set here" in fault.message
    assert OPTIONS[name].flag in fault.remedy
    assert OPTIONS[name].env in fault.remedy
    assert resolved(toml={name: "x"}).origins[name] == "dubbatch.toml"


@pytest.mark.parametrize("name", ["api_key", "API_KEY", "key", "bearer_token", "CHAMELAION_API_KEY"])
def test_a_key_in_a_file_is_a_fault_that_does_not_repeat_it(name: str) -> None:
    """Files are passed on."""
    (fault,) = resolved(manifest={name: "sk-very-secret"}).manifest_faults
    with pytest.raises(UsageError) as caught:
        resolved(toml={name: "sk-very-secret"})

    assert "secret" not in f"{fault}{caught.value.message}{caught.value.hint}"
    assert "CHAMELAION_API_KEY" in fault.remedy


@pytest.mark.parametrize("field", [field for field, option in OPTIONS.items() if option.scope is Scope.FLAG])
def test_what_is_about_one_call_stands_in_no_file_and_no_variable(field: str) -> None:
    """``--yes`` in a file would answer every question for ever."""
    option = OPTIONS[field]
    text, _ = SAMPLES[field]
    (fault,) = resolved(manifest={option.name: text}).manifest_faults
    with pytest.raises(UsageError, match="flag only"):
        resolved(toml={option.name: text})
    found = resolved(env={option.env: text})

    assert option.flag in fault.remedy
    assert found.settings == Settings()
    assert len(found.warnings) == 1


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("concurency", "concurrency"),
        ("poll-interval", "poll_interval"),
        ("Output_Dir", "output_dir"),
        ("report_csv_delimiter", "report.csv_delimiter"),
        ("xyzzy", ""),
    ],
)
def test_an_unknown_setting_gets_a_suggestion(key: str, meant: str) -> None:
    """Or the way to the list of all."""
    (fault,) = resolved(manifest={key: "1"}).manifest_faults
    with pytest.raises(UsageError, match=key):
        resolved(toml={key: "1"})

    assert fault.message == f"unknown setting {key}"
    assert (f"did you mean {meant}?" if meant else "dubbatch config") in fault.remedy


def test_an_unknown_variable_of_ours_is_a_warning() -> None:
    """With what was probably meant; others' variables are others'."""
    env = {"DUBBATCH_CONCURENCY": "4", "DUBBATCH_XYZZY": "1", "PATH": "/bin", "DUBBATCH_SETTLE": "1m"}
    found = resolved(env=env)

    assert found.warnings == (
        "DUBBATCH_CONCURENCY is no setting of dubbatch: did you mean DUBBATCH_CONCURRENCY?",
        "DUBBATCH_XYZZY is no setting of dubbatch",
    )
    assert found.settings == Settings(settle_s=60.0)


def test_the_sdks_own_address_is_honoured_and_ours_wins() -> None:
    """Who has it set for the vendor's SDK means the same service."""
    sdk = {"CHAMELAION_BASE_URL": "https://sdk.example.com"}
    both = sdk | {"DUBBATCH_BASE_URL": "https://ours.example.com"}

    assert resolved(env=sdk).settings.base_url == "https://sdk.example.com"
    assert resolved(env=sdk).origins["base_url"] == "environment"
    assert resolved(env=both).settings.base_url == "https://ours.example.com"
    assert resolved(env={"CHAMELAION_BASE_URL": ""}).settings.base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("0.5", 0.5), (" 1.5 M ", 90), ("0", 0), ("007", 7)],
)
def test_durations(text: str, seconds: float) -> None:
    """Design, section 8."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1d", "1 2", "1e3", "inf", "nan", "1m30s", ".5", "5."])
def test_what_is_no_duration(text: str) -> None:
    """It is said how one looks."""
    with pytest.raises(ValueError, match="15m or 2h"):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """Nothing else."""
    with suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize("word", ["true", "Yes", "ON", " 1 "])
def test_words_for_on_and_off(word: str) -> None:
    """In any case; nothing else is guessed at."""
    assert parse_bool(word) is True
    assert [parse_bool(word) for word in ("false", "No", "OFF", "0")] == [False] * 4
    with pytest.raises(ValueError, match="true or false"):
        parse_bool("x")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "true"), (False, "false"), (120.0, "120s"), (0.5, "0.5s"), (7, "7"), (("a", "b"), "a, b"), (None, "auto")],
)
def test_values_are_shown_as_a_person_would_write_them(value: object, shown: str) -> None:
    """In ``dubbatch config`` and in the help."""
    assert shown_value(value) == shown


@pytest.mark.parametrize(("word", "character"), [(",", ","), (";", ";"), ("|", "|"), (" TAB ", "\t")])
def test_the_delimiter_of_csv_reports_is_named_by_itself_or_as_tab(word: str, character: str) -> None:
    """A tab in a file can't be told from spaces by eye."""
    assert resolved(toml={"report.csv_delimiter": word}).settings.csv_delimiter == character


@pytest.mark.parametrize("field", OPTIONS)
def test_the_docs_list_every_option(field: str) -> None:
    """With its flag, its variable, its default and its help, as they are declared."""
    option, default = OPTIONS[field], getattr(Settings(), field)
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{option.flag}")]
    rows = [line.replace("\\|", "/").split(" | ") for line in lines]
    (row,) = [row for row in rows if row[0].strip("| `").split()[0].split("/")[0] == option.flag]
    variable = "–" if option.scope is Scope.FLAG else f"`{option.env}`"
    shown = "–" if default in (None, "", ()) else f"`{shown_value(default)}`"

    assert option.metavar.replace("|", "/") in row[0]
    assert row[1] == variable
    assert row[2] == ("`auto`" if field == "concurrency" else shown)
    assert row[3].rstrip("| ") == option.help.replace("|", "/")
