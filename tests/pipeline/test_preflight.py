"""A look at the media before anything is paid: what it blocks, what it tells, and what it leaves to others."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch.events import ignore
from dubbatch.forms import Cap, Tolerance
from dubbatch.inputs import Inputs
from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.manifest import load
from dubbatch.media.survey import survey
from dubbatch.opening import open_checks
from dubbatch.planner import Plan, draw_up
from dubbatch.sandbox.server import Sandbox
from dubbatch.sandbox.settings import SandboxSettings
from dubbatch.settings import Settings

# ``project`` is the Project of conftest.py; test modules import nothing from it.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def rows_of(project: Any, batch: str = "batch") -> dict[str, dict[str, Any]]:
    report = json.loads((project.folder / f"{batch}-dubs" / "report.json").read_text())
    return {row["id"]: row for row in report["jobs"]}


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Sandbox]:
    """A host of files on loopback, with faults on request."""
    files = tmp_path / "files"
    files.mkdir()
    with Sandbox(SandboxSettings(), files=files) as host:
        yield host


async def test_what_the_tests_take_their_media_for_is_what_a_look_finds(project: Any) -> None:
    """They tell the ledger, to save the look."""
    voice = survey(project.speak("a"))
    project.remember_media()
    with Ledger(project.ledger) as ledger:
        told = [known for name in ("video.mp4", "voices/a.wav") if (known := ledger.media.get(project.folder / name))]

    assert told[0].facts == survey(project.folder / "video.mp4").to_json()
    same = replace(voice, sound="", loudness_db=None, peak_db=None)
    kept = type(voice).from_json(told[1].facts)
    assert replace(kept, loudness_db=None, peak_db=None) == same
    assert (kept.loudness_db or 0.0) == pytest.approx(voice.loudness_db or 0.0, abs=0.5)


async def test_a_broken_file_blocks_its_own_job_and_the_others_go_on(project: Any) -> None:
    """Nothing of it leaves, and the report says what to do. Mended, it is sent by the next run."""
    project.write_jobs("bad", "good")
    cut(project.folder / "voices" / "bad.wav")

    first = await project.run()
    bad = rows_of(project)["bad"]
    project.speak("bad")
    second = await project.run()

    assert first.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    assert "200 bytes of its sound (data chunk) are missing" in bad["error"]
    assert "copy or download the file again" in bad["hint"]
    assert second.counts == {JobState.DOWNLOADED: 2}
    assert len(project.books.posts) == 2


async def test_a_file_that_breaks_after_the_plan_is_not_sent(project: Any) -> None:
    """It is looked at again before its upload."""
    project.write_jobs("a", "b")

    def ruin(event: Any) -> None:
        if type(event).__name__ == "BatchStarted":
            cut(project.folder / "voices" / "a.wav")

    result = await project.run(hook=ruin)

    assert result.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    assert "cut" in project.records()["a"].error


async def test_a_warning_goes_along_and_strictly_it_blocks(project: Any) -> None:
    """Here of lengths that differ by more than the tolerance, which is a setting."""
    project.write_jobs("a", "b")
    for job in ("a", "b"):
        twice_as_long(project.folder / "voices" / f"{job}.wav")

    strict = await project.run(strict=True, only=("a",))
    lenient = await project.run(length_tolerance=Tolerance(seconds=5.0), strict=True, only=("a",))
    plain = await project.run()

    assert (strict.counts, lenient.counts) == ({JobState.BLOCKED: 1}, {JobState.DOWNLOADED: 1})
    assert plain.counts == {JobState.DOWNLOADED: 2}
    rows = rows_of(project)
    assert rows["a"]["warning"] == ""
    assert "the video lasts 1.0 s, the audio 2.0 s" in rows["b"]["warning"]
    assert [rows[job]["estimated_minutes"] for job in ("a", "b")] == [pytest.approx(2 / 60, abs=1e-4)] * 2


async def test_addresses_are_looked_at_once_in_half_a_day(project: Any, storage: Sandbox, tmp_path: Path) -> None:
    """What is found there is kept: neither the next run nor the next row asks again."""
    (tmp_path / "files" / "v.mp4").write_bytes((project.folder / "video.mp4").read_bytes())
    (tmp_path / "files" / "a.wav").write_bytes(project.speak("a").read_bytes())
    row = {"video": f"{storage.files_url}/v.mp4?X-Amz-Signature=1", "audio": f"{storage.files_url}/a.wav"}
    project.write({"id": "a", **row}, {"id": "b", **row})

    held = await project.run(max_minutes=Cap(0.001))
    asked = storage.books.count("file")
    again = await project.run(max_minutes=Cap(0.001))
    last = await project.run()

    assert held.counts == again.counts == {JobState.PENDING: 2}
    assert asked == 2
    # The sandbox itself fetches both, for the one of the two that is bought.
    assert storage.books.count("file") == 4
    assert last.counts == {JobState.DOWNLOADED: 2}
    assert {job: row["paid_by"] for job, row in rows_of(project).items()} in ({"a": "", "b": "a"}, {"a": "b", "b": ""})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"action": "answer", "status": 403}, "the address answers 403"),
        ({"action": "answer", "status": 404}, "the address answers 404"),
        ({"action": "html"}, "a web page"),
        ({"action": "login"}, "a login page"),
    ],
    ids=lambda value: str(value),
)
async def test_an_address_that_the_service_could_not_read_either_blocks_its_job(
    project: Any, storage: Sandbox, tmp_path: Path, fault: dict[str, Any], words: str
) -> None:
    """Nothing is sent for it, and no signature is told."""
    (tmp_path / "files" / "v.mp4").write_bytes((project.folder / "video.mp4").read_bytes())
    storage.set_faults([{"on": "file", **fault}])
    project.write(project.row("a", video=f"{storage.files_url}/v.mp4?Signature=geheim"), project.row("b"))

    result = await project.run()

    row = rows_of(project)["a"]
    assert result.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    assert words in row["error"]
    assert row["hint"]
    assert "geheim" not in json.dumps(row)


async def test_an_address_that_can_t_be_reached_from_here_is_sent_all_the_same(project: Any) -> None:
    """The service may well reach it; here it can't either, and says so."""
    project.write({"id": "a", "video": "http://127.0.0.1:9/v.mp4", "audio": "http://127.0.0.1:9/a.wav"})

    result = await project.run()

    assert result.counts == {JobState.FAILED: 1}
    assert len(project.books.posts) == 1
    assert "can't be reached from here" in rows_of(project)["a"]["warning"]


async def test_a_picture_of_another_size_than_the_video_s_is_a_warning(project: Any) -> None:
    """The output is whole, and may be what is wanted."""
    project.write_jobs("a")
    project.remember_media()
    with Ledger(project.ledger) as ledger:
        video = ledger.media.get(project.folder / "video.mp4")
        assert video is not None
        wide = replace(video, facts=video.facts.replace('"width": 64', '"width": 128'))
    project.remember_media = lambda: None
    with Ledger(project.ledger) as ledger:
        ledger.media.put(wide)

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert rows_of(project)["a"]["warning"] == "its picture is 64 x 64, the video's 128 x 64"


async def test_an_output_is_as_long_as_what_was_found_behind_the_addresses(
    project: Any, storage: Sandbox, tmp_path: Path
) -> None:
    """One that is not is suspect, kept under another name, and not done."""
    (tmp_path / "files" / "v.mp4").write_bytes((project.folder / "video.mp4").read_bytes())
    (tmp_path / "files" / "a.wav").write_bytes(project.speak("a").read_bytes())
    project.write({"id": "a", "video": f"{storage.files_url}/v.mp4", "audio": f"{storage.files_url}/a.wav"})
    await project.run(max_minutes=Cap(0.001))
    with Ledger(project.ledger) as ledger:
        for name in ("v.mp4", "a.wav"):
            known = ledger.media.at(f"{storage.files_url}/{name}")
            assert known is not None
            ledger.media.put_address(
                replace(known, facts=known.facts.replace('"duration_s": 1.0', '"duration_s": 9.0'))
            )

    result = await project.run()

    row = rows_of(project)["a"]
    assert result.counts == {JobState.SUSPECT: 1}
    assert "the job's media 9.0 s" in row["error"]
    assert row["output"] == "a.suspect.mp4"
    assert row["minutes"] is None


@pytest.mark.parametrize("how", ["another length", "the same length"])
async def test_another_file_behind_the_address_of_a_finished_row_is_told_by_a_plan(
    project: Any, storage: Sandbox, tmp_path: Path, how: str
) -> None:
    """With the way to buy it again; a byte is asked for, and nothing is bought by itself."""
    files = tmp_path / "files"
    (files / "v.mp4").write_bytes((project.folder / "video.mp4").read_bytes())
    (files / "a.wav").write_bytes(project.speak("a").read_bytes())
    sheet = project.write({"id": "a", "video": f"{storage.files_url}/v.mp4", "audio": f"{storage.files_url}/a.wav"})
    await project.run()
    before = await plan_of(project, sheet)
    (files / "a.wav").write_bytes(project.speak("other").read_bytes() + (b"\0\0" if how == "another length" else b""))

    after = await plan_of(project, sheet)
    result = await project.run()

    assert before.problems == ()
    (problem,) = after.problems
    assert (problem.severity, problem.job, problem.place.column) == ("warning", "a", "audio")
    assert "another file is behind the audio's address" in problem.message
    assert "dubbatch redo" in problem.remedy
    assert result.counts == {JobState.DOWNLOADED: 1}
    assert len(project.books.posts) == 1


async def plan_of(project: Any, sheet: Path) -> Plan:
    """As ``dubbatch plan`` draws it up."""
    manifest = load(sheet, batch="batch", output_template="{id}.mp4")
    with Ledger(project.ledger) as ledger:
        thread = LedgerThread(ledger, ignore)
        try:
            url = project.sandbox.base_url
            async with open_checks("batch", url, Settings(), thread, ignore, is_watchful=True) as checks:
                folder = project.folder / "batch-dubs"
                return await draw_up(
                    manifest.jobs, batch="batch", output_dir=folder, ledger=thread, inputs=Inputs(thread), attempts=2,
                    checks=checks,
                )  # fmt: skip
        finally:
            thread.close()


async def test_work_that_another_batch_has_bought_is_copied_and_told(project: Any) -> None:
    """It costs nothing, and the report says who paid."""
    project.speak("same")
    project.write({"id": "a", "video": "video.mp4", "audio": "voices/same.wav"}, name="winter.csv")
    project.write({"id": "b", "video": "video.mp4", "audio": "voices/same.wav"}, name="summer.csv")

    await project.run("winter.csv")
    result = await project.run("summer.csv", max_minutes=Cap(0.001))

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert rows_of(project, "summer")["b"]["paid_by"] == "winter/a"
    assert len(project.books.posts) == 1


def twice_as_long(path: Path) -> None:
    with wave.open(str(path), "rb") as file:
        form, sound = file.getparams(), file.readframes(file.getnframes())
    with wave.open(str(path), "wb") as file:
        file.setparams(form)
        file.writeframes(sound * 2)
