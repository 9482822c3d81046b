"""Cells set in tables of text: all else is there byte for byte, in the encoding and the manner it came in."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Origin
from dubbatch.manifest.csv_source import CsvSource
from dubbatch.writeback.csv_text import Hand, encoding, set_cells

_PATH = Path("jobs.csv")
_WIDE = "\n" + ";" * 150_000 + "\n"


def wrote(text: str, cells: dict[int, dict[int, str | float]], columns: dict[str, str] | None = None) -> str:
    """The new text of a table in UTF-8."""
    patched = set_cells(text.encode(), _PATH, cells, columns or {})
    assert patched.left == []
    return patched.data.decode()


_NEW: dict[int, dict[int, str | float]] = {1: {3: "dub_status"}, 2: {3: "done"}, 3: {3: 2.5}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Minimal quotation marks, all of them, and those typed by hand.
        ("id,video,audio\na,v,x\nb,v,y\n", "id,video,audio,dub_status\na,v,x,done\nb,v,y,2.5\n"),
        (
            '"id","video","audio"\n"a","v","x"\n"b","v","y"\n',
            '"id","video","audio","dub_status"\n"a","v","x","done"\n"b","v","y","2.5"\n',
        ),
        (
            'id; video; "audio"\na; v; "x; 1"\nb; v; y\n',
            'id; video; "audio";dub_status\na; v; "x; 1";done\nb; v; y;2.5\n',
        ),
        # Line ends: Windows, old Mac, all of them, none at the end.
        ("id,video,audio\r\na,v,x\r\nb,v,y\r\n", "id,video,audio,dub_status\r\na,v,x,done\r\nb,v,y,2.5\r\n"),
        ("id,video,audio\ra,v,x\rb,v,y\r", "id,video,audio,dub_status\ra,v,x,done\rb,v,y,2.5\r"),
        ("id,video,audio\r\na,v,x\rb,v,y\n\n\r\n", "id,video,audio,dub_status\r\na,v,x,done\rb,v,y,2.5\n\n\r\n"),
        ("id,video,audio\na,v,x\nb,v,y", "id,video,audio,dub_status\na,v,x,done\nb,v,y,2.5"),
        # Excel's own line, which is no row.
        ("sep=;\r\nid;video;audio\r\na;v;x\r\n", "sep=;\r\nid;video;audio;dub_status\r\na;v;x;done\r\n"),
        # Line breaks and doubled quotation marks inside of cells.
        ('id,video,audio\n"a\n""1""",v,x\nb,v,y', 'id,video,audio,dub_status\n"a\n""1""",v,x,done\nb,v,y,2.5'),
        ("id,video,audio\na 5\" x,v,x\nb,v,'y'", "id,video,audio,dub_status\na 5\" x,v,x,done\nb,v,'y',2.5"),
        # Rows shorter than the header, and empty columns to the right, are filled where the column is.
        ("id,video,audio\na,v\nb\n", "id,video,audio,dub_status\na,v,,done\nb,,,2.5\n"),
        ("id,video,audio,,\na,v,x,,\nb,v,y,,\n", "id,video,audio,dub_status,\na,v,x,done,\nb,v,y,2.5,\n"),
        ("id\tvideo\taudio\na\tv\tx\n", "id\tvideo\taudio\tdub_status\na\tv\tx\tdone\n"),
        ("id|video|audio\na|v|x\n", "id|video|audio|dub_status\na|v|x|done\n"),
    ],
)
def test_the_manner_of_a_table_is_kept(before: str, after: str) -> None:
    assert wrote(before, _NEW) == after


def test_blank_rows_and_broken_ones_stay_and_count_as_the_loader_counts_them() -> None:
    text = 'id,video,audio\n\na,v,x\n"b"oops,v,x\n , ,\nc,v,x\n"never closed,v,x\n'
    after = wrote(text, {1: {3: "dub_status"}, 3: {3: "done"}, 4: {3: "no"}, 6: {3: "too"}, 7: {3: "no"}})
    assert after == ('id,video,audio,dub_status\n\na,v,x,done\n"b"oops,v,x\n , ,\nc,v,x,too\n"never closed,v,x\n')


def test_old_cells_are_replaced_quotation_marks_and_all() -> None:
    text = 'id,dub_status,video,audio\na,"says ""no"", so",v,x\nb,,v,y\n'
    assert wrote(text, {2: {1: "done"}, 3: {1: "a, b"}}) == 'id,dub_status,video,audio\na,done,v,x\nb,"a, b",v,y\n'
    assert wrote(text, {2: {1: ""}}) == "id,dub_status,video,audio\na,,v,x\nb,,v,y\n"


@pytest.mark.parametrize(
    "value", ["a,b", 'say "x"', " led", "led ", "two\nlines", "\r", "a\tb", "'=cmd|x", ";", ', "', ',"']
)
def test_what_is_written_reads_as_it_was_said(value: str) -> None:
    value = Hand("utf-8", ",").writable(value)
    text = wrote("id,video,audio\na,v,x\n", {1: {3: "dub_error"}, 2: {3: value}})
    records = CsvSource().content(text.encode(), Origin(_PATH), {}).records
    assert [record.cells["dub_error"].text for record in records] == [value]


@pytest.mark.parametrize("tail", [_WIDE, _WIDE + "b;v;y\nc;v;z", '\n"' + _WIDE])
def test_what_stands_after_a_line_that_is_too_wide_is_still_there(tail: str) -> None:
    """The reader gives up there; the file must not end there."""
    text = "id;video;audio\na;v;x" + tail
    assert wrote(text, _NEW) == "id;video;audio;dub_status\na;v;x;done" + tail


_LATIN = "id;video;audio;Straße\na;v;x;Zoë naïve café Größe\nb;v;y;für Müller à la carte\n"
_JAPANESE = "id,video,audio,メモ\na,v,x,東京タワーの映像です\nb,v,y,音声を確認してください\n"


@pytest.mark.parametrize(
    ("mark", "codec", "text"),
    [
        (b"", "utf-8", _JAPANESE),
        (codecs.BOM_UTF8, "utf-8", _JAPANESE),
        (codecs.BOM_UTF16_LE, "utf-16-le", _JAPANESE),
        (codecs.BOM_UTF16_BE, "utf-16-be", _JAPANESE),
        (codecs.BOM_UTF32_LE, "utf-32-le", _JAPANESE),
        (b"", "utf-16-le", _LATIN),
        (b"", "utf-16-be", _LATIN),
        (b"", "cp1252", _LATIN),
        (b"", "cp932", _JAPANESE),
    ],
)
def test_the_encoding_and_its_mark_are_kept(mark: bytes, codec: str, text: str) -> None:
    data = mark + text.encode(codec)
    assert encoding(data, _PATH) == (mark, codec)
    delimiter = ";" if ";" in text else ","
    after = set_cells(data, _PATH, {1: {4: "dub_status"}, 3: {4: "done"}}, {}).data
    first, second, third = text.splitlines()
    told = "\n".join([f"{first}{delimiter}dub_status", second, f"{third}{delimiter}done", ""])
    assert after == mark + told.encode(codec)
    assert encoding(after, _PATH) == (mark, codec)


def test_broken_bytes_of_utf8_are_left_as_they_are() -> None:
    text = "id,video,audio,memo\na,v,x,für größere Möwen\nb,v,y,B\udcffse\n"
    data = text.encode(errors="surrogateescape")
    after = set_cells(data, _PATH, {1: {4: "dub_error"}, 3: {4: "ö"}}, {}).data
    assert after == data.replace(b"memo\n", b"memo,dub_error\n").replace(b"B\xffse\n", b"B\xffse,\xc3\xb6\n")


def test_an_encoding_that_would_change_is_told_and_nothing_is_written() -> None:
    """Half a letter at the end of UTF-16 has no text that could be written again."""
    data = codecs.BOM_UTF16_LE + "id,video,audio\na,v,x\n".encode("utf-16-le") + b"x"
    with pytest.raises(ManifestError, match="can't be edited in its encoding") as told:
        set_cells(data, _PATH, _NEW, {})
    assert "UTF-8" in told.value.hint


@pytest.mark.parametrize(
    ("codec", "text", "told"),
    [
        ("cp1252", "dubs/東京 “a”.mp4…", 'dubs/?? "a".mp4...'),
        ("utf-8", "dubs/東京 “a”.mp4…", "dubs/東京 “a”.mp4…"),
        ("utf-8", 'neither "a", "b"', "neither 'a', 'b'"),
        ("cp932", "dubs/東京é.mp4", "dubs/東京?.mp4"),
        ("utf-8", "\udcff ü", "? ü"),
        ("utf-16-le", "\ud800 東", "? 東"),
    ],
)
def test_what_the_encoding_has_no_letter_for_is_a_question_mark(codec: str, text: str, told: str) -> None:
    hand = Hand(codec, ",")
    assert hand.writable(text) == told
    assert hand.writable(told) == told


def test_our_text_does_not_change_what_the_encoding_is_taken_for() -> None:
    """A code page is a guess, made by the letters."""
    data = "id,video,audio,client\na,v.mp4,x.wav,你好世界这是中文\n".encode("cp936")
    said = "the file “a.mp4” is missing… – make it “b” → c" * 9
    after = set_cells(data, _PATH, {1: {4: "dub_error"}, 2: {4: said}}, {}).data
    assert encoding(after, _PATH) == encoding(data, _PATH) == (b"", "cp936")


def test_our_text_does_not_change_how_the_other_cells_are_read() -> None:
    """A blank after a delimiter counts, unless a quotation mark follows anywhere in the table."""
    after = wrote('id,video,audio\n a, v,"x"\n', {1: {3: "dub_error"}, 2: {3: 'no "a", "b"'}})
    (record,) = CsvSource().content(after.encode(), Origin(_PATH), {}).records
    assert [cell.text for cell in record.cells.values()] == [" a", " v", "x", "no 'a', 'b'"]


def test_titles_and_the_teams_own_headers_are_found_again() -> None:
    """The delimiter is the one that the loader takes, with the columns that it was told."""
    text = "My list; of, many, things\nFilm;Ton, neu\na.mp4;b.wav\n"
    columns = {"Film": "video", "Ton, neu": "audio"}
    assert wrote(text, {2: {2: "dub_status"}, 3: {2: "done"}}, columns) == (
        "My list; of, many, things\nFilm;Ton, neu;dub_status\na.mp4;b.wav;done\n"
    )


_cell = st.text(st.sampled_from("ab;,\t|\"'\r\n =é東"), max_size=6)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[str, str]:
    """The text of a table with a header that can't be mistaken, and its delimiter."""
    delimiter = draw(st.sampled_from(",;\t|"))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    buffer = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(["id", "video", "audio", "language", "output"])
    writer.writerows(draw(st.lists(st.lists(_cell, max_size=6), max_size=6)))
    text = buffer.getvalue()
    return (text if draw(st.booleans()) else text.removesuffix(end)), delimiter


def _rows(text: str, delimiter: str) -> list[list[str]]:
    spaced = f'{delimiter} "' in text
    return [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced)]


@given(_tables(), st.data())
@example(('id,video,audio\n" x, ""y""",v,z\n', ","), None)
def test_readers_see_what_they_saw_before_and_our_cells(table: tuple[str, str], data: st.DataObject | None) -> None:
    text, delimiter = table
    before = _rows(text, delimiter)
    value = data.draw(st.sampled_from(["done", "a; b, c|\td", 'say "no"', "", " x", ' "a; "b, "c'])) if data else "done"
    value = Hand("utf-8", delimiter).writable(value)
    numbers = data.draw(st.sets(st.integers(1, len(before)))) if data else {1, 2}
    column = data.draw(st.integers(0, 7)) if data else 3
    patched = set_cells(text.encode(), _PATH, {number: {column: value} for number in numbers}, {})
    after = _rows(patched.data.decode(), delimiter)
    assert len(after) == len(before)
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        if number in numbers and number not in patched.left:
            padded = [*old, *[""] * (column + 1 - len(old))]
            assert new == [*padded[:column], value, *padded[column + 1 :]]
        else:
            assert new == old


@given(_tables(), st.sets(st.integers(1, 7)))
def test_without_our_new_cells_the_file_is_as_it_was(table: tuple[str, str], numbers: set[int]) -> None:
    """They are put in at the end of records, and nothing is taken away."""
    text, delimiter = table
    widths = [len(row) for row in _rows(text, delimiter)]
    mine = "\N{SNOWMAN}"
    cells: dict[int, dict[int, str | float]] = {
        number: {widths[number - 1]: mine} for number in numbers if number <= len(widths) and widths[number - 1]
    }
    after = set_cells(text.encode(), _PATH, cells, {}).data.decode()
    for added in (f'{delimiter}"{mine}"', f"{delimiter}{mine}"):
        after = after.replace(added, "")
    assert after == text
