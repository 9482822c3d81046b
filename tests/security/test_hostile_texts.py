"""What others wrote is shown, stored and reported as text: it moves no cursor, computes nothing, forges no line."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
import threading
import unicodedata
from typing import Any

#: Terminal escapes of all kinds, a link and a title of OSC, text direction, line breaks, rich's markup.
ORDERS = (
    "\x1b[2J\x1b[31mred\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b]0;title\x1b\\\x9b31m\x9d0;t\x9c"
    "\x1bP1$r\x1b\\\x90x\u202egnp.exe\u2066\u200f\ufeff\r\n\v\f\x85\u2028\x08\x7fwarning: forged: line"
    "[red]rich[/red] [link=http://evil.example]"
)
FORMULAS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"),
    *("＝1", "＋1", "－1", "＠1", " =1", "'=1", "\u200b=1", '"=1"'),
)
#: What rich itself writes: colours, a hidden cursor, lines drawn anew.
RICH = re.compile(r"\x1b\[(?:\?25[lh]|[0-9;]*[mAK]|2K|1A)")


def is_text(text: str) -> bool:
    return all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


def ordering(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    """An edit: the service gives orders wherever it has words of its own."""
    if kind == "me":
        return {"name": f"Maria{ORDERS}"}
    for request in answer.get("data", [answer]):
        if request.get("reference_id", "").startswith("fails"):
            request.update(status="failed", error_message=f"{FORMULAS[0]}{ORDERS}", finished_at=ORDERS, output_url=None)
        elif request.get("status") == "processing":
            request["status"] = ORDERS
    return answer


def on_terminal(shell: Any, *arguments: str) -> tuple[int, str]:
    """Run ``dubbatch`` on a terminal of its own; its exit code, and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    heard: list[bytes] = []

    def listen() -> None:
        try:
            while data := os.read(ours, 1 << 16):
                heard.append(data)
        except OSError:
            return

    environment = {**shell.environment, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-m", "dubbatch", *arguments],
        cwd=shell.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        listener = threading.Thread(target=listen)
        listener.start()
        code = process.wait(timeout=50)
        listener.join()
    os.close(ours)
    return code, b"".join(heard).decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def test_no_text_of_others_is_obeyed(shell: Any, twisted: Any) -> None:
    """Neither on a terminal, nor in a spreadsheet, nor by what reads JSON."""
    header = ORDERS.replace("\n", " ").replace("\r", " ").replace('"', "")
    shell.speak("a", "fails")
    with (shell.folder / "batch.csv").open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(["id", "video", "audio", "=cmd", f"Own {header}", *(f"f{n}" for n in range(len(FORMULAS)))])
        sheet.writerow(["fails\u202e[red]", "media/tiny.mp4", "media/fails.wav", ORDERS, ORDERS, *FORMULAS])
        sheet.writerow(["=a\u2066", "media/tiny.mp4", "media/a.wav", "x", "y", *FORMULAS])
    twisted.edit = ordering

    code, screen = on_terminal(shell, "run", "batch.csv")
    told = {words: shell(*words) for words in (("plan", "batch.csv", "--format", "json"), ("account",))}

    assert code == 1
    assert is_text(RICH.sub("", screen).replace("\r", "")), ascii(RICH.sub("", screen))
    assert "failed" in screen
    assert "click" in screen
    for done in told.values():
        assert done.returncode == 0
        assert is_text(done.stdout + done.stderr), ascii(done.stdout)
    assert not any(line.startswith("warning: forged") for line in screen.splitlines())
    report = json.loads((shell.folder / "batch-dubs" / "report.json").read_text(encoding="utf-8"))
    assert report["totals"]["jobs"] == 2
    plan = json.loads(told["plan", "batch.csv", "--format", "json"].stdout)
    assert [job["id"] for job in plan["jobs"]] == ["fails\u202e[red]", "=a\u2066"]
    with (shell.folder / "batch-dubs" / "report.csv").open(newline="", encoding="utf-8-sig") as file:
        cells = [cell for row in csv.reader(file) for cell in row if cell]
    assert [cell for cell in cells if computes(cell)] == []


def computes(cell: str) -> bool:
    """Whether some spreadsheet may take a cell for a formula: by what it sees first, blanks and marks aside."""
    if cell.startswith("'"):
        return False
    seen = unicodedata.normalize("NFKC", "".join(c for c in cell if unicodedata.category(c)[0] not in "CZ")).lstrip(
        "\"'"
    )
    return seen[:1] in ("=", "+", "-", "@") or cell[:1] in "\t\r\n"
