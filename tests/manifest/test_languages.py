"""Language tags, and the languages that names of files carry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.manifest.file_languages import contradiction, language_in, readings
from dubbatch.manifest.languages import check_tag, suggested_tag, tag_of


@pytest.mark.parametrize(
    "text", "de DE pt-BR pt_BR pt-br zh-Hant zh_hans_cn es-419 x-foo sr-Latn fil cmn no nb en-GB-oed de-1996".split()
)
def test_what_bcp_47_has_is_a_tag(text: str) -> None:
    """In any case, with hyphens or underscores."""
    assert check_tag(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("German", "de"),
        ("deutsch", "de"),
        ("Français", "fr"),
        ("日本語", "ja"),
        ("Brazilian Portuguese", "pt-BR"),
        ("Portuguese (Brazil)", "pt-BR"),
        ("Spanish - Latin America", "es-419"),
        ("simplified_chinese", "zh-Hans"),
        ("jp", "ja"),
        ("JP", "ja"),
        ("cn", "zh"),
        ("cz", "cs"),
        ("ua", "uk"),
        ("dk", "da"),
        ("mx", "es-MX"),
        ("ja jp", "ja-JP"),
        ("pt BR", "pt-BR"),
        ("jp-JP", "ja"),
    ],
)
def test_what_is_no_tag_is_told_with_the_tag_that_was_likely_meant(text: str, meant: str) -> None:
    """A language's name, a country's code, or another spelling."""
    finding = check_tag(text)

    assert finding is not None
    assert (finding.severity, finding.field) == ("error", "language")
    assert finding.message == f"{text!r} is no language tag"
    assert finding.remedy == f"did you mean {meant}?"


@pytest.mark.parametrize(
    "text", ["", " ", "x", "hd", "me", "tv", "hello", "de,fr", "\ud800", "a" * 10_000, "ｄｅ", "--"]
)
def test_without_a_likely_tag_the_remedy_is_an_example(text: str) -> None:
    """Nothing is suggested that was not meant."""
    finding = check_tag(text)

    assert suggested_tag(text) == ""
    assert finding is not None
    assert finding.remedy == "write a tag such as de, pt-BR or zh-Hant"
    assert len(finding.message) < 200


@pytest.mark.parametrize(
    ("stem", "language"),
    [
        # codes that are no words, behind every separator
        ("ep1.ja", "ja"),
        ("ep1_pt-BR", "pt-BR"),
        ("ep1_pt-br", "pt-br"),
        ("ep1_en_US", "en_US"),
        ("ep1-de", "de"),
        ("ep1 fr", "fr"),
        ("ep1 (de)", "de"),
        ("ep1-zh_Hant_TW", "zh_Hant_TW"),
        ("ep1-es-419", "es-419"),
        # from English to German: the last one
        ("ep1_en-de", "de"),
        # three letters
        ("ep1_jpn", "jpn"),
        ("ep1.ger", "ger"),
        ("ep1_fil", "fil"),
        ("ep1_cat", ""),
        ("ep1_mix", ""),
        ("ep1.mix", ""),
        # words: after a dot, or in capitals that stand out
        ("ep1.it", "it"),
        ("ep1.id", "id"),
        ("ep1_it", ""),
        ("tell it", ""),
        ("TELL_IT", ""),
        ("Episode 1 IT", "IT"),
        ("S01E01_IT", "IT"),
        ("part_vi", ""),
        ("PART_VI", ""),
        ("log_in", ""),
        ("ep1_SD", ""),
        ("ep1_BR", ""),
        ("blue_da_va", ""),
        # names
        ("ep1_french", "french"),
        ("ep1 - Japanese", "Japanese"),
        ("ep1_music", ""),
        ("ep1_polish", ""),
        # at the beginning
        ("ja_ep1", "ja"),
        ("de-01", "de"),
        ("JA_intro", "JA"),
        ("pt-BR_intro", "pt-BR"),
        ("de_la_cruz", ""),
        ("en route", ""),
        ("french_kiss", ""),
        ("no_time", ""),
        # nothing beside it
        ("ja", ""),
        ("", ""),
        ("ep1", ""),
        ("...", ""),
    ],
)
def test_a_name_has_a_language_only_where_it_can_be_nothing_else(stem: str, language: str) -> None:
    """By position, separator and capitals, as it is written there."""
    assert language_in(stem) == language


@pytest.mark.parametrize(
    ("language", "audio", "video", "found"),
    [
        ("de", "ep1.fr", "ep1", "fr"),
        ("de", "ep1_French", "ep1", "French"),
        ("ja", "ja_ep1", "ep1", ""),
        ("de", "ep1.de", "ep1", ""),
        ("de-AT", "ep1-de", "ep1", ""),
        ("pt-BR", "ep1_pt", "ep1", ""),
        ("sr-Latn", "ep1_sr", "ep1", ""),
        ("zh", "ep1.cmn", "ep1", ""),
        ("yue", "ep1.zh", "ep1", ""),
        ("no", "ep1.nb", "ep1", ""),
        ("nn", "ep1.no", "ep1", ""),
        ("de", "ep1", "ep1", ""),
        ("", "ep1.fr", "ep1", ""),
        ("German", "ep1.fr", "ep1", ""),
        # what the video's name ends with too says nothing of the dub
        ("de", "ep1.en", "ep1.en", ""),
        ("de", "ep1_dub.en", "ep1.en", ""),
        ("fr", "ep1.en-de", "ep1", "de"),
    ],
)
def test_only_another_base_language_contradicts(language: str, audio: str, video: str, found: str) -> None:
    """Of the name of the track, and what it is given for."""
    assert contradiction(language, audio, video) == found


@pytest.mark.parametrize(
    ("stem", "rest", "tag"),
    [
        ("ep1_JP", "ep1", "ja"),
        ("ep1_kr", "ep1", "ko"),
        ("ep1_it", "ep1", "it"),
        ("ep1_pt_br", "ep1", "pt-BR"),
        ("ep1_Deutsch", "ep1", "de"),
        ("ep1 Brazilian Portuguese", "ep1", "pt-BR"),
        ("french_ep1", "ep1", "fr"),
        ("jpn.ep1", "ep1", "ja"),
        ("ep1.teaser.de", "ep1.teaser", "de"),
    ],
)
def test_beside_a_video_every_word_for_a_language_is_tried(stem: str, rest: str, tag: str) -> None:
    """The first reading is the likeliest; tags are standard ones."""
    reading = next(readings(stem))

    assert (reading.rest, reading.tag) == (rest, tag)


@given(st.text(max_size=40) | st.from_regex(r"[a-zA-Z0-9._ -]{0,20}", fullmatch=True))
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever the text is, there is an answer, and it is part of the name."""
    finding = check_tag(text)
    assert finding is None or (finding.message and finding.remedy)
    assert suggested_tag(text) == "" or check_tag(suggested_tag(text)) is None
    assert language_in(text) in text
    assert contradiction("de", text, "ep1") in text
    for reading in readings(text):
        assert reading.rest
        assert check_tag(reading.tag) is None
    assert tag_of(text) == "" or check_tag(tag_of(text)) is None
