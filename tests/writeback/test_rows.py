"""Rows of a sheet that people work on: found by the ids of a fresh read, or left alone; never by their position."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from dubbatch.jobs import JobState
from dubbatch.manifest import Manifest, Origin, load, parse_address
from dubbatch.manifest.cells import Record
from dubbatch.writeback.rows import TeamFile, read_sheet
from dubbatch.writeback.writeback import Written, write_back
from tests.story import BATCH, Story

_NOW = datetime(2026, 11, 21, 17, tzinfo=UTC)
_HEADER = ["id", "video", "audio", "client"]
_CDN = "https://cdn.example.com/"
#: Ids, and the rows of a sheet with them.
_IDS = ("ep1", "ep2", "ep3", "ep4")
_ROWS = [[name, f"{_CDN}{name}.mp4", f"{_CDN}{name}.wav", "Northwind"] for name in _IDS]

Lines = Sequence[Sequence[object]]


class Desk:
    """A sheet, a run that has planned it, and people who go on working in it."""

    def __init__(self, path: Path, story: Story, columns: dict[str, str]) -> None:
        self.path = path
        self.story = story
        self.columns = columns
        self.sheet = ""
        self.include_hidden = False

    def write(self, lines: Lines, **tabs: Lines) -> None:
        """Save the sheet with these lines; ``tabs``: further tabs of a workbook."""
        if self.path.suffix == ".csv":
            with self.path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(lines)
            return
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in {"Jobs": lines, **tabs}.items():
            tab = book.create_sheet(name)
            for row in rows:
                tab.append([*row])
        book.save(self.path)

    def load(self, data: bytes | None = None, watch: Callable[[Record], None] | None = None) -> Manifest:
        return load(
            self._origin, batch=BATCH, output_template="{id}.mp4", columns=self.columns, data=data, watch=watch,
            include_hidden=self.include_hidden,
        )  # fmt: skip

    @property
    def _origin(self) -> Origin:
        return parse_address(f"{self.path}#{self.sheet}" if self.sheet else str(self.path))

    def run(self, *downloaded: str) -> Manifest:
        """Plan all rows; of those, some come to their end."""
        manifest = self.load()
        states = {True: JobState.BLOCKED, False: JobState.PENDING}
        self.story.begin([(job, states[bool(job.blocked)]) for job in manifest.jobs])
        for job in downloaded:
            self.story.download(job)
        return manifest

    def team(self, of: Manifest | None = None) -> TeamFile:
        """``of``: what the command itself has loaded before."""
        team = TeamFile(self._origin, self.columns, self.load)
        return team if of is None else replace(team, digest=of.digest, layout=of.layout)

    def fill_in(self, of: Manifest | None = None) -> Written:
        backups = self.path.parent / ".dubbatch" / "backups"
        return write_back(self.team(of), self.story.ledger, BATCH, backups, _NOW)

    def lines(self, tab: str = "Jobs") -> list[list[str]]:
        """What the sheet says now, empty cells at the end of rows left out."""
        if self.path.suffix == ".csv":
            rows: Iterable[Sequence[object]] = csv.reader(io.StringIO(self.path.read_text(encoding="utf-8")))
        else:
            rows = openpyxl.load_workbook(self.path)[tab].iter_rows(values_only=True)
        return [_trimmed(["" if value is None else str(value) for value in row]) for row in rows]

    def by_id(self) -> dict[str, str]:
        """Id -> its status, as the sheet says."""
        header, *rows = self.lines()
        at, status = header.index("id"), header.index("dub_status")
        return {row[at]: row[status] if len(row) > status else "" for row in rows if row}


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


@pytest.fixture(params=[".csv", ".xlsx"])
def desk(tmp_path: Path, story: Story, request: pytest.FixtureRequest) -> Desk:
    return Desk(tmp_path / f"spring{request.param}", story, {})


@pytest.fixture
def table(tmp_path: Path, story: Story) -> Desk:
    return Desk(tmp_path / "spring.csv", story, {})


def test_rows_that_did_not_move_are_filled_in(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run("ep1", "ep3")
    written = desk.fill_in(manifest)
    assert (written.jobs, written.notes) == (4, ())
    first, second = desk.lines()[1:3]
    assert first[4:] == ["downloaded", "spring-dubs/ep1.mp4", "", "0.2083", "2026-11-21T17:00:00Z"]
    assert second[4:] == ["pending", "", "", "", "2026-11-21T17:00:00Z"]
    assert [line[:4] for line in desk.lines()] == [_HEADER, *_ROWS]


def test_rows_that_were_sorted_and_moved_meanwhile_are_found(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run("ep2")
    moved = [["A title", "", "", ""], [], _HEADER, *reversed(_ROWS)]
    desk.write(moved)
    assert desk.fill_in(manifest).notes == ()
    lines = desk.lines()
    assert {line[0]: line[4] for line in lines if len(line) > 4} == {
        "id": "dub_status", "ep4": "pending", "ep3": "pending", "ep2": "downloaded", "ep1": "pending",
    }  # fmt: skip
    assert [line[:4] for line in lines] == [_trimmed([*row]) for row in moved]


def test_columns_that_were_moved_and_added_meanwhile_are_no_matter(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run("ep2")
    desk.write([["notes", *reversed(_HEADER)], *([f"see {row[0]}", *reversed(row)] for row in _ROWS)])
    desk.fill_in(manifest)
    assert desk.lines()[2] == ["see ep2", *reversed(_ROWS[1]), "downloaded", "spring-dubs/ep2.mp4", "", "0.2083",
                               "2026-11-21T17:00:00Z"]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, "ep9"), (1, f"{_CDN}other.mp4"), (2, f"{_CDN}ep2.wav?take=2"), (4, "yes"), (5, "ja")],
)
def test_a_row_that_asks_for_other_work_by_now_is_left_alone_and_told(desk: Desk, column: int, value: str) -> None:
    header = [*_HEADER, "disable_active_speaker_detection", "language"]
    rows = [[*row, "", ""] for row in _ROWS]
    desk.write([header, *rows])
    manifest = desk.run(*_IDS)
    rows[1][column] = value
    desk.write([header, *rows])
    written = desk.fill_in(manifest)
    told = "row 3 (ep2): asks for other work than what was planned; the next run sees to it"
    assert written.notes == (("ep2: no longer in the sheet",) if column == 0 else (told,))
    assert written.jobs == 3
    assert desk.lines()[2] == _trimmed([*rows[1]])
    assert {*desk.by_id().values()} == {"downloaded", ""}


def test_an_edit_of_the_teams_own_columns_and_a_new_signature_are_no_other_work(desk: Desk) -> None:
    rows = [[name, f"{video}?X-Amz-Signature=1", audio, client] for name, video, audio, client in _ROWS]
    desk.write([_HEADER, *rows])
    manifest = desk.run(*_IDS)
    rows = [[name, f"{video}?X-Amz-Signature=2&Expires=3", audio, "Else"] for name, video, audio, client in _ROWS]
    desk.write([_HEADER, *rows])
    assert desk.fill_in(manifest).notes == ()
    assert desk.by_id() == dict.fromkeys(_IDS, "downloaded")


def test_rows_that_are_gone_are_told_and_new_ones_wait_for_their_run(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run(*_IDS)
    desk.write([_HEADER, *_ROWS[2:], ["ep5", f"{_CDN}5.mp4", f"{_CDN}5.wav"]])
    written = desk.fill_in(manifest)
    assert written.notes == ("ep1, ep2: no longer in the sheet",)
    assert desk.by_id() == {"ep3": "downloaded", "ep4": "downloaded", "ep5": ""}


def test_a_row_without_that_job_loses_results_that_are_not_its_own(desk: Desk) -> None:
    """It was copied with them, or sorted away from under them: what stands beside a row must be about that row."""
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run(*_IDS)
    desk.fill_in(manifest)
    header, *rows = desk.lines()
    copied = [["zz9", *rows[0][1:]], ["", "", "", "in all", "4 are done"]]
    swapped = [
        [*rows[1][: len(_HEADER)], *rows[2][len(_HEADER) :]],
        [*rows[2][: len(_HEADER)], *rows[1][len(_HEADER) :]],
    ]
    desk.write([header, *copied, rows[0], *swapped, rows[3]])
    written = desk.fill_in(manifest)
    assert (written.jobs, written.cleared) == (2, 1)
    assert desk.by_id() == {"zz9": "", "": "4 are done"} | dict.fromkeys(_IDS, "downloaded")
    outputs = {line[0]: line[len(_HEADER) + 1] for line in desk.lines()[1:] if len(line) > len(_HEADER) + 1}
    assert {job: path for job, path in outputs.items() if path} == {job: f"spring-dubs/{job}.mp4" for job in _IDS}


def test_of_many_that_are_gone_some_are_named(table: Desk) -> None:
    table.write([_HEADER, *([f"j{n}", f"{_CDN}{n}.mp4", f"{_CDN}{n}.wav"] for n in range(1009))])
    manifest = table.run()
    table.write([_HEADER, *_ROWS])
    (note,) = table.fill_in(manifest).notes
    assert note == "j0, j1, j2, j3, j4 and 1,004 more: no longer in the sheet"


def test_ids_that_are_made_of_file_names_find_their_rows_too(desk: Desk) -> None:
    rows = [row[1:3] for row in _ROWS]
    desk.write([["video", "audio"], *rows])
    manifest = desk.run()
    desk.story.download(manifest.jobs[2].id)
    desk.write([["video", "audio"], *reversed(rows)])
    desk.fill_in(manifest)
    assert [line[2] for line in desk.lines()] == ["dub_status", "pending", "downloaded", "pending", "pending"]


def test_what_two_rows_ask_for_alike_is_still_told_apart_by_their_ids(desk: Desk) -> None:
    twin = ["ep9", *_ROWS[0][1:]]
    desk.write([_HEADER, *_ROWS, twin])
    manifest = desk.run("ep9")
    desk.write([_HEADER, twin, *_ROWS])
    desk.fill_in(manifest)
    assert desk.by_id() == {"ep9": "downloaded", **dict.fromkeys(_IDS, "pending")}


def test_a_sheet_that_did_not_change_is_filled_in_from_the_ledgers_rows(desk: Desk) -> None:
    """Not one byte is different: nobody needs to read it as a manifest once more."""
    desk.write([["notes"], _HEADER, *_ROWS])
    manifest = desk.run("ep4")

    def must_not(data: bytes | None, watch: Callable[[Record], None] | None) -> Manifest:
        raise AssertionError("it was loaded again")

    team = replace(desk.team(manifest), load=must_not)
    sheet = read_sheet(team, desk.story.ledger, BATCH)
    assert (sheet.rows, sheet.texts) == (None, {})
    write_back(team, desk.story.ledger, BATCH, desk.path.parent / "backups", _NOW)
    assert [line[4] for line in desk.lines()[2:]] == ["pending", "pending", "pending", "downloaded"]

    again = replace(desk.team(desk.load()), load=must_not)
    assert write_back(again, desk.story.ledger, BATCH, desk.path.parent / "backups", _NOW).put is None


def test_the_second_time_nothing_is_written_until_something_happens(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run("ep1")
    desk.fill_in(manifest)
    before = desk.path.read_bytes(), desk.path.stat().st_mtime_ns
    for of in (None, manifest, desk.load()):
        assert desk.fill_in(of).put is None
    assert (desk.path.read_bytes(), desk.path.stat().st_mtime_ns) == before
    desk.story.download("ep2")
    assert desk.fill_in().jobs == 1
    assert desk.by_id() == {"ep1": "downloaded", "ep2": "downloaded", "ep3": "pending", "ep4": "pending"}


_ODD = ("=HYPERLINK(1)", "@SUM(1)", "_x0041_ and _x005F_", "\x1b[31m \x00 \ufffe", "<a & b>", 'say "no", "no"',
        "東京 é “quoted” …", "+1", "-", "'", "a\tb", "x" * 2000)  # fmt: skip


@pytest.mark.parametrize("error", _ODD)
def test_whatever_a_job_has_to_say_is_found_again(desk: Desk, error: str) -> None:
    """Else each run would write the sheet once more."""
    desk.write([_HEADER, *_ROWS])
    desk.run()
    desk.story.ledger.jobs.change(desk.story.record("ep1"), JobState.FAILED, error=error, hint="mend it")
    desk.story.download("ep2", 'odd "a", "b" = é 東.mp4')
    assert desk.fill_in().jobs == 4
    told = desk.lines()[1][6]
    assert told
    assert desk.path.suffix != ".csv" or not told.startswith(("=", "+", "-", "@"))
    assert desk.fill_in().put is None


@pytest.mark.parametrize("codec", ["cp1252", "cp932", "utf-16"])
def test_what_an_encoding_can_not_write_is_found_again_too(table: Desk, codec: str) -> None:
    memo = {"cp932": "東京タワーの映像です"}.get(codec, "naïve Größe, café")
    table.write([_HEADER, *([*row[:3], memo] for row in _ROWS)])
    table.path.write_bytes(table.path.read_bytes().decode().encode(codec))
    table.run()
    table.story.download("ep1", "é 東 ß ☃.mp4")
    assert table.fill_in().jobs == 4
    assert table.path.read_bytes().decode(codec).count(memo) == 4
    assert table.fill_in().put is None


def test_a_header_of_two_rows_has_our_columns_in_the_upper_one(desk: Desk) -> None:
    upper, lower = ["video", "Audio", "", "Status", ""], ["", "de", "pt-BR", "DE", "PT"]
    rows = [[video, f"{_CDN}{name}.de.wav", f"{_CDN}{name}.pt.wav", "ok"] for name, video, *_ in _ROWS]
    desk.write([["A title"], upper, lower, *rows])
    manifest = desk.run()
    desk.story.download(manifest.jobs[1].id)
    desk.fill_in(manifest)
    lines = desk.lines()
    names = ("dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated")
    assert lines[1] == [*upper, *(f"{name}_{language}" for language in ("de", "pt-BR") for name in names)]
    assert lines[2] == lower
    assert (lines[3][5], lines[3][10]) == ("pending", "downloaded")
    desk.write([[], ["A title"], upper, lower, *reversed(rows)])
    desk.fill_in()
    last = desk.lines()[-1]
    assert (last[5], last[10]) == ("pending", "downloaded")
    assert desk.fill_in().put is None


def test_a_list_of_languages_in_a_cell_is_a_matrix_too(desk: Desk, story: Story) -> None:
    header = ["id", "video", "audio", "languages"]
    desk.write(
        [
            header,
            ["a", f"{_CDN}a.mp4", f"{_CDN}a.{{language}}.wav", "de, fr"],
            ["b", f"{_CDN}b.mp4", f"{_CDN}b.{{language}}.wav", "fr"],
        ]
    )
    manifest = desk.run()
    assert (len(manifest.jobs), manifest.errors) == (3, ())
    desk.fill_in(manifest)
    titles, first, second = desk.lines()
    said = [dict(zip(titles, line, strict=False)) for line in (first, second)]
    assert [(one.get("dub_status_de"), one.get("dub_status_fr")) for one in said] == [
        ("pending", "pending"), ("", "pending"),
    ]  # fmt: skip


def test_headers_that_the_team_has_mapped_are_understood(desk: Desk) -> None:
    desk.columns = {"Film": "video", "Ton": "audio", "Nummer": "id"}
    desk.write([["Nummer", "Film", "Ton"], *(row[:3] for row in _ROWS)])
    manifest = desk.run("ep3")
    desk.write([["Film", "Ton", "Nummer"], *([row[1], row[2], row[0]] for row in reversed(_ROWS))])
    desk.fill_in(manifest)
    assert [line[2:4] for line in desk.lines()[1:]] == [
        ["ep4", "pending"], ["ep3", "downloaded"], ["ep2", "pending"], ["ep1", "pending"],
    ]  # fmt: skip


def test_the_tab_that_was_named_is_written_and_no_other(tmp_path: Path, story: Story) -> None:
    desk = Desk(tmp_path / "spring.xlsx", story, {})
    desk.sheet = "de"
    others = [[name, video, f"{_CDN}fr.wav", "x"] for name, video, *_ in _ROWS]
    desk.write([_HEADER, *others], DE=[["x"], _HEADER, *_ROWS])
    manifest = desk.run("ep1")
    desk.fill_in(manifest)
    assert desk.lines("Jobs") == [_HEADER, *others]
    assert desk.lines("DE")[2][4] == "downloaded"
    # In another place, and under another name as far as letters' case goes.
    desk.write([_HEADER, *others], dE=[_HEADER, *_ROWS])
    desk.fill_in(manifest)
    assert desk.lines("dE")[1][4] == "downloaded"


def test_what_stands_right_of_the_table_stays_there(tmp_path: Path, story: Story) -> None:
    desk = Desk(tmp_path / "spring.xlsx", story, {})
    rows: list[Sequence[object]] = [[*_ROWS[0], "", "see Mika"], *_ROWS[1:], [], ["", "", "", "", "", "", "total", 4]]
    desk.write([["", "", "", "", "", "", "", "", "2026"], _HEADER, *rows])
    manifest = desk.run("ep1")
    desk.fill_in(manifest)
    lines = desk.lines()
    assert lines[1] == [*_HEADER, *[""] * 5, "dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated"]
    assert lines[2][:10] == [*_ROWS[0], "", "see Mika", "", "", "", "downloaded"]
    assert lines[-1][6:] == ["total", "4"]
    assert desk.fill_in().put is None


def test_a_row_with_cells_too_many_stays_one_beside_our_columns(table: Desk) -> None:
    """A stray delimiter shifts cells; that our columns stand there must not make them right."""
    shifted = [*_ROWS[1], " London"]
    table.write([_HEADER, _ROWS[0], shifted, *_ROWS[2:]])
    manifest = table.run("ep1")
    assert [problem.message for problem in manifest.errors] == ["the row has more cells than there are headers"]
    table.fill_in(manifest)
    lines = table.lines()
    assert lines[0] == [*_HEADER, "", "dub_status", "dub_output", "dub_error", "dub_minutes", "dub_updated"]
    assert lines[2][:5] == shifted
    again = table.load()
    assert [problem.message for problem in again.errors] == ["the row has more cells than there are headers"]
    assert {job.id: bool(job.blocked) for job in again.jobs} == {job.id: bool(job.blocked) for job in manifest.jobs}


def test_rows_with_errors_say_so_and_the_others_are_filled_in(desk: Desk) -> None:
    """As ``--on-error skip`` runs them."""
    rows = [[*_ROWS[0][:2], "", "x"], *_ROWS[1:]]
    desk.write([_HEADER, *rows])
    manifest = desk.run("ep2")
    desk.fill_in(manifest)
    assert desk.by_id() | {"ep1": ""} == {"ep1": "", "ep2": "downloaded", "ep3": "pending", "ep4": "pending"}
    assert desk.by_id()["ep1"] in ("", "blocked")
    assert desk.lines()[1][:4] == rows[0]


def test_hidden_rows_that_count_are_found_as_they_were_read(tmp_path: Path, story: Story) -> None:
    desk = Desk(tmp_path / "spring.xlsx", story, {})
    desk.write([_HEADER, *_ROWS])
    book = openpyxl.load_workbook(desk.path)
    book["Jobs"].row_dimensions[3].hidden = True
    book.save(desk.path)
    desk.include_hidden = True
    manifest = desk.run("ep2")
    desk.fill_in()
    assert desk.by_id()["ep2"] == "downloaded"
    assert manifest.jobs[1].id == "ep2"


def test_a_sheet_whose_header_is_gone_is_left_alone(desk: Desk) -> None:
    desk.write([_HEADER, *_ROWS])
    manifest = desk.run("ep1")
    desk.write([["hello"], ["you"]])
    before = desk.path.read_bytes()
    written = desk.fill_in(manifest)
    assert written.put is None
    assert written.notes == ("ep1, ep2, ep3, ep4: no longer in the sheet",)
    assert desk.path.read_bytes() == before
