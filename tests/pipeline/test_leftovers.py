"""What interrupted runs and changed manifests leave behind: nothing is mixed up, nothing is lost, nothing stays."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dubbatch.batch import fetched_folder
from dubbatch.cli.standing import code_of_run
from dubbatch.events import Event, JobChanged, Transferred
from dubbatch.jobs import JobState
from dubbatch.tracker import fetching

if TYPE_CHECKING:
    from tests.pipeline.conftest import Listen, Project, WebServer

#: Half of each output, and then no storage.
HALF_WAY = [
    {"on": "output", "action": "cut", "at": 0.5, "nth": 1},
    {"on": "output", "action": "answer", "status": 503},
]


def interrupt_half_way(event: Event) -> None:
    """Ctrl-C at the first bytes of an output."""
    if isinstance(event, Transferred) and not event.up:
        signal.raise_signal(signal.SIGINT)


def parts(project: Project) -> list[str]:
    return sorted(path.name for path in project.folder.rglob("*.part"))


async def stopped_half_way(project: Project, *jobs: str) -> None:
    """A run that leaves half an output in a ``.part``."""
    project.write_jobs(*jobs)
    project.sandbox.set_faults(HALF_WAY)
    await project.run(hook=interrupt_half_way)
    project.sandbox.set_faults([])
    assert parts(project) == ["a.mp4.part"]


async def test_a_part_is_gone_on_with_by_the_next_run(project: Project) -> None:
    """Only the rest is asked for."""
    await stopped_half_way(project, "a")

    await project.run()

    ranges = [call.range for call in project.books.calls if call.kind == "output"]
    assert ranges[-1] == f"bytes={len(project.files()['a.mp4']) // 2}-"
    assert project.files() == {"a.mp4": project.served(project.reference("a"))}


@pytest.mark.parametrize(
    "change", [{"output": "{id}.dub.mp4"}, {"output": "new/{id}.mp4"}, {"output_dir": "elsewhere"}]
)
async def test_a_part_under_a_name_that_is_no_longer_wanted_is_cleared_away(
    project: Project, change: dict[str, Any]
) -> None:
    """The output comes under its new name, and its old part would never be finished."""
    await stopped_half_way(project, "a")
    if "output_dir" in change:
        change = {"output_dir": project.folder / change["output_dir"]}

    result = await project.run(**change)

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert parts(project) == []


async def test_the_part_of_a_row_that_was_edited_is_cleared_away(project: Project) -> None:
    """Both outputs come home, the old one as a version."""
    await stopped_half_way(project, "a")
    first = project.reference("a")
    project.speak("a", "edited")

    await project.run()

    assert project.files() == {"a.mp4": project.served(project.reference("a")), "a.v1.mp4": project.served(first)}


async def test_the_part_of_a_row_that_left_is_finished(project: Project) -> None:
    """It was paid for."""
    await stopped_half_way(project, "a")
    project.write_jobs("b")

    result = await project.run()

    assert result.removed == ("a",)
    assert project.files() == {f"{job}.mp4": project.served(project.reference(job)) for job in "ab"}


async def test_two_older_outputs_of_one_row_come_home_at_once(project: Project) -> None:
    """Each with a number, and a part, of its own."""
    project.sandbox.change(seconds=60.0)
    project.write_jobs("a")
    references = []
    for pitch in ("one", "two"):
        project.speak("a", pitch)
        references.append(project.reference("a"))
        await project.run(interrupted_after=1)
    project.speak("a", "three")
    references.append(project.reference("a"))
    project.sandbox.change(seconds=0.1)
    project.sandbox.advance(120)

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    files = project.files()
    assert set(files) == {"a.mp4", "a.v1.mp4", "a.v2.mp4"}
    assert files["a.mp4"] == project.served(references[2])
    assert {files["a.v1.mp4"], files["a.v2.mp4"]} == {project.served(reference) for reference in references[:2]}


async def test_a_link_in_the_place_of_a_part_leads_nowhere(project: Project) -> None:
    """What it points to is somebody else's."""
    project.write_jobs("a")
    theirs = project.folder / "theirs.txt"
    theirs.write_text("theirs")
    (project.folder / "batch-dubs").mkdir()
    (project.folder / "batch-dubs" / "a.mp4.part").symlink_to(theirs)

    await project.run()

    assert theirs.read_text() == "theirs"
    assert project.files() == {"a.mp4": project.served(project.reference("a"))}


async def test_suspect_bytes_take_no_name_from_a_file_of_the_teams(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are put beside it, under the next number."""
    monkeypatch.setattr(fetching, "delay_s", lambda failures, **_: 0.01 * failures)
    project.write_jobs("a")
    theirs = project.folder / "batch-dubs" / "a.suspect.mp4"
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    project.sandbox.set_faults([{"on": "output", "action": "html"}])

    result = await project.run()

    assert result.counts == {JobState.SUSPECT: 1}
    assert theirs.read_bytes() == b"theirs"
    assert b"Please sign in" in project.files()["a.suspect.v1.mp4"]


async def test_a_report_that_can_not_be_written_is_told_and_written_by_the_next_run(
    project: Project, listen: Listen
) -> None:
    """It is open in a spreadsheet, say: the old one stays whole, the other is written, and nothing is bought again."""
    project.write_jobs("a")
    await project.run()
    folder = project.folder / "batch-dubs"
    old = (folder / "report.csv").read_bytes()
    project.write_jobs("a", "b")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(arguments[1]).name == "report.csv":
            raise PermissionError(13, "it is open")

    with listen(refuse):
        refused = await project.run()

    assert refused.counts == {JobState.DOWNLOADED: 2}
    (cause,) = refused.causes
    assert "report.csv can't be written" in cause.message
    assert code_of_run([cause.reason], refused.counts) == 8
    assert (folder / "report.csv").read_bytes() == old
    assert b'"b"' in (folder / "report.json").read_bytes()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []

    again = await project.run()

    assert (again.counts, again.causes) == ({JobState.DOWNLOADED: 2}, ())
    assert len((folder / "report.csv").read_bytes()) > len(old)
    assert project.sent() == []


async def test_what_a_run_that_was_killed_over_its_reports_left_is_cleared_away(project: Project) -> None:
    """Files that begin with another name are not ours."""
    project.write_jobs("a")
    folder = project.folder / "batch-dubs"
    folder.mkdir()
    (folder / ".report.csv.0011aabb.part").touch()
    (folder / ".other.csv.0011aabb.part").touch()

    await project.run()

    assert [path.name for path in folder.glob(".*")] == [".other.csv.0011aabb.part"]


async def test_a_report_on_a_full_disk_does_not_hide_why_the_run_stopped(project: Project, listen: Listen) -> None:
    """The gravest cause has the exit code; both are told."""
    project.write_jobs("a")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(arguments[1]).name.startswith("report."):
            raise OSError(28, "No space left on device")

    def interrupt(event: Event) -> None:
        if isinstance(event, JobChanged) and event.after is JobState.QUEUED:
            signal.raise_signal(signal.SIGINT)

    with listen(refuse):
        result = await project.run(hook=interrupt)

    assert code_of_run([cause.reason for cause in result.causes], result.counts) == 130
    assert "make room" in " ".join(cause.hint for cause in result.causes)


async def test_inputs_that_were_fetched_are_gone_when_the_run_ends(project: Project, web: WebServer) -> None:
    """Also those of a run that was killed before their upload, or while it fetched."""
    project.write(project.row("a", video=f"{web.origin}/video.mp4"))
    folder = fetched_folder(project.ledger, "batch")
    folder.mkdir(parents=True)
    for name in ("0011.mp4", "2233.wav.part"):
        (folder / name).write_bytes(b"left behind")

    result = await project.run()

    assert result.counts == {JobState.DOWNLOADED: 1}
    assert "/video.mp4" in web.asked
    assert not folder.parent.exists()


async def test_inputs_that_a_killed_run_fetched_under_the_manifests_old_name_are_cleared_away(project: Project) -> None:
    """Nobody runs that batch any more, so nobody else would."""
    path = project.write_jobs("a")
    await project.run()
    left = fetched_folder(project.ledger, "batch") / "0011.mp4"
    left.parent.mkdir(parents=True)
    left.touch()
    path.rename(project.folder / "spring.csv")

    await project.run("spring.csv")

    assert not left.parent.parent.exists()


async def test_inputs_of_another_batch_are_left_alone(project: Project) -> None:
    """Its run may be about to upload them."""
    project.write_jobs("a")
    theirs = fetched_folder(project.ledger, "theirs") / "0011.mp4"
    theirs.parent.mkdir(parents=True)
    theirs.touch()

    await project.run()

    assert theirs.exists()
