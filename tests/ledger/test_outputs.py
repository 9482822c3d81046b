"""Files on disk, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dubbatch.errors import LedgerError
from dubbatch.jobs import JobRecord, JobState, Output, OutputVerdict
from dubbatch.ledger.ledger import Ledger
from dubbatch.ledger.outputs import PartRow

OUTPUT = Output(
    batch="b",
    job="a",
    reference="r-1",
    path=Path("/out/ä.mp4"),
    version=0,
    sha256="00ff",
    size=7,
    duration_s=1.5,
)


@pytest.fixture
def record(begin: Callable[..., list[JobRecord]], make_record: Callable[..., JobRecord]) -> JobRecord:
    return begin([make_record("a", state=JobState.COMPLETED, reference="r-1")])[0]


@pytest.mark.parametrize("output", [OUTPUT, replace(OUTPUT, duration_s=None, verdict=OutputVerdict.SUSPECT)])
def test_an_output_comes_out_as_it_went_in(ledger: Ledger, record: JobRecord, output: Output) -> None:
    """And its job has what it wanted."""
    ledger.outputs.record(output, record, JobState.DOWNLOADED)
    job = ledger.jobs.get("b", "a")

    assert ledger.outputs.current(record) == ledger.outputs.at(output.path) == output
    assert job is not None
    assert job.state is JobState.DOWNLOADED


def test_a_file_and_its_jobs_state_are_recorded_together(ledger: Ledger, record: JobRecord) -> None:
    """An illegal change leaves no file on record either."""
    with pytest.raises(LedgerError):
        ledger.outputs.record(OUTPUT, record, JobState.SKIPPED)

    assert ledger.outputs.at(OUTPUT.path) is None


def test_an_older_output_moves_aside_and_the_new_one_takes_its_name(ledger: Ledger, record: JobRecord) -> None:
    """The job's current file is that of its own attempt."""
    ledger.outputs.record(OUTPUT, record, JobState.DOWNLOADED)
    ledger.outputs.moved(OUTPUT, Path("/out/ä.v1.mp4"), 1)
    newer = replace(OUTPUT, reference="r-2", sha256="11")
    ledger.outputs.record(newer, None, JobState.DOWNLOADED)

    assert ledger.outputs.of_job("b", "a") == [newer, replace(OUTPUT, path=Path("/out/ä.v1.mp4"), version=1)]
    assert ledger.outputs.current(replace(record, reference="r-2")) == newer
    assert ledger.outputs.current(replace(record, reference="r-3")) is None


def test_the_good_files_of_an_attempt_are_known_wherever_they_were_put(ledger: Ledger, record: JobRecord) -> None:
    """They are copied for identical work; a suspect one is not."""
    elsewhere = replace(OUTPUT, batch="c", job="twin", path=Path("/else/t.mp4"))
    suspect = replace(OUTPUT, job="x", path=Path("/out/x.suspect.mp4"), verdict=OutputVerdict.SUSPECT)
    for output in (OUTPUT, elsewhere, suspect):
        ledger.outputs.record(output, None, JobState.DOWNLOADED)

    assert {output.job for output in ledger.outputs.of_reference("r-1")} == {"a", "twin"}


def test_a_part_is_continued_only_for_the_same_attempt(ledger: Ledger) -> None:
    """Other bytes would be joined otherwise."""
    part = PartRow(Path("/out/a.mp4.part"), "b", "r-1", '"one"')
    assert ledger.outputs.part(part.path, "r-1") is None
    ledger.outputs.put_part(part)
    whole = replace(part, etag='"two"', sha256="00ff", duration_s=1.5)
    ledger.outputs.put_part(whole)

    assert ledger.outputs.part(part.path, "r-1") == whole
    assert ledger.outputs.part(part.path, "r-2") is None
    assert (ledger.outputs.parts("b"), ledger.outputs.parts("c")) == ([whole], [])

    ledger.outputs.drop_part(part.path)

    assert ledger.outputs.parts("b") == []


def test_a_file_in_its_place_is_no_part_any_more(ledger: Ledger, record: JobRecord) -> None:
    """Both in one commit: a part on record that isn't there would be looked for by every run."""
    part = PartRow(Path("/out/ä.mp4.part"), "b", "r-1", '"one"')
    ledger.outputs.put_part(part)

    ledger.outputs.record(OUTPUT, record, JobState.DOWNLOADED, part=part.path)

    assert ledger.outputs.parts("b") == []
