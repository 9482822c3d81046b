"""Draws a workbook's first sheet as a picture for the docs, with its grid and the names of rows and columns.

    python docs/images/render.py manifests/demo.xlsx docs/images/sheet-before.png

LibreOffice (``soffice``) opens the workbook, as a reader would, and Ghostscript (``gs``) makes pixels of what it
prints. The page is made wide, so that every column fits on it, and cut down to what is drawn.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

DOTS_PER_INCH = 110
#: Around the sheet, in points.
MARGIN_PT = 6
_PAGE = (
    'fo:page-width="110cm" fo:page-height="40cm" fo:margin="1cm" style:print-orientation="landscape" '
    'style:print="charts drawings objects zero-values grid headers" style:scale-to="100%"'
)


def main(workbook: Path, picture: Path) -> None:
    """Raises CalledProcessError where one of the programs fails."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        sheet = _converted(workbook, "fods", folder)
        sheet.write_text(_on_one_page(sheet.read_text(encoding="utf-8")), encoding="utf-8")
        _draw(_converted(sheet, "pdf", folder), picture)


def _converted(file: Path, kind: str, folder: Path) -> Path:
    command = ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", kind]
    said = _run(*command, "--outdir", str(folder), str(file))
    made = folder / f"{file.stem}.{kind}"
    # LibreOffice ends with 0 also when it can't open a file.
    if not made.exists():
        raise SystemExit(f"{file}: LibreOffice made no {kind} of it: {said}")
    return made


def _on_one_page(text: str) -> str:
    """All page styles wide, with grid and headings; no header, no footer, no ranges to print."""
    text = re.sub(r"<style:page-layout-properties [^>]*?(/?)>", rf"<style:page-layout-properties {_PAGE}\1>", text)
    text = re.sub(
        r"<style:(header|footer)(?=[ />])( style:display=\"[^\"]*\")?", r'<style:\1 style:display="false"', text
    )
    return re.sub(r' table:print-ranges="[^"]*"', "", text)


def _draw(pages: Path, picture: Path) -> None:
    first = ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-dFirstPage=1", "-dLastPage=1"]
    found = re.search(r"HiResBoundingBox: (\S+) (\S+) (\S+) (\S+)", _run(*first, "-sDEVICE=bbox", str(pages)))
    if found is None:
        raise SystemExit(f"{pages}: nothing is drawn on the first page")
    left, bottom, right, top = map(float, found.groups())
    box = f"{left - MARGIN_PT} {bottom - MARGIN_PT} {right + MARGIN_PT} {top + MARGIN_PT}"
    cut = pages.with_suffix(".cut.pdf")
    _run(
        *first, "-sDEVICE=pdfwrite", f"-sOutputFile={cut}", "-c", f"[/CropBox [{box}] /PAGES pdfmark", "-f", str(pages)
    )
    look = ["-sDEVICE=png16m", f"-r{DOTS_PER_INCH}", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-dUseCropBox"]
    _run(*first, *look, f"-sOutputFile={picture}", str(cut))


def _run(*command: str) -> str:
    """What it printed, on either channel."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)  # noqa: S603
    return done.stdout + done.stderr


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
