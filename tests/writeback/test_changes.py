"""Which cells are to say what: decided once, and the second time there is nothing left to say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.manifest.cells import Layout
from dubbatch.manifest.columns import normal
from dubbatch.writeback.cell_xml import Cells, Value
from dubbatch.writeback.changes import COLUMNS, Changes, Entry, changes, sentence
from dubbatch.writeback.rows import TeamSheet

_THEN, _NOW = "2026-11-20T17:00:00Z", "2026-11-21T17:00:00Z"
_OURS = [*COLUMNS]
_LANGUAGES = ("", "de", "pt-BR", "zh-Hant-TW", "pt-br")


def sheet_with(*titles: str, texts: dict[int, dict[str, str]] | None = None, header: int = 1) -> TeamSheet:
    layout = Layout("", header, ("video", "audio", *titles), set())
    texts = texts or {}
    return TeamSheet(b"", layout, None, frozenset(texts), texts, is_matrix=False)


def entry(row: int = 2, language: str = "", **more: object) -> Entry:
    said = Entry(row, language, "downloaded", "dubs/a.mp4", "", 2.5)
    return said._replace(**more)  # type: ignore[arg-type]


def decided(sheet: TeamSheet, *entries: Entry, first: int | None = None, now: str = _NOW) -> Changes:
    """With new columns right of the table, or from ``first`` on."""
    return changes(sheet, entries, now, lambda count, after, rows: after if first is None else first)


def applied(sheet: TeamSheet, cells: Cells) -> TeamSheet:
    """The sheet as it would be read after these cells were set."""
    titles = [*sheet.layout.titles]
    for column, title in sorted(cells.get(sheet.layout.header, {}).items()):
        titles += [""] * (column + 1 - len(titles))
        titles[column] = str(title)
    first = {title: column for column, title in reversed([*enumerate(titles)])}
    texts = {row: dict(there) for row, there in sheet.texts.items()}
    for row, there in cells.items():
        for column, value in there.items() if row != sheet.layout.header else ():
            assert first[titles[column]] == column
            texts.setdefault(row, {})[titles[column]] = value if isinstance(value, str) else repr(value)
    filled = {row: {title: text for title, text in there.items() if text} for row, there in texts.items()}
    return replace(sheet, layout=replace(sheet.layout, titles=tuple(titles)), texts=filled)


def test_a_new_sheet_gets_five_columns_and_what_there_is_to_say() -> None:
    found = decided(sheet_with("notes"), entry(), entry(3, status="pending", output="", minutes=None))
    assert found.cells == {
        1: dict(enumerate(_OURS, 3)),
        2: {3: "downloaded", 4: "dubs/a.mp4", 6: 2.5, 7: _NOW},
        3: {3: "pending", 7: _NOW},
    }
    assert found.jobs == 2
    assert found.widths == {3: 13, 4: 30, 5: 34, 6: 13, 7: 21}


def test_only_what_differs_is_set_and_the_time_with_it() -> None:
    said = {"dub_status": "submitting", "dub_output": "dubs/a.mp4", "dub_error": "slow", "dub_minutes": "2.50"}
    sheet = sheet_with(*_OURS, texts={2: said | {"dub_updated": _THEN}})
    found = decided(sheet, entry())
    assert found.cells == {2: {2: "downloaded", 4: "", 6: _NOW}}
    assert (found.jobs, found.widths) == (1, {})


def test_a_row_that_says_it_all_is_left_alone_with_its_time() -> None:
    said = {"dub_status": "downloaded", "dub_output": "dubs/a.mp4", "dub_minutes": "2.5", "dub_updated": _THEN}
    assert decided(sheet_with(*_OURS, texts={2: said}), entry()) == Changes({}, 0, 0, {})


@pytest.mark.parametrize(
    ("there", "value", "is_left"),
    [
        ("2.5", 2.5, True),
        ("2,5", 2.5, False),
        ("", None, True),
        ("0", None, False),
        ("", 0.0, False),
        ("-0", 0.0, True),
        ("nan", 0.0, False),
        ("1e400", 2.5, False),
        ("about 3", 3.0, False),
    ],
)
def test_numbers_are_compared_as_numbers(there: str, value: float | None, is_left: bool) -> None:
    said = {"dub_status": "downloaded", "dub_output": "dubs/a.mp4", "dub_minutes": there}
    sheet = sheet_with(*_OURS, texts={2: {title: text for title, text in said.items() if text}})
    assert (decided(sheet, entry(minutes=value)).jobs == 0) is is_left


def test_columns_that_are_there_are_filled_wherever_and_however_they_are_written() -> None:
    sheet = sheet_with("Dub Updated", "client", "DUB-STATUS", "ｄｕｂ＿ｅｒｒｏｒ", " dub output ", "dub_minutes")
    found = decided(sheet, entry(error="no face"))
    assert found.cells == {2: {4: "downloaded", 6: "dubs/a.mp4", 5: "no face", 7: 2.5, 2: _NOW}}
    assert found.widths == {}


def test_missing_columns_are_added_beside_those_that_are_there() -> None:
    found = decided(sheet_with("dub_minutes", "Dub Status"), entry(), first=9)
    assert found.cells[1] == {9: "dub_output", 10: "dub_error", 11: "dub_updated"}
    assert found.cells[2] == {3: "downloaded", 9: "dubs/a.mp4", 2: 2.5, 11: _NOW}
    assert found.widths == {9: 30, 10: 34, 11: 21}


@pytest.mark.parametrize("second", ["dub_status", "Dub Status"])
def test_of_two_columns_with_one_name_the_first_is_ours(second: str) -> None:
    """What stands in the other one neither counts nor changes."""
    sheet = sheet_with(*_OURS, second, texts={2: {} if second == "dub_status" else {second: "downloaded"}})
    found = decided(sheet, entry())
    assert found.cells[2][2] == "downloaded"
    assert 7 not in found.cells[2]
    assert decided(applied(sheet, found.cells), entry()).jobs == 0


def test_each_language_of_a_row_has_columns_of_its_own() -> None:
    found = decided(sheet_with(), entry(language="de"), entry(language="pt-BR", status="failed"), entry(3, "de"))
    assert [*found.cells[1].values()] == [f"{name}_{language}" for language in ("de", "pt-BR") for name in _OURS]
    assert [*found.widths.values()] == [*COLUMNS.values()] * 2
    assert (found.cells[2][2], found.cells[2][7]) == ("downloaded", "failed")
    assert found.jobs == 3


def test_a_language_that_comes_later_gets_its_columns_and_the_others_stay() -> None:
    sheet = applied(sheet_with(), decided(sheet_with(), entry(language="pt-BR")).cells)
    renamed = replace(sheet, layout=replace(sheet.layout, titles=tuple(map(str.upper, sheet.layout.titles))))
    upper = replace(renamed, texts={2: {title.upper(): text for title, text in sheet.texts[2].items()}})
    found = decided(upper, entry(language="pt-BR"), entry(language="ja"))
    assert [*found.cells[1].values()] == [f"{name}_ja" for name in _OURS]
    assert [*found.cells[2]] == [7, 8, 10, 11]


def test_two_ways_to_write_a_language_are_one_column() -> None:
    found = decided(sheet_with(), entry(2, "pt-BR"), entry(3, "pt-br"))
    assert [*found.cells[1].values()] == [f"{name}_pt-br" for name in _OURS]
    assert [*found.cells[2]] == [*found.cells[3]]


def test_new_columns_are_asked_for_in_the_rows_that_they_go_through() -> None:
    asked: list[tuple[int, int, tuple[int, int]]] = []

    def first_free(count: int, after: int, rows: tuple[int, int]) -> int:
        asked.append((count, after, rows))
        return 20

    changes(sheet_with("dub_error", header=4), [entry(9), entry(5)], _NOW, first_free)
    changes(sheet_with(*_OURS), [entry(9)], _NOW, first_free)
    changes(sheet_with(), [], _NOW, first_free)
    assert asked == [(4, 3, (4, 9))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  no face\r\n\tin frame 3\x00\x1b[31m ", "no face in frame 3 [31m"),
        ("a\u2028b\u200bc\ufeffd", "a b c d"),
        ("\ud800", ""),
        ("é" * 1000, "é" * 1000),
        ("é" * 1001, "é" * 999 + "…"),
        ("word " * 400, "word " * 199 + "word…"),
        ("\n\n", ""),
    ],
)
def test_a_sentence_is_one_line_that_a_cell_can_hold(text: str, told: str) -> None:
    assert sentence(text) == told


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_entries = st.lists(
    st.builds(
        Entry,
        row=st.integers(2, 9),
        language=st.sampled_from(_LANGUAGES),
        status=st.sampled_from(["downloaded", "failed", "pending"]),
        output=_texts,
        error=_texts.map(sentence),
        minutes=st.none() | st.floats(0, 1e6, allow_nan=False),
    ),
    max_size=12,
    unique_by=lambda one: (one.row, normal(one.language)),
)
_titles = st.lists(
    st.sampled_from(["", "client", "Dub Status", "dub_status", "DUB-ERROR", "dub_updated_de", "Dub Minutes_PT BR"]),
    max_size=6,
)


@given(_titles, _entries, st.integers(0, 4), st.data())
def test_what_was_said_once_is_not_said_again_and_nothing_of_theirs_is_touched(
    titles: list[str], entries: list[Entry], gap: int, data: st.DataObject
) -> None:
    ours = [title for title in dict.fromkeys(titles) if normal(title).startswith("dub_")]
    old = st.dictionaries(st.sampled_from(ours), _texts.filter(bool)) if ours else st.just({})
    sheet = sheet_with(*titles, texts=data.draw(st.dictionaries(st.integers(2, 9), old)))
    width = len(sheet.layout.titles)
    found = decided(sheet, *entries, first=width + gap)

    columns = {column: normal(title) for column, title in enumerate(sheet.layout.titles)}
    new: dict[int, Value] = {**found.cells.get(1, {})}
    assert all(column >= width for column in new)
    assert {*found.widths} == {*new}
    known = columns | {column: normal(str(title)) for column, title in new.items()}
    for cells in found.cells.values():
        assert all(known[column].startswith("dub_") for column in cells)
    # Results in rows of other jobs are taken away.
    assert {*found.cells} <= {1, *(one.row for one in entries), *sheet.texts}
    assert all(
        value == ""
        for row, cells in found.cells.items()
        if row in {*sheet.texts} - {1, *(one.row for one in entries)}
        for value in cells.values()
    )

    after = applied(sheet, found.cells)
    assert decided(after, *entries, now="later").jobs == 0
    for one in entries:
        titles_now = {normal(title): title for title in reversed(after.layout.titles)}
        name = normal(f"dub_status_{one.language}" if one.language else "dub_status")
        assert after.texts[one.row][titles_now[name]] == one.status
