"""Workbooks typed by hand: XML that is legal and rare, as other programs than the usual ones write it.

Each is the same table of jobs. What differs is how it is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from tests.writeback.book import HEADER, JOBS, Book, zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET = "xl/worksheets/sheet1.xml"
_LINES: tuple[tuple[str | int, ...], ...] = (HEADER, *JOBS)


def books() -> Iterator[Book]:
    """One workbook for each way to write."""
    yield Book("hand-plain", made())
    yield Book("hand-prefixed", made(_prefixed(sheet_xml())))
    yield Book("hand-no-references", made(sheet_xml(_bare_rows())))
    yield Book("hand-byte-order-mark", made("\ufeff" + sheet_xml()))
    yield Book("hand-single-quotes", made(sheet_xml().replace('"', "'")))
    yield Book("hand-comments-inside", made(sheet_xml(_commented_rows())))
    yield Book("hand-cdata", made(sheet_xml(_cdata_rows())))
    yield Book("hand-pretty", made(_pretty()))
    yield Book("hand-empty-rows", made(sheet_xml(_rows()[0] + '<row r="2"/><row r="3" ht="20"/>')), rows=(2, 3))
    yield Book("hand-no-dimension", made(sheet_xml(before="")))
    yield Book("hand-columns-to-the-end", made(sheet_xml(before=_ALL_COLUMNS)))
    yield Book("hand-hidden-columns", made(sheet_xml(before=_HIDDEN_COLUMNS)))
    yield Book("hand-styled-cells-beside", made(sheet_xml(_styled_rows())))
    yield Book("hand-alternate-content", made(_alternate()))
    yield Book("hand-rich-shared-strings", made(sheet_xml(_shared_rows()), _shared_strings()))
    yield Book("hand-cells-of-ours", made(sheet_xml(_old_rows())))
    yield Book("hand-shared-formula", made(sheet_xml(_formula_rows())))


def made(sheet: str | bytes = "", more: Mapping[str, str | bytes] | None = None) -> bytes:
    """A small workbook whose one sheet, Jobs, has that XML; ``more``: further parts, or others in place of these."""
    has_strings = more is not None and "xl/sharedStrings.xml" in more
    names = ["worksheet", "styles"] + ["sharedStrings"] * has_strings
    targets = ["worksheets/sheet1.xml", "styles.xml", "sharedStrings.xml"]
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(zip(names, targets, strict=False), 1)
    )
    overrides = "".join(
        f'<Override PartName="/xl/{target}" ContentType="{_TYPE}.{kind}+xml"/>'
        for kind, target in zip(names, targets, strict=False)
    )
    return zipped(
        {
            "[Content_Types].xml": f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{overrides}</Types>',
            "_rels/.rels": f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
            f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'{DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
            '<sheets><sheet name="Jobs" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
            f"{relations}</Relationships>",
            "xl/styles.xml": _STYLES,
            SHEET: sheet or sheet_xml(),
            **(more or {}),
        }
    )


_STYLES = (
    f'{DECLARATION}<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill '
    'patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border>'
    "<left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_DIMENSION = '<dimension ref="A1:F5"/>'
_FORMAT = '<sheetFormatPr defaultRowHeight="15"/>'
_ALL_COLUMNS = (
    f'{_DIMENSION}{_FORMAT}<cols><col min="1" max="2" width="30" customWidth="1"/>'
    '<col min="3" max="16384" width="11" style="1" customWidth="1"/></cols>'
)
_HIDDEN_COLUMNS = (
    f'{_DIMENSION}{_FORMAT}<cols><col min="1" max="6" width="12.5"/><col min="7" max="7" width="0" hidden="1" '
    'customWidth="1"/><col min="8" max="16384" width="9" hidden="1" collapsed="1" outlineLevel="1"/></cols>'
)


def sheet_xml(rows: list[str] | str = "", before: str = _DIMENSION, after: str = "") -> str:
    text = "".join(rows or _rows())
    return (
        f'{DECLARATION}<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">{before}<sheetData>{text}</sheetData>'
        f'{after}<pageMargins left="0.7" right="0.7" top="0.75" bottom="0.75" header="0.3" footer="0.3"/></worksheet>'
    )


def _cell(place: str, value: str | int, more: str = "") -> str:
    if isinstance(value, int):
        return f'<c r="{place}" s="2"{more}><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"{more}><is><t>{escape(value)}</t></is></c>'


def _cells(row: int, values: Sequence[str | int]) -> str:
    return "".join(_cell(f"{'ABCDEFGHIJKLM'[column]}{row}", value) for column, value in enumerate(values))


def _rows(more: str = "") -> list[str]:
    """The rows of the table; ``more``: attributes of each row."""
    return [f'<row r="{n}"{more}>{_cells(n, job)}</row>' for n, job in enumerate(_LINES, 1)]


def _bare_rows() -> str:
    """Rows and cells without ``r``: each comes right after the one before."""
    return "".join(
        "<row>" + "".join(_cell("", value).replace(' r=""', "") for value in job) + "</row>" for job in _LINES
    )


def _commented_rows() -> str:
    rows = _rows()
    rows[1] = rows[1].replace('<c r="C2"', '<!-- <c r="C2"><v>9</v></c> </row> --><?team <row r="2"> ?><c r="C2"')
    rows[2] = rows[2].replace("</row>", "<!-- here ends it --></row>")
    return "<!-- <sheetData> -->".join(rows) + "<?team done?>"


def _cdata_rows() -> list[str]:
    rows = _rows()
    rows[4] = rows[4].replace(escape(JOBS[3][3]), f"<![CDATA[{JOBS[3][3]} </c></row>]]>")
    return rows


def _pretty() -> str:
    """Indented, with white space in tags, line ends of Windows."""
    text = sheet_xml(after='<printOptions headings="1" />')
    text = (
        text.replace("<row ", "\r\n    <row\r\n      ")
        .replace("<c ", "\r\n      <c  ")
        .replace("</row>", "\r\n    </row >")
    )
    return text.replace("</sheetData>", "\r\n  </sheetData\r\n>").replace("/>", "  />").replace("</c>", "</c >")


def _styled_rows() -> list[str]:
    """Empty cells with a style stand where our columns come, one has an old number."""
    beside = (
        "".join(f'<c r="{letter}{{n}}" s="1"/>' for letter in "GHI")
        + '<c r="J{n}" s="1"><v>7</v></c><c r="M{n}" s="1"/>'
    )
    rows = _rows(' spans="1:13" s="1" customFormat="1"')
    return [row.replace("</row>", beside.replace("{n}", str(n)) + "</row>") for n, row in enumerate(rows, 1)]


def _alternate() -> str:
    """What newer versions of Excel add: namespaces of their own, AlternateContent, an extLst."""
    spaces = (
        ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" mc:Ignorable="x14ac xr xr2" '
        'xmlns:x14ac="http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac" '
        'xmlns:xr="http://schemas.microsoft.com/office/spreadsheetml/2014/revision" '
        'xmlns:xr2="http://schemas.microsoft.com/office/spreadsheetml/2015/revision2" '
        'xr:uid="{00000000-0001-0000-0000-000000000000}">'
    )
    after = (
        '<phoneticPr fontId="1" type="noConversion"/>'
        '<mc:AlternateContent><mc:Choice Requires="x14"></mc:Choice></mc:AlternateContent>'
    )
    text = sheet_xml(_rows(' spans="1:6" ht="14.5" x14ac:dyDescent="0.35"'), f"{_DIMENSION}{_FORMAT}", "")
    text = text.replace(f'xmlns:r="{OFFICE}">', f'xmlns:r="{OFFICE}"{spaces}', 1).replace(
        "<pageMargins", f"{after}<pageMargins"
    )
    extension = (
        '<extLst><ext uri="{78C0D931-6437-407d-A8EE-F0AAD7539E65}" '
        'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"><x14:conditionalFormattings>'
        '<x14:conditionalFormatting xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><x14:cfRule '
        'type="dataBar" id="{0D6C8A4B-0000-4000-8000-000000000003}"><x14:dataBar minLength="0" maxLength="100">'
        '<x14:cfvo type="autoMin"/><x14:cfvo type="autoMax"/><x14:negativeFillColor rgb="FFFF0000"/><x14:axisColor '
        'rgb="FF000000"/></x14:dataBar></x14:cfRule><xm:sqref>E2:E5</xm:sqref></x14:conditionalFormatting>'
        "</x14:conditionalFormattings></ext></extLst></worksheet>"
    )
    return text.replace("</worksheet>", extension)


def _shared_rows() -> list[str]:
    words = [str(word) for line in _LINES for word in line]
    return [
        f'<row r="{n}">'
        + "".join(f'<c r="{letter}{n}" t="s"><v>{(n - 1) * 6 + at}</v></c>' for at, letter in enumerate("ABCDEF"))
        + "</row>"
        for n in range(1, len(words) // 6 + 1)
    ]


def _shared_strings() -> dict[str, str]:
    """Shared strings, some of them rich or with a reading above the signs (phonetic runs)."""
    items = [f"<si><t>{escape(str(word))}</t></si>" for line in _LINES for word in line]
    items[9] = "<si><r><rPr><b/></rPr><t>North</t></r><r><t>wind</t></r></si>"
    items[11] = '<si><t>課長</t><rPh sb="0" eb="2"><t>カチョウ</t></rPh><phoneticPr fontId="1"/></si>'
    text = f'<sst xmlns="{MAIN}" count="{len(items)}" uniqueCount="{len(items)}">{"".join(items)}</sst>'
    return {"xl/sharedStrings.xml": DECLARATION + text}


def _old_rows() -> list[str]:
    """Cells of ours from runs before, in every type that a cell may have."""
    old = (
        '<c r="G{n}" t="str"><v>A</v></c><c r="H{n}" s="1" t="inlineStr"><is><r><t>o</t></r><r>'
        '<t>ld</t></r></is></c><c r="I{n}" t="e"><v>#N/A</v></c><c r="J{n}" s="1" t="b"><v>1</v></c>'
        '<c r="K{n}" t="d"><v>2026-11-20T10:00:00</v></c><c r="L{n}"><v>5</v></c>'
    )
    return [row.replace("</row>", old.replace("{n}", str(n)) + "</row>") for n, row in enumerate(_rows(), 1)]


def _formula_rows() -> list[str]:
    """Formulas shared over rows, and one over a block, beside our columns."""
    rows = _rows()
    extra = [
        "",
        '<c r="L2"><f t="shared" ref="L2:L5" si="0">E2*2</f><v>92000</v></c><c r="M2"><f t="array" ref="M2:M5">E2:E5'
        "</f><v>46000</v></c>",
        *(f'<c r="L{n}"><f t="shared" si="0"/><v>{JOBS[n - 2][4] * 2}</v></c><c r="M{n}"><v>{JOBS[n - 2][4]}</v></c>'
          for n in (3, 4, 5)),
    ]  # fmt: skip
    return [row.replace("</row>", f"{more}</row>") for row, more in zip(rows, extra, strict=True)]


def _prefixed(text: str) -> str:
    """As the Open XML SDK writes it: a prefix on every element."""
    text = text.replace(f' xmlns="{MAIN}"', f' xmlns:x="{MAIN}"')
    head, _, rest = text.partition("?>")
    return f"{head}?>" + rest.replace("</", "\0").replace("<", "<x:").replace("\0", "</x:")
