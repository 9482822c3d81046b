"""Makes those files of the corpus again that programs have made: run by hand, it needs LibreOffice (``soffice``).

    python tests/data/manifests/make.py

Each is what a person would get by doing the same in that program. The other files of this folder are typed, and
so is every ``*.expected.json``: what is expected comes from the manual, never from what dubbatch says today.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pandas as pd
import xlsxwriter
from openpyxl.comments import Comment

HERE = Path(__file__).parent
HEADER = ["id", "video", "audio", "language"]
ROWS = [
    ["ep01-de", "media/ep01.mp4", "media/ep01.de.wav", "de"],
    ["ep02-fr", "media/ep02.mp4", "media/ep02.fr.wav", "fr"],
    ["ep03-de", "media/ep03.mp4", "media/ep03.de.mp3", "de"],
]
#: LibreOffice's numbers for character sets, and its export filter for text.
_CSV = "csv:Text - txt - csv (StarCalc):{delimiter},34,{charset},1,,0,false,true,false,{quote},false"
_CENTRAL, _CYRILLIC, _UTF_8 = 33, 34, 76


def main() -> None:
    by_xlsxwriter()
    by_openpyxl()
    by_pandas()
    with TemporaryDirectory() as folder:
        by_libreoffice(Path(folder))


def by_xlsxwriter() -> None:
    _numbers()
    _links()
    _formats()
    _merged_header()
    _merged_cells()
    _table()
    _dates()


def _numbers() -> None:
    with _Book("numbers-as-ids.xlsx") as book:
        sheet = _filled(book, "Spring", [HEADER])
        zeros, name, power = (book.add_format({"num_format": code}) for code in ("000", '"EP"00', "0.00E+00"))
        for row, (id_, form) in enumerate([(7, None), (100_000, power), ("001", None), (2, zeros), (3, name)], 1):
            sheet.write(row, 0, id_, form)
            sheet.write_row(row, 1, [f"media/ep0{row % 3 + 1}.mp4", f"https://cdn.example.com/{row}.wav"])
        # 0.1 + 0.2 and its like: fifteen digits count
        sheet.write_row(6, 0, [1.1 + 2.2, "media/ep01.mp4", "https://cdn.example.com/6.wav"])
        sheet.write_row(7, 0, ["1.0", "media/ep01.mp4", "https://cdn.example.com/7.wav"])
        sheet.write_row(8, 0, [1234567890123456, "media/ep01.mp4", "https://cdn.example.com/8.wav"])


def _links() -> None:
    with _Book("hyperlinks.xlsx") as book:
        sheet = _filled(book, "Links", [HEADER, *ROWS])
        sheet.write_url("B2", "https://cdn.example.com/real%20film.mp4?sig=abc", string="Watch the film")
        sheet.write_url("C2", "https://cdn.example.com/ep01.de.wav", string="https://cdn.example.com/ep01.de.wav")
        sheet.write_url("B3", "external:media/The Harbor.mp4", string="Harbor")
        sheet.write_url("B4", "internal:'Links'!A1", string="media/ep03.mp4")
        sheet.write_row(4, 0, ["four", "", "https://cdn.example.com/4.wav", "de"])
        sheet.write_url("B5", "https://drive.google.com/file/d/1AbC/view", string="media/ep01.mp4")


def _formats() -> None:
    with _Book("rich-text.xlsx") as book:
        sheet = _filled(book, "Sheet1", [HEADER, *ROWS])
        bold = book.add_format({"bold": True})
        sheet.write_rich_string("B2", "media/", bold, "ep01", ".mp4")
        sheet.write_string("C3", " media/ep02.fr.wav\n")


def _merged_header() -> None:
    with _Book("merged-header.xlsx") as book:
        sheet = _filled(book, "Matrix", [["Spring launch"]])
        centred = book.add_format({"align": "center", "bold": True})
        sheet.merge_range("A1:E1", "Spring launch", centred)
        sheet.merge_range("A2:A3", "id", centred)
        sheet.merge_range("B2:B3", "Video", centred)
        sheet.merge_range("C2:E2", "Audio", centred)
        sheet.write_row("C3", ["de", "fr", "ja"], centred)
        sheet.write_row("A4", ["ep01", "media/ep01.mp4", *(f"media/ep01.{tag}.wav" for tag in ("de", "fr", "ja"))])
        sheet.write_row("A5", ["ep02", "media/ep02.mp4", "media/ep02.de.wav", "", "media/ep02.jp.wav"])


def _merged_cells() -> None:
    with _Book("merged-cells.xlsx") as book:
        sheet = _filled(book, "Sheet1", [["video", "audio", "language", "client"]])
        sheet.merge_range("A2:A3", "media/ep01.mp4", book.add_format({"valign": "top"}))
        sheet.merge_range("D2:D4", "ACME", book.add_format({"valign": "top"}))
        sheet.write_row("B2", ["media/ep01.de.wav", "de"])
        sheet.write_row("B3", ["media/ep01.fr.wav", "fr"])
        sheet.write_row("A4", ["media/ep02.mp4", "media/none.wav", "fr"])


def _table() -> None:
    with _Book("table.xlsx") as book:
        sheet = _filled(book, "Spring 2024", [])
        columns = [{"header": name} for name in (*HEADER, "skip", "priority", "minutes")]
        more = ((True, 1, 2.5), (False, 5.0, 2.5), (False, -2, 2.5))
        data = [[*row, *values] for row, values in zip(ROWS, more, strict=True)]
        sheet.add_table("B3:H6", {"data": data, "columns": columns, "name": "Dubs"})
        sheet.write("B1", "Dubbing list")
        sheet.freeze_panes(3, 0)
        sheet.set_column("F:F", None, None, {"hidden": True})


def _dates() -> None:
    with _Book("dates.xlsx") as book:
        sheet = _filled(book, "Episodes", [[*HEADER, "due"], *ROWS])
        short, iso = (book.add_format({"num_format": code}) for code in ("d-mmm", "yyyy-mm-dd"))
        sheet.write_datetime("A2", date(2024, 1, 2), short)
        for row in range(1, 4):
            sheet.write_datetime(row, 4, date(2024, 5, row), iso)

    with _Book("dates-1904.xlsx", {"date_1904": True}) as book:
        sheet = _filled(book, "Mac", [HEADER, *ROWS])
        sheet.write_datetime("A3", date(2024, 3, 4), book.add_format({"num_format": "dd/mm/yyyy"}))


def by_openpyxl() -> None:
    _hidden_rows()
    _formulas()
    _sheets()
    _numbers_export()
    _japanese_with_readings()


def _hidden_rows() -> None:
    book, sheet = _open_sheet("Plan")
    for row in (HEADER, *ROWS, ["gone", "media/gone.mp4", "media/gone.wav", "de"]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.row_dimensions[5].hidden = True
    book.save(HERE / "hidden-rows.xlsx")

    book, sheet = _open_sheet("Plan")
    for row in (HEADER, *ROWS):
        sheet.append(row)
    sheet.auto_filter.ref = "A1:D4"
    sheet.auto_filter.add_filter_column(3, ["de"])
    sheet.row_dimensions[3].hidden = True
    book.save(HERE / "filtered.xlsx")


def _formulas() -> None:
    book, sheet = _open_sheet("Plan")
    sheet.append([*HEADER, "note"])
    sheet.append(["ep01-de", '="media/"&LEFT(A2,4)&".mp4"', "media/ep01.de.wav", "de", "=1+1"])
    sheet.append([*ROWS[1], "=1+2"])
    book.save(HERE / "formulas-unsaved.xlsx")


def _sheets() -> None:
    book, sheet = _open_sheet("Config")
    sheet.append(["video", "audio"])
    sheet.append(["never", "this"])
    sheet.sheet_state = "hidden"
    notes = book.create_sheet("Notes")
    notes.append(["Please look at the sheet Spring"])
    notes["A1"].comment = Comment("done", "Ana")
    for name, rows in (("Spring", ROWS[:1]), ("Summer 24", [["sum", "media/ep02.mp4", "media/lost.wav", "fr"]])):
        sheet = book.create_sheet(name)
        for row in (HEADER, *rows):
            sheet.append(row)
    book.active = 1
    book.save(HERE / "sheets.xlsx")


def _numbers_export() -> None:
    book, sheet = _open_sheet("Export Summary")
    sheet.append(["This document was exported from Numbers. Each table was converted to an Excel worksheet."])
    for row in (
        ["Numbers Sheet Name", "Numbers Table Name", "Excel Worksheet Name"],
        ["Dubs"],
        ["", "Table 1", "Dubs"],
    ):
        sheet.append(row)
    sheet["C4"].hyperlink = "#'Dubs'!R1C1"
    sheet = book.create_sheet("Dubs")
    for row in (["Table 1"], HEADER, *ROWS[:2], ["ep03-de", "media/ep03.mp4", "media/lost.mp3", "de"]):
        sheet.append(row)
    book.save(HERE / "numbers-export.xlsx")


def _japanese_with_readings() -> None:
    """Japanese Excel keeps how a word is read beside it; the reading is no part of the cell."""
    book, sheet = _open_sheet("表")
    for row in (HEADER, ["東京", *ROWS[0][1:]], ["大阪", "media/ep02.mp4", "media/無い.wav", "fr"]):
        sheet.append(row)
    plain = io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as before, zipfile.ZipFile(HERE / "readings.xlsx", "w", zipfile.ZIP_DEFLATED) as after:
        for item in before.infolist():
            data = before.read(item)
            if item.filename == "xl/sharedStrings.xml":
                reading = '<rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>'
                data = data.replace("<t>東京</t>".encode(), f"<t>東京</t>{reading}".encode())
            after.writestr(item, data)


def by_pandas() -> None:
    frame = pd.DataFrame(ROWS, columns=HEADER)
    frame.to_excel(HERE / "pandas-index.xlsx", sheet_name="Sheet1")
    frame.to_json(HERE / "pandas.jsonl", orient="records", lines=True)
    # one empty id makes floats of all the others
    numbered = pd.DataFrame(
        {
            "id": [1, None, 3],
            "video": [row[1] for row in ROWS],
            "audio": [row[2] for row in ROWS],
            "minutes": [1.5, None, 2.0],
        }
    )
    numbered.to_csv(HERE / "pandas-floats.csv")
    frame.assign(title=["Übung", "東京", "“Łódź”"]).to_json(HERE / "pandas.json", orient="records", indent=1)


def by_libreoffice(folder: Path) -> None:
    source = folder / "lo-plain.csv"
    source.write_text("\n".join(",".join(row) for row in (HEADER, *ROWS)) + "\n", encoding="utf-8")
    for kind in ("xlsx", "ods", "xls"):
        _convert(source, kind, folder)
        shutil.copy(source.with_suffix(f".{kind}"), HERE / f"lo-plain.{kind}")
    shutil.copy(source.with_suffix(".xlsx"), HERE / "workbook-named.csv")
    shutil.copy(source.with_suffix(".ods"), HERE / "open-document.csv")

    _typed(folder)
    _worked_out(folder)
    _code_pages(folder)


def _typed(folder: Path) -> None:
    # as LibreOffice and Excel read a CSV that is opened by a double click: 001 is 1, 2024-01-02 a date, 1E+05 a number
    source = folder / "lo-typed.csv"
    ids = ("001", "2024-01-02", "1E+05", "ep-4")
    rows = [[id_, "media/ep01.mp4", f"https://cdn.example.com/{n}.wav", "de"] for n, id_ in enumerate(ids)]
    source.write_text("\n".join(",".join(row) for row in (HEADER, *rows)) + "\n", encoding="utf-8")
    _convert(source, "xlsx", folder, "--infilter=CSV:44,34,76,1,,1033,false,true")
    shutil.copy(source.with_suffix(".xlsx"), HERE / "lo-typed.xlsx")


def _worked_out(folder: Path) -> None:
    book, sheet = _open_sheet("Formulas")
    sheet.append([*HEADER, "note"])
    sheet.append(['="ep"&TEXT(1,"00")', '="media/"&A2&".mp4"', '="media/"&A2&"."&D2&".wav"', "de", "=1/0"])
    sheet.append(
        ["link", '=HYPERLINK("https://cdn.example.com/film.mp4","Watch")', "https://cdn.example.com/l.wav", "fr"]
    )
    sheet.append(["lost", "=#REF!", "https://cdn.example.com/m.wav", "de"])
    sheet.append(["none", "media/ep03.mp4", '=VLOOKUP("x",A1:B2,2,FALSE)', "de"])
    book.save(folder / "lo-formulas.source.xlsx")
    (folder / "out").mkdir(exist_ok=True)
    _convert(folder / "lo-formulas.source.xlsx", "xlsx", folder / "out")
    shutil.copy(folder / "out" / "lo-formulas.source.xlsx", HERE / "lo-formulas.xlsx")


def _code_pages(folder: Path) -> None:
    titles = {
        "lo-polish": ("Łódź nocą", "Zażółć gęślą jaźń", "Wrocław"),
        "lo-czech": ("Příliš žluťoučký kůň", "Škoda lásky", "Dvořák"),
        "lo-russian": ("Москва слезам не верит", "Эпизод второй", "Конец"),
        "lo-quoted": ("a;b", 'say "no"', "Müller"),
    }
    for name, words in titles.items():
        source = folder / f"{name}.source.csv"
        lines = [["title", *HEADER], *([word, *row] for word, row in zip(words, ROWS, strict=True))]
        pd.DataFrame(lines[1:], columns=lines[0]).to_csv(source, index=False)
        charset = {"lo-russian": _CYRILLIC, "lo-quoted": _UTF_8}.get(name, _CENTRAL)
        is_quoted = name == "lo-quoted"
        form = _CSV.format(delimiter=9 if is_quoted else 59, charset=charset, quote=str(is_quoted).lower())
        _convert(source, form, folder / "out", "--infilter=CSV:44,34,76,1")
        shutil.copy(folder / "out" / f"{name}.source.csv", HERE / f"{name}.csv")


def _convert(source: Path, form: str, folder: Path, *options: str) -> None:
    profile = f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}"
    command = ["soffice", profile, "--headless", *options, "--convert-to", form, "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def _open_sheet(title: str) -> tuple[Any, Any]:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    return book, sheet


class _Book:
    """A workbook of XlsxWriter in this folder, with text that is a formula's or an address's left as text."""

    def __init__(self, name: str, options: dict[str, Any] | None = None) -> None:
        self._book = xlsxwriter.Workbook(str(HERE / name), {"strings_to_urls": False, **(options or {})})

    def __enter__(self) -> Any:
        return self._book

    def __exit__(self, *_: object) -> None:
        self._book.close()


def _filled(book: Any, title: str, rows: list[list[Any]]) -> Any:
    sheet = book.add_worksheet(title)
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    return sheet


if __name__ == "__main__":
    main()
