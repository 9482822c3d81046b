"""The report as a workbook: what a person and three readers find in it, whatever the texts are."""

from __future__ import annotations

import errno
import gc
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from dubbatch.errors import DiskError
from dubbatch.jobs import JobState
from dubbatch.ledger.jobs import BatchRow
from dubbatch.ledger.ledger import Ledger
from dubbatch.report.place import clear_leftovers
from dubbatch.report.rows import FIELDS, Minutes, ReportRow
from dubbatch.report.workbook import write_workbook
from dubbatch.report.workbook.cells import CELL_MAX, cell_text
from dubbatch.report.workbook.jobs import Limits
from dubbatch.report.workbook.writer import Buffer
from tests.story import write_report

BATCH = "spring"
MINUTES = Minutes(bought=61.25, estimated=40.1, actual=39.88)
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "{=1+1}",
    "https://evil.example/x",
    "internal:'Jobs'!A1",
    "<r><t>raw</t></r>",
    "<r>&</r>",
    "</t></is></c></row></sheetData>",
    "&amp; ]]> <!-- é 日本 🎬",
    "001",
    "1e5",
    "TRUE",
    "#REF!",
    " blanks ",
    "two\nlines\tand a tab",
]


def row_with(job: str = "ep01", state: JobState = JobState.PENDING, **fields: Any) -> ReportRow:
    plain: dict[str, Any] = dict.fromkeys(FIELDS, "") | {"id": job, "state": state, "attempts": 0}
    plain |= dict.fromkeys(("bytes", "duration_s", "minutes", "estimated_minutes"), None)
    return ReportRow(**plain | {"columns": {}} | fields)


def write(path: Path, rows: Iterable[ReportRow], *own: str, outputs: Path | None = None, **more: Any) -> Any:
    """The workbook as openpyxl reads it."""
    folder = outputs or path.parent
    batch = BatchRow(BATCH, "/m/spring.csv", str(folder), json.dumps(own), "2026-11-21T01:00:00Z", more.pop("end", ""))
    write_workbook(path, batch, rows, **{"minutes": MINUTES, "removed": [], **more})
    return openpyxl.load_workbook(path)


def values(sheet: Any) -> list[list[Any]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def texts(sheet: Any) -> list[str]:
    """Every text of a sheet, from the top down."""
    return [str(value) for row in values(sheet) for value in row if value is not None]


def column(sheet: Any, title: str) -> list[Any]:
    """The cells below a title."""
    at = [cell.value for cell in sheet[1]].index(title)
    return [row[at] for row in sheet.iter_rows(min_row=2)]


def followed(path: Path, cell: Any) -> Path:
    """Where a cell's link leads, as Excel and LibreOffice resolve it: from the folder of the workbook."""
    target = cell.hyperlink.target.replace("\\", "/")
    return path.parent / os.fsdecode(unquote_to_bytes(target))


def test_there_are_three_sheets_and_the_summary_comes_first(tmp_path: Path) -> None:
    """A person opens it and sees where the batch stands."""
    book = write(tmp_path / "r.xlsx", [row_with()])

    assert book.sheetnames == ["Summary", "Jobs", "Problems"]
    assert book.active.title == "Summary"


def test_the_jobs_have_the_teams_columns_first_and_then_ours(tmp_path: Path) -> None:
    """In the team's order, as the other reports have them; ours step aside where a name is taken."""
    book = write(tmp_path / "r.xlsx", [row_with(columns={"State": "final", "Zeile": "001"})], "Zeile", "State")

    header, row = values(book["Jobs"])

    assert header[:4] == ["Zeile", "State", "id", "dub_state"]
    assert len(header) == 2 + len(FIELDS)
    assert row[:4] == ["001", "final", "ep01", "pending"]


def test_numbers_are_numbers_and_the_services_times_stay_text(tmp_path: Path) -> None:
    """So that they can be summed and sorted; what there is not is an empty cell."""
    row = row_with(attempts=2, bytes=123_456, duration_s=12.5, minutes=0.2083, created_at="2026-11-21T01:00:01Z")

    sheet = write(tmp_path / "r.xlsx", [row])["Jobs"]
    found = dict(zip(*values(sheet), strict=True))

    assert {"attempts": 2, "bytes": 123_456, "duration_s": 12.5, "minutes": 0.2083}.items() <= found.items()
    assert found["created_at"] == "2026-11-21T01:00:01Z"
    assert found["estimated_minutes"] is None


def test_the_jobs_can_be_filtered_and_their_header_stays(tmp_path: Path) -> None:
    """A filter over all rows, one frozen row, widths that fit, no green triangles, and a header on each page."""
    rows = [row_with(f"ep{n}", columns={"Kunde": "株式会社ノースウィンド", "Nr": "1"}) for n in range(4)]

    sheet = write(tmp_path / "r.xlsx", rows, "Kunde", "Nr")["Jobs"]

    assert sheet.auto_filter.ref == f"A1:{sheet.cell(1, 2 + len(FIELDS)).column_letter}5"
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["A"].width > 20 > sheet.column_dimensions["B"].width
    assert (sheet.print_title_rows, sheet.page_setup.orientation) == ("$1:$1", "landscape")
    xml = zipfile.ZipFile(tmp_path / "r.xlsx").read("xl/worksheets/sheet2.xml").decode()
    assert 'numberStoredAsText="1"' in xml


def test_every_state_has_its_word_and_a_colour_of_its_own(
    one_in_each_state: Callable[[], None], ledger: Ledger, output_dir: Path
) -> None:
    """On the jobs' sheet and in the summary; the word says it to those who see no colours."""
    one_in_each_state()
    path = output_dir / "report.xlsx"

    write_report(path, ledger, BATCH)
    book = openpyxl.load_workbook(path)
    cells = column(book["Jobs"], "state")
    told = {cell.value: cell.fill.fgColor.rgb for cell in book["Summary"]["A"] if cell.value in set(JobState)}

    assert [cell.value for cell in cells] == [state.value for state in JobState]
    assert len({cell.fill.fgColor.rgb for cell in cells}) == len(JobState)
    assert told == {cell.value: cell.fill.fgColor.rgb for cell in cells}


@pytest.mark.parametrize("place", ["spring-dubs", "elsewhere/deep er", "."], ids=["beside", "elsewhere", "above"])
def test_links_lead_to_the_outputs_from_wherever_the_report_is(tmp_path: Path, place: str) -> None:
    """Relative, so that both can be moved together; with whatever signs the names have."""
    outputs = tmp_path / "spring-dubs"
    names = ["plain.mp4", "ja/100% #1 [a] {b}^.mp4", "ja/100%25.mp4", "日本 é/ö?.mp4", "a", "c:d.mp4", "e&'\".mp4", "x"]
    for name in names:
        (outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (outputs / name).write_text(name, encoding="utf-8")
    path = tmp_path / place / "r.xlsx"

    sheet = write(path, [row_with(name, JobState.DOWNLOADED, output=name) for name in names], outputs=outputs)["Jobs"]
    cells = column(sheet, "output")

    assert [cell.value for cell in cells] == names
    assert [followed(path, cell).read_text(encoding="utf-8") for cell in cells] == names
    assert not any(cell.hyperlink.target.startswith(("/", "file:", "\\")) for cell in cells)


def test_the_outputs_folder_is_a_link_where_it_is_another(tmp_path: Path) -> None:
    """One click from the summary."""
    outputs = tmp_path / "dubs #1"
    outputs.mkdir()
    path = tmp_path / "r.xlsx"

    (cell,) = [cell for cell in write(path, [], outputs=outputs)["Summary"]["B"] if cell.hyperlink]

    assert cell.value == str(outputs)
    assert followed(path, cell).samefile(outputs)


def test_an_address_too_long_for_a_link_is_plain_text(tmp_path: Path) -> None:
    """Rather than a workbook that Excel wants to repair."""
    cells = column(
        write(tmp_path / "r.xlsx", [row_with(output="ä/" * 1_100), row_with(output="a.mp4")])["Jobs"], "output"
    )

    assert [cell.hyperlink is None for cell in cells] == [True, False]
    assert cells[0].value == "ä/" * 1_100


def test_more_links_than_a_sheet_has_are_plain_text_and_the_summary_says_so(tmp_path: Path) -> None:
    """A name without a link is no missing file."""
    rows = [row_with(f"ep{n}", JobState.DOWNLOADED, output=f"ep{n}.mp4") for n in range(5)]

    book = write(tmp_path / "r.xlsx", rows, limits=Limits(rows=100, links=3))
    cells = column(book["Jobs"], "output")

    assert [bool(cell.hyperlink) for cell in cells] == [True] * 3 + [False] * 2
    assert [cell.value for cell in cells] == [row.output for row in rows]
    assert any(text.startswith("2 outputs are named without a link") for text in texts(book["Summary"]))


def test_more_rows_than_a_sheet_has_go_on_a_second_one(tmp_path: Path) -> None:
    """With a header of its own; the links of the summary lead to the right sheet."""
    rows = [row_with(f"ep{n}", JobState.FAILED if n == 8 else JobState.PENDING) for n in range(9)]

    book = write(tmp_path / "r.xlsx", rows, limits=Limits(rows=5, links=10))

    assert book.sheetnames == ["Summary", "Jobs", "Jobs 2", "Jobs 3", "Problems"]
    ids = [cell.value for name in ("Jobs", "Jobs 2", "Jobs 3") for cell in column(book[name], "id")]
    assert ids == [row.id for row in rows]
    (link,) = [cell.hyperlink.location for cell in book["Summary"]["I"] if cell.hyperlink]
    assert link == "'Jobs 3'!A2"


def test_a_batch_without_jobs_has_a_workbook_too(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """A header without rows, and a summary that says so."""
    story.own = ("Team",)
    story.begin([])
    path = output_dir / "report.xlsx"

    write_report(path, ledger, BATCH)
    book = openpyxl.load_workbook(path)

    assert values(book["Jobs"]) == [["Team", *FIELDS]]
    assert "No jobs." in texts(book["Summary"])
    assert "There are no problems." in texts(book["Problems"])


def test_the_summary_tells_where_the_batch_stands(story: Any, ledger: Ledger, output_dir: Path) -> None:
    """Of a real ledger: totals, minutes, times and what has left the manifest."""
    story.plan("ep01", "ep02", "old", lengths_s={"ep01": 90.0})
    story.download("ep01", "ja/ep01.mp4")
    story.end(story.accept("ep02"), JobState.FAILED, error="video URL is not accessible", hint="open it to all")
    kept = [story.record(job) for job in ("ep01", "ep02")]
    ledger.jobs.begin_batch(ledger.jobs.batch(BATCH), kept)  # type: ignore[arg-type]
    path = output_dir / "report.xlsx"

    write_report(path, ledger, BATCH, finished_at="2026-11-21T02:00:00Z")
    rows = [[value for value in row if value is not None] for row in values(openpyxl.load_workbook(path)["Summary"])]
    facts = {row[0]: row[1] for row in rows if len(row) > 1}

    assert rows[0] == ["Dubbing report: spring"]
    assert rows[1] == ["1 of 2 jobs are done   ·   1 needs a person"]
    assert facts["Last run ended"] == "2026-11-21T02:00:00Z"
    assert facts["Outputs are in"] == str(output_dir.resolve())
    assert [facts[f"Minutes {word}"] for word in ("bought", "estimated", "delivered")] == [1.5, 1.5, 0.208]
    assert [facts[word] for word in ("downloaded", "all jobs")] == [1, 2]
    assert ["failed", 1, "video URL is not accessible", "open it to all", "ep02"] in rows
    assert ["ja", 2, 1, 1, 0, 0, 0.208] in rows
    assert rows[-1] == ["old"]


def test_languages_add_up(tmp_path: Path) -> None:
    """Each job is in one of four columns; those without a language have a line too."""
    states = [
        JobState.DOWNLOADED,
        JobState.FAILED,
        JobState.BLOCKED,
        JobState.QUEUED,
        JobState.PENDING,
        JobState.SKIPPED,
    ]
    rows = [row_with(f"de{n}", state, language="de", minutes=1.5, duration_s=90.0) for n, state in enumerate(states)]

    summary = values(write(tmp_path / "r.xlsx", [*rows, row_with("x")])["Summary"])

    assert ["de", 6, 1, 2, 2, 1, 9.0] in [row[:7] for row in summary]
    assert ["(none)", 1, 0, 0, 1, 0, 0] in [row[:7] for row in summary]


def test_long_lists_are_cut_short(tmp_path: Path) -> None:
    """Of languages, causes and removed jobs: a summary is read at a glance."""
    rows = [row_with(f"j{n}", JobState.FAILED, language=f"x-{n}", error="e" * (n + 1)) for n in range(250)]

    summary = texts(write(tmp_path / "r.xlsx", rows, removed=[f"old{n}" for n in range(200)])["Summary"])

    assert "other languages" in summary
    assert "and 240 more kinds of these: sheet Problems" in summary
    assert "and 150 more" in summary
    assert len(summary) < 2_000


def test_what_needs_a_person_is_told_first_with_a_link_to_its_jobs(tmp_path: Path) -> None:
    """By cause: how many, what is wrong, what to do, and where; what only waits is on the sheet of the problems."""
    gone = {"error": "'{}.mp4' is gone", "hint": "put it back"}
    rows = [
        row_with("ok", JobState.DOWNLOADED, warning="odd"),
        row_with("held", error="waits: the cap is reached", hint="raise it"),
        *(row_with(f"ep{n}", JobState.BLOCKED, error=f"'{n}.mp4' is gone", hint=gone["hint"]) for n in range(3)),
        row_with("lost", JobState.FAILED, error="refused", hint="mend it"),
    ]

    book = write(tmp_path / "r.xlsx", rows)
    told = [[value for value in row if value is not None] for row in values(book["Summary"])]
    first, second = (
        next(n for n, row in enumerate(told) if row[:1] == [s] and len(row) > 4) for s in ("failed", "blocked")
    )
    links = [cell.hyperlink.location for cell in book["Summary"][second + 1] if cell.hyperlink]

    assert first < second
    assert told[second] == ["blocked", 3, "… is gone\nfor example: '0.mp4' is gone", "put it back", "ep0", "ep1", "ep2"]
    assert links == [f"'Jobs'!A{n}" for n in (4, 5, 6)]
    assert [book["Jobs"][link.partition("!")[2]].value for link in links] == ["ep0", "ep1", "ep2"]
    assert [row[:3] for row in values(book["Problems"])[1:]] == [
        ["needs a person", "failed", 1],
        ["needs a person", "blocked", 3],
        ["waits", "pending", 1],
        ["worth a look", "warning", 1],
    ]


def test_a_state_without_an_error_is_told_in_words(tmp_path: Path) -> None:
    """An empty cell helps nobody."""
    sheet = write(tmp_path / "r.xlsx", [row_with("a", JobState.UNSURE)])["Problems"]

    assert column(sheet, "what is wrong")[0].value == "an answer was lost: the next run asks what became of it"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_outside_is_text_in_every_cell(tmp_path: Path, text: str) -> None:
    """No formula, no link, no number, no markup: in the header, the rows, the causes, the summary."""
    path = tmp_path / "r.xlsx"
    row = row_with(
        text, JobState.FAILED, error=text, hint=text, warning=text, language=text, video=text, columns={text: text}
    )

    book = write(path, [row], text, removed=[text], end=text)

    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line]
    assert not [cell for cell in cells if cell.data_type in ("f", "e", "b")]
    assert all(cell.hyperlink is None or cell.hyperlink.location for cell in cells)
    header, first = values(book["Jobs"])
    assert (header[0].strip(), first[0].strip(), first[1].strip()) == (text.strip(),) * 3
    assert first[header.index("error")].strip() == text.strip()
    assert [text.strip()] * 2 == [cell.value.strip() for cell in next(iter(book["Problems"].iter_rows(min_row=2)))[3:5]]
    assert CalamineWorkbook.from_path(path).get_sheet_by_name("Jobs").to_python(skip_empty_area=False)[1][0] == first[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x1b[31mc", "a␀b␛[31mc"),
        ("line\r\nline\rline", "line\nline\nline"),
        ("\x7f\x85\ufffe\uffff", "␡���"),
        ("half \ud83d of a pair", "half � of a pair"),
        ("x" * 40_000, "x" * (CELL_MAX - 1) + "…"),
        ("🎬" * 20_000, "🎬" * (CELL_MAX // 2) + "…"),
    ],
    ids=["control", "breaks", "noncharacters", "surrogate", "long", "long pairs"],
)
def test_what_a_cell_cannot_hold_is_made_harmless(tmp_path: Path, text: str, shown: str) -> None:
    """The file opens, and the text still says what it said."""
    path = tmp_path / "r.xlsx"

    sheet = write(path, [row_with("a", JobState.FAILED, error=text, columns={"Own": text})], "Own", removed=[text])[
        "Jobs"
    ]

    assert (sheet["A2"].value, column(sheet, "error")[0].value) == (shown, shown)
    assert CalamineWorkbook.from_path(path).get_sheet_by_name("Jobs").to_python()[1][0] == shown


def test_a_text_that_looks_like_an_escaped_character_stays_as_it_is(tmp_path: Path) -> None:
    """A workbook writes "A" as _x0041_, so its reader would make an A of it."""
    path = tmp_path / "r.xlsx"
    text = "_x0041_ _x0042_ and _x004_"

    write(path, [row_with("a", columns={"Own": text})], "Own")

    assert CalamineWorkbook.from_path(path).get_sheet_by_name("Jobs").to_python()[1][0] == text


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    """As ``cell_text`` has it, from a workbook that opens."""
    path = tmp_path_factory.mktemp("book") / "r.xlsx"

    write(path, [row_with("a", error=error, columns={"Own": own}) for own, error in pairs], "Own")
    read = CalamineWorkbook.from_path(path).get_sheet_by_name("Jobs").to_python(skip_empty_area=False)[1:]

    assert [row[0] for row in read] == [cell_text(own) for own, _ in pairs]
    assert [row[1 + FIELDS.index("error")] for row in read] == [cell_text(error) for _, error in pairs]


def test_a_manifest_with_more_columns_than_a_sheet_keeps_ours(tmp_path: Path) -> None:
    """Excel would not open it, and our columns are what a report is for."""
    own = [f"c{n}" for n in range(16_400)]

    sheet = write(tmp_path / "r.xlsx", [row_with(columns={"c0": "x"})], *own)["Jobs"]

    assert [cell.value for cell in sheet[1]][-len(FIELDS) :] == list(FIELDS)
    assert sheet.max_column == 16_384


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()], ids=repr)
def test_a_workbook_that_breaks_half_way_leaves_the_older_one(tmp_path: Path, error: BaseException) -> None:
    """Nothing beside it, either: the rows that were written lie in a folder that goes."""
    path = tmp_path / "r.xlsx"
    path.write_text("older", encoding="utf-8")

    def rows() -> Iterator[ReportRow]:
        yield from (row_with(f"ep{n}") for n in range(500))
        raise error

    with pytest.raises((DiskError, KeyboardInterrupt)):
        write(path, rows())

    assert path.read_text(encoding="utf-8") == "older"
    assert names_in(tmp_path) == ["r.xlsx"]


def test_what_a_killed_run_left_of_a_workbook_is_cleared_away(tmp_path: Path) -> None:
    """A folder of parts, as a killed run leaves it."""
    left = tmp_path / ".r.xlsx.abcd1234.part"
    left.mkdir()
    (left / "rows").touch()
    (tmp_path / ".r.xlsx.0011aabb.part").touch()

    clear_leftovers(tmp_path / "r.xlsx")

    assert names_in(tmp_path) == []


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_it_and_follows_its_links(tmp_path: Path) -> None:
    """The third reader; it resolves links as a person's click does."""
    outputs = tmp_path / "dubs"
    (outputs / "ja").mkdir(parents=True)
    (outputs / "ja" / "100% #1.mp4").touch()
    rows = [row_with("ep1", JobState.DOWNLOADED, output="ja/100% #1.mp4", columns={"Own": text}) for text in HOSTILE]
    write(tmp_path / "r.xlsx", [*rows, row_with("ep2", JobState.FAILED, error="refused")], "Own", outputs=outputs)

    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    command = [
        "soffice",
        home,
        "--headless",
        "--convert-to",
        "fods",
        "--outdir",
        str(tmp_path),
        str(tmp_path / "r.xlsx"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=50)
    read = (tmp_path / "r.fods").read_text(encoding="utf-8")

    assert re.findall(r'table:name="(\w+)" table:style', read) == ["Summary", "Jobs", "Problems"]
    assert 'xlink:href="dubs/ja/100%25%20%231.mp4"' in read
    assert "table:formula" not in read
    assert "=cmd|" in read


def test_a_zip_that_was_given_up_does_not_complain_when_it_is_dropped() -> None:
    """XlsxWriter leaves its own open where something failed, and Python closes what is dropped in any order."""
    for _ in range(20):
        buffer = Buffer()
        book = zipfile.ZipFile(buffer, "w")
        book.writestr("a", "b")
        ring: list[object] = [buffer, book]
        ring.append(ring)
        del buffer, book, ring
    # What complains now fails the test: pytest takes warnings for errors.
    gc.collect()

    assert not Buffer().closed
