"""Reports as files: what a spreadsheet and a program read from them, and that they are whole or not there."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubbatch.errors import DiskError, UsageError
from dubbatch.jobs import JobState, Media
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.file import check_suffix, write_reports
from dubbatch.report.rows import FIELDS, ReportRow
from dubbatch.report.table import csv_report
from tests.story import write_report

BATCH = "spring"


def row_with(columns: dict[str, str], job: str = "ep01", **fields: Any) -> ReportRow:
    plain: dict[str, Any] = dict.fromkeys(FIELDS, "")
    plain |= {"id": job, "state": JobState.PENDING, "attempts": 0, "bytes": None, "duration_s": None}
    return ReportRow(**plain | fields, columns=columns)


def write_csv(path: Path, own: Sequence[str], rows: Iterable[ReportRow], delimiter: str = ",") -> None:
    """As a report is written, in pages."""
    remaining, writer = iter(rows), csv_report(path, own, delimiter)
    next(writer)
    with suppress(StopIteration):
        while True:
            writer.send(list(islice(remaining, 1_000)))


def cells(path: Path) -> list[list[str]]:
    """The table as a spreadsheet reads it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def strict(path: Path) -> Any:
    """The JSON as a strict reader takes it: no NaN, no name twice."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(found) == len({name for name, _ in found})
        return dict(found)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(path.read_bytes().decode("utf-8"), parse_constant=refuse, object_pairs_hook=pairs)


def test_the_json_report_is_what_the_contract_says(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """Design, section 10: schema 1, to the last name."""
    story.own = ("Team",)
    story.plan("ep01", "ep02", "old", columns={"Team": "日本"}, lengths_s={"ep01": 90.0})
    story.download("ep01", "ja/ep01.mp4")
    kept = [story.record(job) for job in ("ep01", "ep02")]
    ledger.jobs.begin_batch(ledger.jobs.batch(BATCH), kept)  # type: ignore[arg-type]
    ledger.jobs.finish_batch(BATCH, "2026-11-21T02:00:00Z")
    path = output_dir / "report.json"

    write_report(path, ledger, BATCH)
    report = strict(path)

    assert list(report) == [
        "schema",
        "batch",
        "started_at",
        "finished_at",
        "totals",
        "media_minutes",
        "estimated_minutes",
        "actual_minutes",
        "jobs",
        "removed",
    ]
    assert {
        "schema": 1,
        "batch": BATCH,
        "started_at": "2026-11-21T01:00:00Z",
        "finished_at": "2026-11-21T02:00:00Z",
        "totals": {"jobs": 2, **dict.fromkeys((s.value for s in JobState), 0), "downloaded": 1, "pending": 1},
        "media_minutes": 1.5,
        "estimated_minutes": 1.5,
        "actual_minutes": 0.208,
        "removed": ["old"],
    } == {name: value for name, value in report.items() if name != "jobs"}
    assert [job["id"] for job in report["jobs"]] == ["ep01", "ep02"]
    assert {
        "id": "ep01",
        "state": "downloaded",
        "video": "https://cdn.example.com/v.mp4",
        "audio": "https://cdn.example.com/a.wav",
        "language": "ja",
        "reference_id": story.attempt("ep01").reference,
        "request_id": "request-1",
        "attempts": 1,
        "created_at": "2026-11-21T01:00:01Z",
        "started_at": "2026-11-21T01:00:05Z",
        "finished_at": "2026-11-21T01:02:00Z",
        "output": "ja/ep01.mp4",
        "sha256": "ab" * 32,
        "bytes": 123_456,
        "duration_s": 12.5,
        "error": "",
        "hint": "",
        "warning": "",
        "paid_by": "",
        "estimated_minutes": 1.5,
        "minutes": 0.2083,
        "columns": {"Team": "日本"},
    } == report["jobs"][0]


def test_a_job_in_every_state_is_counted_in_its_own(
    one_in_each_state: Callable[[], None], ledger: Ledger, output_dir: Path
) -> None:
    """The totals are those of the rows."""
    one_in_each_state()
    path = output_dir / "report.json"

    write_report(path, ledger, BATCH)
    report = strict(path)

    assert {"jobs": len(JobState), **{state.value: 1 for state in JobState}} == report["totals"]


def test_a_batch_without_jobs_has_a_report_too(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """An empty list, and a header without rows."""
    story.own = ("Team",)
    story.begin([])

    write_report(output_dir / "report.json", ledger, BATCH)
    write_report(output_dir / "report.csv", ledger, BATCH)

    assert strict(output_dir / "report.json")["jobs"] == []
    assert [["Team", *FIELDS]] == cells(output_dir / "report.csv")


def test_the_csv_has_the_teams_columns_first_and_then_ours(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """In the team's own order, with a byte order mark for Excel."""
    story.own = ("Zeile", "Team")
    story.plan("ep01", columns={"Team": "Ä", "Zeile": "001"})
    story.download("ep01")
    path = output_dir / "report.csv"

    write_report(path, ledger, BATCH)
    header, row = cells(path)

    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert ["Zeile", "Team", *FIELDS] == header
    assert row[:4] == ["001", "Ä", "ep01", "downloaded"]
    assert {"attempts": "1", "bytes": "123456", "duration_s": "12.5", "output": "ep01.mp4"}.items() <= dict(
        zip(header, row, strict=True)
    ).items()


def test_no_text_is_taken_for_something_else(tmp_path: Path) -> None:
    """Namibia is no missing value, 001 no one, and an absent number is an empty cell."""
    texts = ["NA", "nan", "None", "null", "001", "1.10", "1e5", "TRUE", "2026-01-02", "", " x "]
    path = tmp_path / "report.csv"

    write_csv(path, ["Own"], [row_with({"Own": text}) for text in texts])
    header, *rows = cells(path)

    assert texts == [row[0] for row in rows]
    assert {""} == {row[header.index("bytes")] for row in rows}


def test_many_rows_have_one_header(tmp_path: Path) -> None:
    """Rows are written in pages, so that memory stays flat."""
    path = tmp_path / "report.csv"

    write_csv(path, [], (row_with({}, f"ep{n}") for n in range(4_001)))
    header, *rows = cells(path)

    assert list(FIELDS) == header
    assert [f"ep{n}" for n in range(4_001)] == [row[0] for row in rows]


def test_a_team_column_called_like_one_of_ours_keeps_its_name(tmp_path: Path) -> None:
    """Ours steps aside as dub_…, which a manifest ignores; capitals make no other name."""
    path = tmp_path / "report.csv"

    write_csv(path, ["State", "error"], [row_with({"State": "final", "error": "none"}, error="broken")])
    header, row = cells(path)

    assert header[:4] == ["State", "error", "id", "dub_state"]
    assert row[:4] == ["final", "none", "ep01", "pending"]
    assert row[header.index("dub_error")] == "broken"
    assert len(set(map(str.casefold, header))) == len(header)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_starts_a_formula(tmp_path: Path, start: str) -> None:
    """Neither the team's nor the service's, nor a header; OWASP's rule without exceptions."""
    text = f'{start}HYPERLINK("http://evil","x")'
    path = tmp_path / "report.csv"

    write_csv(path, [text], [row_with({text: text}, job=text, error=text)])
    header, row = cells(path)

    assert f"'{text}" == header[0]
    assert {f"'{text}"} == {row[0], row[1], row[header.index("error")]}


def test_the_json_report_has_texts_exactly(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """What starts a formula in a spreadsheet is a plain text to a program."""
    story.own = ("Note",)
    story.plan("ep01", columns={"Note": '=1+1 "\\ \u2028 </script>'})

    write_report(output_dir / "report.json", ledger, BATCH)

    assert strict(output_dir / "report.json")["jobs"][0]["columns"]["Note"] == '=1+1 "\\ \u2028 </script>'


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), max_size=5))
def test_every_text_comes_back_from_a_csv(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]]
) -> None:
    """Quotes, commas, line breaks of all kinds and NULs break no row; only the guard is added."""
    path = tmp_path_factory.mktemp("csv") / "report.csv"

    write_csv(path, ["Own"], [row_with({"Own": own}, error=error) for own, error in texts])
    header, *rows = cells(path)
    read = [(row[0], row[header.index("error")]) for row in rows]

    assert len(texts) == len(read)
    for given_texts, read_texts in zip(texts, read, strict=True):
        for text, found in zip(given_texts, read_texts, strict=True):
            assert found in (text, f"'{text}")
            assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_neither_report_shows_what_signs_an_address(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """A report is mailed around; a signed link is as good as a password."""
    url = "https://ann:geheim@cdn.example.com/v.mp4?sig=geheim"
    story.own = ("Link",)
    story.plan("ep01", video=Media(url, url=url), columns={"Link": url})

    for name in ("report.csv", "report.json"):
        write_report(output_dir / name, ledger, BATCH)

        assert "https://cdn.example.com/v.mp4?..." in (output_dir / name).read_text(encoding="utf-8-sig")
        assert "geheim" not in (output_dir / name).read_text(encoding="utf-8-sig")


def test_a_report_takes_the_place_of_the_older_one_and_leaves_nothing_beside_it(
    story: Any, ledger: Ledger, output_dir: Path
) -> None:
    """Written whole and then renamed; an older reader of the file keeps what it has."""
    story.plan("ep01")
    output_dir.mkdir()
    path = output_dir / "report.csv"
    path.write_text("older", encoding="utf-8")
    with path.open(encoding="utf-8") as reader:
        write_report(path, ledger, BATCH)

        assert reader.read() == "older"
    assert names_in(output_dir) == ["report.csv"]
    assert cells(path)[1][0] == "ep01"


def test_a_report_that_breaks_half_way_leaves_the_older_one(tmp_path: Path) -> None:
    """No half table ever has the report's name."""
    path = tmp_path / "report.csv"
    path.write_text("older", encoding="utf-8")
    writer = csv_report(path, [])
    next(writer)
    writer.send([row_with({})])

    with pytest.raises(DiskError) as caught:
        writer.throw(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    assert "No space left" in caught.value.message
    assert "dubbatch report" in caught.value.hint
    assert path.read_text(encoding="utf-8") == "older"
    assert names_in(tmp_path) == ["report.csv"]


def test_a_report_that_is_given_up_leaves_the_older_one(tmp_path: Path) -> None:
    """A refresh that is told to stop in the middle."""
    path = tmp_path / "report.csv"
    path.write_text("older", encoding="utf-8")
    writer = csv_report(path, [])
    next(writer)
    writer.send([row_with({})])

    writer.close()

    assert path.read_text(encoding="utf-8") == "older"
    assert names_in(tmp_path) == ["report.csv"]


def test_reports_are_written_in_one_walk_and_one_that_fails_keeps_no_other(
    story: Any, ledger: Ledger, output_dir: Path
) -> None:
    """The same bytes as each by itself; what failed is told with its place."""
    story.own = ("Team",)
    story.plan("ep01", "ep02", columns={"Team": "a;b,c"})
    taken = output_dir / "taken.json"
    taken.mkdir(parents=True)
    paths = [output_dir / "report.csv", taken, output_dir / "report.json"]

    failed = write_reports(paths, ledger, BATCH, delimiter=";")
    together = {path: path.read_bytes() for path in (paths[0], paths[2])}
    for path in together:
        write_report(path, ledger, BATCH, delimiter=";")

    assert list(failed) == [taken]
    assert str(taken) in failed[taken].message
    assert together == {path: path.read_bytes() for path in together}
    assert sorted(names_in(output_dir)) == ["report.csv", "report.json", "taken.json"]


@pytest.mark.parametrize("asked", [0, 1, 2])
def test_what_is_no_longer_wanted_is_not_written(story: Any, ledger: Ledger, output_dir: Path, asked: int) -> None:
    """However far it has come; nothing half is left."""
    story.plan("ep01")
    answers = iter([True] * asked + [False])

    assert write_reports([output_dir / "report.json"], ledger, BATCH, is_wanted=lambda: next(answers)) == {}

    assert not output_dir.exists() or names_in(output_dir) == []


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_a_csv_has_the_delimiter_that_is_asked_for(tmp_path: Path, delimiter: str) -> None:
    """What holds it is quoted, the others stand as they are; formulas are none with any of them."""
    texts = ["a;b", "c,d", "e|f", "g\th", 'i"j', "=1+1", "k;=1+1"]
    path = tmp_path / "report.csv"

    write_csv(path, ["Own"], [row_with({"Own": text}) for text in texts], delimiter)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file, delimiter=delimiter, strict=True)

    assert ["Own", *FIELDS] == header
    guarded = {"=1+1": "'=1+1", "k;=1+1": "k;'=1+1"}
    assert [guarded.get(text, text) for text in texts] == [row[0] for row in rows]
    quoted = {text for text in texts[:4] if f'"{text}"' in path.read_text(encoding="utf-8-sig")}
    assert quoted == {text for text in texts[:4] if delimiter in text}


@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx"])
def test_a_place_that_cannot_be_written_is_told_as_such(
    story: Any, ledger: Ledger, tmp_path: Path, suffix: str
) -> None:
    """A file where a folder should be, or a folder where the report should be."""
    story.plan("ep01")
    (tmp_path / "file").write_text("", encoding="utf-8")
    taken = tmp_path / f"taken{suffix}"
    taken.mkdir()

    for path in (tmp_path / "file" / f"report{suffix}", taken):
        with pytest.raises(DiskError, match="can't be written") as caught:
            write_report(path, ledger, BATCH)

        assert str(path) in caught.value.message
        assert "nothing is lost" in caught.value.hint
    assert not [name for name in names_in(tmp_path) if name.endswith(".part")]


def test_a_new_report_can_be_read_by_those_who_may_read_new_files(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """It lies in a shared folder: the modes of other new files are its own."""
    story.plan("ep01")
    output_dir.mkdir()
    (output_dir / "any").touch()

    write_report(output_dir / "report.json", ledger, BATCH)

    assert (output_dir / "any").stat().st_mode == (output_dir / "report.json").stat().st_mode


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.xlsx", "R.CSV", "a.b.Json", "R.XLSX"])
def test_the_suffixes_are_known_in_any_case(name: str) -> None:
    """Windows likes capitals."""
    check_suffix(Path(name))


@pytest.mark.parametrize("name", ["r.xls", "r", "r.csv.gz", ".csv", ".xlsx"])
def test_another_suffix_is_refused_before_anything_is_written(
    story: Any, ledger: Ledger, output_dir: Path, name: str
) -> None:
    """The message names those that there are."""
    story.plan("ep01")

    with pytest.raises(UsageError, match=r"\.csv, \.json or \.xlsx"):
        check_suffix(output_dir / name)
    with pytest.raises(UsageError, match=r"\.csv, \.json or \.xlsx"):
        write_report(output_dir / name, ledger, BATCH)

    assert not output_dir.exists()


def test_a_batch_that_the_ledger_does_not_have_writes_no_report(ledger: Ledger, output_dir: Path) -> None:
    """Rather than an empty one that looks like the truth."""
    with pytest.raises(UsageError, match="no batch autumn"):
        write_report(output_dir / "report.csv", ledger, "autumn")

    assert not output_dir.exists()


def test_what_writes_tables_loads_only_when_one_is_written() -> None:
    """Every command checks its options with this module."""
    code = "import sys, dubbatch.report.file; print(bool({'pandas', 'xlsxwriter'} & sys.modules.keys()))"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"
