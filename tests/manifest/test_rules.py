"""From rows to jobs: ids, languages, defaults, and what clashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dubbatch.manifest import Manifest

Loader = Callable[..., Manifest]

URL = "https://cdn.example.com"


def errors(manifest: Manifest) -> list[str]:
    return [f"{problem.place.row} {problem.place.column}: {problem.message}" for problem in manifest.errors]


def warnings(manifest: Manifest) -> list[str]:
    return [problem.message for problem in manifest.problems if not problem.is_error]


def ids(manifest: Manifest) -> list[str]:
    return [job.id for job in manifest.jobs]


def test_a_row_becomes_a_job_with_all_its_values(load_csv: Loader) -> None:
    """Known columns are typed, the team's own are kept as text in their order, ours are dropped."""
    manifest = load_csv(
        "Video,Audio,ID,Language,Reference ID,Disable Active Speaker Detection,Model,Priority,Minutes,"
        "Zeta,Alpha,dub_state\n"
        " media/a.mp4 ,media/a.de.wav,001,de,ref-1,yes,lipsync-2,7,1.5, z ,,done\n"
    )

    [job] = manifest.jobs
    assert manifest.problems == ()
    assert manifest.columns == ("Zeta", "Alpha")
    assert (job.id, job.language, job.reference_id, job.model, job.priority, job.minutes) == (
        "001", "de", "ref-1", "lipsync-2", 7, 1.5,
    )  # fmt: skip
    assert job.disable_active_speaker_detection is True
    assert list(job.columns.items()) == [("Zeta", " z "), ("Alpha", "")]
    assert (job.output, job.position, job.place.row) == ("001.mp4", 0, 2)


def test_a_column_a_language_makes_one_job_a_language(load_csv: Loader) -> None:
    """An empty cell means no dub, and an id of the row is told apart by the language, always."""
    manifest = load_csv(
        f"video,audio_de,audio:pt-BR,id\n{URL}/01.mp4,{URL}/d.wav,{URL}/p.wav,\n{URL}/02.mp4,{URL}/d2.wav,,two\n"
    )

    assert manifest.problems == ()
    assert [(job.id, job.language) for job in manifest.jobs] == [
        ("01-de", "de"),
        ("01-pt-BR", "pt-BR"),
        ("two-de", "de"),
    ]
    assert [job.position for job in manifest.jobs] == [0, 1, 2]


def test_the_manifest_of_the_design_is_read(load_yaml: Loader) -> None:
    """The example of design section 9, with files that exist here."""
    manifest = load_yaml(
        """
version: 1
batch: spring-launch
settings: {concurrency: 4, output: "{language}/{id}.mp4"}
defaults: {disable_active_speaker_detection: false}
columns: {Video File: video}
jobs:
  - {id: ep01-ja, video: https://cdn.example.com/01.mp4, audio: https://cdn.example.com/01-ja.wav, language: ja}
  - video: media/a.mp4
    audio: {de: media/a.de.wav, fr: media/a.fr.mp3}
""",
        template="{language}/{id}.mp4",
    )

    assert manifest.problems == ()
    assert [job.output for job in manifest.jobs] == ["ja/ep01-ja.mp4", "de/a-de.mp4", "fr/a-fr.mp4"]


def test_defaults_fill_what_is_absent_or_empty(load_yaml: Loader) -> None:
    """Columns of the team's own have defaults, too."""
    manifest = load_yaml(
        f"""
version: 1
defaults: {{language: no, priority: 3, Team: north}}
jobs:
  - {{video: {URL}/1.mp4, audio: {URL}/1.wav}}
  - {{video: {URL}/2.mp4, audio: {URL}/2.wav, language: sv, priority: , Team: south}}
"""
    )

    assert manifest.problems == ()
    assert [(job.id, job.language, job.priority, job.columns["Team"]) for job in manifest.jobs] == [
        ("1-no", "no", 3, "north"),
        ("2-sv", "sv", 3, "south"),
    ]


def test_a_default_that_can_not_be_read_is_told_once(load_yaml: Loader) -> None:
    """Not for each of the rows that it would fill."""
    row = f"{{video: {URL}/N.mp4, audio: {URL}/N.wav}}"
    manifest = load_yaml(
        f"version: 1\ndefaults: {{priority: high}}\njobs: [{row.replace('N', '1')}, {row.replace('N', '2')}]"
    )

    assert errors(manifest) == ["2 22: the priority is not a whole number"]
    assert all(job.blocked for job in manifest.jobs)


def test_an_id_that_is_not_given_is_made_of_the_video(load_csv: Loader) -> None:
    """Never of the row's number: sorting the sheet must not pay for everything again."""
    manifest = load_csv(f"video,audio,language\n{URL}/a/ep%201.mp4?x=1,{URL}/1.wav,de\nmedia/a.mp4,media/a.de.wav,\n")

    assert ids(manifest) == ["ep 1-de", "a"]


def test_ids_that_clash_are_an_error_on_both_rows(load_csv: Loader) -> None:
    """The first stays, blocked, so that the ledger knows its job; a made id asks for a column."""
    manifest = load_csv(
        f"video,audio,language,id\n{URL}/x/1.mp4,{URL}/1.wav,de,\n{URL}/y/1.mp4,{URL}/2.wav,de,\n{URL}/3.mp4,{URL}/3.wav,,z\n"
    )

    assert errors(manifest) == [
        "2 video: the id '1-de', made from the video's name, stands also in row 3",
        "3 video: the id '1-de', made from the video's name, stands also in row 2",
    ]
    assert "add a column id" in manifest.errors[0].remedy
    assert [(job.id, bool(job.blocked)) for job in manifest.jobs] == [("1-de", True), ("z", False)]


@pytest.mark.parametrize(
    ("header", "one", "two", "message"),
    [
        ("id", "x", "x", "the id stands also in row"),
        ("reference_id", "r", "r", "the reference_id stands also in row"),
        ("output", "A.mp4", "a.mp4", "the same output name stands also in row"),
        ("output", "caf\u00e9", "CAFE\u0301", "the same output name stands also in row"),
        ("output", "a.mp4", "a.mp4/b.mp4", "can't stand beside this one"),
        ("output", "a.mp4", "a.mp4.part/b.mp4", "can't stand beside this one"),
        ("output", "a.mp4", "A.v1.mp4", "can't stand beside this one"),
        ("output", "x/a.mp4", "x/a.suspect.mp4", "can't stand beside this one"),
    ],
)
def test_what_must_be_unique_is_an_error_on_both_rows(
    load_csv: Loader, header: str, one: str, two: str, message: str
) -> None:
    """Before anything is sent: two jobs must never write one file."""
    manifest = load_csv(f"video,audio,{header}\n{URL}/1.mp4,{URL}/1.wav,{one}\n{URL}/2.mp4,{URL}/2.wav,{two}\n")

    assert [(problem.place.row, problem.place.column) for problem in manifest.errors] == [(2, header), (3, header)]
    assert all(message in problem.message for problem in manifest.errors)
    assert all(job.blocked for job in manifest.jobs)


def test_a_folder_can_not_be_called_as_the_report(load_csv: Loader) -> None:
    """The report lies in the same directory."""
    manifest = load_csv(f"video,audio,output\n{URL}/1.mp4,{URL}/1.wav,report.csv/1.mp4\n")

    assert errors(manifest) == ["2 output: report.csv is the name of the report"]


@pytest.mark.parametrize("output", ["a.v1.mp4", "a.suspect.mp4", "a.mp4.part/b.mp4"])
def test_such_a_name_alone_is_fine(load_csv: Loader, output: str) -> None:
    """It clashes with nothing."""
    assert load_csv(f"video,audio,output\n{URL}/1.mp4,{URL}/1.wav,{output}\n").problems == ()


def test_a_cell_output_wins_over_the_template(load_csv: Loader) -> None:
    """Its own slashes make folders."""
    manifest = load_csv(f"video,audio,output\n{URL}/1.mp4,{URL}/1.wav,../de/x\n", template="{stem}-{batch}")

    assert [job.output for job in manifest.jobs] == ["de/x.mp4"]


def test_a_signed_link_leaves_no_secret_in_a_name(load_csv: Loader) -> None:
    """Whatever the template asks for."""
    manifest = load_csv(
        f"video,audio,Link\n{URL}/1.mp4?sig=s3cret,{URL}/1.wav,{URL}/x?sig=s3cret\n",
        template="{video}-{Link}-{stem}-{batch}",
    )

    assert [job.output for job in manifest.jobs] == [
        "https---cdn.example.com-1.mp4-https---cdn.example.com-x-1-list.mp4"
    ]


def test_a_template_that_can_not_be_used_blocks_every_job(load_csv: Loader) -> None:
    """The rows are still looked at, so that everything is told at once."""
    manifest = load_csv(f"video,audio,priority\n{URL}/1.mp4,{URL}/1.wav,high\n", template="{nope}")

    assert len(manifest.errors) == 2
    assert [job.output for job in manifest.jobs] == ["1.mp4"]
    assert all(job.blocked for job in manifest.jobs)


def test_the_same_audio_in_two_languages_is_a_warning(load_csv: Loader) -> None:
    """Most often a slip of copying; the same work in one language is bought once and is fine."""
    manifest = load_csv(f"video,audio_de,audio_fr\n{URL}/1.mp4,{URL}/1.wav,{URL}/1.wav\n")

    assert errors(manifest) == []
    assert warnings(manifest) == [
        "the same audio is given for de and fr of this video",
        "the same audio is given for fr and de of this video",
    ]


def test_swapped_columns_are_noticed(load_csv: Loader) -> None:
    """Also in addresses, where the service would find out for money."""
    manifest = load_csv(f"video,audio\n{URL}/1.wav,{URL}/1.mp4\nmedia/a.de.wav,media/a.mp4\n")

    assert errors(manifest) == ["2 audio: video and audio are swapped", "3 audio: video and audio are swapped"]


def test_a_model_of_a_job_that_is_no_upload_is_ignored_with_a_warning(load_csv: Loader) -> None:
    """The service takes it with uploads only."""
    manifest = load_csv(
        f"video,audio,model\n{URL}/1.mp4,{URL}/1.wav,lipsync-2\nmedia/a.mp4,{URL}/2.wav,lipsync-2\n{URL}/3.mp4,{URL}/3.wav,x\n"
    )

    assert [(problem.severity, problem.place.row) for problem in manifest.problems] == [("warning", 2), ("error", 4)]


@pytest.mark.parametrize(
    "cells",
    ["media/none.mp4,media/none.wav,high", ",,", "s3://x/y.mp4,,", "media/film.mov,media/empty.wav,0"],
)
def test_a_row_to_skip_never_blocks_the_run(load_csv: Loader, cells: str) -> None:
    """Whatever its other cells say; it stays a job, so that the ledger keeps what it bought."""
    manifest = load_csv(f"id,skip,video,audio,priority\nx,yes,{cells}\ny,,{URL}/1.mp4,{URL}/1.wav,\n")

    assert manifest.problems == ()
    assert [(job.id, job.skip, job.blocked) for job in manifest.jobs] == [("x", True, ""), ("y", False, "")]


def test_a_skipped_row_gives_way_to_one_of_the_same_id(load_csv: Loader) -> None:
    """A row that was replaced is often kept and skipped: a warning, no error."""
    manifest = load_csv(f"id,skip,video,audio\nx,x,{URL}/1.mp4,{URL}/1.wav\nx,,{URL}/2.mp4,{URL}/2.wav\n")

    assert errors(manifest) == []
    assert len(warnings(manifest)) == 2
    assert [(job.id, job.skip, job.blocked) for job in manifest.jobs] == [("x", False, "")]


def test_a_row_without_audio_is_told(load_csv: Loader) -> None:
    """An error where there is one audio column; where each language has its own, no dub is fine, none at all is odd."""
    assert errors(load_csv(f"video,audio\n{URL}/1.mp4,\n,{URL}/1.wav\n")) == [
        "2 audio: the row has no audio",
        "3 video: the row has no video",
    ]
    manifest = load_csv(f"video,audio_de\n{URL}/1.mp4,\n{URL}/2.mp4,{URL}/2.wav\n")
    assert errors(manifest) == []
    assert warnings(manifest) == ["the row has no audio in any language: nothing is dubbed"]


def test_one_row_can_not_say_a_column_twice(load_yaml: Loader) -> None:
    """In YAML each row has keys of its own, so this shows in the row."""
    manifest = load_yaml(f"version: 1\njobs:\n- {{video: {URL}/1.mp4, Video: {URL}/2.mp4, audio: {URL}/1.wav}}\n")

    assert [problem.message for problem in manifest.errors] == ["Video and video are the same column"]


def test_a_row_without_any_name_asks_for_an_id(load_csv: Loader) -> None:
    """An address may end in its host."""
    manifest = load_csv(f"video,audio\n{URL}/,{URL}/1.wav\n")

    assert [problem.remedy for problem in manifest.errors] == ["give the row an id"]
    assert manifest.jobs == ()


def test_a_row_that_lacks_something_is_a_blocked_job(load_csv: Loader) -> None:
    """Whoever runs the good rows finds the bad ones in the report, by their names."""
    manifest = load_csv(
        "id,video,audio\none,media/a.mp4,\ntwo,,media/a.de.wav\nthree,s3://x/y.mp4,media/b.de.wav\n,,media/a.de.wav\n"
    )

    assert [(job.id, bool(job.blocked), bool(job.remedy)) for job in manifest.jobs] == [
        ("one", True, True), ("two", True, True), ("three", True, True),
    ]  # fmt: skip
    assert [problem.place.row for problem in manifest.errors] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "severities"),
    [
        (",,,FALSE,", []),
        (",,,,12", []),
        (",,,,Season 2", ["warning"]),
        ("x,,,,Season 2", ["error"]),
    ],
)
def test_a_row_that_names_no_work_is_nothing_or_a_remark(load_csv: Loader, row: str, severities: list[str]) -> None:
    """Checkboxes and numbers go on below the table, headings stand in it; an id without media is a slip."""
    manifest = load_csv(f"id,video,audio,skip,note\na,media/a.mp4,media/a.de.wav,,\n{row}\n")

    assert [problem.severity for problem in manifest.problems] == severities
    assert next(job.id for job in manifest.jobs) == "a"


def test_a_track_in_a_column_that_only_resembles_audio_is_told(load_csv: Loader) -> None:
    """Once for the column: its tracks would be left out silently."""
    manifest = load_csv(
        "video,audio,audio2\nmedia/a.mp4,media/a.de.wav,media/b.de.wav\nmedia/b.mp4,media/b.de.wav,x.wav\n"
    )

    assert [(problem.severity, problem.place.column, problem.place.row) for problem in manifest.problems] == [
        ("warning", "audio2", 2)
    ]


@pytest.mark.parametrize(
    ("audio", "language", "told"),
    [
        ("dubs/fr/a.wav", "de", "fr"),
        ("dubs/French/a.wav", "de", "French"),
        ("dubs/de/a.wav", "de", ""),
        ("dubs/it/a.wav", "de", ""),
        ("dubs/a_fr_v2.wav", "de", "fr"),
        ("dubs/a.de_final.wav", "de", ""),
        ("https://cdn.example.com/fr/a.wav", "de", "fr"),
    ],
)
def test_a_name_that_says_another_language_is_a_warning(
    load_csv: Loader, folder: Path, audio: str, language: str, told: str
) -> None:
    """Of the file, before marks of a version, or of its folder, if that is called after nothing but a language."""
    if "://" not in audio:
        (folder / audio).parent.mkdir(parents=True)
        (folder / audio).write_bytes(b"media")
    manifest = load_csv(f"video,audio,language\nmedia/a.mp4,{audio},{language}\n")

    assert [problem.severity for problem in manifest.problems] == (["warning"] if told else [])
    assert all(f"says {told}," in problem.message for problem in manifest.problems)


def test_a_missing_file_is_never_told_to_be_another_episode_or_language(load_csv: Loader) -> None:
    """Whoever follows the hint pays for what it names."""
    manifest = load_csv(
        "video,audio\nmedia/a.mp4,media/a.it.wav\nmedia/b2.mp4,media/b.de.wav\nmedia/bb.mp4,media/b.de.wav\n"
    )

    assert ["did you mean" in problem.remedy for problem in manifest.errors] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"""C:\\x.mp4"""', "quotation marks"),
        ("C:\\films\\x.mp4", "Windows computer"),
        ("https:/cdn.example.com/x.mp4", "https://"),
        ("htps://cdn.example.com/x.mp4", ""),
        ("TBD", "leave the cell empty"),
        ("media/a%2Emp4", "did you mean media/a.mp4?"),
    ],
)
def test_what_people_write_into_such_cells_gets_a_remedy_of_its_own(load_csv: Loader, text: str, words: str) -> None:
    """Explorer's quotation marks, a path of another computer, a slip in the scheme, a promise."""
    manifest = load_csv(f"video,audio\n{text},media/a.de.wav\n")

    assert words in manifest.errors[0].remedy


def test_a_key_in_a_column_is_an_error_and_goes_nowhere(load_csv: Loader) -> None:
    """Reports would carry it on."""
    manifest = load_csv("video,audio,API Key\nmedia/a.mp4,media/a.de.wav,sk-live-s3cret\n")

    [problem] = manifest.errors
    assert problem.place.column == "API Key"
    assert "s3cret" not in repr(manifest)


def test_a_slip_in_one_rows_key_is_told_whatever_the_other_rows_have(load_yaml: Loader) -> None:
    """Each row has keys of its own; what was to be skipped must not be bought, nor a dub left out."""
    manifest = load_yaml(
        "version: 1\njobs:\n- {id: a, video: media/a.mp4, audio: media/a.de.wav, skip: true}\n"
        "- {id: b, video: media/b.mp4, audio: media/b.de.wav, skipp: true}\n"
        "- {id: c, video: media/a.mp4, audio: {fr: media/a.fr.mp3}}\n"
        "- {id: d, video: media/b.mp4, audoi: media/b.de.wav}\n"
    )

    told = {(problem.severity, problem.place.row): problem.remedy for problem in manifest.problems}
    assert "did you mean skip?" in told["error", 4]
    assert "did you mean audio?" in told["error", 6]


@pytest.mark.parametrize(
    "row",
    ["Total,,,,24", "Season 2,,,,", "Total,3,3,,", "Summe:,2,2,,ok"],
)
def test_headings_and_sums_are_no_rows(load_csv: Loader, row: str) -> None:
    """Wherever they stand: a warning, and the other rows run."""
    manifest = load_csv(f"id,video,audio,skip,minutes\na,media/a.mp4,media/a.de.wav,,\n{row}\n")

    assert [problem.severity for problem in manifest.problems] == ["warning"]
    assert [(job.id, job.blocked) for job in manifest.jobs] == [("a", "")]


def test_a_language_that_is_none_makes_the_id_that_the_mended_row_will_have(load_csv: Loader) -> None:
    """Else the rows of one video would clash, and a job that was bought would count as removed."""
    manifest = load_csv("video,audio,language\nmedia/a.mp4,media/a.de.wav,German\nmedia/a.mp4,media/a.fr.mp3,French\n")

    assert [(job.id, bool(job.blocked)) for job in manifest.jobs] == [("a-de", True), ("a-fr", True)]
    assert [problem.remedy for problem in manifest.errors] == ["did you mean de?", "did you mean fr?"]
