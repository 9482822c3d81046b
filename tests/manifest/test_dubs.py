"""Several languages of one video: columns, a map, and a pattern."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dubbatch.manifest import Manifest

Loader = Callable[..., Manifest]


def tracks(manifest: Manifest) -> list[tuple[str, str, str]]:
    return [(job.id, job.language, job.audio.text) for job in manifest.jobs]


EXPECTED = [("a-de", "de", "media/a.de.wav"), ("a-fr", "fr", "media/a.fr.mp3")]


@pytest.mark.parametrize(
    "rows",
    [
        "  - {video: media/a.mp4, audio: {de: media/a.de.wav, fr: media/a.fr.mp3}}",
        '  - {video: media/a.mp4, audio: "media/{stem}.{language}.{kind}", languages: [de], kind: wav}\n'
        '  - {video: media/a.mp4, audio: "media/{stem}.{language}.{kind}", languages: fr, kind: mp3}',
        '  - {video: media/a.mp4, audio_de: "media/{stem}.{language}.wav", "audio:fr": media/a.fr.mp3}',
    ],
)
def test_a_row_may_name_its_dubs_in_several_ways(load_yaml: Loader, rows: str) -> None:
    """The jobs are the same, whatever way the team writes them."""
    manifest = load_yaml(f"version: 1\njobs:\n{rows}\n")

    assert manifest.problems == ()
    assert tracks(manifest) == EXPECTED


def test_a_pattern_in_the_defaults_serves_all_rows(load_yaml: Loader) -> None:
    """One line says where the tracks of every video are; a row may have languages of its own."""
    manifest = load_yaml(
        """
version: 1
defaults: {audio: "media/{stem}.{language}.wav", languages: [de]}
jobs:
  - {video: media/a.mp4}
  - {video: media/b.mp4, id: B}
  - {video: media/b.mp4, id: C, languages: [de, fr]}
"""
    )

    assert tracks(manifest) == [
        ("a-de", "de", "media/a.de.wav"),
        ("B-de", "de", "media/b.de.wav"),
        ("C-de", "de", "media/b.de.wav"),
        ("C-fr", "fr", "media/b.fr.wav"),
    ]
    assert [(problem.job, problem.value) for problem in manifest.errors] == [("C-fr", "media/{stem}.{language}.wav")]


def test_a_column_of_languages_fills_a_pattern(load_csv: Loader) -> None:
    """In a table they stand in one cell, with commas, semicolons or spaces between them."""
    manifest = load_csv('video,audio,languages\nmedia/a.mp4,media/{stem}.{language}.wav,"de; de, DE"\n')

    assert tracks(manifest) == [("a-de", "de", "media/a.de.wav")]
    assert manifest.problems == ()


def test_a_pattern_takes_the_rows_one_language(load_csv: Loader) -> None:
    """Without ``languages`` the job keeps its name."""
    manifest = load_csv("id,video,audio,language\nx,media/a.mp4,media/a.{Language}.wav,de\n")

    assert tracks(manifest) == [("x", "de", "media/a.de.wav")]


def test_one_track_for_several_languages_is_an_error(load_csv: Loader) -> None:
    """It would be paid for once a language."""
    manifest = load_csv('video,audio,languages\nmedia/a.mp4,media/a.de.wav,"de,fr"\n')

    [problem] = manifest.errors
    assert (problem.place.row, problem.place.column) == (2, "audio")
    assert "{language}" in problem.remedy
    assert all(job.blocked for job in manifest.jobs)


def test_braces_that_are_no_field_belong_to_the_name(load_csv: Loader, folder: object) -> None:
    """File names have them now and then."""
    manifest = load_csv("video,audio\nmedia/a.mp4,media/a{1}.wav\n")

    [problem] = manifest.errors
    assert "media/a{1}.wav" in problem.message


def test_a_bad_language_among_several_leaves_the_others_alone(load_csv: Loader) -> None:
    """Its own job can't be named, and the others can."""
    manifest = load_csv('video,audio,languages\nmedia/a.mp4,media/{stem}.{language}.wav,"de jp"\n')

    assert tracks(manifest) == [("a-de", "de", "media/a.de.wav")]
    assert [(problem.place.column, problem.remedy) for problem in manifest.errors] == [
        ("languages", "did you mean ja?")
    ]


def test_a_pattern_of_languages_needs_one(load_csv: Loader) -> None:
    """A track without its language's name is nobody's."""
    manifest = load_csv("video,audio\nmedia/a.mp4,media/{stem}.{language}.wav\n")

    [problem] = manifest.errors
    assert (problem.place.row, problem.place.column) == (2, "audio")
    assert "languages" in problem.remedy
    assert [bool(job.blocked) for job in manifest.jobs] == [True]


def test_a_language_that_is_none_is_an_error_at_its_cell(load_csv: Loader) -> None:
    """With what was meant, where that can be told."""
    manifest = load_csv("video,audio,language\nmedia/a.mp4,media/a.de.wav,jp\nmedia/b.mp4,media/b.de.wav,German\n")

    assert [(problem.place.row, problem.place.column, problem.remedy) for problem in manifest.errors] == [
        (2, "language", "did you mean ja?"),
        (3, "language", "did you mean de?"),
    ]


def test_a_bad_language_in_a_map_concerns_its_row_alone(load_yaml: Loader) -> None:
    """Each row has keys of its own there."""
    manifest = load_yaml(
        "version: 1\njobs:\n  - {video: media/a.mp4, audio: {jp: media/a.de.wav}}\n"
        "  - {video: media/b.mp4, audio: {de: media/b.de.wav}}\n"
    )

    assert [(problem.place.row, problem.remedy) for problem in manifest.errors] == [(3, "did you mean ja?")]
    assert [(job.id, bool(job.blocked)) for job in manifest.jobs] == [("a-jp", True), ("b-de", False)]


def test_a_file_name_that_contradicts_its_column_is_a_warning(load_csv: Loader) -> None:
    """A slip of copying costs a wrong dub; the name may be the slip, so the job can be sent."""
    manifest = load_csv("video,audio_fr\nmedia/a.mp4,media/a.de.wav\n")

    [problem] = manifest.problems
    assert (problem.severity, problem.place.column, problem.job) == ("warning", "audio_fr", "a-fr")
    assert "de" in problem.message
    assert not manifest.errors
