"""Surveys in processes: as in this one, and neither a file that kills a worker nor a cancellation hurts the others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dubbatch.errors import MediaError
from dubbatch.media.facts import Facts
from dubbatch.media.survey import survey
from dubbatch.media.surveyors import CRASHED, ENDLESS, Surveyors

#: A worker, as ``surveyors`` starts it, in which files of a certain name end the process as a crash would.
_FRAGILE = """
import os, sys
from dubbatch.media import surveying
whole = surveying.survey
def survey(path):
    if path.name == "bomb.wav":
        os.kill(os.getpid(), 9)
    if path.name == "maze.wav":
        os.read(os.pipe()[0], 1)
    return whole(path)
surveying.survey = survey
surveying.serve()
"""


@pytest.fixture
def files(tmp_path: Path, clip: Callable[..., bytes], track: Callable[..., bytes]) -> list[Path]:
    made = [clip(1.0), track("wav", 1.0), track("mp3", 1.0), b"<html>"] * 2
    for number, data in enumerate(made):
        (tmp_path / f"{number}.mp4").write_bytes(data)
    return [tmp_path / f"{number}.mp4" for number in range(len(made))]


async def test_processes_find_what_this_one_finds(files: list[Path]) -> None:
    async with Surveyors(2) as surveyors:
        found = await asyncio.gather(*(surveyors.survey(file) for file in files))

    assert found == [survey(file) for file in files]


async def test_an_error_comes_through_with_its_words(tmp_path: Path, files: list[Path]) -> None:
    async with Surveyors(1) as surveyors:
        with pytest.raises(MediaError) as caught:
            await surveyors.survey(tmp_path / "gone\nfile.mp4")
        with pytest.raises(MediaError) as folder:
            await surveyors.survey(tmp_path)
        assert (await surveyors.survey(files[0])).video

    assert "can't be read: No such file" in caught.value.message
    assert folder.value.hint == "name the file itself"


async def test_a_file_that_kills_workers_has_a_flaw_and_nothing_else_happens(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dubbatch.media.surveyors._PROGRAM", _FRAGILE)
    bomb = files[0].with_name("bomb.wav")
    bomb.write_bytes(files[1].read_bytes())

    async with Surveyors(2) as surveyors:
        found = await asyncio.gather(*(surveyors.survey(file) for file in [*files, bomb, *files, bomb]))

    assert found.count(Facts(flaw=CRASHED)) == 2
    assert [facts for facts in found if facts.flaw != CRASHED] == [survey(file) for file in files] * 2


async def test_a_file_that_a_decoder_never_ends_with_has_a_flaw_and_the_others_go_on(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unattended, nobody would ever end it."""
    monkeypatch.setattr("dubbatch.media.surveyors._PROGRAM", _FRAGILE)
    maze = files[0].with_name("maze.wav")
    maze.touch()

    async with Surveyors(1, patience_s=0.2) as impatient:
        assert await impatient.survey(maze) == Facts(flaw=ENDLESS)
    async with Surveyors(1) as surveyors:
        assert (await surveyors.survey(files[1])).container == "wav"


async def test_where_no_process_can_be_started_that_is_said(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async with Surveyors(1) as surveyors:
        with pytest.raises(MediaError, match="no process can be started that looks at media: No such file"):
            await surveyors.survey(files[0])


async def test_a_cancelled_survey_leaves_the_others_alone(files: list[Path]) -> None:
    async with Surveyors(1) as surveyors:
        await surveyors.survey(files[0])
        doomed = asyncio.ensure_future(surveyors.survey(files[2]))
        waiting = asyncio.ensure_future(surveyors.survey(files[1]))
        await asyncio.sleep(0)
        doomed.cancel()

        assert (await waiting).container == "wav"
        with pytest.raises(asyncio.CancelledError):
            await doomed


async def test_leaving_does_not_wait_for_the_queue(files: list[Path]) -> None:
    async with Surveyors(1) as surveyors:
        tasks = [asyncio.ensure_future(surveyors.survey(file)) for file in files * 20]
        await tasks[0]
        for task in tasks:
            task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)

    assert any(isinstance(result, asyncio.CancelledError) for result in done)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_worker_outlives_signals_and_ends_with_its_input(files: list[Path]) -> None:
    program = [sys.executable, "-P", "-c", "from dubbatch.media.surveying import serve; serve()"]
    worker = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    for number in (None, signal.SIGINT, signal.SIGTERM):
        if number is not None:
            worker.send_signal(number)
        worker.stdin.write(json.dumps(str(files[1])).encode() + b"\n")
        worker.stdin.flush()
        assert Facts.from_json(json.loads(worker.stdout.readline())["facts"]).container == "wav"

    _, errors = worker.communicate(timeout=10)

    assert (worker.returncode, errors) == (0, b"")
