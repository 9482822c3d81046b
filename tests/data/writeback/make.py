"""Has LibreOffice make the workbooks of this folder of the ``.fods`` beside them: run by hand, needs ``soffice``.

    python tests/data/writeback/make.py

A ``.fods`` is what LibreOffice itself saves, as one XML file that can be read and typed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
_FORMAT = "xlsx:Calc MS Excel 2007 XML"


def main() -> None:
    with TemporaryDirectory() as profile:
        command = ["soffice", f"-env:UserInstallation={Path(profile).as_uri()}", "--headless", "--convert-to", _FORMAT]
        sources = [str(path) for path in sorted(HERE.glob("*.fods"))]
        subprocess.run([*command, "--outdir", str(HERE), *sources], check=True, timeout=300)


if __name__ == "__main__":
    main()
