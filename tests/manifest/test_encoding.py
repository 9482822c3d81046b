"""A manifest is read in the encoding that it was saved in, and what is a guess is said."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest.encoding import decode

PATH = Path("list.csv")
HEADER = "title,video,audio,language"
PLAIN = "Trailer,media/ep02.mp4,https://cdn.example.com/02-x.wav,ja"

#: What people type, and the code page that their Excel saves it in.
WESTERN = (
    *("Müller GmbH", "Größe XL", "Café", "Noël", "Peña", "Señor Niño", "São Paulo", "Éléphant rosé", "L’été – 2024"),
    *(
        "Preis: 20 €",
        "“Hello” – she said",
        "naïve",
        "Crème brûlée",
        "Ærø",
        "Malmö",
        "Björk",
        "Ángel",
        "100 °C",
        "½ price",
    ),
    *("©2024", "Übung macht den Meister", "Città è bella", "¿Qué?", "Folge 1…", "Façade", "Château d’Yquem", "N° 5"),
)
PAGES = {
    "cp1250": ("Łódź", "Zażółć gęślą jaźń", "Příliš žluťoučký kůň", "Škoda", "Dvořák", "Árvíztűrő tükörfúrógép"),
    "cp1251": ("Москва", "Эпизод 1: Начало", "Їжак у тумані", "Бањалука"),
    "cp1253": ("Αθήνα, η πόλη", "Επεισόδιο πρώτο"),
    "cp1254": ("Işıklar ve gölgeler", "Beşiktaş’ta bir gün", "Şeker Bayramı"),
    "cp1255": ("שלום לכולם", "פרק ראשון"),
    "cp1256": ("مرحبا بالعالم", "الحلقة الأولى"),
    "cp1257": ("Žvėrių karalius ąžuolyne", "Šešėlių žmonės", "Mūsu dzīves ceļš"),
    "cp874": ("สวัสดีชาวโลก", "ตอนที่หนึ่ง การเริ่มต้น"),
    "cp932": ("第1話 始まりの日", "東京の夜", "エピソード", "株式会社テスト"),
    "cp936": ("第一集 开始", "北京的夜晚", "视频制作公司"),
    "cp949": ("첫 번째 이야기", "서울의 밤", "주식회사"),
    "cp950": ("第一集：開始", "臺北的夜晚", "電影製作公司"),
}


def table(*titles: str) -> str:
    rows = [f'"{title}",media/ep{n:02}.mp4,https://cdn.example.com/{n}-x.wav,de' for n, title in enumerate(titles, 1)]
    return "\r\n".join([HEADER, *rows, PLAIN, ""])


@pytest.mark.parametrize("title", WESTERN)
def test_one_western_word_is_enough_to_be_read_as_western(title: str) -> None:
    text, problems = decode(table(title).encode("cp1252"), PATH)
    assert text == table(title)
    assert [problem.severity for problem in problems] == ["warning"]


def test_western_words_of_many_languages_are_read_as_western() -> None:
    text, (problem,) = decode(table(*WESTERN).encode("cp1252"), PATH)
    assert text == table(*WESTERN)
    assert "Windows-1252" in problem.message


@pytest.mark.parametrize("page", PAGES)
def test_a_few_words_tell_their_code_page(page: str) -> None:
    text, (problem,) = decode(table(*PAGES[page]).encode(page), PATH)
    assert text == table(*PAGES[page])
    assert f"Windows-{page.removeprefix('cp')}" in problem.message
    assert "save it as UTF-8" in problem.remedy


def test_the_warning_shows_a_cell_so_that_a_person_sees_whether_the_guess_is_right() -> None:
    _, (problem,) = decode(table("Trailer", "Łódź nocą").encode("cp1250"), PATH)
    assert problem.value == "Łódź nocą"
    assert "line 3" in problem.message
    assert problem.place.file == str(PATH)


def test_excel_for_mac_is_known_by_its_line_ends() -> None:
    text = table("Übung für Anfänger", "Crème brûlée").replace("\r\n", "\r")
    assert decode(text.encode("mac_roman"), PATH)[0] == text


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_without_a_word(codec: str) -> None:
    text = table("Łódź", "東京の夜", "Müller – 20 €")
    assert decode(text.encode(codec), PATH) == (text, ())


def test_utf_16_with_a_mark_is_read_in_both_orders() -> None:
    text = table("Łódź", "東京")
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert decode(mark + text.encode(codec), PATH) == (text, ())


def test_a_broken_character_of_utf_8_is_marked_in_its_row() -> None:
    good = table("Łódź", "東京の夜", "Müller", "Größe")
    data = good.encode().replace("ü".encode(), b"\xfc")
    text, (problem,) = decode(data, PATH)
    assert text == good.replace("ü", "\ufffd")
    assert (problem.severity, problem.place.row, problem.value) == ("warning", 4, "M\ufffdller")


def test_rows_are_counted_by_record_and_not_by_line() -> None:
    data = 'title,video\r\n"two\r\nlines Łódź",a\r\nąę,b\r\nM\xffller,c\r\n'.encode().replace("\xff".encode(), b"\xff")
    _, (problem,) = decode(data, PATH)
    assert problem.place.row == 4


def test_lines_are_counted_in_yaml() -> None:
    data = b'batch: "it\xc2\xb4s\xc3\xa9\xc3\xa9"\nnote: "\njobs: \xff\n'
    _, (problem,) = decode(data, Path("list.yaml"))
    assert problem.place.row == 3


def test_no_more_rows_are_named_than_a_person_looks_at() -> None:
    _, problems = decode(("Łódź Łódź\n".encode() + b"\xff\n") * 100, PATH)
    assert len(problems) == 21
    assert "after it" in problems[-1].message


def test_one_accent_after_a_long_line_is_found_at_once() -> None:
    """Looking for it line by line, from each character anew, would take hours."""
    text = "a" * 5_000_000 + " Müller"
    assert decode(text.encode("cp1252"), PATH)[0] == text


def archive(*names: str, first: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, first)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (archive("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook", ".xlsx"),
        (
            archive("mimetype", first="application/vnd.oasis.opendocument.spreadsheet"),
            "an OpenDocument file",
            "save it as .xlsx",
        ),
        (archive("list.csv"), "a ZIP archive", "Unpack"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel workbook", "without a password"),
        (b"%PDF-1.7\n", "a PDF", ".xlsx"),
        (gzip.compress(table("x").encode()), "gzip", "Unpack"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "a web page", "Download"),
        (b"\xef\xbb\xbf\n<html><table>", "a web page", "Download"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>', "XML", "save it as .xlsx"),
        (b"{\\rtf1\\ansi video,audio}", "RTF", "plain text"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "a media file", "Name the sheet"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a media file", "Name the sheet"),
        (bytes(1000), "not a text file", "UTF-8"),
        (b"video,audio\n\0\1\2\3\4\5", "not a text file", "UTF-8"),
        (codecs.BOM_UTF16_LE + bytes(100), "not a text file", "UTF-8"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8" * 50, "not a text file", "UTF-8"),
        (b"", "is empty", "header"),
        (b"\xef\xbb\xbf \r\n \r\n", "is empty", "header"),
        (codecs.BOM_UTF16_BE, "is empty", "header"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, what: str, remedy: str) -> None:
    with pytest.raises(ManifestError) as error:
        decode(data, PATH)
    assert what in error.value.message
    assert remedy in error.value.hint


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_every_text_in_utf_8_is_read_as_it_is(text: str) -> None:
    whole = f"video,audio\n{text}"
    assert decode(whole.encode(), PATH) == (whole, ())


@given(st.binary(max_size=400))
def test_no_bytes_are_a_traceback(data: bytes) -> None:
    with suppress(ManifestError):
        text, problems = decode(data, PATH)
        assert text.strip()
        assert all(problem.place.file and problem.remedy for problem in problems)
