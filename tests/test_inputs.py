"""What goes into a job: files read once, and remembered."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dubbatch import identity
from dubbatch.errors import MediaError
from dubbatch.events import ignore
from dubbatch.inputs import Inputs, Work
from dubbatch.jobs import Job, Media
from dubbatch.ledger.ledger import Ledger, LedgerThread
from dubbatch.media.hashing import digests_of

_OPENED: list[str] = []


def _note_opening(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | Path):
        _OPENED.append(str(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def _watch_openings() -> None:
    sys.addaudithook(_note_opening)


def times_opened(path: Path) -> int:
    return _OPENED.count(str(path))


@pytest.fixture
def thread() -> Iterator[LedgerThread]:
    with Ledger(None) as ledger:
        thread = LedgerThread(ledger, ignore)
        yield thread
        thread.close()


@pytest.fixture
def inputs(thread: LedgerThread) -> Inputs:
    return Inputs(thread)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_text("one")
    return path


def job_of(video: Path | str, audio: Path | str = "https://h/a.wav", **fields: Any) -> Job:
    def media(place: Path | str) -> Media:
        return Media(str(place), path=place) if isinstance(place, Path) else Media(place, url=place)

    job = Job(id="a", video=media(video), audio=media(audio), output="o", position=0)
    return replace(job, **fields)


def change(path: Path, text: str, later_ns: int = 0) -> None:
    """Other content; its time of change ``later_ns`` after the one before."""
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + later_ns))


def replace_file(path: Path, text: str) -> None:
    """Another file in its place, of the same size and time."""
    status, other = path.stat(), path.with_name("other")
    other.write_text(text)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def test_a_file_counts_by_its_content_and_a_url_by_its_address(inputs: Inputs, video: Path) -> None:
    """What can't be read as media is the same work all the same."""
    work = await inputs.measure(job_of(video, "https://h/a.wav?X-Amz-Signature=1"))

    keys = identity.file_key(sha256("one")), identity.url_key("https://h/a.wav")
    assert work == Work(identity.fingerprint(*keys), *keys)


async def test_the_same_file_is_the_same_work_wherever_it_lies(inputs: Inputs, video: Path, tmp_path: Path) -> None:
    """Moved or copied, it is not bought again."""
    copy = tmp_path / "copy.mp4"
    copy.write_text("one")

    assert await inputs.measure(job_of(video)) == await inputs.measure(job_of(copy))


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        ({"disable_active_speaker_detection": True}, False),
        ({"model": "lipsync-2"}, True),
        ({"model": "other"}, False),
        ({"id": "b", "output": "x", "priority": 9, "language": "ja"}, True),
    ],
)
async def test_options_are_part_of_the_work_and_names_are_not(
    inputs: Inputs, video: Path, fields: dict[str, Any], is_same: bool
) -> None:
    """An absent option equals its default."""
    plain, other = await inputs.measure(job_of(video)), await inputs.measure(job_of(video, **fields))

    assert (plain == other) is is_same


async def test_a_model_counts_for_uploads_only(inputs: Inputs) -> None:
    """The service never sees it elsewhere."""
    urls = job_of("https://h/v.mp4")

    assert await inputs.measure(urls) == await inputs.measure(replace(urls, model="other"))


async def test_a_file_that_looks_the_same_is_not_read_again(inputs: Inputs, thread: LedgerThread, video: Path) -> None:
    """Size, time and inode are what is looked at; also by a later run."""
    before = await inputs.measure(job_of(video))
    change(video, "two")
    opened = times_opened(video)

    assert await inputs.measure(job_of(video)) == before
    assert await Inputs(thread).measure(job_of(video)) == before
    assert times_opened(video) == opened


@pytest.mark.parametrize(
    "edit",
    [
        lambda path: change(path, "two", later_ns=1),
        lambda path: change(path, "three"),
        lambda path: replace_file(path, "two"),
    ],
    ids=["touched", "grown", "replaced"],
)
async def test_a_file_that_looks_different_is_read_again(
    inputs: Inputs, video: Path, edit: Callable[[Path], None]
) -> None:
    """Any of the three is enough."""
    before = await inputs.measure(job_of(video))
    edit(video)

    assert await inputs.measure(job_of(video)) != before


async def test_a_file_whose_memory_turned_out_wrong_is_read_again(
    inputs: Inputs, thread: LedgerThread, video: Path
) -> None:
    """An upload noticed that its content is another."""
    before = await inputs.measure(job_of(video))
    change(video, "two")
    await thread(thread.ledger.media.forget, video)

    assert await inputs.measure(job_of(video)) != before


async def test_a_file_that_is_remembered_without_a_checksum_is_read_again(
    inputs: Inputs, thread: LedgerThread, video: Path
) -> None:
    """An older dubbatch took none, and an upload proves by it that the file is what was planned."""
    media = thread.ledger.media
    before = await inputs.look_at(Media(str(video), path=video))
    assert before is not None
    await thread(media.put, replace(before, checksum=""))

    assert await inputs.look_at(Media(str(video), path=video)) == before
    assert await thread(media.get, video) == before
    assert before.checksum == digests_of(video).checksum


async def test_one_reading_serves_all_rows_that_name_a_file(inputs: Inputs, video: Path) -> None:
    """A video with twelve languages is hashed once, though all ask at the same time."""
    alone = video.with_name("alone.mp4")
    alone.write_text("one")
    await inputs.measure(job_of(alone))
    jobs = [job_of(video, f"https://h/{n}.wav", id=str(n)) for n in range(12)]
    found = [measured async for measured in inputs.measure_all(jobs)]

    assert times_opened(video) == times_opened(alone)
    assert [measured.job.id for measured in found] == [job.id for job in jobs]
    assert len({measured.work.fingerprint for measured in found if measured.work}) == 12


async def test_a_waiter_that_is_cancelled_takes_the_reading_from_nobody(inputs: Inputs, video: Path) -> None:
    """The other row gets its work."""
    first, second = (asyncio.ensure_future(inputs.measure(job_of(video))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert (await second).fingerprint


async def test_a_file_that_can_not_be_read_is_told_with_its_job_and_stops_no_other(
    inputs: Inputs, video: Path, tmp_path: Path
) -> None:
    """Missing, or a folder."""
    missing = tmp_path / "missing.wav"
    jobs = [job_of(video, missing), job_of(tmp_path), job_of(video)]
    found = [measured async for measured in inputs.measure_all(jobs)]

    with pytest.raises(MediaError, match=r"missing\.wav"):
        await inputs.measure(jobs[0])
    assert [measured.work is None for measured in found] == [True, True, False]
    assert [str(measured.error) if measured.error else "" for measured in found][2] == ""
    assert found[0].error is not None
    assert "missing.wav" in found[0].error.message
    assert found[1].error is not None
    assert "folder" in found[1].error.message


async def test_a_file_that_was_missing_is_found_when_it_is_there(inputs: Inputs, tmp_path: Path) -> None:
    """An error is not remembered."""
    late = tmp_path / "late.mp4"
    with pytest.raises(MediaError):
        await inputs.measure(job_of(late))
    late.write_text("one")

    assert (await inputs.measure(job_of(late))).fingerprint
