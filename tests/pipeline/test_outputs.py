"""From a finished job to the file on disk: bad links, bad bytes, names that are taken, rows that change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.jobs import JobState
from dubbatch.ledger.ledger import Ledger
from dubbatch.media.checks import check_output
from dubbatch.result import RunResult

if TYPE_CHECKING:
    from tests.pipeline.conftest import OpenProject, Project

#: What goes wrong with the download of the job of this name.
FAULTS: dict[str, dict[str, Any]] = {
    "expired": {"action": "expired", "nth": 1},
    "cut": {"action": "cut", "at": 0.5, "nth": 1},
    "short": {"action": "short", "at": 0.5, "nth": 1},
    "hollow": {"action": "cut_index", "at": 0.5, "nth": 1},
    "dropped": {"action": "drop", "nth": 1},
    "page": {"action": "html"},
    "gone": {"action": "answer", "status": 404},
}
MENDED = ("expired", "cut", "short", "hollow", "dropped", "good")
Troubled = tuple["Project", RunResult]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory, open_project: OpenProject) -> Iterator[Troubled]:
    """One run in which every download but one meets its own fault."""
    project = open_project(tmp_path_factory.mktemp("troubled") / "project")
    project.write_jobs(*FAULTS, "good")
    rules = [{"on": "output", "reference": project.reference(job), **fault} for job, fault in FAULTS.items()]
    project.sandbox.set_faults(rules)
    result = asyncio.run(project.run(transfers=8, concurrency=8))
    yield project, result
    assert project.books.leaks == []


def test_downloads_that_went_wrong_once_come_home_whole(troubled: Troubled) -> None:
    """A link that has expired, a line that broke, a body that ended early, an index without its media."""
    project, result = troubled

    for job in MENDED:
        assert project.states()[job] is JobState.DOWNLOADED
        assert project.files()[f"{job}.mp4"] == project.served(project.reference(job))
        assert check_output(result.output_dir / f"{job}.mp4", durations_s=[1.0]).ok


def test_a_fresh_link_is_asked_for_when_one_has_expired(troubled: Troubled) -> None:
    """By a GET of the request; nothing is bought."""
    project, _ = troubled
    request = project.request(project.reference("expired"))
    calls = [call for call in project.books.calls if call.asked == request.id]

    kinds = [call.kind for call in calls]

    outputs = [place for place, kind in enumerate(kinds) if kind == "output"]
    assert len(outputs) == 2
    assert "get" in kinds[outputs[0] : outputs[1]]


def test_a_cut_download_goes_on_where_it_broke_off(troubled: Troubled) -> None:
    """The second call asks for the rest only, and the bytes fit together."""
    project, _ = troubled
    request = project.request(project.reference("cut"))

    ranges = [call.range for call in project.books.calls if call.kind == "output" and call.asked == request.id]

    size = len(project.files()["cut.mp4"])
    assert ranges == ["", f"bytes={size // 2}-"]


def test_a_web_page_instead_of_a_video_is_kept_as_suspect_and_never_counted_as_done(troubled: Troubled) -> None:
    """Three times the same bytes that don't pass: kept under a name that nobody takes for an output."""
    project, result = troubled

    assert project.states()["page"] is JobState.SUSPECT
    assert result.counts[JobState.SUSPECT] == 1
    assert result.counts[JobState.DOWNLOADED] == len(MENDED)
    assert "page.mp4" not in project.files()
    assert b"Please sign in" in project.files()["page.suspect.mp4"]
    assert project.books.count("output") >= 3


def test_an_output_that_is_gone_is_lost_and_told_as_billed(troubled: Troubled) -> None:
    """404 also on fresh links: failed, with what it cost and what to do."""
    project, _ = troubled

    record = project.records()["gone"]

    assert record.state is JobState.FAILED
    assert record.error.startswith("output lost")
    assert "billed" in record.hint


def test_trouble_with_downloads_buys_nothing_and_leaves_no_parts(troubled: Troubled) -> None:
    """Each job was billed once."""
    project, _ = troubled

    assert project.billed() == {project.reference(job): 1 for job in (*FAULTS, "good")}
    assert [name for name in project.files() if name.endswith(".part")] == []


async def test_collect_fetches_a_suspect_output_once_more_and_it_costs_nothing(project: Project) -> None:
    """The storage's bad day is over: what was finished at the service is not lost by having been suspect."""
    project.write_jobs("a")
    project.sandbox.set_faults([{"on": "output", "action": "html"}])
    await project.run()
    assert project.states() == {"a": JobState.SUSPECT}
    project.sandbox.set_faults([])

    result = await project.collect()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.files()["a.mp4"] == project.served(project.reference("a"))
    with Ledger(project.ledger) as ledger:
        output = ledger.outputs.current(project.records()["a"])
    assert output is not None
    assert output.path.name == "a.mp4"
    assert project.billed() == {project.reference("a"): 1}


async def test_a_file_in_the_way_is_not_touched_and_the_output_comes_when_it_is_gone(project: Project) -> None:
    """Blocked, with the file's name; moved away, the next run fetches what was paid for, free."""
    project.write_jobs("a", "b")
    theirs = project.folder / "batch-dubs" / "a.mp4"
    theirs.parent.mkdir()
    theirs.write_bytes(b"somebody's own film")

    first = await project.run()

    assert first.counts == {JobState.BLOCKED: 1, JobState.DOWNLOADED: 1}
    assert theirs.read_bytes() == b"somebody's own film"
    assert "a.mp4" in project.records()["a"].hint

    theirs.rename(project.folder / "kept.mp4")
    second = await project.run()

    assert second.counts == {JobState.DOWNLOADED: 2}
    assert project.sent() == []
    assert project.files()["a.mp4"] == project.served(project.reference("a"))
    assert set(project.billed().values()) == {1}


async def test_an_edited_row_is_bought_and_the_old_file_kept_and_an_edit_taken_back_costs_nothing(
    project: Project,
) -> None:
    """The plain name is always the row's output as it is now; older ones stand beside it."""
    project.write_jobs("a")
    await project.run()
    first = project.reference("a")
    project.speak("a", "edited")
    second = project.reference("a")

    edited = await project.run()

    assert edited.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {first: 1, second: 1}
    assert project.files() == {"a.mp4": project.served(second), "a.v1.mp4": project.served(first)}

    project.speak("a")
    back = await project.run()

    assert back.counts == {JobState.DOWNLOADED: 1}
    assert project.sent() == []
    assert project.billed() == {first: 1, second: 1}
    files = project.files()
    assert files["a.mp4"] == project.served(first)
    assert project.served(second) in files.values()


async def test_an_edit_while_the_old_row_runs_brings_both_outputs_home(project: Project) -> None:
    """What was paid for is collected; the newer one has the plain name."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a")
    await project.run(interrupted_after=1)
    first = project.reference("a")
    project.speak("a", "edited")
    project.sandbox.change(seconds=0.1)
    project.sandbox.advance(120)

    result = await project.run()

    second = project.reference("a")
    assert result.counts == {JobState.DOWNLOADED: 1}
    assert project.billed() == {first: 1, second: 1}
    assert project.files() == {"a.mp4": project.served(second), "a.v1.mp4": project.served(first)}


async def test_a_renamed_manifest_gets_its_outputs_again_and_nothing_is_billed(project: Project) -> None:
    """The work is known by what it is, not by the sheet's name."""
    path = project.write_jobs("a", "b")
    await project.run()
    before = project.files()
    path.rename(project.folder / "spring.csv")

    result = await project.run("spring.csv")

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.sent() == []
    assert project.files("spring") == before
    assert project.files() == before
    assert set(project.billed().values()) == {1}
    report = json.loads((result.output_dir / "report.json").read_text(encoding="utf-8"))
    assert [job["attempts"] for job in report["jobs"]] == [1, 1]


async def test_another_output_template_renames_and_bills_nothing(project: Project) -> None:
    """The files are there under their new names; a run after that finds nothing to do."""
    project.write(project.row("a", language="de"), project.row("b", language="ja"))
    await project.run()
    before = project.files()

    result = await project.run(output="{language}-{id}.dub.mp4")

    assert result.counts == {JobState.DOWNLOADED: 2}
    assert project.sent() == []
    assert project.files()["de-a.dub.mp4"] == before["a.mp4"]
    assert project.files()["ja-b.dub.mp4"] == before["b.mp4"]
    assert set(project.billed().values()) == {1}

    stamps = project.stamps()
    await project.run(output="{language}-{id}.dub.mp4")

    assert project.stamps() == stamps


async def test_an_output_that_was_moved_away_is_left_so_by_run_and_fetched_by_collect(project: Project) -> None:
    """That is the team's right, told in one line; collect brings it back, free."""
    path = project.write_jobs("a", "b")
    await project.run()
    moved: Path = path.parent / "batch-dubs" / "a.mp4"
    content = moved.read_bytes()
    moved.unlink()

    ran = await project.run()

    assert ran.counts == {JobState.DOWNLOADED: 2}
    assert set(project.files()) == {"b.mp4"}
    assert "1 outputs" in project.told()

    collected = await project.collect()

    assert collected.counts == {JobState.DOWNLOADED: 2}
    assert project.files()["a.mp4"] == content
    assert set(project.billed().values()) == {1}


async def test_an_output_template_with_a_folder_renames_and_bills_nothing(project: Project) -> None:
    """The folders are made before anything is copied into them."""
    project.write(project.row("a", language="de"), project.row("b", language="ja"))
    await project.run()

    result = await project.run(output="{language}/{id}.mp4")

    assert (result.counts, result.causes) == ({JobState.DOWNLOADED: 2}, ())
    assert project.files()["de/a.mp4"] == project.served(project.reference("a"))
    assert project.files()["ja/b.mp4"] == project.served(project.reference("b"))
    assert set(project.billed().values()) == {1}


async def test_a_renamed_manifest_with_folders_in_its_names_gets_its_outputs_again(project: Project) -> None:
    """In a folder of its own, and nothing is billed."""
    sheet = project.write(project.row("a", language="de"))
    await project.run(output="{language}/{id}.mp4")
    sheet.rename(project.folder / "spring.csv")

    result = await project.run("spring.csv", output="{language}/{id}.mp4")

    assert (result.counts, result.causes) == ({JobState.DOWNLOADED: 1}, ())
    assert set(project.files("spring")) == {"de/a.mp4"}
    assert set(project.billed().values()) == {1}
