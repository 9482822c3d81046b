"""The demo's workbook: the work of ``demo.csv``, and still what its script makes."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

from dubbatch.manifest import load

_MANIFESTS = Path(__file__).parents[2] / "manifests"


def test_the_demos_workbook_asks_for_the_same_dubs_as_its_csv_and_has_no_problems() -> None:
    sheet, table = (
        load(_MANIFESTS / name, batch="demo", output_template="{id}.mp4") for name in ("demo.xlsx", "demo.csv")
    )
    assert sheet.problems == table.problems == ()
    asked = [{(job.id, str(job.video), str(job.audio)) for job in manifest.jobs} for manifest in (sheet, table)]
    assert asked[0] == asked[1]
    assert len(sheet.jobs) == 6


def test_the_demos_workbook_is_what_its_script_makes(tmp_path: Path) -> None:
    for name in ("make.py", "demo.csv"):
        shutil.copy(_MANIFESTS / name, tmp_path)
    runpy.run_path(str(tmp_path / "make.py"), run_name="__main__")
    assert (tmp_path / "demo.xlsx").read_bytes() == (_MANIFESTS / "demo.xlsx").read_bytes()
