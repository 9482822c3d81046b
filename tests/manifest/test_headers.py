"""What a header means, and what is said of those that only resemble a known one."""

from __future__ import annotations

import pytest

from dubbatch.jobs import Place
from dubbatch.manifest.cells import Cell
from dubbatch.manifest.headers import Headers, mapping_problems, resolve

PLACE = Place("list.csv", 1)


def cells(*texts: str) -> list[Cell]:
    return [Cell(text, PLACE, text) for text in texts]


def meaning(*texts: str, columns: dict[str, str] | None = None, is_table: bool = True) -> Headers:
    mapping = {header: Cell(field, PLACE) for header, field in (columns or {}).items()}
    return resolve(cells(*texts), mapping, place=PLACE, is_table=is_table)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("video", "video"),
        (" VIDEO ", "video"),
        ("Reference ID", "reference_id"),
        ("reference-id", "reference_id"),
        ("Disable Active  Speaker Detection", "disable_active_speaker_detection"),
        ("audio_de", "audio:de"),
        ("Audio DE", "audio:de"),
        ("audio:pt-BR", "audio:pt-br"),
        ("audio_pt_BR", "audio:pt-br"),
        ("audio:german", "audio:german"),
        ("audio_no", "audio:no"),
    ],
)
def test_a_known_header_is_known_in_any_case_and_spelling(header: str, field: str) -> None:
    """Case, spaces, hyphens and underscores don't count."""
    assert meaning(header).fields == {header: field}


@pytest.mark.parametrize("header", ["audio_url", "Audio notes", "audio_wav", "audiophile", "Episode", "videos per day"])
def test_any_other_header_is_the_teams_own(header: str) -> None:
    """Words that follow "audio" are no languages just because they are short."""
    assert meaning(header).own == (header,)


def test_the_languages_of_headers_are_kept_as_written() -> None:
    """The language goes into ids and names as the header has it."""
    assert dict(meaning("audio_pt_BR", "audio:de").dubs) == {"audio:pt-br": "pt-BR", "audio:de": "de"}


def test_columns_of_ours_are_ignored() -> None:
    """A sheet that dubbatch wrote its results into can be loaded again."""
    found = meaning("video", "audio", "dub_state", "Dub Output")

    assert found.own == ()
    assert found.problems == ()


def test_the_teams_headers_can_be_named() -> None:
    """``columns:`` says which known column a header of the team stands for, a map of languages included."""
    found = meaning("Bild", "Ton:de", "Ton:fr", columns={"bild": "video", "Ton": "audio"})

    assert found.fields == {"Bild": "video", "Ton:de": "audio:de", "Ton:fr": "audio:fr"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("headers", "severity", "message", "remedy"),
    [
        (("video", "audio", "lang"), "warning", "'lang' is kept as a column of your own", "language"),
        (("video", "audio", "Priorty"), "warning", "'Priorty' is kept", "priority"),
        (("Vidoe", "audio"), "error", "there is no column video, but a column 'Vidoe'", "did you mean video?"),
        (
            ("Video URL", "audio"),
            "error",
            "there is no column video, but a column 'Video URL'",
            "--map 'Video URL=video'",
        ),
        (
            ("video", "Audio file"),
            "error",
            "there is no column audio, but a column 'Audio file'",
            "did you mean audio?",
        ),
        (("video", "title"), "error", "there is no column audio", "header audio"),
        (("video", "audio", "audio:!"), "error", "audio:! names no language", "pt-BR"),
    ],
)
def test_a_near_miss_is_told_with_what_may_be_meant(
    headers: tuple[str, ...], severity: str, message: str, remedy: str
) -> None:
    """A warning while the batch can be read without it, an error where a required column lacks."""
    [problem] = meaning(*headers).problems

    assert problem.severity == severity
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("headers", [("video", "audio", "Video URL"), ("video", "audio_de", "audio_fr")])
def test_nothing_is_said_where_nothing_lacks(headers: tuple[str, ...]) -> None:
    """A column that resembles one that is there is simply the team's own."""
    assert meaning(*headers).problems == ()


@pytest.mark.parametrize("headers", [("video", "Video", "audio"), ("video", "audio", "audio_de", "audio:DE")])
def test_two_headers_of_one_meaning_are_an_error_on_both(headers: tuple[str, ...]) -> None:
    """Which of the two is meant can't be told."""
    doubles = [problem.value for problem in meaning(*headers).problems if "headers mean" in problem.message]

    assert len(doubles) == 2


def test_two_columns_of_the_teams_own_may_have_one_header() -> None:
    """Nothing depends on them, so a warning is enough; the first is kept."""
    found = meaning("video", "audio", "note", "note")

    assert [(problem.severity, problem.place.column) for problem in found.problems] == [("warning", "note")]
    assert found.own == ("note",)


def test_rows_of_yaml_may_spell_their_keys_differently() -> None:
    """Each row has keys of its own there; only one row with both would be wrong."""
    assert meaning("video", "Video", "audio", is_table=False).problems == ()


@pytest.mark.parametrize(
    ("header", "meaning_is", "remedy"),
    [
        ("audio_jp", "audio:jp", "did you mean ja?"),
        ("Audio German", "audio:german", "did you mean de?"),
        ("audio:qqqqq", "audio:qqqqq", "write a tag"),
        ("audio_old", None, ""),
        ("audio quality", None, ""),
    ],
)
def test_an_audio_column_of_no_language_is_an_error_with_what_was_meant(
    header: str, meaning_is: str | None, remedy: str
) -> None:
    """A dub under a mistyped language must not be left out silently; other words make a column of the team's own."""
    headers = meaning("video", "audio", header)

    assert headers.fields.get(header) == meaning_is
    assert [problem.severity for problem in headers.problems] == (["error"] if remedy else [])
    assert all(remedy in problem.remedy for problem in headers.problems)


@pytest.mark.parametrize(
    ("header", "severity", "remedy"),
    [
        ("Audio (fr)", "error", "did you mean audio_fr?"),
        ("German audio", "error", "did you mean audio_de?"),
        ("audio_url_de", "error", "did you mean audio_de?"),
        ("audio_haw", "warning", "did you mean audio:haw?"),
        ("audio (original)", "", ""),
        ("audio duration", "", ""),
        ("audio_min", "", ""),
        ("audio (de) approved", "", ""),
    ],
)
def test_a_dub_whose_header_is_not_understood_is_not_left_out_silently(header: str, severity: str, remedy: str) -> None:
    """What a person means by it is told; other words beside ``audio`` make a column of the team's own."""
    problems = meaning("video", "audio_es", header).problems

    assert [problem.severity for problem in problems] == ([severity] if severity else [])
    assert all(remedy in problem.remedy for problem in problems)


def test_pasted_headers_may_have_marks_without_width() -> None:
    """Web pages and old exports leave them behind, and nobody sees them."""
    assert meaning("\ufeffvideo\u200b", "audio\xa0").fields == {"\ufeffvideo\u200b": "video", "audio\xa0": "audio"}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Bild": "vido"}, [("error", "did you mean video?")]),
        ({"Bild": "video"}, []),
        ({"Bildd": "priority"}, [("warning", "did you mean Bild?")]),
        ({"Nirgends": "video"}, []),
        ({"Spur": "audio"}, []),
    ],
)
def test_a_mapping_says_what_is_there(columns: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """A typing error in ``columns:`` must not make a column disappear; one that is not needed is fine."""
    headers = [Cell(text, PLACE) for text in ("Bild", "video", "Spur:de")]
    cells = {header: Cell(column, PLACE) for header, column in columns.items()}

    problems = mapping_problems(cells, headers)

    assert [(problem.severity, problem.remedy) for problem in problems] == expected


def test_a_word_of_ours_may_be_the_teams_own() -> None:
    """Mapped to nothing, it means nothing here, and nothing is said of it."""
    headers = meaning("video", "audio", "Priority", columns={"priority": ""})

    assert (headers.own, headers.problems) == (("Priority",), ())
    assert not list(mapping_problems({"priority": Cell("", PLACE)}, [Cell("Priority", PLACE)]))
