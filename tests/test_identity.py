"""Fingerprint and reference, frozen: a change here would pay for everything again."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch import identity

A, B = identity.file_key("a" * 64), identity.file_key("b" * 64)
URLS = (identity.url_key("https://cdn.example.com/01.mp4"), identity.url_key("https://cdn.example.com/01-ja.wav"))
WORK = "db7b08e5060cd58dc8aa0b14bf858a77cf02c097692be87e34d6c950c086b037"


def test_fingerprints_are_what_they_always_were() -> None:
    """Golden: two files, an option, another model, two URLs, a URL beside a file."""
    assert identity.fingerprint(A, B) == WORK
    assert (
        identity.fingerprint(A, B, disable_active_speaker_detection=True)
        == "c7aff712e6c4bc7c378b7a2aa6f8ae54538fad0c96209dbdfeead70563fb28d8"
    )
    assert (
        identity.fingerprint(A, B, model="lipsync-3")
        == "791702edc613d464abc055ffcbb353733358ce195002c34540e86f5c7cf21806"
    )
    assert identity.fingerprint(*URLS) == "ad611003fe8f5b999dad5bb52714e0e2ffaa705db8327899beb4db58f2a04bbe"
    assert (
        identity.fingerprint(URLS[0], identity.file_key("c" * 64))
        == "31dbe4812999027dab1fb1752f3fc841e4758400a7219f4e6e463b26c6d7c9c5"
    )


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("ep01-ja", "ep01-ja-izvg5muxff4mmfxqtyns-1"),
        ("日本語", "job-"),
        ("Épisode 1 – Übersicht (ja) final", "episode-1-ubersicht-ja-f-"),
    ],
)
def test_references_are_what_they_always_were(job: str, expected: str) -> None:
    """Golden: a plain id in full; others by their slug."""
    assert identity.references(job, WORK).at(1).startswith(expected)


def test_references_of_urls_are_what_they_always_were() -> None:
    """Golden: the same id with other work has another reference."""
    references = identity.references("ep01-ja", identity.fingerprint(*URLS))

    assert (references.at(1), references.at(2)) == ("ep01-ja-ut6ys2h7eqk2wuvute25-1", "ep01-ja-ut6ys2h7eqk2wuvute25-2")


@given(st.from_regex(r"https?://[A-Za-z0-9.:-]{1,12}(:(80|443|8\d{1,4}|[1-6]\d{4}))?/[!-~]{0,12}", fullmatch=True))
def test_an_address_that_needs_no_closer_look_counts_as_one_that_had_it(url: str) -> None:
    """A fragment never reaches a server, and has every address looked at closely."""
    try:
        closely = identity.canonical_url(url.partition("#")[0] + "#")
    except ValueError:
        return
    assert identity.canonical_url(url) == closely


def test_a_given_reference_is_sent_as_it_is() -> None:
    """The team's own reference has no number; its second attempt has."""
    references = identity.references("ep01", WORK, given="order/12345")

    assert (references.at(1), references.at(2), references.at(3)) == ("order/12345", "order/12345-2", "order/12345-3")


def test_an_absent_option_equals_its_default() -> None:
    """Naming a default explicitly is not other work."""
    assert identity.fingerprint(A, B, disable_active_speaker_detection=False, model="lipsync-2") == WORK


def test_video_and_audio_are_not_interchangeable() -> None:
    """The same two files the other way round are other work."""
    assert identity.fingerprint(B, A) != WORK


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://cdn.example.com/01.mp4", "https://cdn.example.com/01.mp4"),
        ("HTTPS://CDN.Example.com:443/01.mp4#t=3", "https://cdn.example.com/01.mp4"),
        ("http://h:80/a", "http://h/a"),
        ("http://h:8080/a", "http://h:8080/a"),
        ("https://h", "https://h/"),
        ("https://h/A%20b?v=2&lang=de", "https://h/A%20b?v=2&lang=de"),
        ("https://h/a?X-Amz-Signature=1&X-Amz-Date=2&versionId=3", "https://h/a?versionId=3"),
        ("https://h/a?X-Goog-Signature=1&generation=3", "https://h/a?generation=3"),
        ("https://h/a?Expires=1&Signature=2&Key-Pair-Id=3", "https://h/a"),
        ("https://h/a?Policy=1&Signature=2&Key-Pair-Id=3&v=1", "https://h/a?v=1"),
        ("https://h/a?sv=2022&se=2026-01-01&sp=r&sr=b&sig=abc%3D", "https://h/a"),
        ("https://h/a?se=2&sp=3", "https://h/a?se=2&sp=3"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
    ],
)
def test_a_url_counts_without_what_signs_it(url: str, canonical: str) -> None:
    """Presigned links change every night; the work does not. SAS names count as such only beside ``sig``."""
    assert identity.canonical_url(url) == canonical


@given(st.dictionaries(st.sampled_from(["X-Amz-Date", "X-Amz-Signature", "Expires", "Signature"]), st.integers()))
def test_signing_a_link_anew_is_the_same_work(parameters: dict[str, int]) -> None:
    """Any signature on a link leaves its key alone."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())

    assert identity.url_key(f"https://cdn.example.com/01.mp4?{query}") == URLS[0]


@given(st.text(max_size=300), st.text(alphabet="0123456789abcdef", min_size=64, max_size=64), st.integers(1, 999))
def test_any_id_gives_a_reference_that_is_safe_in_a_url(job: str, work: str, n: int) -> None:
    """URL-safe, at most 64 characters, ends in the attempt's number."""
    reference = identity.references(job, work).at(n)

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*-[a-z2-7]{20}-[0-9]+", reference)
    assert len(reference) <= identity.REFERENCE_MAX


@given(st.text(min_size=1, max_size=40))
def test_macos_and_linux_make_the_same_reference(job: str) -> None:
    """A composed and a decomposed spelling of one name are one id."""
    composed, decomposed = unicodedata.normalize("NFC", job), unicodedata.normalize("NFD", job)

    assert identity.references(composed, WORK) == identity.references(decomposed, WORK)


@given(st.text(max_size=40), st.text(max_size=40))
def test_other_ids_have_other_references(one: str, other: str) -> None:
    """Two jobs never share a reference, however alike their slugs are."""
    is_same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)

    assert (identity.references(one, WORK) == identity.references(other, WORK)) is is_same
