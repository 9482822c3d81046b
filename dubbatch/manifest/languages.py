"""Language tags: whether a text is one, and which one was meant.

The only importer of langcodes. Tags are BCP 47 as people write it: in any case, with hyphens or
underscores. Pure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

import langcodes
from langcodes import Language

from dubbatch.manifest.problems import Finding, shown

#: Longer texts are no tag that anybody has written, and looking them up takes time.
_TAG_MAX = 60
_NAMES_CACHED = 8_192
_EXAMPLE = "write a tag such as de, pt-BR or zh-Hant"
_BETWEEN = re.compile(r"[\s_/–—-]+")
#: ``Portuguese (Brazil)``, ``Spanish - Mexico``
_NAME_AND_REGION = re.compile(r"(?P<name>[^(),–-]+?)\s*[(,–-]\s*(?P<region>[^()]+?)\s*\)?")

#: A language's code with a script and a region, in the forms that stand in file names.
_CODE = re.compile(
    r"(?P<base>[a-z]{2,3})(?:[-_](?P<script>hans|hant|latn|cyrl|arab))?(?:[-_](?P<region>[a-z]{2}|419))?",
    re.IGNORECASE,
)
#: A language of Nigeria by the standard, and Korean by what people mean.
KOREA = "kr"
#: Spoken by many, and without a code of two letters.
_LONG_CODES = frozenset("cmn fil yue".split())
#: ``fr-ca`` in small letters: else, as in ``en-de``, the second of two languages is no region.
_LOCALES = frozenset("ca-es en-in en-za es-us fr-be fr-ca fr-ch it-ch ta-in te-in".split())

#: Whose languages have other homes too; the others (``me``, ``tv``, ``md``) more often stand for something else.
_COUNTRIES = frozenset("AT AU GB HK MX NZ".split())


@lru_cache(_NAMES_CACHED)
def check_tag(text: str) -> Finding | None:
    """What is wrong with ``text`` as a language tag, and which tag was likely meant; None: it is one."""
    if is_tag(text):
        return None
    near = suggested_tag(text)
    remedy = f"did you mean {near}?" if near else _EXAMPLE
    return Finding(f"{shown(text)!r} is no language tag", remedy, field="language")


@lru_cache(_NAMES_CACHED)
def conventional(tag: str) -> str:
    """``tag`` in the letters that RFC 5646, section 2.1.1, gives it: ``pt-BR``, ``zh-Hant``. Nothing else changes."""
    first, *others = tag.replace("_", "-").split("-")
    sizes = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(sizes.get(len(part), str.lower)(part) for part in others)])


@lru_cache(_NAMES_CACHED)
def suggested_tag(text: str) -> str:
    """The tag that ``text``, which is none, was likely meant to be; empty: none is near.

    A language's name (``Deutsch``), a country's code (``jp``), or a tag in another spelling (``pt BR``).
    """
    plain = text.strip()
    # The trie of names breaks down at characters that no name has.
    if not plain or len(plain) > _TAG_MAX or not plain.isprintable():
        return ""
    hyphened = _BETWEEN.sub("-", plain)
    if is_tag(hyphened):
        return _standard(hyphened)
    return _named_with_region(plain) or _language_of_country(hyphened.split("-")[0])


@lru_cache(_NAMES_CACHED)
def tag_of(written: str) -> str:
    """The standard tag of a whole word that stands for a language: a code, a name, a country; empty: none."""
    if len(written) > _TAG_MAX:
        return ""
    if found := _CODE.fullmatch(written):
        if found["base"].lower() == KOREA:
            return "ko"
        if _has_short_code(found["base"]) and is_tag(written) and _is_region_of(found):
            return _standard(written)
        if not found["script"] and not found["region"] and (near := _language_of_country(written)):
            return near
    named = _named(_BETWEEN.sub(" ", written.replace(".", " ")))
    return named if named and _has_short_code(named.split("-")[0]) else ""


@lru_cache(_NAMES_CACHED)
def is_tag(text: str) -> bool:
    """Whether ``text`` is a valid tag of registered parts."""
    try:
        return text.isascii() and len(text) <= _TAG_MAX and langcodes.tag_is_valid(text)
    except ValueError:
        return False


@lru_cache(_NAMES_CACHED)
def _standard(tag: str) -> str:
    return langcodes.standardize_tag(tag)


@lru_cache(_NAMES_CACHED)
def family(tag: str) -> str:
    """Equal for tags of which one may stand for the other."""
    try:
        base = Language.get(langcodes.standardize_tag(tag, macro=True)).language or tag
    except ValueError:
        base = _named(tag).split("-")[0] or tag
    return {"nb": "no", "nn": "no", "yue": "zh", "cmn": "zh"}.get(base, base)


def _named_with_region(text: str) -> str:
    found = _NAME_AND_REGION.fullmatch(text)
    if found and (name := _named(found["name"])):
        with suppress(LookupError):
            region = Language.find_name("territory", found["region"], "en").territory
            return _standard(f"{name.split('-')[0]}-{region}")
    return _named(_BETWEEN.sub(" ", text))


@lru_cache(_NAMES_CACHED)
def _named(name: str) -> str:
    """The tag of a language's name, in English or in a language of its own; empty: nothing is called so."""
    # Two letters are a code; two characters of another script are a name (中文).
    if not (3 if name.isascii() else 2) <= len(name) <= _TAG_MAX or not name.isprintable():
        return ""
    try:
        return _standard(langcodes.find(name).to_tag())
    except (LookupError, ValueError):
        return ""


def _language_of_country(code: str) -> str:
    """The language of a country whose code is no language's: ``ja`` of ``jp``, ``es-MX`` of ``mx``."""
    if len(code) != 2 or not code.isascii() or not code.isalpha() or is_tag(code):
        return ""
    country = code.upper()
    language = Language.make(territory=country).maximize().language or "en"
    if Language.get(language).maximize().territory == country:
        return language if _has_short_code(language) else ""
    return f"{language}-{country}" if country in _COUNTRIES else ""


def code_of(text: str) -> re.Match[str] | None:
    """``text`` as a language's code with ``base``, ``script`` and ``region``; None: it is none that people use."""
    found = _CODE.fullmatch(text)
    if found is None or not (_has_short_code(found["base"]) and is_tag(text) and _is_region_of(found)):
        return None
    return found


@lru_cache(_NAMES_CACHED)
def is_english_name(word: str) -> bool:
    """Whether ``word`` is the English name of a language with a code of two letters."""
    tag = _named(word) if word.isalpha() else ""
    is_meant = word != "polish" and len(tag) == 2
    return is_meant and Language.get(tag).display_name("en").casefold() == word.casefold()


@lru_cache(_NAMES_CACHED)
def _has_short_code(code: str) -> bool:
    """Whether a code is one of two letters, or one of three for the same language: no others are told from words."""
    code = code.lower()
    if code in _LONG_CODES:
        return True
    return is_tag(code) and code != "in" and len(_standard(code).split("-")[0]) == 2


def _is_region_of(found: re.Match[str]) -> bool:
    """Whether the region is meant as one: ``en-de`` is from English to German, not the English of Germany."""
    base, region = found["base"].lower(), found["region"]
    if region is None or not region.islower() or f"{base}-{region}" in _LOCALES:
        return True
    return Language.make(territory=region.upper()).maximize().language == base
