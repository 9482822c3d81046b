"""Whatever a sheet calls its outputs, and whatever was planted among them: nothing is written elsewhere."""

from __future__ import annotations

from typing import Any

ESCAPES = {
    "up": "../../up.mp4",
    "root": "/tmp/root.mp4",
    "drive": "C:\\\\drive.mp4",
    "device": "\\\\\\\\?\\\\C:\\\\NUL",
    "dots": ".. /../․․/..／dots",
    "rtl": "\u202egpj.exe/\u200b../rtl",
    "nul": "a/%00/../../nul",
    "folder": "away/folder",
}


def test_outputs_stay_in_their_folder_whatever_they_are_called_and_whatever_lies_there(
    shell: Any, twisted: Any
) -> None:
    """Names are mended; a planted link is never written through, and its job is told of."""
    jobs = [*ESCAPES, "part", "name"]
    shell.speak(*jobs)
    rows = "".join(f'{job},media/tiny.mp4,media/{job}.wav,"{ESCAPES.get(job, job)}"\n' for job in jobs)
    shell.write("batch.csv", f"id,video,audio,output\n{rows}")
    elsewhere, outputs = shell.folder.parent / "elsewhere", shell.folder / "batch-dubs"
    elsewhere.mkdir()
    outputs.mkdir()
    (elsewhere / "precious").write_text("precious")
    (outputs / "away").symlink_to(elsewhere)
    (outputs / "part.mp4.part").symlink_to(elsewhere / "precious")
    (outputs / "name.mp4").symlink_to(elsewhere / "name.mp4")

    ran = shell("run", "batch.csv")

    written = {path for path in shell.folder.parent.rglob("*.mp4*") if "media" not in path.parts}
    assert {path.parent for path in written if not path.is_relative_to(outputs)} == set()
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]
    assert (elsewhere / "precious").read_text() == "precious"
    assert (outputs / "part.mp4").is_file()
    assert not (outputs / "part.mp4").is_symlink()
    assert ran.returncode == 1
    assert f"{len(jobs) - 2} downloaded, 2 blocked" in ran.stdout
    assert "a folder there is a link that leads elsewhere" in ran.stderr
    assert "name: blocked: a file of this name is there that dubbatch did not put there" in ran.stderr
    assert set(twisted.sandbox.books.bills().values()) == {1}
