"""Workbooks: the lines that a person sees in the sheet, whatever wrote it, and no traceback for what is none."""

from __future__ import annotations

import zipfile
from datetime import datetime, time, timedelta
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from dubbatch.errors import ManifestError
from dubbatch.manifest.cells import Origin
from dubbatch.manifest.lines import CELL_MAX, Mark
from dubbatch.manifest.workbook.source import WorkbookSource, open_table
from tests.manifest.workbooks import (
    MAIN,
    by_hand,
    by_openpyxl,
    by_xlsxwriter,
    lines,
    links,
    patched,
    saved,
    styles,
    values,
    zipped,
)

_HEADER = '<row r="1"><c r="A1" t="str"><v>video</v></c><c r="B1" t="str"><v>audio</v></c></row>'
_PATH = Path("jobs.xlsx")


def _text(cell: str, text: str) -> str:
    return f'<c r="{cell}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _refusal(data: bytes, sheet: str = "") -> str:
    with pytest.raises(ManifestError) as caught:
        lines(data, sheet)
    assert caught.value.hint
    return str(caught.value)


def test_rows_and_columns_are_counted_from_the_sheets_corner_where_the_table_begins_at_c5() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet["C5"], sheet["D5"], sheet["C6"], sheet["D6"] = "video", "audio", "a.mp4", "a.wav"

    read = lines(by_openpyxl(fill))
    assert [line.number for line in read] == [1, 2, 3, 4, 5, 6]
    assert [line.is_filled for line in read] == [False] * 4 + [True] * 2
    assert list(read[5].values) == ["", "", "a.mp4", "a.wav"]


def test_the_source_makes_records_that_name_file_sheet_row_and_column() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Video", "Audio"])
        sheet.append(["a.mp4", "a.wav"])

    data = by_openpyxl(fill)
    origin = Origin(_PATH)
    content = WorkbookSource().content(data, origin, {})
    (record,) = content.records
    assert content.head == WorkbookSource().head(data, origin)
    assert str(record.cells["Video"].place) == "jobs.xlsx#Jobs, row 2, column Video"
    assert content.place.sheet == "Jobs"


def test_numbers_are_the_text_that_a_person_would_type() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append([7, 7.0, 1e5, 0.1 + 0.2, 12.5, -3, 0.0000001, 123456789012345, True, False])
        sheet.append(["001", "1.0", "1E+05", " x ", "a\nb"])

    assert values(by_openpyxl(fill)) == [
        ["7", "7", "100000", "0.3", "12.5", "-3", "0.0000001", "123456789012345", "true", "false"],
        ["001", "1.0", "1E+05", " x ", "a\nb", "", "", "", "", ""],
    ]


def test_a_number_of_more_than_15_digits_is_flawed() -> None:
    (line,) = lines(by_openpyxl(lambda sheet: sheet.append([1234567890123456, 10**15 - 1])))
    flaw = line.marks[0].flaw
    assert flaw is not None
    assert "15 digits" in flaw.message
    assert list(line.marks) == [0]


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("000", 7, "007"),
        ("000", 1234, "1234"),
        ('"EP"00', 7, "EP07"),
        ('"EP"0', 7, "EP7"),
        ('"EP"General', 7, "EP7"),
        ('"S"00"E"00', 102, "S01E02"),
        ("00000\\-0000", 123456789, "12345-6789"),
        ("000;[Red]-000", 7, "007"),
        ("000", 7.5, "7.5"),
        ("000", -7, "-007"),
        ('0" min"', 7, "7"),
        ("0.00", 7, "7"),
        ("0.00E+00", 100000, "100000"),
        ("#,##0", 100000, "100000"),
        ("0%", 0.5, "0.5"),
        ("[$€-407] 00", 7, "7"),
        ("General", 7, "7"),
        ("@", 7, "7"),
    ],
)
def test_a_format_that_makes_a_name_of_a_number_is_applied_and_one_that_decorates_is_not(
    code: str, number: float, text: str
) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        workbook.add_worksheet().write_number(0, 0, number, workbook.add_format({"num_format": code}))

    assert values(by_xlsxwriter(fill)) == [[text]]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("d-mmm", "3-Jan"),
        ("yyyy\\-mm\\-dd", "2024-01-03"),
        ("[$-409]d. mmmm yy", "3. January 24"),
        ("dddd", "Wednesday"),
        ("m/d", "1/3"),
        ("mmm-yy", "Jan-24"),
    ],
)
def test_a_date_is_iso_text_and_flawed_with_what_the_sheet_shows(code: str, shown: str) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        workbook.add_worksheet().write_number(0, 0, 45294, workbook.add_format({"num_format": code}))

    (line,) = lines(by_xlsxwriter(fill))
    assert list(line.values) == ["2024-01-03"]
    flaw = line.marks[0].flaw
    assert flaw is not None
    assert flaw.message == f"a spreadsheet program has made a date of it: {shown}"
    assert "Text" in flaw.remedy


def test_a_moment_keeps_its_time_of_day() -> None:
    (line,) = lines(by_openpyxl(lambda sheet: sheet.append([datetime(2024, 1, 3, 13, 5)])))  # noqa: DTZ001
    assert line.values[0] == "2024-01-03 13:05:00"


def test_a_date_that_a_file_has_as_text_is_flawed_too() -> None:
    (line,) = lines(by_hand('<row r="1"><c r="A1" t="d"><v>2024-01-03T00:00:00</v></c></row>'))
    assert line.values[0] == "2024-01-03"
    assert line.marks[0].flaw is not None


def test_days_may_be_counted_from_1904_on() -> None:
    row = '<row r="1"><c r="A1" s="1"><v>43832</v></c></row>'
    (line,) = lines(by_hand(row, workbook='<workbookPr date1904="1"/>', parts=styles("yyyy-mm-dd")))
    assert line.values[0] == "2024-01-03"


def test_east_asian_dates_that_a_file_names_by_number_only_are_dates() -> None:
    part = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="31"/></cellXfs></styleSheet>'
    (line,) = lines(by_hand('<row r="1"><c r="A1"><v>45294</v></c></row>', parts={"xl/styles.xml": part}))
    assert line.values[0] == "2024-01-03"


def test_times_and_durations_are_clocks() -> None:
    """A name such as 1:02 is one, too, and is not what was typed; minutes may be written so."""
    (line,) = lines(by_openpyxl(lambda sheet: sheet.append([time(1, 2), timedelta(hours=25, minutes=30)])))
    assert list(line.values) == ["1:02:00", "25:30:00"]
    assert [mark.flaw.message for mark in line.marks.values() if mark.flaw] == [
        "a spreadsheet program has made a time of it: 1:02:00",
        "a spreadsheet program has made a time of it: 25:30:00",
    ]


def test_text_is_what_is_read_and_not_how_it_is_pronounced_or_stored() -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><r><t xml:space="preserve">rich </t></r><r><rPr><b/></rPr><t>text</t></r></si>'
        "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
        '<si><t xml:space="preserve"> a_x000D_b_x005F_x0041_ </t></si></sst>'
    )
    row = "".join(f'<c t="s"><v>{n}</v></c>' for n in range(3))
    assert values(by_hand(f"<row>{row}</row>", parts={"xl/sharedStrings.xml": strings})) == [
        ["rich text", "東京", " a\rb_x0041_ "]
    ]


def test_a_cell_that_is_too_long_breaks_its_row_alone() -> None:
    rows = f'<row r="1">{_text("A1", "x" * (CELL_MAX + 1))}</row><row r="2">{_text("A2", "a")}</row>'
    first, second = lines(by_hand(rows))
    assert "131,072" in first.broken
    assert not first.values
    assert list(second.values) == ["a"]


def test_a_formula_counts_by_its_stored_value() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        sheet.write_formula(0, 0, '=B1&".mp4"', None, "a.mp4")
        sheet.write_formula(0, 1, "=1+1", None, 2)

    (line,) = lines(by_xlsxwriter(fill))
    assert list(line.values) == ["a.mp4", "2"]
    assert not line.marks


def test_an_empty_text_is_the_value_of_a_formula() -> None:
    (line,) = lines(by_hand('<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="str"><f>""</f><v></v></c></row>'))
    assert list(line.values) == ["1", ""]
    assert not line.marks


def test_formulas_without_a_value_are_flawed_whichever_library_has_written_them() -> None:
    """openpyxl stores none, XlsxWriter a 0 that is none."""

    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        sheet.write_formula(0, 0, '=B1&".mp4"')
        sheet.write_string(0, 1, "a")

    for data in (by_openpyxl(lambda sheet: sheet.append(['=B1&".mp4"', "a"])), by_xlsxwriter(fill)):
        (line,) = lines(data)
        flaw = line.marks[0].flaw
        assert flaw is not None
        assert "no stored value" in flaw.message
        assert list(line.marks) == [0]


def test_a_formula_without_value_counts_beyond_the_last_value() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="3"><c r="C3"><f>A1</f></c></row>'
    read = lines(by_hand(rows))
    assert [line.number for line in read] == [1, 2, 3]
    assert list(read[2].values) == ["", "", ""]
    assert list(read[2].marks) == [2]


def test_an_error_value_is_flawed_and_named() -> None:
    (line,) = lines(by_hand('<row r="1"><c r="A1" t="e"><f>B1</f><v>#REF!</v></c><c r="B1"><v>1</v></c></row>'))
    flaw = line.marks[0].flaw
    assert flaw is not None
    assert "#REF!" in flaw.message


def test_rows_that_are_hidden_or_filtered_say_so() -> None:
    def fill(sheet: Worksheet) -> None:
        for text in "abc":
            sheet.append([text])
        sheet.row_dimensions[2].hidden = True

    assert [line.is_hidden for line in lines(by_openpyxl(fill))] == [False, True, False]


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("https://cdn.example.com/a%20b.mp4?x=1", "https://cdn.example.com/a%20b.mp4?x=1"),
        ("media/my%20file.mp4", "media/my file.mp4"),
        ("..\\media\\a.mp4", "../media/a.mp4"),
        ("file:///C:\\Dubs\\a%20b.wav", "C:\\Dubs\\a b.wav"),
        ("file:///home/me/a.wav", "/home/me/a.wav"),
        ("file://server/share/a.wav", "//server/share/a.wav"),
        ("C:/Dubs/a.wav", "C:/Dubs/a.wav"),
    ],
)
def test_the_target_of_a_link_is_an_address_or_a_path(target: str, link: str) -> None:
    after = '<hyperlinks><hyperlink ref="A1" r:id="h"/></hyperlinks>'
    data = by_hand(f'<row r="1">{_text("A1", "Video")}</row>', around=("", after), parts=links(("h", target)))
    (line,) = lines(data)
    assert line.marks == {0: Mark(link)}


def test_mail_addresses_places_in_the_workbook_and_links_on_empty_cells_are_no_links() -> None:
    after = (
        '<hyperlinks><hyperlink ref="A1" r:id="h"/><hyperlink ref="B1" location="S1!A1"/>'
        '<hyperlink ref="C1" r:id="w"/><hyperlink ref="D1" r:id="absent"/></hyperlinks>'
    )
    row = f'<row r="1">{_text("A1", "a")}{_text("B1", "b")}{_text("D1", "d")}</row>'
    data = by_hand(row, around=("", after), parts=links(("h", "mailto:a@example.com"), ("w", "https://example.com")))
    assert not lines(data)[0].marks


def test_a_link_may_cover_many_cells_and_point_into_a_page() -> None:
    after = '<hyperlinks><hyperlink ref="A1:A1048576" r:id="h" location="t=1"/></hyperlinks>'
    rows = f'<row r="1">{_text("A1", "a")}</row><row r="2">{_text("A2", "b")}</row>'
    data = by_hand(rows, around=("", after), parts=links(("h", "https://example.com/a")))
    assert [line.marks[0].link for line in lines(data)] == ["https://example.com/a#t=1"] * 2


def test_links_that_libraries_write_are_read() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet["A1"] = "Video"
        sheet["A1"].hyperlink = "https://example.com/a.mp4"
        sheet["B1"] = '=HYPERLINK("https://example.com/a ""b"".wav", "Audio")'
        sheet["C1"] = '=HYPERLINK("https://example.com/c.wav")'

    (line,) = lines(by_openpyxl(fill))
    assert list(line.values) == ["Video", "Audio", "https://example.com/c.wav"]
    assert line.marks == {
        0: Mark("https://example.com/a.mp4"),
        1: Mark('https://example.com/a "b".wav'),
        2: Mark("https://example.com/c.wav"),
    }


def test_the_literal_target_of_a_formula_is_a_link_and_a_computed_one_is_not() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        sheet.write_formula(0, 0, '=HYPERLINK("https://example.com/a.mp4",B1)', None, "Video")
        sheet.write_formula(0, 1, '=HYPERLINK("https://example.com/"&C1,"x")', None, "x")
        sheet.write_formula(0, 2, '=HYPERLINK("#S1!A1","here")', None, "here")

    (line,) = lines(by_xlsxwriter(fill))
    assert line.marks[0] == Mark("https://example.com/a.mp4")
    assert [index for index, mark in line.marks.items() if mark.flaw] == [1]


def test_a_cell_merged_over_rows_stands_in_each_of_them_with_its_link() -> None:
    def fill(sheet: Worksheet) -> None:
        for row in (["video", "audio"], ["a.mp4", "a.de.wav"], [None, "a.fr.wav"], [None, None], ["b.mp4", "b.wav"]):
            sheet.append(row)
        sheet["A2"].hyperlink = "https://example.com/a.mp4"
        sheet.merge_cells("A2:A4")

    read = lines(by_openpyxl(fill))
    assert [line.values[0] for line in read] == ["video", "a.mp4", "a.mp4", "", "b.mp4"]
    assert read[2].marks == read[1].marks == {0: Mark("https://example.com/a.mp4")}
    assert not read[3].marks


def test_merged_headers_stay_as_they_are_and_nothing_is_filled_across() -> None:
    def fill(sheet: Worksheet) -> None:
        for row in (["video", "audio", None], [None, "de", "fr"], ["a.mp4", "a.wav", None]):
            sheet.append(row)
        for box in ("A1:A2", "B1:C1", "B3:C3"):
            sheet.merge_cells(box)

    assert values(by_openpyxl(fill)) == [["video", "audio", ""], ["", "de", "fr"], ["a.mp4", "a.wav", ""]]


def test_without_a_name_the_first_visible_sheet_with_a_known_header_is_taken() -> None:
    notes = f'<row r="1">{_text("A1", "Please read")}</row>'
    data = by_hand(sheets=["", notes, _HEADER, _HEADER, _HEADER], states=["", "", "hidden", "", ""])
    assert open_table(data, Origin(_PATH, ""), {})[0].sheet == "S4"


def test_a_header_in_the_teams_own_words_chooses_the_sheet_too() -> None:
    own = f'<row r="1">{_text("A1", "Film")}{_text("B1", "Ton")}</row>'
    data = by_hand(sheets=[f'<row r="1">{_text("A1", "x")}</row>', own])
    assert open_table(data, Origin(_PATH, ""), {"Film": "video", "Ton": "audio"})[0].sheet == "S2"


def test_where_no_sheet_has_a_known_header_the_first_that_is_not_empty_is_taken() -> None:
    data = by_hand(sheets=["", f'<row r="1">{_text("A1", "x")}</row>', f'<row r="1">{_text("A1", "y")}</row>'])
    assert open_table(data, Origin(_PATH, ""), {})[0].sheet == "S2"


def test_a_sheet_is_found_whatever_its_case_and_also_when_it_is_hidden() -> None:
    data = by_hand(sheets=[_HEADER, _HEADER], states=["", "veryHidden"])
    assert open_table(data, Origin(_PATH, "s2"), {})[0].sheet == "S2"


def test_a_sheet_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ManifestError) as caught:
        lines(by_openpyxl(lambda sheet: sheet.append(["video"]), title="Spring"), "Sprign")
    assert str(caught.value) == "jobs.xlsx#Sprign does not exist."
    assert caught.value.hint == "Did you mean #Spring? The sheets of the workbook: Spring."


def test_a_chart_is_no_sheet_with_cells() -> None:
    workbook = openpyxl.Workbook()
    workbook.create_chartsheet("Chart", 0)
    sheet = workbook["Sheet"]
    sheet.append(["video", "audio"])
    data = saved(workbook)
    assert open_table(data, Origin(_PATH, ""), {})[0].sheet == "Sheet"
    assert "is no sheet with cells" in _refusal(data, "Chart")


@pytest.mark.parametrize("dimension", ["A1:XFD1048576", "A1", "Z9:A1"])
def test_what_the_file_says_of_its_size_does_not_count(dimension: str) -> None:
    rows = f'<row r="1">{_text("A1", "a")}</row><row r="2"><c r="B2"><v>3</v></c></row>'
    assert values(by_hand(rows, around=(f'<dimension ref="{dimension}"/>', ""))) == [["a", ""], ["", "3"]]


def test_styled_cells_far_out_are_nothing_and_content_far_out_is_named() -> None:
    far = '<row r="1048576"><c r="XFD1048576" s="1">{}</c></row>'
    assert len(lines(by_hand(_HEADER + far.format(""), parts=styles("00")))) == 1
    assert "in XFD1048576" in _refusal(by_hand(_HEADER + far.format("<v>1</v>")))


def test_a_damaged_sheet_before_the_manifest_does_not_hide_it() -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert open_table(by_hand(sheets=[far, _HEADER]), Origin(_PATH, ""), {})[0].sheet == "S2"
    assert "far out" in _refusal(by_hand(sheets=[far, f'<row r="1">{_text("A1", "x")}</row>']))


def test_strict_workbooks_prefixes_and_cells_without_names_are_read() -> None:
    strict = (
        '<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row>'
        "<x:c><x:v>1</x:v></x:c><x:c><x:f>A1</x:f></x:c></x:row></x:sheetData></x:worksheet>"
    )
    (line,) = lines(by_hand(parts={"xl/worksheets/sheet1.xml": strict}))
    assert list(line.values) == ["1", ""]
    assert list(line.marks) == [1]


def test_formulas_of_extensions_are_no_cells() -> None:
    after = '<extLst><ext xmlns:xm="urn:x"><xm:f>A1</xm:f></ext></extLst>'
    (line,) = lines(by_hand('<row r="1"><c r="A1"><v>1</v></c></row>', around=("", after)))
    assert not line.marks


def test_names_of_parts_are_compared_as_a_package_does() -> None:
    data = by_hand(_HEADER)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    renamed = {name.replace("xl/worksheets", "xl\\Worksheets"): text for name, text in parts.items()}
    assert values(zipped(renamed)) == [["video", "audio"]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"video,audio\n", "is no workbook"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "(.xls)"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "password"),
        (zipped({"content.xml": "", "mimetype": ""}), "(.ods)"),
        (zipped({"xl/workbook.bin": ""}), "(.xlsb)"),
        (zipped({"word/document.xml": ""}), "a Word document"),
        (zipped({"a.txt": ""}), "an archive without a workbook"),
        (by_hand(_HEADER)[:-200], "cut off or damaged"),
        (by_hand(""), "is empty"),
        (by_hand(sheets=[]), "has no sheets"),
        (by_hand(sheets=[_HEADER], states=["hidden"]), "has no visible sheet"),
        (by_hand("<row>"), "XML is broken"),
        (by_hand(parts={"xl/worksheets/sheet1.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}), "DOCTYPE"),
        (by_hand('<row r="1"><c r="A2"><v>1</v></c></row>'), "stands in row 1"),
        (by_hand('<row r="1"><c r="XFE1"><v>1</v></c></row>'), "column XFE"),
        (by_hand('<row r="1"><c r="ZZZZZZZZZ1"><v>1</v></c></row>'), "column 'ZZZZZZZZZ'"),
        (by_hand('<row r="1048577"><c><v>1</v></c></row>'), "row 1,048,577"),
        (by_hand('<row r="0"/>'), "row 0"),
        (by_hand('<row r="x"/>'), "number 'x'"),
        (by_hand('<row r="1"><c r="A1" t="s"><v>5</v></c></row>'), "is damaged"),
    ],
)
def test_what_is_no_workbook_is_refused_in_words(data: bytes, said: str) -> None:
    assert said in _refusal(data)


def test_a_part_whose_bytes_have_changed_is_refused() -> None:
    data = bytearray(by_hand(_HEADER))
    at = data.index(b"sheet1.xml") + 20
    data[at] ^= 0xFF
    assert "damaged" in _refusal(bytes(data))


def test_a_sheet_that_unpacks_to_more_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dubbatch.manifest.workbook.package._UNPACKED_MAX", 5 << 20)
    assert "too big" in _refusal(by_hand(_HEADER + " " * (6 << 20)))


def test_links_and_merges_that_cover_everything_many_times_are_refused() -> None:
    rows = "".join(f'<row r="{row}"><c><v>1</v></c></row>' for row in (1, 1_000_000))
    merges = "".join('<mergeCell ref="A2:A1048576"/>' for _ in range(9))
    data = by_hand(rows, around=("", f"<mergeCells>{merges}</mergeCells>"))
    assert "merged cells over more than" in _refusal(data)


def test_a_sheet_of_a_real_library_survives_an_edited_dimension() -> None:
    data = by_openpyxl(lambda sheet: sheet.append(["video", "audio"]))
    lied = patched(data, "xl/worksheets/sheet1.xml", lambda text: text.replace("A1:B1", "A1:XFD1048576"))
    assert lied != data
    assert values(lied) == [["video", "audio"]]
