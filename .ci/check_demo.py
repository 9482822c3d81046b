"""Checks what the demo left behind: every output opens and has picture and sound, and the reports agree."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from dubbatch.media.checks import check_output


def main(folder: Path) -> int:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    faults = []
    if not report["jobs"] or len(rows) != len(report["jobs"]):
        faults.append(f"{len(report['jobs'])} jobs in report.json, {len(rows)} rows in report.csv")
    for job in report["jobs"]:
        verdict = check_output(folder / job["output"], durations_s=[job["duration_s"]])
        print(f"{'good' if verdict.ok else 'BAD '} {job['output']} {verdict.reason}")
        if job["state"] != "downloaded" or not verdict.ok:
            faults.append(f"{job['id']}: {job['state']}, {verdict.reason or 'opens'}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
